"""One person's values over time, treatments in colour, with the autocorrelation of the rest."""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import TrialResult, TrialRow
from metadesk.figure import Dot, Line, Page, Rect
from metadesk.plots.plot import Plot
from metadesk.plots.trials.frame import (
    STYLE,
    Sheet,
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


def needs(result: TrialResult) -> str | None:
    """Why the run of values cannot be drawn."""
    if result.patient is None:
        return nothing(result) or (
            "The run plot shows one person; choose a person in the panel for an N-of-1 analysis."
        )
    return nothing(result)


def draw(result: TrialResult, options: TrialFigure) -> Page:
    """Draw the run and the autocorrelations."""
    patient = result.patient
    assert patient is not None
    name = result.subjects[0] if result.subjects and result.roles.subject else ""
    sheet, top = start(result, options, f"Person {name} over time" if name else "One person")
    rows = sorted(result.used, key=lambda r: r.place)
    treatments = ordered([r.treatment for r in rows])
    colours = colours_of(treatments)
    top = legend(sheet, top + 4, [(t, colours[t]) for t in treatments]) + 16
    panel = area(
        sheet,
        (48.0, top, sheet.width - 48 - 16, 180.0),
        span([r.place for r in rows]),
        span([r.value for r in rows]),
        x_title=result.roles.time or "Order of the rows",
        y_title=outcome_title(result),
    )
    for run in _runs(rows):
        colour = colours[run[0].treatment]
        a, b = panel.px(run[0].place), panel.px(run[-1].place)
        mean = sum(r.value for r in run) / len(run)
        sheet.marks.append(Rect(a - 4, panel.top, b - a + 8, panel.height, _pale(colour)))
        if len(run) > 1:
            sheet.marks.append(Line(a, panel.py(mean), b, panel.py(mean), colour, 1.4))
    sheet.marks.append(
        path([(panel.px(r.place), panel.py(r.value)) for r in rows], STYLE.faint, 0.7)
    )
    for r in rows:
        x, y = panel.px(r.place), panel.py(r.value)
        sheet.marks.append(Dot(x, y, 2.8, colours[r.treatment], id=f"row:{r.row_id}"))
        sheet.touch(f"row:{r.row_id}", x, y, f"Row {r.number}, {r.treatment}: {r.outcome}")
    sheet.height = panel.bottom + 32
    lags = [v for v in patient.samples.autocorrelation if not math.isnan(v)]
    if len(lags) > 1:
        _acf(sheet, result, lags, panel.bottom + 58)
    return sheet.page("One person over time", "Values over time, bars are means of the runs.")


def _acf(sheet: Sheet, result: TrialResult, lags: list[float], top: float) -> None:
    assert result.patient is not None
    limit = 1.96 / math.sqrt(result.patient.n)
    ends = span([*lags, limit, -limit], zero=True)
    panel = area(
        sheet, (48.0, top, sheet.width - 48 - 16, 80.0), (0.4, len(lags) + 0.6), ends,
        x_title="Lag (rows)", y_title="Autocorrelation of the residuals",
        words=[(float(k), str(k)) for k in range(1, len(lags) + 1)],
    )  # fmt: skip
    right = panel.left + panel.width
    zero = panel.py(0.0)
    sheet.marks.append(Line(panel.left, zero, right, zero, STYLE.rule, 0.75))
    for sign in (-1, 1):
        at = panel.py(sign * limit)
        sheet.marks.append(Line(panel.left, at, right, at, STYLE.faint, 0.7, (3, 3)))
    for k, value in enumerate(lags, 1):
        sheet.marks.append(Line(panel.px(k), zero, panel.px(k), panel.py(value), STYLE.square, 2.4))
    sheet.height = panel.bottom + 32


def _runs(rows: list[TrialRow]) -> list[list[TrialRow]]:
    """Stretches of one treatment."""
    found: list[list[TrialRow]] = []
    for row in rows:
        if found and found[-1][-1].treatment == row.treatment:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _pale(colour: str) -> str:
    """A colour near white, for what lies behind."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - 0.1 * (255 - c)):02x}" for c in parts)


RUN = Plot(
    key="run",
    title="One person over time",
    sentence="The values of one person over time with the means of each stretch, and their "
    "autocorrelation.",
    options=TrialFigure,
    draw=draw,
    needs=needs,
    takes="trial",
)
