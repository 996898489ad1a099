"""Sets of columns that make an effect: one for each outcome or time point side by side.

A sheet with ``mi_eot_1 … nc_eot_1 mi_fu1_2 … nc_fu1_2`` holds two blocks; the person chooses which
is analysed. Headers propose, cells decide: events must be whole numbers no larger than their
totals, an estimate must lie within its interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Literal

from metadesk.formats.headers import NEVER_EVENTS, RATIOS, Reading, read_headers
from metadesk.table import StudyTable, TableColumn, is_missing, number_in
from metadesk.table.edits import SetRoles

Family = Literal["two-by-two", "person-time", "means", "estimate", "correlation", "one group"]
ENOUGH = 0.8  # share of cells that must agree where the header says little
LOOKED_AT = 500  # rows from which a column is judged
MOST = 0.5  # share where the header is plain: a few bad cells are problems, not another column

BEFORE = frozenset({"pre", "baseline", "before", "bl"})  # values before treatment come last

_GROUP = {1: "treated", 2: "control"}
_RAW: dict[str, tuple[str, str]] = {
    "events": ("ai", "ci"), "nonevents": ("bi", "di"), "total": ("n1i", "n2i"),
    "mean": ("m1i", "m2i"), "sd": ("sd1i", "sd2i"), "se": ("se1i", "se2i"),
    "median": ("med1i", "med2i"), "q1": ("q1_1i", "q1_2i"), "q3": ("q3_1i", "q3_2i"),
    "min": ("min1i", "min2i"), "max": ("max1i", "max2i"), "percent": ("p1i", "p2i"),
    "lower": ("lb1i", "lb2i"), "upper": ("ub1i", "ub2i"),
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Columns that together give an effect.

    Attributes
    ----------
    name : str
        The words that tell this block from the others ('eot PW'), '' if there is only one.
    roles : tuple of (role, column id)
    filled : int
        In how many rows (of the first 500) all of the block's columns hold a number.
    reasons : mapping of column id to a few words
    """

    name: str
    family: Family
    roles: tuple[tuple[str, int], ...]
    filled: int
    reasons: Mapping[int, str]

    @property
    def role_names(self) -> frozenset[str]:
        """The roles that the block has columns for."""
        return frozenset(role for role, _ in self.roles)


def choose_block(table: StudyTable, block: Block, blocks: Sequence[Block]) -> SetRoles:
    """An edit that gives the roles to this block and takes them from the other ones."""
    wanted = {column_id: role for role, column_id in block.roles}
    others = {column_id for b in blocks for _, column_id in b.roles} - set(wanted)
    cleared = tuple((column_id, None, False) for column_id in sorted(others))
    given = tuple((column_id, role, True) for column_id, role in wanted.items())
    return SetRoles((*cleared, *given), f"Analyse {block.name or table.name}")


@dataclass(frozen=True)
class Candidate:
    """A column with its header as read and its cells as numbers, looked at once."""

    column: TableColumn
    reading: Reading
    rows: tuple[int, ...]

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """The cells of the rows that take part as numbers, NaN where there is none."""
        return tuple(number_in(self.column.cells[row]) for row in self.rows)

    @cached_property
    def given(self) -> tuple[float, ...]:
        """The numbers that are there."""
        return tuple(x for x in self.numbers if x == x)

    @cached_property
    def is_numeric(self) -> bool:
        """Whether most filled cells are numbers."""
        filled = sum(not is_missing(self.column.cells[row]) for row in self.rows)
        return len(self.given) > MOST * filled

    @cached_property
    def is_count(self) -> bool:
        """Whether the numbers are whole and not negative."""
        whole = sum(x >= 0 and x == int(x) for x in self.given if math.isfinite(x))
        return self.is_numeric and whole > MOST * len(self.given)


def candidates(table: StudyTable) -> tuple[Candidate, ...]:
    """All columns with their headers read; excluded rows and those far down do not speak."""
    readings = read_headers(tuple(column.name for column in table.columns))
    included = (i for i, row_id in enumerate(table.row_ids) if row_id not in table.excluded)
    rows = tuple(islice(included, LOOKED_AT))
    return tuple(
        Candidate(column, reading, rows)
        for column, reading in zip(table.columns, readings, strict=True)
    )


