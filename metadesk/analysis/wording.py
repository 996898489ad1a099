"""The words of the review: the two groups' names and what each side of the figure means.

Names come from the person, else from the sheet's own headers. Which side is favourable is only said
when the person said it: a wrong 'favours' under a right figure is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from metadesk.analysis.spec import Labels

GROUP1, GROUP2 = "Treatment", "Control"
_PAIRS = (("ai", "ci"), ("m1i", "m2i"), ("n1i", "n2i"), ("x1i", "x2i"), ("sd1i", "sd2i"))
_LEVELS = re.compile(r"\s*/\s*")
_TOKENS = re.compile(r"[A-Za-zÀ-ž]{5,}|[Dd]rug|[Ss]ham")
_NOT_NAMES = frozenset(
    {"mean", "total", "event", "events", "number", "group", "size", "with", "without"}
)


def filled(labels: Labels, names: Mapping[str, str], two_groups: bool) -> Labels:
    """Fill in what the person left open.

    Parameters
    ----------
    labels : Labels
        What the person said.
    names : mapping of role to column name
    two_groups : bool
        Whether the measure compares two groups.
    """
    if not two_groups and not (labels.group1 or labels.group2):
        return labels
    first, second = group_names(names)
    group1, group2 = labels.group1 or first, labels.group2 or second
    left, right = _sides(labels.better, group1, group2)
    return replace(
        labels,
        group1=group1,
        group2=group2,
        favours_left=labels.favours_left or left,
        favours_right=labels.favours_right or right,
    )


def group_names(names: Mapping[str, str]) -> tuple[str, str]:
    """Find the groups' names in headers such as 'Vaccinated / Events' or 'Mean_Intervention'."""
    for one, other in _PAIRS:
        if one in names and other in names:
            found = _apart(names[one], names[other])
            if found is not None:
                return found
    return GROUP1, GROUP2


def _apart(one: str, other: str) -> tuple[str, str] | None:
    upper1, upper2 = _LEVELS.split(one), _LEVELS.split(other)
    if len(upper1) == len(upper2) > 1 and upper1[0] != upper2[0]:
        return upper1[0].strip(), upper2[0].strip()
    words1, words2 = _TOKENS.findall(one), _TOKENS.findall(other)
    left = [w for w in words1 if w not in words2 and w.lower() not in _NOT_NAMES]
    right = [w for w in words2 if w not in words1 and w.lower() not in _NOT_NAMES]
    if len(left) == len(right) == 1:
        return left[0].capitalize(), right[0].capitalize()
    return None


def _sides(better: str, group1: str, group2: str) -> tuple[str, str]:
    one, other = _inside(group1), _inside(group2)
    if better == "lower":
        return f"Favours {one}", f"Favours {other}"
    if better == "higher":
        return f"Favours {other}", f"Favours {one}"
    return f"Less with {one}", f"More with {one}"


def _inside(name: str) -> str:
    """A name inside a sentence; abbreviations keep their capitals."""
    return name if name[1:] != name[1:].lower() else name[:1].lower() + name[1:]
