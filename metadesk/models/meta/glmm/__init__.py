"""Models of sparse counts: mixed models of the counts, penalised and beta-binomial regression."""

from metadesk.models.meta.entry import StudyModel
from metadesk.models.meta.glmm.beta_binomial import BetaBinomial, fit_beta_binomial
from metadesk.models.meta.glmm.data import CountData
from metadesk.models.meta.glmm.firth import Firth, fit_firth
from metadesk.models.meta.glmm.fit import RATIOS, CountMixed, fit_counts
from metadesk.models.meta.glmm.ladder import SparseLadder, fit_sparse

COUNT_MODELS: tuple[StudyModel, ...] = (
    StudyModel(
        key="glmm",
        title="Generalised linear mixed model (counts)",
        short="Model of the counts (GLMM)",
        family="random",
        sentence="The counts themselves are modelled; nothing is added to zero cells.",
        assumption="Counts are binomial or Poisson; true log odds or log rates are normal.",
        question="What is the average effect when events are few or arms unequal?",
        equation="events_ij ~ Binomial(n_ij, p_ij),   logit p_ij = α_i + ({effect} + u_i) x_ij",
        options=CountMixed,
        fit=fit_counts,
        reads="counts",
        measures=("OR", "IRR", "PLO", "IRLN"),
        moderated=True,
        ratios=RATIOS,
    ),
    StudyModel(
        key="sparse",
        title="Sparse counts: first model that answers",
        family="random",
        sentence="Tries the exact model first and says which rung of the ladder answered.",
        assumption="As the rung that answers.",
        question="What can be said when some models fail on rare events?",
        equation="{effect} by the first of: exact, arms, conditional, penalised, MH, IV",
        options=SparseLadder,
        fit=fit_sparse,
        reads="counts",
        measures=("OR", "IRR"),
        advanced=True,
    ),
    StudyModel(
        key="firth",
        title="Penalised regression (Firth)",
        family="fixed",
        sentence="Finite estimates even when one arm has no event in any study.",
        assumption="All studies share one odds or rate ratio; study levels are free.",
        question="What is the common effect when events are very rare?",
        equation="logit p_ij = α_i + {effect} x_ij,   penalty ½ ln|I|",
        options=Firth,
        fit=fit_firth,
        reads="counts",
        measures=("OR", "IRR"),
        advanced=True,
    ),
    StudyModel(
        key="beta-binomial",
        title="Beta-binomial regression",
        family="random",
        sentence="Studies without any event take part with their sizes.",
        assumption="Risks of an arm vary between studies as a beta distribution.",
        question="What is the effect if studies without events count too?",
        equation="p_ij ~ Beta,   logit E p_ij = α + {effect} x_ij",
        options=BetaBinomial,
        fit=fit_beta_binomial,
        reads="counts",
        measures=("OR", "PLO"),
        advanced=True,
    ),
)

__all__ = [
    "COUNT_MODELS",
    "BetaBinomial",
    "CountData",
    "CountMixed",
    "Firth",
    "SparseLadder",
    "fit_beta_binomial",
    "fit_counts",
    "fit_firth",
    "fit_sparse",
]