def find_blocks(columns: Sequence[Candidate]) -> tuple[Block, ...]:
    """All blocks of the sheet: raw data of two groups, else reported estimates, else one group."""
    raw = _raw_blocks(columns)
    used = {column_id for block in raw for _, column_id in block.roles}
    free = [c for c in columns if c.column.id not in used]
    reported = _estimate_blocks(free)
    blocks = raw or reported or _one_group_blocks(columns)
    return tuple(block for block in blocks if block.filled) or tuple(blocks[:1])


# Raw data of two groups


def _raw_blocks(columns: Sequence[Candidate]) -> list[Block]:
    """Blocks of two arms, in the order of their first column."""
    armed = [c for c in columns if c.reading.arm and (c.is_numeric or not c.given)]
    armed = [c for c in armed if c.is_numeric or _is_blank(c)]
    keys = list(dict.fromkeys(_key(c) for c in armed))
    shared = _cells_of(armed, ())
    blocks = []
    for key in keys:
        cells = {**_shared_totals(shared), **_cells_of(armed, key)}
        block = _person_time(key, cells) or _two_by_two(key, cells) or _means(key, cells)
        if block is not None:
            blocks.append(block)
    blocks.sort(key=lambda block: bool(BEFORE & set(block.name.split())))
    return _named_apart(blocks)


def _is_blank(candidate: Candidate) -> bool:
    """Whether a named column holds nothing at all (an empty template)."""
    return all(value is None for value in candidate.column.cells)


def _key(candidate: Candidate) -> tuple[str, ...]:
    """The words that tell the candidate's block."""
    return candidate.reading.rest


Cells = dict[tuple[str, int], Candidate]


def _cells_of(armed: Sequence[Candidate], key: tuple[str, ...]) -> Cells:
    """The candidates of one block by quantity and arm; a noun of unknown meaning may be events."""
    cells: Cells = {}
    for candidate in armed:
        if _key(candidate) == key:
            cells.setdefault((candidate.reading.quantity, candidate.reading.arm), candidate)
    return cells


def _shared_totals(shared: Cells) -> Cells:
    """Totals without words of a block belong to every block."""
    return {place: c for place, c in shared.items() if place[0] == "total"}


def _two_by_two(key: tuple[str, ...], cells: Cells) -> Block | None:
    """Events with totals or non-events in both arms."""
    chosen: Cells = {}
    reasons: dict[int, str] = {}
    for arm in (1, 2):
        events = cells.get(("events", arm)) or _noun(key, cells, arm)
        if events is None or not (events.is_count or _is_blank(events)):
            return None
        chosen["events", arm] = events
        for other in ("total", "nonevents"):
            if (other, arm) in cells:
                chosen[other, arm] = cells[other, arm]
        total = chosen.get(("total", arm))
        share = MOST if events.reading.quantity == "events" else ENOUGH
        if total is not None and not _not_above(events, total, share):
            return None
    has = {quantity for quantity, _ in chosen}
    both = {q for q in has if (q, 1) in chosen and (q, 2) in chosen}
    if "total" in both:
        chosen = {place: c for place, c in chosen.items() if place[0] != "nonevents"}
    elif "nonevents" not in both:
        return None
    for (quantity, arm), candidate in chosen.items():
        reasons[candidate.column.id] = f"{quantity or 'events'}, {_GROUP[arm]} group"
    return _block(key, "two-by-two", chosen, reasons)


def _person_time(key: tuple[str, ...], cells: Cells) -> Block | None:
    """Events with person-time in both arms."""
    chosen = {(q, arm): cells.get((q, arm)) for arm in (1, 2) for q in ("events", "time")}
    if any(candidate is None for candidate in chosen.values()):
        return None
    names = {"events": ("x1i", "x2i"), "time": ("t1i", "t2i")}
    found = {place: c for place, c in chosen.items() if c is not None}
    roles = tuple((names[q][arm - 1], c.column.id) for (q, arm), c in found.items())
    reasons = {
        c.column.id: f"{'events' if q == 'events' else 'person-time'}, {_GROUP[arm]} group"
        for (q, arm), c in found.items()
    }
    return Block(" ".join(key), "person-time", roles, _filled(list(found.values())), reasons)


def _noun(key: tuple[str, ...], cells: Cells, arm: int) -> Candidate | None:
    """A counted thing that stands in both arms ('int_relapse', 'comp_relapse') is the event."""
    if not key or any(word in NEVER_EVENTS for word in key):
        return None
    if ("", 1) not in cells or ("", 2) not in cells:
        return None
    return cells["", arm]


