"""Models of counts and of dependent effects, asked through the public API."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.effects.dependence import (
    BlockCovariance,
    constructed_covariance,
    covariance_from_rows,
)
from metadesk.models import FitResult
from metadesk.models.meta.glmm import CountData, CountMixed, fit_counts
from metadesk.models.meta.multilevel import (
    DependentData,
    Factor,
    Multilevel,
    estimate_multilevel,
    predict_multilevel,
    profile_intervals,
    report_multilevel,
    robust_errors,
)
from metadesk.models.meta.wald import joint_test
from translate.effects import effects_with_options, inputs
from translate.meta_uni import derived

LME4_RELATIVE = ("UM.FS", "CM.AL", "PLO", "IRLN")


@runs("glmm")
def count_model(case: Case) -> dict[str, Any]:
    spec = case.spec
    data = counts(case)
    two = spec.get("model") == "UM.RS" and spec["method"] == "ML"
    exact_odds = spec.get("model") == "CM.EL" and spec["measure"] == "OR"
    wanted = CountMixed(
        model=spec.get("model", "UM.FS"),
        method={"FE": "EE", "CE": "EE"}.get(spec["method"], spec["method"]),
        test=spec.get("test", "z"),
        level=(spec.get("level") or 95) / 100,
        # With two random effects the reference's program knows Laplace's approximation only.
        n_quadrature=1 if two else spec.get("n_quadrature"),
        # lme4 starts from a standard deviation of 1; the exact likelihood of odds ratios is
        # maximised by metafor itself.
        maximum="highest" if exact_odds else "spread",
    )
    fit = fit_counts(wanted, data)
    answer = {**table(fit), **spread(fit), "k": fit.k}
    answer.update(likelihood(fit, spec, data))
    if data.intercept_only:
        answer["predict"] = predicted(fit)
    else:
        answer["QM"], answer["QMp"] = fit.omnibus[0].statistic, fit.omnibus[0].p
    if any("saturated model" in said for said in case.raw.get("r_warnings", [])):
        for name in ("QE_LRT", "QE_LRT_p", "QE_df", "QE_Wald", "QE_Wald_p", "deviance"):
            if case.expect.get(name, 0) is None:  # the reference could not fit that model
                answer[name] = None
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
    if case.spec.get("rows"):
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
    for term in asked["terms"]:
        kind = term["type"]
        if kind == "factor":
            made = indicators(case, term, full)
            full = False
        elif kind == "interaction":
            made = product(case, term["of"], asked["terms"])
        elif kind == "power":
            degree = term.get("power", term.get("degree", 2))
            made = [(f"I({term['column']}^{degree})", derived(case, term["column"]) ** degree)]
        else:
            made = [(term["column"], derived(case, term["column"]))]
        names += [name for name, _ in made]
        columns += [value for _, value in made]
    return np.column_stack(columns), tuple(names)


def indicators(case: Case, term: dict[str, Any], full: bool) -> list[tuple[str, np.ndarray]]:
    words = [same(word) for word in case.words(term["column"])]
    levels = [same(level) for level in term["levels"]]
    missing = np.array([word not in levels for word in words])
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


def product(case: Case, of: list[str], terms: list[dict[str, Any]]) -> list[tuple[str, np.ndarray]]:
    """The product of codings: contrasts of a factor where the rest of the term stands alone."""
    factors = {term["column"]: term for term in terms if term["type"] == "factor"}
    alone = [set(term.get("of", [term.get("column")])) for term in terms]
    made = [("", np.ones(1))]
    for name in of:
        parts = [(name, derived(case, name))] if name not in factors else []
        if not parts:
            parts = indicators(case, factors[name], set(of) - {name} not in alone)
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


@runs("mv")
def multilevel_model(case: Case) -> dict[str, Any]:
    spec = case.spec
    data = dependent(case)
    wanted = Multilevel(
        random="; ".join(random_words(term) for term in spec["random"]),
        correlations="marginal",
        method=spec["method"],
        # Degrees of freedom by containment are those of a t-test, whatever the spec calls it.
        test="t" if spec.get("dfs") == "contain" else spec.get("test", "z"),
        df=spec.get("dfs", "residual"),
        profile=False,
        level=(spec.get("level") or 95) / 100,
    )
    found = estimate_multilevel(wanted, data)
    fit = report_multilevel(wanted, found)
    answer = {**table(fit), **components(case, fit, found), **wald_tests(fit, spec)}
    s, h = fit.statistics, fit.heterogeneity
    answer |= {
        "k": fit.k, "p": len(fit.coefficients.names), "vb": fit.coefficients.vb,
        "QE": h.QE, "QE_df": h.QE_df, "QEp": h.QEp, "logLik": s.logLik,
        "deviance": s.deviance, "AIC": s.AIC, "BIC": s.BIC, "AICc": s.AICc,
    }  # fmt: skip
    if data.intercept_only:
        answer["predict"] = first(predict_multilevel(fit, found, np.ones((1, 1)), wanted.level))
    newmods = spec.get("newmods", left_out(case))
    if newmods is not None:
        X = np.asarray(newmods, float)
        if data.names[0] == "intrcpt":
            X = np.column_stack([np.ones(len(X)), X])
        unknown = dict.fromkeys(("pi_lb", "pi_ub"), np.full(len(X), np.nan))
        answer["predict_newmods"] = unknown | predict_multilevel(fit, found, X, wanted.level)
    if "profile_ci" in case.expect:
        answer["profile_ci"] = profiles(found, wanted.level)
    if "V_sum" in case.expect:
        answer |= covariance_summary(data)
    for asked in spec.get("robust", []):
        answer[f"robust_{asked['type']}"] = robust_answer(wanted, found, asked)
    return answer


def left_out(case: Case) -> list[list[float]] | None:
    """Values of a single moderator that a spec leaves out, as its predictions tell them."""
    if "predict_newmods" not in case.expect or len(case.expect["b"]) != 2:
        return None
    start, slope = case.expect["b"]
    return [[float(f"{(p - start) / slope:.6g}")] for p in case.expect["predict_newmods"]["pred"]]


def random_words(term: dict[str, Any]) -> str:
    if term["type"] == "intercept":
        return "1 | " + "/".join(term["nested"])
    return f"{term['inner']} | {term['outer']}, {term.get('struct', 'CS')}"


def dependent(case: Case) -> DependentData:
    """Effects, covariance, moderators and groupings of the complete rows."""
    spec = case.spec
    if spec.get("es"):
        es = spec["es"]
        everything = np.arange(len(next(iter(case.table.values()))))
        made = effects_with_options(es, inputs(case, es, everything))
        yi, own = made.yi, made.vi
    else:
        yi, own = case.column(spec["yi"]), None
    X, names = design(case)
    V = spec["V"]
    vi = sampling_variances(case, own)
    keep = np.isfinite(np.vstack([yi, vi, X.T])).all(axis=0)
    if spec.get("rows"):
        chosen = np.zeros(keep.size, bool)
        chosen[np.asarray(spec["rows"], int) - 1] = True
        keep &= chosen
    rows = np.flatnonzero(keep)
    blocks = vi[rows] if V["type"] == "diagonal" else sampling_blocks(case, rows, vi)
    return DependentData.of(yi[rows], blocks, X=X[rows], names=names, factors=groupings(case, rows))


def groupings(case: Case, rows: np.ndarray) -> dict[str, Factor]:
    """Grouping columns of the random effects and clusters; levels in the spec's order."""
    spec = case.spec
    wanted: set[str] = {asked["cluster"] for asked in spec.get("robust", [])}
    for term in spec["random"]:
        wanted |= set(term.get("nested", ())) | {term[x] for x in ("inner", "outer") if x in term}
    given: dict[str, list[str]] = {}
    words = {name: [same(case.words(name)[i]) for i in rows] for name in wanted}
    for term in (spec.get("moderators") or {}).get("terms", []):
        if term["type"] == "factor" and (name := term["column"]) in wanted:
            given[name] = [lv for lv in map(same, term["levels"]) if lv in words[name]]
    return {name: Factor.of(name, words[name], given.get(name)) for name in wanted}


