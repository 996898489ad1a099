"""A question to a model with moderators: what it expects somewhere."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtWidgets import (
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.errors import SpecProblem
from metadesk.gui.session import Session
from metadesk.gui.setup.listed import listed
from metadesk.gui.theme import set_role


class PredictBox(QWidget):
    """A value for every moderator; each place asked for becomes a row of the predictions."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("predictBox")
        self._session = session
        self._shown: object = None
        self._lines: dict[str, QLineEdit] = {}
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setSpacing(4)
        self._places = QVBoxLayout()
        self._places.setSpacing(2)
        title = QLabel(self.tr("Expected effect at"), self)
        set_role(title, "field")
        self.add = QPushButton(self.tr("Predict"), self)
        self.add.setObjectName("predictAdd")
        self.add.setAccessibleName(self.tr("Predict"))
        self.add.clicked.connect(self._add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(title)
        column.addLayout(self._form)
        column.addWidget(self.add)
        column.addLayout(self._places)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """One line a moderator, and the places asked for so far."""
        spec = self._session.spec
        now = (self._formulas(), spec.predict_at)
        if now == self._shown:
            return
        self._shown = now
        names = self._names()
        if tuple(self._lines) != names:
            self._make_lines(names)
        self.setVisible(bool(names))
        while (item := self._places.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for i, place in enumerate(spec.predict_at):
            words = ", ".join(f"{name} = {value}" for name, value in place.items())
            self._places.addWidget(listed(words, f"place{i}", partial(self._remove, i), self))

    def _formulas(self) -> tuple[str, ...]:
        """The formula of the mean, and that of the spread where the model explains it."""
        from metadesk.models.meta import MODELS

        spec = self._session.spec
        scale = spec.model in MODELS and MODELS[spec.model].reads == "scale"
        return (spec.moderators, spec.scale) if scale else (spec.moderators,)

    def _names(self) -> tuple[str, ...]:
        from metadesk.analysis.readers import worded
        from metadesk.models.meta.formula import parse_formula

        words = worded(self._session.table)
        try:
            terms = [t for f in self._formulas() for t in parse_formula(f or "~ 1", words).terms]
        except SpecProblem:
            return ()
        return tuple(dict.fromkeys(name for term in terms for name in term.columns))

    def _make_lines(self, names: tuple[str, ...]) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self._lines = {}
        for i, name in enumerate(names):
            line = QLineEdit(self)
            line.setObjectName(f"predict{i}")
            line.setAccessibleName(name)
            line.returnPressed.connect(self._add)
            self._form.addRow(name, line)
            self._lines[name] = line

    def _add(self) -> None:
        place = {name: _value(line.text()) for name, line in self._lines.items()}
        empty = [name for name, value in place.items() if value == ""]
        if empty:
            self._session.message.emit(self.tr("Type a value of {0}.").format(", ".join(empty)))
            return
        spec = self._session.spec
        if place not in [dict(one) for one in spec.predict_at]:
            self._session.set_spec(
                replace(spec, predict_at=(*spec.predict_at, place)), self.tr("Prediction")
            )

    def _remove(self, i: int) -> None:
        spec = self._session.spec
        left = tuple(one for j, one in enumerate(spec.predict_at) if j != i)
        self._session.set_spec(replace(spec, predict_at=left), self.tr("Prediction taken out"))


def _value(text: str) -> float | str:
    words = text.strip()
    try:
        return float(words.replace(",", "."))
    except ValueError:
        return words