def _not_above(events: Candidate, total: Candidate, share: float) -> bool:
    """Whether events stay within their totals in at least this share of the rows."""
    pairs = [
        (e, n) for e, n in zip(events.numbers, total.numbers, strict=True) if e == e and n == n
    ]
    return sum(e <= n for e, n in pairs) >= share * len(pairs)


def _means(key: tuple[str, ...], cells: Cells) -> Block | None:
    """Means or medians with what their spread needs, in both arms."""
    wanted = ("mean", "sd", "se", "lower", "upper", "median", "q1", "q3", "min", "max", "total")
    chosen = {place: c for place, c in cells.items() if place[0] in wanted}
    for arm in (1, 2):
        centre = ("mean", arm) in chosen or ("median", arm) in chosen
        spread = any((q, arm) in chosen for q in ("sd", "se", "lower", "q1", "min"))
        if not (centre and spread):
            return None
    reasons = {
        c.column.id: f"{quantity}, {_GROUP[arm]} group" for (quantity, arm), c in chosen.items()
    }
    return _block(key, "means", chosen, reasons)


def _block(key: tuple[str, ...], family: Family, cells: Cells, reasons: dict[int, str]) -> Block:
    """A block of two arms with the names of its roles."""
    roles = tuple((_RAW[q][arm - 1], c.column.id) for (q, arm), c in cells.items() if q in _RAW)
    if family == "two-by-two":
        roles = tuple((_RAW[q or "events"][arm - 1], c.column.id) for (q, arm), c in cells.items())
    return Block(" ".join(key), family, roles, _filled(list(cells.values())), reasons)


def _filled(parts: Sequence[Candidate]) -> int:
    """In how many rows all columns hold a number."""
    if not parts:
        return 0
    return sum(all(x == x for x in row) for row in zip(*(p.numbers for p in parts), strict=True))


def _named_apart(blocks: list[Block]) -> list[Block]:
    """A lone block needs no name."""
    if len(blocks) != 1:
        return blocks
    only = blocks[0]
    return [Block("", only.family, only.roles, only.filled, only.reasons)]


# Reported estimates


def _estimate_blocks(columns: Sequence[Candidate]) -> list[Block]:
    """An estimate with its interval, standard error, variance or p-value."""
    free = [c for c in columns if c.is_numeric and not (c.reading.arm and c.reading.quantity)]
    taken: set[int] = set()
    measured = _named_measure(columns)
    blocks = []
    for lower in [c for c in free if c.reading.quantity == "lower"]:
        upper = _partner_bound(lower, free, taken)
        centre = _centre(lower, upper, free, taken) if upper else None
        if upper is None or centre is None:
            continue
        taken |= {lower.column.id, upper.column.id, centre.column.id}
        bounds = {"lower": lower, "upper": upper}
        blocks.append(_estimate(centre, bounds, free, taken, measured))
    effects = [c for c in free if c.reading.quantity == "effect" and c.column.id not in taken]
    for centre in sorted(effects, key=lambda c: not c.reading.log):
        precision = _precision(centre, free, taken)
        if precision:
            taken |= {centre.column.id, *(c.column.id for c in precision.values())}
            blocks.append(_estimate(centre, precision, free, taken, measured))
    if not blocks:
        blocks = _log_rank(free) or _mean_with_error(free)
    position = {c.column.id: at for at, c in enumerate(columns)}
    blocks.sort(key=lambda b: min(position[column_id] for _, column_id in b.roles))
    return _named_apart(_without_the_same_twice(blocks))


def _named_measure(columns: Sequence[Candidate]) -> str:
    """The ratio that a column of measures ('OR', 'HR') names, if all rows are of ratios."""
    for candidate in columns:
        texts = {str(candidate.column.cells[row]).strip().lower() for row in candidate.rows}
        if texts and texts <= set(RATIOS):
            return RATIOS[sorted(texts)[0]]
    return ""


def _partner_bound(
    lower: Candidate, free: Sequence[Candidate], taken: set[int]
) -> Candidate | None:
    """The upper bound that belongs to a lower one: the same words, or else the next column."""
    uppers = [c for c in free if c.reading.quantity == "upper" and c.column.id not in taken]
    for upper in uppers:
        if upper.reading.rest == lower.reading.rest and _ordered(lower, upper):
            return upper
    at = free.index(lower)
    after = free[at + 1 : at + 2]
    return next((c for c in after if c in uppers and _ordered(lower, c)), None)


