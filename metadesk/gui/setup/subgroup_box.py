"""Subgroups: by which column, and whether they share one between-study variance."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from metadesk.gui.forms import QuietCombo
from metadesk.gui.session import Session
from metadesk.gui.setup.term_row import levels_in
from metadesk.gui.theme import set_role

MOST_GROUPS = 20


class SubgroupBox(QWidget):
    """A box to tick, a column to choose; nothing more until it is ticked."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("subgroupBox")
        self._session = session
        self.box = QCheckBox(self.tr("Subgroups by a column"), self)
        self.box.setObjectName("subgroupOn")
        self.box.setAccessibleName(self.tr("Subgroups by a column"))
        self.box.clicked.connect(self._tick)
        self.column = QuietCombo(self)
        self.column.setObjectName("subgroupColumn")
        self.column.setAccessibleName(self.tr("Column of the subgroups"))
        self.column.activated.connect(self._choose)
        self.tau2 = QuietCombo(self)
        self.tau2.setObjectName("subgroupTau2")
        self.tau2.setAccessibleName(self.tr("Between-study variance of the subgroups"))
        self.tau2.addItem(self.tr("Each group has its own τ²"), "separate")
        self.tau2.addItem(self.tr("All groups share one τ²"), "common")
        self.tau2.activated.connect(self._choose_tau2)
        self._why = QLabel(self)
        self._why.setObjectName("subgroupWhy")
        self._why.setWordWrap(True)
        set_role(self._why, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.box, self.column, self.tau2, self._why):
            column.addWidget(widget)
        session.spec_changed.connect(self.refresh)
        session.table_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the subgroups of the request."""
        spec = self._session.spec
        names = subgroup_columns(self._session)
        if spec.subgroup and spec.subgroup not in names:
            names = (*names, spec.subgroup)
        on = bool(spec.subgroup)
        with QSignalBlocker(self.column):
            self.column.clear()
            for name in names:
                self.column.addItem(name, name)
            self.column.setCurrentIndex(self.column.findData(spec.subgroup))
        self.box.setChecked(on)
        self.box.setEnabled(bool(names))
        self.tau2.setCurrentIndex(self.tau2.findData(spec.subgroup_tau2))
        self.column.setVisible(on)
        self.tau2.setVisible(on and spec.model == "random")
        none = self.tr("No column divides the studies into groups.")
        self._why.setText("" if names else none)
        self._why.setVisible(not names)

    def _tick(self, on: bool) -> None:
        names = subgroup_columns(self._session)
        self._set(names[0] if on and names else "")

    def _choose(self) -> None:
        self._set(str(self.column.currentData()))

    def _set(self, name: str) -> None:
        title = self.tr("Subgroups: {0}").format(name or self.tr("none"))
        self._session.set_spec(replace(self._session.spec, subgroup=name), title)

    def _choose_tau2(self) -> None:
        chosen = str(self.tau2.currentData())
        title = self.tr("Subgroups: {0}").format(self.tau2.currentText())
        self._session.set_spec(replace(self._session.spec, subgroup_tau2=chosen), title)


def subgroup_columns(session: Session) -> tuple[str, ...]:
    """Columns with two values or more that some studies share; the likeliest first."""
    from metadesk.table import ROLES

    table = session.table
    found = []
    for column in table.columns:
        if not column.name or (column.role and ROLES[column.role].group != "Study"):
            continue
        if column.role in ("study", "year"):
            continue
        if 2 <= len(levels_in(table, column.name)) <= min(MOST_GROUPS, max(table.n_rows - 1, 0)):
            found.append(column)
    found.sort(key=lambda c: (c.role != "subgroup", len(levels_in(table, c.name))))
    return tuple(c.name for c in found)
