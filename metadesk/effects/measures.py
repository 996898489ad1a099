"""The catalogue of effect-size measures, one line a family."""

from __future__ import annotations

from metadesk.catalogue import Catalogue
from metadesk.effects.change import CHANGE
from metadesk.effects.correlations import CORRELATIONS
from metadesk.effects.dichotomies import DICHOTOMIES
from metadesk.effects.generic import READY_MADE
from metadesk.effects.matched_pairs import MATCHED_PAIRS
from metadesk.effects.measure import Measure
from metadesk.effects.one_group import ONE_GROUP
from metadesk.effects.person_time import PERSON_TIME
from metadesk.effects.ratios_of_means import RATIOS_OF_MEANS
from metadesk.effects.reliability import RELIABILITY
from metadesk.effects.tetrachoric import TETRACHORIC
from metadesk.effects.two_by_two import TWO_BY_TWO
from metadesk.effects.two_means import TWO_MEANS

MEASURES: Catalogue[Measure] = Catalogue("measure")
MEASURES.add(*TWO_BY_TWO, *TETRACHORIC)
MEASURES.add(*TWO_MEANS, *RATIOS_OF_MEANS, *DICHOTOMIES)
MEASURES.add(*PERSON_TIME)
MEASURES.add(*MATCHED_PAIRS)
MEASURES.add(*CHANGE)
MEASURES.add(*CORRELATIONS)
MEASURES.add(*ONE_GROUP)
MEASURES.add(*RELIABILITY)
MEASURES.add(*READY_MADE)
