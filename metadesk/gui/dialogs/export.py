"""The export dialog: the results workbook and the figure, in one go."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.dialogs.exporting import ExportChoice, ExportOrder, write_export
from metadesk.gui.forms import QuietDoubleSpin, QuietSpin
from metadesk.gui.jobs import Lane, Tell
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.numerics.progress import Progress
from metadesk.resources import resource_dir
from metadesk.saving import name_problem


class ExportDialog(QDialog):
    """Asks what and where, writes in the worker, and stays open with a sentence if it fails."""

    exported = Signal(object)  # the paths that were written

    def __init__(
        self,
        session: Session,
        plot: str,
        settings: QSettings,
        *,
        workbook: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("exportDialog")
        self.setWindowTitle(self.tr("Export"))
        self.setMinimumWidth(520)
        self._session = session
        self._plot = plot
        self._settings = settings
        self._lane = Lane(session.pool, newest_wins=False, parent=self)
        self._lane.done.connect(self._on_done)
        self._lane.failed.connect(lambda _, sentence: self._say(sentence))
        self._lane.busy_changed.connect(self._on_busy)
        self._build(workbook)
        self.setStyleSheet(panel_css(tones()))
        self._show_files()
        session.result_changed.connect(self._show_files)

    def _build(self, workbook: bool) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        self.workbook = self._box("workbook", self.tr("Results workbook (.xlsx)"), workbook)
        self.png = self._box("png", self.tr("Figure as picture (.png)"), True)
        self.svg = self._box("svg", self.tr("Figure as drawing (.svg)"), False)
        self.pdf = self._box("pdf", self.tr("Figure as document (.pdf)"), False)
        column.addWidget(self._heading(self.tr("What")))
        column.addWidget(self.workbook)
        column.addWidget(self.png)
        column.addLayout(self._size_row())
        column.addWidget(self.svg)
        column.addWidget(self.pdf)
        column.addSpacing(6)
        column.addWidget(self._heading(self.tr("Where")))
        column.addLayout(self._place())
        self._files = QLabel(self)
        self._files.setObjectName("exportFiles")
        self._files.setWordWrap(True)
        set_role(self._files, "muted")
        self._problem = QLabel(self)
        self._problem.setObjectName("exportProblem")
        self._problem.setWordWrap(True)
        self._problem.hide()
        set_role(self._problem, "warning")
        column.addWidget(self._files)
        column.addWidget(self._problem)
        column.addStretch(1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self._go = QPushButton(self.tr("Export"), self)
        self._go.setObjectName("exportGo")
        self._go.setAccessibleName(self.tr("Export"))
        self._go.setDefault(True)
        buttons.addButton(self._go, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        self._go.clicked.connect(self.export)
        column.addWidget(buttons)

    def _heading(self, words: str) -> QLabel:
        label = QLabel(words, self)
        set_role(label, "heading")
        return label

    def _box(self, name: str, words: str, on: bool) -> QCheckBox:
        box = QCheckBox(words, self)
        box.setObjectName(f"export-{name}")
        box.setAccessibleName(words)
        box.setChecked(_flag(self._settings.value(f"export/{name}", on)))
        box.toggled.connect(self._show_files)
        return box

    def _size_row(self) -> QHBoxLayout:
        self.width_cm = QuietDoubleSpin(self)
        self.width_cm.setObjectName("exportWidth")
        self.width_cm.setAccessibleName(self.tr("Width of the picture in cm"))
        self.width_cm.setRange(0.0, 200.0)
        self.width_cm.setDecimals(1)
        self.width_cm.setSuffix(self.tr(" cm"))
        self.width_cm.setSpecialValueText(self.tr("own width"))
        self.width_cm.setValue(float(str(self._settings.value("export/width", 17.0))))
        self.dpi = QuietSpin(self)
        self.dpi.setObjectName("exportDpi")
        self.dpi.setAccessibleName(self.tr("Dots per inch"))
        self.dpi.setRange(50, 1200)
        self.dpi.setSingleStep(100)
        self.dpi.setSuffix(self.tr(" dpi"))
        self.dpi.setValue(int(str(self._settings.value("export/dpi", 300))))
        row = QHBoxLayout()
        row.setContentsMargins(26, 0, 0, 0)
        for words, widget in (
            (self.tr("Width"), self.width_cm),
            (self.tr("Resolution"), self.dpi),
        ):
            label = QLabel(words, self)
            label.setBuddy(widget)
            set_role(label, "field")
            row.addWidget(label)
            row.addWidget(widget)
            row.addSpacing(12)
        row.addStretch(1)
        self.png.toggled.connect(self.width_cm.setEnabled)
        self.png.toggled.connect(self.dpi.setEnabled)
        return row

    def _place(self) -> QGridLayout:
        documents = QStandardPaths.writableLocation(
            QStandardPaths.StandardLocation.DocumentsLocation
        )
        last = str(self._settings.value("export/folder", ""))
        source = self._session.path
        if not Path(documents).is_dir():
            documents = str(Path.home())
        own = source is not None and resource_dir() not in source.resolve().parents
        folder = last or (str(source.parent) if source and own else documents)
        self.folder = QLineEdit(folder, self)
        self.folder.setObjectName("exportFolder")
        self.folder.setAccessibleName(self.tr("Folder"))
        self.folder.textChanged.connect(self._show_files)
        browse = QPushButton(self.tr("Choose…"), self)
        browse.setObjectName("exportBrowse")
        browse.setAccessibleName(self.tr("Choose a folder"))
        browse.clicked.connect(self._browse)
        self.name = QLineEdit(f"{source.stem if source else 'metadesk'} results", self)
        self.name.setObjectName("exportName")
        self.name.setAccessibleName(self.tr("Name"))
        self.name.textChanged.connect(self._show_files)
        grid = QGridLayout()
        for row, (words, widget) in enumerate(
            ((self.tr("Folder"), self.folder), (self.tr("Name"), self.name))
        ):
            label = QLabel(words, self)
            label.setBuddy(widget)
            set_role(label, "field")
            grid.addWidget(label, row, 0)
            grid.addWidget(widget, row, 1)
        grid.addWidget(browse, 0, 2)
        return grid

    @property
    def choice(self) -> ExportChoice:
        """What the dialog says now."""
        return ExportChoice(
            folder=Path(self.folder.text().strip()).expanduser(),
            name=self.name.text().strip() or "metadesk results",
            workbook=self.workbook.isChecked(),
            png=self.png.isChecked(),
            svg=self.svg.isChecked(),
            pdf=self.pdf.isChecked(),
            width_cm=self.width_cm.value(),
            dpi=self.dpi.value(),
        )

    def export(self) -> None:
        """Write the files in the worker."""
        session = self._session
        if session.any_result is None or session.stale:
            return
        order = ExportOrder(
            self.choice, session.any_result, self._plot, dict(session.figure_options(self._plot))
        )
        if wrong := self._wrong():
            self._say(wrong)
            return
        self._remember(order.choice)
        self._problem.hide()

        def work(progress: Progress, _tell: Tell) -> object:
            return write_export(order, progress)

        self._lane.start(work)

    def _wrong(self) -> str:
        """What is wrong with folder or name, '' if nothing is."""
        if not self.folder.text().strip():
            return self.tr("Choose a folder for the results.")
        return name_problem(self.choice.name)

    def reject(self) -> None:
        """Close; what is being written is called off."""
        self._lane.cancel()
        super().reject()

    def _remember(self, choice: ExportChoice) -> None:
        self._settings.setValue("export/folder", str(choice.folder))
        for name in ("workbook", "png", "svg", "pdf"):
            self._settings.setValue(f"export/{name}", getattr(choice, name))
        self._settings.setValue("export/width", choice.width_cm)
        self._settings.setValue("export/dpi", choice.dpi)

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("Folder for the results"), self.folder.text()
        )
        if folder:
            self.folder.setText(folder)

    def _show_files(self) -> None:
        wrong = self._wrong()
        files = () if wrong else self.choice.files(self._plot)
        there = [path for path in files if path.exists()]
        words = ", ".join(path.name for path in files) or wrong or self.tr("Nothing is chosen.")
        if there:
            words += "\n" + self.tr("Replaces what is there: {0}").format(
                ", ".join(path.name for path in there)
            )
        self._files.setText(words)
        session = self._session
        fresh = session.any_result is not None and not session.stale
        self._go.setEnabled(bool(files) and fresh and not self._lane.busy)
        if not fresh:
            self._say(self.tr("The results are out of date; Export waits until they are not."))
        elif self._problem.text() and not self._lane.busy:
            self._problem.hide()

    def _say(self, sentence: str) -> None:
        self._problem.setText(sentence)
        self._problem.show()

    def _on_busy(self, busy: bool) -> None:
        self._go.setEnabled(not busy)
        self._go.setText(self.tr("Exporting…") if busy else self.tr("Export"))

    def _on_done(self, _number: int, written: object) -> None:
        self.exported.emit(written)
        self.accept()


def _flag(value: object) -> bool:
    """A flag as QSettings gives it back: itself, or its name in an ini file."""
    return value in (True, "true")
