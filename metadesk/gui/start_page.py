"""What stands in the window before a sheet does: open, go on, learn from an example, or type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.theme import Tones, icon, scaled_font, set_role, tones
from metadesk.resources import resource_dir
from metadesk.table import StudyTable, make_table

BLANKS: dict[str, dict[str, str]] = {
    "Events and totals": {
        "Study": "study", "Year": "year", "Events treated": "ai", "Total treated": "n1i",
        "Events control": "ci", "Total control": "n2i",
    },
    "Means and SDs": {
        "Study": "study", "Year": "year", "Mean treated": "m1i", "SD treated": "sd1i",
        "N treated": "n1i", "Mean control": "m2i", "SD control": "sd2i", "N control": "n2i",
    },
    "Ratios with intervals": {
        "Study": "study", "Year": "year", "Risk ratio": "est", "Lower": "lower", "Upper": "upper",
    },
    "Crossover or N-of-1 rows": {
        "Subject": "subject", "Sequence": "sequence", "Period": "period",
        "Treatment": "treatment", "Outcome": "response",
    },
    "Events and person-time": {
        "Study": "study", "Year": "year", "Events treated": "x1i", "Time treated": "t1i",
        "Events control": "x2i", "Time control": "t2i",
    },
    "Hazard ratios": {
        "Study": "study", "Year": "year", "Hazard ratio": "est", "Lower": "lower", "Upper": "upper",
        "P value": "pval", "O - E": "oe", "V": "v",
    },
    "Before and after, or crossover means": {
        "Study": "study", "Year": "year", "Mean 1": "m1i", "SD 1": "sd1i", "Mean 2": "m2i",
        "SD 2": "sd2i", "N": "ni", "Correlation": "ri",
    },
    "Matched pairs or crossover events": {
        "Study": "study", "Year": "year", "Event in both": "ai", "Only in 1": "bi",
        "Only in 2": "ci", "In neither": "di",
    },
    "Correlations": {"Study": "study", "Year": "year", "Correlation": "ri", "N": "ni"},
    "Regression coefficients": {
        "Study": "study", "Year": "year", "t value": "ti", "N": "ni", "Predictors": "mi",
        "R squared": "r2i",
    },
    "Events of one group": {"Study": "study", "Year": "year", "Events": "xi", "Total": "ni"},
    "Means of one group": {
        "Study": "study", "Year": "year", "Mean": "mi", "SD": "sdi", "N": "ni",
    },
    "Rates of one group": {"Study": "study", "Year": "year", "Events": "xi", "Time": "ti"},
    "Reliability (alpha)": {
        "Study": "study", "Year": "year", "Alpha": "ai", "Items": "mi", "N": "ni",
    },
    "Estimates with standard errors": {
        "Study": "study", "Year": "year", "Estimate": "yi", "SE": "sei",
    },
}  # fmt: skip
"""Blank sheets by what a person has: column names with their roles, the most frequent first."""
SHOWN_AT_ONCE = 4


def blank_sheet(kind: str) -> StudyTable:
    """An empty sheet whose columns already have their roles."""
    roles = BLANKS[kind]
    return make_table(dict.fromkeys(roles, ()), roles, name="Sheet 1")


def example_files() -> tuple[Path, ...]:
    """The bundled example workbooks."""
    folder = resource_dir() / "examples"
    return tuple(sorted(folder.glob("*.xlsx"))) if folder.is_dir() else ()


EXAMPLES = {
    "bcg_vaccine": "BCG vaccine: events and totals",
    "stroke_length_of_stay": "Stroke care: means and SDs",
    "passive_smoking": "Passive smoking: estimates with intervals",
    "crossover_enuresis": "Enuresis: a 2×2 crossover trial",
    "williams_dysmenorrhoea": "Period pain: three treatments, Williams design",
    "binary_crossover_ecg": "ECG: a crossover with yes/no answers",
    "nof1_gabapentin": "Gabapentin: a series of N-of-1 trials",
}
"""What the bundled examples are about, by the name of their file."""


class StartPage(QWidget):
    """Four ways in."""

    open_asked = Signal()
    file_asked = Signal(object)
    blank_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("startPage")
        self.setAccessibleName(self.tr("Start"))
        self._recent: tuple[Path, ...] = ()
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(32, 32, 32, 32)
        self._inner: QWidget | None = None

    def show_recent(self, recent: Sequence[Path]) -> None:
        """Show the page with these recent files."""
        self._recent = tuple(recent)
        self.restyle()

    def restyle(self) -> None:
        """Build the page in the colours of the palette in force."""
        if self._inner is not None:
            self._outer.removeWidget(self._inner)
            self._inner.hide()
            self._inner.deleteLater()
        self.setStyleSheet(_css(tones()))
        self._inner = QWidget(self)
        self._inner.setObjectName("startBody")
        self._inner.setMaximumWidth(760)
        column = QVBoxLayout(self._inner)
        column.setSpacing(24)
        column.addStretch(2)
        column.addLayout(self._head())
        columns = QHBoxLayout()
        columns.setSpacing(40)
        columns.addLayout(self._left(), 1)
        columns.addLayout(self._right(), 1)
        column.addLayout(columns)
        column.addStretch(3)
        self._outer.addWidget(self._inner, 1, Qt.AlignmentFlag.AlignHCenter)

    def _head(self) -> QHBoxLayout:
        sign = QLabel(self)
        sign.setPixmap(icon("metadesk").pixmap(QSize(56, 56)))
        name = QLabel("metadesk", self)
        name.setFont(scaled_font(self.font(), 2.0, bold=True))
        words = QLabel(self.tr("From the extraction sheet to the forest plot."), self)
        set_role(words, "muted")
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(name)
        lines.addWidget(words)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(sign)
        row.addLayout(lines, 1)
        return row

    def _left(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        opening = self._button(self.tr("Open a workbook…"), "open", "startOpen", main=True)
        opening.clicked.connect(self.open_asked)
        column.addWidget(opening)
        hint = QLabel(self.tr("or drop an .xlsx or .csv file anywhere on this window"), self)
        set_role(hint, "muted")
        column.addWidget(hint)
        column.addSpacing(12)
        column.addWidget(self._heading(self.tr("Start typing: what do you have?")))
        kinds = list(BLANKS)
        for kind in kinds[:SHOWN_AT_ONCE]:
            button = self._button(self.tr(kind), "new", f"blank-{kind}")
            button.clicked.connect(lambda _=False, kind=kind: self.blank_asked.emit(kind))
            column.addWidget(button)
        more = self._button(self.tr("Something else…"), "new", "blankMore")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(more)
        menu.setObjectName("blankMenu")
        for kind in kinds[SHOWN_AT_ONCE:]:
            action = menu.addAction(self.tr(kind))
            action.triggered.connect(lambda _=False, kind=kind: self.blank_asked.emit(kind))
        more.setMenu(menu)
        column.addWidget(more)
        column.addStretch(1)
        return column

    def _right(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        if self._recent:
            column.addWidget(self._heading(self.tr("Recent")))
            for path in self._recent[:5]:
                column.addWidget(self._file_button(path, "file", path.name))
            column.addSpacing(12)
        examples = example_files()
        if examples:
            column.addWidget(self._heading(self.tr("Examples")))
            for path in examples:
                title = self.tr(EXAMPLES.get(path.stem, path.stem))
                column.addWidget(self._file_button(path, "workbook", title))
        column.addStretch(1)
        return column

    def _heading(self, words: str) -> QLabel:
        label = QLabel(words, self)
        label.setIndent(0)  # on one line with what stands above and below
        set_role(label, "heading")
        return label

    def _button(self, words: str, sign: str, name: str, *, main: bool = False) -> QToolButton:
        t = tones()
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(words)
        button.setAccessibleName(words.rstrip("…"))
        button.setIcon(icon(sign, t.on_accent if main else t.accent))
        button.setIconSize(QSize(20, 20))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        set_role(button, "main" if main else "line")
        return button

    def _file_button(self, path: Path, sign: str, words: str) -> QToolButton:
        shown = self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, 280)
        button = self._button(shown, sign, f"file-{path.name}")
        button.setAccessibleName(words)
        button.setToolTip(str(path))
        button.clicked.connect(lambda: self.file_asked.emit(path))
        return button


def _css(t: Tones) -> str:
    return f"""
    QLabel[role="muted"] {{ color: {t.muted}; }}
    QLabel[role="heading"] {{ font-weight: 600; padding-bottom: 2px; }}
    QToolButton {{ border-radius: 6px; padding: 8px 10px; text-align: left; }}
    QToolButton::menu-indicator {{ image: none; }}
    QToolButton[role="main"] {{ background: {t.accent}; color: {t.on_accent}; border: none;
        font-weight: 600; }}
    QToolButton[role="main"]:focus {{ border: 2px solid {t.text}; }}
    QToolButton[role="line"] {{ background: transparent; border: none; color: {t.text}; }}
    QToolButton[role="line"]:hover, QToolButton[role="line"]:focus {{ background: {t.selection}; }}
    """
