"""Routes to the mean, SD and size of two arms, each arm in its own way.

A paper may give group 1 with its SD and group 2 with its standard error; every pair of ways is a
route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metadesk.effects.conversions.fivenum import (
    LUO,
    SHI,
    SMALLEST,
    WAN,
    FiveNumbers,
    mean_sd,
    sd_of_quartiles,
    sd_of_range,
    skewed,
)
from metadesk.effects.conversions.spread import sd_from_interval, sd_from_se
from metadesk.effects.estimates import HANDBOOK
from metadesk.effects.measure import Columns, Context, Inputs, Need, Remark, Route
from metadesk.numerics.types import FloatVector
from metadesk.references import Reference

Remarks = tuple[Remark, ...]
Arm = tuple[FloatVector, FloatVector, Remarks, Remarks]  # mean, SD, reasons, notes
LOPSIDED = (
    "The median of group {} is too far off the middle of its quartiles or range for a normal "
    "outcome (Shi et al. 2023); mean and SD from them may mislead."
)
ArmFunction = Callable[[Columns, str, Context], Arm]


@dataclass(frozen=True)
class ArmWay:
    """One way to know an arm's mean and SD; needs are written with ``#`` for the arm's number."""

    key: str
    title: str
    needs: tuple[Need, ...]
    function: ArmFunction
    citation: Reference | None = None
    approximate: bool = False

    def needs_of(self, arm: str) -> tuple[Need, ...]:
        """The needs of this way in group ``arm``."""
        named = f"group {arm}"
        return tuple(
            Need(n.role.replace("#", arm), f"{n.title}, {named}", n.kind) for n in self.needs
        )


def _plain(columns: Columns, arm: str, context: Context) -> Arm:
    """Mean and SD as they stand."""
    return columns[f"m{arm}i"], columns[f"sd{arm}i"], (), ()


def _by_se(columns: Columns, arm: str, context: Context) -> Arm:
    """SD from the standard error of the mean."""
    return columns[f"m{arm}i"], sd_from_se(columns[f"se{arm}i"], columns[f"n{arm}i"]), (), ()


def _by_interval(columns: Columns, arm: str, context: Context) -> Arm:
    """SD from the confidence interval of the mean, by Student's t."""
    lower, upper, m = columns[f"lb{arm}i"], columns[f"ub{arm}i"], columns[f"m{arm}i"]
    sd = sd_from_interval(lower, upper, columns[f"n{arm}i"], context.level)
    turned = upper <= lower
    outside = ~turned & ((m < lower) | (m > upper))
    reasons = (
        Remark(
            turned,
            lambda i: (
                f"The upper bound of the mean of group {arm}, {upper[i]:g}, must be above the "
                f"lower one, {lower[i]:g}."
            ),
        ),
        Remark(
            outside,
            lambda i: (
                f"The mean of group {arm}, {m[i]:g}, lies outside its interval, {lower[i]:g} to "
                f"{upper[i]:g}; correct one of the three."
            ),
        ),
    )
    return m, sd, reasons, ()


@dataclass(frozen=True)
class _ByWidth:
    """SD from the distance of two order statistics beside a reported mean (Wan et al. 2014)."""

    low: str
    high: str
    what: str
    spread: Callable[[FloatVector, FloatVector, FloatVector], FloatVector]

    def __call__(self, columns: Columns, arm: str, context: Context) -> Arm:
        low, high = (columns[role.replace("#", arm)] for role in (self.low, self.high))
        n = columns[f"n{arm}i"]
        sd = self.spread(low, high, n)
        reasons = (
            Remark(
                n < SMALLEST,
                f"Group {arm} has fewer than {SMALLEST} people; its {self.what} says too little "
                "of their spread.",
            ),
            Remark(
                high <= low,
                lambda i: (
                    f"The {self.what} of group {arm}, {low[i]:g} to {high[i]:g}, must rise; "
                    "correct one of the two."
                ),
            ),
        )
        return columns[f"m{arm}i"], sd, reasons, ()


_ROLES_5 = {"min": "min#i", "q1": "q1_#i", "median": "med#i", "q3": "q3_#i", "max": "max#i"}


@dataclass(frozen=True)
class _ByOrder:
    """Mean and SD from the median with quartiles, range or both."""

    parts: tuple[str, ...]

    def __call__(self, columns: Columns, arm: str, context: Context) -> Arm:
        given = {part: columns[_ROLES_5[part].replace("#", arm)] for part in self.parts}
        x = FiveNumbers.of(**given, n=columns[f"n{arm}i"])
        mean, sd = mean_sd(x)
        numbers = np.array([given[part] for part in self.parts])
        reasons = (
            Remark(
                x.n < SMALLEST,
                f"Group {arm} has fewer than {SMALLEST} people; a median says too little of them.",
            ),
            Remark(
                x.disordered,
                lambda i: (
                    f"The numbers of group {arm}, {', '.join(f'{v:g}' for v in numbers[:, i])}, "
                    "must rise from the lowest to the highest."
                ),
            ),
            Remark(sd <= 0, f"The quartiles or range of group {arm} coincide; there is no spread."),
        )
        return mean, sd, reasons, (Remark(skewed(x), LOPSIDED.format(arm)),)


