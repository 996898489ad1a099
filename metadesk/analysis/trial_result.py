"""What was found in a sheet of trial rows: one frozen result that plots, reports and window read.

Results hold no table; the rows that plots need stand in it as values with their row ids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from metadesk.analysis.result import Setting
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.document import Note
from metadesk.models import FitResult
from metadesk.models.result import Quantity

if TYPE_CHECKING:  # the models of trial rows are slow to import; plots only read their results
    from metadesk.models.mixed import DesignSummary, MixedResult, Roles
    from metadesk.models.mixed.bioequivalence import BioequivalenceResult
    from metadesk.models.mixed.linear.components import RatioTest
    from metadesk.models.mixed.one_patient import OnePatientResult
    from metadesk.models.mixed.patient_series import SeriesResult
    from metadesk.models.mixed.two_by_two import ClassicalCrossover
    from metadesk.models.mixed.two_by_two_binary import BinaryCrossover

TRIAL_RESULT_VERSION = 1


WORD_ORDER = "word-order"  # the note that says in which order categories of words were taken
EVENT_WORDS = "event-words"  # the note that says which word of yes and no is the event


@dataclass(frozen=True)
class TrialRow:
    """One row of the sheet: who, when, on what, with which result, and what the model made of it.

    ``value`` is the outcome as analysed (the logarithm where that was asked for), ``place`` the
    position of the period, time or cycle, ``fitted`` includes the person's own level, ``baseline``
    is the covariate measured before.
    """

    row_id: int
    number: int
    subject: str
    sequence: str
    period: str
    cycle: str
    treatment: str
    outcome: str
    value: float
    place: float
    used: bool
    reason: str = ""
    by_person: bool = False
    empty: bool = False
    fitted: float = math.nan
    residual: float = math.nan
    baseline: float = math.nan


@dataclass(frozen=True, eq=False)
class TrialCompanion:
    """The same rows analysed otherwise, beside the main analysis; ``effect`` is the contrast."""

    key: str
    label: str
    effect: Quantity
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class LadderLine:
    """One structure of persons and residuals, fitted to the same rows by REML.

    ``test`` compares it with the line named in ``against``; ``effect`` is the treatment contrast.
    ``remark`` says why a structure has no fit.
    """

    key: str
    label: str
    chosen: bool = False
    loglik: float = math.nan
    n_parameters: int = 0
    aicc: float = math.nan
    bic: float = math.nan
    effect: Quantity | None = None
    test: RatioTest | None = None
    against: str = ""
    remark: str = ""


@dataclass(frozen=True)
class EffectScale:
    """What the treatment effect is: its words, and whether it is the logarithm of a ratio."""

    key: str
    title: str
    ratio: bool

    def natural(self, value: float) -> float:
        """The effect as a reader understands it."""
        if not self.ratio:
            return value
        return math.exp(value) if value < 700 else math.inf


@dataclass(frozen=True, eq=False)
class TrialResult:
    """What one request found in one sheet of trial rows.

    ``design`` is the recognised design; ``analysis`` what was done ('crossover', 'series',
    'one-patient'). ``main`` is the mixed model (None for a single person without times, or when
    ``problem`` says why there is none). ``effect`` is active minus reference on the scale of the
    analysis. ``pooled`` is the random-effects meta-analysis of the persons' own differences.
    """

    kind: ClassVar[str] = "trial"

    spec: TrialSpec
    roles: Roles
    rows: tuple[TrialRow, ...]
    scale: EffectScale
    analysis: str = ""
    outcome_type: str = "continuous"
    design: DesignSummary | None = None
    active: str = ""
    reference: str = ""
    effect: Quantity | None = None
    main: MixedResult | None = None
    companions: tuple[TrialCompanion, ...] = ()
    classical: ClassicalCrossover | None = None
    binary: BinaryCrossover | None = None
    carryover: tuple[Quantity, ...] = ()
    ladder: tuple[LadderLine, ...] = ()
    checks: tuple[Quantity, ...] = ()
    by_cut: tuple[Quantity, ...] = ()
    bioequivalence: BioequivalenceResult | None = None
    series: SeriesResult | None = None
    patient: OnePatientResult | None = None
    pooled: FitResult | None = None
    problem: str = ""
    notes: tuple[Note, ...] = ()
    settings: tuple[Setting, ...] = ()
    fingerprint: str = ""
    sheet: str = ""
    source: str = ""
    app_version: str = ""
    version: int = TRIAL_RESULT_VERSION

    @property
    def used(self) -> tuple[TrialRow, ...]:
        """The rows that were analysed, in the sheet's order."""
        return tuple(r for r in self.rows if r.used)

    @property
    def left_out(self) -> tuple[TrialRow, ...]:
        """The rows that were not, each with its reason."""
        return tuple(r for r in self.rows if not r.used and not r.empty)

    @property
    def contrast(self) -> str:
        """The comparison in words, of a ratio the one over the other."""
        sign = "/" if self.scale.ratio else "−"
        return f"{self.active} {sign} {self.reference}" if self.active else ""

    @property
    def difference(self) -> str:
        """The comparison of outcomes as analysed, always a difference."""
        return f"{self.active} − {self.reference}" if self.active else ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The persons with at least one row used, in the sheet's order."""
        return tuple(dict.fromkeys(r.subject for r in self.used))
