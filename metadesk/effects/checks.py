"""What a value may be, by kind; what is wrong with it is said in one sentence with its number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from metadesk.effects.measure import Columns, Need, NeedKind, Remark
from metadesk.numerics.types import BoolVector, FloatVector


@dataclass(frozen=True)
class Rule:
    """A value is wrong where ``wrong`` holds; ``say`` finishes the sentence 'Title, value, …'."""

    wrong: Callable[[FloatVector], BoolVector]
    say: str


_NEGATIVE_COUNT = Rule(lambda x: x < 0, "is negative; counts start at 0.")
_NOT_POSITIVE = Rule(lambda x: x <= 0, "must be above 0.")

RULES: dict[NeedKind, tuple[Rule, ...]] = {
    "count": (_NEGATIVE_COUNT,),
    "size": (Rule(lambda x: x <= 0, "must be at least 1."),),
    "size2": (Rule(lambda x: x < 2, "is too small; at least 2 are needed to know a spread."),),
    "size3": (Rule(lambda x: x < 3, "is too small; at least 3 are needed."),),
    "sd": (
        Rule(lambda x: x <= 0, "must be above 0; leave the cell empty if it was not reported."),
    ),
    "time": (_NOT_POSITIVE,),
    "variance": (_NOT_POSITIVE,),
    "positive": (Rule(lambda x: x <= 0, "must be above 0 on the ratio scale; is it a logarithm?"),),
    "nonnegative": (Rule(lambda x: x < 0, "cannot be negative."),),
    "correlation": (Rule(lambda x: np.abs(x) >= 1, "must lie strictly between −1 and 1."),),
    "signed_p": (
        Rule(
            lambda x: x == 0, "has lost its digits; enter the bound it was reported with, as 0.001."
        ),
        Rule(lambda x: np.abs(x) > 1, "must lie between −1 and 1 (its sign is the direction)."),
    ),
    "p": (
        Rule(
            lambda x: x == 0, "has lost its digits; enter the bound it was reported with, as 0.001."
        ),
        Rule(lambda x: (x < 0) | (x > 1), "must lie between 0 and 1."),
    ),
    "percent": (Rule(lambda x: (x < 0) | (x > 100), "must lie between 0 and 100 percent."),),
    "proportion": (
        Rule(lambda x: x > 1, "is above 1; is it a percentage? Divide it by 100."),
        Rule(lambda x: x < 0, "must lie between 0 and 1."),
    ),
    "r_squared": (
        Rule(lambda x: (x < 0) | (x >= 1), "must lie between 0 and 1; is it a percentage?"),
    ),
    "alpha": (Rule(lambda x: x >= 1, "must lie below 1; is it a percentage?"),),
    "items": (Rule(lambda x: x < 2, "must be at least 2."),),
    "nonzero": (Rule(lambda x: x == 0, "is 0, which says nothing about the standard error."),),
    "number": (),
}

_WHOLE: frozenset[NeedKind] = frozenset({"count", "size", "size2", "size3"})


def wrong_values(needs: tuple[Need, ...], values: Columns) -> Iterator[Remark]:
    """Yield what makes values impossible, need by need."""
    for need in needs:
        x = values[need.role]
        infinite = np.isinf(x)
        if infinite.any():
            yield Remark(infinite, f"{need.title} is infinite; enter a number or leave it empty.")
        for rule in RULES[need.kind]:
            wrong = rule.wrong(x) & ~infinite
            if wrong.any():
                yield Remark(wrong, _sentence(need.title, x, rule.say))


def odd_values(needs: tuple[Need, ...], values: Columns) -> Iterator[Remark]:
    """Yield what is unusual but allowed: counts that are not whole numbers."""
    for need in needs:
        if need.kind not in _WHOLE:
            continue
        x = values[need.role]
        odd = x != np.floor(x)
        if odd.any():
            yield Remark(
                odd, _sentence(need.title, x, "is not a whole number; it is used as it stands.")
            )


def _sentence(title: str, x: FloatVector, say: str) -> Callable[[int], str]:
    return lambda i: f"{title}, {x[i]:g}, {say}"
