"""From one kind of outcome to the other: events as a standardised difference, means as odds ratio.

Taken only where a person asks for it in a row: it assumes a logistic outcome behind the events, and
columns of another outcome may stand beside those that are meant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.effects.measure import Columns, Computed, Context, Inputs, Need, Remark, Route
from metadesk.effects.sources import CHINN
from metadesk.effects.two_means_ways import D_ROUTES
from metadesk.numerics.types import FloatVector

D_A_LOG_ODDS = math.sqrt(3.0) / math.pi
_EVENTS = (Need("ai", "Events, group 1", "count"), Need("ci", "Events, group 2", "count"))
_OTHERS = (Need("bi", "Non-events, group 1", "count"), Need("di", "Non-events, group 2", "count"))
_TOTALS = (Need("n1i", "Total, group 1", "size"), Need("n2i", "Total, group 2", "size"))


def _everywhere(k: int, text: str) -> Remark:
    return Remark(np.ones(k, dtype=bool), text)


def _as_difference(
    a: FloatVector, b: FloatVector, c: FloatVector, d: FloatVector, *reasons: Remark
) -> Computed:
    """Log odds ratio times √3/π; half a person is added to the cells of tables with a zero."""
    zero = (a == 0) | (b == 0) | (c == 0) | (d == 0)
    cells = [np.where(zero, x + 0.5, x) for x in (a, b, c, d)]
    y = np.log(cells[0] / cells[1]) - np.log(cells[2] / cells[3])
    v = np.sum([1.0 / x for x in cells], axis=0)
    notes = (
        _everywhere(len(a), "Events told as a standardised difference: log odds ratio × √3/π."),
        Remark(zero, "0.5 was added to all four cells."),
    )
    return Computed(y * D_A_LOG_ODDS, v * D_A_LOG_ODDS**2, a + b + c + d, reasons, notes)


def _from_cells(columns: Columns, context: Context) -> Computed:
    return _as_difference(columns["ai"], columns["bi"], columns["ci"], columns["di"])


def _from_totals(columns: Columns, context: Context) -> Computed:
    a, n1, c, n2 = (columns[role] for role in ("ai", "n1i", "ci", "n2i"))
    over = Remark((a > n1) | (c > n2), "A group has more events than people; correct the row.")
    with np.errstate(all="ignore"):
        return _as_difference(a, n1 - a, c, n2 - c, over)


@dataclass(frozen=True)
class _ToLogOdds:
    """A way to d, taken on to the log odds ratio of a cut: d·π/√3."""

    route: Route

    def __call__(self, columns: Columns, context: Context) -> Computed:
        got = self.route.function(columns, context)
        assert isinstance(got, Inputs)
        d, n1, n2 = (got.values[role] for role in ("di", "n1i", "n2i"))
        v = 1.0 / n1 + 1.0 / n2 + d**2 / (2.0 * (n1 + n2))
        told = _everywhere(len(d), "A measured outcome told as an odds ratio: d × π/√3.")
        factor = 1.0 / D_A_LOG_ODDS
        return Computed(d * factor, v * factor**2, n1 + n2, got.reasons, (*got.notes, told))


DIFFERENCE_OF_EVENTS = (
    Route(
        "or_cells", "events and non-events, told as a standardised difference",
        (_EVENTS[0], _OTHERS[0], _EVENTS[1], _OTHERS[1]), _from_cells, CHINN, approximate=True,
    ),
    Route(
        "or_totals", "events and totals, told as a standardised difference",
        (_EVENTS[0], _TOTALS[0], _EVENTS[1], _TOTALS[1]), _from_totals, CHINN, approximate=True,
    ),
)  # fmt: skip
ODDS_OF_MEANS = tuple(
    Route(
        f"smd_{route.key}", f"{route.title}, told as an odds ratio", route.needs,
        _ToLogOdds(route), CHINN, approximate=True,
    )
    for route in D_ROUTES
)  # fmt: skip
