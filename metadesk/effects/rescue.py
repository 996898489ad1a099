"""Which values would save a study: the smallest sets of missing cells that would give an effect."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from metadesk.effects.measure import Need, Route
from metadesk.effects.measures import MEASURES


@dataclass(frozen=True)
class Rescue:
    """Cells to find, and the route they would open."""

    needs: tuple[Need, ...]
    route: Route

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of the cells to find."""
        return tuple(need.role for need in self.needs)

    @property
    def sentence(self) -> str:
        """What to look for, in plain words."""
        words = [f"{need.title} ({need.role})" for need in self.needs]
        listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
        return f"{listed} would give an effect from {self.route.title}."


def missing_values(measure: str, present: Collection[str], most: int = 3) -> tuple[Rescue, ...]:
    """Find the smallest sets of missing roles that would give a row an effect.

    Parameters
    ----------
    measure : str
        Key of the measure.
    present : collection of str
        Roles the row has values for.
    most : int
        Sets with more members than this are not listed, unless there is no smaller one.

    Returns
    -------
    tuple of Rescue
        Smallest sets first, then by the order of the routes; none contains another. Empty where the
        row needs nothing.
    """
    have = set(present)
    found: list[Rescue] = []
    for route in MEASURES[measure].routes:
        lacking = tuple(need for need in route.needs if need.role not in have)
        if not lacking:
            return ()
        found.append(Rescue(lacking, route))
    found.sort(key=lambda rescue: len(rescue.needs))
    kept: list[Rescue] = []
    for rescue in found:
        roles = set(rescue.roles)
        if not any(set(other.roles) <= roles for other in kept):
            kept.append(rescue)
    short = tuple(rescue for rescue in kept if len(rescue.needs) <= most)
    return short or tuple(r for r in kept if len(r.needs) == len(kept[0].needs))
