"""Likelihood-ratio tests and profile intervals against fits without the term."""

from __future__ import annotations

import numpy as np
import pytest
from made_trials import CROSSOVER, crossover_columns

from metadesk.errors import NotEstimable
from metadesk.models.mixed import GeneralisedMixed, Term, TrialData, fit_generalised
from metadesk.models.mixed.generalised.fit import climb_generalised
from metadesk.models.mixed.generalised.likelihood_ratio import (
    CoefficientProfile,
    likelihood_ratio_of,
)
from metadesk.numerics.tails import chi2_quantile, chi2_sf


def trial(family):
    columns = crossover_columns(orders=("ABA", "BAB"), per_sequence=12, seed=4)
    values = np.array(columns["y"])
    ranks = (values - values.mean()) / values.std()
    if family == "binomial":
        columns["y"] = [float(v > 0) for v in ranks]
    elif family == "ordinal":
        columns["y"] = [float(np.digitize(v, [-1, 0, 1])) for v in ranks]
    else:
        columns["y"] = [float(v) for v in np.round(np.exp(0.5 + 0.5 * ranks))]
    return TrialData.from_columns(columns, CROSSOVER)


@pytest.mark.parametrize("family", ["binomial", "poisson", "ordinal"])
def test_the_test_is_that_against_the_fit_without_the_term(family):
    data = trial(family)
    fit = fit_generalised(GeneralisedMixed(family=family), data)
    without = GeneralisedMixed(family=family, fixed=(Term("period"),))
    statistic = 2 * (fit.statistics.logLik - fit_generalised(without, data).statistics.logLik)
    fitted = climb_generalised(GeneralisedMixed(family=family), data)
    found = likelihood_ratio_of(fitted, "treatment[B]", 0.95)
    assert found.value == pytest.approx(fit.coefficients.at("treatment[B]").value, abs=1e-7)
    assert found.p == pytest.approx(float(chi2_sf(statistic, 1)), rel=1e-5)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_likelihood_has_dropped_at_both_ends(level):
    fitted = climb_generalised(GeneralisedMixed(), trial("binomial"))
    found = likelihood_ratio_of(fitted, "treatment[B]", level)
    profile = CoefficientProfile(fitted, "treatment[B]")
    goal = float(chi2_quantile(level, 1))
    assert found.interval.lower < found.value < found.interval.upper
    for end in (found.interval.lower, found.interval.upper):
        assert profile.excess(end) == pytest.approx(goal, abs=1e-4)


def test_an_unknown_term_is_named():
    fitted = climb_generalised(GeneralisedMixed(), trial("binomial"))
    with pytest.raises(NotEstimable, match="no coefficient 'sex'"):
        likelihood_ratio_of(fitted, "sex", 0.95)
