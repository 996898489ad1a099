"""The row calculator: from what is known of a study, what follows, step by step.

Steps are applied until nothing new follows. Where a step has two solutions the calculation
branches, and the person is asked which one it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metadesk.document.numbers import in_sentence
from metadesk.document.words import inside
from metadesk.effects.compute import compute
from metadesk.effects.conversions.steps import Settings, Step, step_roles, steps_for
from metadesk.effects.measure import Measure
from metadesk.effects.measures import MEASURES
from metadesk.options import from_plain
from metadesk.table.roles import ROLES

# Roles that steps may pass through although no route of the measure asks for them.
_HELPING = frozenset(
    {
        "est", "yi", "sei", "vi", "zi", "pval", "lower", "upper",
        "level", "dfs", "p1i", "p2i", "se1i", "se2i", "lb1i", "ub1i", "lb2i", "ub2i",
    }
)  # fmt: skip
_DEEPEST = 24


@dataclass(frozen=True, eq=False)
class Taken:
    """A step that was taken, with the numbers that went in and came out."""

    step: Step
    inputs: Mapping[str, float]
    outputs: Mapping[str, float]

    @property
    def sentence(self) -> str:
        """What was worked out, and from what, in words."""
        out = ", ".join(in_sentence(x) for x in self.outputs.values())
        came = ", ".join(f"{_words(role)} {in_sentence(x)}" for role, x in self.inputs.items())
        title = self.step.title
        return f"{title[:1].upper()}{title[1:]}: {out} (from {came})."


def _words(role: str) -> str:
    """A role within a sentence; the step's own title tells which group it is about."""
    if role == "ti":  # the role is that of person-time too, which no step is about
        return "t"
    title = ROLES[role].title.removesuffix(", treated").removesuffix(", control").split(" (")[0]
    return inside(title)


@dataclass(frozen=True, eq=False)
class Solution:
    """Everything that follows along one branch.

    ``values`` holds what was known and what was derived; ``yi`` is the estimate on the analysis
    scale with variance ``vi``, or NaN with ``reason``.
    """

    values: Mapping[str, float]
    taken: tuple[Taken, ...]
    yi: float
    vi: float
    route: str | None
    reason: str | None
    notes: tuple[str, ...] = ()

    @property
    def derived(self) -> dict[str, float]:
        """The values that were worked out, in the order in which they followed."""
        return {role: x for step in self.taken for role, x in step.outputs.items()}

    def leading_to(self, roles: Collection[str]) -> tuple[Taken, ...]:
        """The steps behind the values of these roles, in the order in which they were taken."""
        needed, found = set(roles), []
        for taken in reversed(self.taken):
            if needed & set(taken.outputs):
                found.append(taken)
                needed |= set(taken.inputs)
        return tuple(reversed(found))


@dataclass(frozen=True, eq=False)
class Calculation:
    """All solutions; more than one where the known values leave a choice."""

    measure: str
    known: Mapping[str, float]
    solutions: tuple[Solution, ...] = field(default=())

    @property
    def is_ambiguous(self) -> bool:
        """Whether the person has to say which solution it is."""
        return len(self.solutions) > 1


def calculate(
    measure: str,
    known: Mapping[str, float],
    options: Mapping[str, Any] | None = None,
    *,
    level: float = 0.95,
) -> Calculation:
    """Work out what follows from the known values of one study.

    Parameters
    ----------
    measure : str
        Key of the measure.
    known : mapping of role to float
        What the paper says; NaN counts as not known.
    options : mapping, optional
        The measure's options by name, as in a spec.
    level : float
        Confidence level of its intervals.

    Returns
    -------
    Calculation
        One solution, or several where the values fit more than one study. A value that is known is
        never replaced.
    """
    entry = MEASURES[measure]
    roles = (frozenset(entry.roles) | _HELPING) - _of_the_mean(entry)
    roles |= frozenset(step_roles(measure))
    given = {role: float(x) for role, x in known.items() if not np.isnan(x)}
    scale = entry.scale_for(from_plain(entry.options, options or {}, where=f"measure {measure}"))
    settings = Settings(level, scale, bounds_as_they_stand="yi" in given and "est" not in given)
    steps = steps_for(measure, roles)
    branches = _branches(given, steps, settings)
    found = tuple(_solution(measure, values, taken, options, level) for values, taken in branches)
    return Calculation(measure, given, found)


def _of_the_mean(entry: Measure) -> frozenset[str]:
    """Roles that are about a group's mean in this measure, not about its estimate."""
    raw = {role for route in entry.routes if route.source == "raw" for role in route.roles}
    return frozenset(raw & {"lower", "upper", "sei"})


Branch = tuple[dict[str, float], tuple[Taken, ...]]


def _branches(given: dict[str, float], steps: tuple[Step, ...], settings: Settings) -> list[Branch]:
    """Follow the steps from the known values; exact steps go before approximate ones."""
    open_: list[Branch] = [(given, ())]
    done: list[Branch] = []
    ordered = sorted(steps, key=lambda step: step.approximate)
    while open_:
        values, taken = open_.pop(0)
        move = _next(values, ordered, settings) if len(taken) < _DEEPEST else None
        if move is None:
            done.append((values, taken))
            continue
        step, answers = move
        inputs = step.known_inputs(values)
        for answer in answers:
            new = {role: x for role, x in answer.items() if role not in values}
            open_.append(({**values, **new}, (*taken, Taken(step, inputs, new))))
    return done


def _next(
    values: dict[str, float], steps: list[Step], settings: Settings
) -> tuple[Step, tuple[Mapping[str, float], ...]] | None:
    """The first step whose inputs are known and that says something new."""
    for step in steps:
        if all(role in values for role in step.inputs) and any(
            role not in values for role in step.outputs
        ):
            answers = tuple(
                answer
                for answer in step.solve(values, settings)
                if all(abs(values[r] - x) <= 0.5 for r, x in answer.items() if r in values)
                or len(step.outputs) == 1
            )
            if answers:
                return step, answers
    return None


def _solution(
    measure: str,
    values: dict[str, float],
    taken: tuple[Taken, ...],
    options: Mapping[str, Any] | None,
    level: float,
) -> Solution:
    unknown = {MEASURES[measure].roles[0]: np.nan}
    columns = {role: np.array([x]) for role, x in {**unknown, **values}.items()}
    got = compute(measure, columns, options, level=level)
    return Solution(
        values,
        taken,
        float(got.yi[0]),
        float(got.vi[0]),
        got.route[0],
        got.reasons[0],
        got.notes[0],
    )
