"""Who made it, under which licence, what it never does; and the crash report."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from metadesk import __version__
from metadesk.gui.theme import icon, scaled_font
from metadesk.resources import resource_dir


class AboutDialog(QDialog):
    """Name, version, licence, privacy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("aboutDialog")
        self.setWindowTitle(self.tr("About metadesk"))
        self.setMinimumWidth(460)
        sign = QLabel(self)
        sign.setPixmap(icon("metadesk").pixmap(64, 64))
        sign.setAccessibleName(self.tr("metadesk's sign"))
        name = QLabel(f"metadesk {__version__}", self)
        name.setFont(scaled_font(name.font(), 1.5, bold=True))
        words = QLabel(
            self.tr(
                "Meta-analysis from the extraction sheet to the forest plot.\n\n"
                "Free software under the BSD 3-Clause licence. metadesk never uses the network: "
                "your data stay on this computer.\n\n"
                "Figures are set in Liberation Sans and Noto Sans Thai (SIL Open Font License)."
            ),
            self,
        )
        words.setWordWrap(True)
        licence = QPlainTextEdit(_licence(), self)
        licence.setObjectName("licence")
        licence.setAccessibleName(self.tr("Licence"))
        licence.setReadOnly(True)
        licence.setMinimumHeight(140)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(sign)
        top.addWidget(name, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addLayout(top)
        column.addWidget(words)
        column.addWidget(licence)
        column.addWidget(buttons)


def _licence() -> str:
    for place in (resource_dir().parent / "LICENSE", resource_dir() / "LICENSE"):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    return "BSD-3-Clause"


class CrashDialog(QDialog):
    """Says that something broke, where the log lies, and that the sheet is still there."""

    def __init__(self, sentence: str, report: str, log: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("crashDialog")
        self.setWindowTitle(self.tr("Something went wrong"))
        self.setMinimumSize(560, 340)
        words = QLabel(
            self.tr(
                "{0}\n\nYour sheet is still there: save or export what you need, then start "
                "metadesk again. The report below is also in {1}."
            ).format(sentence, log),
            self,
        )
        words.setWordWrap(True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text = QPlainTextEdit(report, self)
        text.setObjectName("crashReport")
        text.setAccessibleName(self.tr("Report"))
        text.setReadOnly(True)
        copy = QPushButton(self.tr("Copy the report"), self)
        copy.setObjectName("copyReport")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(report))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(words)
        column.addWidget(text, 1)
        column.addWidget(buttons)
