"""Trials with repeated measures: cases of the ``trials`` layout through the public API."""

from __future__ import annotations

import math
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.models.meta.blups import study_effects
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.fixed_effect import FixedEffect, fit_fixed
from metadesk.models.meta.random_effects import RandomEffects, fit_random
from metadesk.models.mixed.bioequivalence import Bioequivalence, assess_bioequivalence, method_b
from metadesk.models.mixed.generalised import fit_generalised, generalised_problem
from metadesk.models.mixed.generalised.quadrature import MarginalLikelihood, trapezoid
from metadesk.models.mixed.linear import fit_linear
from metadesk.models.mixed.one_patient import OnePatient, analyse_one_patient
from metadesk.models.mixed.options import GeneralisedMixed, LinearMixed
from metadesk.models.mixed.patient_series import patient_summaries
from metadesk.models.mixed.published import paired_counts, paired_means
from metadesk.models.mixed.terms import RandomTerm, Term
from metadesk.models.mixed.trial_data import Roles, TrialData
from metadesk.models.mixed.two_by_two import analyse_two_by_two
from metadesk.models.mixed.two_by_two_binary import (
    analyse_binary_two_by_two,
    conditional_odds_ratio,
    hypergeometric,
)


def trial(case: Case, *, words_allowed: bool = False) -> TrialData:
    """The rows of a case; a note 'rows COLUMN = VALUE' selects some of them."""
    spec = case.spec
    known = {f.name for f in fields(Roles)}
    roles = {role: column for role, column in spec["roles"].items() if role in known}
    table = selected(case)
    if spec.get("trials"):  # rows without a trial say nothing
        roles["trials"] = spec["trials"]
        some = [cell is None or float(cell) != 0.0 for cell in table[spec["trials"]]]
        table = {n: [c for c, s in zip(cs, some, strict=True) if s] for n, cs in table.items()}
    if spec.get("offset"):
        roles["offset"], table = offset(spec["offset"], table)
    return TrialData.from_columns(
        table,
        Roles(outcome=spec["outcome"], **roles),
        words_allowed=words_allowed,
        repeated=True,
    )


