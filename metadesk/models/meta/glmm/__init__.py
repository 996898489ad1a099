"""Models of sparse counts: mixed models of the counts, penalised and beta-binomial regression."""

from metadesk.models.meta.glmm.data import CountData
from metadesk.models.meta.glmm.fit import CountMixed, fit_counts

__all__ = ["CountData", "CountMixed", "fit_counts"]
