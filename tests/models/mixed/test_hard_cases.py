"""Cases that once crashed, hung or answered with NaN; and laws of the fast paths."""

from __future__ import annotations

import numpy as np
import pytest
from made_trials import (
    CROSSOVER,
    SERIES,
    crossover,
    crossover_columns,
    rows_of,
    series_columns,
)

from metadesk.errors import Cancelled, DataProblem, NotEstimable
from metadesk.models.mixed import (
    GeneralisedMixed,
    LinearMixed,
    TrialData,
    estimate_linear,
    fit_generalised,
    fit_linear,
)
from metadesk.models.mixed.generalised import generalised_problem
from metadesk.models.mixed.generalised.climb import numerical_hessian
from metadesk.models.mixed.generalised.conditional import ConditionalLikelihood
from metadesk.models.mixed.generalised.families import NegativeBinomial
from metadesk.models.mixed.generalised.one_random_effect import OneRandomEffect
from metadesk.models.mixed.generalised.quadrature import gauss_hermite
from metadesk.models.mixed.linear import linear_problem
from metadesk.models.mixed.linear.newton import maximise
from metadesk.models.mixed.linear.random_intercept import maximise_intercept
from metadesk.models.mixed.linear.woodbury import RandomEffectsCovariance
from metadesk.numerics.progress import Progress


def counted(mean=3.0, seed=2):
    columns = crossover_columns(orders=("ABAB", "BABA"), seed=seed)
    columns["y"] = [float(v) for v in np.random.default_rng(seed).poisson(mean, len(columns["y"]))]
    return columns


def as_outcome(columns, change):
    return TrialData.from_columns({**columns, "y": [change(v) for v in columns["y"]]}, CROSSOVER)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("between", [0.0, 0.4, 3.0])
