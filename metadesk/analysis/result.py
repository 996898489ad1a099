"""What was found: studies used and left out, the fits, and how each number came about.

Results hold numbers on the analysis scale and on the natural scale at full precision; nothing here
is rounded. Every row of the sheet is in ``studies``, used or with the reason why not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from metadesk.analysis.spec import AnalysisSpec
from metadesk.document import Note
from metadesk.document.numbers import NumberKind
from metadesk.effects.measure import Measure, Scale
from metadesk.effects.measures import MEASURES
from metadesk.models import FitResult, Omnibus
from metadesk.models.meta.design import Design
from metadesk.models.meta.permutation import PermutationTest
from metadesk.models.meta.subgroups import SubgroupAnalysis
from metadesk.table import Value
from metadesk.table.steps import written

RESULT_VERSION = 1


@dataclass(frozen=True)
class StepCell:
    """A cell that a step wrote; ``holds`` is false where somebody typed over it since.

    ``how`` says how the value followed from others, '' where the step's name says it.
    """

    column: str
    role: str
    before: Value
    after: Value
    holds: bool = True
    how: str = ""


@dataclass(frozen=True)
class StudyStep:
    """A step that was done to the cells of a row and is kept with it."""

    key: str
    title: str
    parameters: tuple[tuple[str, Value], ...] = ()
    citation: str = ""
    cells: tuple[StepCell, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was done, with what, and what it made of the cells."""
        cells = [
            f"{c.column}: {written(c.before)} → {written(c.after)}"
            + ("" if c.holds else " (typed over since)")
            for c in self.cells
        ]
        head = self.title
        if self.parameters:
            said = ", ".join(f"{words} {written(value)}" for words, value in self.parameters)
            head = f"{head} ({said})"
        how = dict.fromkeys(c.how for c in self.cells)
        parts = (f"{head}: {'; '.join(cells)}.", *self.told, *how, self.citation)
        return " ".join(filter(None, parts))


@dataclass(frozen=True)
class StudyResult:
    """One row of the sheet.

    ``yi`` and ``vi`` are on the analysis scale; ``effect``, ``lower`` and ``upper`` on the natural
    scale (ratios as ratios) at the spec's level. ``reason`` is empty for a row that was used;
    ``by_person`` tells an exclusion from a row that has no effect; ``empty`` rows hold nothing and
    are not studies, and ``elsewhere`` are rows about another outcome than the one analysed.
    ``weight`` is in percent of the main model, ``weight_fixed`` of the fixed
    effect beside it. ``fitted`` is what the main model expects of the study from its moderators,
    ``blup`` its best prediction of the study's true effect, with standard error ``blup_se``; both
    are on the analysis scale, NaN where the model has none. ``belongs`` names the study (or
    cluster) that the row is part of, ``steps`` what was done to its cells.
    """

    row_id: int
    label: str
    used: bool
    reason: str = ""
    by_person: bool = False
    empty: bool = False
    elsewhere: bool = False
    yi: float = math.nan
    vi: float = math.nan
    effect: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    weight: float = math.nan
    weight_fixed: float = math.nan
    fitted: float = math.nan
    blup: float = math.nan
    blup_se: float = math.nan
    route: str = ""
    route_title: str = ""
    notes: tuple[str, ...] = ()
    subgroup: str = ""
    year: str = ""
    study: str = ""
    belongs: str = ""
    steps: tuple[StudyStep, ...] = ()

    @property
    def listed(self) -> bool:
        """Whether the row belongs to this analysis: neither blank nor of another outcome."""
        return not (self.empty or self.elsewhere)

    @property
    def sei(self) -> float:
        """Standard error on the analysis scale."""
        return math.sqrt(self.vi) if self.vi >= 0 else math.nan


@dataclass(frozen=True)
class DataColumn:
    """A column of raw data for tables and the forest plot, one value a study of the result.

    ``group`` is the header above ('Treated'), '' for none. ``total`` is the sum over the studies
    used where a sum means something (events, totals), else NaN.
    """

    key: str
    title: str
    group: str
    kind: NumberKind
    values: tuple[float | None, ...]
    total: float = math.nan


