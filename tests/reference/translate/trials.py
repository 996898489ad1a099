"""Trials with repeated measures: cases of the ``trials`` layout through the public API."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.models.mixed.generalised import fit_generalised, generalised_problem
from metadesk.models.mixed.linear import fit_linear
from metadesk.models.mixed.options import GeneralisedMixed, LinearMixed
from metadesk.models.mixed.quadrature import MarginalLikelihood, trapezoid
from metadesk.models.mixed.terms import RandomTerm, Term
from metadesk.models.mixed.trial_data import Roles, TrialData


def trial(case: Case, *, words_allowed: bool = False) -> TrialData:
    """The rows of a case; a note 'rows COLUMN = VALUE' selects some of them."""
    spec = case.spec
    known = {f.name for f in fields(Roles)}
    roles = {role: column for role, column in spec["roles"].items() if role in known}
    for role in ("trials", "offset"):
        if spec.get(role):
            roles[role] = spec[role]
    table = selected(case)
    return TrialData.from_columns(
        table,
        Roles(outcome=spec["outcome"], **roles),
        words_allowed=words_allowed,
        repeated=True,
    )


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
    for block in sorted(fit.random, key=lambda r: -len(r.levels)):
        D = fit.covariances[block.group]
        names = [plain_name(t) for t in block.terms]
        sd = np.sqrt(np.diag(D))
        for a, name in enumerate(names):
            found.append(row(block.group, name, None, D[a, a], sd[a]))
        for a in range(len(names)):
            for b in range(a + 1, len(names)):
                with np.errstate(invalid="ignore", divide="ignore"):
                    found.append(
                        row(block.group, names[a], names[b], D[a, b], D[a, b] / sd[a] / sd[b])
                    )
    found.append(row("Residual", None, None, fit.sigma**2, fit.sigma))
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
    found["blup"] = {r.group: blup_block(r) for r in kr.random}
    if kr.individual:
        own = kr.individual[0]
        found["individual_effects"] = {
            level: {"estimate": own.estimate[i], "se_prediction": own.se[i]}
            for i, level in enumerate(own.levels)
        }
    return found


def type3_block(test: Any) -> dict[str, float]:
    return {"den_df": test.den_df, "F": test.F, "p": test.p}


def blup_block(effects: Any) -> dict[str, Any]:
    names = [plain_name(t) for t in effects.terms]
    return {
        level: {
            "value": dict(zip(names, effects.modes[i], strict=True)),
            "cond_sd": dict(zip(names, effects.sd[i], strict=True)),
        }
        for i, level in enumerate(effects.levels)
    }


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
    """Strata in the order in which the sheet names them."""
    if structure == "treatment":
        column = asked.get("by") or data.roles.treatment
        return list(dict.fromkeys(w for w in data.factor(column).words() if w))
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
    counts: dict[str, dict[str, int]] = {}
    for word, y in zip(data.treatment.words(), data.outcome, strict=True):
        cell = counts.setdefault(str(word), {"0": 0, "1": 0})
        cell[str(int(y))] += 1
    return {
        "must_flag_separation": flagged,
        "separated_terms": list(fit.separated),
        "finite_estimate_expected": not flagged,
        "counts": counts,
    }
