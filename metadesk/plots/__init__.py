"""Plots: a result and options in, a page out; one plot a file, one line here."""

from metadesk.catalogue import Catalogue
from metadesk.plots.bubble import BUBBLE
from metadesk.plots.forest import FOREST
from metadesk.plots.plot import Plot
from metadesk.plots.trials import TRIAL_PLOTS

PLOTS: Catalogue[Plot] = Catalogue("plot")
PLOTS.add(FOREST, BUBBLE)
PLOTS.add(*TRIAL_PLOTS)

__all__ = ["PLOTS", "Plot"]
