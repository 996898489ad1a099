"""Series of N-of-1 trials with yes/no and counted outcomes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_trials import SERIES, series_columns

from metadesk.errors import DataProblem
from metadesk.models.mixed import GeneralisedMixed, TrialData, fit_generalised
from metadesk.models.mixed.generalised_series import generalised_series, own_log_ratios


def series(kind, persons=14, cycles=10, seed=3):
    columns = series_columns(persons=persons, cycles=cycles, seed=seed, spread=1.2)
    values = np.array(columns["y"]) - np.mean(columns["y"])
    rng = np.random.default_rng(seed)
    if kind == "binomial":
        columns["y"] = [float(rng.random() < 1 / (1 + np.exp(-v))) for v in values]
    else:
        columns["y"] = [float(rng.poisson(np.exp(1 + 0.4 * v))) for v in values]
    return TrialData.from_columns(columns, SERIES)


def model(kind):
    return GeneralisedMixed(family=kind, random="slope", reference="A")


@pytest.mark.parametrize("kind", ["binomial", "poisson"])
def test_population_spread_prediction_and_persons(kind):
    data = series(kind)
    found = generalised_series(model(kind), data, "B", "A", relevant=math.log(1.25))
    fit = fit_generalised(model(kind), data)
    assert found.effect.value == pytest.approx(fit.coefficients.at("treatment[B]").value)
    sd = math.sqrt(fit.covariances["patient"][1, 1])
    assert found.between_sd.value == pytest.approx(sd)
    half = 1.959963984540054 * math.hypot(sd, found.effect.se)
    assert found.prediction.upper - found.effect.value == pytest.approx(half)
    raw = dict(zip(found.raw.patients, found.raw.yi, strict=True))
    for who, own in zip(found.individual.levels, found.individual.estimate, strict=True):
        assert abs(own - found.effect.value) <= abs(raw[who] - found.effect.value) + 0.5
    assert ((found.exceeds > 0) & (found.exceeds < 1)).all()
    plain = GeneralisedMixed(family=kind, reference="A", integration="laplace")
    gain = 2 * (fit.statistics.logLik - fit_generalised(plain, data).statistics.logLik)
    assert found.between_test.statistic == pytest.approx(gain, abs=1e-6)


def test_the_other_direction_and_another_size_change_the_chance_that_it_matters():
    data = series("binomial")
    base = generalised_series(model("binomial"), data, "B", "A", relevant=0.2).exceeds
    more = generalised_series(model("binomial"), data, "B", "A", relevant=0.8).exceeds
    lower = generalised_series(
        model("binomial"), data, "B", "A", relevant=0.2, lower_is_better=True
    ).exceeds
    assert (more < base).all()
    assert (lower > base).any()


def test_a_person_with_an_empty_cell_gets_half_a_success_more():
    columns = {
        "patient": ["1"] * 8, "cycle": list("11223344"), "treatment": list("ABABABAB"),
        "time": list(range(8)), "y": [0.0, 1, 0, 1, 0, 1, 0, 0],
    }  # fmt: skip
    data = TrialData.from_columns(columns, SERIES)
    raw = own_log_ratios(model("binomial"), data, "B", "A")
    assert raw.yi[0] == pytest.approx(math.log(3.5 * 4.5 / (1.5 * 0.5)))
    assert raw.vi[0] == pytest.approx(1 / 3.5 + 1 / 4.5 + 1 / 1.5 + 1 / 0.5)


def test_rates_of_a_person_are_per_exposure():
    columns = {
        "patient": ["1"] * 4, "cycle": list("1122"), "treatment": list("ABAB"),
        "time": list(range(4)), "y": [2.0, 6, 2, 6], "log time": [0.0, math.log(2)] * 2,
    }  # fmt: skip
    from dataclasses import replace

    data = TrialData.from_columns(columns, replace(SERIES, offset="log time"))
    raw = own_log_ratios(model("poisson"), data, "B", "A")
    assert raw.yi[0] == pytest.approx(math.log(6 / 2 / 2))
    assert raw.vi[0] == pytest.approx(1 / 12 + 1 / 4)


def test_without_a_finite_estimate_of_own_effects_a_sentence_says_so():
    columns = series_columns(persons=6, cycles=4)
    columns["y"] = [float(t == "B") for t in columns["treatment"]]
    columns["y"][0] = 1.0
    data = TrialData.from_columns(columns, SERIES)
    with pytest.raises(DataProblem, match="own effects cannot be estimated"):
        generalised_series(model("binomial"), data, "B", "A")
