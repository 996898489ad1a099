"""What design the rows describe: recognised, summarised, and what it can estimate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from metadesk.document import Cell, Column, Note, Table
from metadesk.errors import DataProblem
from metadesk.models.mixed.terms import Term, build_frame, independent_columns
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.mixed.trial_plan import planned_treatments
from metadesk.numerics.types import FloatMatrix, IntVector

MISSING_PERIODS = "missing-periods"  # the note that counts planned periods without an outcome


@dataclass(frozen=True, eq=False)
class DesignSummary:
    """What a trial sheet contains.

    ``counts`` is sequences × periods (persons with an outcome), ``contributing`` how many persons
    have how many periods. ``efficiency`` compares the variance of the treatment contrasts, persons
    fixed, with that of a design in which every person had every treatment equally often and nothing
    else mattered. ``carryover_within`` says whether first-order carryover can be told from the
    treatment within persons, ``carryover_at_all`` whether with between-person information it can.
    """

    key: str
    title: str
    n_subjects: int
    n_rows: int
    treatments: tuple[str, ...]
    sequences: tuple[str, ...]
    sizes: tuple[int, ...]
    periods: tuple[str, ...]
    counts: IntVector
    contributing: dict[int, int]
    n_missing: int
    balanced: bool
    uniform: bool
    carryover_balanced: bool
    connected: bool
    efficiency: float
    carryover_at_all: bool
    carryover_within: bool
    notes: tuple[Note, ...]

    def table(self) -> Table:
        """Sequences × periods as a table."""
        columns = (
            Column("sequence", "Sequence"),
            Column("n", "Persons", "count"),
            *(Column(f"period{i}", f"Period {p}", "count") for i, p in enumerate(self.periods)),
        )
        rows: list[tuple[Cell, ...]] = []
        for i, (name, size) in enumerate(zip(self.sequences, self.sizes, strict=True)):
            rows.append((name, size, *(int(v) for v in self.counts[i])))
        note = f"{self.title}; persons with an outcome in each period."
        return Table("Design", columns, tuple(rows), (note,), key="design")


def recognise(data: TrialData) -> DesignSummary:
    """Recognise the design of a trial and summarise it.

    Raises
    ------
    DataProblem
        If there is one treatment only.
    """
    treatments = data.treatment.levels
    if len(treatments) < 2:
        raise DataProblem(
            f"Only one treatment, {treatments[0]}, occurs; a comparison needs two treatments."
        )
    given = _given(data)
    plans = _plans(data, given)
    names = tuple(dict.fromkeys(sorted(plans.values())))
    periods = _period_names(data, plans)
    at = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(periods)), dtype=np.int64)
    for (person, period), _ in given.items():
        counts[at[plans[person]], period] += 1
    sizes = Counter(plans.values())
    written = {n: planned_treatments(n, treatments) for n in names}
    orders = [t for t in written.values() if t is not None]
    n_missing = sum(
        max(0, len(written[plans[p]] or periods) - own)
        for p, own in Counter(person for person, _ in given).items()
    )
    key, title = _name(data, orders, treatments)
    within, at_all = _carryover(data)
    efficiency, connected = _efficiency(data)
    contributing = Counter(Counter(person for person, _ in given).values())
    summary = DesignSummary(
        key=key,
        title=title,
        n_subjects=data.n_subjects,
        n_rows=len(data),
        treatments=treatments,
        sequences=names,
        sizes=tuple(sizes[n] for n in names),
        periods=periods,
        counts=counts,
        contributing=dict(sorted(contributing.items())),
        n_missing=n_missing,
        balanced=len(set(sizes.values())) == 1 and n_missing == 0,
        uniform=_uniform(orders, treatments),
        carryover_balanced=_followed_equally(orders, sizes, names, treatments),
        connected=connected,
        efficiency=efficiency,
        carryover_at_all=at_all,
        carryover_within=within,
        notes=(),
    )
    return _with_notes(summary)


def _given(data: TrialData) -> dict[tuple[int, int], int]:
    """Treatment of each person and period that has an outcome."""
    column = data.roles.period or data.roles.cycle or data.roles.time
    period = data.factor(column).codes if column else np.zeros(len(data), dtype=np.int64)
    cells = zip(data.subject.codes, period, data.treatment.codes, strict=True)
    return {(int(s), int(p)): int(t) for s, p, t in cells}


def _plans(data: TrialData, given: dict[tuple[int, int], int]) -> dict[int, str]:
    """Sequence of each person: as the sheet says, else as the treatments followed."""
    if data.roles.sequence:
        sequence = data.factor(data.roles.sequence)
        pairs = zip(data.subject.codes, sequence.codes, strict=True)
        return {int(s): sequence.levels[q] if q >= 0 else "?" for s, q in pairs}
    if not data.roles.period:
        return {int(s): "–" for s in np.unique(data.subject.codes)}
    levels = data.treatment.levels
    short = all(len(w) == 1 for w in levels)
    found: dict[int, list[tuple[int, int]]] = {}
    for (person, period), treatment in given.items():
        found.setdefault(person, []).append((period, treatment))
    glue = "" if short else "-"
    return {p: glue.join(levels[t] for _, t in sorted(v)) for p, v in found.items()}


def _period_names(data: TrialData, plans: dict[int, str]) -> tuple[str, ...]:
    column = data.roles.period or data.roles.cycle or data.roles.time
    return data.factor(column).levels if column else ("1",)


def _name(
    data: TrialData, orders: list[tuple[str, ...]], treatments: tuple[str, ...]
) -> tuple[str, str]:
    if data.n_subjects == 1:
        return "n-of-1", "N-of-1, one person"
    if data.roles.cycle and not data.roles.sequence:
        return "n-of-1-series", f"series of N-of-1 trials, {data.n_subjects} persons"
    if not orders or not data.roles.period:
        return "repeated", "repeated measurements without written sequences"
    t = len(treatments)
    length = len(orders[0])
    distinct = set(orders)
    if any(len(o) != length for o in orders):
        return "unequal", "sequences of unequal length"
    code = {w: chr(65 + i) for i, w in enumerate(treatments)}
    coded = {"".join(code[w] for w in o) for o in distinct}
    if t == 2 and length == 2:
        if coded <= {"AB", "BA"}:
            return "2x2", "2×2 crossover (AB/BA)"
        if coded == {"AB", "BA", "AA", "BB"}:
            return "balaam", "Balaam's design (AB/BA/AA/BB)"
    if t == 2 and length > 2:
        return "replicate", f"replicate crossover, 2 treatments in {length} periods"
    once = all(len(set(o)) == length for o in distinct)
    if once and length == t:
        if _followed_equally(list(distinct), None, (), treatments) and len(distinct) in (t, 2 * t):
            return "williams", f"Williams design, {t} treatments"
        return "complete", f"complete crossover, {t} treatments in {t} periods"
    if once and length < t:
        return "incomplete", f"incomplete blocks, {length} of {t} treatments for each person"
    return "higher-order", f"crossover, {t} treatments in {length} periods"


def _uniform(orders: list[tuple[str, ...]], treatments: tuple[str, ...]) -> bool:
    """Whether each treatment stands equally often in each period and in each sequence."""
    if not orders or len({len(o) for o in orders}) != 1:
        return False
    columns = [Counter(o[j] for o in orders) for j in range(len(orders[0]))]
    rows = [Counter(o) for o in orders]
    return all(len({c[w] for w in treatments}) == 1 for c in [*columns, *rows])


def _followed_equally(
    orders: list[tuple[str, ...]],
    sizes: Counter[str] | None,
    names: tuple[str, ...],
    treatments: tuple[str, ...],
) -> bool:
    """Whether every treatment follows every other one equally often."""
    pairs: Counter[tuple[str, str]] = Counter()
    weights = [1] * len(orders)
    if sizes is not None and len(names) == len(orders):
        weights = [sizes[n] for n in names]
    for order, weight in zip(orders, weights, strict=True):
        for pair in pairwise(order):
            pairs[pair] += weight
    between = [pairs[a, b] for a in treatments for b in treatments if a != b]
    return bool(between) and len(set(between)) == 1 and between[0] > 0


def _indicators(codes: IntVector) -> FloatMatrix:
    return np.asarray((codes[:, None] == np.arange(int(codes.max()) + 1)).astype(float))


def _carryover(data: TrialData) -> tuple[bool, bool]:
    """Whether the carryover columns add something with persons fixed, and with persons random."""
    if data.previous is None or not data.roles.period:
        return False, False
    terms = (Term(data.roles.period), Term(data.roles.treatment), Term("carry", "carryover"))
    frame = build_frame(data, terms)
    aliased = frame.design.aliased
    at_all = not any(name.startswith("carry[") for name in aliased)
    X = frame.design.X[:, 1:]
    person = frame.factor(data.roles.subject).codes
    wanted = len(data.treatment.levels) - 1
    carry = [i for i, n in enumerate(frame.design.names[1:]) if n.startswith("carry[")]
    kept, _ = independent_columns(_centred(X, person))
    within = len(carry) == wanted and all(i in kept for i in carry)
    return within and at_all, at_all


def _centred(X: FloatMatrix, person: IntVector) -> FloatMatrix:
    """Columns as deviations from each person's mean."""
    counts = np.bincount(person).astype(float)
    sums = np.zeros((len(counts), X.shape[1]))
    np.add.at(sums, person, X)
    found = X - (sums / np.maximum(counts, 1.0)[:, None])[person]
    return np.asarray(np.where(np.abs(found) < 1e-12, 0.0, found))


