"""Saving the open workbook behind the window, and asking before changes would be lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from metadesk.gui.jobs import Tell
from metadesk.gui.session import Session
from metadesk.numerics.progress import Progress
from metadesk.project import Project
from metadesk.resources import resource_dir

SUFFIX = ".xlsx"


class Saver(QObject):
    """Writes the project in the worker; a workbook from elsewhere is never replaced unasked."""

    saved = Signal(object)  # the path
    failed = Signal(str)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self._then: Callable[[], object] | None = None
        self._next: Path | None = None
        self._lane = session.new_lane(newest_wins=False)
        self._lane.done.connect(self._on_saved)
        self._lane.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether a file is being written."""
        return self._lane.busy

    def save(self) -> None:
        """Save where the project lies; ask for a place if it has none of its own."""
        path = self._session.path
        if self._session.own and path is not None:
            self.save_to(path)
        else:
            self.save_as()

    def save_as(self) -> QFileDialog:
        """Ask for a name and save there."""
        dialog = QFileDialog(self._window, self.tr("Save as"))
        dialog.setObjectName("saveDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(self.tr("Excel workbook (*{0})").format(SUFFIX))
        dialog.setDefaultSuffix(SUFFIX)
        proposal = proposed_path(self._session)
        dialog.setDirectory(str(proposal.parent))
        dialog.selectFile(proposal.name)
        dialog.fileSelected.connect(lambda name: self.save_to(Path(name)))
        dialog.rejected.connect(self._forget_then)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def save_to(self, path: Path) -> None:
        """Save the whole workbook at ``path``, behind the window."""
        if problem := self._refusal(path):
            self._on_failed(0, problem)
            return
        if self.busy:
            self._next = path  # two at once might end in the wrong order
            return
        project = self._session.project()

        def work(_progress: Progress, _tell: Tell) -> object:
            from metadesk.project.file import write_project

            return project, write_project(project, path)

        self._lane.start(work)

    def ask(self, then: Callable[[], object]) -> None:
        """Do ``then`` once nothing can be lost by it: at once, after saving, or as decided."""
        if self.busy:
            self._then = then
            return
        if not self._session.edited:
            then()
            return
        box = QMessageBox(self._window)
        box.setObjectName("leaveBox")
        box.setIcon(QMessageBox.Icon.Question)
        path = self._session.path
        name = f"'{path.name}'" if path else self.tr("the new sheet")
        box.setText(self.tr("Save your changes of {0}?").format(name))
        box.setInformativeText(self.tr("Without saving, what you changed is lost."))
        save = box.addButton(self.tr("Save"), QMessageBox.ButtonRole.AcceptRole)
        drop = box.addButton(self.tr("Don't save"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(self.tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        for button, name in ((save, "leaveSave"), (drop, "leaveDrop"), (stay, "leaveStay")):
            button.setObjectName(name)
        box.setDefaultButton(save)
        box.setEscapeButton(stay)
        box.finished.connect(box.deleteLater)
        save.clicked.connect(lambda: self._save_then(then))
        drop.clicked.connect(lambda: then())
        box.open()

    def _save_then(self, then: Callable[[], object]) -> None:
        self._then = then
        self.save()

    def _forget_then(self) -> None:
        self._then = None

    def _refusal(self, path: Path) -> str:
        """Why nothing is written at ``path``; '' if it may be."""
        if path.suffix.lower() != SUFFIX:
            return self.tr("'{0}' was not saved: choose a name that ends in .xlsx.").format(
                path.name
            )
        mine = self._session.path
        if not self._session.own and mine is not None and path.resolve() == mine.resolve():
            return self.tr(
                "'{0}' is the workbook your data came from; its formats, formulas and notes would "
                "be lost. Choose another name."
            ).format(path.name)
        return ""

    def _on_saved(self, _number: int, done: object) -> None:
        assert isinstance(done, tuple)
        project, path = done
        assert isinstance(project, Project)
        self._session.saved(project, path)
        self.saved.emit(path)
        if self._next is not None:
            again, self._next = self._next, None
            self.save_to(again)
            return
        then, self._then = self._then, None
        if then is not None:
            self.ask(then)  # asks again if something was typed meanwhile

    def _on_failed(self, _number: int, sentence: str) -> None:
        self._then = self._next = None
        self.failed.emit(sentence)


def proposed_path(session: Session) -> Path:
    """The name under which a workbook is first saved: beside its source, never over it."""
    path = session.path
    if path is None:
        return documents() / f"Meta-analysis{SUFFIX}"
    if session.own:
        return path
    folder = documents() if path.is_relative_to(resource_dir()) else path.parent
    return folder / f"{path.stem} (metadesk){SUFFIX}"


def documents() -> Path:
    """The person's own folder for documents."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(place) if place else Path.home()
