"""Study-level models: effects with sampling variances (or counts) in, a fit out."""

from metadesk.catalogue import Catalogue
from metadesk.models.meta import location_scale, mixed_effects, random_effects
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.entry import StudyModel
from metadesk.models.meta.fixed_effect import FixedEffect, fit_fixed
from metadesk.models.meta.glmm import COUNT_MODELS
from metadesk.models.meta.henmi_copas import HenmiCopas, fit_henmi_copas
from metadesk.models.meta.location_scale import LocationScale, ScaleData, fit_location_scale
from metadesk.models.meta.mantel_haenszel import MantelHaenszel, fit_mantel_haenszel
from metadesk.models.meta.mixed_effects import MixedEffects, fit_mixed
from metadesk.models.meta.multilevel import DEPENDENT_MODELS
from metadesk.models.meta.peto import Peto, fit_peto
from metadesk.models.meta.random_effects import RandomEffects, fit_random
from metadesk.models.meta.two_arms import TwoArms

MODELS: Catalogue[StudyModel] = Catalogue("model")
MODELS.add(
    StudyModel(
        key="fixed",
        title="Fixed effect (inverse variance)",
        short="Inverse variance",
        family="fixed",
        sentence="Studies are pooled by their precision; differences between them count as chance.",
        assumption="All studies estimate one and the same true effect.",
        question="What is the one effect, if all studies share it?",
        equation="{effect}_i = μ + e_i,   e_i ~ N(0, v_i)",
        options=FixedEffect,
        fit=fit_fixed,
    ),
    StudyModel(
        key="random",
        title="Random effects",
        short="Mean of the true effects",
        family="random",
        sentence="True effects may differ; their mean and their spread are estimated.",
        assumption="True effects are drawn from a distribution with mean μ and variance τ².",
        question="What is the average effect, and how far do effects spread around it?",
        equation="{effect}_i = μ + u_i + e_i,   u_i ~ N(0, τ²),   e_i ~ N(0, v_i)",
        options=RandomEffects,
        fit=fit_random,
        ratios=random_effects.RATIOS,
    ),
    StudyModel(
        key="hc",
        title="Henmi–Copas",
        family="random",
        sentence="Fixed-effect weights with an interval that allows for heterogeneity.",
        assumption="True effects may differ; small studies may be the more biased ones.",
        question="What is the average effect if small studies are not to be trusted with weight?",
        equation="{effect}_i = μ + u_i + e_i, pooled with weights 1/v_i",
        options=HenmiCopas,
        fit=fit_henmi_copas,
        advanced=True,
    ),
    StudyModel(
        key="mixed",
        title="Mixed effects (meta-regression)",
        short="Meta-regression",
        family="mixed",
        sentence="Moderators explain part of the spread; what they leave is random.",
        assumption="The mean true effect is linear in the moderators; the rest is random.",
        question="Which study features explain why effects differ, and how much do they leave?",
        equation=(
            "{effect}_i = β₀ + {moderators} + u_i + e_i,   "
            "u_i ~ N(0, τ²_residual),   e_i ~ N(0, v_i)"
        ),
        options=MixedEffects,
        fit=fit_mixed,
        reads="moderators",
        fewest=3,
        ratios=mixed_effects.RATIOS,
    ),
    StudyModel(
        key="scale",
        title="Spread explained by moderators (location–scale)",
        short="Spread explained by moderators",
        family="mixed",
        sentence="Moderators say where studies differ more; others may explain their mean.",
        assumption=(
            "The mean true effect is linear in its moderators, ln τ² (or τ², as chosen) in those "
            "of the spread."
        ),
        question="Where do true effects differ more, and what is their mean there?",
        equation=(
            "{effect}_i = β₀ + {moderators} + u_i + e_i,   u_i ~ N(0, τ²_i),   "
            "ln τ²_i = α₀ + {spread},   e_i ~ N(0, v_i)"
        ),
        options=LocationScale,
        fit=fit_location_scale,
        reads="scale",
        fewest=4,
        advanced=True,
        ratios=location_scale.RATIOS,
    ),
    StudyModel(
        key="mh",
        title="Mantel–Haenszel",
        family="fixed",
        sentence="Tables are pooled as counts; zero cells need no correction.",
        assumption="All studies share one odds ratio, risk ratio or difference.",
        question="What is the common effect when events are few or studies small?",
        equation="{effect} = Σ R_i / Σ S_i over the studies' tables",
        options=MantelHaenszel,
        fit=fit_mantel_haenszel,
        reads="two-arms",
        measures=("OR", "RR", "RD", "IRR", "IRD"),
    ),
    StudyModel(
        key="peto",
        title="Peto",
        family="fixed",
        sentence="Observed minus expected events, summed; nothing is added to zero cells.",
        assumption="All studies share one odds ratio, not far from 1; groups are of similar size.",
        question="What is the common odds ratio when events are rare?",
        equation="{effect} = Σ (O_i − E_i) / Σ V_i",
        options=Peto,
        fit=fit_peto,
        reads="two-arms",
        measures=("OR", "PETO"),
    ),
    *COUNT_MODELS,
    *DEPENDENT_MODELS,
)

__all__ = [
    "MODELS",
    "FixedEffect",
    "HenmiCopas",
    "LocationScale",
    "MantelHaenszel",
    "MetaData",
    "MixedEffects",
    "Peto",
    "RandomEffects",
    "ScaleData",
    "StudyModel",
    "TwoArms",
    "fit_fixed",
    "fit_henmi_copas",
    "fit_location_scale",
    "fit_mantel_haenszel",
    "fit_mixed",
    "fit_peto",
    "fit_random",
]
