"""The commands on a sheet's undo stack: an edit of the table, a change of what is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

from metadesk.analysis.trial_spec import AnySpec, TrialSpec

if TYPE_CHECKING:
    from metadesk.gui.session import Session
    from metadesk.table.edits import Edit


class EditCommand(QUndoCommand):
    """One edit of the table and its way back."""

    def __init__(self, session: Session, edit: Edit) -> None:
        super().__init__(edit.title)
        self._session = session
        self._edit = edit
        self._inverse: Edit | None = None

    def redo(self) -> None:
        """Apply the edit."""
        self._inverse = self._session.take_edit(self._edit)

    def undo(self) -> None:
        """Take it back."""
        if self._inverse is not None:
            self._session.take_edit(self._inverse)


class SpecCommand(QUndoCommand):
    """One change of the request."""

    def __init__(self, session: Session, before: AnySpec, after: AnySpec, title: str) -> None:
        super().__init__(title)
        self._session = session
        self._before = before
        self._after = after

    def redo(self) -> None:
        """Ask for the new."""
        self._session.take_spec(self._after)

    def undo(self) -> None:
        """Ask for what was asked before."""
        self._session.take_spec(self._before)


class KindCommand(QUndoCommand):
    """Saying what a sheet holds."""

    def __init__(self, session: Session, trial: TrialSpec | None, title: str) -> None:
        super().__init__(title)
        self._session = session
        self._before = (session.sheet.trial, session.sheet.kind_said)
        self._after = (trial, True)

    def redo(self) -> None:
        """Say it."""
        self._session.take_kind(*self._after)

    def undo(self) -> None:
        """Say what was said before."""
        self._session.take_kind(*self._before)