def sampling_variances(case: Case, own: np.ndarray | None) -> np.ndarray:
    V = case.spec["V"]
    if V["type"] == "rows":
        columns = np.column_stack([case.column(name) for name in V["columns"]])
        labels, seen = case.words(V["cluster"]), {}
        position = [seen.setdefault(label, []).append(i) or len(seen[label]) - 1
                    for i, label in enumerate(labels)]  # fmt: skip
        return columns[np.arange(len(position)), position]
    name = V.get("vi") or V.get("args", {}).get("vi")
    return own if own is not None and name == "vi" else case.column(name)


def sampling_blocks(case: Case, rows: np.ndarray, vi: np.ndarray) -> BlockCovariance:
    V = case.spec["V"]
    if V["type"] == "rows":
        columns = [case.column(name)[rows] for name in V["columns"]]
        return covariance_from_rows([case.words(V["cluster"])[i] for i in rows], columns)
    given: dict[str, Any] = {}
    for name, value in V["args"].items():
        if name in ("obs", "type", "subgroup", "grp1", "grp2"):
            key = "type_" if name == "type" else name
            words = case.table.get(value, [value] * (rows.max() + 1))
            given[key] = [same(words[i]) for i in rows]
        elif name in ("time1", "time2", "w1", "w2"):
            given[name] = case.column(value)[rows]
        elif name in ("rho", "phi"):
            given[name] = tuple(value) if isinstance(value, list) else float(value)
    if "grp1" in given and "grp2" not in given:  # one comparison group for all
        given["grp2"] = ["\0"] * len(rows)
    labels = [case.words(V["args"]["cluster"])[i] for i in rows]
    return constructed_covariance(vi[rows], labels, **given)


