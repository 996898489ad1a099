"""The colours of the sheet in light and dark, none of them the only bearer of a meaning."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QPalette

from metadesk.gui import theme
from metadesk.table import Role


@dataclass(frozen=True)
class Tint:
    """A fill with the colour of what is written on it and of its outline."""

    fill: QColor
    ink: QColor
    line: QColor


@dataclass(frozen=True)
class SheetColours:
    """Everything the sheet paints with that the palette does not name."""

    base: QColor
    ink: QColor
    grid: QColor
    header: QColor
    header_ink: QColor
    muted: QColor
    faint: QColor
    spare: QColor
    effect: QColor
    effect_header: QColor
    excluded_ink: QColor
    selected: QColor
    current_row: QColor
    current: QColor
    error: Tint
    warning: Tint
    note_mark: QColor
    chips: dict[str, Tint]


def _tint(fill: str, ink: str, line: str) -> Tint:
    return Tint(QColor(fill), QColor(ink), QColor(line))


LIGHT = SheetColours(
    base=QColor(theme.LIGHT.base),
    ink=QColor(theme.LIGHT.text),
    grid=QColor("#e4e7eb"),
    header=QColor("#f6f7f9"),
    header_ink=QColor(theme.LIGHT.text),
    muted=QColor(theme.LIGHT.muted),
    faint=QColor("#8792a0"),
    spare=QColor("#fbfbfc"),
    effect=QColor("#f2f6fb"),
    effect_header=QColor("#e6eef8"),
    excluded_ink=QColor("#a3abb6"),
    selected=QColor(47, 109, 181, 38),
    current_row=QColor(47, 109, 181, 12),
    current=QColor(theme.LIGHT.accent),
    error=_tint("#fde8e6", "#8f1d14", "#c8372b"),
    warning=_tint("#fff4d6", "#6b4e00", "#c98a00"),
    note_mark=QColor("#2f6db5"),
    chips={
        "study": _tint("#e3e8ee", "#364152", "#93a0b1"),
        "group1": _tint("#d8e8f8", "#0f4c81", "#5b9bd5"),
        "group2": _tint("#fde6cd", "#7a4100", "#e0994a"),
        "estimate": _tint("#e9e1f5", "#4f2d7f", "#a488cf"),
        "trial": _tint("#d9efe7", "#125642", "#5fb294"),
        "none": _tint("#f6f7f9", "#8792a0", "#b8c0ca"),
    },
)
DARK = SheetColours(
    base=QColor("#1b1f24"),  # darker than the wells of the panels: it is the paper
    ink=QColor(theme.DARK.text),
    grid=QColor("#343a42"),
    header=QColor("#2a2f36"),
    header_ink=QColor(theme.DARK.text),
    muted=QColor(theme.DARK.muted),
    faint=QColor("#8a94a1"),
    spare=QColor("#1f2328"),
    effect=QColor("#212b37"),
    effect_header=QColor("#26364a"),
    excluded_ink=QColor("#6c7683"),
    selected=QColor(111, 168, 232, 56),
    current_row=QColor(111, 168, 232, 18),
    current=QColor(theme.DARK.accent),
    error=_tint("#4a2423", "#ffb4ab", "#ef6a5e"),
    warning=_tint("#463a17", "#ffd978", "#e0ab2b"),
    note_mark=QColor("#6fa8e8"),
    chips={
        "study": _tint("#3b434d", "#d3dae3", "#6d7987"),
        "group1": _tint("#1f3e5c", "#b9dbfb", "#4c88c2"),
        "group2": _tint("#553715", "#ffd6a3", "#bb7a30"),
        "estimate": _tint("#41325c", "#dccbf7", "#8566b8"),
        "trial": _tint("#1d4638", "#aee5cf", "#43907a"),
        "none": _tint("#2a2f36", "#8a94a1", "#59636f"),
    },
)


def sheet_colours(palette: QPalette) -> SheetColours:
    """Choose by the lightness of the palette's own paper."""
    return DARK if palette.color(QPalette.ColorRole.Base).lightness() < 128 else LIGHT


def chip_of(role: Role | None) -> str:
    """Name the chip colour of a role: by its arm first, then by what it belongs to."""
    if role is None:
        return "none"
    if role.arm:
        return f"group{role.arm}"
    return {"Study": "study", "Trial rows": "trial"}.get(role.group, "estimate")


def scroll_bar_css(colours: SheetColours) -> str:
    """A slim scroll bar without arrows."""
    handle, hover = colours.chips["none"].line.name(), colours.faint.name()
    return f"""
    QScrollBar {{ background: {colours.header.name()}; border: none; margin: 0; }}
    QScrollBar:vertical {{ width: 12px; }}
    QScrollBar:horizontal {{ height: 12px; }}
    QScrollBar::handle {{ background: {handle}; border-radius: 3px; margin: 3px; }}
    QScrollBar::handle:vertical {{ min-height: 28px; }}
    QScrollBar::handle:horizontal {{ min-width: 28px; }}
    QScrollBar::handle:hover {{ background: {hover}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
    """
