"""What was measured: effect sizes with their sampling variances, from whatever a paper reports."""

from metadesk.effects.compute import compute
from metadesk.effects.measure import EffectSizes, Measure, Need, Route, Scale
from metadesk.effects.measures import MEASURES

__all__ = ["MEASURES", "EffectSizes", "Measure", "Need", "Route", "Scale", "compute"]
