"""A page as a file: PNG at the size a journal asks for, SVG, PDF; saved whole or not at all."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QSizeF
from PySide6.QtGui import (
    QImage,
    QImageWriter,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
)

from metadesk.errors import FileProblem, SpecProblem
from metadesk.figure import Page, svg_text
from metadesk.paint.fonts import ensure_fonts
from metadesk.paint.painter import draw_page
from metadesk.saving import save_atomically, save_bytes

POINTS_PER_INCH = 72.0
CM_PER_INCH = 2.54
MIN_DPI, MAX_DPI = 50, 1200
FIGURE_DPI = 200  # of the figures inside a workbook
# Qt's raster painter counts pixels in 15 bits.
MAX_PIXELS = 32_000
PDF_RESOLUTION = 1200

KINDS = {"png": "PNG picture", "svg": "SVG drawing", "pdf": "PDF document"}


def export(
    page: Page, path: Path, kind: str = "", *, width_cm: float | None = None, dpi: int = 300
) -> Path:
    """Save a page as ``png``, ``svg`` or ``pdf``; without ``kind`` the file's ending decides.

    Parameters
    ----------
    page : Page
        The figure.
    path : Path
        Where to save it.
    kind : str
        A key of :data:`KINDS`.
    width_cm : float, optional
        Width of a PNG on paper; without it the figure's own size.
    dpi : int
        Dots per inch of a PNG, 50 to 1200.

    Raises
    ------
    SpecProblem
        If the kind is unknown or the picture would be too large to paint.
    FileProblem
        If the file cannot be written.
    """
    chosen = (kind or path.suffix.lstrip(".")).lower()
    match chosen:
        case "png":
            return export_png(page, path, width_cm=width_cm, dpi=dpi)
        case "svg":
            return export_svg(page, path)
        case "pdf":
            return export_pdf(page, path)
    raise SpecProblem(
        f"A figure is saved as {', '.join(KINDS)}, not as '{chosen}'. Choose one of these endings."
    )


def export_png(page: Page, path: Path, *, width_cm: float | None = None, dpi: int = 300) -> Path:
    """Save a page as a PNG of this width on paper and this resolution."""
    return save_bytes(path, png_bytes(page, width_cm=width_cm, dpi=dpi))


def export_svg(page: Page, path: Path) -> Path:
    """Save a page as an SVG drawing."""
    return save_bytes(path, svg_text(page).encode("utf-8"))


def export_pdf(page: Page, path: Path) -> Path:
    """Save a page as a one-page PDF of the figure's own size, with text that can be searched."""
    return save_atomically(path, _pdf_into(page))


