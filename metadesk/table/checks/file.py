"""What a person should know about how the file was read."""

from __future__ import annotations

from collections.abc import Iterator

from metadesk.table.checks.look import Look, Problem


def reading(look: Look) -> Iterator[Problem]:
    """One note for each remark of the reader."""
    for sentence in look.table.remarks:
        yield Problem(None, None, "note", sentence, "reading")
