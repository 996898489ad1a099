"""Means by period and treatment, joined within sequences (Hills & Armitage's plot)."""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import TrialResult
from metadesk.figure import Dot, Line, Page
from metadesk.plots.plot import Plot
from metadesk.plots.trials.frame import (
    STYLE,
    TrialFigure,
    area,
    colours_of,
    legend,
    nothing,
    ordered,
    outcome_title,
    path,
    span,
    start,
)

Cell = tuple[float, float, float, str, int]


def needs(result: TrialResult) -> str | None:
    """Why the means cannot be drawn."""
    if not result.roles.period:
        return nothing(result) or "Mark the column of the periods for this figure."
    return nothing(result)


def means_of(result: TrialResult) -> dict[str, list[Cell]]:
    """By sequence: place, mean, standard error, treatment and number of each period."""
    cells: dict[str, dict[tuple[str, str], list[tuple[float, float]]]] = {}
    for row in result.used:
        here = cells.setdefault(row.sequence, {})
        here.setdefault((row.period, row.treatment), []).append((row.place, row.value))
    places = {p: float(i) for i, p in enumerate(ordered([r.period for r in result.used]), 1)}
    found: dict[str, list[Cell]] = {}
    for sequence in ordered(list(cells)):
        line = []
        for (period, treatment), pairs in cells[sequence].items():
            values = [v for _, v in pairs]
            n = len(values)
            mean = sum(values) / n
            spread = sum((v - mean) ** 2 for v in values)
            se = math.sqrt(spread / (n - 1) / n) if n > 1 else math.nan
            line.append((places[period], mean, se, treatment, n))
        found[sequence] = sorted(line)
    return found


def draw(result: TrialResult, options: TrialFigure) -> Page:
    """Draw means with one standard error to either side."""
    sheet, top = start(result, options, "Means by period and treatment")
    lines = means_of(result)
    treatments = ordered([r.treatment for r in result.used])
    colours = colours_of(treatments)
    top = legend(sheet, top + 4, [(t, colours[t]) for t in treatments]) + 16
    ends = [
        m + sign * (0.0 if math.isnan(se) else se)
        for line in lines.values() for _, m, se, _, _ in line for sign in (-1, 1)
    ]  # fmt: skip
    periods = ordered([r.period for r in result.used])
    panel = area(
        sheet,
        (48.0, top, sheet.width - 48 - 70, 210.0),
        (0.6, len(periods) + 0.4),
        span(ends),
        x_title=result.roles.period,
        y_title=outcome_title(result),
        words=[(float(i), p) for i, p in enumerate(periods, 1)],
    )
    last_label = -math.inf
    ends_at = []
    for number, (sequence, line) in enumerate(lines.items()):
        shift = 0.05 * (number - (len(lines) - 1) / 2)
        points = [(panel.px(x + shift), panel.py(m)) for x, m, _, _, _ in line]
        if len(points) > 1 and sequence:
            sheet.marks.append(path(points, STYLE.faint, 0.8))
        for (_, m, se, treatment, n), (x, y) in zip(line, points, strict=True):
            if not math.isnan(se):
                up, down = panel.py(m + se), panel.py(m - se)
                sheet.marks.append(Line(x, up, x, down, colours[treatment], 1.0))
            sheet.marks.append(Dot(x, y, 3.2, colours[treatment]))
            sheet.touch(f"cell:{sequence}", x, y, f"{sequence} {treatment}: {m:.4g} (n = {n})")
        if sequence:
            ends_at.append((points[-1][1], points[-1][0], sequence))
    for y, x, sequence in sorted(ends_at):
        at = max(y + 2.6, last_label + 9)
        edge = panel.left + panel.width
        sheet.marks.append(Line(x + 5, y, edge - 2, at - 2.6, "#d5d9de", 0.5))
        sheet.write(edge + 2, at, sequence, size=7.0, colour=STYLE.muted)
        last_label = at
    sheet.height = panel.bottom + 32
    return sheet.page(
        "Means by period and treatment", "Means with one standard error, joined within sequences."
    )


PERIOD_MEANS = Plot(
    key="period-means",
    title="Means by period and treatment",
    sentence="Means with standard errors, joined within sequences: treatment, period and "
    "carryover at a glance.",
    options=TrialFigure,
    draw=draw,
    needs=needs,
    takes="trial",
)
