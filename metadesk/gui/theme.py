"""How the window looks: two palettes, one accent, sizes on a grid of eight, and the icons.

Fusion is drawn on every system so that geometry and colours are the same; the palette is ours
because Qt's own dark palette exists only where the platform has one. Style sheets are set on single
panels, never on the application: they would slow every cell of the sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QWidget

from metadesk.resources import resource_dir

Scheme = Literal["light", "dark"]
GRID = 8  # px


@dataclass(frozen=True)
class Tones:
    """The colours of one scheme; everything that paints asks here."""

    scheme: Scheme
    window: str
    base: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selection: str
    note: str
    caution: str
    strong: str
    good: str


LIGHT = Tones(
    scheme="light", window="#f5f6f8", base="#ffffff", raised="#ffffff", line="#dcdfe4",
    text="#1d2430", muted="#5b6573", accent="#2f6db5", on_accent="#ffffff", selection="#d6e5f6",
    note="#5b6573", caution="#96640a", strong="#b3372c", good="#2f7d4f",
)  # fmt: skip
DARK = Tones(
    scheme="dark", window="#1e2228", base="#303843", raised="#2b323b", line="#414956",
    text="#e6e9ee", muted="#a3adbb", accent="#76ade8", on_accent="#10151c", selection="#2d4a6b",
    note="#a3adbb", caution="#e3b34e", strong="#f08a7e", good="#7cc79a",
)  # fmt: skip


def tones() -> Tones:
    """The tones that are in force; without :func:`apply_theme` those that suit the palette."""
    return _IN_FORCE[-1] if _IN_FORCE else _suiting_the_palette()


_IN_FORCE: list[Tones] = []  # asked for at every repaint, so it is not worked out each time


def _suiting_the_palette() -> Tones:
    dark = QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128
    return DARK if dark else LIGHT


def palette_of(t: Tones) -> QPalette:
    """The Qt palette of one scheme."""
    role = QPalette.ColorRole
    palette = QPalette()
    for which, colour in (
        (role.Window, t.window), (role.WindowText, t.text), (role.Base, t.base),
        (role.AlternateBase, t.window), (role.Text, t.text), (role.Button, t.raised),
        (role.ButtonText, t.text), (role.BrightText, t.strong), (role.Highlight, t.accent),
        (role.HighlightedText, t.on_accent), (role.Link, t.accent), (role.LinkVisited, t.accent),
        (role.ToolTipBase, t.raised), (role.ToolTipText, t.text), (role.PlaceholderText, t.muted),
        (role.Light, t.raised), (role.Midlight, t.line), (role.Mid, t.line), (role.Dark, t.muted),
        (role.Shadow, "#000000"), (role.Accent, t.accent),
    ):  # fmt: skip
        palette.setColor(which, QColor(colour))
    faint = QColor(t.muted)
    faint.setAlphaF(0.6)
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, faint)
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(t.line))
    return palette


def apply_theme(app: QApplication, wanted: str = "system") -> None:
    """Put the application into 'light', 'dark', or what the system asks for."""
    if app.style().objectName() != "fusion":
        app.setStyle("Fusion")
    dark_system = app.styleHints().colorScheme() == Qt.ColorScheme.Dark
    dark = wanted == "dark" or (wanted == "system" and dark_system)
    icon.cache_clear()
    _IN_FORCE[:] = [DARK if dark else LIGHT]
    app.setPalette(palette_of(_IN_FORCE[-1]))


def panel_css(t: Tones) -> str:
    """The style of panels beside the sheet: quiet headings, muted help, cards, flat toolbars."""
    return (
        f"""
    QLabel[role="heading"] {{ font-weight: 600; color: {t.text}; }}
    QLabel[role="title"] {{ font-weight: 600; color: {t.text}; }}
    QLabel[role="muted"], QLabel[role="field"] {{ color: {t.muted}; }}
    QLabel[role="warning"] {{ color: {t.strong}; }}
    QFrame[role="card-note"], QFrame[role="card-caution"], QFrame[role="card-strong"],
    QFrame[role="card-stop"] {{ background: {t.raised}; border: none; border-radius: 4px; }}
    QFrame[role="card-note"] {{ border-left: 3px solid {t.line}; }}
    QFrame[role="card-caution"] {{ border-left: 3px solid {t.caution}; }}
    QFrame[role="card-strong"], QFrame[role="card-stop"] {{ border-left: 3px solid {t.strong}; }}
    QFrame[role="equation"] {{ background: {t.raised}; border: none; border-radius: 6px; }}
    QFrame[role="rule"] {{ background: {t.line}; border: none; max-height: 1px; }}
    QToolButton[role="section"] {{
        border: none; font-weight: 600; color: {t.text}; padding: 4px 0px; text-align: left; }}
    QToolButton[role="section"]:focus {{ color: {t.accent}; }}
    QToolButton[role="flat"] {{ border: none; border-radius: 4px; padding: 4px 8px; }}
    QToolButton[role="flat"]:hover, QToolButton[role="flat"]:focus {{ background: {t.selection}; }}
    QToolButton[role="flat"]:checked {{ background: {t.selection}; }}
    QScrollArea {{ border: none; background: transparent; }}
    QTableView {{ background: transparent; border: none; border-bottom: 1px solid {t.line};
        selection-background-color: {t.selection}; selection-color: {t.text}; }}
    QHeaderView, QHeaderView::section {{ background: transparent; color: {t.muted}; border: none; }}
    QHeaderView::section {{ border-top: 1px solid {t.muted}; border-bottom: 1px solid {t.muted};
        padding: 3px; }}
    QWidget#setupBody, QWidget#resultsBody {{ background: transparent; }}
    """
        + scroll_css(t)
        + ticks_css(t)
    )


def scroll_css(t: Tones) -> str:
    """The style of scroll bars: slim, without arrows."""
    return f"""
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: {t.line}; border-radius: 4px; margin: 1px; }}
    QScrollBar::handle:hover {{ background: {t.muted}; }}
    QScrollBar::handle:vertical {{ min-height: 32px; }}
    QScrollBar::handle:horizontal {{ min-width: 32px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """


def ticks_css(t: Tones) -> str:
    """The style of boxes to tick and to choose from; Fusion's own are lost on dark ground."""
    tick = (resource_dir() / "icons" / f"tick-{t.scheme}.svg").as_posix()
    return f"""
    QRadioButton {{ padding: 2px 0px; }}
    QCheckBox::indicator, QRadioButton::indicator {{ width: 12px; height: 12px;
        border: 1px solid {t.muted}; background: {t.base}; }}
    QCheckBox::indicator {{ border-radius: 3px; }}
    QRadioButton::indicator {{ border-radius: 7px; }}
    QCheckBox::indicator:hover, QRadioButton::indicator:hover,
    QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border-color: {t.accent}; }}
    QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
        image: url("{tick}"); }}
    QRadioButton::indicator:checked {{ width: 6px; height: 6px; border: 4px solid {t.accent};
        background: {t.on_accent}; }}
    QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {{
        border-color: {t.line}; background: transparent; }}
    QCheckBox::indicator:checked:disabled {{ background: {t.line}; }}
    """


def bar_css(t: Tones) -> str:
    """The style of the tool bar: flat, with the accent only under the pointer."""
    return f"""
    QToolBar {{ border: none; border-bottom: 1px solid {t.line}; background: {t.window};
        spacing: 2px; padding: 2px 8px; }}
    QToolBar::separator {{ background: {t.line}; width: 1px; margin: 6px 6px; }}
    QToolButton {{ border: none; border-radius: 4px; padding: 4px 8px; }}
    QToolButton:hover, QToolButton:focus {{ background: {t.selection}; }}
    QToolButton:pressed {{ background: {t.line}; }}
    """


def tabs_css(t: Tones, *, edge: str = "bottom", pad: str = "7px 14px") -> str:
    """The style of tabs: words with the accent at one edge of the one in front."""
    return f"""
    QTabWidget::pane {{ border: none; border-top: 1px solid {t.line}; }}
    QTabBar {{ background: {t.window}; }}
    QTabBar::tab {{ padding: {pad}; border: none; border-{edge}: 2px solid transparent;
        color: {t.muted}; background: transparent; }}
    QTabBar::tab:selected {{ color: {t.text}; border-{edge}: 2px solid {t.accent}; }}
    QTabBar::tab:hover {{ color: {t.text}; }}
    QTabBar::tab:focus {{ color: {t.accent}; }}
    """


def set_role(widget: QWidget, role: str) -> None:
    """Say what a widget is, for the style sheet of its panel."""
    widget.setProperty("role", role)


def scaled_font(font: QFont, factor: float = 1.0, *, bold: bool = False) -> QFont:
    """A font of the same family at another size."""
    larger = QFont(font)
    if font.pointSizeF() > 0:
        larger.setPointSizeF(font.pointSizeF() * factor)
    else:
        larger.setPixelSize(round(font.pixelSize() * factor))
    larger.setBold(bold)
    return larger


@lru_cache(maxsize=128)
def icon(name: str, colour: str = "") -> QIcon:
    """One of the bundled line icons in the colour of the text, sharp at every scaling."""
    path = resource_dir() / "icons" / f"{name}.svg"
    if not path.is_file():
        return QIcon()
    drawing = path.read_text(encoding="utf-8")
    made = QIcon()
    for mode, tone, sizes in (
        (QIcon.Mode.Normal, colour or tones().text, (16, 20, 40, 64)),
        (QIcon.Mode.Disabled, "#9aa3af", (20, 40)),
    ):
        renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", tone).encode()))
        for size in sizes:
            pixmap = QPixmap(QSize(size, size))
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            renderer.render(painter)
            painter.end()
            made.addPixmap(pixmap, mode)
    return made
