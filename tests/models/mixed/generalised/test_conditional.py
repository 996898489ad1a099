"""Comparisons within strata against closed forms and listings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from made_trials import CROSSOVER, crossover_columns

from metadesk.errors import NotEstimable
from metadesk.models.mixed import (
    GeneralisedMixed,
    Roles,
    TrialData,
    analyse_binary_two_by_two,
    fit_generalised,
)
from metadesk.models.mixed.generalised.conditional import (
    ConditionalLikelihood,
    conditional_counts,
    conditional_logistic,
    profile_ends,
)
from metadesk.models.mixed.generalised.exact import ExactDistribution
from metadesk.numerics.tails import chi2_quantile


def test_successes_out_of_several_trials_are_as_many_single_rows():
    X = np.array([[0.0, 0.0], [1.0, 0.5], [0.0, 1.0], [1.0, 1.5]])
    y, m, stratum = np.array([1.0, 3.0, 2.0, 1.0]), np.array([4.0, 5.0, 3.0, 2.0]), np.zeros(4, int)
    rows = [(x, 1.0 if i < s else 0.0) for x, s, n in zip(X, y, m, strict=True)
            for i in range(int(n))]  # fmt: skip
    long = np.array([x for x, _ in rows]), np.array([v for _, v in rows])
    short = conditional_logistic(X, y, stratum, ("a", "b"), trials=m)
    alike = conditional_logistic(*long, np.zeros(len(rows), int), ("a", "b"))
    assert short.b == pytest.approx(alike.b, rel=1e-9)
    assert short.se == pytest.approx(alike.se, rel=1e-9)
    assert short.pval == pytest.approx(alike.pval, rel=1e-9)


def test_arrangements_are_all_there_are():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(7, 2)), np.array([1.0, 0, 1, 0, 0, 1, 0])
    likelihood = ConditionalLikelihood.of_successes(X, y, np.ones(7), np.zeros(7, int))
    b = np.array([0.4, -1.1])
    sums = [X[list(c)].sum(axis=0) @ b for c in itertools.combinations(range(7), 3)]
    expected = X.T @ y @ b - np.logaddexp.reduce(sums)
    assert likelihood.pieces(b)[0] == pytest.approx(expected, rel=1e-12)


def test_a_person_with_forty_rows_is_not_too_much():
    X = np.tile([[0.0], [1.0]], (20, 1))
    y = np.concatenate([np.tile([0.0, 1.0], 10), np.tile([1.0, 0.0], 4), np.zeros(12)])
    found = conditional_logistic(X, y, np.zeros(40, int), ("drug",))
    assert np.isfinite(found.b).all()
    assert found.b[0] > 0


def test_counts_given_their_totals_are_the_ratio_of_the_sums():
    X = np.tile([[0.0], [1.0]], (5, 1))
    y = np.array([3.0, 5, 0, 2, 1, 1, 4, 9, 2, 2])
    found = conditional_counts(X, y, np.zeros(10), np.repeat(np.arange(5), 2), ("drug",))
    assert found.b[0] == pytest.approx(math.log(19 / 10), rel=1e-8)
    assert found.se[0] == pytest.approx(math.sqrt(1 / 19 + 1 / 10), rel=1e-8)
    assert found.n_strata == 5


def test_exact_test_of_counts_is_the_binomial_one():
    X = np.tile([[0.0], [1.0]], (4, 1))
    y = np.array([0.0, 2, 1, 3, 0, 1, 0, 4])
    listed = ConditionalLikelihood.of_listed_counts(X, y, np.zeros(8), np.repeat(np.arange(4), 2))
    two, less, greater = ExactDistribution(listed).test(0)
    chances = [math.comb(11, k) / 2**11 for k in range(12)]
    assert greater == pytest.approx(sum(chances[10:]))
    assert less == pytest.approx(sum(chances[:11]))
    assert two == pytest.approx(2 * sum(chances[10:]))


def test_exposure_enters_the_exact_test_of_counts():
    X = np.array([[0.0], [1.0]])
    listed = ConditionalLikelihood.of_listed_counts(
        X, np.array([1.0, 5.0]), np.log([1.0, 3.0]), np.zeros(2, int)
    )
    greater = ExactDistribution(listed).test(0)[2]
    chances = [math.comb(6, k) * 0.75**k * 0.25 ** (6 - k) for k in range(7)]
    assert greater == pytest.approx(sum(chances[5:]))


def separated(changed=()):
    columns = crossover_columns(per_sequence=8)
    columns["y"] = [float(t == "A" or i in changed) for i, t in enumerate(columns["treatment"])]
    columns["y"][0] = 0.0
    return TrialData.from_columns(columns, CROSSOVER)


def test_exact_test_under_separation_is_mainland_and_garts():
    data = separated()
    fit = fit_generalised(GeneralisedMixed(), data)
    assert fit.separated
    exact = analyse_binary_two_by_two(data, "B", "A").mainland_gart.p_exact
    assert fit.extra["exact treatment[B]"].p == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_penalised_intervals_end_where_the_penalised_likelihood_has_dropped(level):
    fit = fit_generalised(GeneralisedMixed(level=level), separated())
    effect = fit.coefficients.at("treatment[B]")
    assert (effect.interval.lower > 0 or effect.interval.upper < 0) == (effect.p < 1 - level)
    # one coefficient: two likelihoods of 8 discordant pairs, all for one side, with Jeffreys' prior
    X, person = np.tile([[0.0], [1.0]], (8, 1)), np.repeat(np.arange(8), 2)
    alone = conditional_logistic(X, X[:, 0], person, ("x",), penalise=True)
    lower, upper = profile_ends(alone.likelihood, alone, level)

    def value(b):
        p = 1 / (1 + math.exp(-b))
        return 8 * math.log(p) + 0.5 * math.log(8 * p * (1 - p))

    drop = chi2_quantile(level, 1)
    assert 2 * (value(alone.b[0]) - value(lower[0])) == pytest.approx(drop)
    assert 2 * (value(alone.b[0]) - value(upper[0])) == pytest.approx(drop)
    assert lower[0] < alone.b[0] < upper[0]


@pytest.mark.parametrize("family", ["poisson", "nbinom2"])
def test_no_events_on_one_treatment_are_answered_within_persons(family):
    columns = crossover_columns(per_sequence=6)
    rng = np.random.default_rng(3)
    columns["y"] = [float(rng.poisson(2)) if t == "A" else 0.0 for t in columns["treatment"]]
    data = TrialData.from_columns(columns, CROSSOVER)
    fit = fit_generalised(GeneralisedMixed(family=family), data)
    assert "treatment[B]" in fit.separated
    effect = fit.coefficients.at("treatment[B]")
    assert -6 < effect.value < -1
    assert effect.p < 0.01
    assert fit.extra["exact treatment[B]"].p < 0.01
    assert {"separation", "firth"} <= {n.code for n in fit.notes}


def test_separated_successes_out_of_several_trials_are_answered_too():
    columns = crossover_columns(per_sequence=5)
    columns["n"] = [4.0] * len(columns["y"])
    columns["y"] = [float(2 + i % 2) if t == "A" else 0.0
                    for i, t in enumerate(columns["treatment"])]  # fmt: skip
    roles = Roles(subject="subject", period="period", treatment="treatment", outcome="y",
                  trials="n")  # fmt: skip
    fit = fit_generalised(GeneralisedMixed(), TrialData.from_columns(columns, roles))
    assert fit.separated
    assert np.isfinite(fit.coefficients.b).all()
    assert fit.extra["exact treatment[B]"].p < 1e-6


def test_strata_without_both_outcomes_say_nothing():
    with pytest.raises(NotEstimable, match="both outcomes"):
        conditional_logistic(
            np.eye(4), np.array([1.0, 1, 0, 0]), np.array([0, 0, 1, 1]), ("a",) * 4
        )
