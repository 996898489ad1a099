"""What a measure still needs, in words for cards and combo boxes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metadesk.effects import Measure, Need


def missing_needs(measure: Measure, have: Collection[str]) -> tuple[Need, ...]:
    """What the nearest route of a measure lacks; empty when a route can be taken.

    Only routes that already have a column count as near; without one it is the preferred route.
    """
    present = set(have)
    lacking = [tuple(n for n in route.needs if n.role not in present) for route in measure.routes]
    if any(not less for less in lacking):
        return ()
    started = [
        less
        for less, route in zip(lacking, measure.routes, strict=True)
        if len(less) < len(route.needs)
    ]
    return min(started, key=len) if started else lacking[0]


def missing_roles(measure: Measure, have: Collection[str]) -> tuple[str, ...]:
    """The roles of :func:`missing_needs`."""
    return tuple(need.role for need in missing_needs(measure, have))


def needed_words(needs: Collection[Need]) -> str:
    """Needs as one line of words, each thing once."""
    return ", ".join(dict.fromkeys(need.title for need in needs))


def searched(measure: Measure) -> str:
    """Everything a search for a measure may hit, in small letters."""
    words = (
        measure.key, measure.title, measure.short, measure.family, measure.sentence,
        *(need.title for need in measure.needs),
    )  # fmt: skip
    return " ".join(words).lower()
