from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trials import CROSSOVER, crossover_columns, rows_of

from metadesk.errors import DataProblem
from metadesk.models.mixed import GeneralisedMixed, TrialData, fit_generalised
from metadesk.models.mixed.generalised import generalised_problem
from metadesk.models.mixed.generalised.climb import numerical_hessian
from metadesk.models.mixed.generalised.families import NegativeBinomial, Ordinal
from metadesk.models.mixed.generalised.quadrature import (
    MarginalLikelihood,
    gauss_hermite,
    trapezoid,
)


def binary(seed=5, orders=("ABAB", "BABA"), per_sequence=12, cut=10.8):
    columns = crossover_columns(orders, per_sequence, seed=seed)
    columns["y"] = [float(y > cut) for y in columns["y"]]
    return columns


def counted(seed=6):
    columns = crossover_columns(("ABAB", "BABA"), 10, seed=seed, between=0.5, within=0.3)
    rng = np.random.default_rng(seed)
    columns["y"] = [float(rng.poisson(math.exp(0.2 * y - 1))) for y in columns["y"]]
    return columns


def data_of(columns, **more):
    return TrialData.from_columns(columns, CROSSOVER, **more)


@pytest.mark.parametrize("points", [1, 5, 9])
@pytest.mark.parametrize("family", ["binomial", "poisson", "nbinom2", "nbinom1", "ordinal"])
def test_gradient_is_that_of_the_rule(family, points):
    columns = binary() if family == "binomial" else counted()
    if family == "ordinal":
        columns["y"] = [min(y, 3.0) for y in columns["y"]]
    problem = generalised_problem(GeneralisedMixed(family=family), data_of(columns))
    likelihood = MarginalLikelihood(problem.persons, gauss_hermite(points))
    par = np.concatenate([problem.family.start(), [0.8], np.linspace(-0.3, 0.4, likelihood.p)])
    _, slope = likelihood.evaluate(par)
    for i in range(len(par)):
        up, down = par.copy(), par.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        rise = likelihood.evaluate(up)[0] - likelihood.evaluate(down)[0]
        assert slope[i] == pytest.approx(rise / 2e-5, rel=1e-5, abs=1e-6)


def test_laplace_gradient_with_two_random_effects():
    spec = GeneralisedMixed(random="slope", family="binomial")
    problem = generalised_problem(spec, data_of(binary()))
    likelihood = MarginalLikelihood(problem.persons, gauss_hermite(1))
    par = np.concatenate([[0.9, 0.2, 0.5], np.linspace(-0.3, 0.4, likelihood.p)])
    _, slope = likelihood.evaluate(par)
    for i in range(len(par)):
        up, down = par.copy(), par.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        rise = likelihood.evaluate(up)[0] - likelihood.evaluate(down)[0]
        assert slope[i] == pytest.approx(rise / 2e-5, rel=1e-5, abs=1e-6)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_default_answer_does_not_change_with_more_points(seed):
    columns = binary(seed=seed)
    fit = fit_generalised(GeneralisedMixed(), data_of(columns))
    if not fit.covariances:
        return
    problem = generalised_problem(GeneralisedMixed(), data_of(columns))
    fine = MarginalLikelihood(problem.persons, trapezoid(0.05, 30.0))
    sd = math.sqrt(fit.covariances["subject"][0, 0])
    value, _ = fine.evaluate(np.concatenate([[sd], fit.coefficients.b]), gradient=False)
    assert fit.statistics.logLik == pytest.approx(value, abs=1e-6)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_of_rows_does_not_matter(seed):
    columns = binary(seed=seed)
    order = np.random.default_rng(seed).permutation(len(columns["y"]))
    a = fit_generalised(GeneralisedMixed(), data_of(columns))
    b = fit_generalised(GeneralisedMixed(), data_of(rows_of(columns, order)))
    if not a.covariances:
        assert not b.covariances
        return
    np.testing.assert_allclose(a.coefficients.b, b.coefficients.b, rtol=1e-4, atol=1e-5)


