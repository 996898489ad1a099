"""Groups of several rows as one: the arms of a trial that are one treatment for this review.

Counts are added; means and SDs are those of all people together, exactly. What the rows report of
their own comparison (an odds ratio, an interval) says nothing of the combined one and goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from metadesk.catalogue import Catalogue
from metadesk.effects.adjustments import COUNTS_1, COUNTS_2, PAIRED
from metadesk.effects.conversions.groups import COMBINING, Arm, combined_arms
from metadesk.effects.conversions.spread import sd_from_se
from metadesk.errors import SpecProblem
from metadesk.references import Reference
from metadesk.table.checks.look import called

Values = Mapping[str, float]
Combined = dict[str, float | None]

REPORTED = ("yi", "vi", "sei", "est", "lower", "upper", "zi", "pval", "pi", "ti", "Fi", "oe", "v")
_OF_ARM = {"1": tuple(a for a, _ in PAIRED), "2": tuple(b for _, b in PAIRED)}


@dataclass(frozen=True)
class Combination:
    """Which groups of several rows become one, in words; ``arms`` are '1', '2' or both."""

    key: str
    title: str
    sentence: str
    arms: str
    citation: Reference

    def apply(self, rows: Sequence[Values]) -> Combined:
        """The values of the row that stands for all; ``None`` empties a cell.

        Raises
        ------
        SpecProblem
            If there is one row only, or the rows do not share their other group.
        """
        if len(rows) < 2:
            raise SpecProblem("Choose at least two rows whose groups are to become one.")
        for arm in "12":
            if arm not in self.arms:
                _check_shared(arm, rows)
        changed: Combined = {}
        for arm in self.arms:
            changed |= _one_group(arm, rows)
        changed |= dict.fromkeys((r for r in REPORTED if r in rows[0]), None)
        return {role: x for role, x in changed.items() if x is not None or role in rows[0]}


def _check_shared(arm: str, rows: Sequence[Values]) -> None:
    """The group that is not combined must be the same people in all rows."""
    for role in _OF_ARM[arm]:
        told = sorted({row[role] for row in rows if role in row})
        if len(told) > 1:
            raise SpecProblem(
                f"The rows do not share this group ({called(role)}: {told[0]:g} and {told[1]:g}); "
                "only rows that share it can have their other groups combined."
            )


def _one_group(arm: str, rows: Sequence[Values]) -> Combined:
    """Counts added, mean and SD of all people; quantiles and percentages are not told together."""
    counts = COUNTS_1 if arm == "1" else COUNTS_2
    changed: Combined = dict.fromkeys(_OF_ARM[arm], None)
    for role in counts:
        told = [row[role] for row in rows if role in row]
        if len(told) == len(rows):
            changed[role] = float(np.sum(told))
        elif told:
            raise SpecProblem(f"Not every row tells {role} of group {arm}; fill it in first.")
    m, sd, n = f"m{arm}i", f"sd{arm}i", f"n{arm}i"
    arms = [_arm(row, arm) for row in rows]
    if all(a is not None for a in arms):
        whole = reduce(combined_arms, [a for a in arms if a is not None])
        changed |= {m: float(whole.mean), sd: float(whole.sd), n: float(whole.n)}
    elif any(m in row for row in rows):
        raise SpecProblem(f"Not every row tells mean, SD and total of group {arm}; fill them in.")
    if all(changed[role] is None for role in (*counts, m)):
        raise SpecProblem(
            f"Group {arm} can only be combined from counts, or from means with SDs (or standard "
            "errors) and totals."
        )
    return changed


def _arm(row: Values, arm: str) -> Arm | None:
    """Mean, SD and size of a group, its SD from the standard error if need be."""
    m, sd, se, n = (row.get(f"{name}{arm}i") for name in ("m", "sd", "se", "n"))
    if m is None or n is None or (sd is None and se is None):
        return None
    spread = np.array(sd) if sd is not None else sd_from_se(se or 0.0, n)
    return Arm(np.array(m), spread, np.array(n))


COMBINATIONS: Catalogue[Combination] = Catalogue("combination")
COMBINATIONS.add(
    Combination(
        "combine1", "Combine the treated groups",
        "Several treated arms with the same comparison group become one; the other rows are left "
        "out.",
        "1", COMBINING,
    ),
    Combination(
        "combine2", "Combine the comparison groups",
        "Several comparison groups of the same treated arm become one; the other rows are left "
        "out.",
        "2", COMBINING,
    ),
    Combination(
        "combine12", "Combine both groups",
        "Parts of a study, such as women and men, become the whole; the other rows are left out.",
        "12", COMBINING,
    ),
)  # fmt: skip
