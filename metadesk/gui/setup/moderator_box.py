"""Moderators: a list to point at and a formula to type, which always say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QLabel, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from metadesk.errors import SpecProblem
from metadesk.gui.forms import QuietCombo
from metadesk.gui.session import Session
from metadesk.gui.setup.term_row import TermRow
from metadesk.gui.theme import set_role

if TYPE_CHECKING:
    from metadesk.models.meta.design import Continuous, Factor, Term
    from metadesk.models.meta.formula import Formula

NEVER = frozenset({"study"})
"""Roles of columns that explain nothing."""


class Names(NamedTuple):
    """What the widgets of one formula are called."""

    box: str
    adder: str
    cross: str
    line: str
    problem: str
    term: str


MEAN_NAMES = Names(
    "moderatorBox", "addModerator", "addInteraction", "formulaLine", "formulaProblem", "term"
)
SCALE_NAMES = Names(
    "scaleBox", "addScale", "addScaleInteraction", "scaleLine", "scaleProblem", "scaleTerm"
)


class ModeratorBox(QWidget):
    """A formula of the request: ``part`` is 'moderators' (the mean's) or 'scale' (the spread's)."""

    def __init__(
        self, session: Session, parent: QWidget | None = None, *, part: str = "moderators"
    ) -> None:
        super().__init__(parent)
        mean = part == "moderators"
        names = MEAN_NAMES if mean else SCALE_NAMES
        self.setObjectName(names.box)
        self._session = session
        self._part = part
        self._term_name = names.term
        self._title = self.tr("Moderators: {0}") if mean else self.tr("Spread by: {0}")
        self._add_words = (
            self.tr("Add a moderator…") if mean else self.tr("Add what explains the spread…")
        )
        self._shown: tuple[object, ...] = ()
        self._rows: list[TermRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(6)
        self.adder = QuietCombo(self)
        self.adder.setObjectName(names.adder)
        self.adder.setAccessibleName(self._add_words.rstrip("…"))
        self.adder.activated.connect(self._add)
        self._cross = QToolButton(self)
        self._cross.setObjectName(names.cross)
        self._cross.setText(self.tr("Add an interaction"))
        self._cross.setAccessibleName(self.tr("Add an interaction"))
        self._cross.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._cross.setMenu(QMenu(self._cross))
        set_role(self._cross, "flat")
        self.line = QLineEdit(self)
        self.line.setObjectName(names.line)
        self.line.setAccessibleName(self.tr("Formula"))
        self.line.setPlaceholderText(
            "~ dose + factor(region) + dose:region" if mean else "~ dose + factor(region)"
        )
        self.line.editingFinished.connect(self._take_formula)
        label = QLabel(self.tr("The same as a formula"), self)
        label.setBuddy(self.line)
        set_role(label, "field")
        self._problem = QLabel(self)
        self._problem.setObjectName(names.problem)
        self._problem.setWordWrap(True)
        set_role(self._problem, "warning")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(self._list)
        column.addWidget(self.adder)
        column.addWidget(self._cross)
        column.addWidget(label)
        column.addWidget(self.line)
        column.addWidget(self._problem)
        session.spec_changed.connect(self.refresh)
        session.table_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the moderators of the request."""
        session = self._session
        now = (self._words, session.table)
        if self._shown and self._shown[0] == now[0] and self._shown[1] is now[1]:
            return
        self._shown = now
        with QSignalBlocker(self.line):
            self.line.setText(self._words)
        try:
            formula = self._read(self._words)
        except SpecProblem as problem:
            self._say(str(problem))
            return
        self._say("")
        self._show_terms(formula.terms)
        self._fill_adder(formula.terms)
        self._fill_interactions(formula.terms)

    @property
    def _words(self) -> str:
        return str(getattr(self._session.spec, self._part))

    # -- the two ways of saying it ----------------------------------------------------------------

    def _read(self, text: str) -> Formula:
        from metadesk.analysis.readers import worded
        from metadesk.models.meta.formula import parse_formula

        formula = parse_formula(text or "~ 1", worded(self._session.table))
        known = [c.name for c in self._session.table.columns]
        for term in formula.terms:
            for name in term.columns:
                if name not in known:
                    raise SpecProblem(
                        f"The sheet has no column '{name}'; it has {', '.join(known)}."
                    )
        return formula

    def _take_formula(self) -> None:
        text = self.line.text().strip()
        if text in ("", "~", "~ 1"):
            text = ""
        elif not text.startswith("~"):
            text = f"~ {text}"
        if text == self._words:
            self._say("")
            return
        try:
            self._read(text)
        except SpecProblem as problem:
            self._say(str(problem))
            return
        self._set(text)

    def _set_terms(self, terms: Sequence[Term]) -> None:
        from metadesk.models.meta.formula import Formula, write_formula

        intercept = self._read(self._words).intercept
        formula = Formula(tuple(terms), intercept or not terms)
        self._set(write_formula(formula) if terms else "")

    def _set(self, text: str) -> None:
        title = self._title.format(text or self.tr("none"))
        spec = self._session.spec
        if self._part == "scale":
            self._session.set_spec(replace(spec, scale=text), title)
        else:
            self._session.set_spec(replace(spec, moderators=text), title)

    def _say(self, problem: str) -> None:
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))

    # -- the list ---------------------------------------------------------------------------------

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms in the list."""
        return tuple(row.term for row in self._rows)

    def _show_terms(self, terms: Sequence[Term]) -> None:
        for row in self._rows:
            row.hide()
            row.deleteLater()
            self._list.removeWidget(row)
        self._rows = []
        for i, term in enumerate(terms):
            row = TermRow(f"{self._term_name}{i}", term, self._session.table, self)
            row.changed.connect(partial(self._change, i))
            row.removed.connect(partial(self._remove, i))
            self._list.addWidget(row)
            self._rows.append(row)

    def _fill_adder(self, terms: Sequence[Term]) -> None:
        used = {name for term in terms for name in term.columns}
        with QSignalBlocker(self.adder):
            self.adder.clear()
            self.adder.addItem(self._add_words, "")
            for column in moderator_columns(self._session):
                if column not in used:
                    self.adder.addItem(column, column)
            self.adder.setCurrentIndex(0)

    def _fill_interactions(self, terms: Sequence[Term]) -> None:
        from metadesk.models.meta.design import Interaction

        menu = self._cross.menu()
        menu.clear()
        mains = [t for t in terms if not isinstance(t, Interaction)]
        for i, one in enumerate(mains):
            for other in mains[i + 1 :]:
                term = Interaction((one, other))
                if one.column != other.column and term not in terms:
                    title = f"{one.title} × {other.title}"
                    menu.addAction(title).triggered.connect(partial(self._cross_terms, term))
        self._cross.setVisible(bool(menu.actions()))

    def _add(self) -> None:
        from metadesk.analysis.readers import worded
        from metadesk.models.meta.design import Continuous, Factor

        name = str(self.adder.currentData() or "")
        if name:
            words = name in worded(self._session.table)
            self._set_terms([*self.terms, Factor(name) if words else Continuous(name)])

    def _cross_terms(self, term: Term, _checked: bool = False) -> None:
        self._set_terms([*self.terms, term])

    def _change(self, i: int, term: Continuous | Factor) -> None:
        """Change a term, also where an interaction holds it."""
        from metadesk.models.meta.design import Interaction

        before = self.terms[i]
        changed: list[Term] = []
        for j, old in enumerate(self.terms):
            if j == i:
                changed.append(term)
            elif isinstance(old, Interaction):
                parts = tuple(term if part == before else part for part in old.parts)
                changed.append(Interaction(parts))
            else:
                changed.append(old)
        self._set_terms(changed)

    def _remove(self, i: int) -> None:
        """Take a term away, and the interactions that hold it."""
        from metadesk.models.meta.design import Interaction

        gone = self.terms[i]
        self._set_terms(
            [
                term
                for j, term in enumerate(self.terms)
                if j != i and not (isinstance(term, Interaction) and gone in term.parts)
            ]
        )


def moderator_columns(session: Session) -> tuple[str, ...]:
    """Columns that can explain something: those without a role and those called moderators first.

    The columns from which the effect itself is worked out come last: they are rarely meant.
    """
    from metadesk.table import ROLES

    columns = [c for c in session.table.columns if c.name and c.role not in NEVER]
    labels = [c for c in columns if not c.role or ROLES[c.role].group == "Study"]
    return tuple(c.name for c in [*labels, *(c for c in columns if c not in labels)])
