"""Units: several of them in one outcome, and values that are off by a factor of ten."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from metadesk.table.checks.look import Look, Problem, called, is_filled, median, number
from metadesk.table.table import TableColumn, shown

TENFOLD = 10.0
ENOUGH = 5

MEASURE_COLUMN = re.compile(
    r"\b(effect|outcome|summary)[ _]measure|measure of the|^sm$|^measure$", re.IGNORECASE
)
MEASURE_WORDS = frozenset({"or", "aor", "rr", "arr", "hr", "ahr", "irr", "rd", "md", "smd"})
_UNIT = re.compile(r"units?\b", re.IGNORECASE)
_SAME = {"mcg": "µg", "ug": "µg", "μg": "µg"}


def mixed_units(look: Look) -> Iterator[Problem]:
    """Several units for one outcome; a mean difference across them means nothing."""
    if look.column("m1i") is None:
        return
    for column in look.table.columns:
        if not _UNIT.match(column.name):
            continue
        for outcome, units in _by_outcome(look, column, _unit).items():
            if len(units) > 1:
                row = sorted(units.values())[1]
                named = look.table.with_role("outcome")
                about = f" of {shown(named.cells[row])}" if named and outcome else ""
                sentence = (
                    f"{look.where(row)}, {column.name}: the rows{about} are in different units, "
                    f"{', '.join(units)}."
                )
                remedy = "Convert them to one unit, or use the standardised mean difference."
                row_id = look.table.row_ids[row]
                yield Problem(row_id, column.id, "warning", sentence, "mixed_units", remedy)


def mixed_measures(look: Look) -> Iterator[Problem]:
    """Rows of different effect measures; one average of them is of nothing."""
    if look.column("est") is None and look.column("yi") is None:
        return
    for column in look.table.columns:
        if not MEASURE_COLUMN.search(column.name):
            continue
        for named in _by_outcome(look, column, _measure).values():
            if len(named) > 1 and not all(name.startswith("?") for name in named):
                row = sorted(named.values())[1]
                listed = ", ".join(name.lstrip("?").upper() for name in named)
                where = f"{look.where(row)}, {column.name}"
                sentence = f"{where}: the rows are of different measures, {listed}."
                remedy = (
                    "Pool each measure on its own; odds ratio, risk ratio and hazard ratio agree "
                    "only where events are rare."
                )
                row_id = look.table.row_ids[row]
                yield Problem(row_id, column.id, "warning", sentence, "mixed_measures", remedy)


def off_by_ten(look: Look) -> Iterator[Problem]:
    """A mean or SD ten times above or below the usual one, where nearly all others agree."""
    for role in ("m1i", "m2i", "sd1i", "sd2i"):
        groups: dict[str, list[tuple[int, float]]] = {}
        for row, value in look.filled(role):
            groups.setdefault(look.outcome(row), []).append((row, value))
        for cells in groups.values():
            values = [value for _, value in cells]
            if len(values) < ENOUGH or min(values) <= 0:
                continue
            middle = median(values)
            least = 0.0 if role.startswith("sd") else 1 / TENFOLD  # small SDs: see 'spread'
            far = [(r, v) for r, v in cells if not least < v / middle < TENFOLD]
            if len(far) > max(1, len(values) // 10):
                continue
            for row, value in far:
                said = (
                    f"{called(role)}, {number(value)}, is more than ten times "
                    f"{'above' if value > middle else 'below'} the usual {middle:.3g}."
                )
                remedy = "Look for a slipped decimal point or another unit."
                yield look.problem(row, role, "warning", "off_by_ten", said, remedy)


def _by_outcome(
    look: Look, column: TableColumn, reading: Callable[[str], str]
) -> dict[str, dict[str, int]]:
    """What stands in a column, by outcome, each with the first row in which it stands."""
    found: dict[str, dict[str, int]] = {}
    for row in look.rows:
        if is_filled(column.cells[row]):
            word = reading(shown(column.cells[row]))
            found.setdefault(look.outcome(row), {}).setdefault(word, row)
    return found


def _measure(text: str) -> str:
    """A measure in one spelling; what is none begins with a question mark."""
    word = text.strip().lower()
    return word if word in MEASURE_WORDS else f"?{word}"


def _unit(text: str) -> str:
    """A unit in one spelling: mcg/ml and µg/mL are the same."""
    plain = text.lower().replace(" ", "")
    for spelled, usual in _SAME.items():
        plain = plain.replace(spelled, usual)
    return plain
