"""Adjustments of a whole row before its effect is computed: each named, cited, and undone exactly.

They answer what a trial's design does to its numbers (clusters, a control group that serves twice)
and how its scale lies (direction, unit). ``apply`` gives the row's new values by role;
:meth:`Adjustment.undone` takes them back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from metadesk.catalogue import Catalogue
from metadesk.effects.conversions.crossover import final_sd, sd_of_change
from metadesk.effects.conversions.groups import RAO_SCOTT, design_effect
from metadesk.effects.estimates import HANDBOOK
from metadesk.effects.sources import ELBOURNE
from metadesk.errors import SpecProblem
from metadesk.references import Reference

Values = Mapping[str, float]
Changed = dict[str, float]

COUNTS_1, COUNTS_2 = ("ai", "bi", "n1i", "x1i", "t1i"), ("ci", "di", "n2i", "x2i", "t2i")
IN_UNIT = (
    "m1i", "sd1i", "se1i", "lb1i", "ub1i", "med1i", "q1_1i", "q3_1i", "min1i", "max1i",
    "m2i", "sd2i", "se2i", "lb2i", "ub2i", "med2i", "q1_2i", "q3_2i", "min2i", "max2i",
    "mi", "sdi", "yi", "est", "sei", "lower", "upper",
)  # fmt: skip
PAIRED = (
    ("ai", "ci"), ("bi", "di"), ("n1i", "n2i"), ("p1i", "p2i"), ("x1i", "x2i"), ("t1i", "t2i"),
    ("m1i", "m2i"), ("sd1i", "sd2i"), ("se1i", "se2i"), ("lb1i", "lb2i"), ("ub1i", "ub2i"),
    ("med1i", "med2i"), ("q1_1i", "q1_2i"), ("q3_1i", "q3_2i"), ("min1i", "min2i"),
    ("max1i", "max2i"),
)  # fmt: skip


@dataclass(frozen=True)
class Adjustment:
    """A change of a row's values with a parameter: the design effect, the number of comparisons.

    ``parameters`` names what has to be known, in words; ``change`` takes the row's values and the
    parameters; ``back`` undoes it.
    """

    key: str
    title: str
    sentence: str
    parameters: Mapping[str, str]
    citation: Reference
    change: Callable[[Values, Values], Changed]
    back: Callable[[Values, Values], Changed]

    def apply(self, values: Values, **parameters: float) -> Changed:
        """The row's values after the adjustment; only roles that change are returned."""
        self._check(parameters)
        return self.change(values, parameters)

    def undone(self, values: Values, **parameters: float) -> Changed:
        """The row's values before the adjustment, from those after it."""
        self._check(parameters)
        return self.back(values, parameters)

    def _check(self, parameters: Values) -> None:
        missing = [name for name in self.parameters if name not in parameters]
        if missing:
            raise SpecProblem(f"Adjustment '{self.key}' needs {', '.join(missing)}.")


def _multiply(values: Values, roles: tuple[str, ...], factor: float) -> Changed:
    return {role: values[role] * factor for role in roles if role in values}


def _effect(p: Values) -> float:
    effect = float(design_effect(p["cluster_size"], p["icc"]))
    if not (effect > 0 and p["cluster_size"] >= 1):
        raise SpecProblem("The mean cluster size must be at least 1 and the ICC between 0 and 1.")
    return effect


def _cluster(values: Values, p: Values) -> Changed:
    effect = _effect(p)
    return {
        **_multiply(values, (*COUNTS_1, *COUNTS_2), 1.0 / effect),
        **_multiply(values, ("sei",), effect**0.5),
        **_multiply(values, ("vi",), effect),
    }


def _uncluster(values: Values, p: Values) -> Changed:
    effect = _effect(p)
    return {
        **_multiply(values, (*COUNTS_1, *COUNTS_2), effect),
        **_multiply(values, ("sei",), effect**-0.5),
        **_multiply(values, ("vi",), 1.0 / effect),
    }


def _times(p: Values) -> float:
    if not p["comparisons"] >= 2:
        raise SpecProblem("A control group is shared by at least 2 comparisons.")
    return p["comparisons"]


def _share(values: Values, p: Values) -> Changed:
    return _multiply(values, COUNTS_2, 1.0 / _times(p))


def _unshare(values: Values, p: Values) -> Changed:
    return _multiply(values, COUNTS_2, _times(p))


def _scale(values: Values, factor: float) -> Changed:
    if not factor > 0:
        raise SpecProblem(f"A unit factor must be above 0, not {factor:g}.")
    return {
        **_multiply(values, IN_UNIT, factor),
        **_multiply(values, ("vi",), factor**2),
    }


def _unit(values: Values, p: Values) -> Changed:
    return _scale(values, p["factor"])


def _ununit(values: Values, p: Values) -> Changed:
    return _scale(values, 1.0 / p["factor"])


