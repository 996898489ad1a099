"""Two periods against each other, and differences between treatments against their means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metadesk.analysis.trial_result import TrialResult, TrialRow
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
    span,
    start,
)


@dataclass(frozen=True)
class Pair:
    """Two values of one person and where a click goes."""

    subject: str
    sequence: str
    first: float
    second: float
    row_id: int


def period_pairs(result: TrialResult) -> list[Pair]:
    """Outcomes of the first and the second period of each person who has both."""
    periods = ordered([r.period for r in result.used if r.period])
    if len(periods) != 2:
        return []
    return _pairs(result, lambda r: periods.index(r.period))


def treatment_pairs(result: TrialResult) -> list[Pair]:
    """Mean outcomes on the active treatment and on the reference of each person who has both."""
    both = (result.active, result.reference)
    return _pairs(result, lambda r: both.index(r.treatment) if r.treatment in both else -1)


def _pairs(result: TrialResult, side: Callable[[TrialRow], int]) -> list[Pair]:
    people: dict[str, tuple[list[float], list[float]]] = {}
    about: dict[str, tuple[str, int]] = {}
    for row in result.used:
        at = side(row)
        if at >= 0:
            people.setdefault(row.subject, ([], []))[at].append(row.value)
            about.setdefault(row.subject, (row.sequence, row.row_id))
    return [
        Pair(name, about[name][0], sum(a) / len(a), sum(b) / len(b), about[name][1])
        for name, (a, b) in people.items()
        if a and b
    ]


def _needs_periods(result: TrialResult) -> str | None:
    if len(period_pairs(result)) < 2:
        return nothing(result) or "This figure needs two periods and persons who have both."
    return nothing(result)


def _needs_treatments(result: TrialResult) -> str | None:
    if len(treatment_pairs(result)) < 2:
        return nothing(result) or "This figure needs persons who had both treatments."
    return nothing(result)


def draw_periods(result: TrialResult, options: TrialFigure) -> Page:
    """Draw period 1 against period 2 with the line of equality and the centre of each sequence."""
    sheet, top = start(result, options, "Period 1 against period 2")
    pairs = period_pairs(result)
    sequences = ordered([p.sequence for p in pairs])
    colours = colours_of(sequences)
    if len(sequences) > 1:
        top = legend(sheet, top + 4, [(s, colours[s]) for s in sequences])
    ends = span([v for p in pairs for v in (p.first, p.second)])
    size = min(sheet.width - 90, 300.0)
    periods = ordered([r.period for r in result.used])
    title = outcome_title(result)
    panel = area(
        sheet, (54.0, top + 18, size, size), ends, ends,
        x_title=f"{title}, {result.roles.period} {periods[0]}",
        y_title=f"{title}, {result.roles.period} {periods[1]}",
    )  # fmt: skip
    low, high = ends
    sheet.marks.append(
        Line(panel.px(low), panel.py(low), panel.px(high), panel.py(high), STYLE.rule, 0.75, (3, 3))
    )
    for p in pairs:
        x, y = panel.px(p.first), panel.py(p.second)
        sheet.marks.append(Dot(x, y, 2.6, colours[p.sequence], id=f"row:{p.row_id}"))
        sheet.touch(f"row:{p.row_id}", x, y, f"{p.subject}: {p.first:.4g}, {p.second:.4g}")
    for name in sequences:
        own = [p for p in pairs if p.sequence == name]
        x = panel.px(sum(p.first for p in own) / len(own))
        y = panel.py(sum(p.second for p in own) / len(own))
        sheet.marks += [
            Line(x - 6, y, x + 6, y, colours[name], 1.6),
            Line(x, y - 6, x, y + 6, colours[name], 1.6),
        ]
    sheet.height = panel.bottom + 32
    return sheet.page(
        "Period 1 against period 2", "One dot a person; crosses are the centres of the sequences."
    )


def draw_differences(result: TrialResult, options: TrialFigure) -> Page:
    """Draw differences between treatments against their means."""
    sheet, top = start(result, options, f"Differences {result.difference}")
    pairs = treatment_pairs(result)
    sequences = ordered([p.sequence for p in pairs])
    colours = colours_of(sequences)
    if len(sequences) > 1:
        top = legend(sheet, top + 4, [(s, colours[s]) for s in sequences])
    gaps = [p.first - p.second for p in pairs]
    panel = area(
        sheet,
        (54.0, top + 18, sheet.width - 54 - 60, 220.0),
        span([(p.first + p.second) / 2 for p in pairs]),
        span(gaps, zero=True),
        x_title="Mean of both treatments",
        y_title=f"{outcome_title(result)}: {result.difference}",
    )
    zero, mean = panel.py(0.0), panel.py(sum(gaps) / len(gaps))
    right = panel.left + panel.width
    sheet.marks.append(Line(panel.left, zero, right, zero, STYLE.rule, 0.75))
    sheet.marks.append(Line(panel.left, mean, right, mean, STYLE.diamond, 1.0, (4, 2)))
    sheet.write(right + 4, mean + 2.6, f"mean {sum(gaps) / len(gaps):.3g}", size=7.0)
    for p, gap in zip(pairs, gaps, strict=True):
        x, y = panel.px((p.first + p.second) / 2), panel.py(gap)
        sheet.marks.append(Dot(x, y, 2.6, colours[p.sequence], id=f"row:{p.row_id}"))
        sheet.touch(f"row:{p.row_id}", x, y, f"{p.subject}: {gap:.4g}")
    sheet.height = panel.bottom + 32
    return sheet.page(f"Differences {result.difference}", "One dot a person.")


PERIODS_SCATTER = Plot(
    key="periods-scatter",
    title="Period 1 against period 2",
    sentence="One dot a person, with the line of equality; the sequences separate along it if "
    "treatments differ.",
    options=TrialFigure,
    draw=draw_periods,
    needs=_needs_periods,
    takes="trial",
)
DIFFERENCES = Plot(
    key="differences",
    title="Differences within persons",
    sentence="Each person's difference between the treatments against their mean.",
    options=TrialFigure,
    draw=draw_differences,
    needs=_needs_treatments,
    takes="trial",
)
