"""Residuals of the mixed model against fitted values, and against normal quantiles."""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import TrialResult
from metadesk.figure import Dot, Line, Page
from metadesk.numerics.tails import quantile
from metadesk.plots.plot import Plot
from metadesk.plots.trials.frame import STYLE, TrialFigure, area, nothing, span, start


def needs(result: TrialResult) -> str | None:
    """Why residuals cannot be drawn."""
    if sum(not math.isnan(r.residual) for r in result.used) < 3:
        return nothing(result) or result.problem or "This model has no residuals to look at."
    return None


def draw(result: TrialResult, options: TrialFigure) -> Page:
    """Draw both panels."""
    sheet, top = start(result, options, "Residuals")
    rows = [r for r in result.used if not math.isnan(r.residual)]
    width = (sheet.width - 48 - 62 - 14) / 2
    ys = span([r.residual for r in rows], zero=True)
    left = area(
        sheet, (48.0, top + 18, width, 200.0), span([r.fitted for r in rows]), ys,
        x_title="Fitted value", y_title="Residual",
    )  # fmt: skip
    ranked = sorted(rows, key=lambda r: r.residual)
    n = len(ranked)
    shares = [2 * (i + 0.5) / n - 1 for i in range(n)]
    z = [math.copysign(float(quantile(abs(share))), share) if share else 0.0 for share in shares]
    right = area(
        sheet, (48 + width + 62, top + 18, width, 200.0), span(z), ys,
        x_title="Normal quantile",
    )  # fmt: skip
    for panel in (left, right):
        at = panel.py(0.0)
        sheet.marks.append(Line(panel.left, at, panel.left + panel.width, at, STYLE.rule, 0.75))
    sd = math.sqrt(sum(r.residual**2 for r in rows) / n)
    low, high = max(right.x.lower, ys[0] / sd), min(right.x.upper, ys[1] / sd)
    sheet.marks.append(
        Line(right.px(low), right.py(low * sd), right.px(high), right.py(high * sd), STYLE.diamond,
             0.9, (4, 2))
    )  # fmt: skip
    for panel, points in (
        (left, [(r, r.fitted) for r in rows]),
        (right, list(zip(ranked, z, strict=True))),
    ):
        for row, where in points:
            x, y = panel.px(where), panel.py(row.residual)
            sheet.marks.append(Dot(x, y, 2.2, STYLE.square, id=f"row:{row.row_id}"))
            tip = f"Row {row.number}, {row.subject}: residual {row.residual:.3g}"
            sheet.touch(f"row:{row.row_id}", x, y, tip)
    sheet.height = left.bottom + 32
    return sheet.page("Residuals", "Residuals against fitted values and normal quantiles.")


RESIDUALS = Plot(
    key="residuals",
    title="Residuals and their normality",
    sentence="Whether the spread is even and residuals are near normal; single rows that stand "
    "out.",
    options=TrialFigure,
    draw=draw,
    needs=needs,
    takes="trial",
)