def _swap(values: Values, p: Values) -> Changed:
    """Exchange the groups; estimates change their sign, ratios become their reciprocals."""
    changed: Changed = {}
    for first, second in PAIRED:
        if first in values or second in values:
            changed[first] = values.get(second, float("nan"))
            changed[second] = values.get(first, float("nan"))
    signed = ("yi", "zi", "ti", "pi", "oe")
    changed.update({role: -values[role] for role in signed if role in values})
    ratio = bool(p["ratio"])

    def turned(x: float) -> float:
        return 1.0 / x if ratio else -x

    if "est" in values:
        changed["est"] = turned(values["est"])
    if "lower" in values and "upper" in values:
        changed["lower"], changed["upper"] = turned(values["upper"]), turned(values["lower"])
    return changed


def _turn_scale(values: Values, p: Values) -> Changed:
    """Turn a scale round, so that more is better in all studies: every mean changes its sign."""
    order = {"q1_#i": "q3_#i", "min#i": "max#i", "lb#i": "ub#i"}
    changed: Changed = {}
    for arm in "12":
        for role in (f"m{arm}i", f"med{arm}i"):
            if role in values:
                changed[role] = -values[role]
        for low, high in order.items():
            a, b = low.replace("#", arm), high.replace("#", arm)
            if a in values and b in values:
                changed[a], changed[b] = -values[b], -values[a]
    signed = ("yi", "est", "zi", "ti", "pi")
    changed.update({role: -values[role] for role in signed if role in values})
    if "lower" in values and "upper" in values:
        changed["lower"], changed["upper"] = -values["upper"], -values["lower"]
    return changed


def _correlation(p: Values) -> float:
    if not -1.0 < p["r"] < 1.0:
        raise SpecProblem(f"A correlation must lie strictly between −1 and 1, not {p['r']:g}.")
    return p["r"]


def _from_baseline(values: Values, p: Values) -> Changed:
    """Change scores of each group: m − m_b and √(s² + s_b² − 2·r·s·s_b) (Handbook 6.5.2.8)."""
    r, changed = _correlation(p), Changed()
    for arm in "12":
        m, sd, mb, sdb = f"m{arm}i", f"sd{arm}i", f"mb{arm}i", f"sdb{arm}i"
        if m in values and mb in values:
            changed[m] = values[m] - values[mb]
        if sd in values and sdb in values:
            changed[sd] = float(sd_of_change(values[sd], values[sdb], r))
    if not changed:
        raise SpecProblem(
            "The row has no values at baseline; give their columns the roles of baseline means and "
            "SDs."
        )
    return changed


def _to_final(values: Values, p: Values) -> Changed:
    """Final values again; of the two SDs that may have been, the larger one."""
    r, changed = _correlation(p), Changed()
    for arm in "12":
        m, sd, mb, sdb = f"m{arm}i", f"sd{arm}i", f"mb{arm}i", f"sdb{arm}i"
        if m in values and mb in values:
            changed[m] = values[m] + values[mb]
        if sd in values and sdb in values:
            changed[sd] = float(final_sd(values[sdb], values[sd], r))
    return changed


# A paired test, the SD of the changes, or what a reported estimate came with tells the correlation.
_IMPLYING = frozenset({"ri", "ti", "pi", "sdi"})
_SPREAD = frozenset({"sei", "vi", "lower", "zi", "pval"})


def _assume(values: Values, p: Values) -> Changed:
    """Fill in the correlation where the paper told none, nor anything that implies one."""
    r = _correlation(p)
    implied = _IMPLYING & values.keys()
    if {"est", "yi"} & values.keys():
        implied |= _SPREAD & values.keys()
    return {} if implied else {"ri": r}


def _forget(values: Values, p: Values) -> Changed:
    return {"ri": float("nan")} if values.get("ri") == p["r"] else {}


ADJUSTMENTS: Catalogue[Adjustment] = Catalogue("adjustment")
ADJUSTMENTS.add(
    Adjustment(
        "cluster", "Cluster trial", "Counts are divided by the design effect 1 + (m − 1)·ICC.",
        {"cluster_size": "Mean cluster size m", "icc": "Intracluster correlation (ICC)"},
        RAO_SCOTT, _cluster, _uncluster,
    ),
    Adjustment(
        "shared_control", "Control group shared by several comparisons",
        "Each comparison gets an equal part of the control group; its mean and SD stay.",
        {"comparisons": "Comparisons that use this control group"}, HANDBOOK, _share, _unshare,
    ),
    Adjustment(
        "unit", "Other unit", "Means, SDs and estimates are multiplied by a factor.",
        {"factor": "Factor (new unit = old unit × factor)"}, HANDBOOK, _unit, _ununit,
    ),
    Adjustment(
        "swap", "Groups the other way round",
        "The two groups change places; the effect changes its direction.",
        {"ratio": "1 if the printed estimate is a ratio, 0 if a difference"}, HANDBOOK,
        _swap, _swap,
    ),
    Adjustment(
        "turn", "Scale the other way round",
        "Means change their sign, so that higher means the same in every study.",
        {}, HANDBOOK, _turn_scale, _turn_scale,
    ),
    Adjustment(
        "change", "Change from baseline",
        "Final means and SDs become those of the change since baseline.",
        {"r": "Correlation of baseline and final values"}, HANDBOOK, _from_baseline, _to_final,
    ),
    Adjustment(
        "correlation", "Assumed correlation",
        "Rows of crossover and before-after studies that tell no correlation get this one.",
        {"r": "Correlation of the two conditions"}, ELBOURNE, _assume, _forget,
    ),
)  # fmt: skip