def covariance_summary(data: DependentData) -> dict[str, Any]:
    V = np.diag(data.vi)
    for rows, block in data.blocks:
        V[np.ix_(rows, rows)] = block
    return {
        "V_first_rows": V[:6, :6],
        "V_sum": V.sum(),
        "V_logdet": np.linalg.slogdet(V)[1],
    }


def components(case: Case, fit: FitResult, found: Any) -> dict[str, Any]:
    """Variances and correlations, the latter 0 for levels that never meet.

    Levels that only left-out rows have count in the reference, with nothing but zeros.
    """
    parts = {letter: [c for c in fit.components if c.name.startswith(letter)]
             for letter in ("sigma", "tau", "rho")}  # fmt: skip
    answer: dict[str, Any] = {}
    if parts["sigma"]:
        answer["sigma2"] = [c.estimate for c in parts["sigma"]]
        answer["sigma2_nlevels"] = [c.n_levels for c in parts["sigma"]]
    if not parts["tau"]:
        return answer
    term = next(t for t in case.spec["random"] if t["type"] == "inner_outer")
    covariance = found.machine.covariance
    used = list(covariance.matrices[0].levels)
    levels = [same(x) for x in factor_levels(case, term["inner"])]
    at = [levels.index(level) for level in used]
    n = len(levels)
    tau2 = np.zeros(n)
    many = len(parts["tau"]) == len(used) and len(used) > 1
    if many:
        tau2[at] = [c.estimate for c in parts["tau"]]
    G = np.zeros((n, n))
    G[np.ix_(at, at)] = covariance.matrix(0, found.phi)
    answer["tau2"] = tau2 if many else [c.estimate for c in parts["tau"]]
    answer["tau2_levels"], answer["G"] = levels, G
    struct = term.get("struct", "CS")
    if struct == "UN":
        below = [(a, b) for b in range(n) for a in range(b + 1, n)]
        known = {c.name: c.estimate for c in parts["rho"]}
        own = [(a, b) for b in range(len(used)) for a in range(b + 1, len(used))]
        rho = dict.fromkeys(below, 0.0)
        for number, (a, b) in enumerate(own):
            name = "rho" if len(own) == 1 else f"rho.{number + 1}"
            rho[max(at[a], at[b]), min(at[a], at[b])] = known.get(name, 0.0)
        answer["rho"] = [rho[pair] for pair in below]
    elif struct not in ("ID", "DIAG"):
        answer["rho"] = [c.estimate for c in parts["rho"]] or [0.0]
    return answer


def factor_levels(case: Case, name: str) -> list[str]:
    """A column's levels over the whole table: as a moderator lists them, else sorted."""
    terms = (case.spec.get("moderators") or {}).get("terms", [])
    listed = [t["levels"] for t in terms if t["type"] == "factor" and t["column"] == name]
    if listed:
        return [str(same(level)) for level in listed[0]]
    rows = case.spec.get("rows") or range(1, len(case.words(name)) + 1)
    words = [same(case.words(name)[i - 1]) for i in rows]
    return list(Factor.of(name, [w for w in words if w is not None]).levels)


def wald_tests(fit: FitResult, spec: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if fit.omnibus:
        answer |= joint(fit.omnibus[0])
    if "wald_btt" in spec:
        test = joint_test(fit.coefficients, [i - 1 for i in spec["wald_btt"]], "Wald")
        answer["wald"] = {"QM": test.statistic, "QMp": test.p}
    return answer


def joint(test: Any) -> dict[str, Any]:
    df = [test.df1] if test.kind == "chi2" else [test.df1, test.df2]
    return {"QM": test.statistic, "QM_df": df, "QMp": test.p}


def profiles(found: Any, level: float) -> list[dict[str, Any]]:
    covariance = found.machine.covariance
    names = (*covariance.tau_names, *covariance.rho_names)
    values = [*found.variances, *found.correlations]
    return [
        {"component": name, "estimate": value, "ci_lb": interval.lower, "ci_ub": interval.upper}
        for name, value, interval in zip(
            names, values, profile_intervals(found, level), strict=True
        )
    ]


def robust_answer(wanted: Multilevel, found: Any, asked: dict[str, Any]) -> dict[str, Any]:
    result = robust_errors(wanted, found, asked["type"], asked["cluster"])
    c = result.coefficients
    df = c.df[:1] if asked["type"].startswith("sandwich") else c.df
    answer = {
        "n_clusters": result.n_clusters, "b": c.b, "se": c.se, "stat": c.stat, "df": df,
        "pval": c.pval, "ci_lb": c.ci_lb, "ci_ub": c.ci_ub, "vb": c.vb,
    }  # fmt: skip
    if result.omnibus is None:
        return answer
    answer |= joint(result.omnibus)
    if result.omnibus.df2 <= 0.0:  # its package shrinks the statistic to 0 where there is no test
        answer["QM"] = 0.0
    return answer


def first(prediction: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values[0]) for name, values in prediction.items()}