def _ordered(lower: Candidate, upper: Candidate) -> bool:
    """Whether lower bounds lie below upper ones in nearly all rows."""
    pairs = [(x, y) for x, y in zip(lower.numbers, upper.numbers, strict=True) if x == x and y == y]
    return bool(pairs) and sum(x <= y for x, y in pairs) > MOST * len(pairs)


def _centre(
    lower: Candidate, upper: Candidate, free: Sequence[Candidate], taken: set[int]
) -> Candidate | None:
    """The estimate that an interval belongs to, by its words, then by where it stands."""
    bound = lower.reading
    words = tuple(
        t for t in bound.tokens if t not in ("ll", "lower", "low", "lb", "lo", "lcl", "ci")
    )
    possible = [
        c for c in free
        if c.column.id not in taken and c.reading.quantity in ("effect", "", "mean")
        and _within(c, lower, upper)
    ]  # fmt: skip
    for same in (
        [c for c in possible if c.reading.tokens == words],
        [c for c in possible if c.reading.quantity == "effect" and c.reading.rest == bound.rest],
    ):
        if len(same) >= 1:
            return same[0]
    at = free.index(lower)
    near = [c for c in possible if abs(free.index(c) - at) <= 2]
    named = [c for c in near if c.reading.quantity == "effect"]
    chosen = named or near
    return chosen[-1] if len(chosen) == 1 or named else None


def _within(centre: Candidate, lower: Candidate, upper: Candidate) -> bool:
    """Whether estimates lie between their bounds in nearly all rows."""
    triples = [
        (x, lo, hi)
        for x, lo, hi in zip(centre.numbers, lower.numbers, upper.numbers, strict=True)
        if x == x and lo == lo and hi == hi
    ]
    return bool(triples) and sum(lo <= x <= hi for x, lo, hi in triples) > MOST * len(triples)


def _precision(
    centre: Candidate, free: Sequence[Candidate], taken: set[int]
) -> dict[str, Candidate]:
    """The standard error or variance that belongs to an estimate: same words, else the only one."""
    for quantity, role in (("variance", "vi"), ("se", "sei")):
        fits = [
            c for c in free
            if c.reading.quantity == quantity and c.column.id not in taken and min(c.given) >= 0
        ]  # fmt: skip
        same = [c for c in fits if c.reading.rest == centre.reading.rest]
        same = [c for c in same if c.reading.log == centre.reading.log] or same
        others = [c for c in free if c.reading.quantity == "effect" and c.column.id not in taken]
        if same:
            return {role: same[0]}
        at = free.index(centre) + 1
        if at < len(free) and free[at] in fits:
            return {role: free[at]}
        if len(fits) == 1 and len(others) == 1:
            return {role: fits[0]}
    fits = [c for c in free if c.reading.quantity == "pvalue" and c.column.id not in taken]
    return {"pval": fits[0]} if len(fits) == 1 and centre.reading.rest == () else {}


def _estimate(
    centre: Candidate,
    precision: Mapping[str, Candidate],
    free: Sequence[Candidate],
    taken: set[int],
    measured: str,
) -> Block:
    """A block of an estimate: 'est' for a ratio as printed, 'yi' on the analysis scale."""
    parts = dict(precision)
    if "lower" in parts:
        for role, candidate in _precision(centre, free, taken).items():
            if role != "pval" and candidate.reading.rest == centre.reading.rest:
                parts[role] = candidate
                taken.add(candidate.column.id)
    role, why = _scale(centre, parts, measured)
    if role == "est":
        parts.pop("vi", None)
    roles = ((role, centre.column.id), *((key, c.column.id) for key, c in parts.items()))
    reasons = {centre.column.id: why}
    reasons.update({c.column.id: f"belongs to {centre.column.name}" for c in parts.values()})
    words = list(centre.reading.rest) or [centre.column.name]
    filled = _filled([centre, *list(precision.values())])
    return Block(" ".join(words), "estimate", roles, filled, reasons)


def _scale(centre: Candidate, parts: Mapping[str, Candidate], measured: str) -> tuple[str, str]:
    """Whether an estimate is a ratio as printed ('est') or on its analysis scale ('yi')."""
    name, reading = centre.column.name, centre.reading
    positive = min(centre.given) > 0
    if measured in RATIOS.values() and positive and not reading.log:
        return "est", f"the sheet's column of measures says {measured}"
    if reading.log and reading.ratio:
        return "yi", f"'{name}' says logarithm of {reading.ratio}"
    if reading.ratio and positive:
        return "est", f"'{name}' names a ratio"
    if reading.ratio:
        return "yi", f"'{name}' names a ratio but holds values of 0 or less: taken as logarithms"
    if "lower" not in parts or not positive or reading.tokens[:1] in (("g",), ("d",), ("md",)):
        return "yi", f"'{name}' is taken as it stands"
    if _lopsidedness(centre, parts, log=True) < 0.25 * _lopsidedness(centre, parts, log=False):
        return "est", "all positive with intervals even on the log scale: taken as ratios"
    return "yi", f"'{name}' is taken as it stands"


