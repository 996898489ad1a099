"""Forms made from option fields: one widget an option, its words above it, its help as a tip.

Nobody writes a form by hand: :func:`metadesk.options.options_of` says what there is.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.errors import SpecProblem
from metadesk.gui.theme import set_role
from metadesk.options import Option, checked, options_of

LARGE = 1e9


def tab_after(before: QWidget, form: QWidget) -> None:
    """Let Tab go from a widget into a form that was made later than what follows it."""
    for widget in form.findChildren(QWidget):
        # the line inside a spin box follows it; the list of a combo box is a window of its own
        own = not widget.objectName().startswith("qt_") and widget.window() is form.window()
        if own and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            QWidget.setTabOrder(before, widget)
            before = widget


class QuietCombo(QComboBox):
    """A combo box that a turning wheel does not change on the way past, and that may be narrow."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel that scrolls."""
        event.ignore()

    def showPopup(self) -> None:
        """Open a list that is wide enough for its longest entry."""
        view = self.view()
        wide = view.sizeHintForColumn(0) + 2 * view.frameWidth() + 24
        view.setMinimumWidth(min(max(self.width(), wide), 520))
        super().showPopup()


class QuietSpin(QSpinBox):
    """A spin box that leaves the wheel to the panel."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel that scrolls."""
        event.ignore()


class QuietDoubleSpin(QDoubleSpinBox):
    """A spin box that leaves the wheel to the panel."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel that scrolls."""
        event.ignore()


class Section(QWidget):
    """A heading that folds what stands under it."""

    def __init__(self, title: str, name: str, *, opened: bool = True) -> None:
        super().__init__()
        self.setObjectName(name)
        self._head = QToolButton(self)
        self._head.setObjectName(f"{name}Head")
        self._head.setAccessibleName(title)
        self._head.setText(title)
        self._head.setCheckable(True)
        self._head.setChecked(opened)
        self._head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._head.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        set_role(self._head, "section")
        self.body = QWidget(self)
        self.column = QVBoxLayout(self.body)
        self.column.setContentsMargins(0, 0, 0, 4)
        self.column.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._head)
        layout.addWidget(self.body)
        self._head.toggled.connect(self._fold)
        self._fold(opened)

    def open(self) -> None:
        """Show what it holds."""
        self._head.setChecked(True)

    @property
    def opened(self) -> bool:
        """Whether the section shows what it holds."""
        return self._head.isChecked()

    def _fold(self, opened: bool) -> None:
        self.body.setVisible(opened)
        self._head.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)


