"""Sets of columns that make an effect: one for each outcome or time point side by side.

A sheet with ``mi_eot_1 … nc_eot_1 mi_fu1_2 … nc_fu1_2`` holds two blocks; the person chooses which
is analysed. Headers propose, cells decide: events must be whole numbers no larger than their
totals, an estimate must lie within its interval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from metadesk.formats.candidates import MOST, Block, Candidate, candidates, named_apart
from metadesk.formats.estimates import estimate_blocks
from metadesk.formats.one_group import one_group_blocks
from metadesk.formats.two_groups import two_group_blocks, unnamed_group_blocks
from metadesk.table import StudyTable
from metadesk.table.edits import SetRoles

MOST_CELLS = 40_000

__all__ = [
    "Block", "Candidate", "beside", "block_called", "blocks_in", "candidates", "choose_block",
    "find_blocks", "is_chosen",
]  # fmt: skip


def choose_block(table: StudyTable, block: Block, blocks: Sequence[Block]) -> SetRoles:
    """An edit that gives the roles to this block and takes them from the other ones."""
    wanted = {column_id: role for role, column_id in block.roles}
    others = {column_id for b in blocks for _, column_id in b.roles} - set(wanted)
    cleared = tuple((column_id, None, False) for column_id in sorted(others))
    given = tuple((column_id, role, True) for column_id, role in wanted.items())
    return SetRoles((*cleared, *given), f"Analyse {block.name or table.name}")


def blocks_in(table: StudyTable) -> tuple[Block, ...]:
    """All blocks of a sheet; none are looked for in a very large one."""
    if table.n_rows * len(table.columns) > MOST_CELLS:
        return ()
    return find_blocks(candidates(table))


def is_chosen(table: StudyTable, block: Block) -> bool:
    """Whether the columns of a block have its roles."""
    roles = {column.id: column.role for column in table.columns}
    return all(roles.get(column_id) == role for role, column_id in block.roles)


def block_called(blocks: Sequence[Block], name: str) -> Block | None:
    """The block of this name, capitals and signs between words aside."""
    words = _bare(name)
    return next((b for b in blocks if words and _bare(b.name) == words), None)


def _bare(name: str) -> str:
    return " ".join(re.split(r"[\W_]+", name.casefold())).strip()


def find_blocks(columns: Sequence[Candidate]) -> tuple[Block, ...]:
    """All blocks of the sheet: raw data of two groups, reported estimates, else one group.

    Raw data come first; a reported effect beside them is offered after them.
    """
    raw = two_group_blocks(columns) or unnamed_group_blocks(columns)
    used = {column_id for block in raw for _, column_id in block.roles}
    free = [c for c in columns if c.column.id not in used]
    blocks = [*raw, *estimate_blocks(free)] or one_group_blocks(columns)
    return named_apart([block for block in blocks if block.filled] or blocks[:1])


def beside(first: Block, others: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks of other make that tell of rows about which the first one says nothing.

    Some studies report counts, others means or an estimate with its interval: each row has its own.
    """
    told, taken = set(first.rows), {column_id for _, column_id in first.roles}
    found, roles = [], set(first.role_names)
    for block in others:
        own = {c for role, c in block.roles if role not in roles}
        new = [row for row in block.rows if row not in told]
        shared = {c for role, c in block.roles if role in roles} <= taken
        if block.family != first.family and shared and own and len(new) > MOST * len(block.rows):
            found.append(block)
            told |= set(block.rows)
            taken |= own
            roles |= block.role_names
    return tuple(found)