def _lopsidedness(centre: Candidate, parts: Mapping[str, Candidate], *, log: bool) -> float:
    """How far estimates lie from the middle of their intervals, in half-widths, on average."""
    off, count = 0.0, 0
    rows = zip(centre.numbers, parts["lower"].numbers, parts["upper"].numbers, strict=True)
    for x, lo, hi in rows:
        if not (x == x and lo == lo and hi == hi) or (log and min(x, lo) <= 0):
            continue
        if log:
            x, lo, hi = math.log(x), math.log(lo), math.log(hi)
        if hi > lo:
            off, count = off + abs(2 * x - lo - hi) / (hi - lo), count + 1
    return off / count if count else math.inf


def _mean_with_error(free: Sequence[Candidate]) -> list[Block]:
    """A lone mean with its standard error (a paired difference of a crossover trial)."""
    means = [c for c in free if c.reading.quantity == "mean"]
    errors = [c for c in free if c.reading.quantity == "se"]
    if len(means) != 1 or len(errors) != 1 or any(c.reading.quantity == "sd" for c in free):
        return []
    roles = (("yi", means[0].column.id), ("sei", errors[0].column.id))
    reasons = {
        means[0].column.id: "a mean with a standard error and no second group: a paired difference",
        errors[0].column.id: f"belongs to {means[0].column.name}",
    }
    return [Block("", "estimate", roles, _filled([means[0], errors[0]]), reasons)]


def _log_rank(free: Sequence[Candidate]) -> list[Block]:
    """Observed minus expected events with their variance."""
    differences = [c for c in free if c.reading.tokens in (("o", "e"), ("oe",))]
    variances = [c for c in free if c.reading.quantity == "variance"]
    if len(differences) != 1 or len(variances) != 1:
        return []
    return [_simple("estimate", {"oe": differences[0], "v": variances[0]})]


def _without_the_same_twice(blocks: list[Block]) -> list[Block]:
    """'RR' beside 'log RR' with its SE is one effect; the block with the better precision stays."""
    names = [block.name for block in blocks]
    return [
        block for at, block in enumerate(blocks)
        if not (names.index(block.name) != at and block.role_names <= {"est", "pval"})
    ]  # fmt: skip


# One group


def _one_group_blocks(columns: Sequence[Candidate]) -> list[Block]:
    """Events of a total, a mean with its SD, or a correlation, in one group."""
    plain = [c for c in columns if not c.reading.arm and not c.reading.rest and c.is_numeric]
    plain += [c for c in columns if c.is_numeric and _is_correlation(c)]
    size = next((c for c in plain if c.reading.quantity == "total" and c.is_count), None)
    events = next((c for c in plain if c.reading.quantity == "events" and c.is_count), None)
    correlation = next((c for c in plain if _is_correlation(c)), None)
    mean = next((c for c in plain if c.reading.quantity == "mean"), None)
    sd = next((c for c in plain if c.reading.quantity == "sd"), None)
    if size is None:
        return []
    if correlation is not None:
        return [_simple("correlation", {"ri": correlation, "ni": size})]
    if events is not None and _not_above(events, size, MOST):
        return [_simple("one group", {"xi": events, "ni": size})]
    if mean is not None and sd is not None:
        return [_simple("one group", {"mi": mean, "sdi": sd, "ni": size})]
    return []


def _is_correlation(candidate: Candidate) -> bool:
    """Whether a column is named and behaves like a correlation."""
    words = candidate.reading.tokens
    named = len(words) == 1 and words[0] in ("r", "ri", "corr", "cor", "correlation", "pearson")
    return named and all(-1 <= x <= 1 for x in candidate.given)


def _simple(family: Family, parts: Mapping[str, Candidate]) -> Block:
    """A block whose roles need no more explanation than their names."""
    roles = tuple((role, c.column.id) for role, c in parts.items())
    reasons = {c.column.id: f"'{c.column.name}' by its name and cells" for c in parts.values()}
    return Block("", family, roles, _filled(list(parts.values())), reasons)
