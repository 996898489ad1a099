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
    """Needs as one line of words, each thing once."""
    return ", ".join(dict.fromkeys(need.title for need in needs))


def searched(measure: Measure) -> str:
    """Everything a search for a measure may hit, in small letters."""
    words = (
        measure.key, measure.title, measure.short, measure.family, measure.sentence,
        *(need.title for need in measure.needs),
    )  # fmt: skip
    return " ".join(words).lower()
