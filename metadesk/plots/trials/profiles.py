"""Each person's outcomes over the periods, a panel for each sequence."""

from __future__ import annotations

from metadesk.analysis.trial_result import TrialResult, TrialRow
from metadesk.figure import Dot, Page
from metadesk.plots.plot import Plot
from metadesk.plots.trials.frame import (
    STYLE,
    Area,
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

MOST_PANELS = 12


def needs(result: TrialResult) -> str | None:
    """Why profiles cannot be drawn."""
    if len(result.subjects) < 2:
        return nothing(result) or "Profiles need several persons; see the run plot for one person."
    return nothing(result)


def groups_of(result: TrialResult) -> dict[str, list[TrialRow]]:
    """The rows by sequence; one group where no sequence is marked."""
    found: dict[str, list[TrialRow]] = {}
    for row in result.used:
        found.setdefault(row.sequence, []).append(row)
    return {name: found[name] for name in ordered(list(found))}


def draw(result: TrialResult, options: TrialFigure) -> Page:
    """Draw the profiles."""
    sheet, top = start(result, options, "Profiles of the persons")
    groups = dict(list(groups_of(result).items())[:MOST_PANELS])
    treatments = ordered([r.treatment for r in result.used])
    colours = colours_of(treatments)
    top = legend(sheet, top + 4, [(t, colours[t]) for t in treatments]) + 18
    columns = min(len(groups), 4)
    rows = -(-len(groups) // columns)
    left, gap = 48.0, 14.0
    width = (sheet.width - left - 14 - gap * (columns - 1)) / columns
    height = 170.0 if rows == 1 else 130.0
    xs = span([r.place for r in result.used])
    ys = span([r.value for r in result.used])
    words = _periods(result)
    for i, (name, members) in enumerate(groups.items()):
        at = (left + (i % columns) * (width + gap), top + (i // columns) * (height + 44))
        panel = area(
            sheet,
            (*at, width, height),
            xs,
            ys,
            x_title=result.roles.period or result.roles.time or "Order",
            y_title=outcome_title(result) if i == 0 else "",
            words=words,
            y_numbers=i % columns == 0,
            title=f"{result.roles.sequence} {name}".strip() if name else "All persons",
        )
        _people(sheet, panel, members, colours)
    sheet.height = top + rows * (height + 44) - 8
    return sheet.page("Profiles of the persons", "Outcomes of each person over the periods.")


def _periods(result: TrialResult) -> list[tuple[float, str]]:
    if not result.roles.period or result.roles.time:
        return []
    return sorted({(r.place, r.period) for r in result.used})


def _people(sheet: Sheet, panel: Area, members: list[TrialRow], colours: dict[str, str]) -> None:
    people: dict[str, list[TrialRow]] = {}
    for row in members:
        people.setdefault(row.subject, []).append(row)
    for name, rows in people.items():
        rows.sort(key=lambda r: r.place)
        points = [(panel.px(r.place), panel.py(r.value)) for r in rows]
        if len(points) > 1:
            sheet.marks.append(path(points, STYLE.faint, 0.6, f"subject:{name}"))
    for row in members:
        x, y = panel.px(row.place), panel.py(row.value)
        sheet.marks.append(Dot(x, y, 2.2, colours[row.treatment], id=f"row:{row.row_id}"))
        tip = f"{row.subject}, {row.treatment}: {row.outcome}"
        sheet.touch(f"row:{row.row_id}", x, y, tip)


PROFILES = Plot(
    key="profiles",
    title="Profiles by sequence",
    sentence="Each person's outcomes over the periods, a panel for each sequence.",
    options=TrialFigure,
    draw=draw,
    needs=needs,
    takes="trial",
)
