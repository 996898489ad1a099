"""How hypotheses are tested beyond the model's own table: together, adjusted, by permutation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.errors import SpecProblem
from metadesk.gui.forms import OptionsForm, QuietSpin
from metadesk.gui.session import Session
from metadesk.gui.setup.listed import listed
from metadesk.gui.theme import set_role

PERMUTATIONS = 1000


class TestsBox(QWidget):
    """The options of testing, the permutation test, and terms that are tested together."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        from metadesk.analysis.testing import Testing

        super().__init__(parent)
        self.setObjectName("testsBox")
        self._session = session
        self.form = OptionsForm(
            Testing, session.spec.tests, name="testsForm",
            advanced_title=self.tr("More about permutations"),
        )  # fmt: skip
        self.form.changed.connect(self._set)
        self.form.rejected.connect(session.message)
        self.permutation = PermutationBox(session, self)
        self.together = TogetherBox(session, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.permutation, self.form, self.together):
            column.addWidget(widget)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the request says; what the model cannot do is switched off."""
        from metadesk.models.meta import MODELS

        spec = self._session.spec
        self.form.show_values(spec.tests)
        if spec.model not in MODELS:
            return
        entry = MODELS[spec.model]
        idle = [] if entry.ratios is not None else ["likelihood_ratio"]
        if not (entry.explains or spec.subgroup):
            idle.append("adjust")
        if not spec.permutations:
            idle += ["rearrange", "seed"]
        self.form.set_idle(idle)

    def _set(self, name: str, value: object) -> None:
        from metadesk.analysis.testing import Testing
        from metadesk.options import options_of

        words = next(o.title for o in options_of(Testing) if o.name == name)
        spec = self._session.spec
        changed = replace(spec, tests={**spec.tests, name: value})
        self._session.set_spec(changed, self.tr("Tests: {0}").format(words))


class PermutationBox(QWidget):
    """A permutation test, when it is asked for; it runs with progress and can be stopped."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("permutationBox")
        self._session = session
        self.box = QCheckBox(self.tr("Permutation test"), self)
        self.box.setObjectName("permutationOn")
        self.box.setAccessibleName(self.tr("Permutation test"))
        self.box.clicked.connect(self._tick)
        self.many = QuietSpin(self)
        self.many.setObjectName("permutationMany")
        self.many.setAccessibleName(self.tr("Number of permutations"))
        self.many.setKeyboardTracking(False)
        self.many.setRange(99, 1_000_000)
        self.many.setSingleStep(1000)
        self.many.setGroupSeparatorShown(True)
        self.many.valueChanged.connect(self._set)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box, 1)
        row.addWidget(self.many)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the request says."""
        many = self._session.spec.permutations
        self.box.setChecked(bool(many))
        self.many.setVisible(bool(many))
        with QSignalBlocker(self.many):
            self.many.setValue(many or PERMUTATIONS)

    def _tick(self, on: bool) -> None:
        self._set(PERMUTATIONS if on else 0)

    def _set(self, many: int) -> None:
        title = self.tr("Permutation test: {0}").format(many or self.tr("none"))
        self._session.set_spec(replace(self._session.spec, permutations=many), title)


class TogetherBox(QWidget):
    """Moderators to tick; those ticked become one joint test."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("togetherBox")
        self._session = session
        self._shown: object = None
        self._boxes: dict[str, QCheckBox] = {}
        title = QLabel(self.tr("Test together"), self)
        set_role(title, "field")
        self._ticks = QVBoxLayout()
        self._ticks.setSpacing(2)
        self.add = QPushButton(self.tr("Test those ticked together"), self)
        self.add.setObjectName("togetherAdd")
        self.add.setAccessibleName(self.tr("Test those ticked together"))
        self.add.clicked.connect(self._add)
        self._sets = QVBoxLayout()
        self._sets.setSpacing(2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(title)
        column.addLayout(self._ticks)
        column.addWidget(self.add)
        column.addLayout(self._sets)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """A box for every term, and the sets asked for so far."""
        spec = self._session.spec
        titles = self._titles()
        self.setVisible(len(titles) > 1 or bool(spec.test_together))
        now = (titles, spec.test_together)
        if now == self._shown:
            return
        self._shown = now
        _clear(self._ticks)
        _clear(self._sets)
        self._boxes = {}
        for i, title in enumerate(titles):
            box = QCheckBox(title, self)
            box.setObjectName(f"together{i}")
            box.setAccessibleName(title)
            box.toggled.connect(self._ready)
            self._boxes[title] = box
            self._ticks.addWidget(box)
        for i, words in enumerate(spec.test_together):
            self._sets.addWidget(
                listed(self.tr(" and ").join(words), f"together{i}", partial(self._remove, i), self)
            )
        self._ready()

    def _titles(self) -> tuple[str, ...]:
        from metadesk.analysis.readers import worded
        from metadesk.models.meta import MODELS
        from metadesk.models.meta.formula import parse_formula

        spec = self._session.spec
        if spec.model not in MODELS or not MODELS[spec.model].explains:
            return ()
        try:
            formula = parse_formula(spec.moderators or "~ 1", worded(self._session.table))
        except SpecProblem:
            return ()
        return tuple(term.title for term in formula.terms)

    def _ticked(self) -> tuple[str, ...]:
        return tuple(title for title, box in self._boxes.items() if box.isChecked())

    def _ready(self) -> None:
        chosen = self._ticked()
        self.add.setEnabled(bool(chosen) and chosen not in self._session.spec.test_together)
        self.add.setVisible(bool(self._boxes))

    def _add(self) -> None:
        spec, chosen = self._session.spec, self._ticked()
        changed = replace(spec, test_together=(*spec.test_together, chosen))
        self._session.set_spec(changed, self.tr("Tested together: {0}").format(", ".join(chosen)))

    def _remove(self, i: int) -> None:
        spec = self._session.spec
        left = tuple(one for j, one in enumerate(spec.test_together) if j != i)
        self._session.set_spec(replace(spec, test_together=left), self.tr("Joint test taken out"))


def _clear(column: QVBoxLayout) -> None:
    while (item := column.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            old.hide()
            old.deleteLater()
