"""The columns of a forest plot: what they hold, what stands above them, how wide they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metadesk.analysis.result import AnalysisResult, DataColumn, StudyResult
from metadesk.document import MISSING_TEXT
from metadesk.figure.layout import Span, Track, place_columns
from metadesk.figure.measure import text_width
from metadesk.plots.forest.options import ForestOptions
from metadesk.plots.forest.rows import Row, companion_of
from metadesk.plots.forest.style import Style


@dataclass(frozen=True)
class ColumnHead:
    """A column of numbers: its key in the rows' cells, and the words above it."""

    key: str
    title: str
    group: str = ""
    above: str = ""


@dataclass(frozen=True)
class Placed:
    """Columns with their places, and the headings over several of them."""

    heads: tuple[ColumnHead, ...]
    tracks: tuple[Track, ...]
    groups: tuple[tuple[str, Track], ...]


def left_heads(result: AnalysisResult, options: ForestOptions, style: Style) -> list[ColumnHead]:
    """The columns between the study names and the plot."""
    heads: list[ColumnHead] = []
    if options.show_data:
        heads += data_heads(result, options)
    numbers = _number_heads(result, options, style)
    match options.place:
        case "left":
            heads += numbers
        case "split":
            heads += [h for h in numbers if h.key == "effect"]
    return heads


def right_heads(result: AnalysisResult, options: ForestOptions, style: Style) -> list[ColumnHead]:
    """The columns right of the plot."""
    numbers = _number_heads(result, options, style)
    match options.place:
        case "right":
            return numbers
        case "split":
            return [h for h in numbers if h.key != "effect"]
        case _:
            return []


def data_heads(result: AnalysisResult, options: ForestOptions) -> list[ColumnHead]:
    """One head a raw-data column, its group under the name that the person gave."""
    groups = [g for g in dict.fromkeys(c.group for c in result.data_columns) if g]
    names = dict(zip(groups, (options.group1, options.group2), strict=False))
    return [
        ColumnHead(f"data:{i}", c.title, names.get(c.group) or c.group)
        for i, c in enumerate(result.data_columns)
    ]


def _number_heads(result: AnalysisResult, options: ForestOptions, style: Style) -> list[ColumnHead]:
    level = style.brackets.format(f"{100 * result.spec.level:g}% CI")
    name = effect_title(result) if style.long_names else effect_short(result)
    heads: list[ColumnHead] = []
    if options.show_effect:
        above = name if style.long_names else ""
        title = level if style.long_names else f"{name} {level}"
        heads.append(ColumnHead("effect", title, above=above))
    if options.show_weight and result.main is not None:
        weights = [ColumnHead("weight", "Weight")]
        other = companion_of(result)
        two = has_weights(result) and options.show_companion
        if two and other is not None and other.family == "fixed":
            weights = [
                ColumnHead("weight_beside", "Fixed", "Weight"),
                ColumnHead("weight", "Random", "Weight"),
            ]
        heads = weights + heads if style.weight_first else heads + weights
    return heads


def has_weights(result: AnalysisResult) -> bool:
    """Whether the main model weighs its studies."""
    return any(math.isfinite(s.weight) for s in result.used)


def effect_title(result: AnalysisResult) -> str:
    """What the effect is called above the plot."""
    if result.measure == "GEN":
        return "Ratio" if result.scale.axis == "log" else "Estimate"
    return result.family.title


def effect_short(result: AnalysisResult) -> str:
    """What the effect is called above its numbers."""
    return effect_title(result) if result.measure == "GEN" else result.family.short


def data_cells(result: AnalysisResult, style: Style) -> dict[int, dict[str, str]]:
    """The raw data's cells by row id and column key."""
    cells: dict[int, dict[str, str]] = {s.row_id: {} for s in result.studies}
    for i, column in enumerate(result.data_columns):
        digits = decimals(column)
        for study, value in zip(result.studies, column.values, strict=True):
            shown = MISSING_TEXT if value is None else style.number(value, column.kind, digits)
            cells[study.row_id][f"data:{i}"] = shown
    return cells


