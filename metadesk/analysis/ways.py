"""How the effect of one row is worked out: every way it has, what each gives, what is missing.

This is what a person sees behind one number: the values that went in, the conversions between, the
formula with its source, the other ways with their answers, and the cells that would save a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metadesk.analysis.prepare import Prepared, bound_columns
from metadesk.effects import MEASURES, Route, compute
from metadesk.effects.calculator import calculate
from metadesk.effects.rescue import Rescue, missing_values

APPROXIMATE, CONVERTED = "≈", "†"
AS_IT_STANDS = ("yi_vi", "yi_sei")
CONVERTED_ROLES = ("p1i", "p2i", "se1i", "se2i", "lb", "ub", "med", "q1_", "q3_", "min", "max")


@dataclass(frozen=True)
class Way:
    """One route of a row: what goes in, what comes out, whether it is the one in use.

    ``effect``, ``lower`` and ``upper`` are on the natural scale, ``sei`` on the analysis scale;
    ``reason`` says why the route gives nothing.
    """

    key: str
    title: str
    inputs: tuple[tuple[str, str, float], ...]
    steps: tuple[str, ...]
    citation: str
    effect: float
    lower: float
    upper: float
    sei: float
    reason: str
    used: bool
    refused: bool
    approximate: bool
    formula: str


def row_values(prepared: Prepared, row: int) -> dict[str, float]:
    """The numbers of a row by role, of those roles that hold one."""
    return {
        role: float(column[row])
        for role, column in prepared.columns.items()
        if not math.isnan(column[row])
    }


def ways_of(prepared: Prepared, row: int) -> tuple[Way, ...]:
    """Every route for which the row has values, in the order of preference."""
    if not prepared.measure:
        return ()
    values = row_values(prepared, row)
    entry = MEASURES[prepared.measure]
    wish = prepared.spec.routes.get(prepared.table.row_ids[row], "")
    refused = {w.lstrip("!") for w in wish.split()} if wish.startswith("!") else set()
    used = prepared.studies[row].route
    return tuple(
        _way(prepared, route, values, used=route.key == used, refused=route.key in refused)
        for route in entry.all_routes
        if all(role in values for role in route.roles)
    )


def _way(
    prepared: Prepared, route: Route, values: Mapping[str, float], *, used: bool, refused: bool
) -> Way:
    columns = {role: np.array([x]) for role, x in values.items()}
    got = compute(prepared.measure, columns, prepared.spec.measure_options, routes=[route.key])
    natural = float(got.natural()[0])
    lower, upper = (float(end[0]) for end in got.natural_ci(prepared.spec.level))
    inputs = tuple((need.role, need.title, values[need.role]) for need in route.needs)
    cited = route.citation or MEASURES[prepared.measure].citation
    return Way(
        route.key, route.title, inputs, _steps(prepared, route, values), cited.full,
        natural, lower, upper, float(got.sei[0]), got.reasons[0] or "", used, refused,
        route.approximate, "" if route.source == "estimate" else MEASURES[prepared.measure].formula,
    )  # fmt: skip


def _steps(prepared: Prepared, route: Route, values: Mapping[str, float]) -> tuple[str, ...]:
    """The conversions between the route's own values and the inputs of the formula."""
    entry = MEASURES[prepared.measure]
    wanted = set(entry.routes[0].roles)
    if route is entry.routes[0] or route.source == "estimate":
        wanted = {"yi", "sei"} if route.source == "estimate" else set()
    wanted -= set(route.roles)
    if not wanted:
        return ()
    found = calculate(
        prepared.measure,
        {role: values[role] for role in route.roles},
        prepared.spec.measure_options,
    )
    if len(found.solutions) != 1:
        return ()
    return tuple(taken.sentence for taken in found.solutions[0].leading_to(wanted))


def steps_taken(prepared: Prepared, row: int) -> tuple[str, ...]:
    """The conversions behind the effect of a row, one sentence each."""
    study = prepared.studies[row]
    if not study.route:
        return ()
    route = MEASURES[prepared.measure].route(study.route)
    values = row_values(prepared, row)
    return _steps(prepared, route, {role: values[role] for role in route.roles})


def mark_of(measure: str, key: str) -> str:
    """The mark of a route in a table: '≈' for estimated inputs, '†' for converted ones."""
    if not key:
        return ""
    route = MEASURES[measure].route(key)
    if route.approximate:
        return APPROXIMATE
    told = route.source == "test" or (route.source == "estimate" and key not in AS_IT_STANDS)
    return CONVERTED if told or any(r.startswith(CONVERTED_ROLES) for r in route.roles) else ""


def columns_read(prepared: Prepared, route: str) -> frozenset[int]:
    """Columns that a converting way reads, by their ids; empty for a way that takes what stands."""
    if not mark_of(prepared.measure, route):
        return frozenset()
    roles = MEASURES[prepared.measure].route(route).roles
    bound = bound_columns(prepared.spec, prepared.table)
    return frozenset(bound[role].id for role in roles if role in bound)


def source_of_way(measure: str, key: str) -> str:
    """What a way takes and where it comes from, in one line."""
    route = MEASURES[measure].route(key)
    cited = route.citation or MEASURES[measure].citation
    return f"{route.title} ({cited.short})"


def rescues_of(prepared: Prepared, row: int) -> tuple[Rescue, ...]:
    """The smallest sets of missing cells that would give this row an effect."""
    study = prepared.studies[row]
    if not prepared.measure or not study.listed or not math.isnan(study.yi):
        return ()
    return missing_values(prepared.measure, row_values(prepared, row))
