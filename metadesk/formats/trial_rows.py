"""Rows of a trial with repeated measures: who, when, on what, with which result.

A sheet is one of trial rows if the same persons (or one person, over time) meet several treatments.
Names of columns suggest, the cells decide: a treatment must vary within a person, a sequence must
not. Only where person, treatment and plan (sequence, period or cycle) all have their plain names do
the names decide, so that a sheet with one treatment or equal outcomes is answered as a trial.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from metadesk.formats.candidates import Candidate
from metadesk.formats.headers import words_of
from metadesk.table import is_missing, shown
from metadesk.table.yes_no import read_yes_no

SUBJECTS = (
    "subject", "subj", "patient", "participant", "person", "volunteer", "animal", "pid", "subjid",
    "usubjid", "patid", "id",
)  # fmt: skip
SEQUENCES = ("sequence", "seq", "order", "group", "arm", "randomisation", "randomization")
PERIODS = ("period", "phase", "session", "visit", "occasion", "per")
CYCLES = ("cycle", "block", "pair", "set")
TIMES = ("time", "day", "hour", "date", "week")
TREATMENTS = (
    "treatment", "trt", "treat", "drug", "formulation", "product", "therapy", "regimen",
    "condition", "intervention", "medication", "arm", "dose",
)  # fmt: skip
PLANS = ("sequence", "period", "cycle")
BASELINES = ("baseline", "base", "pre")
TRIALS = ("trials", "n", "attempts", "tested")
RESPONSES = ("outcome", "response", "y", "value", "score", "result", "measurement", "pk", "auc")
NO_OUTCOME = words_of(
    "sex gender age square rep replicate prev previous severity centre center site weight height"
    " row no number trial study year bmi binary"
)
MOST_TREATMENTS = 12


def trial_rows(columns: Sequence[Candidate]) -> dict[str, Candidate]:
    """The roles of a participant-level sheet, {} if it is none."""
    if any(_named(c, ("study", "author", "authors", "trial name")) for c in columns):
        return {}
    free = list(columns)
    subject = _take_first(free, SUBJECTS, lambda c: True)
    who = _cells(subject) if subject else ["1"] * (len(columns[0].rows) if columns else 0)
    plain = subject is not None and any(_named(c, PLANS) for c in free)
    if not plain and (len(who) < 4 or (subject is not None and not _repeats(who))):
        return {}
    treatment = _take_first(free, TREATMENTS, lambda c: _is_treatment(_cells(c), who))
    if treatment is None and plain:
        treatment = _take_first(free, TREATMENTS[:4], lambda c: True)
    if treatment is None:
        return {}
    found = {"treatment": treatment}
    if subject is not None:
        found["subject"] = subject
    rules: dict[str, tuple[tuple[str, ...], Callable[[Candidate], bool]]] = {
        "sequence": (SEQUENCES, lambda c: subject is not None and _constant(_cells(c), who)),
        "period": (PERIODS, lambda c: not _constant(_cells(c), who)),
        "cycle": (CYCLES, lambda c: _is_cycle(_cells(c), who, _cells(treatment))),
        "time": (TIMES, lambda c: c.is_numeric),
        "baseline": (BASELINES, lambda c: c.is_numeric),
    }
    for role, (names, fits) in rules.items():
        column = _take_first(free, names, fits)
        if column is not None:
            found[role] = column
    if subject is None and not found.keys() & {"period", "cycle", "time"}:
        return {}
    response = _response(free, who)
    if response is None and plain:
        response = _take_first(list(free), RESPONSES, lambda c: True)
    if response is None and "time" in found and "period" in found:
        response = found.pop("time")  # a trial of how long something takes
        free.append(response)
    if response is None:
        return {}
    found["response"] = response
    free.remove(response)
    trials = _take_first(free, TRIALS, lambda c: _bounds(c, response))
    if trials is not None:
        found["trials"] = trials
    return found


def _response(free: Sequence[Candidate], who: Sequence[str]) -> Candidate | None:
    """The outcome: a column of its name, else the first free number that varies in persons.

    Without such a number it is the first such column of yes and no.
    """
    usable = [c for c in free if c.is_numeric and _ever_varies(_cells(c), who)]
    usable += [c for c in free if _is_yes_no(c) and _ever_varies(_cells(c), who)]
    for name in RESPONSES:
        for column in usable:
            if _named(column, (name,)):
                return column
    rest = [c for c in usable if not NO_OUTCOME & set(_words(c.column.name))]
    several = [c for c in rest if not _named(c, TRIALS)]
    return next(iter(several), None)


def _is_yes_no(column: Candidate) -> bool:
    """Whether the cells are words of yes and no."""
    if column.is_numeric:
        return False
    return read_yes_no([column.column.cells[i] for i in column.rows]) is not None


def _take_first(
    free: list[Candidate], names: Sequence[str], fits: Callable[[Candidate], bool]
) -> Candidate | None:
    """Take the first column, in the order of the names, whose cells fit."""
    for name in names:
        for column in free:
            if _named(column, (name,)) and fits(column):
                free.remove(column)
                return column
    return None


def _named(column: Candidate, names: Iterable[str]) -> bool:
    """Whether a header is one of the names, alone or with one more word or a number."""
    words = _words(column.column.name)
    joined = " ".join(words)
    for name in names:
        if joined in (name, f"{name}s", f"{name} id", f"{name} no", f"{name} number", f"id {name}"):
            return True
        if len(name) > 2 and len(words) <= 2 and (name in words or f"{name}s" in words):
            return True
    return False


def _words(name: str) -> list[str]:
    humps = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [w for w in re.split(r"[^a-z]+", humps.lower()) if w]


def _cells(column: Candidate) -> list[str]:
    cells = column.column.cells
    return ["" if is_missing(cells[i]) else shown(cells[i]).strip() for i in column.rows]


def _repeats(who: Sequence[str]) -> bool:
    """Whether most persons have several rows."""
    given = [w for w in who if w]
    return bool(given) and len(set(given)) <= 0.7 * len(given)


def _is_treatment(cells: Sequence[str], who: Sequence[str]) -> bool:
    """Few levels, of which most persons have several."""
    levels = {c for c in cells if c}
    return 2 <= len(levels) <= MOST_TREATMENTS and not _constant(cells, who)


def _constant(cells: Sequence[str], who: Sequence[str]) -> bool:
    """Whether most persons have one value only."""
    seen: dict[str, set[str]] = {}
    for person, cell in zip(who, cells, strict=True):
        if person and cell:
            seen.setdefault(person, set()).add(cell)
    single = sum(len(values) == 1 for values in seen.values())
    return not seen or single > 0.5 * len(seen)


def _ever_varies(cells: Sequence[str], who: Sequence[str]) -> bool:
    """Whether at least one person has several values."""
    seen: dict[str, set[str]] = {}
    for person, cell in zip(who, cells, strict=True):
        if person and cell:
            seen.setdefault(person, set()).add(cell)
    return any(len(values) > 1 for values in seen.values())


def _is_cycle(cells: Sequence[str], who: Sequence[str], given: Sequence[str]) -> bool:
    """Whether most cycles of persons hold more than one treatment."""
    seen: dict[tuple[str, str], set[str]] = {}
    for person, cell, treatment in zip(who, cells, given, strict=True):
        if person and cell and treatment:
            seen.setdefault((person, cell), set()).add(treatment)
    several = sum(len(values) > 1 for values in seen.values())
    return bool(seen) and several > 0.5 * len(seen)


def _bounds(column: Candidate, response: Candidate) -> bool:
    """Whether a column of whole numbers is never below the outcome and sometimes above one."""
    pairs = [
        (n, y) for n, y in zip(column.numbers, response.numbers, strict=True) if n == n and y == y
    ]
    whole = all(y == int(y) and y >= 0 for _, y in pairs)
    return (
        bool(pairs)
        and column.is_count
        and whole
        and all(n >= y for n, y in pairs)
        and any(n > 1 for n, _ in pairs)
    )
