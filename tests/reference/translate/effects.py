"""Effect sizes, conversions and aggregation: from a case's spec to the public functions."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.effects import EffectSizes, compute
from metadesk.effects.aggregate import aggregate, covariance_of
from metadesk.effects.conversions.delta import by_delta_method
from metadesk.effects.conversions.fivenum import FiveNumbers, mean_sd
from metadesk.effects.conversions.tables import (
    table_from_chi_square,
    table_from_odds_ratio,
    table_from_phi,
)
from metadesk.effects.conversions.wald import from_wald
from metadesk.effects.measures import MEASURES
from metadesk.effects.transforms import transformation
from metadesk.options import options_of


def table_rows(case: Case) -> np.ndarray:
    """Positions of the table's rows that the case is about."""
    chosen = case.spec.get("rows")
    k = len(next(iter(case.table.values())))
    return np.arange(k) if chosen is None else np.array(chosen) - 1


def effects_from_spec(case: Case) -> EffectSizes:
    """Effect sizes of the spec's rows, from raw columns or from given estimates."""
    rows, spec = table_rows(case), case.spec
    if spec.get("es"):
        es = spec["es"]
        return effects_with_options(es, inputs(case, es, rows))
    given = [role for role in ("yi", "vi", "sei") if spec.get(role)]
    columns = {role: case.column(spec[role])[rows] for role in given}
    return compute("GEN", columns)


# Other names that the reference knows for a measure, and for its inputs.
_SAME = {"OR2D": "OR2DL", "D2OR": "D2ORL", "AUC": "CLES", "AUCN": "CLESN"}
_SAME_ROLE = {("", "fi"): "Fi", ("R2", "pi"): "pval", ("ZR2", "pi"): "pval"}


