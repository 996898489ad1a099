"""Figures of trial rows: crossover and N-of-1 trials."""

from metadesk.plots.trials.pairs import DIFFERENCES, PERIODS_SCATTER
from metadesk.plots.trials.period_means import PERIOD_MEANS
from metadesk.plots.trials.persons import CATERPILLAR, PERSONS_FOREST
from metadesk.plots.trials.profiles import PROFILES
from metadesk.plots.trials.residuals import RESIDUALS
from metadesk.plots.trials.run import RUN

TRIAL_PLOTS = (
    PERSONS_FOREST,
    RUN,
    PROFILES,
    PERIOD_MEANS,
    DIFFERENCES,
    PERIODS_SCATTER,
    CATERPILLAR,
    RESIDUALS,
)

__all__ = ["TRIAL_PLOTS"]
