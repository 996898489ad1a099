"""From prepared rows to what each kind of model reads: effects, a design, counts, or levels.

Each reader returns the model's data with the positions of the rows it used; rows that lack what
only this model needs (a moderator, a group) are left out with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from metadesk.analysis.covariances import covariance
from metadesk.analysis.dependence import dependence_of
from metadesk.analysis.prepare import Prepared
from metadesk.analysis.result import StudyResult
from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.meta import MODELS
from metadesk.models.meta.data import INTERCEPT, MetaData
from metadesk.models.meta.design import Design
from metadesk.numerics.types import FloatVector, IntVector
from metadesk.table import ROLES, StudyTable, TableColumn, is_missing, number_in, shown

if TYPE_CHECKING:
    from metadesk.models.meta.design import Design


@dataclass(frozen=True, eq=False)
class ModelInput:
    """What a model reads: ``rows`` are positions, ``dropped`` maps others to reasons.

    ``design`` holds the moderators where the data do not hold them themselves.
    """

    data: Any
    rows: IntVector
    dropped: Mapping[int, str] = field(default_factory=dict)
    design: Design | None = None


Reader = Callable[[Prepared, Mapping[str, Any]], ModelInput]


def used_rows(studies: tuple[StudyResult, ...]) -> IntVector:
    """Positions of the rows that have an effect and were not left out."""
    return np.array([i for i, s in enumerate(studies) if s.used], dtype=np.int64)


def read_effects(prepared: Prepared, options: Mapping[str, Any]) -> ModelInput:
    """Effects with their sampling variances."""
    rows = used_rows(prepared.studies)
    return ModelInput(_effects(prepared, rows), rows)


def read_moderators(prepared: Prepared, options: Mapping[str, Any]) -> ModelInput:
    """Effects with the design that the request's formula describes."""
    base = ModelInput(None, used_rows(prepared.studies))
    design, rows, dropped = _design(prepared, base, prepared.spec.moderators)
    return ModelInput(_effects(prepared, rows, design), rows, dropped)


def read_scale(prepared: Prepared, options: Mapping[str, Any]) -> ModelInput:
    """Effects with two designs: of their mean, and of how far true effects lie from it."""
    from metadesk.models.meta.location_scale import ScaleData

    base = ModelInput(None, used_rows(prepared.studies))
    _, rows, dropped = _design(prepared, base, prepared.spec.scale)
    design, rows, dropped = _design(
        prepared, ModelInput(None, rows, dropped), prepared.spec.moderators
    )
    scale, rows, dropped = _design(prepared, ModelInput(None, rows, dropped), prepared.spec.scale)
    data = ScaleData.of(_effects(prepared, rows, design), scale)
    return ModelInput(data, rows, dropped, design)


def _design(
    prepared: Prepared, base: ModelInput, words: str
) -> tuple[Design | None, IntVector, dict[int, str]]:
    """The design of a formula over the rows of ``base`` that can carry it."""
    from metadesk.models.meta.design import build_design
    from metadesk.models.meta.formula import parse_formula

    formula = parse_formula(words or "~ 1", worded(prepared.table))
    names = tuple(dict.fromkeys(c for term in formula.terms for c in term.columns))
    rows, dropped = _complete(prepared, names, base)
    cells = {name: _cells(prepared.table, name, rows) for name in names}
    if not names:
        return None, rows, dropped
    return build_design(cells, formula.terms, intercept=formula.intercept), rows, dropped


def worded(table: StudyTable) -> frozenset[str]:
    """The columns that hold words; as moderators they are factors without being called so."""
    return frozenset(
        column.name
        for column in table.columns
        if any(not is_missing(v) and math.isnan(number_in(v)) for v in column.cells)
    )


