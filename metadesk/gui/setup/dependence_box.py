"""What to do with several effects of one study; there only where the sheet has such rows."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from metadesk.gui.forms import QuietCombo
from metadesk.gui.session import Session
from metadesk.gui.theme import set_role


class DependenceBox(QWidget):
    """Three choices in plain words, what they mean for this sheet, and a way to the details."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        from metadesk.analysis.covariances import USES

        super().__init__(parent)
        self.setObjectName("dependenceBox")
        self._session = session
        label = QLabel(self.tr("Several effects of one study"), self)
        set_role(label, "field")
        self.more = QToolButton(self)
        self.more.setObjectName("dependenceMore")
        self.more.setText(self.tr("Details…"))
        self.more.setAccessibleName(self.tr("Details of several effects of one study"))
        self.more.clicked.connect(self.show_details)
        set_role(self.more, "flat")
        self.chooser = QuietCombo(self)
        self.chooser.setObjectName("dependenceUse")
        self.chooser.setAccessibleName(label.text())
        for key, words in USES.items():
            self.chooser.addItem(words, key)
        self.chooser.activated.connect(self._choose)
        label.setBuddy(self.chooser)
        self.sentence = QLabel(self)
        self.sentence.setObjectName("dependenceSentence")
        self.sentence.setWordWrap(True)
        set_role(self.sentence, "muted")
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(label, 1)
        row.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.chooser)
        column.addWidget(self.sentence)
        session.spec_changed.connect(self.refresh)
        session.prepared_changed.connect(self.refresh)
        self.refresh()

    def show_details(self) -> None:
        """Show why the effects depend on one another, and how much."""
        from metadesk.gui.effects.choices import DependenceDialog

        dialog = DependenceDialog(self._session, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def refresh(self) -> None:
        """Show what is asked for, or nothing where every study has one row."""
        several, studies = self._several()
        use = str(self._session.spec.dependence.get("use", "none"))
        self.setVisible(bool(several) or use != "none")
        with QSignalBlocker(self.chooser):
            self.chooser.setCurrentIndex(max(self.chooser.findData(use), 0))
        self.more.setVisible(use != "none")
        self.sentence.setText(self._words(use, several, studies))

    def _several(self) -> tuple[int, int]:
        """How many studies have several rows with an effect, and how many studies there are."""
        prepared = self._session.prepared
        if prepared is None:
            return 0, 0
        found = Counter(
            study.belongs
            for study in prepared.studies
            if study.belongs
            and not study.by_person
            and (study.elsewhere or not math.isnan(study.yi))
        )
        return sum(n > 1 for n in found.values()), len(found)

    def _words(self, use: str, several: int, studies: int) -> str:
        from metadesk.analysis.covariances import WHYS
        from metadesk.analysis.dependence import dependence_of
        from metadesk.errors import SpecProblem

        counted = self.tr("{0} of {1} studies have several rows.").format(several, studies)
        if use == "none":
            if self._session.prepared is not None and self._session.prepared.outcome:
                return f"{counted} {self.tr('Only one outcome is analysed.')}"
            more = self.tr("As independent effects they count too much.")
            return f"{counted} {more}" if self._session.spec.model != "multilevel" else counted
        try:
            why = WHYS[dependence_of(self._session.spec.dependence).why]
        except SpecProblem as problem:
            return str(problem)
        told = self.tr("Reason: {0}.").format(why)
        if use == "keep" and self._session.spec.model != "multilevel":
            reads = self.tr("The multilevel model reads the covariances; choose it below.")
            return f"{counted} {told} {reads}"
        return f"{counted} {told}"

    def _choose(self) -> None:
        spec, use = self._session.spec, str(self.chooser.currentData())
        block = {k: v for k, v in spec.dependence.items() if k != "use"}
        if use != "none":
            block["use"] = use
        words = self.chooser.currentText()
        self._session.set_spec(
            replace(spec, dependence=block), self.tr("Several effects: {0}").format(words.lower())
        )
