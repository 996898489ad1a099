"""Axes with round ticks: which values are written under a figure, and where a value falls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from metadesk.figure.measure import text_width

MINUS = "−"
THIN_SPACE = "\u2009"
# Floating-point room when an end is compared with a tick.
SLACK = 1e-9


@dataclass(frozen=True)
class Tick:
    """A value with the words under it."""

    value: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers, evenly spaced as they are or by their logarithms."""

    lower: float
    upper: float
    log: bool
    ticks: tuple[Tick, ...]

    def share(self, value: float) -> float:
        """Where a value falls: 0 at the lower end, 1 at the upper, beyond them outside."""
        if not self.log:
            return (value - self.lower) / (self.upper - self.lower)
        if value <= 0:
            return -math.inf
        if math.isinf(value):
            return math.inf
        low = math.log(self.lower)
        return (math.log(value) - low) / (math.log(self.upper) - low)

    def holds(self, value: float) -> bool:
        """Whether a value falls on the axis."""
        return -SLACK <= self.share(value) <= 1 + SLACK


def make_axis(
    lower: float, upper: float, *, log: bool, width: float, size: float, snap: bool = True
) -> Axis:
    """An axis over at least ``lower`` to ``upper`` whose labels have room in ``width`` points.

    Parameters
    ----------
    lower, upper : float
        What must be seen; for a logarithmic axis positive, on the natural scale.
    log : bool
        Whether distances are ratios.
    width, size : float
        Length of the axis and size of its labels, in points.
    snap : bool
        Whether the ends may move out to the next tick; otherwise they stay as given.

    Raises
    ------
    ValueError
        If the ends are not finite, not in order, or not positive on a logarithmic axis.
    """
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise ValueError(f"an axis needs two finite ends in order, not {lower} and {upper}")
    if log and lower <= 0:
        raise ValueError(f"a logarithmic axis needs positive ends, not {lower}")
    families = _log_families(lower, upper) if log else _linear_families(lower, upper)
    best: Axis | None = None
    for family in families:
        axis = _with_ticks(lower, upper, log, family, snap)
        if len(axis.ticks) < 2 and best is not None:
            break
        best = axis
        if _has_room(axis, width, size):
            return axis
    if best is None:
        raise ValueError(f"no ticks between {lower} and {upper}")
    return _thinned(best, width, size)


TickFamily = Callable[[float, float], tuple[Tick, ...]]


def _with_ticks(lower: float, upper: float, log: bool, family: TickFamily, snap: bool) -> Axis:
    """The axis with the ticks of one family, its ends at the ticks around them if they may move."""
    asked = Axis(lower, upper, log, ())
    ticks = [(asked.share(tick.value), tick) for tick in family(lower, upper)]
    inner = tuple(tick for share, tick in ticks if -SLACK <= share <= 1 + SLACK)
    if not snap:
        return replace(asked, ticks=inner)
    low = max((t.value for share, t in ticks if share <= SLACK), default=lower)
    high = min((t.value for share, t in ticks if share >= 1 - SLACK), default=upper)
    return Axis(low, high, log, tuple(t for _, t in ticks if low <= t.value <= high))


def _has_room(axis: Axis, width: float, size: float) -> bool:
    """Whether the labels stand clear of each other by a digit and a half."""
    places = [(axis.share(t.value) * width, text_width(t.label, size)) for t in axis.ticks]
    return all(b - a >= (wa + wb) / 2 + 0.8 * size for (a, wa), (b, wb) in pairwise(places))


def _thinned(axis: Axis, width: float, size: float) -> Axis:
    """The first and the last tick only, or the first alone where even two do not fit."""
    ends = (axis.ticks[0], axis.ticks[-1]) if len(axis.ticks) > 1 else axis.ticks
    two = replace(axis, ticks=ends)
    return two if _has_room(two, width, size) else replace(axis, ticks=ends[:1])