def read_two_arms(prepared: Prepared, options: Mapping[str, Any]) -> ModelInput:
    """Events and denominators of two arms, for Mantel–Haenszel and Peto."""
    from metadesk.models.meta.two_arms import TwoArms

    events, totals, rows, dropped = _arms(prepared)
    if len(events) != 2:
        raise DataProblem(
            "Mantel–Haenszel and Peto need events and totals (or person-time) of two groups."
        )
    slab = _labels(prepared, rows)
    data = TwoArms.of(prepared.measure, events[0], totals[0], events[1], totals[1], slab=slab)
    return ModelInput(data, rows, dropped)


def read_counts(prepared: Prepared, options: Mapping[str, Any]) -> ModelInput:
    """Events and denominators of one or two arms, for models of the counts themselves."""
    from metadesk.models.meta.glmm.data import CountData

    events, totals, told, dropped = _arms(prepared)
    measure: Any = prepared.measure
    design, rows = None, told
    if MODELS[prepared.spec.model].explains:
        design, rows, dropped = _design(
            prepared, ModelInput(None, told, dropped), prepared.spec.moderators
        )
    kept = np.isin(told, rows)
    data = CountData.of(
        measure,
        [e[kept] for e in events],
        [t[kept] for t in totals],
        X=None if design is None else design.X,
        names=(INTERCEPT,) if design is None else design.names,
        slab=_labels(prepared, rows),
    )
    return ModelInput(data, rows, dropped, design)


def read_levels(prepared: Prepared, options: Mapping[str, Any]) -> ModelInput:
    """Effects with the groupings that the random terms name; ``effect`` is each row on its own."""
    from metadesk.models.meta.multilevel.data import DependentData, Factor

    words = str(options.get("random", "1 | study/effect")) + "|" + str(options.get("cluster", ""))
    names = [w for part in words.split(";") for w in _names_in(part) if w not in ("1", "0")]
    wanted = {name: _grouping(prepared, name) for name in dict.fromkeys(names)}
    base = read_moderators(prepared, options)
    named = tuple(w.name for w in wanted.values() if isinstance(w, TableColumn))
    rows, dropped = _complete(prepared, named, base)
    at = np.isin(base.rows, rows)
    effects: MetaData = base.data.take(at)
    factors = {
        name: Factor.of(
            name,
            [
                shown(words.cells[i]).strip() if isinstance(words, TableColumn) else words[i]
                for i in rows
            ],
        )
        for name, words in wanted.items()
    }
    data = DependentData.of(
        effects.yi, _sampling(prepared, effects, rows), X=effects.X, names=effects.names,
        slab=effects.slab, factors=factors,
    )  # fmt: skip
    return ModelInput(data, rows, dropped, effects.design)


def _sampling(prepared: Prepared, effects: MetaData, rows: IntVector) -> Any:
    """Sampling variances, or their whole covariance matrix where the request describes it."""
    chosen = dependence_of(prepared.spec.dependence)
    if chosen.use != "keep" or prepared.effects is None:
        return effects.vi
    return covariance(chosen, prepared.table, prepared.effects.vi, rows)


READERS: Mapping[str, Reader] = {
    "effects": read_effects,
    "moderators": read_moderators,
    "scale": read_scale,
    "two-arms": read_two_arms,
    "counts": read_counts,
    "levels": read_levels,
}


def _effects(prepared: Prepared, rows: IntVector, design: Any = None) -> MetaData:
    assert prepared.effects is not None
    effects = prepared.effects
    weights = prepared.columns.get("weights")
    return MetaData.of(
        effects.yi[rows],
        effects.vi[rows],
        slab=_labels(prepared, rows),
        ni=effects.ni[rows],
        weights=None if weights is None else weights[rows],
        design=design,
    )


def _labels(prepared: Prepared, rows: IntVector) -> tuple[str, ...]:
    return tuple(prepared.studies[int(i)].label for i in rows)


