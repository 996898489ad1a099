"""Raw data of two groups: events and totals, person-time, means and their spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from metadesk.formats.candidates import (
    ENOUGH,
    MOST,
    Block,
    Candidate,
    Family,
    filled_rows,
    not_above,
)
from metadesk.formats.headers import NEVER_EVENTS

BEFORE = frozenset({"pre", "baseline", "before", "bl"})  # values before treatment come last
GROUP = {1: "treated", 2: "control"}
FIRST_TREATED = "the headers stand twice and the first group was taken as treated"
ROLES_BY_ARM: dict[str, tuple[str, str]] = {
    "events": ("ai", "ci"), "nonevents": ("bi", "di"), "total": ("n1i", "n2i"),
    "mean": ("m1i", "m2i"), "sd": ("sd1i", "sd2i"), "se": ("se1i", "se2i"),
    "median": ("med1i", "med2i"), "q1": ("q1_1i", "q1_2i"), "q3": ("q3_1i", "q3_2i"),
    "min": ("min1i", "min2i"), "max": ("max1i", "max2i"), "percent": ("p1i", "p2i"),
    "rate events": ("x1i", "x2i"), "time": ("t1i", "t2i"),
}  # fmt: skip


Cells = dict[tuple[str, int], Candidate]
Kind = Callable[[tuple[str, ...], Cells], Block | None]


def two_group_blocks(columns: Sequence[Candidate]) -> list[Block]:
    """Blocks of two arms in the order of their first column, values before treatment last."""
    armed = [c for c in columns if c.reading.arm and (c.is_numeric or _is_blank(c))]
    totals = {place: c for place, c in _cells_of(armed, ()).items() if place[0] == "total"}
    by_key = {
        key: {**totals, **_cells_of(armed, key)}  # totals without other words serve all blocks
        for key in dict.fromkeys(c.reading.rest for c in armed)
    }
    kinds: tuple[Kind, ...] = (_person_time, _two_by_two, _means)
    found = [kind(key, cells) for key, cells in by_key.items() for kind in kinds]
    if not any(found):
        found = [_percentages(key, cells) for key, cells in by_key.items()]
    blocks = [block for block in found if block is not None]
    blocks.sort(key=lambda block: bool(BEFORE & set(block.name.split())))
    return blocks


def unnamed_group_blocks(columns: Sequence[Candidate]) -> list[Block]:
    """Blocks of headers that stand twice, group after group ('Mean SD N Mean SD N').

    The first group is taken as treated; 'N N Mean Mean' is left to the person.
    """
    places = {c.column.name: at for at, c in enumerate(columns)}
    pairs = [
        (at, places[f"{name} (2)"])
        for name, at in places.items()
        if f"{name} (2)" in places and f"{name} (3)" not in places and _is_of_an_arm(columns[at])
    ]
    if not pairs or max(one for one, _ in pairs) > min(other for _, other in pairs):
        return []
    armed = [
        replace(columns[pair[arm - 1]], reading=replace(columns[pair[0]].reading, arm=arm))
        for arm in (1, 2)
        for pair in pairs
    ]
    return [
        replace(b, reasons={key: f"{why}; {FIRST_TREATED}" for key, why in b.reasons.items()})
        for b in two_group_blocks(armed)
        if {"n1i", "n2i"} <= b.role_names
    ]


def _is_of_an_arm(candidate: Candidate) -> bool:
    """Whether a header names a quantity of a group, but not the group."""
    return candidate.reading.quantity in ROLES_BY_ARM and not candidate.reading.arm


def _is_blank(candidate: Candidate) -> bool:
    """Whether a named column holds nothing at all (an empty template)."""
    return all(value is None for value in candidate.column.cells)


def _cells_of(armed: Sequence[Candidate], key: tuple[str, ...]) -> Cells:
    """The candidates of one block by quantity and arm."""
    cells: Cells = {}
    for candidate in armed:
        if candidate.reading.rest == key:
            cells.setdefault((candidate.reading.quantity, candidate.reading.arm), candidate)
    return cells


def _two_by_two(key: tuple[str, ...], cells: Cells) -> Block | None:
    """Events with totals, or else with non-events, in both arms."""
    chosen: Cells = {}
    for arm in (1, 2):
        events = cells.get(("events", arm)) or _noun(key, cells, arm)
        if events is None or not (events.is_count or _is_blank(events)):
            return None
        total = cells.get(("total", arm))
        share = MOST if events.reading.quantity == "events" else ENOUGH
        if total is not None and not not_above(events, total, share):
            return None
        chosen["events", arm] = events
    for other in ("total", "nonevents"):
        pair = {(other, arm): cells[other, arm] for arm in (1, 2) if (other, arm) in cells}
        if len(pair) == 2:
            return _block(key, "two-by-two", {**chosen, **pair})
    return None


def _person_time(key: tuple[str, ...], cells: Cells) -> Block | None:
    """Events with person-time in both arms."""
    places = [(quantity, arm) for arm in (1, 2) for quantity in ("events", "time")]
    if not all(place in cells for place in places):
        return None
    renamed = {("rate " + q if q == "events" else q, arm): cells[q, arm] for q, arm in places}
    return _block(key, "person-time", renamed)


def _percentages(key: tuple[str, ...], cells: Cells) -> Block | None:
    """Percentages of totals in both arms, where the events themselves are not given."""
    places = [(quantity, arm) for arm in (1, 2) for quantity in ("percent", "total")]
    if not all(place in cells for place in places) or not NEVER_EVENTS.isdisjoint(key):
        return None
    return _block(key, "two-by-two", {place: cells[place] for place in places})


def _noun(key: tuple[str, ...], cells: Cells, arm: int) -> Candidate | None:
    """A counted thing that stands in both arms ('int_relapse', 'comp_relapse') is the event."""
    if not key or not NEVER_EVENTS.isdisjoint(key):
        return None
    if ("", 1) not in cells or ("", 2) not in cells:
        return None
    return cells["", arm]


def _means(key: tuple[str, ...], cells: Cells) -> Block | None:
    """Means or medians with what their spread needs, in both arms."""
    wanted = ("mean", "sd", "se", "median", "q1", "q3", "min", "max", "total")
    chosen = {place: c for place, c in cells.items() if place[0] in wanted}
    for arm in (1, 2):
        centre = ("mean", arm) in chosen or ("median", arm) in chosen
        spread = any((q, arm) in chosen for q in ("sd", "se", "q1", "min"))
        if not (centre and spread):
            return None
    return replace(_block(key, "means", chosen), rows=_rows_of_means(chosen))


def _rows_of_means(cells: Cells) -> tuple[int, ...]:
    """Rows with a centre and some spread in both arms; hardly a sheet has SDs and SEs in each."""
    one, other = (_rows_of_arm(cells, arm) for arm in (1, 2))
    return tuple(sorted(one & other))


def _rows_of_arm(cells: Cells, arm: int) -> set[int]:
    rows: set[int] = set()
    for centre in ("mean", "median"):
        for spread in ("sd", "se", "q1", "min"):
            parts = [cells.get((centre, arm)), cells.get((spread, arm)), cells.get(("total", arm))]
            if parts[0] is not None and parts[1] is not None:
                rows |= set(filled_rows([p for p in parts if p is not None]))
    return rows


def _block(key: tuple[str, ...], family: Family, cells: Cells) -> Block:
    """A block of two arms with its roles and a reason for each."""
    roles = tuple((ROLES_BY_ARM[q][arm - 1], c.column.id) for (q, arm), c in cells.items())
    reasons = {c.column.id: f"{q}, {GROUP[arm]} group" for (q, arm), c in cells.items()}
    return Block(" ".join(key), family, roles, filled_rows(list(cells.values())), reasons)
