"""Series of N-of-1 trials with yes/no and counted outcomes."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_trials import SERIES, series_columns

from metadesk.errors import DataProblem
from metadesk.models.mixed import GeneralisedMixed, Roles, TrialData, fit_generalised
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


# Roots of glmer's deviance (lme4 1.1, nAGQ = 1, slope first in the random term, all other
# parameters minimised) at its minimum plus 3.84; the value at 0 is that of an SD of 0.0001.
PROFILES = {
    "sim_bnof1": ("binomial", 0.6842728, 0.250356, 1.181532),
    "sim_pnof1v": ("poisson", 0.3307736, 0.2220243, 0.496279),
}


@pytest.mark.parametrize(("name", "expected"), PROFILES.items(), ids=PROFILES)
def test_the_spread_of_effects_has_the_profile_interval_of_glmers_deviance(name, expected):
    kind, sd, low, high = expected
    found = generalised_series(model(kind), reference_rows(name), "B", "A").between_sd
    assert found.value == pytest.approx(sd, rel=3e-4)
    assert found.interval.lower == pytest.approx(low, rel=2e-4)
    assert found.interval.upper == pytest.approx(high, rel=2e-4)


def reference_rows(name):
    path = Path(__file__).parents[2] / "reference" / "trials" / "data" / f"{name}.csv"
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    columns = {k: [r[k] for r in rows] for k in rows[0]}
    columns["y"] = [float(v) for v in columns["y"]]
    roles = Roles(subject="patient", cycle="cycle", treatment="treatment", outcome="y")
    return TrialData.from_columns(columns, roles, repeated=True)


def test_a_lower_level_narrows_the_interval_of_the_spread():
    data = reference_rows("sim_pnof1v")
    wide = generalised_series(model("poisson"), data, "B", "A").between_sd.interval
    narrow = generalised_series(
        replace(model("poisson"), level=0.8), data, "B", "A"
    ).between_sd.interval
    assert wide.lower < narrow.lower < narrow.upper < wide.upper
    assert narrow.level == 0.8


@pytest.mark.parametrize("kind", ["binomial", "poisson"])
def test_the_interval_of_the_spread_begins_at_zero_where_the_likelihood_ratio_allows_it(kind):
    columns = series_columns(persons=14, cycles=10, seed=3, spread=0.0)
    rng = np.random.default_rng(4)
    mean = np.array(columns["y"]) - np.mean(columns["y"])
    draw = {
        "binomial": lambda v: float(rng.random() < 1 / (1 + np.exp(-v))),
        "poisson": lambda v: float(rng.poisson(np.exp(1 + 0.2 * v))),
    }
    columns["y"] = [draw[kind](v) for v in mean]
    found = generalised_series(model(kind), TrialData.from_columns(columns, SERIES), "B", "A")
    assert found.between_test.statistic < 3.84
    assert found.between_sd.interval.lower == 0.0
    assert found.between_sd.interval.upper > max(found.between_sd.value, 0.05)


def test_the_interval_of_the_spread_does_not_depend_on_which_treatment_is_the_reference():
    data = series("binomial")
    one = generalised_series(model("binomial"), data, "B", "A").between_sd.interval
    other = generalised_series(
        replace(model("binomial"), reference="B"), data, "A", "B"
    ).between_sd.interval
    assert one.lower == pytest.approx(other.lower, abs=2e-4)
    assert one.upper == pytest.approx(other.upper, rel=2e-4)


def test_ordered_outcomes_have_an_interval_of_the_spread_too():
    columns = series_columns(persons=14, cycles=10, seed=3, spread=1.2)
    cuts = np.quantile(columns["y"], [0.3, 0.7])
    columns["y"] = [float(np.searchsorted(cuts, v)) for v in columns["y"]]
    data = TrialData.from_columns(columns, SERIES, words_allowed=True)
    found = generalised_series(model("ordinal"), data, "B", "A").between_sd
    assert 0 < found.interval.lower < found.value < found.interval.upper


def test_three_treatments_have_an_interval_each():
    columns = series_columns(persons=16, cycles=12, seed=5, spread=1.0)
    rng = np.random.default_rng(6)
    columns["treatment"] = [
        "C" if int(c) % 3 == 0 and t == "A" else t
        for c, t in zip(columns["cycle"], columns["treatment"], strict=True)
    ]
    columns["y"] = [float(rng.poisson(np.exp(1 + 0.3 * (v - 5)))) for v in columns["y"]]
    data = TrialData.from_columns(columns, SERIES)
    for active in "BC":
        found = generalised_series(model("poisson"), data, active, "A").between_sd
        assert found.interval.lower <= found.value <= found.interval.upper
