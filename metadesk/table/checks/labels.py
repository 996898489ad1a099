"""Study labels: the same twice, nearly the same; one control group in two rows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from metadesk.table.checks.look import Look, Problem, number, plain

MANY = 400  # beyond this many labels only equal ones are looked for
ALIKE = 0.9

_ET_AL = re.compile(r"\bet\.? ?al\b\.?")
_PART = re.compile(r"(?<=\d)[ _]([1-9]|[a-e])$")  # '2023_1'; 1981a and 1981b are two papers
_LETTER = re.compile(r"(?<=\d)[a-e]$")
_NOT_WORDS = re.compile(r"[^\w]+")
_ARMS = (("m2i", "sd2i", "n2i"), ("ci", "n2i"))


def same_label(look: Look) -> Iterator[Problem]:
    """The same study in several rows of one outcome."""
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


def near_label(look: Look) -> Iterator[Problem]:
    """Labels that differ only in spelling, and labels of parts of one study."""
    first: dict[str, int] = {}
    for row in look.rows:
        if _has_label(look, row):
            first.setdefault(look.labels[row], row)
    labels = sorted(first, key=lambda label: first[label])
    if len(labels) > MANY:
        return
    keys = [_key(label) for label in labels]
    for j, label in enumerate(labels):
        for i in range(j):
            how = _alike(keys[i], keys[j])
            if how:
                said = f"the label '{label}' {how} '{labels[i]}' in row {first[labels[i]] + 1}."
                remedy = "If it is one study, write the label the same way; else leave it."
                yield look.problem(first[label], "study", "note", "near_label", said, remedy)
                break


def same_control(look: Look) -> Iterator[Problem]:
    """One control group that is entered in several rows would be counted several times."""
    for roles in _ARMS:
        groups: dict[tuple[str, str, tuple[float, ...]], list[int]] = {}
        for row, values in look.together(*roles):
            study = (
                _LETTER.sub("", _PART.sub("", _key(look.labels[row])))
                if _has_label(look, row)
                else ""
            )
            groups.setdefault((look.outcome(row), study, values), []).append(row)
        for (_, study, same), rows in groups.items():
            if len(rows) > 1 and study:
                numbers = ", ".join(number(v) for v in same)
                said = f"the same control group ({numbers}) stands in rows {_listed(rows)}."
                remedy = "Combine the arms or divide the control group among the rows."
                yield look.problem(rows[1], roles[-1], "warning", "same_control", said, remedy)


def _has_label(look: Look, row: int) -> bool:
    """Whether a person has named the row."""
    return look.column("study") is not None and look.labels[row] != f"Row {row + 1}"


def _key(label: str) -> str:
    """A label without what spellings differ in: accents, capitals, marks, 'et al'."""
    return _NOT_WORDS.sub(" ", _ET_AL.sub(" ", plain(label))).strip()


def _alike(one: str, other: str) -> str:
    """How two labels resemble each other, '' if they do not."""
    if one == other:
        return "is written differently from"
    if _PART.sub("", one) == _PART.sub("", other):
        return "looks like another part of the same study as"
    digits, others = re.findall(r"\d+[a-z]{0,2}\b", one), re.findall(r"\d+[a-z]{0,2}\b", other)
    if digits != others:
        name, other_name = re.sub(r"[\d ]+", "", one), re.sub(r"[\d ]+", "", other)
        short = not digits or not others
        return "has the same name as" if short and name == other_name else ""
    if one[:1] != other[:1] or abs(len(one) - len(other)) > 3:
        return ""
    matcher = difflib.SequenceMatcher(None, one, other)
    similar = matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE
    return "is nearly the same as" if similar else ""


def _listed(rows: list[int]) -> str:
    """Row numbers as a list, the first few."""
    shown = ", ".join(str(row + 1) for row in rows[:6])
    return f"{shown} and {len(rows) - 6} more" if len(rows) > 6 else shown
