"""Choices of the whole analysis about its effects: several of one study, and plain numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.forms import FlagWords, OptionsForm
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.options import options_of


class ChoiceDialog(QDialog):
    """A form for one block of the request; every change is one undoable step and seen at once."""

    def __init__(
        self, session: Session, block: str, family: type[Any], words: tuple[str, str],
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._block, self._family = session, block, family
        self.setObjectName(f"{block}Dialog")
        self.setAccessibleName(words[0])
        self.setWindowTitle(words[0])
        self.sentence = QLabel(words[1], self)
        self.sentence.setWordWrap(True)
        set_role(self.sentence, "muted")
        self.form = OptionsForm(family, getattr(session.spec, block), name=f"{block}Form")
        self.form.changed.connect(self._set)
        self.form.rejected.connect(session.message)
        self.state = QLabel(self)
        self.state.setObjectName(f"{block}State")
        self.state.setWordWrap(True)
        self.state.setTextFormat(Qt.TextFormat.RichText)
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        self._body = QWidget(self)
        self._body.setObjectName(f"{block}Body")
        inside = QVBoxLayout(self._body)
        inside.setContentsMargins(0, 0, 8, 0)
        inside.setSpacing(12)
        for widget in (self.sentence, self.form, self.state):
            inside.addWidget(widget)
        inside.addStretch(1)
        self._area = QScrollArea(self)
        self._area.setObjectName(f"{block}Scroll")
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self._body)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 12, 16)
        column.setSpacing(12)
        column.addWidget(self._area, 1)
        column.addWidget(buttons)
        self.setStyleSheet(panel_css(tones()))
        self.resize(480, 460)
        session.spec_changed.connect(self.refresh)
        session.result_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the values in force."""
        self.form.show_values(getattr(self._session.spec, self._block))
        failure = self._session.failure
        result = self._session.result
        problem = failure or (result.problem if result is not None else "")
        self.state.setText(problem)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Take the height that the options need, as far as the screen has it."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Grow to what is shown; never shrink under the eyes of a person."""
        layout = self._body.layout()
        if layout is None or not self.isVisible():
            return
        layout.activate()
        width = self._area.viewport().width()
        more = layout.totalHeightForWidth(width) - self._area.viewport().height()
        screen = self.screen().availableGeometry().height()
        if more > 0:
            self.resize(self.width(), min(self.height() + more, int(0.9 * screen)))

    def _show_field(self, name: str, on: bool) -> None:
        """Show an option with its words, or neither."""
        field = self.form.field(name)
        field.setVisible(on)
        for label in self.form.findChildren(QLabel):
            if label.buddy() is field or (isinstance(label, FlagWords) and label.box is field):
                label.setVisible(on)

    def _set(self, name: str, value: object) -> None:
        spec = self._session.spec
        options = {**getattr(spec, self._block), name: value}
        defaults = {o.name: o.default for o in options_of(self._family)}
        kept = {k: v for k, v in options.items() if v != defaults[k]}
        title = next(o.title for o in options_of(self._family) if o.name == name)
        block: dict[str, Any] = {self._block: kept}
        self._session.set_spec(replace(spec, **block), title)


class DependenceDialog(ChoiceDialog):
    """Several effects of one study; shows only what the chosen reason needs."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        from metadesk.analysis.covariances import Dependence

        super().__init__(
            session, "dependence", Dependence,
            (
                parent.tr("Several effects of one study") if parent else "Several effects",
                "Effects of the same people are not independent. Combine them into one effect a "
                "study, or keep them all: then choose the multilevel model, which reads their "
                "covariances.",
            ),
            parent,
        )  # fmt: skip

    def refresh(self) -> None:
        """Offer only what matters now, and say which columns would be used."""
        from metadesk.analysis.covariances import USUAL, Dependence, relevant
        from metadesk.analysis.dependence import dependence_of
        from metadesk.errors import SpecProblem

        super().refresh()
        spec, table = self._session.spec, self._session.table
        try:
            chosen = dependence_of(spec.dependence)
        except SpecProblem:
            chosen = Dependence()
        use = chosen.use
        wanted = relevant(chosen) | {"why"} if use != "none" else frozenset({"use"})
        for option in options_of(Dependence):
            if option.name == "weighted":
                self._show_field(option.name, use == "combine")
            elif option.name != "use":
                self._show_field(option.name, option.name in wanted)
        usual = {
            name: next((c.name for r in roles if (c := table.with_role(r))), "")
            for name, roles in USUAL.items()
        }
        self.form.set_columns([column.name for column in table.columns], usual)
        if use == "keep" and spec.model != "multilevel":
            self.state.setText(
                self.tr("The covariances are read by the multilevel model; choose it in the panel.")
            )
        box = self.form.field("use")
        if isinstance(box, QComboBox):
            box.setAccessibleDescription(self.sentence.text())
        self._fit()


class PlainDialog(ChoiceDialog):
    """Which people and which scale the plain numbers are about, with the numbers below."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        from metadesk.analysis.plain import PlainChoice

        super().__init__(
            session, "plain", PlainChoice,
            (
                parent.tr("In plain numbers") if parent else "In plain numbers",
                "What the pooled effect means for 1,000 people, as a number needed to treat, or in "
                "points of a familiar scale. The same numbers stand in Results and in the exported "
                "workbook.",
            ),
            parent,
        )  # fmt: skip

    def refresh(self) -> None:
        """Show the readings of the result at hand."""
        super().refresh()
        from html import escape

        from metadesk.analysis.plain import plain_kind, plain_numbers
        from metadesk.errors import MetadeskError

        result = self._session.result
        if result is None or result.main is None:
            return
        asked = plain_kind(result.measure)
        self._show_field("baseline", asked != "")
        for name in ("scale_sd", "scale_name"):
            self._show_field(name, asked == "scale")
        line = self.form.field("baseline")
        if isinstance(line, QLineEdit):
            line.setPlaceholderText(self.tr("median of the comparison groups"))
        sd = self.form.field("scale_sd")
        if isinstance(sd, QLineEdit):
            sd.setPlaceholderText("")
        try:
            found = plain_numbers(result)
        except MetadeskError as problem:
            self.state.setText(escape(str(problem)))
            return
        lines = [f"<b>{escape(n.title)}</b>: {escape(n.sentence)}" for n in found]
        words = "<br>".join(lines) or escape(
            self.tr("This measure is already in plain units; nothing has to be translated.")
        )
        stale = f"<i>{escape(self.tr('Working…'))}</i><br>" if self._session.stale else ""
        self.state.setText(stale + words)