def _complete(
    prepared: Prepared, names: tuple[str, ...], base: ModelInput | None = None
) -> tuple[IntVector, dict[int, str]]:
    """Rows with a value in every named column; the others with the reason."""
    rows = used_rows(prepared.studies) if base is None else base.rows
    dropped = {} if base is None else dict(base.dropped)
    columns = [_named(prepared.table, name) for name in names]
    kept = []
    for i in rows:
        empty = [c.name for c in columns if is_missing(c.cells[int(i)])]
        if empty:
            dropped[int(i)] = (
                f"No value in {_listed(empty)}, which this model needs; fill it in or choose "
                "another model."
            )
        else:
            kept.append(int(i))
    return np.array(kept, dtype=np.int64), dropped


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _named(table: StudyTable, name: str) -> TableColumn:
    try:
        return table.column(name)
    except KeyError:
        names = ", ".join(f"'{c.name}'" for c in table.columns)
        raise SpecProblem(f"The model names the column '{name}'; the sheet has {names}.") from None


def _cells(table: StudyTable, name: str, rows: IntVector) -> list[Any]:
    """A column's values: numbers where every cell is one, else words."""
    column = _named(table, name)
    numbers = [number_in(column.cells[int(i)]) for i in rows]
    if not any(math.isnan(v) for v in numbers):
        return numbers
    return [shown(column.cells[int(i)]).strip() for i in rows]


def _arms(
    prepared: Prepared,
) -> tuple[list[FloatVector], list[FloatVector], IntVector, dict[int, str]]:
    """Events and denominators by arm, over the rows that report them."""
    c = prepared.columns
    pairs = _ARMS_OF.get(prepared.measure)
    if pairs is None:
        raise SpecProblem(
            f"The measure {prepared.measure} is not formed from counts; this model needs one of "
            f"{', '.join(_ARMS_OF)}."
        )
    nothing = np.full(prepared.table.n_rows, math.nan)
    events, totals = [], []
    for x, other, n in pairs:
        count = c.get(x, nothing)
        added = count + c[other] if other and other in c else nothing
        size = c.get(n, nothing)
        events.append(count)
        totals.append(np.where(np.isnan(size), added, size))
    dropped, kept = {}, []
    for i in used_rows(prepared.studies):
        if any(math.isnan(column[i]) for column in (*events, *totals)):
            dropped[int(i)] = "The row reports no counts, which this model needs."
        elif any(not column[i] > 0 for column in totals):
            dropped[int(i)] = (
                "A group of this row has nobody in it (its total is 0), so its counts say nothing; "
                "correct the total."
            )
        else:
            kept.append(int(i))
    rows = np.array(kept, dtype=np.int64)
    return [e[rows] for e in events], [t[rows] for t in totals], rows, dropped


_RISKS = (("ai", "bi", "n1i"), ("ci", "di", "n2i"))
_RATES = (("x1i", "", "t1i"), ("x2i", "", "t2i"))
_ARMS_OF: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "OR": _RISKS, "RR": _RISKS, "RD": _RISKS, "PETO": _RISKS,
    "IRR": _RATES, "IRD": _RATES,
    "PLO": (("xi", "mi", "ni"),), "IRLN": (("xi", "", "ti"),),
}  # fmt: skip


def _names_in(part: str) -> list[str]:
    return [word.strip() for side in part.split("|") for word in side.split("/") if word.strip()]


def _grouping(prepared: Prepared, name: str) -> TableColumn | tuple[str, ...]:
    """The column a grouping names, else the words of its rows: of a study, or of the row alone.

    ``study`` is what belongs together by the sheet's roles, whatever a column is called: a column
    with that very name must not take the place of the one that was marked as the cluster. A column
    called ``effect`` that holds the effects is no grouping of them.
    """
    table = prepared.table
    cluster = table.with_role("cluster")
    if name == "study" and cluster is not None:
        return cluster
    for column in table.columns:
        numbers = name == "effect" and column.role is not None and ROLES[column.role].numeric
        if column.name == name and not numbers:
            return column
    rows = tuple(str(i) for i in range(table.n_rows))
    if name == "study":
        words = table.study_words()
        return tuple(word or f"row {i}" for i, word in zip(rows, words, strict=True))
    if name == "effect":
        return rows
    return _named(table, name)
