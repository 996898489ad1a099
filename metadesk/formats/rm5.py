"""RevMan 5 reviews (.rm5): their analyses in the rows and columns of RevMan's own CSV export.

What comes out is what :mod:`metadesk.formats.revman` reads: comparisons, outcomes, subgroups and
studies under each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from metadesk.errors import FileProblem
from metadesk.formats.layout import trimmed
from metadesk.formats.workbook import Sheet, Workbook
from metadesk.table import Value, parse_typed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HEADER = (
    "Comparison Number", "Outcome Number", "Subgroup Number", "Name", "Data Type",
    "Effect Measure", "Events 1", "Mean 1", "SD 1", "Total 1", "Events 2", "Mean 2", "SD 2",
    "Total 2", "Effect Estimate", "SE", "O-E", "Variance", "Year of study",
)  # fmt: skip
KINDS = {"DICH": "DIC", "CONT": "CON", "IV": "IV", "IPD": "IPD"}
ATTRIBUTES = {
    "Events 1": "EVENTS_1", "Mean 1": "MEAN_1", "SD 1": "SD_1", "Total 1": "TOTAL_1",
    "Events 2": "EVENTS_2", "Mean 2": "MEAN_2", "SD 2": "SD_2", "Total 2": "TOTAL_2",
    "O-E": "O_E", "Variance": "VAR",
}  # fmt: skip
GENERIC = {"Effect Estimate": "EFFECT_SIZE", "SE": "SE"}


def is_rm5(start: bytes) -> bool:
    """Whether a file begins as a RevMan 5 review does."""
    return b"<COCHRANE_REVIEW" in start


def read_rm5(path: Path) -> Workbook:
    """Read the analyses of a review as a workbook of one sheet.

    Raises
    ------
    FileProblem
        If the file is damaged or holds no analyses.
    """
    from xml.etree import ElementTree

    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as reason:
        raise FileProblem(
            f"'{path.name}' is a damaged RevMan file: {reason}. Export it from RevMan again."
        ) from reason
    studies = {s.get("ID", ""): (s.get("NAME", ""), s.get("YEAR", "")) for s in root.iter("STUDY")}
    rows: list[list[Value]] = [[*HEADER], *_rows(root, studies)]
    if len(rows) == 1:
        raise FileProblem(f"'{path.name}' is a RevMan review without analyses: it has no data yet.")
    return Workbook(path, (Sheet(path.stem, trimmed(rows), source=str(path)),))


def _rows(root: Element, studies: Mapping[str, tuple[str, str]]) -> Iterator[list[Value]]:
    """The rows of all comparisons."""
    for c, comparison in enumerate(root.iter("COMPARISON"), start=1):
        yield _row((c, 0, 0), {"Name": _name(comparison)})
        outcomes = (e for e in comparison if e.tag.endswith("_OUTCOME"))
        for o, outcome in enumerate(outcomes, start=1):
            kind = outcome.tag.removesuffix("_OUTCOME")
            if kind not in KINDS:
                continue  # 'other data' are words
            measure = outcome.get("EFFECT_MEASURE", "")
            said: dict[str, Value] = {"Data Type": KINDS[kind], "Effect Measure": measure}
            yield _row((c, o, 0), {"Name": _name(outcome), **said})
            yield from _studies(outcome, (c, o, 0), kind, studies)
            for s, group in enumerate(outcome.iter(f"{kind}_SUBGROUP"), start=1):
                yield _row((c, o, s), {"Name": _name(group), "Data Type": KINDS[kind]})
                yield from _studies(group, (c, o, s), kind, studies)


def _studies(
    parent: Element, place: tuple[int, int, int], kind: str,
    studies: Mapping[str, tuple[str, str]],
) -> Iterator[list[Value]]:  # fmt: skip
    """The studies right under an outcome or a subgroup."""
    for data in parent.findall(f"{kind}_DATA"):
        name, year = studies.get(data.get("STUDY_ID", ""), (data.get("STUDY_ID", ""), ""))
        cells: dict[str, Value] = {"Name": name, "Year of study": parse_typed(year)}
        wanted = {**ATTRIBUTES, **GENERIC} if kind == "IV" else ATTRIBUTES
        for column, attribute in wanted.items():
            cells[column] = parse_typed(data.get(attribute, ""))
        yield _row(place, cells)


def _row(place: tuple[int, int, int], cells: Mapping[str, Value]) -> list[Value]:
    return [*place, *(cells.get(name) for name in HEADER[3:])]


def _name(element: Element) -> str:
    return " ".join((element.findtext("NAME") or "").split())
