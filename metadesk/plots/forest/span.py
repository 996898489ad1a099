"""Which stretch of numbers is shown: all estimates, as much of the intervals as is fair."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metadesk.analysis.result import AnalysisResult
from metadesk.errors import SpecProblem
from metadesk.figure import Axis, make_axis
from metadesk.plots.forest.options import ForestOptions
from metadesk.plots.forest.rows import Row

# How far an interval may reach beyond the estimates, in widths of the middle study's interval.
REACH = 0.6
# Nothing is clipped where the whole costs no more than this many times the width.
CHEAP = 1.2
# How far an estimate may lie from the middle one before the axis no longer follows it.
FAR = 8.0
# How much the pooled intervals and no effect may stretch what the studies need.
STRETCH, STRETCH_TO_NULL = 1.0, 2.5


def choose_axis(
    result: AnalysisResult, options: ForestOptions, rows: Sequence[Row], width: float, size: float
) -> Axis:
    """The axis under the plot.

    Ends that a person gave are kept; others are found from the rows and moved out to round ticks.

    Raises
    ------
    SpecProblem
        If the given ends are not in order, or not positive for a ratio.
    """
    log = result.scale.axis == "log"
    _check(options, log)
    lower, upper = automatic_range(rows, log, reference_of(result, options))
    lower, upper = max(lower, result.scale.lower), min(upper, result.scale.upper)
    given = options.axis_lower is not None or options.axis_upper is not None
    if options.axis_lower is not None:
        lower = options.axis_lower
    if options.axis_upper is not None:
        upper = options.axis_upper
    if not lower < upper:
        # One end was given and lies beyond everything that was found.
        lower, upper = _beyond(lower, upper, options, log)
    return make_axis(lower, upper, log=log, width=width, size=size, snap=not given)


def reference_of(result: AnalysisResult, options: ForestOptions) -> float:
    """Where the line of no effect stands on the natural scale; NaN for none."""
    if options.reference is not None:
        return options.reference
    null = result.scale.null
    return math.nan if math.isnan(null) else result.natural(null)


def automatic_range(rows: Sequence[Row], log: bool, reference: float) -> tuple[float, float]:
    """The stretch, on the natural scale, that shows these rows well.

    All estimates are on it unless one lies absurdly far out; intervals beyond them are clipped when
    they are much wider than the others'. The pooled intervals and the line of no effect may stretch
    it within bounds.
    """
    studies = [_placed(r, log) for r in rows if r.shape == "square"]
    if not any(math.isfinite(e) for e, _, _ in studies):
        studies = [_placed(r, log) for r in rows if r.shape == "hollow"]
    points = sorted(e for e, _, _ in studies if math.isfinite(e))
    null = _moved(reference, log)
    if not points:
        centre = null if math.isfinite(null) else 0.0
        return _natural(centre - 1, log), _natural(centre + 1, log)
    widths = sorted(u - lo for _, lo, u in studies if math.isfinite(u - lo)) or [0.0]
    typical, middle = widths[len(widths) // 2], points[len(points) // 2]
    room = FAR * max(typical, points[3 * len(points) // 4] - points[len(points) // 4])
    near = [p for p in points if abs(p - middle) <= room] or [middle]
    ends = [lo for _, lo, _ in studies if math.isfinite(lo)]
    tops = [u for _, _, u in studies if math.isfinite(u)]
    low = min(max(min(ends, default=near[0]), near[0] - REACH * typical), near[0])
    high = max(min(max(tops, default=near[-1]), near[-1] + REACH * typical), near[-1])
    whole = min([low, *ends]), max([high, *tops])
    if whole[1] - whole[0] <= CHEAP * (high - low):
        low, high = whole
    for row in rows:
        if row.shape in ("diamond", "light", "bar") and not row.id.startswith("subtotal:"):
            _, a, b = _placed(row, log)
            low, high = _stretched(low, high, (a, b), STRETCH)
    low, high = _stretched(low, high, (null,), STRETCH_TO_NULL)
    pad = 0.0 if high > low else _least(low, log)
    return _natural(low - pad, log), _natural(high + pad, log)


def _stretched(
    low: float, high: float, wanted: Sequence[float], most: float
) -> tuple[float, float]:
    """Widen to take in what is wanted, unless that costs more than ``most`` times the width."""
    room = most * (high - low)
    inside = [w for w in wanted if math.isfinite(w) and low - room <= w <= high + room]
    return min([low, *inside]), max([high, *inside])


def _placed(row: Row, log: bool) -> tuple[float, float, float]:
    return _moved(row.estimate, log), _moved(row.lower, log), _moved(row.upper, log)


def _moved(value: float, log: bool) -> float:
    """A number as the axis spaces it; what has no place there is NaN."""
    if not log:
        return value
    return math.log(value) if 0 < value < math.inf else math.nan


def _natural(value: float, log: bool) -> float:
    return math.exp(min(max(value, -690.0), 690.0)) if log else value


def _least(centre: float, log: bool) -> float:
    """Half the width of an axis on which everything falls on one point."""
    return math.log(1.2) if log else max(0.1 * abs(centre), 1e-6) if centre else 1.0


def _check(options: ForestOptions, log: bool) -> None:
    lower, upper = options.axis_lower, options.axis_upper
    for name, end in (("from", lower), ("to", upper), ("the reference line at", options.reference)):
        if log and end is not None and end <= 0:
            raise SpecProblem(
                f"The axis of a ratio has only positive numbers; {name} {end:g} is not one. "
                "Give a ratio such as 0.1."
            )
    if lower is not None and upper is not None and not lower < upper:
        raise SpecProblem(f"The axis goes from {lower:g} to {upper:g}; the first must be smaller.")


def _beyond(lower: float, upper: float, options: ForestOptions, log: bool) -> tuple[float, float]:
    if options.axis_lower is not None:
        return lower, lower * 10 if log else lower + max(abs(lower), 1.0)
    return upper / 10 if log else upper - max(abs(upper), 1.0), upper
