"""The analyses of trial rows, one line each: what they are, assume and need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metadesk.catalogue import Catalogue
from metadesk.errors import DataProblem
from metadesk.models.mixed.bioequivalence import Bioequivalence, assess_bioequivalence
from metadesk.models.mixed.generalised import fit_generalised
from metadesk.models.mixed.linear import fit_linear
from metadesk.models.mixed.one_patient import OnePatient, analyse_one_patient
from metadesk.models.mixed.options import GeneralisedMixed, LinearMixed
from metadesk.models.mixed.patient_series import PatientSeries, analyse_series
from metadesk.models.mixed.sources import (
    ARAUJO,
    EDGINGTON,
    EMA,
    FREEMAN,
    GART,
    HILLS_ARMITAGE,
    KENWARD_ROGER,
    KOCH,
    LAIRD,
    PINHEIRO,
    PRESCOTT,
)
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.mixed.two_by_two import analyse_two_by_two
from metadesk.models.mixed.two_by_two_binary import analyse_binary_two_by_two
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import number, text
from metadesk.references import Reference


@dataclass(frozen=True)
class TwoByTwo:
    """Classical analysis of a crossover with two treatments in two periods."""

    active: str = text("Active treatment", "")
    control: str = text("Control treatment", "")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.999)


@dataclass(frozen=True)
class TrialModel:
    """One analysis of trial rows as a person meets it; ``needs`` are roles that must be marked."""

    key: str
    title: str
    sentence: str
    assumption: str
    needs: tuple[str, ...]
    options: type[Any]
    fit: Callable[..., Any]
    sources: tuple[Reference, ...]
    family: str = "mixed"


def _two_treatments(spec: TwoByTwo, data: TrialData) -> tuple[str, str]:
    levels = data.treatment.levels
    if len(levels) != 2:
        raise DataProblem(
            f"The classical analysis compares two treatments; this sheet has {len(levels)}. Use "
            f"the mixed model."
        )
    control = spec.control or levels[0]
    return spec.active or next(w for w in levels if w != control), control


def _classical(spec: TwoByTwo, data: TrialData, progress: Progress = SILENT) -> Any:
    active, control = _two_treatments(spec, data)
    return analyse_two_by_two(data, active, control, spec.level)


def _classical_binary(spec: TwoByTwo, data: TrialData, progress: Progress = SILENT) -> Any:
    active, control = _two_treatments(spec, data)
    return analyse_binary_two_by_two(data, active, control, spec.level)


TRIAL_MODELS: Catalogue[TrialModel] = Catalogue("trial model")
TRIAL_MODELS.add(
    TrialModel(
        key="linear-mixed",
        title="Linear mixed model",
        sentence="Period and treatment are fixed, each person has an own level.",
        assumption="Levels of persons and residuals are normal; missing outcomes depend only on "
        "what was observed.",
        needs=("subject", "treatment", "outcome"),
        options=LinearMixed,
        fit=fit_linear,
        sources=(LAIRD, KENWARD_ROGER),
    ),
    TrialModel(
        key="generalised-mixed",
        title="Generalised linear mixed model",
        sentence="As the linear model, for yes/no, counted or ordered outcomes.",
        assumption="Levels of persons are normal on the scale of the link.",
        needs=("subject", "treatment", "outcome"),
        options=GeneralisedMixed,
        fit=fit_generalised,
        sources=(PINHEIRO,),
    ),
    TrialModel(
        key="crossover-classical",
        title="2×2 crossover, t and rank tests",
        sentence="Differences between the two periods are compared between the sequences.",
        assumption="No carryover: the washout must justify it, not a test.",
        needs=("subject", "period", "treatment", "outcome"),
        options=TwoByTwo,
        fit=_classical,
        sources=(HILLS_ARMITAGE, KOCH, FREEMAN),
    ),
    TrialModel(
        key="crossover-binary",
        title="2×2 crossover, exact tests for yes/no outcomes",
        sentence="Persons whose two answers differ are compared between the sequences.",
        assumption="No carryover: the washout must justify it, not a test.",
        needs=("subject", "period", "treatment", "outcome"),
        options=TwoByTwo,
        fit=_classical_binary,
        sources=(GART, PRESCOTT),
    ),
    TrialModel(
        key="bioequivalence",
        title="Average bioequivalence",
        sentence="The 90 % interval of the ratio test to reference must lie within limits.",
        assumption="Logarithms of the measure are normal; no carryover between periods.",
        needs=("subject", "period", "treatment", "outcome"),
        options=Bioequivalence,
        fit=assess_bioequivalence,
        sources=(EMA,),
    ),
    TrialModel(
        key="n-of-1",
        title="N-of-1, one person",
        sentence="Cycles of one person are compared as they were randomised.",
        assumption="The order within each cycle was randomised.",
        needs=("treatment", "outcome"),
        options=OnePatient,
        fit=analyse_one_patient,
        sources=(EDGINGTON,),
    ),
    TrialModel(
        key="n-of-1-series",
        title="Series of N-of-1 trials",
        sentence="Each person has an own treatment effect around the effect in the population.",
        assumption="Effects of persons are normal around the population effect.",
        needs=("subject", "treatment", "outcome"),
        options=PatientSeries,
        fit=analyse_series,
        sources=(ARAUJO, KENWARD_ROGER),
    ),
)
