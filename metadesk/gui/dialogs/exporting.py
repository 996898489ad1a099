"""What an export writes, as a value, and the writing itself; it runs in the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metadesk.errors import FileProblem
from metadesk.numerics.progress import Progress

if TYPE_CHECKING:
    from metadesk.analysis.engine import AnyResult
    from metadesk.figure import Page


@dataclass(frozen=True)
class ExportChoice:
    """Which files, where, and how large the picture is; ``width_cm`` 0 means the figure's own."""

    folder: Path
    name: str
    workbook: bool = True
    png: bool = True
    svg: bool = False
    pdf: bool = False
    width_cm: float = 0.0
    dpi: int = 300

    def files(self, plot: str) -> tuple[Path, ...]:
        """The files that will be written."""
        wanted = []
        if self.workbook:
            wanted.append(self.folder / f"{self.name}.xlsx")
        wanted += [
            self.folder / f"{self.name} {plot}.{ending}"
            for ending in ("png", "svg", "pdf")
            if getattr(self, ending)
        ]
        return tuple(wanted)


@dataclass(frozen=True)
class ExportOrder:
    """A choice together with the result and the figure options it is about."""

    choice: ExportChoice
    result: AnyResult
    plot: str
    options: Mapping[str, Any]


def write_export(order: ExportOrder, progress: Progress) -> tuple[Path, ...]:
    """Write the files of an order.

    Raises
    ------
    FileProblem
        If the folder is not there or a file cannot be written; files already there stay whole.
    """
    from metadesk.options import from_plain
    from metadesk.plots import PLOTS

    choice = order.choice
    if not choice.folder.is_dir():
        raise FileProblem(f"There is no folder '{choice.folder}'. Choose one that exists.")
    plot = PLOTS[order.plot]
    page = None
    if plot.fits(order.result):
        page = plot.draw(order.result, from_plain(plot.options, order.options, where=plot.key))
    written = []
    paths = choice.files(order.plot)
    for at, path in enumerate(paths):
        progress.step(at / len(paths), path.name)
        if path.suffix == ".xlsx":
            _write_workbook(order, path, plot.title, page)
        elif page is not None:
            _write_figure(page, path, choice)
        else:
            continue
        written.append(path)
    return tuple(written)


def _write_workbook(order: ExportOrder, path: Path, title: str, page: Page | None) -> None:
    from metadesk.paint.export import figure_for_workbook
    from metadesk.reports.kinds import write_workbook

    png = None if page is None else figure_for_workbook(page)
    write_workbook(order.result, path, [] if png is None else [(title, png)])


def _write_figure(page: Page, path: Path, choice: ExportChoice) -> None:
    from metadesk.paint.export import export

    export(page, path, width_cm=choice.width_cm or None, dpi=choice.dpi)
