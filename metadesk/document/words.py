"""Titles inside sentences: a small first letter, but not for names of people."""

from __future__ import annotations

NAMES = (
    "Mantel",
    "Peto",
    "Henmi",
    "Poisson",
    "Firth",
    "Hedges",
    "Fisher",
    "Cohen",
    "Yule",
    "Hills",
)


def inside(title: str) -> str:
    """A title as it stands inside a sentence: 'Risk ratio' is 'risk ratio', 'Peto' stays.

    Only its first letter changes; abbreviations ('SMD', 'N-of-1') keep theirs, too.
    """
    first = title.split(" ", 1)[0].strip("()'’,.")
    if first.startswith(NAMES) or first[1:2].isupper() or "-of-" in first or len(first) == 1:
        return title
    return title[:1].lower() + title[1:]
