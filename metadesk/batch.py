"""Writing everything one analysis gives into a folder: numbers, workbook, figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metadesk.analysis.engine import AnyResult
from metadesk.errors import FileProblem
from metadesk.figure import Page
from metadesk.paint.export import export_pdf, export_png, export_svg, png_bytes
from metadesk.plots import PLOTS
from metadesk.reports.kinds import write_any_json, write_workbook

FIGURE_DPI = 200
"""Resolution of figures inside the workbook."""


def write_outputs(
    result: AnyResult,
    folder: Path,
    *,
    width_cm: float | None = None,
    dpi: int = 300,
) -> tuple[Path, ...]:
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
        Dots per inch of the PNG, 50 to 1200.

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
    figures = [(PLOTS[key].title, png_bytes(page, dpi=FIGURE_DPI)) for key, page in pages.items()]
    written = [folder / "results.json", folder / "results.xlsx"]
    write_any_json(result, written[0])
    write_workbook(result, written[1], figures)
    for key, page in pages.items():
        png: Callable[[Path], Path] = _png(page, width_cm, dpi)
        for suffix, save in (("png", png), ("svg", _svg(page)), ("pdf", _pdf(page))):
            path = folder / f"{key}.{suffix}"
            save(path)
            written.append(path)
    return tuple(written)


def drawn(result: AnyResult) -> dict[str, Page]:
    """Every plot that this result can carry."""
    return {plot.key: plot.draw(result, plot.options()) for plot in PLOTS if plot.fits(result)}


def _png(page: Page, width_cm: float | None, dpi: int) -> Callable[[Path], Path]:
    return lambda path: export_png(page, path, width_cm=width_cm, dpi=dpi)


def _svg(page: Page) -> Callable[[Path], Path]:
    return lambda path: export_svg(page, path)


def _pdf(page: Page) -> Callable[[Path], Path]:
    return lambda path: export_pdf(page, path)