def test_the_one_score_finds_what_the_general_climb_finds(method, between):
    columns = crossover_columns(orders=("ABBA", "BAAB"), between=between)
    uneven = rows_of(columns, [i for i in range(len(columns["y"])) if i not in (0, 7, 8, 21)])
    problem = linear_problem(LinearMixed(method=method), TrialData.from_columns(uneven, CROSSOVER))
    fast = maximise_intercept(problem.covariance, problem.n, method == "REML")
    slow = maximise(problem.covariance, problem.n, method == "REML")
    assert fast.theta == pytest.approx(slow.theta, rel=1e-8, abs=1e-10)
    assert fast.loglik == pytest.approx(slow.loglik, abs=1e-9)
    here = problem.covariance.moments(fast.theta + 0.1)
    plain = RandomEffectsCovariance.moments(problem.covariance, fast.theta + 0.1)
    for name in ("logdet", "total", "trace", "first", "trace2", "second"):
        assert getattr(here, name) == pytest.approx(getattr(plain, name), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("family", ["binomial", "poisson", "nbinom1", "nbinom2", "ordinal"])
def test_curvature_is_the_slope_of_the_gradient(family):
    change = {"binomial": lambda v: float(v > 2), "ordinal": lambda v: min(v, 3.0)}
    data = as_outcome(counted(), change.get(family, float))
    persons = generalised_problem(GeneralisedMixed(family=family), data).persons
    likelihood = OneRandomEffect(persons, gauss_hermite(35))
    par = np.concatenate([persons.family.start(), [0.7], np.full(likelihood.p, 0.1)])
    numeric = numerical_hessian(likelihood.evaluate, par)
    assert likelihood.curvature(par) == pytest.approx(numeric, rel=2e-6, abs=2e-5)


def test_penalised_score_within_persons_is_the_slope_of_its_likelihood():
    rng = np.random.default_rng(4)
    person = np.repeat(np.arange(6), 4)
    X = rng.normal(size=(24, 2))
    y = np.tile([1.0, 0.0, 0.0, 1.0], 6)
    likelihood = ConditionalLikelihood.of_successes(X, y, np.ones(24), person)
    b = np.array([0.3, -0.5])
    score = likelihood.pieces(b, penalised=True)[1]
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-5
        up, down = (likelihood.pieces(b + s, penalised=True)[0] for s in (step, -step))
        assert score[j] == pytest.approx((up - down) / 2e-5, abs=1e-7)


def test_profile_ends_lie_where_the_likelihood_has_dropped():
    data = TrialData.from_columns(series_columns(), SERIES)
    spec = LinearMixed(random="slope")
    result = fit_linear(spec, data)
    problem = linear_problem(spec, data)
    for at, component in enumerate(result.components):
        if component.interval is None:
            continue
        for end in (component.interval.lower, component.interval.upper):
            value = end / problem.scale**2
            start = maximise(problem.covariance, problem.n, True).theta.copy()
            start[at] = value
            held = maximise(
                problem.covariance, problem.n, True, start=start, fixed={at: value}, tolerance=1e-12
            )
            if held.theta[at] != value:
                continue
            drop = 2 * (result.statistics.logLik - problem.loglik(held, True))
            assert drop == pytest.approx(3.841459, abs=1e-4)


@pytest.mark.parametrize("family", ["nbinom1", "nbinom2"])
def test_counts_that_vary_less_than_poisson_end_in_the_poisson_model(family):
    data = as_outcome(counted(90.0), lambda v: float(round(90 + (v - 90) / 9)))
    result = fit_generalised(GeneralisedMixed(family=family), data)
    poisson = fit_generalised(GeneralisedMixed(family="poisson"), data)
    assert result.status.converged
    assert any(n.code == "poisson-limit" for n in result.notes)
    assert result.coefficients.b == pytest.approx(poisson.coefficients.b, abs=1e-6)
    assert result.statistics.logLik == pytest.approx(poisson.statistics.logLik, abs=1e-6)
    assert result.statistics.AIC == pytest.approx(poisson.statistics.AIC + 2, abs=1e-5)
    assert result.extra["dispersion"].value == (np.inf if family == "nbinom2" else 0.0)


@pytest.mark.parametrize("quadratic", [True, False])
def test_negative_binomial_nears_poisson_without_rounding_noise(quadratic):
    y = np.array([0.0, 1.0, 40.0])
    eta = np.log([2.0, 3.0, 35.0])
    far = 18.0 if quadratic else -18.0
    logs = [
        NegativeBinomial(y, quadratic).logs(eta, np.array([far + s])) for s in (0.0, 1e-3, 2e-3)
    ]
    assert np.abs(logs[0] - 2 * logs[1] + logs[2]).max() < 1e-11


def test_each_treatment_once_cannot_carry_slopes_and_unequal_residuals():
    data = crossover(orders=("ABC", "BCA", "CAB"))
    with pytest.raises(NotEstimable, match="random treatment effect needs"):
        fit_linear(LinearMixed(random="slope", residual="treatment"), data)


def test_a_residual_variance_that_vanishes_ends_the_climb():
    values = [8, 5, 14, 10, 6, 0, 3, 6, 7, 9, 9, 8]
    columns = crossover_columns(per_sequence=3) | {"y": [float(v) for v in values]}
    fit = fit_linear(LinearMixed(residual="treatment"), TrialData.from_columns(columns, CROSSOVER))
    assert fit.status.converged
    assert fit.status.iterations < 50
    assert fit.status.boundary == ("Residual A",)
    assert fit.statistics.logLik == pytest.approx(-23.0743277, abs=1e-6)


def test_yes_no_outcomes_with_each_treatment_once_cannot_carry_slopes():
    data = as_outcome(crossover_columns(), lambda v: float(v > 10.5))
    with pytest.raises(NotEstimable, match="too few for 2 random"):
        fit_generalised(GeneralisedMixed(random="slope"), data)


def test_a_measured_outcome_is_no_ordered_category():
    data = crossover(orders=("ABAB", "BABA"))
    with pytest.raises(DataProblem, match="different values"):
        fit_generalised(GeneralisedMixed(family="ordinal"), data)


@pytest.mark.parametrize("family", ["binomial", "poisson", "ordinal"])
def test_levels_of_persons_have_a_spread(family):
    change = {"binomial": lambda v: float(v > 2), "ordinal": lambda v: min(v, 3.0)}
    columns = counted()
    columns["y"] = [
        v + 2 * (int(s) % 3) for v, s in zip(columns["y"], columns["subject"], strict=True)
    ]
    data = as_outcome(columns, change.get(family, float))
    result = fit_generalised(GeneralisedMixed(family=family), data)
    sd = result.random[0].sd
    between = np.sqrt(result.components[0].estimate)
    assert np.isfinite(sd).all()
    assert (sd <= between * (1 + 1e-9)).all()


def test_a_linear_fit_with_slopes_can_be_cancelled():
    data = TrialData.from_columns(series_columns(), SERIES)
    with pytest.raises(Cancelled):
        fit_linear(LinearMixed(random="slope"), data, Progress(cancelled=lambda: True))


def test_a_generalised_fit_with_slopes_can_be_cancelled():
    data = as_outcome(counted(), lambda v: float(v > 2))
    spec = GeneralisedMixed(random="slope")
    with pytest.raises(Cancelled):
        fit_generalised(spec, data, Progress(cancelled=lambda: True))


@pytest.mark.parametrize("random", ["intercept", "slope"])
def test_the_bare_fit_says_what_the_full_one_says(random):
    data = TrialData.from_columns(series_columns(), SERIES)
    spec = LinearMixed(random=random, df="satterthwaite", intervals="none")
    bare, full = estimate_linear(spec, data), fit_linear(spec, data)
    assert bare.b == pytest.approx(full.coefficients.b, rel=1e-12)
    assert bare.vb == pytest.approx(full.coefficients.vb, rel=1e-10, abs=1e-12)
    assert bare.theta == pytest.approx([c.estimate for c in full.components], rel=1e-12)
    assert bare.logLik == full.statistics.logLik
