"""One group: events of a total or over person-time, a mean with its SD, a correlation."""

from __future__ import annotations

from collections.abc import Sequence

from metadesk.formats.candidates import MOST, Block, Candidate, not_above, simple_block


def one_group_blocks(columns: Sequence[Candidate]) -> list[Block]:
    """Events of a total or over person-time, a mean with its SD, or a correlation."""
    plain = [c for c in columns if not c.reading.arm and not c.reading.rest and c.is_numeric]
    plain += [c for c in columns if c.is_numeric and _is_correlation(c)]
    plain += [c for c in columns if c.is_numeric and c not in plain and _is_time(c, columns)]
    size = next((c for c in plain if c.reading.quantity == "total" and c.is_count), None)
    events = next((c for c in plain if c.reading.quantity == "events" and c.is_count), None)
    correlation = next((c for c in plain if _is_correlation(c)), None)
    mean = next((c for c in plain if c.reading.quantity == "mean"), None)
    sd = next((c for c in plain if c.reading.quantity == "sd"), None)
    time = next((c for c in plain if _is_time(c, columns)), None)
    if _stand_twice((size, events, time, mean, sd), columns):
        return []
    if time is not None and events is not None:
        return [simple_block("one group", {"xi": events, "ti": time})]
    if size is None:
        return []
    if correlation is not None:
        return [simple_block("correlation", {"ri": correlation, "ni": size})]
    if events is not None and not_above(events, size, MOST):
        return [simple_block("one group", {"xi": events, "ni": size})]
    if mean is not None and sd is not None:
        return [simple_block("one group", {"mi": mean, "sdi": sd, "ni": size})]
    return []


def _is_time(candidate: Candidate, columns: Sequence[Candidate]) -> bool:
    """Whether a column is person-time: by its words, or as the ``ti`` beside an ``xi``."""
    if candidate.reading.quantity == "time":
        return True
    beside = {c.column.name.strip() for c in columns}
    return candidate.column.name.strip() == "ti" and "xi" in beside


def _stand_twice(chosen: Sequence[Candidate | None], columns: Sequence[Candidate]) -> bool:
    """Whether a column of the same name stands beside one of these: two groups without names."""
    names = {c.column.name for c in columns}
    return any(c is not None and f"{c.column.name} (2)" in names for c in chosen)


def _is_correlation(candidate: Candidate) -> bool:
    """Whether a column is named and behaves like a correlation."""
    words = candidate.reading.tokens
    named = len(words) == 1 and words[0] in ("r", "ri", "corr", "cor", "correlation", "pearson")
    return named and all(-1 <= x <= 1 for x in candidate.given)
