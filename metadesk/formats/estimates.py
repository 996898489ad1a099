"""Reported estimates with their interval, standard error, variance or p-value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from metadesk.formats.candidates import (
    MOST,
    Block,
    Candidate,
    filled_rows,
    simple_block,
)
from metadesk.formats.headers import RATIOS


def estimate_blocks(columns: Sequence[Candidate]) -> list[Block]:
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
    return _without_the_same_twice(blocks)


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
    return Block(" ".join(words), "estimate", roles, _told(centre, parts), reasons)


def _told(centre: Candidate, parts: Mapping[str, Candidate]) -> tuple[int, ...]:
    """The rows with an estimate and any of what makes it precise: an interval, an SE, a p-value."""
    bounds = [parts[role] for role in ("lower", "upper") if role in parts]
    alone = [[part] for role, part in parts.items() if role not in ("lower", "upper")]
    ways = [way for way in (bounds, *alone) if way]
    rows = {row for way in ways for row in filled_rows([centre, *way])}
    return tuple(sorted(rows)) if ways else filled_rows([centre])


def _scale(centre: Candidate, parts: Mapping[str, Candidate], measured: str) -> tuple[str, str]:
    """Whether an estimate is a ratio as printed ('est') or on its analysis scale ('yi')."""
    name, reading = centre.column.name, centre.reading
    positive = min(centre.given) > 0
    if name.strip() == "est":
        return "est", "'est' is the name of an estimate as printed"
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
    return [Block("", "estimate", roles, filled_rows([means[0], errors[0]]), reasons)]


def _log_rank(free: Sequence[Candidate]) -> list[Block]:
    """Observed minus expected events with their variance."""
    differences = [c for c in free if c.reading.tokens in (("o", "e"), ("oe",))]
    variances = [c for c in free if c.reading.quantity == "variance"]
    if len(differences) != 1 or len(variances) != 1:
        return []
    return [simple_block("estimate", {"oe": differences[0], "v": variances[0]})]


def _without_the_same_twice(blocks: list[Block]) -> list[Block]:
    """'RR' beside 'log RR' with its SE is one effect; the block with the better precision stays."""
    names = [block.name for block in blocks]
    return [
        block for at, block in enumerate(blocks)
        if not (names.index(block.name) != at and block.role_names <= {"est", "pval"})
    ]  # fmt: skip