_MEAN = Need("m#i", "Mean")
_SIZE = Need("n#i", "Total", "size2")

_SD, _SE = Need("sd#i", "SD", "sd"), Need("se#i", "SE of the mean", "sd")
_BOUNDS = (Need("lb#i", "Lower bound of the mean"), Need("ub#i", "Upper bound of the mean"))
_MIN, _MAX = Need("min#i", "Minimum"), Need("max#i", "Maximum")
_Q1, _MEDIAN = Need("q1_#i", "First quartile"), Need("med#i", "Median")
_Q3 = Need("q3_#i", "Third quartile")

ARM_WAYS: tuple[ArmWay, ...] = (
    ArmWay("sd", "mean and SD", (_MEAN, _SD, _SIZE), _plain),
    ArmWay("se", "mean and SE", (_MEAN, _SE, _SIZE), _by_se, HANDBOOK),
    ArmWay("ci", "mean and its interval", (_MEAN, *_BOUNDS, _SIZE), _by_interval, HANDBOOK),
    ArmWay(
        "mean_quartiles",
        "mean and quartiles",
        (_MEAN, _Q1, _Q3, _SIZE),
        _ByWidth("q1_#i", "q3_#i", "interquartile range", sd_of_quartiles),
        WAN,
        approximate=True,
    ),
    ArmWay(
        "mean_range",
        "mean and range",
        (_MEAN, _MIN, _MAX, _SIZE),
        _ByWidth("min#i", "max#i", "range", sd_of_range),
        WAN,
        approximate=True,
    ),
    ArmWay(
        "five",
        "median, quartiles and range",
        (_MIN, _Q1, _MEDIAN, _Q3, _MAX, _SIZE),
        _ByOrder(("min", "q1", "median", "q3", "max")),
        SHI,
        approximate=True,
    ),
    ArmWay(
        "quartiles",
        "median and quartiles",
        (_Q1, _MEDIAN, _Q3, _SIZE),
        _ByOrder(("q1", "median", "q3")),
        LUO,
        approximate=True,
    ),
    ArmWay(
        "range",
        "median and range",
        (_MIN, _MEDIAN, _MAX, _SIZE),
        _ByOrder(("min", "median", "max")),
        LUO,
        approximate=True,
    ),
)


@dataclass(frozen=True)
class _TwoArms:
    """Bring two arms, each in its own way, to means, SDs and sizes."""

    first: ArmWay
    second: ArmWay

    def __call__(self, columns: Columns, context: Context) -> Inputs:
        m1, sd1, reasons1, notes1 = self.first.function(columns, "1", context)
        m2, sd2, reasons2, notes2 = self.second.function(columns, "2", context)
        values = {
            "m1i": m1, "sd1i": sd1, "n1i": columns["n1i"],
            "m2i": m2, "sd2i": sd2, "n2i": columns["n2i"],
        }  # fmt: skip
        told = (*self._note("1", self.first, len(m1)), *self._note("2", self.second, len(m2)))
        notes = (*told, *notes1, *notes2)
        return Inputs(values, reasons1 + reasons2, notes)

    def _note(self, arm: str, way: ArmWay, k: int) -> tuple[Remark, ...]:
        if way.key == "sd":
            return ()
        return (Remark(np.ones(k, dtype=bool), f"Group {arm}: worked out from {way.title}."),)


def two_arm_routes() -> tuple[Route, ...]:
    """Every pair of ways, those nearest to means and SDs first."""
    pairs = [(a + b, abs(a - b), a, b) for a in range(len(ARM_WAYS)) for b in range(len(ARM_WAYS))]
    return tuple(_pair(ARM_WAYS[a], ARM_WAYS[b]) for _, _, a, b in sorted(pairs))


def _pair(first: ArmWay, second: ArmWay) -> Route:
    same = first is second
    if same:
        key = "means" if first.key == "sd" else f"means_{first.key}"
        title = f"{first.title} of both groups"
    else:
        key = f"means_{first.key}_{second.key}"
        title = f"{first.title} of group 1, {second.title} of group 2"
    return Route(
        key,
        title,
        (*first.needs_of("1"), *second.needs_of("2")),
        _TwoArms(first, second),
        first.citation or second.citation,
        approximate=first.approximate or second.approximate,
    )
