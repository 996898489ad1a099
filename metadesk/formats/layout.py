"""Where the table stands in a sheet: its header (one row or several), its rows, what is no study.

Extraction sheets begin with titles and blank rows, have headers of two levels with merged cells,
and end with totals and notes. All is found by what the rows hold, never by where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

from metadesk.table import StudyTable, TableColumn, Value, is_missing, number_in, shown
from metadesk.table.gestures import letter, unused_name
from metadesk.table.table import HEADER_ROW, NOTE_ROW, SUBTOTAL_ROW

Grid = tuple[tuple[Value, ...], ...]
Span = tuple[int, int, int, int]

SEARCHED = 40  # a header lies among the first rows, below no more than a page of titles
SHOWN_BELOW = 10
LONG_TEXT = 60

_SPACE = re.compile(r"\s+")
_SUBTOTAL = re.compile(
    r"(sub-?\s?total|(grand |sub)?total|overall|pooled|summary|sum|average|heterogeneity"
    r"|test for (overall|subgroup|heterogeneity)|(random|fixed|common)[- ]effects?)"
    r"( (effect|effects|estimate|model|events|result|size|differences))*"
    r"\s*:?\s*(\(.*\)|\[.*\])?:?$",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"(notes?\b|sources?\b|abbreviations?\b|legend\b|references?\b|footnotes?\b|\*|†|‡|§|[a-z]\)|#|\^)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Layout:
    """Rows of the grid that make up the table.

    ``header`` are the header's rows from the top (empty: the sheet has none), ``first`` and
    ``last`` the first row of data and the row after the last.
    """

    header: tuple[int, ...]
    first: int
    last: int


def find_layout(grid: Grid, merged: Sequence[Span] = ()) -> Layout:
    """Find header and data rows of the table in a sheet."""
    row = _header_row(grid)
    if row is None:
        first = next((r for r, cells in enumerate(grid) if _filled(cells)), 0)
        return Layout((), first, len(grid))
    levels = [row]
    if _is_second_level(grid, row, merged):
        levels.append(row + 1)
    while levels[0] > 0 and _is_upper_level(grid, levels[0] - 1, levels[0], merged):
        levels.insert(0, levels[0] - 1)
    return Layout(tuple(levels), levels[-1] + 1, len(grid))


def table_from(
    grid: Grid,
    merged: Sequence[Span],
    layout: Layout,
    *,
    name: str = "Sheet",
    source: str = "",
) -> StudyTable:
    """Make the study table at ``layout``.

    Blank rows and nameless blank columns are left out. Totals, notes and repeated headers stay in
    the table as excluded rows with their reason.
    """
    names = _names(grid, merged, layout.header)
    rows = [grid[r] for r in range(layout.first, layout.last) if _filled(grid[r])]
    gaps = _rows_after_a_gap(grid, layout)
    reasons = _reasons(rows, [n or "" for n in names], gaps)
    columns: list[TableColumn] = []
    taken: set[str] = set()
    for at, cells in enumerate(zip(*rows, strict=True) if rows else [()] * len(names)):
        if names[at] is None and all(v is None for v in cells):
            continue
        title = unused_name(names[at] or f"Column {letter(at)}", taken)
        taken.add(title)
        columns.append(TableColumn(len(columns), title, tuple(cells)))
    ids = tuple(range(len(rows)))
    return StudyTable(tuple(columns), ids, MappingProxyType(reasons), name, source)


def filled_down(grid: Grid, merged: Sequence[Span], layout: Layout) -> tuple[Grid, tuple[str, ...]]:
    """Write a cell that is merged over several data rows into each of them, and say so.

    Rows that hold nothing else stay blank: a merged note under the table is one note.
    """
    tall = sorted(s for s in merged if s[2] > s[0] and layout.first <= s[0] < layout.last)
    rows = {r: list(grid[r]) for top, _, bottom, _ in tall for r in range(top, bottom + 1)
            if r < len(grid)}  # fmt: skip
    found = []
    for top, left, bottom, _ in tall:
        value = grid[top][left] if top < len(grid) and left < len(grid[top]) else None
        below = [r for r in range(top + 1, bottom + 1) if r in rows and _filled(grid[r])]
        if value is None or not below:
            continue
        found.append(f"{letter(left)}{top + 1}")
        for r in below:
            rows[r][left] = value
    if not found:
        return grid, ()
    cells = ", ".join(found[:4]) + (" …" if len(found) > 4 else "")
    filled = tuple(tuple(rows[r]) if r in rows else row for r, row in enumerate(grid))
    return filled, (f"Cells merged over several rows ({cells}) count for each of these rows.",)


def trimmed(rows: Sequence[Sequence[Value]]) -> Grid:
    """Rows cut to the used range (nothing but blanks beyond it) and padded to equal length."""
    last = max((r for r, cells in enumerate(rows) if _filled(cells)), default=-1)
    kept = rows[: last + 1]
    width = max((_width(cells) for cells in kept), default=0)
    return tuple(tuple(cells[:width]) + (None,) * (width - len(cells)) for cells in kept)


def _width(cells: Sequence[Value]) -> int:
    """How many cells there are up to the last one that holds something."""
    for at in range(len(cells), 0, -1):
        if cells[at - 1] is not None:
            return at
    return 0


def _filled(cells: Sequence[Value]) -> int:
    """How many cells hold something."""
    return len(cells) - cells.count(None)


def _is_number(value: Value) -> bool:
    """Whether a cell holds a number, typed or as text."""
    return value is not None and number_in(value) == number_in(value)


def _is_words(value: Value) -> bool:
    """Whether a cell holds text that is no number."""
    return isinstance(value, str) and not _is_number(value)


def _header_row(grid: Grid) -> int | None:
    """The first row that names what stands below it."""
    for r in range(min(len(grid), SEARCHED)):
        if _filled(grid[r]) and _looks_like_header(grid, r):
            return r
        if _looks_like_data(grid[r]):
            return None
    return None


def _looks_like_data(cells: Sequence[Value]) -> bool:
    """Whether a row holds numbers as data rows do: once such a row is seen, no header follows."""
    return sum(_is_number(v) for v in cells) >= 2


def _looks_like_header(grid: Grid, r: int) -> bool:
    """Whether a row is mostly words, as wide as what follows, with no number over numbers."""
    cells = grid[r]
    width = max(len(cells) - _blank_columns(grid), 1)
    filled = _filled(cells)
    if filled < min(2, width) or sum(_is_words(v) for v in cells) < 0.6 * filled:
        return False
    below = _rows_below(grid, r)
    if not below:
        return all(_is_words(v) or v is None for v in cells)
    if filled < 0.5 * median(_filled(row) for row in below):
        return False
    return not any(_number_over_numbers(v, [row[c] for row in below]) for c, v in enumerate(cells))


def _number_over_numbers(value: Value, below: Sequence[Value]) -> bool:
    """Whether a number stands over numbers of its kind (years over counts may be a header)."""
    if isinstance(value, str) or not _is_number(value):
        return False
    numbers = [number_in(v) for v in below if _is_number(v)]
    a_year = 1900 <= number_in(value) <= 2100
    return bool(numbers) and not (a_year and not all(1900 <= n <= 2100 for n in numbers))


def _rows_below(grid: Grid, r: int) -> list[tuple[Value, ...]]:
    """The next rows that hold something."""
    return [row for row in grid[r + 1 : r + 1 + 3 * SHOWN_BELOW] if _filled(row)][:SHOWN_BELOW]


def _blank_columns(grid: Grid) -> int:
    """How many columns hold nothing among the rows searched."""
    return sum(all(v is None for v in column) for column in zip(*grid[:SEARCHED], strict=True))


def _is_second_level(grid: Grid, r: int, merged: Sequence[Span]) -> bool:
    """Whether the row below a header names its parts ('Events', 'Total' under 'Intervention')."""
    if r + 1 >= len(grid):
        return False
    upper, lower = grid[r], grid[r + 1]
    named = [c for c, v in enumerate(lower) if v is not None]
    if not named or not all(_is_words(lower[c]) for c in named):
        return False
    under_a_gap = [c for c in named if upper[c] is None]
    under_a_span = any(top == r and right > left for top, left, _, right in merged)
    numbers = [c for c in named if any(_is_number(row[c]) for row in _rows_below(grid, r + 1))]
    return bool(under_a_gap or under_a_span) and len(numbers) >= max(1, len(named) // 2)


def _is_upper_level(grid: Grid, r: int, header: int, merged: Sequence[Span]) -> bool:
    """Whether the row above a header groups its columns, and is not a title or a remark."""
    cells = grid[r]
    named = [c for c, v in enumerate(cells) if v is not None]
    if not named or not all(_is_words(cells[c]) for c in named):
        return False
    if any(len(str(cells[c])) > LONG_TEXT for c in named):
        return False
    spans = [right - left + 1 for top, left, _, right in merged if top == r and right > left]
    if spans:
        return max(spans) < 0.7 * len(cells)
    if named == [0]:
        return False
    return cells[0] is None or grid[header][0] is None


def _names(grid: Grid, merged: Sequence[Span], header: Sequence[int]) -> list[str | None]:
    """A name for each column: the levels of the header joined, None where nothing is written."""
    width = len(grid[0]) if grid else 0
    if not header:
        return [None] * width
    levels = [_spread(grid, r, merged, last=r == header[-1]) for r in header]
    names: list[str | None] = []
    for c in range(width):
        parts = dict.fromkeys(_one_line(level[c]) for level in levels if level[c] is not None)
        names.append(" / ".join(part for part in parts if part) or None)
    return names


def _spread(grid: Grid, r: int, merged: Sequence[Span], *, last: bool) -> list[Value]:
    """A header row with its group titles written over every column that they span."""
    cells = list(grid[r])
    spans = [span for span in merged if span[0] == r and span[3] > span[1]]
    for top, left, _, right in spans:
        for c in range(left, min(right + 1, len(cells))):
            cells[c] = grid[top][left]
    if last or spans:
        return cells
    below, carried = grid[r + 1], None
    for c, value in enumerate(grid[r]):
        if value is not None:
            carried = value if below[c] is not None else None
        elif below[c] is not None:
            cells[c] = carried
    return cells


def _one_line(value: Value) -> str:
    """A header cell without line breaks and double spaces."""
    return _SPACE.sub(" ", shown(value)).strip()


def _rows_after_a_gap(grid: Grid, layout: Layout) -> set[int]:
    """Positions, among the filled rows, of those that follow a blank row."""
    after, position, blank = set(), 0, False
    for r in range(layout.first, layout.last):
        if not _filled(grid[r]):
            blank = True
            continue
        if blank and position:
            after.add(position)
        position, blank = position + 1, False
    return after


def _reasons(
    rows: Sequence[Sequence[Value]], names: Sequence[str], gaps: set[int]
) -> dict[int, str]:
    """Why some rows are no studies, by position."""
    reasons: dict[int, str] = {}
    known = {name.lower() for name in names if name}
    for at, cells in enumerate(rows):
        if _repeats_header(cells, known):
            reasons[at] = HEADER_ROW
        elif _is_subtotal(cells):
            reasons[at] = SUBTOTAL_ROW
    for at in _notes_at_the_end(rows, gaps):
        reasons.setdefault(at, NOTE_ROW)
    return reasons


def _repeats_header(cells: Sequence[Value], names: set[str]) -> bool:
    """Whether a row says the column names again."""
    same = sum(isinstance(v, str) and v.lower() in names for v in cells)
    return same >= 2 and same >= 0.5 * _filled(cells)


def _is_subtotal(cells: Sequence[Value]) -> bool:
    """Whether the first words in a row call it a total."""
    first = next((v for v in cells if isinstance(v, str)), None)
    return first is not None and _SUBTOTAL.match(first) is not None


def _notes_at_the_end(rows: Sequence[Sequence[Value]], gaps: set[int]) -> list[int]:
    """Positions of the notes under the table: lone texts that are long, marked, or set apart."""
    if not rows or len(rows[0]) < 3:
        return []
    start = len(rows)
    while start > 0 and _is_lone_text(rows[start - 1]):
        start -= 1
    for at in range(start, len(rows)):
        text = _one_line(next(v for v in rows[at] if v is not None))
        if at in gaps or len(text) > LONG_TEXT or _NOTE.match(text):
            return list(range(at, len(rows)))
    return []


def _is_lone_text(cells: Sequence[Value]) -> bool:
    """Whether a row holds one text and nothing else (a total's heterogeneity line holds two)."""
    filled = [v for v in cells if v is not None]
    return len(filled) == 1 and _is_words(filled[0]) and not is_missing(filled[0])
