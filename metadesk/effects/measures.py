"""The catalogue of effect-size measures, one line a family."""

from __future__ import annotations

from metadesk.catalogue import Catalogue
from metadesk.effects.generic import READY_MADE
from metadesk.effects.measure import Measure
from metadesk.effects.two_by_two import TWO_BY_TWO
from metadesk.effects.two_means import TWO_MEANS

MEASURES: Catalogue[Measure] = Catalogue("measure")
MEASURES.add(*TWO_BY_TWO)
MEASURES.add(*TWO_MEANS)
MEASURES.add(*READY_MADE)
