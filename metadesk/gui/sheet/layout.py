"""Which columns stand still, which scroll, and how wide each is."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QFont, QFontMetrics

from metadesk.gui.sheet.grid import TICK, SheetModel
from metadesk.gui.sheet.header import RoleHeader
from metadesk.table import NOT_A_STUDY

MEASURED_ROWS = 100
NARROWEST, WIDEST = 56, 230
TICK_WIDTH, SPARE_WIDTH = 30, 88
EFFECT_WIDTHS = {"yi": 72, "sei": 64, "route": 150, "effect": 158}
LONGEST_NUMBER = 10  # characters; longer decimals are rounded to what fits
MOST_FROZEN = 4  # a study column further to the right is not frozen: too much would stand still


@dataclass(frozen=True)
class Division:
    """Sections before ``frozen`` stand still at the left, those from ``pinned`` on at the right."""

    frozen: int
    pinned: int


class ColumnWidths:
    """Widths measured from the first rows, or as the person dragged them."""

    def __init__(self, model: SheetModel, header: RoleHeader) -> None:
        self._model, self._header = model, header
        self._measured: dict[object, int] = {}
        self._dragged: dict[object, int] = {}

    def forget(self) -> None:
        """Forget everything: another table is here."""
        self._measured.clear()
        self._dragged.clear()

    def remeasure(self) -> None:
        """Names and roles changed; what the person dragged stays."""
        self._measured.clear()

    def effects_differ(self, font: QFont) -> bool:
        """Measure the effect columns again; they only grow, so that typing makes nothing jump."""
        first, end = self._model.first_effect, self._model.columnCount()
        grown = False
        for section in range(first, end):
            width = self._measure(section, QFontMetrics(font))
            key = self._key(section)
            if width > self._measured.get(key, 0):
                self._measured[key], grown = width, True
        return grown

    def drag(self, section: int, width: int) -> None:
        """Keep a width that the person chose."""
        self._dragged[self._key(section)] = width

    def undrag(self, section: int) -> None:
        """Fit a column to its content again."""
        self._dragged.pop(self._key(section), None)
        self._measured.pop(self._key(section), None)

    def of(self, section: int, font: QFont) -> int:
        """The width of a section."""
        key = self._key(section)
        if key in self._dragged:
            return self._dragged[key]
        if key not in self._measured:
            self._measured[key] = self._measure(section, QFontMetrics(font))
        return self._measured[key]

    def _key(self, section: int) -> object:
        column = self._model.column_at(section)
        return column.id if column is not None else self._model.effect_key(section) or -1 - section

    def _measure(self, section: int, metrics: QFontMetrics) -> int:
        if section == TICK:
            return TICK_WIDTH
        scale = metrics.height() / 17
        key = self._model.effect_key(section)
        if key:
            least, most = round(EFFECT_WIDTHS[key] * scale), round(WIDEST * scale)
            wanted = max(self._header.wanted_width(section), self._content(section, metrics))
            return max(least, min(wanted, least if key == "route" else most))
        if self._model.column_at(section) is None:
            return round(SPARE_WIDTH * scale)
        wanted = max(self._content(section, metrics), self._header.wanted_width(section))
        return max(round(NARROWEST * scale), min(wanted, round(WIDEST * scale)))

    def _content(self, section: int, metrics: QFontMetrics) -> int:
        """What the first rows need; notes under the table and reasons for no effect may be cut."""
        model, effect = self._model, bool(self._model.effect_key(section))
        out = model.table.excluded
        rows = [
            row
            for row, row_id in enumerate(model.table.row_ids[:MEASURED_ROWS])
            if out.get(row_id) not in NOT_A_STUDY and not (effect and model.effect(row).missing)
        ]
        texts = {model.text(row, section) for row in rows}
        long = metrics.horizontalAdvance("0" * LONGEST_NUMBER)
        widths = (
            min(metrics.horizontalAdvance(text), long if _is_decimal(text) else WIDEST * 4)
            for text in texts
        )
        return max(widths, default=0) + 18


def _is_decimal(text: str) -> bool:
    """Whether a text is a number that may be shown with fewer digits."""
    return "." in text and text.lstrip("-").replace(".", "", 1).isdigit()


def divide(model: SheetModel, widths: list[int], available: int) -> Division:
    """Freeze and pin only if the sheet is wider than the view, and never more than half of it."""
    count = len(widths)
    if sum(widths) <= available:
        return Division(TICK + 1, count)
    frozen = TICK + 1
    study = model.table.with_role("study")
    if study is not None:
        upto = model.table.column_position(study.id) + 2
        if upto - 1 <= MOST_FROZEN and sum(widths[:upto]) <= 0.45 * available:
            frozen = upto
    pinned = count
    last = widths[-1]
    if last <= 0.3 * available and sum(widths[:frozen]) + last <= 0.7 * available:
        pinned = count - 1
    return Division(frozen, pinned)
