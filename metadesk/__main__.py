"""``metadesk``: with a task the command line, otherwise the window."""

from __future__ import annotations

import sys
from collections.abc import Sequence

TASKS = ("analyse", "analyze", "list")


def main(words: Sequence[str] | None = None) -> int:
    """Start what was asked for; the window and the command line never load each other."""
    given = list(sys.argv[1:] if words is None else words)
    if given and (given[0] in TASKS or given[0] in ("-h", "--help", "--version")):
        from metadesk.cli import run_command

        return run_command(given)
    from metadesk.gui.app import run_window

    return run_window(given)


if __name__ == "__main__":
    raise SystemExit(main())
