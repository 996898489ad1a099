"""Cases of study-level models in our public API."""

from __future__ import annotations

import ast
import inspect
import operator
import re
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.effects.transforms import harmonic_mean, transformation
from metadesk.models import FitResult, Omnibus
from metadesk.models.meta.blups import study_effects as true_effects
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.design import Continuous, Factor, Interaction, build_design
from metadesk.models.meta.fixed_effect import FixedEffect, fit_fixed
from metadesk.models.meta.henmi_copas import HenmiCopas, fit_henmi_copas
from metadesk.models.meta.likelihood_ratio import ratio_test
from metadesk.models.meta.location_scale import LocationScale, ScaleData, fit_location_scale
from metadesk.models.meta.mantel_haenszel import (
    MantelHaenszel,
    fit_mantel_haenszel,
    study_effects,
)
from metadesk.models.meta.mixed_effects import MixedEffects, fit_mixed
from metadesk.models.meta.moderator_tests import (
    variance_inflation,
    wald_of_coefficients,
    wald_of_combinations,
)
from metadesk.models.meta.permutation import Permutation, permutation_test
from metadesk.models.meta.peto import Peto, fit_peto, peto_effects
from metadesk.models.meta.prediction import prediction_interval
from metadesk.models.meta.predictions import linear_combinations, predict
from metadesk.models.meta.random_effects import RandomEffects, fit_random
from metadesk.models.meta.subgroups import Subgroup, SubgroupAnalysis, analyse_subgroups
from metadesk.models.meta.two_arms import TwoArms
from translate.effects import effects_with_options, inputs

FIXED = ("EE", "FE", "CE")
TEST = {"z": "z", "t": "t", "knha": "hksj", "adhoc": "hksj-guarded"}


def rows_of(case: Case) -> np.ndarray:
    """Zero-based rows of the table that a case uses."""
    k = len(next(iter(case.table.values())))
    return np.array(case.spec.get("rows") or range(1, k + 1)) - 1


def level_of(spec: dict[str, Any]) -> float:
    """The confidence level; specs give it in percent, some not at all."""
    return (spec.get("level") or 95) / 100.0