def _linear_families(lower: float, upper: float) -> Iterator[TickFamily]:
    """Steps of 1, 2 and 5 times a power of ten, from about nine ticks to about two."""
    span = upper - lower
    power = math.floor(math.log10(span)) - 1
    for exponent in (power, power + 1, power + 2):
        for mantissa in (1, 2, 5):
            step = mantissa * 10.0**exponent
            if span / 9 <= step <= span * 1.01:
                yield _stepper(mantissa, exponent)


def _stepper(mantissa: int, exponent: int) -> TickFamily:
    def ticks(lower: float, upper: float) -> tuple[Tick, ...]:
        step = mantissa * 10.0**exponent
        first = math.floor(lower / step + SLACK)
        last = math.ceil(upper / step - SLACK)
        # Through a decimal string, so that 3 steps of 0.1 are 0.3 and not 0.30000000000000004.
        values = [float(f"{i * mantissa}e{exponent}") for i in range(first, last + 1)]
        return tuple(Tick(v, _fixed(v, max(-exponent, 0))) for v in values)

    return ticks


def _log_families(lower: float, upper: float) -> Iterator[TickFamily]:
    """Evenly stepped values for a narrow range, then 1-2-5, then ever rarer powers of ten."""
    decades = math.log10(upper) - math.log10(lower)
    if decades <= math.log10(4):
        for family in _linear_families(lower, upper):
            yield _positive(family)
    if decades > math.log10(2):
        yield _mantissas((1, 2, 5))
    if decades > math.log10(8):
        yield _mantissas((1, 3))
    for every in (1, 2, 3, 5, 10, 20, 50, 100):
        if every <= max(decades, 1) * 1.5:
            yield _powers(every)


def _positive(family: TickFamily) -> TickFamily:
    def ticks(lower: float, upper: float) -> tuple[Tick, ...]:
        return _plain_one(t for t in family(lower, upper) if t.value > 0)

    return ticks


def _plain_one(ticks: Iterable[Tick]) -> tuple[Tick, ...]:
    """No effect is written 1, whatever digits its neighbours need."""
    return tuple(Tick(1.0, "1") if t.value == 1.0 else t for t in ticks)


def _mantissas(mantissas: tuple[int, ...]) -> TickFamily:
    def ticks(lower: float, upper: float) -> tuple[Tick, ...]:
        first, last = math.floor(math.log10(lower)), math.ceil(math.log10(upper))
        values = [float(f"{m}e{e}") for e in range(first, last + 1) for m in mantissas]
        return tuple(Tick(v, tick_label(v)) for v in _around(values, lower, upper))

    return ticks


def _powers(every: int) -> TickFamily:
    def ticks(lower: float, upper: float) -> tuple[Tick, ...]:
        first = math.floor(math.log10(lower) / every + SLACK) * every
        last = math.ceil(math.log10(upper) / every - SLACK) * every
        exponents = range(max(first, -300), min(last, 300) + 1, every)
        return tuple(Tick(float(f"1e{e}"), tick_label(float(f"1e{e}"))) for e in exponents)

    return ticks


def _around(values: list[float], lower: float, upper: float) -> list[float]:
    """The values within the range with one neighbour on either side."""
    below = [v for v in values if v <= lower * (1 + SLACK)]
    above = [v for v in values if v >= upper * (1 - SLACK)]
    inside = [v for v in values if v not in below and v not in above]
    return below[-1:] + inside + above[:1]


def tick_label(value: float) -> str:
    """Write a round value the shortest way that a reader takes in at a glance."""
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)) + SLACK)
    return _fixed(value, max(-size, 0)) if -4 < size < 5 else _scientific(value)


def _fixed(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1e12 or digits > 6:
        return _scientific(value)
    whole, point, rest = f"{abs(value):.{digits}f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", THIN_SPACE) if len(whole) > 4 else whole
    return (MINUS if value < 0 else "") + grouped + point + rest


def _scientific(value: float) -> str:
    # Not as a raised power: few fonts have all raised digits.
    mantissa, exponent = f"{abs(value):.5e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = str(int(exponent)).replace("-", MINUS)
    return f"{MINUS if value < 0 else ''}{mantissa}e{power}"
