"""Files opened lately, kept in the settings of this computer."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings

LIMIT = 10


class RecentFiles:
    """The newest first; what is no longer there is not shown."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def paths(self) -> list[Path]:
        """The files that are still there."""
        kept = self._settings.value("open/recent", [])
        names = [kept] if isinstance(kept, str) else kept if isinstance(kept, list) else []
        return [Path(str(name)) for name in names if Path(str(name)).is_file()]

    def remember(self, path: Path) -> None:
        """Put a file at the top."""
        whole = path.resolve()
        others = [str(p) for p in self.paths() if p != whole]
        self._settings.setValue("open/recent", [str(whole), *others][:LIMIT])
        self._settings.setValue("open/folder", str(whole.parent))

    @property
    def folder(self) -> str:
        """Where the last file lay; '' before the first."""
        return str(self._settings.value("open/folder", ""))
