"""What a measure still needs, in words for cards and combo boxes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metadesk.effects import Measure, Need


def missing_needs(measure: Measure, have: Collection[str]) -> tuple[Need, ...]:
    """What the preferred route of a measure lacks; empty when any route can be taken."""
    present = set(have)
    if any(present.issuperset(route.roles) for route in measure.routes):
        return ()
    return tuple(need for need in measure.needs if need.role not in present)


def missing_roles(measure: Measure, have: Collection[str]) -> tuple[str, ...]:
    """The roles of :func:`missing_needs`."""
    return tuple(need.role for need in missing_needs(measure, have))


def needed_words(needs: Collection[Need]) -> str:
    """Needs as one line of words: what both groups need is said once."""
    groups: dict[str, list[str]] = {}
    for need in needs:
        base, _, group = need.title.partition(", group ")
        groups.setdefault(base, []).append(group)
    both = [base for base, found in groups.items() if len(found) > 1]
    one = [
        f"{base} in group {found[0]}" for base, found in groups.items() if found[0] in ("1", "2")
    ]
    one = [words for words in one if words.rpartition(" in group ")[0] not in both]
    alone = [base for base, found in groups.items() if found == [""]]
    shared = [f"{', '.join(both)} in both groups"] if both else []
    return "; ".join([*shared, *one, *alone])


def missing_words(measure: Measure, lacking: Collection[Need]) -> str:
    """What to look for; a ready-made estimate may come with any of its measures of precision."""
    if measure.routes[0].source == "estimate":
        return "an estimate with its SE, confidence interval, z or P value"
    return needed_words(lacking)


def searched(measure: Measure) -> str:
    """Everything a search for a measure may hit, in small letters."""
    words = (
        measure.key, measure.title, measure.short, measure.family, measure.sentence,
        *(need.title for need in measure.needs),
    )  # fmt: skip
    return " ".join(words).lower()
