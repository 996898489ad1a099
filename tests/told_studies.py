"""Studies of which everything is known, told in every way in which a paper may tell them.

A world makes studies of one kind: ``draw`` says what a study is, ``tell`` gives its numbers by
role, ``mirror`` is the same study with groups or signs exchanged, ``unit`` names what is measured
in the unit of the outcome (or of time), ``people`` what grows with the number of people.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st
from scipy import special

from metadesk.effects import MEASURES
from metadesk.effects.conversions import spread, standardised

Study = dict[str, float]
SPREAD = st.floats(10, 20)
PEOPLE = st.integers(12, 90).map(float)
CELL = st.integers(3, 60).map(float)
CORRELATION = st.floats(-0.8, 0.8)


def unchanged(study: Study) -> Study:
    """A study that has no other side."""
    return study


@dataclass(frozen=True)
class World:
    """How studies of one kind are made, told, mirrored and enlarged."""

    core: frozenset[str]
    draw: st.SearchStrategy[Study]
    tell: Callable[[Study], Study]
    mirror: Callable[[Study], Study] | None = None
    unit: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    def scaled(self, study: Study, names: tuple[str, ...], k: float) -> Study:
        """The study with these of its numbers ``k`` times as large."""
        return {name: x * k if name in names else x for name, x in study.items()}


def exchanged(*pairs: tuple[str, str]) -> Callable[[Study], Study]:
    """A study with these numbers exchanged."""
    other = dict(pairs) | {b: a for a, b in pairs}
    return lambda study: {other.get(name, name): x for name, x in study.items()}


def negated(name: str) -> Callable[[Study], Study]:
    """A study in which one number has the other sign."""
    return lambda study: {**study, name: -study[name]}


def signed_p(t: float, df: float) -> float:
    return math.copysign(2.0 * float(special.stdtr(df, -abs(t))), t)


def told_table(s: Study) -> Study:
    a, b, c, d = (s[x] for x in "abcd")
    n1, n2, x, n = a + b, c + d, a + c, a + b + c + d
    v = x * (b + d) * n1 * n2 / (n**2 * (n - 1.0))
    percent = {"p1i": 100.0 * a / n1, "p2i": 100.0 * c / n2}
    observed = {"oe": a - n1 * x / n, "v": v}
    return {"ai": a, "bi": b, "ci": c, "di": d, "n1i": n1, "n2i": n2, **percent, **observed}


def told_means(s: Study) -> Study:
    m1, m2, sd1, sd2, n1, n2 = (s[x] for x in ("m1", "m2", "sd1", "sd2", "n1", "n2"))
    df = n1 + n2 - 2.0
    pooled = math.sqrt(((n1 - 1.0) * sd1**2 + (n2 - 1.0) * sd2**2) / df)
    d = (m1 - m2) / pooled
    t = float(standardised.t_from_d(d, n1, n2))
    told = {"di": d, "ti": t, "ri": float(standardised.r_from_d(d, n1, n2)), "Fi": t * t}
    for g, m, sd, n in (("1", m1, sd1, n1), ("2", m2, sd2, n2)):
        low, high = spread.interval_from_sd(m, sd, n, 0.95)
        told |= {f"m{g}i": m, f"sd{g}i": sd, f"n{g}i": n, f"se{g}i": sd / math.sqrt(n)}
        told |= {f"lb{g}i": float(low), f"ub{g}i": float(high)}
    area = float(special.ndtr(d / math.sqrt(2.0)))
    return {**told, "pi": signed_p(t, df), "pval": abs(signed_p(t, df)), "ai": area}


def told_pairs(s: Study) -> Study:
    m1, m2, sd1, sd2, n, r = (s[x] for x in ("m1", "m2", "sd1", "sd2", "n", "r"))
    sd = math.sqrt(sd1**2 + sd2**2 - 2.0 * r * sd1 * sd2)
    d = (m1 - m2) / sd
    t = d * math.sqrt(n)
    told = {"m1i": m1, "m2i": m2, "sd1i": sd1, "sd2i": sd2, "ni": n, "ri": r, "sdi": sd}
    return {**told, "di": d, "ti": t, "pi": signed_p(t, n - 1.0)}


def told_margins(s: Study) -> Study:
    """Margins a, b of condition 1 and c, d of condition 2, as of two groups of the same people."""
    n, x1, x2, both = (s[x] for x in ("n", "x1", "x2", "both"))
    a, b, c = both, x1 - both, x2 - both
    d = n - a - b - c
    phi = (a * d - b * c) / math.sqrt(x1 * (n - x1) * x2 * (n - x2))
    told = {"ai": x1, "bi": n - x1, "ci": x2, "di": n - x2}
    return {**told, "n1i": n, "ri": phi, "pi": both / n}


def told_correlation(s: Study) -> Study:
    r, n = s["r"], s["n"]
    t = r * math.sqrt(n - 2.0) / math.sqrt(1.0 - r * r)
    return {"ri": r, "ni": n, "ti": t, "pi": signed_p(t, n - 2.0)}


def told_partial(s: Study) -> Study:
    r, n, m = s["r"], s["n"], s["m"]
    df = n - m - 1.0
    t = r * math.sqrt(df) / math.sqrt(1.0 - r * r)
    return {"ri": r, "ni": n, "mi": m, "ti": t, "pi": signed_p(t, df)}


def told_semipartial(s: Study) -> Study:
    n, m, r = s["n"], s["m"], s["r"]
    r2, df = s["more"] + r * r * (1.0 - s["more"]), n - m - 1.0
    t = r * math.sqrt(df) / math.sqrt(1.0 - r2)
    return {"ri": r, "ni": n, "mi": m, "r2i": r2, "ti": t, "pi": signed_p(t, df)}


def told_r2(s: Study) -> Study:
    r2, n, m = s["r2"], s["n"], s["m"]
    df = n - m - 1.0
    F = r2 / (1.0 - r2) * df / m
    return {"r2i": r2, "ni": n, "mi": m, "Fi": F, "pval": float(special.fdtrc(m, df, F))}


def told_proportion(s: Study) -> Study:
    return {"xi": s["x"], "mi": s["rest"], "ni": s["x"] + s["rest"]}


def told_mean(s: Study) -> Study:
    m, sd, n = s["m"], s["sd"], s["n"]
    low, high = (float(x) for x in spread.interval_from_sd(m, sd, n, 0.95))
    return {"mi": m, "sdi": sd, "ni": n, "sei": sd / math.sqrt(n), "lower": low, "upper": high}


def told_survival(s: Study) -> Study:
    """A log-rank test: V from the events of both groups, O − E from its z."""
    v = s["x1"] * s["x2"] / (s["x1"] + s["x2"])
    z = s["z"]
    p = math.copysign(2.0 * float(special.ndtr(-abs(z))), z)
    return {"oe": z * math.sqrt(v), "v": v, "zi": z, "pi": p, "ai": s["x1"], "ci": s["x2"]}


def _named(**kinds: st.SearchStrategy[float]) -> st.SearchStrategy[Study]:
    return st.fixed_dictionaries(kinds)


def _margins() -> st.SearchStrategy[Study]:
    """People with the event under both conditions, under one, under the other, under none."""
    return st.tuples(CELL, CELL, CELL, CELL).map(
        lambda x: {"n": sum(x), "x1": x[0] + x[1], "x2": x[0] + x[2], "both": x[0]}
    )


# Means far enough from one another that a test's statistic is not 0, and from 0 for ratios.
_MEANS = {
    "m1": st.floats(40, 50), "m2": st.floats(51, 60), "sd1": SPREAD, "sd2": SPREAD,
}  # fmt: skip
_SIDES = exchanged(("m1", "m2"), ("sd1", "sd2"), ("n1", "n2"))
_UNIT = ("m1", "m2", "sd1", "sd2")
_TABLE = World(
    frozenset({"ai", "bi", "ci", "di"}), _named(a=CELL, b=CELL, c=CELL, d=CELL), told_table,
    exchanged(("a", "c"), ("b", "d")), people=("a", "b", "c", "d"),
)  # fmt: skip
_MATCHED = World(
    _TABLE.core, _TABLE.draw, lambda s: {f"{x}i": s[x] for x in "abcd"}, exchanged(("b", "c")),
    people=_TABLE.people,
)  # fmt: skip
_MARGINS = World(
    _TABLE.core | {"ri"}, _margins(), told_margins, exchanged(("x1", "x2")),
    people=("n", "x1", "x2", "both"),
)  # fmt: skip
_GROUPS = World(
    frozenset({"sd2i", "n2i"}), _named(**_MEANS, n1=PEOPLE, n2=PEOPLE), told_means, _SIDES,
    _UNIT, ("n1", "n2"),
)  # fmt: skip
_PAIRED = World(
    frozenset({"sd1i", "ni"}), _named(**_MEANS, n=PEOPLE, r=CORRELATION), told_pairs, _SIDES,
    _UNIT, ("n",),
)  # fmt: skip
_AREA = World(
    frozenset({"ai", "n1i", "n2i"}), _named(a=st.floats(0.1, 0.9), n1=PEOPLE, n2=PEOPLE),
    lambda s: {"ai": s["a"], "n1i": s["n1"], "n2i": s["n2"]},
    lambda s: {"a": 1.0 - s["a"], "n1": s["n2"], "n2": s["n1"]}, people=("n1", "n2"),
)  # fmt: skip
_RATES = World(
    frozenset({"x1i", "t1i", "x2i", "t2i"}),
    _named(x1=CELL, x2=CELL, t1=st.floats(5, 500), t2=st.floats(5, 500)),
    lambda s: {f"{name}i": x for name, x in s.items()}, exchanged(("x1", "x2"), ("t1", "t2")),
    ("t1", "t2"), ("x1", "x2", "t1", "t2"),
)  # fmt: skip
_M = st.integers(1, 4).map(float)
_R = World(
    frozenset({"ri", "ni"}), _named(r=CORRELATION, n=PEOPLE), told_correlation, negated("r"),
    people=("n",),
)  # fmt: skip
_PARTIAL = World(
    frozenset({"ri", "ni", "mi"}), _named(r=CORRELATION, n=PEOPLE, m=_M), told_partial,
    negated("r"), people=("n",),
)  # fmt: skip
_SEMIPARTIAL = World(
    frozenset({"ri", "ni", "mi", "r2i"}),
    _named(r=CORRELATION, n=PEOPLE, m=st.integers(2, 4).map(float), more=st.floats(0.05, 0.5)),
    told_semipartial, negated("r"), people=("n",),
)  # fmt: skip
_R2 = World(
    frozenset({"r2i", "ni", "mi"}), _named(r2=st.floats(0.05, 0.8), n=PEOPLE, m=_M), told_r2,
    people=("n",),
)  # fmt: skip
_PROPORTION = World(
    frozenset({"xi", "ni"}), _named(x=CELL, rest=CELL), told_proportion, people=("x", "rest"),
)  # fmt: skip
_RATE = World(
    frozenset({"xi", "ti"}), _named(x=CELL, t=st.floats(5, 500)),
    lambda s: {"xi": s["x"], "ti": s["t"]}, unit=("t",), people=("x", "t"),
)  # fmt: skip
_MEAN = World(
    frozenset({"sdi", "ni"}), _named(m=st.floats(20, 90), sd=SPREAD, n=PEOPLE), told_mean,
    unit=("m", "sd"), people=("n",),
)  # fmt: skip
_ALPHA = World(
    frozenset({"ai", "mi", "ni"}),
    _named(a=st.floats(0.3, 0.95), m=st.integers(3, 20).map(float), n=PEOPLE),
    lambda s: {f"{name}i": x for name, x in s.items()}, people=("n",),
)  # fmt: skip
_SURVIVAL = World(
    frozenset({"oe", "v"}), _named(x1=CELL, x2=CELL, z=st.floats(0.2, 3)), told_survival,
    lambda s: {"x1": s["x2"], "x2": s["x1"], "z": -s["z"]}, people=("x1", "x2"),
)  # fmt: skip
# The most particular come first: a world is that of a measure whose first raw route asks for it.
WORLDS = (
    _MARGINS, _TABLE, _GROUPS, _PAIRED, _AREA, _RATES, _SEMIPARTIAL, _PARTIAL, _R2, _R,
    _PROPORTION, _RATE, _ALPHA, _MEAN, _SURVIVAL,
)  # fmt: skip


def world_of(measure: str) -> World | None:
    """The world whose studies a measure is about; None for ready-made estimates of anything."""
    raw = [route for route in MEASURES[measure].routes if route.source == "raw"]
    if not raw:
        return None
    if raw[0].key == "pairs":
        return _MATCHED
    asked = {role for route in raw[:2] for role in route.roles}
    return next(world for world in WORLDS if world.core <= asked)
