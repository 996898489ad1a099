"""Study labels: the same twice, nearly the same; one control group in two rows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

from metadesk.table.checks.look import Look, Problem, is_filled, number, plain
from metadesk.table.roles import ROLES

MANY = 400  # beyond this many labels only equal ones are looked for
ALIKE = 0.9
ABOUT_STUDIES = frozenset({"Study"})

_ET_AL = re.compile(r"\bet\.? ?al\b\.?")
_PART = re.compile(r"(?<=\d) ([1-9]|[a-z]{1,5})$")  # '2023_1', '1992_cbt'; 1981a is a paper
_LETTER = re.compile(r"(?<=\d)[a-e]$")
_NUMBER = re.compile(r"\d+[a-z]{0,2}\b")
_DIGITS = re.compile(r"[\d ]+")
_NOT_WORDS = re.compile(r"[\W_]+")
_ARMS = (("m2i", "sd2i", "n2i"), ("ci", "n2i"))


def same_label(look: Look) -> Iterator[Problem]:
    """The same study in several rows of one outcome."""
    if not _tells_effects(look):
        return
    groups: dict[tuple[str, str], list[int]] = {}
    for row in look.rows:
        if _has_label(look, row):
            label = " ".join(look.labels[row].split())
            groups.setdefault((label, look.outcome(row)), []).append(row)
    told = set()
    for (label, _), rows in groups.items():
        if len(rows) > 1 and label not in told:
            told.add(label)
            said = f"the label stands in rows {_listed(rows)}."
            remedy = (
                "If they are one study (several arms, outcomes or times), keep one row or use a "
                "multilevel model; if they are different studies, make the labels differ."
            )
            yield look.problem(rows[1], "study", "warning", "same_label", said, remedy)


def no_label(look: Look) -> Iterator[Problem]:
    """Rows with numbers that name no study, among rows that do."""
    if look.column("study") is None:
        return
    named = {row for row in look.rows if _has_label(look, row)}
    columns = [c for c in look.columns() if c.role and ROLES[c.role].group not in ABOUT_STUDIES]
    for row in look.rows:
        if named and row not in named and any(is_filled(c.cells[row]) for c in columns):
            said = "the row has numbers but names no study."
            remedy = "If it belongs to the study above, copy its name down (Ctrl+D); else type one."
            yield look.problem(row, "study", "warning", "no_label", said, remedy)


def near_label(look: Look) -> Iterator[Problem]:
    """Labels that differ only in spelling, and labels of parts of one study."""
    first: dict[str, int] = {}
    for row in look.rows:
        if _has_label(look, row):
            first.setdefault(look.labels[row], row)
    if len(first) > MANY:
        return
    seen: list[_Spelling] = []
    for label, row in first.items():
        spelling = _spelling(label)
        near = next(((how, s) for s in seen if (how := _alike(s, spelling))), None)
        seen.append(spelling)
        if near is not None:
            how, other = near
            said = f"the label '{label}' {how} '{other.label}' in row {first[other.label] + 1}."
            remedy = "If it is one study, write the label the same way; else leave it."
            yield look.problem(row, "study", "note", "near_label", said, remedy)


def same_control(look: Look) -> Iterator[Problem]:
    """One control group that is entered in several rows would be counted several times."""
    for roles in _ARMS:
        groups: dict[tuple[str, str, tuple[float, ...]], list[int]] = {}
        for row, values in look.together(*roles):
            if look.step(row, "n2i") == "shared_control":
                continue  # each row has its part of the group already
            named = _has_label(look, row)
            study = _LETTER.sub("", _spelling(look.labels[row]).whole) if named else ""
            groups.setdefault((look.outcome(row), study, values), []).append(row)
        for (_, study, same), rows in groups.items():
            if len(rows) > 1 and study:
                numbers = ", ".join(number(v) for v in same)
                said = f"the same control group ({numbers}) stands in rows {_listed(rows)}."
                remedy = "Combine the arms or divide the control group among the rows."
                yield look.problem(rows[1], roles[-1], "warning", "same_control", said, remedy)


def _tells_effects(look: Look) -> bool:
    """Whether the sheet holds more than words about studies (judgements of bias repeat them)."""
    return any(c.role and ROLES[c.role].group not in ABOUT_STUDIES for c in look.columns())


def _has_label(look: Look, row: int) -> bool:
    """Whether a person has named the row."""
    return look.column("study") is not None and look.labels[row] != f"Row {row + 1}"


class _Spelling(NamedTuple):
    """A label in the forms in which it is compared."""

    label: str
    key: str  # without accents, capitals, marks and 'et al'
    whole: str  # without the number of a part of the study
    numbers: tuple[str, ...]
    name: str


def _spelling(label: str) -> _Spelling:
    """Take a label apart."""
    key = _NOT_WORDS.sub(" ", _ET_AL.sub(" ", plain(label))).strip()
    numbers = tuple(_NUMBER.findall(key))
    return _Spelling(label, key, _PART.sub("", key), numbers, _DIGITS.sub("", key))


def _alike(one: _Spelling, other: _Spelling) -> str:
    """How two labels resemble each other, '' if they do not."""
    if one.whole == other.whole:
        same = one.key == other.key
        return "is written differently from" if same else "looks like another part of"
    if one.numbers != other.numbers:
        short = not one.numbers or not other.numbers
        return "has the same name as" if short and one.name == other.name else ""
    if one.key[:1] != other.key[:1] or abs(len(one.key) - len(other.key)) > 3:
        return ""
    matcher = difflib.SequenceMatcher(None, one.key, other.key)
    similar = matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE
    return "is nearly the same as" if similar else ""


def _listed(rows: list[int]) -> str:
    """Row numbers as a list, the first few."""
    shown = ", ".join(str(row + 1) for row in rows[:6])
    return f"{shown} and {len(rows) - 6} more" if len(rows) > 6 else shown
