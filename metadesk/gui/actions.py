"""What a person can do, as records: menus, tool bar, shortcuts and the command palette follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

from metadesk.gui.theme import icon


def _always() -> bool:
    return True


@dataclass(frozen=True)
class ActionRecord:
    """One thing to do: what it is called, its keys, when it is possible, and what happens.

    ``checked`` makes it a switch and says whether it is on. ``tip`` is the sentence on hovering.
    """

    id: str
    title: str
    run: Callable[[], object]
    keys: tuple[str, ...] = ()
    menu: str = ""
    icon: str = ""
    enabled: Callable[[], bool] = field(default=_always)
    checked: Callable[[], bool] | None = None
    tip: str = ""


class Actions(QObject):
    """The QActions made from records, by id; :meth:`refresh` asks each whether it is possible."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._records: dict[str, ActionRecord] = {}
        self._made: dict[str, QAction] = {}

    def add(self, records: Iterable[ActionRecord]) -> None:
        """Make an action of every record."""
        for record in records:
            action = QAction(record.title, self)
            action.setObjectName(f"action-{record.id}")
            action.setShortcuts([QKeySequence(k) for k in record.keys])
            tip = record.tip or record.title.replace("&", "").rstrip("…")
            action.setToolTip(f"{tip} ({record.keys[0]})" if record.keys else tip)
            action.setStatusTip(record.tip)
            action.setCheckable(record.checked is not None)
            # the record's run takes no words; triggered would hand it the state of the switch
            action.triggered.connect(lambda _=False, run=record.run: run())
            self._records[record.id] = record
            self._made[record.id] = action
        self.repaint_icons()

    def __getitem__(self, id: str) -> QAction:
        return self._made[id]

    @property
    def records(self) -> tuple[ActionRecord, ...]:
        """All records, in order."""
        return tuple(self._records.values())

    def in_menu(self, menu: str) -> list[QAction]:
        """The actions of one menu, in order."""
        return [self._made[r.id] for r in self._records.values() if r.menu == menu]

    def refresh(self) -> None:
        """Ask every record whether it is possible and switched on."""
        for id, record in self._records.items():
            self._made[id].setEnabled(record.enabled())
            if record.checked is not None:
                self._made[id].setChecked(record.checked())

    def repaint_icons(self) -> None:
        """Draw the icons in the colours of the palette in force."""
        for id, record in self._records.items():
            if record.icon:
                self._made[id].setIcon(icon(record.icon))