def effects_of(case: Case, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Effects, variances and sizes over the rows; NaN where a row has none."""
    spec = case.spec
    es = spec.get("es")
    if not es:
        vi = case.column(spec["vi"]) if spec.get("vi") else case.column(spec["sei"]) ** 2
        return case.column(spec["yi"])[rows], vi[rows], None
    found = effects_with_options(es, inputs(case, es, rows))
    return found.yi, found.vi, found.ni


_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}

_FUNCTIONS = {"sqrt": np.sqrt, "log": np.log, "exp": np.exp, "abs": np.abs}


def expression(text: str, values: dict[str, Any]) -> Any:
    """Arithmetic with column names, as in ``1/(vi + 0.1)``."""

    plain = {name.replace(".", "_"): column for name, column in values.items()}
    for name in sorted((n for n in values if "." in n), key=len, reverse=True):
        text = text.replace(name, name.replace(".", "_"))

    def walk(node: ast.AST) -> Any:
        match node:
            case ast.BinOp(left, op, right):
                return _OPERATIONS[type(op)](walk(left), walk(right))
            case ast.UnaryOp(ast.USub(), operand):
                return -walk(operand)
            case ast.Name(name):
                return plain[name]
            case ast.Constant(value):
                return value
            case ast.Call(ast.Name(name), [arg]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](walk(arg))
        raise ValueError(f"cannot read {text!r}")

    return walk(ast.parse(text.replace("^", "**"), mode="eval").body)


def data_of(case: Case) -> tuple[MetaData, np.ndarray]:
    """The studies that a case pools, and their rows in the table."""
    rows = rows_of(case)
    yi, vi, ni = effects_of(case, rows)
    good = np.isfinite(yi) & np.isfinite(vi)
    weights = None
    if "weights_column" in case.spec:
        names = {name: case.column(name)[rows] for name in case.table}
        names |= {"yi": yi, "vi": vi, "sei": np.sqrt(vi)}
        weights = np.asarray(expression(case.spec["weights_column"], names), float)
        good &= np.isfinite(weights)
        weights = weights[good]
    rows, ni = rows[good], None if ni is None else ni[good]
    sure = good & (vi == 0.0)  # we refuse a variance of 0; the reference takes it where it can
    vi = np.where(sure, 1e-20 * np.median(vi[good]), vi)
    slab = [f"row {i + 1}" for i in rows]
    return MetaData.of(yi[good], vi[good], slab=slab, ni=ni, weights=weights), rows


def model_of(spec: dict[str, Any], **more: Any) -> FixedEffect | RandomEffects:
    """The model that a spec asks for."""
    common = {"test": TEST[spec.get("test", "z")], "level": level_of(spec)}
    if "weights_column" in spec:
        common |= {"weighting": "user", "q_weights": "user"}
    elif spec.get("weighted") is False:
        common["weighting"] = "equal"
    if spec["method"] in FIXED:
        common.pop("q_weights", None)
        return FixedEffect(**common)
    return RandomEffects(
        tau2=spec["method"],
        tau2_value=spec.get("tau2_fixed"),
        prediction="test",
        **{**common, **more},
    )


def fit_of(model: FixedEffect | RandomEffects, data: MetaData) -> FitResult:
    return fit_fixed(model, data) if isinstance(model, FixedEffect) else fit_random(model, data)


def coefficients(fit: FitResult) -> dict[str, Any]:
    c = fit.coefficients
    if (c.se == 0.0).any():  # equal effects: the reference's test is infinite, ours not defined
        sure = c.se == 0.0
        c = replace(
            c,
            stat=np.where(sure, np.copysign(np.inf, c.b), c.stat),
            pval=np.where(sure, 0.0, c.pval),
        )
    return {
        "coef_names": [f"I({n})" if "^" in n else n for n in c.names],
        "b": c.b, "se": c.se, "stat": c.stat, "pval": c.pval,
        "ci_lb": c.ci_lb, "ci_ub": c.ci_ub, "stat_df": c.df[0], "k": fit.k, "p": len(c.names),
    }  # fmt: skip


def statistics(fit: FitResult) -> dict[str, Any]:
    h = fit.heterogeneity
    spread = {
        name: getattr(h, name) for name in ("tau2", "se_tau2", "I2", "H2", "QE", "QE_df", "QEp")
    }
    found = {**spread, **asdict(fit.statistics)}
    if h.QE > 1e15 * h.QE_df:  # variances of 0: the reference gives no Q and no saturated model
        found |= dict.fromkeys(("I2", "H2", "QE", "QEp"))
        found["deviance"] = -2.0 * fit.statistics.logLik
    return found


def tau2_limits(fit: FitResult) -> dict[str, float]:
    h = fit.heterogeneity
    return {
        "tau2_ci_lb": h.tau2_interval.lower, "tau2_ci_ub": h.tau2_interval.upper,
        "tau_ci_lb": h.tau2_interval.lower**0.5, "tau_ci_ub": h.tau2_interval.upper**0.5,
        "I2_ci_lb": h.I2_interval.lower, "I2_ci_ub": h.I2_interval.upper,
        "H2_ci_lb": h.H2_interval.lower, "H2_ci_ub": h.H2_interval.upper,
    }  # fmt: skip


def predicted(fit: FitResult, method: str) -> dict[str, float]:
    """The prediction interval; a model with tau² held at 0 has none."""
    if not fit.components:
        return {}
    c = fit.coefficients
    found = prediction_interval(
        float(c.b[0]), float(c.se[0]), fit.heterogeneity.tau2, method, c.level, fit.k, 1,
        float(c.df[0]), fit.components[0].fixed,
    )  # fmt: skip
    return {"pi_lb": found.lower, "pi_ub": found.upper} if found else {}


@runs("uni")
def pooled(case: Case) -> dict[str, Any]:
    data, _ = data_of(case)
    model = model_of(case.spec)
    fit = fit_of(model, data)
    found = {**coefficients(fit), **statistics(fit), "weights": fit.weights}
    c = fit.coefficients
    found["predict"] = {"pred": c.b[0], "se": c.se[0], "ci_lb": c.ci_lb[0], "ci_ub": c.ci_ub[0]}
    if isinstance(model, RandomEffects):
        found["predict"] |= predicted(fit, "test")
        found["predict_riley"] = predicted(fit, "riley")
        # One study has no degree of freedom; the reference takes one for both.
        found["predict_t"] = predicted(fit, "t(k-1)" if fit.k > 1 else "riley")
        found["predict_simple"] = predicted(fit, "simple")
        if "confint_qp" in case.expect:
            found["confint_qp"] = tau2_limits(fit)
        if "confint_pl" in case.expect:
            pl = model_of(case.spec, tau2_interval="PL")
            found["confint_pl"] = tau2_limits(fit_of(pl, data))
    return found


# --------------------------------------------------------------------------- moderators


def terms_of(case: Case, terms: list[dict[str, Any]], rows: np.ndarray) -> tuple[Any, ...]:
    """The terms of a case in our words."""
    made: list[Any] = []
    single: dict[str, Any] = {}
    for term in terms:
        match term["type"]:
            case "continuous":
                one = Continuous(term["column"])
            case "power":
                one = Continuous(term["column"], int(term["degree"]))
            case "factor":
                one = factor_of(case, term, rows)
            case "interaction":
                one = Interaction(tuple(single.get(p) or Continuous(p) for p in term["of"]))
        single.setdefault(term.get("column", ""), one)
        made.append(one)
    return tuple(made)


def factor_of(case: Case, term: dict[str, Any], rows: np.ndarray) -> Factor:
    """Where no study has the first level, R's columns amount to the last level as reference."""
    words, levels = derived_words(case, term["column"]), [same(lv) for lv in term["levels"]]
    found = [lv for lv in levels if lv in {words[i] for i in rows}]
    last = None if levels[0] in found else found[-1]
    return Factor(term["column"], tuple(levels), reference=last)


def same(word: Any) -> str | None:
    """A level as text: some specs write numbers where the table has text, and the other way."""
    if word is None:
        return None
    try:
        return f"{float(word):g}"
    except ValueError:
        return str(word)


def moderated(case: Case, moderators: dict[str, Any]) -> tuple[MetaData, np.ndarray]:
    """The studies with complete moderators, and the design made from them."""
    plain, rows = data_of(case)
    terms = terms_of(case, moderators["terms"], rows)
    columns = dict.fromkeys(c for t in terms for c in t.columns)
    factors = {t.column: t.levels for term in terms for t in _factors(term)}
    cells = {
        name: (derived_words(case, name) if name in factors else derived(case, name))[rows]
        for name in columns
    }
    good = np.ones(rows.size, dtype=bool)
    for name, values in cells.items():
        known = np.array([v in factors[name] for v in values]) if name in factors else None
        good &= ~np.isnan(values) if known is None else known
    design = build_design(
        {name: values[good] for name, values in cells.items()},
        terms,
        intercept=moderators.get("intercept", True),
        k=int(good.sum()),
    )
    part = plain.take(good)
    data = MetaData.of(
        part.yi, part.vi, slab=part.slab, ni=part.ni, weights=part.weights, design=design
    )
    return data, rows[good]


def _factors(term: Continuous | Factor | Interaction) -> list[Factor]:
    if isinstance(term, Interaction):
        return [f for part in term.parts for f in _factors(part)]
    return [term] if isinstance(term, Factor) else []


def derived(case: Case, name: str) -> np.ndarray:
    """A column, or one that the case's call makes from the table (``dat$x <- 2*dat$y + 3``)."""
    if name in case.table:
        return case.column(name)
    made = re.search(rf"dat\${re.escape(name)} <- ([^;]+);", case.raw["call"])
    if made is None:
        raise ValueError(f"no column {name}, and the call does not make it")
    k = len(next(iter(case.table.values())))
    text = made.group(1).strip()
    alike = re.fullmatch(r'(?:as\.numeric|as\.integer)\(dat\$([\w.]+) == "?([^"]*)"?\)', text)
    if alike:
        column, level = alike.groups()
        return np.array([float(same(w) == same(level)) for w in case.words(column)])
    values = {column: case.column(column) for column in case.table}
    return np.broadcast_to(np.asarray(expression(text.replace("dat$", ""), values), float), (k,))


def derived_words(case: Case, name: str) -> np.ndarray:
    """A column as levels; a missing word is ``None``."""
    return np.array([same(w) for w in case.words(name)], dtype=object)


def mixed_of(spec: dict[str, Any], **more: Any) -> MixedEffects:
    method = spec["method"]
    return MixedEffects(
        tau2="none" if method in FIXED else method,
        test=TEST[spec.get("test", "z")],
        level=level_of(spec),
        tau2_value=spec.get("tau2_fixed"),
        prediction="test",
        centred=True,
        **more,
    )


def omnibus(fit: FitResult) -> dict[str, Any]:
    """The test of the moderators; of the mean, where all of them are redundant."""
    return wald_entries(fit.omnibus[0] if fit.omnibus else wald_of_coefficients(fit, [0]))


@runs("reg")
def regressed(case: Case) -> dict[str, Any]:
    spec = case.spec
    data, _ = moderated(case, spec["moderators"])
    model = mixed_of(spec)
    fit = fit_mixed(model, data)
    found = {**coefficients(fit), **statistics(fit), **omnibus(fit)}
    found["R2"] = explained(fit)
    found["vb"] = fit.coefficients.vb
    if "confint_qp" in case.expect:
        found["confint_qp"] = tau2_limits(fit)
    kept = [i for i, name in enumerate(data.design.names) if name not in fit.status.aliased]
    found["fitted"] = prediction_rows(fit, data.X[:, kept])
    start = [1.0] if spec["moderators"].get("intercept", True) else []
    if "newmods" in spec:
        rows = np.array([[*start, *row] for row in spec["newmods"]])
        found["predict_newmods"] = prediction_rows(fit, rows)
    found["vif"] = variance_inflation(fit)
    found |= further_tests(case, model, data, fit)
    return found


def explained(fit: FitResult) -> float | None:
    """R²; the reference calls it 0 where there is no heterogeneity to explain."""
    h = fit.heterogeneity
    return 0.0 if np.isnan(h.R2) and h.tau2_total == 0.0 else h.R2


def with_rows(case: Case, rows: list[int]) -> Case:
    """The case on some of its table's rows."""
    return replace(case, spec={**case.spec, "rows": rows})


def further_tests(
    case: Case, model: MixedEffects, data: MetaData, fit: FitResult
) -> dict[str, Any]:
    """What the cases ask for by name: subsets, combinations, nested models, permutations."""
    spec, found = case.spec, dict[str, Any]()
    if "btt" in spec:
        found |= wald_entries(wald_of_coefficients(fit, [i - 1 for i in spec["btt"]]))
    if "wald_btt" in spec:
        found["wald"] = wald_entries(wald_of_coefficients(fit, [i - 1 for i in spec["wald_btt"]]))
    if "lincom" in spec:
        rows = np.array(spec["lincom"], dtype=float)
        c, joint = linear_combinations(fit, rows), wald_of_combinations(fit, rows)
        found["lincom"] = {"estimate": c.b, "se": c.se, "stat": c.stat, "pval": c.pval}
        if np.linalg.matrix_rank(rows) == len(rows):  # the reference has no joint test otherwise
            found["lincom"] |= {"QM": joint.statistic, "QMp": joint.p}
        else:
            found["lincom"] |= {"QM": None, "QMp": None}
    if "anova_reduced" in spec:
        part, _ = moderated(case, spec["anova_reduced"])
        reduced = fit_mixed(model, part)
        found["lrt"] = ratio(fit, reduced) | explained_without_tau2(spec, fit, reduced)
    if "permutest" in case.expect:
        got = permutation_test(model, data, Permutation("exact"))
        found["permutest"] = {"pval": got.pval, "QMp": got.QMp}
    return found


def explained_without_tau2(
    spec: dict[str, Any], full: FitResult, reduced: FitResult
) -> dict[str, float]:
    """R² between two models without heterogeneity: by their mean weighted residual squares."""
    if spec["method"] not in FIXED:
        return {}
    f, r = (h.QE / h.QE_df for h in (full.heterogeneity, reduced.heterogeneity))
    return {"R2": 100.0 * max(0.0, 1.0 - f / r)}


def ratio(full: FitResult, reduced: FitResult) -> dict[str, Any]:
    """Restricted likelihoods across moderators too: the reference warns and goes on; we refuse."""
    test = ratio_test(full.statistics, reduced.statistics, "LRT")
    h, g = full.heterogeneity, reduced.heterogeneity
    return {
        "LRT": test.statistic, "df": test.df1, "pval": test.p, "tau2_full": h.tau2,
        "tau2_reduced": g.tau2, "QE_full": h.QE, "QE_reduced": g.QE,
        "R2": 100 * max(0.0, (g.tau2 - h.tau2) / g.tau2) if g.tau2 > 0 else np.nan,
    }  # fmt: skip


def wald_entries(test: Omnibus) -> dict[str, Any]:
    df = [test.df1] if test.kind == "chi2" else [test.df1, test.df2]
    return {"QM": test.statistic, "QM_df": df, "QMp": test.p}


def prediction_rows(fit: FitResult, X: np.ndarray) -> dict[str, Any]:
    got = predict(fit, X)
    names = ("pred", "se", "ci_lb", "ci_ub", "pi_lb", "pi_ub")
    return {name: getattr(got, name) for name in names}


@runs("collinear")
def collinear(case: Case) -> dict[str, Any]:
    data, _ = moderated(case, case.spec["moderators"])
    fit = fit_mixed(mixed_of(case.spec), data)
    return {
        **coefficients(fit), **statistics(fit), **omnibus(fit), "dropped": len(fit.status.aliased),
    }  # fmt: skip


@runs("perm")
def permuted(case: Case) -> dict[str, Any]:
    data, _ = data_of(case)
    spec = {"test": "z", **case.spec}
    fit = fit_of(model_of(spec), data)
    model = mixed_of(spec)
    got = permutation_test(model, data, Permutation("exact"))
    return {
        "b": fit.coefficients.b[0], "stat": fit.coefficients.stat[0],
        "pval_asymptotic": fit.coefficients.pval[0], "pval_permutation": got.pval[0],
        "n_permutations": got.n,
    }  # fmt: skip


# --------------------------------------------------------------------------- counts


def arms_of(case: Case) -> TwoArms:
    rows = rows_of(case)
    c = {role: case.column(name)[rows] for role, name in case.spec["roles"].items()}
    if "x1i" in c:
        columns = [c["x1i"], c["t1i"], c["x2i"], c["t2i"]]
    else:
        n1i = c["n1i"] if "n1i" in c else c["ai"] + c["bi"]
        n2i = c["n2i"] if "n2i" in c else c["ci"] + c["di"]
        columns = [c["ai"], n1i, c["ci"], n2i]
    good = np.isfinite(columns).all(axis=0) & (columns[1] > 0) & (columns[3] > 0)
    return TwoArms.of(case.spec["measure"], *(column[good] for column in columns))


def count_entries(fit: FitResult, effects: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    c = fit.coefficients
    own = np.isfinite(effects[0])
    found = {
        "b": c.b[0], "se": c.se[0], "zval": c.stat[0], "pval": c.pval[0],
        "ci_lb": c.ci_lb[0], "ci_ub": c.ci_ub[0], "weights": fit.weights,
        "k_yi": int(own.sum()), "yi": effects[0][own], "vi": effects[1][own],
        "exp": {"pred": np.exp(c.b[0]), "ci_lb": np.exp(c.ci_lb[0]), "ci_ub": np.exp(c.ci_ub[0])},
    }  # fmt: skip
    return {**statistics(fit), "k": fit.k, **found}


def two_constants(given: dict[str, Any]) -> tuple[list[float], list[str]]:
    """What is added and where: for the studies' own estimates, and for pooling.

    A single constant is for the own estimates; a single rule is for both.
    """
    add, to = given.get("add", [0.5, 0.0]), given.get("to", ["only0", "none"])
    add = add if isinstance(add, list) else [add, 0.0]
    to = to if isinstance(to, list) else [to, to]
    return add, ["only0", "only0"] if "add" in given and "to" not in given else to


@runs("mh")
def mantel_haenszel(case: Case) -> dict[str, Any]:
    data, given = arms_of(case), case.spec.get("options", {})
    add, to = two_constants(given)
    spec = MantelHaenszel(
        level=level_of(case.spec), add=add[0], add_pooled=add[1], to=to[0],
        to_pooled=to[1], drop00=given.get("drop00", True), correct=given.get("correct", True),
    )  # fmt: skip
    fit = fit_mantel_haenszel(spec, data)
    found = count_entries(fit, study_effects(spec, data))
    for name in ("CMH", "tarone", "breslow_day"):
        test = fit.extra.get(name) or (fit.extra.get("MH") if name == "CMH" else None)
        found[name] = test.value if test else None
        found[f"{name}p" if name == "CMH" else f"{name}_p"] = test.p if test else None
    return found


@runs("peto")
def peto(case: Case) -> dict[str, Any]:
    data, given = arms_of(case), case.spec.get("options", {})
    add, to = two_constants(given)
    spec = Peto(
        level=level_of(case.spec), add=add[0], add_pooled=add[1], to=to[0], to_pooled=to[1],
        drop00=given.get("drop00", True),
    )  # fmt: skip
    return count_entries(fit_peto(spec, data), peto_effects(spec, data))


# --------------------------------------------------------------------------- beside the mean


@runs("blup")
def blups(case: Case) -> dict[str, Any]:
    spec = case.spec
    if spec["method"] in FIXED:  # the reference takes these for models with tau² = 0
        spec = {**spec, "method": "DL", "tau2_fixed": 0.0}
    if "moderators" in spec:
        data, _ = moderated(case, spec["moderators"])
        return asdict(true_effects(fit_mixed(mixed_of(spec), data), data))
    data, _ = data_of(case)
    return asdict(true_effects(fit_of(model_of(spec), data), data))


@runs("subgroup")
def subgroups(case: Case) -> dict[str, Any]:
    spec = case.spec
    data, rows = data_of(case)
    words, levels = derived_words(case, spec["column"]), [same(lv) for lv in spec["levels"]]
    inside = np.array([words[i] in levels for i in rows])
    data, groups = data.take(inside), [str(words[i]) for i in rows[inside]]
    model = model_of(spec)
    apart = analyse_subgroups(model, data, groups, spec["column"], order=levels)
    alike = analyse_subgroups(model, data, groups, spec["column"], order=levels, common_tau2=True)
    written = dict(zip(levels, spec["levels"], strict=True))
    return {
        "separate": {
            "groups": [{**group_entries(g), "level": written[g.level]} for g in apart.groups],
            "Q_between": apart.difference.statistic,
            "Q_between_df": apart.difference.df1,
            "Q_between_p": apart.difference.p,
            "Q_within": apart.Q_within,
        },
        "common": common_entries(alike),
    }


def group_entries(group: Subgroup) -> dict[str, Any]:
    c, h, pi = group.fit.coefficients, group.fit.heterogeneity, group.prediction
    return {
        "level": group.level, "k": group.k, "b": c.b[0], "se": c.se[0], "pval": c.pval[0],
        "ci_lb": c.ci_lb[0], "ci_ub": c.ci_ub[0], "tau2": h.tau2, "I2": h.I2,
        "QE": h.QE, "QEp": h.QEp,
        "pi_lb": pi.lower if pi else None, "pi_ub": pi.upper if pi else None,
    }  # fmt: skip


def common_entries(analysis: SubgroupAnalysis) -> dict[str, Any]:
    fit = analysis.model
    h, c = fit.heterogeneity, fit.coefficients
    means = [g.estimate for g in analysis.groups]
    return {
        "tau2": h.tau2, "I2": h.I2, "R2": explained(fit), "QE": h.QE, "QEp": h.QEp,
        **omnibus(fit),
        "group_b": [q.value for q in means], "group_se": [q.se for q in means],
        "group_ci_lb": [q.interval.lower for q in means],
        "group_ci_ub": [q.interval.upper for q in means],
        "contrast_b": c.b[1:], "contrast_se": c.se[1:], "contrast_p": c.pval[1:],
    }  # fmt: skip


@runs("backtransform")
def backtransformed(case: Case) -> dict[str, Any]:
    data, rows = data_of(case)
    fit = fit_of(model_of(case.spec), data)
    c = fit.coefficients
    ends = {"pred": c.b[0], "ci_lb": c.ci_lb[0], "ci_ub": c.ci_ub[0], **predicted(fit, "test")}
    change = transformation(case.spec["transform"])
    more = transform_arguments(case, fit, change, rows)
    found = {name: float(change(value, **more)) for name, value in ends.items()}
    for lower in ("ci_lb", "pi_lb"):  # a falling transformation turns an interval round
        upper = lower.replace("_lb", "_ub")
        if lower in found:
            found[lower], found[upper] = sorted((found[lower], found[upper]))
    return found


def transform_arguments(
    case: Case, fit: FitResult, change: Any, rows: np.ndarray
) -> dict[str, Any]:
    """The argument in R's words: ``list(ni=dat$ni)``, ``1/mean(1/dat$t1i)``, ``list(tau2=...)``."""
    text = case.spec.get("transform_args")
    if text is None:
        return {}
    if "tau2" in text:
        return {"tau2": fit.heterogeneity.tau2}
    number = re.fullmatch(r"(?:list\(\w+=)?([-\d.e]+)\)?", text)
    if number:
        return {list(inspect.signature(change).parameters)[1]: float(number.group(1))}
    column = case.column(text.split("dat$")[1].rstrip(")"))
    value = harmonic_mean(column) if text.startswith("1/mean") else column
    name = list(inspect.signature(change).parameters)[1]
    return {name: value}


@runs("scale")
def location_scale(case: Case) -> dict[str, Any]:
    spec = case.spec
    part = spec.get("moderators", {"intercept": True, "terms": []})
    data, mean_rows = moderated(case, part)
    spread, scale_rows = moderated(case, spec["scale"])
    both = np.intersect1d(mean_rows, scale_rows) + 1
    if both.size < max(mean_rows.size, scale_rows.size):
        return location_scale(with_rows(case, both.tolist()))
    model = LocationScale(
        spec["method"], TEST[spec.get("test", "z")], level_of(spec), spec.get("link", "log")
    )
    fit = fit_location_scale(model, ScaleData.of(data, spread.design))
    alpha = fit.spread.coefficients
    return {
        **coefficients(fit), **asdict(fit.statistics), "tau2": fit.spread.tau2,
        "alpha": alpha.b, "se_alpha": alpha.se, "pval_alpha": alpha.pval,
    }  # fmt: skip


@runs("hc")
def henmi_copas(case: Case) -> dict[str, Any]:
    data, _ = data_of(case)
    fit = fit_henmi_copas(HenmiCopas(level_of(case.spec)), data)
    return {
        "b": fit.pooled.value, "se": fit.pooled.se, "tau2": fit.heterogeneity.tau2,
        "ci_lb": fit.pooled.interval.lower, "ci_ub": fit.pooled.interval.upper,
    }  # fmt: skip
