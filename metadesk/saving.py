"""Saving a file whole or not at all, and saying in a sentence why it could not be saved."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from metadesk.errors import FileProblem

FORBIDDEN = '<>:"/\\|?*'
LONGEST_NAME = 200  # bytes; systems allow 255, and endings are added


def save_atomically(path: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, then put it in the place of ``path``.

    Whatever fails, a file that stood at ``path`` before still stands there unharmed.

    Parameters
    ----------
    path : Path
        Where the file shall be.
    write : callable
        Called with the path of the temporary file; it has the same ending as ``path``.

    Raises
    ------
    FileProblem
        With what stood in the way and what would mend it.
    """
    path = Path(path)
    try:
        _check_place(path)
    except OSError as problem:
        raise FileProblem(why_not_saved(path, problem)) from problem
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        _take_over_rights(path, temporary)
        os.replace(temporary, path)
        temporary = None
    except OSError as problem:
        raise FileProblem(why_not_saved(path, problem)) from problem
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
    return path


def _check_place(path: Path) -> None:
    """Refuse a folder and a file that may not be replaced."""
    if path.is_dir():
        raise FileProblem(f"'{path}' is a folder. Choose a file name inside it.")
    if path.exists() and not os.access(path, os.W_OK):
        raise FileProblem(why_not_saved(path, PermissionError(errno.EACCES, "write-protected")))


def name_problem(name: str) -> str:
    """Why a name cannot be that of a file on every system, '' if it can."""
    forbidden = sorted({mark for mark in name if mark in FORBIDDEN or ord(mark) < 32})
    if forbidden:
        shown = " ".join(mark for mark in forbidden if ord(mark) >= 32) or "line breaks"
        return f"The name of a file cannot hold {shown}; choose another name."
    if not name.strip(" ."):
        return "The name of the file is missing; type one."
    if len(name.encode("utf-8")) > LONGEST_NAME:
        return "The name of the file is too long; choose a shorter one."
    return ""


def save_bytes(path: Path, content: bytes) -> Path:
    """Save ``content`` at ``path``, whole or not at all."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    return save_atomically(path, write)


def why_not_saved(path: Path, problem: OSError) -> str:
    """Say why a file could not be saved and what would help."""
    if isinstance(problem, FileNotFoundError) and not path.parent.exists():
        return f"'{path.name}' was not saved: the folder '{path.parent}' does not exist."
    if problem.errno == errno.ENAMETOOLONG:
        return f"'{path.name[:40]}…' was not saved: its name is too long. Choose a shorter one."
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"'{path.name}' was not saved: there is no space left in '{path.parent}'. "
            "Free some space or choose another folder."
        )
    if isinstance(problem, PermissionError) or problem.errno == errno.EROFS:
        if path.exists() and os.access(path.parent, os.W_OK):
            return (
                f"'{path.name}' was not saved: the file is open in another program or "
                "write-protected. Close it there, or save under another name."
            )
        return (
            f"'{path.name}' was not saved: the folder '{path.parent}' is read-only. "
            "Choose a folder of your own."
        )
    return f"'{path.name}' was not saved: {problem.strerror or problem}."


def _take_over_rights(path: Path, temporary: Path) -> None:
    """Give the new file the rights of the old one, or those of any newly made file."""
    if os.name != "posix":
        return
    if path.exists():
        mode = path.stat().st_mode & 0o777
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    temporary.chmod(mode)
