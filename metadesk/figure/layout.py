"""Where columns stand, from the room their words take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A heading over neighbouring columns: the first and the last of them, and its own width."""

    first: int
    last: int
    width: float


@dataclass(frozen=True)
class Track:
    """A column's place: its left edge and width."""

    x: float
    width: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width


def place_columns(
    left: float, widths: Sequence[float], gaps: Sequence[float], spans: Sequence[Span] = ()
) -> tuple[Track, ...]:
    """Set columns side by side; those under a heading that is wider than they are share its excess.

    Parameters
    ----------
    left : float
        Left edge of the first column.
    widths : sequence of float
        Width of the widest cell of each column.
    gaps : sequence of float
        Room before each column; the first one's is ignored.
    spans : sequence of Span
        Headings over several columns.
    """
    wide = list(widths)
    for span in spans:
        inside = range(span.first, span.last + 1)
        have = sum(wide[i] for i in inside) + sum(gaps[i] for i in inside if i > span.first)
        missing = span.width - have
        if missing > 0:
            for i in inside:
                wide[i] += missing / len(inside)
    tracks: list[Track] = []
    x = left
    for i, width in enumerate(wide):
        x += gaps[i] if i else 0.0
        tracks.append(Track(x, width))
        x += width
    return tuple(tracks)
