"""Means over persons: against simulation-free integrals, and the delta method against refits."""

from __future__ import annotations

import numpy as np
import pytest
from made_trials import CROSSOVER, crossover_columns
from scipy import special

from metadesk.models.mixed import GeneralisedMixed, TrialData, fit_generalised
from metadesk.models.mixed.generalised.fit import climb_generalised
from metadesk.models.mixed.generalised.marginal import marginal_effects


def trial(family, seed=1):
    columns = crossover_columns(orders=("ABBA", "BAAB"), per_sequence=15, seed=seed)
    rng = np.random.default_rng(seed)
    level = dict.fromkeys(columns["subject"], 0.0)
    level = {who: rng.normal(0, 0.8) for who in level}
    eta = [level[w] + 0.6 * (t == "B") for w, t in zip(columns["subject"], columns["treatment"],
                                                      strict=True)]  # fmt: skip
    if family == "binomial":
        columns["y"] = [float(rng.random() < special.expit(e)) for e in eta]
    elif family == "ordinal":
        columns["y"] = [float(np.digitize(e + rng.logistic(), [-1, 0, 1])) for e in eta]
    else:
        columns["y"] = [float(rng.poisson(np.exp(e))) for e in eta]
    return TrialData.from_columns(columns, CROSSOVER)


@pytest.mark.parametrize("family", ["binomial", "poisson", "ordinal"])
@pytest.mark.parametrize("random", ["intercept", "slope"])
def test_standard_errors_are_those_of_the_delta_method(family, random):
    spec = GeneralisedMixed(family=family, random=random, integration="laplace")
    fitted = climb_generalised(spec, trial(family))
    problem, par = fitted.problem, fitted.peak.par
    spread = 0.01 * np.eye(len(par))

    def values(at):
        found = marginal_effects(
            spec, problem.frame, problem.family, problem.components, at, spread
        )
        return found

    here = values(par)
    slopes = {name: np.zeros(len(par)) for name in here}
    for j in range(len(par)):
        step = np.zeros(len(par))
        step[j] = 1e-5
        up, down = values(par + step), values(par - step)
        for name in here:
            slopes[name][j] = (up[name].value - down[name].value) / 2e-5
    for name, quantity in here.items():
        assert quantity.se == pytest.approx(0.1 * np.linalg.norm(slopes[name]), rel=1e-5), name


def test_a_rate_is_averaged_over_the_levels_of_persons():
    data = trial("poisson")
    fit = fit_generalised(GeneralisedMixed(family="poisson"), data)
    b = dict(zip(fit.coefficients.names, fit.coefficients.b, strict=True))
    periods = [0.0, b["period[2]"], b["period[3]"], b["period[4]"]]
    spread = fit.covariances["subject"][0, 0]
    expected = np.mean(np.exp(b["(Intercept)"] + np.array(periods) + spread / 2))
    assert fit.extra["rate A"].value == pytest.approx(expected, rel=1e-10)
    ratio = fit.extra["log rr B - A"]
    assert ratio.value == pytest.approx(b["treatment[B]"], rel=1e-10)
    assert ratio.se == pytest.approx(fit.coefficients.at("treatment[B]").se, rel=1e-6)


def test_own_effects_move_the_rate_ratio_of_the_population():
    data = trial("poisson", seed=2)
    fit = fit_generalised(GeneralisedMixed(family="poisson", random="slope"), data)
    D = fit.covariances["subject"]
    moved = fit.coefficients.at("treatment[B]").value + (D[1, 1] + 2 * D[0, 1]) / 2
    assert fit.extra["log rr B - A"].value == pytest.approx(moved, rel=1e-9)


def test_chances_above_the_cuts_fall_and_follow_the_treatment():
    fit = fit_generalised(GeneralisedMixed(family="ordinal"), trial("ordinal"))
    above = [fit.extra[f"above {w} A"].value for w in ("0", "1", "2")]
    assert above == sorted(above, reverse=True)
    conditional = fit.coefficients.at("treatment[B]").value
    for word in ("0", "1", "2"):
        marginal = fit.extra[f"log or above {word} B - A"].value
        assert 0 < marginal / conditional < 1
        gap = fit.extra[f"above {word} B"].value - fit.extra[f"above {word} A"].value
        assert fit.extra[f"rd above {word} B - A"].value == pytest.approx(gap)