def _efficiency(data: TrialData) -> tuple[float, bool]:
    """Efficiency of treatment contrasts within persons, and whether all are connected."""
    treatment = _indicators(data.treatment.codes)
    blocks = [treatment]
    if data.roles.period:
        blocks.append(_indicators(data.factor(data.roles.period).codes)[:, 1:])
    X = _centred(np.column_stack(blocks), data.subject.codes)
    t = treatment.shape[1]
    own, other = X[:, :t], X[:, t:]
    information = own.T @ own
    if other.shape[1]:
        cross = own.T @ other
        information = information - cross @ np.linalg.pinv(other.T @ other) @ cross.T
    values = np.linalg.eigvalsh(information)[1:]
    if values[0] < 1e-9 * max(1.0, float(values[-1])):
        return 0.0, False
    ideal = len(data) / t
    return float(len(values) / np.sum(1 / values) / ideal), True


def _with_notes(s: DesignSummary) -> DesignSummary:
    notes = []
    if s.n_missing:
        single = s.contributing.get(1, 0)
        many = "period has" if s.n_missing == 1 else "periods have"
        words = f"{s.n_missing} planned {many} no outcome"
        who = "person contributes" if single == 1 else "persons contribute"
        words += f"; {single} {who} one period only" if single else ""
        notes.append(Note(words + ". The mixed model uses all rows.", "note", MISSING_PERIODS))
    if not s.connected:
        notes.append(
            Note(
                "Some treatments are never compared within a person (or only together with a "
                "period), "
                "so their difference rests on comparisons between persons.",
                "strong",
                "disconnected",
            )
        )
    if s.key == "2x2":
        notes.append(
            Note(
                "Carryover, sequence and treatment-by-period are one and the same contrast in a "
                "2×2 "
                "trial, known only between persons; the washout must justify that there is none.",
                "note",
                "carryover-aliased",
            )
        )
    elif s.carryover_within:
        notes.append(
            Note(
                "First-order carryover can be estimated within persons.", code="carryover-estimable"
            )
        )
    return replace(s, notes=tuple(notes))
