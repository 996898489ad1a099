"""Sets of columns that make an effect: one for each outcome or time point side by side.

A sheet with ``mi_eot_1 … nc_eot_1 mi_fu1_2 … nc_fu1_2`` holds two blocks; the person chooses which
is analysed. Headers propose, cells decide: events must be whole numbers no larger than their
totals, an estimate must lie within its interval.
"""

from __future__ import annotations

from collections.abc import Sequence

from metadesk.formats.candidates import Block, Candidate, candidates
from metadesk.formats.estimates import estimate_blocks
from metadesk.formats.one_group import one_group_blocks
from metadesk.formats.two_groups import two_group_blocks
from metadesk.table import StudyTable
from metadesk.table.edits import SetRoles

__all__ = ["Block", "Candidate", "candidates", "choose_block", "find_blocks"]


def choose_block(table: StudyTable, block: Block, blocks: Sequence[Block]) -> SetRoles:
    """An edit that gives the roles to this block and takes them from the other ones."""
    wanted = {column_id: role for role, column_id in block.roles}
    others = {column_id for b in blocks for _, column_id in b.roles} - set(wanted)
    cleared = tuple((column_id, None, False) for column_id in sorted(others))
    given = tuple((column_id, role, True) for column_id, role in wanted.items())
    return SetRoles((*cleared, *given), f"Analyse {block.name or table.name}")


def find_blocks(columns: Sequence[Candidate]) -> tuple[Block, ...]:
    """All blocks of the sheet: raw data of two groups, else reported estimates, else one group."""
    raw = two_group_blocks(columns)
    used = {column_id for block in raw for _, column_id in block.roles}
    free = [c for c in columns if c.column.id not in used]
    reported = estimate_blocks(free)
    blocks = raw or reported or one_group_blocks(columns)
    return tuple(block for block in blocks if block.filled) or tuple(blocks[:1])