def png_bytes(page: Page, *, width_cm: float | None = None, dpi: int = 300) -> bytes:
    """The page as a PNG in memory; safe in any thread once the application object exists."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, b"png")
    if not writer.write(paint_image(page, width_cm=width_cm, dpi=dpi)):
        raise FileProblem(f"The picture could not be made: {writer.errorString()}.")
    return bytes(buffer.data().data())


def paint_image(page: Page, *, width_cm: float | None = None, dpi: int = 300) -> QImage:
    """The page as an image on white ground, its resolution noted in it.

    Raises
    ------
    SpecProblem
        If resolution or size is out of range.
    """
    ensure_fonts()
    width, height = pixel_size(page, width_cm=width_cm, dpi=dpi)
    image = QImage(width, height, QImage.Format.Format_RGB32)
    if image.isNull():
        raise SpecProblem(
            f"A picture of {width} × {height} dots does not fit into memory. Choose fewer dots "
            "per inch, or save as PDF or SVG."
        )
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    try:
        painter.scale(width / page.width, height / page.height)
        draw_page(painter, page)
    finally:
        painter.end()
    per_metre = round(dpi / CM_PER_INCH * 100)
    image.setDotsPerMeterX(per_metre)
    image.setDotsPerMeterY(per_metre)
    return image


def pixel_size(page: Page, *, width_cm: float | None = None, dpi: int = 300) -> tuple[int, int]:
    """Width and height of the picture in dots.

    Raises
    ------
    SpecProblem
        If resolution or size is out of range; names the resolution that is possible.
    """
    if not MIN_DPI <= dpi <= MAX_DPI:
        raise SpecProblem(f"A PNG has {MIN_DPI} to {MAX_DPI} dots per inch, not {dpi}.")
    inches = page.width / POINTS_PER_INCH if width_cm is None else width_cm / CM_PER_INCH
    if not 0.2 <= inches <= 200:
        raise SpecProblem(f"A PNG is 0.5 to 500 cm wide, not {width_cm:g}.")
    width = max(round(inches * dpi), 1)
    height = max(round(inches * dpi * page.height / page.width), 1)
    if max(width, height) > MAX_PIXELS:
        possible = int(dpi * MAX_PIXELS / max(width, height))
        raise SpecProblem(
            f"At {dpi} dots per inch the picture would be {width} × {height} dots, more than can "
            f"be painted. Choose {possible} dots per inch or less, or save as PDF or SVG."
        )
    return width, height


def fitting_dpi(page: Page, *, width_cm: float | None = None, dpi: int = 300) -> int:
    """The resolution asked for, or the highest at which the whole page can still be painted.

    Thousands of studies make a page longer than a picture can be at a resolution anyone could
    read; then it is 0, and the page is one for PDF or SVG.
    """
    inches = page.width / POINTS_PER_INCH if width_cm is None else width_cm / CM_PER_INCH
    longest = inches * max(1.0, page.height / page.width)
    possible = min(dpi, int((MAX_PIXELS - 1) / longest))
    return possible if possible >= MIN_DPI else 0


def figure_for_workbook(page: Page) -> bytes | None:
    """The page as the PNG that stands in a results workbook; None where it is too long for one."""
    dpi = fitting_dpi(page, dpi=FIGURE_DPI)
    return png_bytes(page, dpi=dpi) if dpi else None


def _pdf_into(page: Page) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        ensure_fonts()
        _paint_pdf(page, path)
        path.write_bytes(without_dates(path.read_bytes()))

    return write


def _paint_pdf(page: Page, path: Path) -> None:
    writer = QPdfWriter(str(path))
    writer.setTitle(page.title)
    writer.setCreator("metadesk")
    writer.setResolution(PDF_RESOLUTION)
    size = QPageSize(
        QSizeF(page.width, page.height),
        QPageSize.Unit.Point,
        "figure",
        QPageSize.SizeMatchPolicy.ExactMatch,
    )
    writer.setPageLayout(QPageLayout(size, QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0)))
    painter = QPainter()
    if not painter.begin(writer):
        raise OSError(errno.EIO, "the file cannot be opened for writing")
    try:
        scale = PDF_RESOLUTION / POINTS_PER_INCH
        painter.scale(scale, scale)
        draw_page(painter, page)
    finally:
        ended = painter.end()
    if not ended or path.stat().st_size == 0:
        raise OSError(errno.ENOSPC, "no space left")


def without_dates(pdf: bytes) -> bytes:
    """Replace dates and random identifiers by fixed ones of the same length.

    The same figure then gives the same file, and the byte offsets inside it stay right.
    """
    for where, fixed in _VARYING:
        pdf = re.sub(where, _replacer(fixed), pdf)
    return pdf


_VARYING = (
    (rb"(?<=Date \(D:)\d{14}[^)]*(?=\))", b"20000101000000Z"),
    (rb"(?<=Date=[\"'])\d{4}-\d\d-\d\dT[^\"']*", b"2000-01-01T00:00:00+00:00"),
    (rb"(?<=uuid:)[0-9a-fA-F-]{36}", b"00000000-0000-0000-0000-000000000000"),
    (rb"(?<=/ID \[ <)[0-9a-fA-F]+> <[0-9a-fA-F]+(?=>)", b""),
)


def _replacer(fixed: bytes) -> Callable[[re.Match[bytes]], bytes]:
    def replace(found: re.Match[bytes]) -> bytes:
        old = found.group(0)
        # Digits beyond the fixed value become zeros, everything else keeps its place.
        return fixed[: len(old)] + re.sub(rb"[0-9a-fA-F]", b"0", old[len(fixed) :])

    return replace
