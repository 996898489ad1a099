"""The bundled typefaces made known to Qt, once, with an application object under them."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from threading import Lock

from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication

from metadesk.errors import FileProblem
from metadesk.figure.fonts import FALL_BACK, FAMILY, font_files

UNITS = 100

_registered = False
_lock = Lock()
_own_application: QGuiApplication | None = None


def ensure_fonts() -> None:
    """Register the bundled fonts; without an application object, make one that needs no display.

    Raises
    ------
    FileProblem
        If a font file is missing or damaged.
    """
    global _registered
    with _lock:
        if _registered:
            return
        _ensure_application()
        for path in font_files():
            if QFontDatabase.addApplicationFont(str(path)) < 0:
                raise FileProblem(
                    f"The font '{path}' cannot be read. Install metadesk again to restore it."
                )
        _registered = True


def _ensure_application() -> None:
    global _own_application
    if QGuiApplication.instance() is not None:
        return
    if sys.platform.startswith("linux"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    _own_application = QGuiApplication(["metadesk"])


@lru_cache(maxsize=256)
def painter_font(size: float, bold: bool, italic: bool, kerning: bool) -> QFont:
    """The figure's font at ``size`` points, in units of a hundredth of a point.

    Some of Qt's font engines round the size to whole units and advances to 1/64 of one; in so small
    units neither can be seen, and without hinting the widths are the same at every scale.
    """
    ensure_fonts()
    font = QFont()
    font.setFamilies([FAMILY, FALL_BACK])
    font.setPixelSize(max(round(size * UNITS), 1))
    font.setBold(bold)
    font.setItalic(italic)
    font.setKerning(kerning)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    font.setStyleStrategy(QFont.StyleStrategy.PreferAntialias)
    return font
