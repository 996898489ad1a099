"""The left side of the window: what the sheet holds, and the panel that belongs to it."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from metadesk.gui.forms import QuietCombo
from metadesk.gui.session import Session
from metadesk.gui.setup.panel import SetupPanel
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.gui.trial.panel import TrialPanel


class Side(QWidget):
    """Shows the panel for studies or the one for trial rows, and lets a person say which."""

    def __init__(
        self, session: Session, studies: SetupPanel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("side")
        self._session = session
        self._studies = studies
        self.trial = TrialPanel(session, self)
        self._ready = False
        self.kind = QuietCombo(self)
        self.kind.setObjectName("sheetKind")
        self.kind.setAccessibleName(self.tr("This sheet holds"))
        self.kind.addItem(self.tr("studies"), "studies")
        self.kind.addItem(self.tr("trial rows"), "trial")
        self.kind.setItemData(
            1,
            self.tr("A row for each time a person was measured: crossover and N-of-1 trials."),
            Qt.ItemDataRole.ToolTipRole,
        )
        words = QLabel(self.tr("This sheet holds"), self)
        words.setBuddy(self.kind)
        set_role(words, "field")
        self._top = QWidget(self)
        self._top.setObjectName("setupBody")
        row = QHBoxLayout(self._top)
        row.setContentsMargins(16, 10, 16, 2)
        row.addWidget(words)
        row.addWidget(self.kind, 1)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(studies)
        self._stack.addWidget(self.trial)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._top)
        column.addWidget(self._stack, 1)
        self.setMinimumWidth(264)
        self.kind.activated.connect(self._say)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def start(self) -> None:
        """Fill the panel of studies, once; that of trial rows waits for the first such sheet."""
        if self._ready:
            return
        self._ready = True
        self._studies.start()
        self.refresh()

    def restyle(self) -> None:
        """Take the colours of the palette in force."""
        self._top.setStyleSheet(panel_css(tones()))
        self._studies.restyle()
        self.trial.restyle()

    def refresh(self) -> None:
        """Show the panel for what the sheet holds."""
        kind = self._session.kind
        if kind == "trial" and self._ready and not self.trial.ready:
            self.trial.start()
        with QSignalBlocker(self.kind):
            self.kind.setCurrentIndex(self.kind.findData(kind))
        self._stack.setCurrentWidget(self.trial if kind == "trial" else self._studies)

    def _say(self) -> None:
        kind = str(self.kind.currentData())
        words = self.tr("trial rows") if kind == "trial" else self.tr("studies")
        self._session.set_kind(kind, self.tr("This sheet holds {0}").format(words))