def test_identical_persons_are_collapsed():
    problem = generalised_problem(GeneralisedMixed(), data_of(binary(per_sequence=60)))
    assert len(problem.persons.starts) <= 32
    assert problem.persons.counts.sum() == 120


def test_marginal_effect_is_nearer_to_none_than_the_conditional_one():
    fit = fit_generalised(GeneralisedMixed(), data_of(binary(per_sequence=40)))
    conditional = fit.coefficients.at("treatment[B]").value
    assert 0 < fit.extra["log or B - A"].value < conditional


def test_separation_is_said_and_answered_within_persons():
    columns = crossover_columns(("AB", "BA"), 10, seed=3)
    columns["y"] = [
        0.0 if t == "B" else float(i % 3 > 0) for i, t in enumerate(columns["treatment"])
    ]
    fit = fit_generalised(GeneralisedMixed(), data_of(columns))
    assert fit.separated == ("treatment[B]",)
    assert np.isfinite(fit.coefficients.b).all()
    assert any(n.code == "separation" for n in fit.notes)
    assert 0 < fit.extra["exact treatment[B]"].p < 0.05


def test_counts_without_overdispersion_fall_back_to_poisson():
    columns = counted()
    columns["y"] = [float(round(y)) for y in np.resize([2.0, 3.0, 4.0, 3.0], len(columns["y"]))]
    fit = fit_generalised(GeneralisedMixed(family="nbinom2"), data_of(columns))
    assert any(n.code == "poisson-limit" for n in fit.notes)


def test_thresholds_increase():
    columns = counted()
    columns["y"] = [min(y, 3.0) for y in columns["y"]]
    fit = fit_generalised(GeneralisedMixed(family="ordinal"), data_of(columns))
    cuts = [q.value for k, q in fit.extra.items() if k.startswith("threshold")]
    assert cuts == sorted(cuts)


def test_tensor_quadrature_refines_laplace_with_two_random_effects():
    data = data_of(binary(orders=("ABABAB", "BABABA")))
    laplace = fit_generalised(GeneralisedMixed(random="slope"), data)
    agq = fit_generalised(GeneralisedMixed(random="slope", integration="agq", points=7), data)
    assert any(n.code == "laplace" for n in laplace.notes)
    assert agq.statistics.logLik == pytest.approx(laplace.statistics.logLik, abs=2.0)


@pytest.mark.parametrize("family", [NegativeBinomial(np.array([3.0]), True),
                                    NegativeBinomial(np.array([3.0]), False),
                                    Ordinal(np.array([1]), ("a", "b", "c"))])  # fmt: skip
def test_third_derivatives_of_a_row(family):
    psi = family.start()
    eta = np.array([0.4])

    first, curve, third = family.slopes(eta, psi)
    h = 1e-5
    low, high = family.slopes(eta - h, psi), family.slopes(eta + h, psi)
    rise = (family.logs(eta + h, psi) - family.logs(eta - h, psi)) / (2 * h)
    assert first == pytest.approx(rise, rel=1e-6)
    assert curve == pytest.approx((high[0] - low[0]) / (2 * h), rel=1e-6)
    assert third == pytest.approx((high[1] - low[1]) / (2 * h), rel=1e-5, abs=1e-8)


def test_numerical_hessian_of_a_quadratic():
    A = np.array([[3.0, 1.0], [1.0, 2.0]])
    H = numerical_hessian(lambda x: (-0.5 * x @ A @ x, -A @ x), np.array([0.3, -0.2]))
    np.testing.assert_allclose(H, A, rtol=1e-8)


@pytest.mark.parametrize(
    ("family", "value", "words"),
    [("binomial", 2.0, "number of successes"), ("poisson", -1.0, "not a count")],
)
def test_impossible_outcomes_get_one_sentence(family, value, words):
    columns = binary()
    columns["y"][4] = value
    with pytest.raises(DataProblem, match=words):
        fit_generalised(GeneralisedMixed(family=family), data_of(columns))
