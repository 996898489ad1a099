"""The state of the analysis at the foot of the window: fresh, out of date, or running."""

from __future__ import annotations

from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QWidget

from metadesk.gui.session import Session
from metadesk.gui.theme import icon, panel_css, set_role, tones

PATIENCE_MS = 300  # what takes less needs neither progress nor a way out


class StateStrip(QWidget):
    """A sign with a word, and while something runs its progress with a way out."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stateStrip")
        self._session = session
        self._sign = QLabel(self)
        self._words = QLabel(self)
        self._words.setObjectName("stateWords")
        self._bar = QProgressBar(self)
        self._bar.setObjectName("stateProgress")
        self._bar.setAccessibleName(self.tr("Progress"))
        self._bar.setFixedSize(110, 10)
        self._bar.setTextVisible(False)
        self._stop = QToolButton(self)
        self._stop.setObjectName("cancelButton")
        self._stop.setText(self.tr("Cancel"))
        self._stop.setAccessibleName(self.tr("Cancel the analysis"))
        set_role(self._stop, "flat")
        self._stop.clicked.connect(session.cancel)
        self._doing = ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(lambda: self._show_way_out(True))
        # whatever comes and goes in it, the strip keeps its height and the panels their place
        self.setFixedHeight(self.fontMetrics().height() + 8)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(6)
        for widget in (self._bar, self._stop, self._sign, self._words):
            row.addWidget(widget)
        session.busy_changed.connect(self._on_busy)
        session.result_changed.connect(self.refresh)
        self.restyle()

    @property
    def state(self) -> str:
        """'none', 'running', 'failed', 'stale', 'empty' (nothing to pool) or 'fresh'."""
        session = self._session
        if session.busy:
            return "running"
        if session.failure:
            return "failed"
        if session.any_result is None:
            return "none"
        if session.stale:
            return "stale"
        return "empty" if session.any_result.problem else "fresh"

    def restyle(self) -> None:
        """Take the colours of the palette in force."""
        self.setStyleSheet(panel_css(tones()))
        self.refresh()

    def refresh(self) -> None:
        """Show the state in sign and word."""
        t = tones()
        sign, colour, words = {
            "none": ("", t.muted, ""),
            "running": ("pending", t.accent, self.tr("Analysing…")),
            "failed": ("strong", t.strong, self.tr("No result for this data")),
            "stale": ("caution", t.caution, self.tr("Out of date")),
            "empty": ("info", t.note, self.tr("No result yet")),
            "fresh": ("good", t.good, self.tr("Up to date")),
        }[self.state]
        if self.state == "running" and self._doing and self._stop.isVisible():
            words = f"{self._doing}…"
        self._words.setText(words)
        self._sign.setVisible(bool(sign))
        if sign:
            self._sign.setPixmap(icon(sign, colour).pixmap(QSize(16, 16)))
        if self.state != "running":
            self._patience.stop()
            self._show_way_out(False)
        elif not self._patience.isActive() and not self._stop.isVisible():
            self._patience.start()

    def _show_way_out(self, shown: bool) -> None:
        self._bar.setVisible(shown)
        self._stop.setVisible(shown)

    def _on_busy(self, _busy: bool, fraction: float, what: str) -> None:
        self._doing = what
        self._bar.setRange(0, 100 if fraction > 0 else 0)
        self._bar.setValue(round(fraction * 100))
        self.refresh()
