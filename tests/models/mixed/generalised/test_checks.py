"""Overdispersion and proportional odds."""

from __future__ import annotations

import numpy as np
import pytest
from made_trials import CROSSOVER, crossover_columns

from metadesk.models.mixed import GeneralisedMixed, TrialData, fit_generalised
from metadesk.models.mixed.generalised.checks import above, effects_by_cut, overdispersion
from metadesk.models.mixed.generalised.fit import climb_generalised


def counts(shape, seed=3):
    columns = crossover_columns(orders=("ABBA", "BAAB"), per_sequence=20, seed=seed)
    rng = np.random.default_rng(seed)
    more = rng.gamma(shape, 1 / shape, len(columns["y"])) if shape else np.ones(len(columns["y"]))
    columns["y"] = [float(rng.poisson(6 * m)) for m in more]
    return TrialData.from_columns(columns, CROSSOVER)


def pearson(family, data):
    return overdispersion(climb_generalised(GeneralisedMixed(family=family), data))


def test_poisson_counts_give_about_one():
    found = pearson("poisson", counts(None))
    assert found.value == pytest.approx(1.0, abs=0.2)
    assert found.p > 0.05


def test_counts_that_vary_more_are_seen_and_the_negative_binomial_takes_them_up():
    data = counts(2.0)
    assert pearson("poisson", data).value > 2
    assert pearson("poisson", data).p < 1e-6
    assert pearson("nbinom2", data).value == pytest.approx(1.0, abs=0.25)


def test_pearson_is_that_of_the_conditional_means():
    data = counts(2.0)
    fit = fit_generalised(GeneralisedMixed(family="poisson"), data)
    b = dict(zip(fit.coefficients.names, fit.coefficients.b, strict=True))
    level = dict(zip(fit.random[0].levels, fit.random[0].modes[:, 0], strict=True))
    chi2 = 0.0
    for i in range(len(data)):
        eta = b["(Intercept)"] + level[data.subject.words()[i]]
        eta += b.get(f"period[{data.factor('period').words()[i]}]", 0.0)
        eta += b.get(f"treatment[{data.treatment.words()[i]}]", 0.0)
        chi2 += (data.outcome[i] - np.exp(eta)) ** 2 / np.exp(eta)
    found = pearson("poisson", data)
    assert found.value * found.df == pytest.approx(chi2, rel=1e-5)
    assert found.df == len(data) - 6


def test_a_yes_or_no_has_no_overdispersion():
    columns = crossover_columns(orders=("ABBA", "BAAB"))
    columns["y"] = [float(v) for v in np.random.default_rng(1).integers(0, 2, len(columns["y"]))]
    assert pearson("binomial", TrialData.from_columns(columns, CROSSOVER)) is None


def ordered(seed=5):
    columns = crossover_columns(orders=("ABBA", "BAAB"), per_sequence=20, seed=seed, between=1.0)
    columns["y"] = [float(np.digitize(v, [10, 11.5, 12.5])) for v in columns["y"]]
    return TrialData.from_columns(columns, CROSSOVER)


def test_each_cut_has_the_odds_ratio_of_its_own_yes_or_no():
    data = ordered()
    found = effects_by_cut(GeneralisedMixed(family="ordinal"), data, "treatment[B]")
    assert [q.title for q in found] == ["Above 0", "Above 1", "Above 2"]
    columns = {k: list(v) for k, v in data.cells.items()}
    columns["y"] = [float(v > 1) for v in columns["y"]]
    alone = fit_generalised(GeneralisedMixed(), TrialData.from_columns(columns, CROSSOVER))
    assert found[1].value == pytest.approx(alone.coefficients.at("treatment[B]").value, rel=1e-9)


def test_rows_left_out_stay_out_of_the_cuts():
    data = ordered()
    columns = {k: list(v) for k, v in data.cells.items()}
    columns["y"][3] = None
    cut = above(TrialData.from_columns(columns, CROSSOVER), 0)
    assert len(cut) == len(columns["y"]) - 1
    assert set(cut.outcome) == {0.0, 1.0}