class FlagWords(QLabel):
    """The words of a check box; a click on them is a click on the box."""

    def __init__(self, words: str, box: QWidget) -> None:
        super().__init__(words)
        self.setWordWrap(True)
        self.box = box

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Turn the box."""
        if isinstance(self.box, QCheckBox) and self.rect().contains(event.position().toPoint()):
            self.box.toggle()


class OptionsForm(QWidget):
    """A form for one family of options.

    ``values`` are those that differ from the defaults, by name. ``changed`` tells the option's name
    and its new, checked value; ``rejected`` tells in a sentence why a value cannot be taken.
    """

    changed = Signal(str, object)
    rejected = Signal(str)

    def __init__(
        self,
        family: type[Any],
        values: Mapping[str, Any],
        *,
        name: str,
        leave_out: tuple[str, ...] = (),
        advanced_title: str = "",
        two_columns: bool = False,
    ) -> None:
        super().__init__()
        self.setObjectName(name)
        self._options = {o.name: o for o in options_of(family) if o.name not in leave_out}
        self._fields: dict[str, QWidget] = {}
        self._two_columns = two_columns
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        plain = [o for o in self._options.values() if not (o.advanced and advanced_title)]
        column.addLayout(self._grid(plain))
        rest = [o for o in self._options.values() if o.advanced and advanced_title]
        if rest:
            more = Section(advanced_title, f"{name}More", opened=False)
            more.column.addLayout(self._grid(rest))
            column.addWidget(more)
        self.show_values(values)

    def field(self, name: str) -> QWidget:
        """The widget of one option."""
        return self._fields[name]

    def set_columns(self, names: Sequence[str], usual: Mapping[str, str]) -> None:
        """Offer these columns of the sheet; ``usual`` is what an option takes if none is chosen."""
        for name, option in self._options.items():
            combo = self._fields[name]
            if option.kind != "column" or not isinstance(combo, QComboBox):
                continue
            words = usual.get(name, "")
            offered = [(self.tr("{0} (by its role)").format(words) if words else "–", "")]
            offered += [(column, column) for column in names]
            if offered == [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())]:
                continue
            chosen = combo.currentData()
            with QSignalBlocker(combo):
                combo.clear()
                for text, key in offered:
                    combo.addItem(text, key)
                _choose_column(combo, str(chosen or ""))

    def set_idle(self, names: Collection[str] | Mapping[str, str]) -> None:
        """Switch the options of these names off and all others on; a mapping tells the reasons."""
        reasons = names if isinstance(names, Mapping) else {}
        for name, field in self._fields.items():
            field.setEnabled(name not in names)
            field.setToolTip(reasons.get(name) or self._options[name].help)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show these values without telling anybody."""
        for name, option in self._options.items():
            with QSignalBlocker(self._fields[name]):
                _show(self._fields[name], option, values.get(name, option.default))

    def _grid(self, options: list[Option]) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1 if self._two_columns else 0, 1)
        for option in options:
            widget = self._make(option)
            row = grid.rowCount()
            if option.kind == "flag":
                grid.addLayout(self._flag_row(option, widget), row, 0, 1, 2)
                continue
            words = QLabel(option.title, self)
            words.setBuddy(widget)
            words.setToolTip(option.help)
            set_role(words, "field")
            if self._two_columns:
                grid.addWidget(words, row, 0)
                grid.addWidget(widget, row, 1)
            else:
                # A label belongs to the field below it, not to the one above.
                words.setContentsMargins(0, 6 if option is not options[0] else 0, 0, 0)
                grid.addWidget(words, row, 0, 1, 2)
                grid.addWidget(widget, row + 1, 0, 1, 2)
        return grid

    def _flag_row(self, option: Option, box: QWidget) -> QHBoxLayout:
        """A box with words that wrap, which a check box's own do not."""
        words = FlagWords(option.title, box)
        words.setToolTip(option.help)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(box, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        return row

    def _make(self, option: Option) -> QWidget:
        widget = self._widget(option)
        widget.setObjectName(f"{self.objectName()}-{option.name}")
        widget.setAccessibleName(option.title)
        widget.setAccessibleDescription(option.help)
        widget.setToolTip(option.help)
        widget.setMinimumHeight(self.fontMetrics().height() + (2 if option.kind == "flag" else 10))
        self._fields[option.name] = widget
        return widget

    def _widget(self, option: Option) -> QWidget:
        match option.kind:
            case "choice":
                combo = QuietCombo(self)
                for key, words in option.choices.items():
                    combo.addItem(words, key)
                combo.currentIndexChanged.connect(lambda _: self._take(option, combo.currentData()))
                return combo
            case "column":
                combo = QuietCombo(self)
                combo.addItem("–", "")
                combo.currentIndexChanged.connect(lambda _: self._take(option, combo.currentData()))
                return combo
            case "flag":
                box = QCheckBox(self)
                box.toggled.connect(lambda on: self._take(option, on))
                return box
            case "integer" if option.default is not None:
                spin = QuietSpin(self)
                spin.setKeyboardTracking(False)
                low, high = max(option.minimum, -LARGE), min(option.maximum, LARGE)
                spin.setRange(int(low), int(high))
                spin.valueChanged.connect(lambda value: self._take(option, value))
                return spin
            case "number" if option.default is not None:
                return self._double_spin(option)
            case _:
                line = QLineEdit(self)
                line.setPlaceholderText("" if option.kind == "text" else self.tr("automatic"))
                line.editingFinished.connect(lambda: self._take_text(option, line))
                return line

    def _double_spin(self, option: Option) -> QWidget:
        spin = QuietDoubleSpin(self)
        spin.setKeyboardTracking(False)
        spin.setDecimals(4 if option.maximum <= 1 else 2)
        spin.setRange(max(option.minimum, -LARGE), min(option.maximum, LARGE))
        span = option.maximum - option.minimum
        spin.setSingleStep(0.01 if span <= 1 else 0.5 if span <= 50 or math.isinf(span) else 1.0)
        spin.valueChanged.connect(lambda value: self._take(option, value))
        return spin

    def _take_text(self, option: Option, line: QLineEdit) -> None:
        words = line.text().strip()
        if option.kind == "text":
            self._take(option, words)
        elif not words:
            self._take(option, () if option.kind == "numbers" else None)
        elif option.kind == "numbers":
            self._take(option, words.replace(";", " ").replace(",", " ").split())
        else:
            self._take(option, words.replace(",", "."))

    def _take(self, option: Option, value: Any) -> None:
        try:
            self.changed.emit(option.name, checked(option, value))
        except SpecProblem as problem:
            self.rejected.emit(str(problem))


def _choose_column(combo: QComboBox, name: str) -> None:
    """Show a column; one that is not in the sheet any more is shown all the same."""
    if combo.findData(name) < 0:
        combo.addItem(name, name)
    combo.setCurrentIndex(combo.findData(name))


def _show(widget: QWidget, option: Option, value: Any) -> None:
    if isinstance(widget, QComboBox) and option.kind == "column":
        _choose_column(widget, str(value))
    elif isinstance(widget, QComboBox):
        widget.setCurrentIndex(widget.findData(value))
    elif isinstance(widget, QCheckBox):
        widget.setChecked(bool(value))
    elif isinstance(widget, QSpinBox | QDoubleSpinBox):
        widget.setValue(value)
    elif isinstance(widget, QLineEdit):
        if value is None:
            widget.setText("")
        elif option.kind == "numbers":
            widget.setText(", ".join(f"{v:g}" for v in value))
        else:
            widget.setText(str(value) if option.kind == "text" else f"{value:g}")