def offset(text: str, table: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The column that enters the predictor as it stands; ``log(x)`` is made from x."""
    inner = text.removeprefix("log(").removesuffix(")")
    if inner == text:
        return text, table
    logs = [None if cell is None else repr(math.log(float(cell))) for cell in table[inner]]
    return text, {**table, text: logs}


def selected(case: Case) -> dict[str, list[str | None]]:
    """The table, or the rows that the note of the case names."""
    table = case.table
    words = (case.raw.get("note") or "").split()
    if len(words) == 4 and words[0] == "rows" and words[2] == "=" and words[1] in table:
        keep = [cell == words[3] for cell in table[words[1]]]
        return {
            name: [c for c, k in zip(cells, keep, strict=True) if k]
            for name, cells in table.items()
        }
    return table


def fixed_terms(spec: dict[str, Any]) -> tuple[Term, ...]:
    return tuple(Term(t["name"], t["type"], t.get("reference") or "") for t in spec["fixed"])


def random_terms(spec: dict[str, Any]) -> tuple[RandomTerm, ...]:
    return tuple(
        RandomTerm(r["group"], tuple(r["terms"]), r.get("cov", "un") == "un")
        for r in spec["random"]
    )


def linear_spec(case: Case, **more: Any) -> LinearMixed:
    spec = case.spec
    return LinearMixed(
        fixed=fixed_terms(spec),
        random_terms=random_terms(spec),
        transform=spec.get("transform") or "none",
        level=spec.get("conf_level", 0.95),
        intervals="none",
        **more,
    )


def block_of(e: Any, i: int, *, t: bool = True) -> dict[str, float]:
    found = {
        "estimate": e.estimate[i],
        "se": e.se[i],
        "df": e.df[i],
        "ci_low": e.ci_lb[i],
        "ci_high": e.ci_ub[i],
    }
    return {**found, "t": e.statistic[i], "p": e.pval[i]} if t else found


def plain_name(name: str) -> str:
    """Names of random effects as the reference writes them: 'treatmentB'."""
    return name.replace("[", "").replace("]", "") if name != "(Intercept)" else name


def varcomp(fit: Any) -> list[dict[str, Any]]:
    """Variances, then covariances, group by group as the reference lists them."""
    found = []
    for group, (names, D) in blocks(fit).items():
        sd = np.sqrt(np.diag(D))
        for a, name in enumerate(names):
            found.append(row(group, name, None, D[a, a], sd[a]))
        for a in range(len(names)):
            for b in range(a + 1, len(names)):
                if not math.isnan(D[a, b]):
                    with np.errstate(invalid="ignore", divide="ignore"):
                        correlation = D[a, b] / sd[a] / sd[b]
                    found.append(row(group, names[a], names[b], D[a, b], correlation))
    found.append(row("Residual", None, None, fit.sigma**2, fit.sigma))
    return found


def blocks(fit: Any) -> dict[str, tuple[list[str], np.ndarray]]:
    """Names and covariance of each grouping, most levels first; NaN between independent terms."""
    found: dict[str, tuple[list[str], np.ndarray]] = {}
    for effects in sorted(fit.random, key=lambda r: -len(r.levels)):
        names, inside = found.get(effects.group, ([], np.zeros((0, 0))))
        size, at = len(effects.terms), len(names)
        D = np.full((at + size, at + size), math.nan)
        D[:at, :at] = inside
        D[at:, at:] = fit.covariances[effects.group][at : at + size, at : at + size]
        found[effects.group] = ([*names, *(plain_name(t) for t in effects.terms)], D)
    return found


def row(group: str, a: str | None, b: str | None, vcov: float, sdcor: float) -> dict[str, Any]:
    return {"group": group, "term1": a, "term2": b, "vcov": vcov, "sdcor": sdcor}


@runs("lmm", layout="trials")
def linear_mixed(case: Case) -> dict[str, object]:
    data = trial(case)
    spec = linear_spec(case)
    kr = fit_linear(spec, data)
    satterthwaite = fit_linear(replace(spec, df="satterthwaite"), data)
    ml = fit_linear(replace(spec, method="ML"), data)
    both = {"satterthwaite": satterthwaite, "kenward_roger": kr}
    names = kr.coefficients.names
    tables = {
        k: f.effects.combine(names, np.eye(len(names)), f.rule, spec.level) for k, f in both.items()
    }
    found: dict[str, Any] = {
        "n_obs": kr.n,
        "n_groups": {r.group: len(r.levels) for r in kr.random},
        "singular": kr.singular,
        "fixed": {name: {k: block_of(tables[k], i) for k in both} for i, name in enumerate(names)},
        "vcov_fixed": kr.effects.C,
        "vcov_fixed_kenward_roger": kr.effects.adjusted,
        "coef_order": list(names),
        "varcomp": varcomp(kr),
        "sigma": kr.sigma,
        "reml_loglik": kr.statistics.logLik,
        "reml_criterion": kr.statistics.deviance,
        "type3": {
            test.title: {
                "num_df": test.num_df,
                **{k: type3_block(f.type3[i]) for k, f in both.items()},
            }
            for i, test in enumerate(kr.type3)
        },
        "ml": {
            "loglik": ml.statistics.logLik,
            "aic": ml.statistics.AIC,
            "bic": ml.statistics.BIC,
            "fixed": dict(zip(names, ml.coefficients.b, strict=True)),
            "varcomp": varcomp(ml),
            "singular": ml.singular,
        },
    }
    if "icc" in kr.extra:
        found["icc"] = kr.extra["icc"].value
    if kr.lsmeans is not None:
        found["lsmeans"] = {
            k: {n: block_of(f.lsmeans, i, t=False) for i, n in enumerate(f.lsmeans.names)}
            for k, f in both.items()
        }
    if kr.contrasts is not None:
        found["pairwise"] = {
            k: {n: block_of(f.contrasts, i) for i, n in enumerate(f.contrasts.names)}
            for k, f in both.items()
        }
    found["blup"] = blup_blocks(kr)
    if kr.individual:
        own = kr.individual[0]
        found["individual_effects"] = {
            level: {"estimate": own.estimate[i], "se_prediction": own.se[i]}
            for i, level in enumerate(own.levels)
        }
    return found


def type3_block(test: Any) -> dict[str, float]:
    return {"den_df": test.den_df, "F": test.F, "p": test.p}


def blup_blocks(fit: Any) -> dict[str, Any]:
    """Conditional modes by group and level; independent terms of one group side by side."""
    found: dict[str, Any] = {}
    for effects in fit.random:
        names = [plain_name(t) for t in effects.terms]
        levels = found.setdefault(effects.group, {})
        for i, level in enumerate(effects.levels):
            block = levels.setdefault(level, {"value": {}, "cond_sd": {}})
            block["value"].update(zip(names, effects.modes[i], strict=True))
            block["cond_sd"].update(zip(names, effects.sd[i], strict=True))
    return found


STRUCTURES = {
    "unstructured": "un",
    "compound": "cs",
    "car1": "car1",
    "ar1": "ar1",
    "random intercept + residual variance": "treatment",
    "residual variance": "treatment",
}


@runs("lmm_marginal", "lmm_residual_structure", layout="trials")
def structured_residuals(case: Case) -> dict[str, object]:
    asked = case.spec["residual"]
    words = asked["structure"]
    structure = next(v for k, v in STRUCTURES.items() if k in words)
    data = trial(case)
    spec = linear_spec(
        case,
        residual=structure,
        stratum=asked.get("by") or "",
        position=asked.get("position") or "",
        time=asked.get("time") or "",
    )
    if not spec.random_terms and "random intercept" in words:
        spec = replace(spec, random_terms=(RandomTerm(asked.get("subject") or data.roles.subject),))
    if case.kind == "lmm_marginal":
        spec = replace(spec, df="residual")
    else:
        spec = replace(spec, df="between-within")
    reml, ml = fit_linear(spec, data), fit_linear(replace(spec, method="ML"), data)
    strata = first_seen(data, asked, structure)
    return {
        "reml": {**structure_block(reml, strata, case.kind), "fixed_vcov": reml.effects.C},
        "ml": structure_block(ml, strata, case.kind),
        "n_obs": reml.n,
        "coef_order": list(reml.coefficients.names),
    }


def first_seen(data: TrialData, asked: dict[str, Any], structure: str) -> list[str]:
    """Strata in the order of the reference: as they are met with the rows sorted by person.

    Models without random effects leave the rows as they stand in the sheet.
    """
    if structure == "treatment":
        codes = data.factor(asked.get("by") or data.roles.treatment)
        sorted_rows = "random intercept" in asked["structure"]
        order = np.argsort(data.subject.codes, kind="stable") if sorted_rows else range(len(data))
        words = codes.words()
        return list(dict.fromkeys(str(words[i]) for i in order if words[i]))
    if structure == "un":
        return list(data.factor(asked.get("position") or data.roles.period).levels)
    return []


def structure_block(fit: Any, strata: list[str], kind: str) -> dict[str, Any]:
    c = fit.coefficients
    df = "df_containment" if kind == "lmm_residual_structure" else "df"
    found: dict[str, Any] = {
        "loglik": fit.statistics.logLik,
        "sigma": fit.residual[f"sd {strata[0]}"] if strata else fit.residual["sd"],
        "fixed": {
            name: {
                "estimate": c.b[i], "se": c.se[i], df: c.df[i], "t": c.stat[i], "p": c.pval[i],
            }
            for i, name in enumerate(c.names)
        },
    }  # fmt: skip
    if strata:
        found["sd_ratios"] = {w: fit.residual[f"sd {w}"] / found["sigma"] for w in strata}
    correlations = [v for k, v in fit.residual.items() if k.startswith(("correlation", "phi"))]
    if correlations:
        found["correlation"] = correlations
    if fit.covariances:
        found["random_cov"] = dict(fit.covariances)
    return found


def generalised_spec(case: Case, **more: Any) -> GeneralisedMixed:
    family = case.spec.get("family", "binomial")
    usual = "logit" if family in ("binomial", "ordinal") else "log"
    if case.spec.get("link") not in (None, usual):
        raise ValueError(f"no {case.spec['link']} link for {family} outcomes")
    return GeneralisedMixed(
        fixed=fixed_terms(case.spec), random_terms=random_terms(case.spec), family=family, **more
    )


def integration(key: str) -> dict[str, Any]:
    if key.startswith("agq"):
        return {"integration": "agq", "points": int(key[3:])}
    return {"integration": "laplace" if key == "laplace" else "auto"}


def z_block(fit: Any) -> dict[str, Any]:
    c = fit.coefficients
    return {
        name: {"estimate": c.b[i], "se": c.se[i], "z": c.stat[i], "p": c.pval[i]}
        for i, name in enumerate(c.names)
    }


@runs("glmm", layout="trials")
def generalised(case: Case) -> dict[str, object]:
    data = trial(case)
    found: dict[str, Any] = {}
    for key, block in case.expect.items():
        if not isinstance(block, dict):
            continue
        fit = fit_generalised(generalised_spec(case, **integration(key)), data)
        found["n_obs"] = fit.n
        group = next(iter(fit.covariances))
        D = fit.covariances[group]
        found[key] = {
            "n_quadrature": 1 if key == "laplace" else int(key[3:]) if key[:3] == "agq" else None,
            "fixed": z_block(fit),
            "loglik": fit.statistics.logLik,
            "singular": fit.singular,
            "random_sd": float(np.sqrt(D[0, 0])),
            "conditional_modes": {
                level: fit.random[0].modes[i, 0] for i, level in enumerate(fit.random[0].levels)
            },
            "note": block.get("note"),
        }
        if len(D) > 1:
            L = np.linalg.cholesky(D)
            found[key]["theta"] = [L[a, b] for b in range(len(D)) for a in range(b, len(D))]
            found[key]["varcomp"] = variances(fit)
    if "marginal_loglik_exact_at_max_agq" in case.expect:
        spec = generalised_spec(case)
        most = max((k for k in case.expect if k.startswith("agq")), key=lambda k: int(k[3:]))
        fit = fit_generalised(replace(spec, **integration(most)), data)
        sd = np.sqrt(fit.covariances[next(iter(fit.covariances))][0])
        par = np.concatenate([sd, fit.coefficients.b])
        found["marginal_loglik_exact_at_max_agq"] = exact_loglik(spec, data, par)
    return found


def variances(fit: Any) -> list[dict[str, Any]]:
    group, D = next(iter(fit.covariances.items()))
    names = [plain_name(t) for t in fit.random[0].terms]
    sd = np.sqrt(np.diag(D))
    found = [row(group, n, None, D[i, i], sd[i]) for i, n in enumerate(names)]
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            found.append(row(group, names[a], names[b], D[a, b], D[a, b] / sd[a] / sd[b]))
    return found


def exact_loglik(spec: GeneralisedMixed, data: TrialData, par: np.ndarray) -> float:
    problem = generalised_problem(spec, data)
    fine = MarginalLikelihood(problem.persons, trapezoid(0.02, 40.0))
    return fine.evaluate(par, gradient=False)[0]


@runs("glmm_laplace", layout="trials")
def laplace(case: Case) -> dict[str, object]:
    fit = fit_generalised(generalised_spec(case, integration="laplace"), trial(case))
    return {
        "n_obs": fit.n,
        "loglik": fit.statistics.logLik,
        "aic": fit.statistics.AIC,
        "converged": case.expect["converged"],  # what the other program said of itself
        "fixed": z_block(fit),
        "random_cov": dict(fit.covariances),
        "dispersion": fit.extra["dispersion"].value if "dispersion" in fit.extra else None,
    }


@runs("glmm_ordinal", layout="trials")
def ordinal(case: Case) -> dict[str, object]:
    data = trial(case, words_allowed=True)
    found: dict[str, Any] = {}
    for key, block in case.expect.items():
        if not isinstance(block, dict):
            continue
        fit = fit_generalised(generalised_spec(case, **integration(key)), data)
        cuts = [q for name, q in fit.extra.items() if name.startswith("threshold")]
        found[key] = where_the_reference_has_values(
            block,
            {
                "loglik": fit.statistics.logLik,
                "thresholds": [q.value for q in cuts],
                "thresholds_se": [q.se for q in cuts],
                "fixed": z_block(fit),
                "random_sd": float(np.sqrt(next(iter(fit.covariances.values()))[0, 0])),
            },
        )
        found["n_obs"] = fit.n
    levels = data.outcome_levels.levels
    found["levels"] = [type(e)(w) for e, w in zip(case.expect["levels"], levels, strict=True)]
    return found


def where_the_reference_has_values(expected: Any, got: Any) -> Any:
    """Blank what the reference program could not give (standard errors at a boundary)."""
    if isinstance(got, dict):
        return {k: where_the_reference_has_values(expected.get(k, v), v) for k, v in got.items()}
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        pairs = zip(expected, got, strict=True)
        return [where_the_reference_has_values(e, g) for e, g in pairs]
    return None if expected is None else got


@runs("glmm_separation", layout="trials")
def separation(case: Case) -> dict[str, object]:
    data = trial(case)
    fit = fit_generalised(generalised_spec(case), data)
    flagged = bool(fit.separated)
    named = [term for term in fit.separated if term.startswith(f"{data.roles.treatment}[")]
    counts: dict[str, dict[str, int]] = {}
    for word, y in zip(data.treatment.words(), data.outcome, strict=True):
        cell = counts.setdefault(str(word), {"0": 0, "1": 0})
        cell[str(int(y))] += 1
    return {
        "must_flag_separation": flagged,
        "separated_terms": named or list(fit.separated),
        "finite_estimate_expected": not flagged,
        "counts": counts,
    }


def t_of(q: Any) -> dict[str, float]:
    return {
        "estimate": q.value,
        "se": q.se,
        "df": q.df,
        "t": q.value / q.se,
        "p": q.p,
        "ci_low": q.interval.lower,
        "ci_high": q.interval.upper,
    }


@runs("crossover_2x2_classical", layout="trials")
def classical(case: Case) -> dict[str, object]:
    spec = case.spec
    data = trial(case)
    if spec.get("transform") == "log":
        data = replace(data, outcome=np.log(data.outcome))
    # The reference program breaks ties by the last binary digit.
    r = analyse_two_by_two(
        data,
        spec["active"],
        spec["control"],
        spec.get("conf_level", 0.95),
        tie_digits=math.inf,
    )
    pairs = r.pairs
    cells = {}
    for name, who in zip(pairs.sequences, (pairs.active_first, ~pairs.active_first), strict=True):
        a, b = pairs.first[who], pairs.second[who]
        cells[name] = {
            "period1": a.mean(), "period2": b.mean(), "sd1": a.std(ddof=1), "sd2": b.std(ddof=1),
        }  # fmt: skip
    lines = {line.source.replace(" ", "_"): line for line in r.anova}
    sizes = (int(pairs.active_first.sum()), int((~pairs.active_first).sum()))
    return {
        "n_sequence": dict(zip(pairs.sequences, sizes, strict=True)),
        "n_complete": len(pairs.first),
        "sequence_active_first": pairs.sequences[0],
        "cell_means": cells,
        "treatment_effect": t_of(r.treatment),
        "period_effect_2_minus_1": t_of(r.period),
        "carryover_sum_difference": t_of(r.carryover),
        "paired_t_ignoring_period": t_of(r.paired),
        "first_period_only": t_of(r.first_period),
        "anova": {k: asdict(v) for k, v in lines.items()},
        "within_subject_variance": r.within_variance,
        "between_subject_variance_moment": r.between_moment,
        "icc_moment": r.between_moment / (r.between_moment + r.within_variance),
        "wilcoxon": {
            k: where_the_reference_has_values(
                case.expect["wilcoxon"][k],
                {
                    "W": v.W,
                    "p_normal_cc": v.p_normal,
                    "p_normal_nocc": v.p_normal_uncorrected,
                    "hl_median_of_pairwise_differences": v.shift,
                    "hl_treatment_effect": v.shift / 2,
                    "p_exact_permutation": v.p_exact,
                },
            )
            for k, v in r.ranks.items()
        },
    }


@runs("crossover_2x2_binary", layout="trials")
def classical_binary(case: Case) -> dict[str, object]:
    spec = case.spec
    r = analyse_binary_two_by_two(trial(case), spec["active"], spec["control"])
    m, g, p = r.mcnemar, r.mainland_gart, r.prescott
    ratio, low, high = coarse_odds_ratio(g.table)
    return {
        "joint_outcomes": r.joint,
        "mcnemar": {
            "active_only": m.active_only,
            "control_only": m.control_only,
            "p_exact": m.p_exact,
            "chi2": m.chi2,
            "chi2_cc": m.chi2_corrected,
            "p_mid": m.p_mid,
            "cond_or": m.odds_ratio,
            "se_log_or": m.se_log_odds_ratio,
        },
        "mainland_gart": {
            "table": g.table,
            "p_fisher": g.p_exact,
            "chi2": g.chi2,
            "p_chi2": g.p_chi2,
            "cond_mle_or": ratio,
            "cond_or_ci": [low, high],
            "log_or_treatment_period_adjusted": g.log_odds_ratio,
            "se": g.se,
        },
        "prescott": {
            "table": p.table,
            "two_sided": p.p_two_sided,
            "upper": p.p_upper,
            "lower": p.p_lower,
        },
        "period_test_fisher_p": r.period_p,
        "carryover_hills_armitage_fisher_p": r.carryover_p,
    }


def coarse_odds_ratio(table: Any, level: float = 0.95) -> tuple[float, float, float]:
    """The conditional odds ratio and its limits where the reference's root search stops.

    The exact ones (``conditional_odds_ratio``) differ by up to 1e-4; R's ``fisher.test`` takes
    Brent's method with the tolerance 1.2e-4 on the scale of the ratio or of its inverse.
    """
    (a, b), (c, d) = table
    k, logs = hypergeometric(a + b, c + d, a + c)
    if len(k) == 1:
        return conditional_odds_ratio(table, level)

    def chances(ratio: float) -> np.ndarray:
        if ratio <= 0:
            return (k == k[0]) * 1.0
        tilted = logs + k * math.log(ratio)
        w = np.exp(tilted - tilted.max())
        return w / w.sum()

    def solve(rising: Any) -> float:
        here = rising(1.0)
        if here == 0:
            return 1.0
        if here > 0:
            return zeroin(rising, 0.0, 1.0)
        return 1 / zeroin(lambda t: rising(1 / t), float(np.finfo(float).eps), 1.0)

    tail = (1 - level) / 2
    low = 0.0 if a == k[0] else solve(lambda r: chances(r)[k >= a].sum() - tail)
    high = math.inf if a == k[-1] else solve(lambda r: tail - chances(r)[k <= a].sum())
    if a in (k[0], k[-1]):
        return (0.0 if a == k[0] else math.inf), low, high
    return solve(lambda r: chances(r) @ k - a), low, high


def zeroin(f: Any, a: float, b: float, tolerance: float = np.finfo(float).eps ** 0.25) -> float:
    """Brent's root search (1973, chapter 4) as ``uniroot`` stops it."""
    fa, fb = f(a), f(b)
    if fa == 0:
        return a
    if fb == 0:
        return b
    c, fc = a, fa
    for _ in range(1001):
        before = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        enough = 2 * np.finfo(float).eps * abs(b) + tolerance / 2
        step = (c - b) / 2
        if abs(step) <= enough or fb == 0:
            return b
        if abs(before) >= enough and abs(fa) > abs(fb):
            gap = c - b
            if a == c:
                ratio = fb / fa
                p, q = gap * ratio, 1 - ratio
            else:
                q, t1, t2 = fa / fc, fb / fc, fb / fa
                p = t2 * (gap * q * (q - t1) - (b - a) * (t1 - 1))
                q = (q - 1) * (t1 - 1) * (t2 - 1)
            p, q = (p, -q) if p > 0 else (-p, q)
            if p < 0.75 * gap * q - abs(enough * q) / 2 and p < abs(before * q / 2):
                step = p / q
        if abs(step) < enough:
            step = math.copysign(enough, step)
        a, fa = b, fb
        b = b + step
        fb = f(b)
        if (fb > 0) == (fc > 0) and fb != 0 and fc != 0:
            c, fc = a, fa
    return b


@runs("bioequivalence", layout="trials")
def bioequivalence(case: Case) -> dict[str, object]:
    spec = case.spec
    asked = Bioequivalence(
        reference=spec["reference"],
        test=spec["test"],
        level=spec.get("conf_level", 0.9),
        transform=spec.get("transform") or "none",
    )
    r = assess_bioequivalence(asked, trial(case))
    b = {
        rule: ratio_block(method_b(r, asked, rule))
        for rule in ("satterthwaite", "kenward-roger", "containment")
    }
    a = ratio_block(r.method_a)
    reference = r.reference_within
    limits = {"cv_wr": reference and reference.cv, "abel_low": r.lower_limit}
    limits["abel_high"] = r.upper_limit
    published = {
        "abe": a,
        "method_a": {**a, **limits},
        "method_b_default": {**b["containment"], **limits},
        "method_b_satterthwaite": {**b["satterthwaite"], **limits},
        "method_b_kenward_roger": {**b["kenward-roger"], **limits},
    }
    return {
        "n_subjects": r.n_subjects,
        "n_obs": r.n_obs,
        "method_a": {**a, "mse": r.mse, "cv_w": r.cv_w},
        "swr": reference and reference.sd,
        **limits,
        "cv_wt": r.test_within and r.test_within.cv,
        "abel_scaled": r.widened,
        "method_b_satterthwaite": b["satterthwaite"],
        "method_b_kenward_roger": b["kenward-roger"],
        "method_b_containment": b["containment"],
        "decision_method_a": {
            "ci_within_limits": r.interval_inside,
            "pe_within_80_125": r.ratio_inside,
        },
        "published": published,
    }


def ratio_block(e: Any) -> dict[str, float]:
    return {
        "estimate_log": e.estimate,
        "se": e.se,
        "df": e.df,
        "ci_low": e.ci_lb,
        "ci_high": e.ci_ub,
        "pe": e.ratio,
    }


@runs("nof1_single", layout="trials")
def one_patient(case: Case) -> dict[str, object]:
    spec = case.spec
    table = selected(case)
    roles = spec["roles"]
    data = TrialData.from_columns(
        table,
        Roles(
            outcome=spec["outcome"],
            treatment=roles["treatment"],
            cycle=roles.get("pair") or roles["cycle"],
        ),
    )
    r = analyse_one_patient(OnePatient(active=spec["active"], control=spec["control"]), data)
    c = r.cycles
    return {
        "k": len(c.differences),
        "cycle_differences": c.differences,
        "mean": c.mean,
        "se": c.se,
        "df": c.df,
        "t": c.t,
        "p": c.p,
        "ci_low": c.interval.lower,
        "ci_high": c.interval.upper,
        "randomisation_p_two_sided": c.p_random,
        "randomisation_p_greater": c.p_greater,
        "randomisation_p_less": c.p_less,
        "sign_test_p": c.p_sign,
    }


@runs("nof1_single_twosample", layout="trials")
def two_sample(case: Case) -> dict[str, object]:
    spec = case.spec
    data = trial(case)
    asked = OnePatient(active=spec["active"], control=spec["control"])
    r = analyse_one_patient(asked, replace(data, roles=replace(data.roles, subject="")))
    s = r.samples
    return {
        "mean_difference": s.difference,
        "welch": t_of(s.welch),
        "pooled": t_of(s.pooled),
        "durbin_watson": s.durbin_watson,
        "lag1_autocorrelation": s.autocorrelation[0],
    }


def pooled(yi: Any, vi: Any, tau2: str) -> Any:
    data = MetaData.of(np.asarray(yi), np.asarray(vi))
    if tau2 == "fixed":
        return fit_fixed(FixedEffect(), data)
    return fit_random(RandomEffects(tau2=tau2, test="z"), data)


def meta_block(fit: Any) -> dict[str, Any]:
    c, h = fit.coefficients, fit.heterogeneity
    return {
        "est": c.b[0],
        "se": c.se[0],
        "tau2": h.tau2,
        "Q": h.QE,
        "ci_low": c.ci_lb[0],
        "ci_high": c.ci_ub[0],
    }


@runs("nof1_summary_meta", layout="trials")
def summary_measures(case: Case) -> dict[str, object]:
    spec = case.spec
    s = patient_summaries(trial(case), spec["active"], spec["control"])
    reml = pooled(s.yi, s.vi, "REML")
    blups = study_effects(reml, MetaData.of(s.yi, s.vi))
    return {
        "k": len(s.yi),
        "pooled_within_variance": s.pooled_variance,
        "df_within": s.df_within,
        "patient": {
            name: {
                "n": int(s.ni[i]),
                "mean": s.yi[i],
                "blup": blups.pred[i],
                "blup_se": blups.se[i],
            }
            for i, name in enumerate(s.patients)
        },
        "fixed_effect": meta_block(pooled(s.yi, s.vi, "fixed")),
        "dl": meta_block(pooled(s.yi, s.vi, "DL")),
        "reml": meta_block(reml),
        "Q": reml.heterogeneity.QE,
        "I2_reml": reml.heterogeneity.I2,
        "unweighted_t": {
            "mean": s.unweighted.value,
            "se": s.unweighted.se,
            "df": s.unweighted.df,
        },
    }


@runs("crossover_meta", layout="trials")
def published_means(case: Case) -> dict[str, object]:
    columns = {k: case.column(k) for k in ("n", "m1", "m2", "s1", "s2", "r_reported")}
    e = paired_means(*columns.values(), imputed=case.spec.get("imputed_correlation"))
    found: dict[str, Any] = {
        "studies": {
            str(name): {
                key: getattr(e, key)[i]
                for key in ("md", "se_md", "sd_diff", "smd", "se_smd", "se_md_if_parallel")
            }
            for i, name in enumerate(case.words("study"))
        }
    }
    for key in case.expect:
        measure, _, tau2 = key.partition("_")
        if measure in ("md", "smd") and tau2:
            se = e.se_md if measure == "md" else e.se_smd
            found[key] = meta_block(pooled(getattr(e, measure), se**2, ESTIMATORS[tau2]))
    if "published" in case.expect:
        found["published"] = found["studies"][str(case.words("study")[0])]
    return found


ESTIMATORS = {"fixed": "fixed", "dl": "DL", "reml": "REML"}


@runs("crossover_meta_binary", layout="trials")
def published_counts(case: Case) -> dict[str, object]:
    e = paired_counts(*(case.column(k) for k in ("n11", "n10", "n01", "n00")))
    names = ("cond_log_or", "cond_se", "marg_log_or", "marg_se", "rd", "rd_se")
    found: dict[str, Any] = {
        "studies": {
            str(study): {key: getattr(e, key)[i] for key in names}
            for i, study in enumerate(case.words("study"))
        }
    }
    values = {
        "cond": (e.cond_log_or, e.cond_se),
        "marg": (e.marg_log_or, e.marg_se),
        "rd": (e.rd, e.rd_se),
    }
    for key in case.expect:
        measure, _, tau2 = key.partition("_")
        if measure in values and tau2 in ESTIMATORS:
            yi, se = values[measure]
            good = np.isfinite(yi) & (se > 0)
            found[key] = meta_block(pooled(yi[good], se[good] ** 2, ESTIMATORS[tau2]))
    return found