@dataclass(frozen=True)
class Companion:
    """Another model of the same data, side by side with the main one.

    ``ratio`` is the likelihood-ratio test of the smaller of the two in the larger, where one is a
    special case of the other; else ``why_no_ratio`` says why there is none.
    """

    key: str
    label: str
    fit: FitResult
    ratio: Omnibus | None = None
    why_no_ratio: str = ""


@dataclass(frozen=True)
class Setting:
    """One choice that shaped the numbers, in words, for the settings sheet and the methods text."""

    name: str
    title: str
    value: str


@dataclass(frozen=True)
class AnalysisResult:
    """What one request found in one sheet.

    ``companions`` are the models side by side, random and fixed effects always first;
    ``subgroups``, ``design`` (the moderators of the main fit), ``scale_design`` (those of its
    spread) and ``permutation`` are there when they were asked for. ``tests`` are those beyond the
    main fit's own: of single terms, of terms together, by likelihood ratio.

    ``size`` is the harmonic mean of the studies' sizes, at which a pooled value is read where the
    way back to the natural scale depends on it (Freeman–Tukey).

    ``main`` is None when nothing could be pooled; ``problem`` then says why in one sentence, and
    whatever is known about the studies is still here. ``outcome`` names the outcome of a long sheet
    that was analysed, '' for the whole sheet; ``other_outcomes`` counts the rows of each other one
    (of every one where all were analysed together). ``fingerprint`` identifies spec and data.
    """

    kind: ClassVar[str] = "studies"

    spec: AnalysisSpec
    measure: str
    scale: Scale
    studies: tuple[StudyResult, ...]
    size: float = math.nan
    data_columns: tuple[DataColumn, ...] = ()
    main: FitResult | None = None
    companions: tuple[Companion, ...] = ()
    problem: str = ""
    notes: tuple[Note, ...] = ()
    settings: tuple[Setting, ...] = ()
    subgroups: SubgroupAnalysis | None = None
    design: Design | None = None
    scale_design: Design | None = None
    tests: tuple[Omnibus, ...] = ()
    permutation: PermutationTest | None = None
    fingerprint: str = ""
    outcome: str = ""
    other_outcomes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    sheet: str = ""
    source: str = ""
    app_version: str = ""
    version: int = RESULT_VERSION

    @property
    def family(self) -> Measure:
        """The measure's catalogue entry: titles, scale, citation."""
        return MEASURES[self.measure]

    @property
    def used(self) -> tuple[StudyResult, ...]:
        """The studies in the pooled estimate, in the sheet's order."""
        return tuple(s for s in self.studies if s.used)

    @property
    def left_out(self) -> tuple[StudyResult, ...]:
        """The rows that are not in the pooled estimate, each with its reason."""
        return tuple(s for s in self.studies if not s.used and s.listed)

    @property
    def counted(self) -> str:
        """How many rows were pooled: '12 studies', or '176 effects' where rows share a name."""
        k = len(self.used) if self.main is None else self.main.k
        if self._names == len(self.used):
            return "1 study" if k == 1 else f"{k} studies"
        return f"{k} effects"

    @property
    def counted_by_name(self) -> str:
        """The same with the number of names; whether equal names are one study, people know."""
        if self._names == len(self.used):
            return self.counted
        return f"{self.counted} under {self._names} study name{'s' if self._names > 1 else ''}"

    @property
    def _names(self) -> int:
        return len({s.label for s in self.used})

    def natural(self, value: float) -> float:
        """Bring a number from the analysis scale to the natural scale."""
        return float(self.scale.read(value, self.size))

    def fit_of(self, key: str) -> FitResult | None:
        """The fit of a companion by key ('fixed', 'random'), or None."""
        return next((c.fit for c in self.companions if c.key == key), None)
