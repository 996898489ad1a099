"""A named step from known roles to others, with its citation, and how to write one down."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from metadesk.effects.estimates import HANDBOOK
from metadesk.effects.measure import IDENTITY, Scale
from metadesk.references import Reference

Values = Mapping[str, float]
Answers = tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Settings:
    """What steps may know besides the values: the level of intervals, the scale of the measure.

    ``bounds_as_they_stand``: the bounds of the reported interval are on the analysis scale already,
    as they are beside an estimate that was given there.
    """

    level: float = 0.95
    scale: Scale = IDENTITY
    bounds_as_they_stand: bool = False


@dataclass(frozen=True, eq=False)
class Step:
    """One named way from known roles to others.

    ``solve`` returns one mapping for each solution: none where the values do not fit, two where two
    tables do. ``optional`` roles are used where they are known, such as the level of an interval.
    ``measures`` are those for which the step holds; none are named where it holds for every measure
    that has its roles.
    """

    key: str
    title: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    citation: Reference
    solve: Callable[[Values, Settings], Answers]
    inverse: str = ""
    approximate: bool = False
    optional: tuple[str, ...] = ()
    measures: frozenset[str] = frozenset()

    def fits(self, measure: str, roles: frozenset[str]) -> bool:
        """Whether the step makes sense for a measure with these roles."""
        meant = not self.measures or measure in self.measures
        return meant and {*self.inputs, *self.outputs} <= roles

    def known_inputs(self, values: Values) -> dict[str, float]:
        """The values that go in, those it can do without included where they are known."""
        named = (*self.inputs, *self.optional)
        return {role: values[role] for role in named if role in values}


def one(*names: str) -> Callable[[Callable[..., object]], Callable[[Values, Settings], Answers]]:
    """Make a step from a function of the named values that returns one value."""
    *inputs, output = names

    def wrap(function: Callable[..., object]) -> Callable[[Values, Settings], Answers]:
        def solve(values: Values, settings: Settings) -> Answers:
            with np.errstate(all="ignore"):
                answer = float(np.asarray(function(*(values[name] for name in inputs))))
            return ({output: answer},) if math.isfinite(answer) else ()

        return solve

    return wrap


def step(
    key: str,
    title: str,
    inputs: tuple[str, ...],
    output: str,
    function: Callable[..., object],
    citation: Reference = HANDBOOK,
    inverse: str = "",
    *,
    approximate: bool = False,
) -> Step:
    """Make a step to one value from a function of the known ones, in the order of ``inputs``."""
    solve = one(*inputs, output)(function)
    return Step(key, title, inputs, (output,), citation, solve, inverse, approximate)


def only(measures: Iterable[str], *steps: Step) -> tuple[Step, ...]:
    """Keep steps to some measures, whose roles mean what the steps take them for."""
    kept = frozenset(measures)
    return tuple(replace(step, measures=kept) for step in steps)


def above_0(x: ArrayLike) -> float:
    """A value that must be above 0, such as an SD, or NaN."""
    value = float(np.asarray(x))
    return value if value > 0 else math.nan