def data_totals(result: AnalysisResult, style: Style) -> dict[str, str]:
    """The sums under the raw data, where a sum means something."""
    return {
        f"data:{i}": style.number(column.total, column.kind)
        for i, column in enumerate(result.data_columns)
        if math.isfinite(column.total)
    }


def decimals(column: DataColumn) -> int | None:
    """Digits after the point that a whole column shares; counts decide for themselves."""
    if column.kind != "number":
        return None
    values = [abs(v) for v in column.values if v is not None and math.isfinite(v)]
    for digits in range(4):
        if all(math.isclose(round(v, digits), v, rel_tol=1e-9, abs_tol=1e-12) for v in values):
            return digits
    middle = sorted(values)[len(values) // 2]
    return 1 if middle >= 100 else 2 if middle >= 1 else 3


def effect_digits(result: AnalysisResult, options: ForestOptions) -> int:
    """Two digits after the point, more for narrow intervals and fewer for wide ones."""
    if options.digits is not None:
        return options.digits
    log = result.scale.axis == "log"
    ends = [
        (math.log(s.lower), math.log(s.upper)) if log else (s.lower, s.upper)
        for s in result.used
        if _has_width(s, log)
    ]
    if not ends:
        return 2
    widths = sorted(upper - lower for lower, upper in ends)
    size = math.floor(math.log10(widths[len(widths) // 2]))
    return max(3 - size, 0) if size >= 2 and not log else min(max(1 - size, 2), 6)


def _has_width(study: StudyResult, log: bool) -> bool:
    return math.isfinite(study.upper) and study.upper > study.lower and (study.lower > 0 or not log)


def place(
    left: float,
    heads: Sequence[ColumnHead],
    rows: Iterable[Row],
    size: float,
    first_gap: float,
) -> Placed:
    """Give each column the room that its widest cell or heading takes."""
    lines = [row for row in rows if row.cells]
    widths = [_width(head, lines, size) for head in heads]
    gaps = [_gap(heads, i, size) if i else first_gap for i in range(len(heads))]
    spans = _spans(heads)
    wide = [Span(a, b, text_width(name, size, bold=True)) for name, a, b in spans]
    tracks = place_columns(left + first_gap, widths, gaps, wide)
    groups = tuple(
        (name, Track(tracks[a].x, tracks[b].right - tracks[a].x)) for name, a, b in spans
    )
    return Placed(tuple(heads), tracks, groups)


def _width(head: ColumnHead, rows: Sequence[Row], size: float) -> float:
    titles = [text_width(words, size, bold=True) for words in (head.title, head.above)]
    cells = (
        text_width(row.cells[head.key], size, bold=row.bold, tabular=True)
        for row in rows
        if head.key in row.cells
    )
    return max([*titles, *cells])


def _gap(heads: Sequence[ColumnHead], i: int, size: float) -> float:
    """Columns under one heading stand closer together than strangers."""
    here, before = heads[i].group, heads[i - 1].group
    return 1.4 * size if here and here == before else 2.4 * size


def _spans(heads: Sequence[ColumnHead]) -> list[tuple[str, int, int]]:
    """Runs of columns that share a heading: its words, first and last column."""
    spans: list[tuple[str, int, int]] = []
    for i, head in enumerate(heads):
        if not head.group:
            continue
        if spans and spans[-1][0] == head.group and spans[-1][2] == i - 1:
            spans[-1] = (head.group, spans[-1][1], i)
        else:
            spans.append((head.group, i, i))
    return spans


def cells_of(row: Row, heads: Iterable[ColumnHead]) -> Mapping[str, str]:
    """The row's words for these columns."""
    return {head.key: row.cells[head.key] for head in heads if head.key in row.cells}
