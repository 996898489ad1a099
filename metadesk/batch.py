"""Writing everything one analysis gives into a folder: numbers, workbook, figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metadesk.analysis.engine import AnyResult
from metadesk.errors import FileProblem
from metadesk.figure import Page
from metadesk.paint.export import (
    MAX_DPI,
    MIN_DPI,
    export_pdf,
    export_png,
    export_svg,
    figure_for_workbook,
    fitting_dpi,
)
from metadesk.plots import PLOTS
from metadesk.reports.kinds import write_any_json, write_workbook


@dataclass(frozen=True)
class Written:
    """Files that were written, and what has to be said about those that were not as asked."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def write_outputs(
    result: AnyResult,
    folder: Path,
    *,
    width_cm: float | None = None,
    dpi: int = 300,
) -> Written:
    """Write ``results.json``, ``results.xlsx`` and each plot as PNG, SVG and PDF.

    Parameters
    ----------
    result : AnalysisResult or TrialResult
        What to write.
    folder : Path
        Made if it does not exist; files of an earlier run are replaced.
    width_cm : float, optional
        Width of the PNG; without it the figure's own size.
    dpi : int
        Dots per inch of the PNG, 50 to 1200; fewer where a page of very many studies has no room
        for them, and no PNG where it could not be read.

    Raises
    ------
    FileProblem
        If the folder cannot be made or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FileProblem(
            f"The folder '{folder}' cannot be made: {problem.strerror}. Choose another folder."
        ) from None
    pages = drawn(result)
    made = {PLOTS[key].title: figure_for_workbook(page) for key, page in pages.items()}
    figures = [(title, png) for title, png in made.items() if png is not None]
    written = [folder / "results.json", folder / "results.xlsx"]
    write_any_json(result, written[0])
    write_workbook(result, written[1], figures)
    notes = []
    for key, page in pages.items():
        ways: dict[str, Callable[[Path], Path]] = {"svg": _svg(page), "pdf": _pdf(page)}
        fits = fitting_dpi(page, width_cm=width_cm, dpi=dpi) if MIN_DPI <= dpi <= MAX_DPI else dpi
        if fits:
            ways = {"png": _png(page, width_cm, fits), **ways}
        if fits != dpi:
            notes.append(_too_long(f"{key}.png", dpi, fits))
        for suffix, save in ways.items():
            written.append(save(folder / f"{key}.{suffix}"))
    return Written(tuple(written), tuple(notes))


def _too_long(name: str, asked: int, fits: int) -> str:
    where = "SVG and PDF have no such limit."
    if fits:
        return f"{name} has {fits} dots per inch, as the figure is too long for {asked}. {where}"
    return f"{name} was not written: the figure is longer than a picture can be. {where}"


def drawn(result: AnyResult) -> dict[str, Page]:
    """Every plot that this result can carry."""
    return {plot.key: plot.draw(result, plot.options()) for plot in PLOTS if plot.fits(result)}


def _png(page: Page, width_cm: float | None, dpi: int) -> Callable[[Path], Path]:
    return lambda path: export_png(page, path, width_cm=width_cm, dpi=dpi)


def _svg(page: Page) -> Callable[[Path], Path]:
    return lambda path: export_svg(page, path)


def _pdf(page: Page) -> Callable[[Path], Path]:
    return lambda path: export_pdf(page, path)
