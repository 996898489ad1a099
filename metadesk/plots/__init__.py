"""Plots: a result and options in, a page out; one plot a file, one line here."""

from metadesk.catalogue import Catalogue
from metadesk.plots.forest import FOREST
from metadesk.plots.plot import Plot

PLOTS: Catalogue[Plot] = Catalogue("plot")
PLOTS.add(FOREST)

__all__ = ["PLOTS", "Plot"]
