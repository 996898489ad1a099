"""Models of counts and of dependent effects, asked through the public API."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.models import FitResult
from metadesk.models.meta.glmm import CountData, CountMixed, fit_counts

LME4_RELATIVE = ("UM.FS", "CM.AL", "PLO", "IRLN")


@runs("glmm")
def count_model(case: Case) -> dict[str, Any]:
    spec = case.spec
    data = counts(case)
    wanted = CountMixed(
        model=spec.get("model", "UM.FS"),
        method={"FE": "EE", "CE": "EE"}.get(spec["method"], spec["method"]),
        test=spec.get("test", "z"),
        level=spec.get("level", 95) / 100,
        n_quadrature=spec.get("n_quadrature"),
    )
    fit = fit_counts(wanted, data)
    answer = {**table(fit), **spread(fit), "k": fit.k}
    answer.update(likelihood(fit, spec, data))
    if data.intercept_only:
        answer["predict"] = predicted(fit)
    else:
        answer["QM"], answer["QMp"] = fit.omnibus[0].statistic, fit.omnibus[0].p
    return answer


def counts(case: Case) -> CountData:
    """The counts of the rows that are complete, as the reference leaves the others out."""
    measure, role = case.spec["measure"], case.spec["roles"]
    column = {name: case.column(source) for name, source in role.items()}
    if measure == "OR":
        first, second = column["ai"], column["ci"]
        n1 = column["n1i"] if "n1i" in column else first + column["bi"]
        n2 = column["n2i"] if "n2i" in column else second + column["di"]
        events, totals = [first, second], [n1, n2]
    elif measure == "IRR":
        events, totals = [column["x1i"], column["x2i"]], [column["t1i"], column["t2i"]]
    elif measure == "PLO":
        n = column["ni"] if "ni" in column else column["xi"] + column["mi"]
        events, totals = [column["xi"]], [n]
    else:
        events, totals = [column["xi"]], [column["ti"]]
    X, names = design(case)
    keep = np.isfinite(np.vstack([*events, *totals, X.T])).all(axis=0)
    if "rows" in case.spec:
        chosen = np.zeros(keep.size, bool)
        chosen[np.asarray(case.spec["rows"], int) - 1] = True
        keep &= chosen
    return CountData.of(
        measure,
        [e[keep] for e in events],
        [t[keep] for t in totals],
        X=X[keep],
        names=names,
    )


def design(case: Case) -> tuple[np.ndarray, tuple[str, ...]]:
    """The model matrix of the README's vocabulary, with R's names."""
    asked = case.spec.get("moderators") or {"intercept": True, "terms": []}
    n = len(next(iter(case.table.values())))
    columns: list[np.ndarray] = []
    names: list[str] = []
    if asked["intercept"]:
        columns, names = [np.ones(n)], ["intrcpt"]
    full = not asked["intercept"]
    coded: dict[str, list[tuple[str, np.ndarray]]] = {}
    for term in asked["terms"]:
        kind = term["type"]
        if kind == "factor":
            made = indicators(case, term, full)
            full = False
            coded[term["column"]] = made
        elif kind == "interaction":
            made = product(case, term["of"], coded)
        elif kind == "power":
            degree = term.get("power", term.get("degree", 2))
            made = [(f"I({term['column']}^{degree})", case.column(term["column"]) ** degree)]
        else:
            made = [(term["column"], case.column(term["column"]))]
            coded[term["column"]] = made
        names += [name for name, _ in made]
        columns += [value for _, value in made]
    return np.column_stack(columns), tuple(names)


def indicators(case: Case, term: dict[str, Any], full: bool) -> list[tuple[str, np.ndarray]]:
    words = [same(word) for word in case.words(term["column"])]
    levels = [same(level) for level in term["levels"]]
    missing = np.array([word is None for word in words])
    made = []
    for level in levels if full else levels[1:]:
        column = np.array([1.0 if word == level else 0.0 for word in words])
        made.append((f"{term['column']}{level}", np.where(missing, math.nan, column)))
    return made


def same(word: Any) -> str | None:
    """Levels are written as numbers in some specs and as text in the table."""
    if word is None:
        return None
    try:
        return f"{float(word):g}"
    except ValueError:
        return str(word)


def product(case: Case, of: list[str], coded: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
    made = [("", np.ones(1))]
    for name in of:
        parts = coded.get(name) or [(name, case.column(name))]
        made = [
            (f"{left}:{right}" if left else right, a * b) for right, b in parts for left, a in made
        ]
    return made


def table(fit: FitResult) -> dict[str, Any]:
    c = fit.coefficients
    found = {
        "coef_names": list(c.names), "b": c.b, "se": c.se, "stat": c.stat, "pval": c.pval,
        "ci_lb": c.ci_lb, "ci_ub": c.ci_ub,
    }  # fmt: skip
    if np.isfinite(c.df).all():
        found["stat_df"] = float(c.df[0]) if c.df.size == 1 else c.df
    return found


def spread(fit: FitResult) -> dict[str, Any]:
    h = fit.heterogeneity
    found = {
        "tau2": h.tau2, "I2": h.I2, "H2": h.H2, "QE_df": h.QE_df,
        "QE_LRT": fit.extra["QE_LRT"].value, "QE_LRT_p": fit.extra["QE_LRT"].p,
        "QE_Wald": fit.extra["QE_Wald"].value, "QE_Wald_p": fit.extra["QE_Wald"].p,
    }  # fmt: skip
    for part in fit.components:
        if part.name == "sigma2":
            found["sigma2"] = part.estimate
    return found


def likelihood(fit: FitResult, spec: dict[str, Any], data: CountData) -> dict[str, float]:
    """The reference's log-likelihood, from quantities of the result.

    metafor takes lme4's deviance given the estimated random effects for the log-likelihood of
    UM.FS, CM.AL, PLO and IRLN; for UM.RS with equal effects it leaves out the constant.
    """
    s = fit.statistics
    ll = s.logLik
    saturated = fit.extra["logLik_saturated"].value
    model = spec.get("model", spec["measure"])
    by_lme4 = model in LME4_RELATIVE or (model == "CM.EL" and spec["measure"] == "IRR")
    if spec["method"] == "ML" and by_lme4:
        ll = saturated - 0.5 * fit.extra["deviance_conditional"].value
    deviance = -2.0 * (ll - saturated)
    if spec["method"] != "ML" and model == "UM.RS":
        ll -= fit.extra["logLik_arms"].value
    shift = 2.0 * (s.logLik - ll)
    return {
        "logLik": ll, "deviance": deviance,
        "AIC": s.AIC + shift, "BIC": s.BIC + shift, "AICc": s.AICc + shift,
    }  # fmt: skip


def predicted(fit: FitResult) -> dict[str, float]:
    pooled = fit.pooled
    found = {
        "pred": pooled.value, "se": pooled.se,
        "ci_lb": pooled.interval.lower, "ci_ub": pooled.interval.upper,
    }  # fmt: skip
    if fit.prediction is not None:
        found |= {"pi_lb": fit.prediction.lower, "pi_ub": fit.prediction.upper}
    return found
