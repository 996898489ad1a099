"""From columns to effect sizes: for each row the best route it has, with what was found odd.

The order of the routes is the measure's own. A row whose values are impossible on its route is left
out with a sentence rather than silently answered by a poorer route; a person may choose or refuse
routes row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metadesk.effects.checks import odd_values, wrong_values
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    EffectSizes,
    Inputs,
    Measure,
    Remark,
    Route,
)
from metadesk.effects.measures import MEASURES
from metadesk.errors import DataProblem, SpecProblem
from metadesk.numerics.types import BoolVector, FloatVector, IntVector
from metadesk.options import from_plain

# Two routes disagree when they differ by more than rounding of printed numbers explains: by this
# part of the value and by this part of the standard error; standard errors by a sixth.
DISAGREE_VALUE, DISAGREE_SE_PART, DISAGREE_SE = 0.02, 0.05, 1.0 / 6.0
DISAGREE_APPROXIMATE = 0.25
MOST_ALONE = 3  # numbers named of which any one would give a row its effect
BOUNDS = (0.05, 0.01, 0.005, 0.001, 0.0005, 0.0001, 0.00001)  # of p-values told as 'P < 0.001'


def compute(
    measure: str,
    columns: Mapping[str, FloatVector],
    options: Mapping[str, Any] | None = None,
    *,
    level: float = 0.95,
    routes: Sequence[str | None] | None = None,
) -> EffectSizes:
    """Compute effect sizes with sampling variances from whatever each row reports.

    Parameters
    ----------
    measure : str
        Key of the measure in ``MEASURES``.
    columns : mapping of role to (k,) array
        Values by role, NaN where a row has none. Roles the measure does not know are not looked at.
    options : mapping, optional
        The measure's options by name, as in a spec.
    level : float
        Confidence level of reported intervals (0.95), where the row itself has no ``level``.
    routes : sequence of str or None, optional
        One entry per row: the key of the route a person chose, ``'!key'`` for a route refused
        (several with spaces between), ``None`` to let the order decide.

    Returns
    -------
    EffectSizes
        On the analysis scale; rows without an effect say why.

    Raises
    ------
    SpecProblem
        If measure, an option or a chosen route does not exist.
    DataProblem
        If columns have different lengths.
    """
    entry = MEASURES[measure]
    chosen = from_plain(entry.options, options or {}, where=f"measure {entry.key}")
    work = _Work(entry, chosen, _arrays(entry, columns), Context(level, entry.scale_for(chosen)))
    work.assign(routes)
    work.run()
    work.compare()
    return work.result()


def _arrays(entry: Measure, columns: Mapping[str, FloatVector]) -> dict[str, FloatVector]:
    """The columns this measure knows, as float arrays of one length."""
    wanted = {role for route in entry.all_routes for role in (*route.roles, *route.optional)}
    lengths = {len(np.atleast_1d(c)) for c in columns.values()}
    if len(lengths) > 1:
        raise DataProblem(
            f"The columns have different lengths ({', '.join(map(str, sorted(lengths)))}); "
            "each needs one value for every row."
        )
    return {
        role: np.atleast_1d(np.asarray(c, dtype=float))
        for role, c in columns.items()
        if role in wanted
    }


@dataclass
class _Notebook:
    """Sentences by row number; empty for clean rows."""

    reasons: dict[int, str]
    notes: dict[int, tuple[str, ...]]

    def refuse(self, remarks: tuple[Remark, ...], rows: IntVector) -> BoolVector:
        """Write down why rows have no effect (the first reason counts); return which those are."""
        refused = np.zeros(len(rows), dtype=bool)
        for remark in remarks:
            if not remark.mask.any():
                continue
            hit = np.flatnonzero(remark.mask)
            for i, row in zip(hit.tolist(), rows[hit].tolist(), strict=True):
                self.reasons.setdefault(row, remark.say(i))
            refused |= remark.mask
        return refused

    def note(self, remarks: tuple[Remark, ...], rows: IntVector) -> None:
        """Write notes down in the order in which they come."""
        for remark in remarks:
            hit = np.flatnonzero(remark.mask)
            for i, row in zip(hit.tolist(), rows[hit].tolist(), strict=True):
                self.add(row, remark.say(i))

    def add(self, row: int, text: str) -> None:
        """Write down one note of a row."""
        self.notes[row] = (*self.notes.get(row, ()), text)


class _Work:
    """The state of one computation over all rows."""

    def __init__(
        self, entry: Measure, options: Any, columns: dict[str, FloatVector], context: Context
    ) -> None:
        self.entry, self.options, self.columns, self.context = entry, options, columns, context
        self.k = len(next(iter(columns.values()))) if columns else 0
        self.yi, self.vi, self.ni = (np.full(self.k, np.nan) for _ in range(3))
        self.book = _Notebook({}, {})
        self.plan = np.full(self.k, -1)
        self.available: list[BoolVector | None] = []

    def assign(self, wishes: Sequence[str | None] | None) -> None:
        """Give each row the first route whose roles it has."""
        present = {role: ~np.isnan(c) for role, c in self.columns.items()}
        for j, route in enumerate(self.entry.all_routes):
            if not all(role in present for role in route.roles):
                self.available.append(None)
                continue
            have = present[route.roles[0]].copy()
            for role in route.roles[1:]:
                have &= present[role]
            self.available.append(have)
            if j < len(self.entry.routes):
                self.plan[(self.plan < 0) & have] = j
        if wishes is not None:
            self._wish(wishes)
        self._explain_missing(present)

    def _wish(self, wishes: Sequence[str | None]) -> None:
        """Follow a person's choices and refusals."""
        if len(wishes) != self.k:
            raise SpecProblem(f"There are {len(wishes)} choices of a route for {self.k} rows.")
        keys = [route.key for route in self.entry.all_routes]
        for i, wish in enumerate(wishes):
            if not wish:
                continue
            names = [w.lstrip("!") for w in wish.split()]
            for name in names:
                if name not in keys:
                    raise SpecProblem(
                        f"Measure {self.entry.key} has no route '{name}'. Known: {', '.join(keys)}."
                    )
            if wish.startswith("!"):
                allowed = [j for j, r in enumerate(self.entry.routes) if r.key not in names]
            else:
                allowed = [keys.index(names[0])]
            ways = [j for j in allowed if (a := self.available[j]) is not None and a[i]]
            self.plan[i] = ways[0] if ways else -1
            if not ways:
                self.book.reasons[i] = self._nothing_allowed(wish, names, i)

    def _nothing_allowed(self, wish: str, names: list[str], i: int) -> str:
        route = self.entry.route(names[0])
        if wish.startswith("!"):
            return f"The only ways to {self.entry.short} that this row has were refused."
        missing = [n.title for n in route.needs if np.isnan(self._value(n.role, i))]
        return f"The chosen way, {route.title}, lacks {_listed(missing)}."

    def _value(self, role: str, i: int) -> float:
        return float(self.columns[role][i]) if role in self.columns else np.nan

    def _explain_missing(self, present: dict[str, BoolVector]) -> None:
        """Say for rows without a route what the nearest route lacks; once per pattern of gaps."""
        rows = [int(i) for i in np.flatnonzero(self.plan < 0) if int(i) not in self.book.reasons]
        if not rows:
            return
        roles = list(present)
        gaps = np.array([present[role][rows] for role in roles]).T.reshape(len(rows), len(roles))
        said: dict[bytes, str] = {}
        for row, have in zip(rows, gaps, strict=True):
            mark = have.tobytes()
            if mark not in said:
                said[mark] = self._missing({r for r, h in zip(roles, have, strict=True) if h})
            self.book.reasons[row] = said[mark]

    def _missing(self, have: set[str]) -> str:
        lacking = [
            [need for need in route.needs if need.role not in have] for route in self.entry.routes
        ]
        # a cell of a column that the sheet has is nearer than a kind of number that it has not
        partly = [
            (sum(need.role not in self.columns for need in less), len(less), j)
            for j, less in enumerate(lacking)
            if len(less) < len(self.entry.routes[j].needs)
        ]
        if not partly:
            there = (r.needs for r in self.entry.routes if set(r.roles) <= self.columns.keys())
            needed = _listed([f"{n.title} ({n.role})" for n in next(there, self.entry.needs)])
            return f"The row has no values for {self.entry.short}; it needs {needed}."
        *near, first = min(partly)
        less = [f"{n.title} ({n.role})" for n in lacking[first]]
        if len(less) > 1:
            return f"Missing: {_listed(less)}."
        # any of these alone would do: a standard error as well as a variance
        alone = [lacking[j][0] for *far, j in partly if far == near]
        any_of = dict.fromkeys(f"{n.title} ({n.role})" for n in alone)
        return f"Missing: {_listed([*any_of][:MOST_ALONE], 'or')}."

    def run(self) -> None:
        """Take every row along its route; formulas see all their rows at once."""
        parts: list[tuple[IntVector, Columns]] = []
        for j in sorted(set(self.plan[self.plan >= 0].tolist())):
            rows = np.flatnonzero(self.plan == j)
            got, good, _ = self._along(self.entry.all_routes[j], rows, self.book)
            rows = rows[good]
            if isinstance(got, Computed):
                self._keep(got, rows, self.book)
            else:
                parts.append((rows, got.values))
        if parts:
            rows, values = parts[0] if len(parts) == 1 else _merged(parts)
            if len(rows):
                with np.errstate(all="ignore"):
                    self._keep(self.entry.compute(values, self.options), rows, self.book)

    def _along(
        self, route: Route, rows: IntVector, book: _Notebook
    ) -> tuple[Inputs | Computed, BoolVector, BoolVector]:
        """Check the rows' values and walk the route; answers hold the rows that came through."""
        roles = (*route.roles, *(r for r in route.optional if r in self.columns))
        whole = len(rows) == self.k
        values = {role: self.columns[role] if whole else self.columns[role][rows] for role in roles}
        good = ~book.refuse(tuple(wrong_values(route.needs, values)), rows)
        sane, sane_rows = _subset(values, good), rows[good]
        book.note(tuple(odd_values(route.needs, sane)), sane_rows)
        with np.errstate(all="ignore"):
            got = route.function(sane, self.context)
        if isinstance(got, Computed):
            return got, good, good
        refused = book.refuse(got.reasons, sane_rows)
        book.note(got.notes, sane_rows)
        if refused.any():
            got = Inputs({role: v[~refused] for role, v in got.values.items()})
            kept = good.copy()
            kept[good] = ~refused
            return got, kept, good
        return got, good, good

    def _keep(self, got: Computed, rows: IntVector, book: _Notebook) -> None:
        """Store estimates; what is not finite without a sentence gets one."""
        refused = book.refuse(got.reasons, rows)
        lost = ~refused & ~(np.isfinite(got.yi) & np.isfinite(got.vi) & (got.vi >= 0))
        refused |= book.refuse((Remark(lost, self._no_value()),), rows)
        book.note(got.notes, rows)
        if not refused.any() and len(rows) == self.k:
            self.yi, self.vi, self.ni = got.yi.copy(), got.vi.copy(), got.ni.copy()
            return
        ok = ~refused
        self.yi[rows[ok]], self.vi[rows[ok]] = got.yi[ok], got.vi[ok]
        self.ni[rows[ok]] = got.ni[ok]

    def _no_value(self) -> str:
        return (
            f"The formula of {self.entry.short} has no finite value for these numbers "
            "(a zero cell, a size too small, or a value at the edge of its range)."
        )

    def compare(self) -> None:
        """Note where another route of the same row gives another answer.

        What turns one kind of outcome into another is expected to give another one.
        """
        seen: set[tuple[int, str]] = set()
        ordinary = (self.plan >= 0) & (self.plan < len(self.entry.routes)) & np.isfinite(self.yi)
        for j, have in enumerate(self.available[: len(self.entry.routes)]):
            if have is None:
                continue
            rows = np.flatnonzero(have & (self.plan != j) & ordinary & ~self._says_less(j))
            if len(rows) == 0:
                continue
            route = self.entry.routes[j]
            y, v = self._alternative(route, rows)
            apart = self._disagrees(route, rows, y, v) & ~self._is_bound(route, rows, y, v)
            for i in np.flatnonzero(apart):
                mark = (int(rows[i]), route.source)
                if mark not in seen:
                    seen.add(mark)
                    self._note_disagreement(route, int(rows[i]), float(y[i]), float(v[i]))

    def _says_less(self, j: int) -> BoolVector:
        """Rows in which another route has all that this one has and more.

        An interval without its estimate is no second witness beside the two together.
        """
        mine, less = set(self.entry.routes[j].roles), np.zeros(self.k, dtype=bool)
        for route, have in zip(self.entry.all_routes, self.available, strict=True):
            if have is not None and mine < set(route.roles):
                less |= have
        return less

    def _alternative(self, route: Route, rows: IntVector) -> tuple[FloatVector, FloatVector]:
        """What another route would have given; NaN where it cannot."""
        y, v = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        book = _Notebook({}, {})
        got, good, _ = self._along(route, rows, book)
        if not good.any():
            return y, v
        with np.errstate(all="ignore"):
            answer = (
                got if isinstance(got, Computed) else self.entry.compute(got.values, self.options)
            )
        bad = ~(np.isfinite(answer.yi) & (answer.vi >= 0))
        for remark in answer.reasons:
            bad |= remark.mask
        y[good], v[good] = np.where(bad, np.nan, answer.yi), np.where(bad, np.nan, answer.vi)
        return y, v

    def _disagrees(
        self, route: Route, rows: IntVector, y: FloatVector, v: FloatVector
    ) -> BoolVector:
        mine, se = self.yi[rows], np.sqrt(self.vi[rows])
        rough = (
            route.approximate
            or np.array([r.approximate for r in self.entry.routes], dtype=bool)[self.plan[rows]]
        )
        part = np.where(rough, DISAGREE_APPROXIMATE, DISAGREE_SE_PART)
        size = 1.0 if self.context.scale.key == "log" else np.maximum(np.abs(mine), np.abs(y))
        with np.errstate(all="ignore"):
            value = np.abs(y - mine) > np.maximum(part * se, DISAGREE_VALUE * size)
            spread = np.abs(np.log(np.sqrt(v) / se)) > DISAGREE_SE + rough * DISAGREE_APPROXIMATE
        return np.asarray(value | spread)

    def _is_bound(
        self, route: Route, rows: IntVector, y: FloatVector, v: FloatVector
    ) -> BoolVector:
        """Rows whose p-value looks like a bound ('< 0.001') that the row's own numbers keep."""
        role = next((r for r in ("pval", "pi") if r in route.roles), None)
        null = self.context.scale.tested
        if role is None or np.isnan(null):
            return np.zeros(len(rows), dtype=bool)
        p = np.abs(self.columns[role][rows])
        with np.errstate(all="ignore"):
            mine, told = (self.yi[rows] - null) / np.sqrt(self.vi[rows]), (y - null) / np.sqrt(v)
            kept = (np.sign(mine) == np.sign(told)) & (np.abs(told) < np.abs(mine))
        return np.asarray(kept & np.isin(p, BOUNDS))

    def _note_disagreement(self, route: Route, row: int, y: float, v: float) -> None:
        natural = self.context.scale.read
        mine = self.entry.routes[int(self.plan[row])]
        here, there = (float(natural(np.array(x))) for x in (self.yi[row], y))
        text = (
            f"Two ways disagree: {mine.title} gives {here:.4g} (SE {np.sqrt(self.vi[row]):.4g}), "
            f"{route.title} gives {there:.4g} (SE {np.sqrt(v):.4g}); the first was used."
        )
        self.book.add(row, text)

    def result(self) -> EffectSizes:
        """Put everything together."""
        keys = np.array([*(route.key for route in self.entry.all_routes), None], dtype=object)
        reasons: list[str | None] = [None] * self.k
        notes: list[tuple[str, ...]] = [()] * self.k
        for row, text in self.book.reasons.items():
            reasons[row] = text
        for row, texts in self.book.notes.items():
            notes[row] = texts
        return EffectSizes(
            measure=self.entry.key,
            yi=self.yi,
            vi=self.vi,
            ni=self.ni,
            scale=self.context.scale,
            route=tuple(keys[self.plan].tolist()),
            reasons=tuple(reasons),
            notes=tuple(notes),
        )


def _merged(parts: list[tuple[IntVector, Columns]]) -> tuple[IntVector, Columns]:
    """Put the rows of several routes back into the order of the table."""
    rows = np.concatenate([r for r, _ in parts])
    order = np.argsort(rows, kind="stable")
    roles = parts[0][1]
    values = {role: np.concatenate([v[role] for _, v in parts])[order] for role in roles}
    return rows[order], values


def _subset(values: Columns, good: BoolVector) -> Columns:
    return values if good.all() else {role: v[good] for role, v in values.items()}


def _listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