def inputs(case: Case, es: dict[str, Any], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The inputs by our names; a number in the place of a column holds for every row."""
    columns = {}
    for role, name in es["roles"].items():
        own = _SAME_ROLE.get((es["measure"], role)) or _SAME_ROLE.get(("", role), role)
        given = isinstance(name, int | float)
        columns[own] = np.full(len(rows), float(name)) if given else case.column(name)[rows]
    return columns


def _flipped(es: dict[str, Any], got: EffectSizes) -> EffectSizes:
    """Turn effects round, or multiply them, as the option ``flip`` asks: f·yi with f²·vi."""
    asked = (es.get("options") or {}).get("flip")
    if asked is None:
        return got
    values = np.atleast_1d(np.array(asked))
    f = np.where(values, -1.0, 1.0) if values.dtype == bool else values.astype(float)
    return replace(got, yi=f * got.yi, vi=f**2 * got.vi)


def effects_with_options(es: dict[str, Any], columns: dict[str, np.ndarray]) -> EffectSizes:
    """yi and vi by the spec's measure and options, turned round where the spec asks for it."""
    return _flipped(es, _with_zero_sds(es, columns))


def _with_zero_sds(es: dict[str, Any], columns: dict[str, np.ndarray]) -> EffectSizes:
    """yi and vi with SDs of zero as the reference takes them.

    We leave out a row with an SD of 0 and say why. The reference computes on: differences and
    ratios of means get a variance that is 0 where both SDs are; standardised effects are not
    defined there. A minute SD has both in the limit.
    """
    measure = _SAME.get(es["measure"], es["measure"])
    spread = [role for role in ("sd1i", "sd2i", "sdi") if role in columns]
    zero = {role: columns[role] == 0.0 for role in spread}
    if not any(z.any() for z in zero.values()):
        return compute(measure, columns, _options(es))
    minute = {role: np.where(zero[role], _MINUTE, columns[role]) for role in spread}
    found = compute(measure, {**columns, **minute}, _options(es))
    lost = np.all([zero[role] for role in spread], axis=0) & (np.abs(found.yi) > 1e50)
    if measure in ("RPB", "ZPB", "RBIS", "ZBIS", "CLESN"):  # of an endless d
        lost |= np.all([zero[role] for role in spread], axis=0)
    if measure in ("VR", "VRC", "CVR", "CVRC", "SDLN", "CVLN"):  # the logarithm of 0
        lost |= np.any([zero[role] for role in spread], axis=0)
    yi, vi = np.where(lost, np.nan, found.yi), np.where(lost, np.nan, found.vi)
    vi = np.where(vi < 1e-150, 0.0, vi)
    return replace(found, yi=yi, vi=vi)


_MINUTE = 1e-100


def _options(es: dict[str, Any]) -> dict[str, Any]:
    """The spec's options; tetrachoric correlations stop where the reference's search stops."""
    measure = _SAME.get(es["measure"], es["measure"])
    family = MEASURES[measure].options
    known = {field.name for field in fields(family)}
    options = {k: v for k, v in (es.get("options") or {}).items() if k in known}
    variances = next((o.choices for o in options_of(family) if o.name == "vtype"), {})
    if measure in _ONE_VARIANCE and options.get("vtype") not in variances:
        options.pop("vtype", None)
    if measure in ("RTET", "ZTET"):
        options["search"] = "coarse"
    return options


# The reference gives a variance also where only the estimate is missing, if the rest determines it.
_SIZE_ALONE = {
    "ZCOR": {"ri": 0.0, "ti": 0.0, "pi": 1.0}, "ZPCOR": {"ri": 0.0, "ti": 0.0, "pi": 1.0},
    "ZR2": {"r2i": 0.5, "Fi": 1.0}, "ABT": {"ai": 0.5}, "VR": {"sd1i": 1.0, "sd2i": 1.0},
    "VRC": {"sd1i": 1.0, "sd2i": 1.0}, "SDLN": {"sdi": 1.0}, "IRS": {"xi": 1.0},
    "IRFT": {"xi": 1.0}, "IRSD": {"x1i": 1.0, "x2i": 1.0}, "MN": {"mi": 0.0},
    "MD": {"m1i": 0.0, "m2i": 0.0}, "MC": {"m1i": 0.0, "m2i": 0.0},
}  # fmt: skip


# Measures whose variance the reference does not let anybody choose: it overlooks the option.
_ONE_VARIANCE = ("VR", "CVR", "SMD1H", "SMN", "IRR", "IRD", "IR", "IRLN", "ZCOR", "PETO")

_KEEP = {"IRSD": {"drop00": False}}  # leaving out does not touch the sizes


def _variances(case: Case, got: EffectSizes) -> np.ndarray:
    """Variances, with those that the reference gives to rows without an estimate."""
    es = case.spec.get("es")
    if not es or es["measure"] not in _SIZE_ALONE:
        return got.vi
    rows, filler = table_rows(case), _SIZE_ALONE[es["measure"]]
    columns = inputs(case, es, rows)
    filled = {
        role: np.where(np.isnan(values), filler[role], values) if role in filler else values
        for role, values in columns.items()
    }
    again = compute(es["measure"], filled, {**_options(es), **_KEEP.get(es["measure"], {})})
    alone = _flipped(es, again).vi
    return np.where(np.isnan(got.yi), alone, got.vi)


@runs("escalc", "from_test")
def effect_sizes(case: Case) -> dict[str, Any]:
    """yi and vi of every row; with a level also Wald tests and intervals."""
    got = effects_from_spec(case)
    vi = _variances(case, got)
    answer: dict[str, Any] = {"yi": got.yi, "vi": vi}
    if case.spec.get("level"):
        lower, upper = got.ci(case.spec["level"] / 100.0)
        answer |= {"sei": np.sqrt(vi), "zi": got.zi, "pval": got.pval}
        answer |= {"ci_lb": lower, "ci_ub": upper}
    return answer


def _percent(level: float | None) -> float:
    return 0.95 if level is None else level / 100.0


# The reference's names of a method; for log-normal data it knows one only.
_FIVE_NUMBERS = {
    "default": "default", "luo/wan/shi": "default", "hozo2005": "hozo2005", "wan2014": "wan2014",
    "luo/wan.etal2014": "wan2014", "wan.etal2014": "wan2014", "bland2015": "bland2015",
}  # fmt: skip


@runs("conv_fivenum")
def five_numbers(case: Case) -> dict[str, Any]:
    """Means and SDs from order statistics."""
    rows, spec = table_rows(case), case.spec
    given = {name: case.column(column)[rows] for name, column in spec["roles"].items()}
    log_normal = spec.get("dist", "norm") == "lnorm"
    method = "default" if log_normal else _FIVE_NUMBERS[spec.get("method", "default").lower()]
    mean, sd = mean_sd(FiveNumbers.of(**given), method, log_normal=log_normal)
    return {"mean": mean, "sd": sd}


@runs("conv_wald")
def wald(case: Case) -> dict[str, Any]:
    """Estimates and variances from intervals and tests."""
    rows, spec = table_rows(case), case.spec
    names = {"out": "out", "ci.lb": "lower", "ci.ub": "upper", "zval": "zval", "pval": "pval"}
    given = {names[r]: case.column(c)[rows] for r, c in spec["roles"].items() if r in names}
    transform = transformation(spec["transform"]) if spec.get("transform") else None
    level = spec.get("level")
    share = case.column(level)[rows] / 100.0 if isinstance(level, str) else _percent(level)
    got = from_wald(**given, level=share, transform=transform)
    return {"yi": got.yi, "vi": got.vi}


@runs("conv_2x2")
def two_by_two(case: Case) -> dict[str, Any]:
    """Whole tables from an association and the margins."""
    rows, spec = table_rows(case), case.spec
    given = {role: case.column(name)[rows] for role, name in spec["roles"].items()}
    margins = (given["ni"], given["n1i"], given["n2i"])
    answers = []
    if "ori" in given:
        answers.append(table_from_odds_ratio(given["ori"], *margins))
    if "ri" in given:
        answers.append(table_from_phi(given["ri"], *margins))
    if "x2i" in given:
        yates = spec.get("correct", True)
        answers.append(table_from_chi_square(given["x2i"], *margins, yates=yates))
    cells = {name: getattr(answers[0], name) for name in ("ai", "bi", "ci", "di")}
    for other in answers[1:]:
        cells = {n: np.where(np.isnan(x), getattr(other, n), x) for n, x in cells.items()}
    return cells


@runs("conv_delta")
def delta(case: Case) -> dict[str, Any]:
    """Estimates on another scale."""
    got = effects_from_spec(case)
    yt, vt = by_delta_method(got.yi, got.vi, transformation(case.spec["transform"]))
    return {"yi": yt, "vi": vt}


@runs("aggregate")
def aggregated(case: Case) -> dict[str, Any]:
    """One estimate a cluster."""
    rows, spec = table_rows(case), case.spec
    got = effects_from_spec(case)
    cluster = _labels(case, spec["cluster"], rows)
    V = covariance_of(
        got.vi,
        cluster,
        spec.get("struct", "CS"),
        rho=spec.get("rho", 0.0),
        phi=spec.get("phi", 1.0),
        time=case.column(spec["time"])[rows] if spec.get("time") else None,
        obs=_labels(case, spec["obs"], rows) if spec.get("obs") else None,
    )
    answer = aggregate(got.yi, V, weighted=spec.get("weighted", True))
    return {
        "cluster": list(answer.cluster), "ki": answer.ki, "yi": answer.yi, "vi": answer.vi,
    }  # fmt: skip


def _labels(case: Case, name: str, rows: np.ndarray) -> list[object]:
    """Labels of a column: numbers where all are, words else."""
    numbers = case.column(name)[rows]
    if not np.isnan(numbers).any():
        return [float(x) for x in numbers]
    return [case.words(name)[int(i)] for i in rows]
