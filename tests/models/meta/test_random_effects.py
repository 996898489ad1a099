import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.meta import (
    MODELS,
    FixedEffect,
    MetaData,
    RandomEffects,
    fit_fixed,
    fit_random,
)
from metadesk.models.meta.blups import study_effects
from metadesk.models.meta.predictions import probability_below
from metadesk.models.meta.random_effects import I2_TITLES
from metadesk.models.meta.tau2 import METHODS, Q_WEIGHTS
from metadesk.options import from_plain, options_of

HOMOGENEOUS = ([0.30, 0.31, 0.29, 0.305], np.array([0.10, 0.12, 0.15, 0.11]) ** 2)


def plain(**more):
    return RandomEffects(**{"test": "z", "prediction": "test", **more})


def test_reml_of_the_bcg_trials_agrees_with_published_values(bcg):
    fit = fit_random(plain(), bcg)
    assert fit.pooled.value == pytest.approx(-0.714532342158, abs=1e-12)
    assert fit.pooled.se == pytest.approx(0.179781516105, abs=1e-12)
    assert fit.heterogeneity.QE == pytest.approx(152.233008082, abs=1e-9)
    assert fit.heterogeneity.I2 == pytest.approx(92.2213845, abs=1e-6)
    assert fit.heterogeneity.I2_Q == pytest.approx(92.117347, abs=1e-6)
    assert (fit.prediction.lower, fit.prediction.upper) == pytest.approx(
        (-1.8667, 0.4376), abs=1e-4
    )


def test_test_based_interval_of_i2_agrees_with_published_values(bcg):
    h = fit_random(plain(I2="Q"), bcg).heterogeneity
    assert (h.I2_interval.lower, h.I2_interval.upper) == pytest.approx((88.32, 94.68), abs=0.01)


@pytest.mark.parametrize(
    ("test", "se", "df", "ends"),
    [
        ("hksj", 0.180768, 12.0, (-1.108443723, -0.320620974)),
        ("kr", 0.181535651866, 10.5137, (-1.11635599, -0.31270871)),
    ],
)
def test_small_sample_tests_agree_with_published_values(bcg, test, se, df, ends):
    pooled = fit_random(plain(test=test), bcg).pooled
    assert pooled.se == pytest.approx(se, rel=1e-3)
    assert pooled.df == pytest.approx(df, abs=1e-4)
    assert (pooled.interval.lower, pooled.interval.upper) == pytest.approx(ends, abs=1e-6)


@pytest.mark.parametrize(
    ("rule", "ends"), [("t(k-1)", (-1.9953, 0.5663)), ("t(k-2)", (-2.0084, 0.5793))]
)
def test_prediction_intervals_agree_with_published_values(bcg, rule, ends):
    found = fit_random(plain(prediction=rule), bcg).prediction
    assert (found.lower, found.upper) == pytest.approx(ends, abs=1e-4)


def test_the_guard_keeps_the_classic_standard_error_and_says_so():
    data = MetaData.of(*HOMOGENEOUS)
    classic = fit_random(plain(), data)
    bare = fit_random(plain(test="hksj"), data)
    guarded = fit_random(plain(test="hksj-guarded"), data)
    assert bare.pooled.interval.upper - bare.pooled.interval.lower < 0.03
    assert guarded.pooled.se == classic.pooled.se
    assert guarded.pooled.interval.lower < classic.pooled.interval.lower
    assert "hk-guard" in [n.code for n in guarded.notes]
    assert "hk-guard" not in [n.code for n in bare.notes]


def test_a_guard_that_changes_nothing_is_not_told():
    # Of two studies REML's tau² makes the factor 1, but for rounding below it.
    for second in (1.1, 1.3, 1.7, 2.3, 2.9):
        fit = fit_random(RandomEffects(), MetaData.of([0.2, second], [0.1, 0.13]))
        assert "hk-guard" not in [n.code for n in fit.notes]


def test_identical_effects_get_no_test_without_the_guard():
    fit = fit_random(plain(test="hksj"), MetaData.of([0.3, 0.3, 0.3], [0.1, 0.2, 0.3]))
    assert math.isnan(fit.pooled.p)
    assert "identical-effects" in [n.code for n in fit.notes]


def test_weights_sum_to_one_hundred_and_own_weights_are_used(effects):
    data = MetaData.of(*effects, weights=np.arange(13.0))
    fit = fit_random(plain(weighting="user"), data)
    assert "; the sheet's own weights; test" in fit.method
    assert fit.weights.sum() == pytest.approx(100.0)
    assert fit.pooled.value == pytest.approx(np.average(effects[0], weights=np.arange(13.0)))


def test_own_weights_without_a_column_are_refused(bcg):
    with pytest.raises(SpecProblem, match="weights"):
        fit_random(plain(weighting="user"), bcg)


def test_a_given_tau2_is_used_and_not_counted(bcg):
    fit = fit_random(plain(tau2_value=0.2), bcg)
    assert fit.heterogeneity.tau2 == 0.2
    assert fit.components[0].fixed
    assert fit.statistics.n_parameters == 1


def test_blups_lie_between_a_study_and_the_mean(bcg):
    fit = fit_random(plain(), bcg)
    found = study_effects(fit, bcg)
    low, high = np.minimum(bcg.yi, fit.pooled.value), np.maximum(bcg.yi, fit.pooled.value)
    assert ((low <= found.pred) & (found.pred <= high)).all()
    assert found.pred == pytest.approx(fit.blup)
    assert found.se == pytest.approx(fit.blup_se)


def test_probability_of_a_negative_effect_is_half_at_the_mean(bcg):
    fit = fit_random(plain(), bcg)
    assert probability_below(fit, fit.pooled.value).value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("yi", "vi", "words"),
    [
        ([0.1, 0.2], [0.1, 0.0], r"Row 2 \(B\).*variance is 0"),
        ([0.1, math.nan], [0.1, 0.1], r"Row 2 \(B\).*effect is nan"),
        ([0.1, 0.2], [-0.1, 0.1], r"Row 1 \(A\)"),
    ],
)
def test_impossible_numbers_are_refused_with_their_place(yi, vi, words):
    with pytest.raises(DataProblem, match=words):
        MetaData.of(yi, vi, slab=["A", "B"])


def test_widely_differing_variances_are_pointed_out():
    data = MetaData.of([0.1, 0.2], [1e-6, 100.0])
    assert [n.code for n in data.notes()] == ["variance-ratio"]


@pytest.mark.parametrize("test", ["z", "t", "hksj", "hksj-guarded", "kr"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_one_two_and_three_studies_give_a_result(test, k):
    data = MetaData.of([0.1, 0.5, -0.2][:k], [0.04, 0.01, 0.09][:k])
    fit = fit_random(RandomEffects(test=test), data)
    assert np.isfinite(fit.pooled.value)
    assert np.isfinite(fit.pooled.interval.upper)


def test_one_study_gives_that_study():
    data = MetaData.of([0.4], [0.09])
    for fit in (fit_random(RandomEffects(), data), fit_fixed(FixedEffect(), data)):
        assert fit.pooled.value == 0.4
        assert fit.pooled.se == pytest.approx(0.3)


def test_every_option_of_the_catalogue_can_be_made_from_plain_values():
    for entry in MODELS:
        given = {o.name: o.default for o in options_of(entry.options)}
        assert from_plain(entry.options, given) == entry.options()


@pytest.mark.parametrize("name", [o.name for o in options_of(RandomEffects) if o.kind == "choice"])
def test_every_choice_of_the_random_effects_model_runs_and_is_named(effects, name):
    data = MetaData.of(*effects, weights=np.arange(1.0, 14.0))
    option = next(o for o in options_of(RandomEffects) if o.name == name)
    seen = set()
    for key in option.choices:
        beside = {"profile": {"tau2": "ML"}} if name == "test" else {}
        given = {**beside.get(key, {}), **({"tau2": "GENQ"} if name == "q_weights" else {})}
        fit = fit_random(from_plain(RandomEffects, {**given, name: key}), data)
        h = fit.heterogeneity
        seen.add((fit.method, str(fit.prediction), str(h.tau2_interval), h.I2_definition))
    assert len(seen) == len(option.choices)


numbers = st.floats(-2, 2)
sets = st.integers(2, 10).flatmap(
    lambda k: st.tuples(
        st.lists(numbers, min_size=k, max_size=k),
        st.lists(st.floats(-3, 0.5), min_size=k, max_size=k),
        st.permutations(range(k)),
    )
)


@settings(max_examples=60, deadline=None)
@given(sets, st.sampled_from(["REML", "DL", "PM", "ML", "SJ"]))
def test_the_order_of_studies_does_not_matter(data, method):
    y, v, order = np.array(data[0]), 10.0 ** np.array(data[1]), np.array(data[2])
    spec = RandomEffects(tau2=method)
    one, other = (
        fit_random(spec, MetaData.of(y, v)),
        fit_random(spec, MetaData.of(y[order], v[order])),
    )
    assert other.pooled.value == pytest.approx(one.pooled.value, rel=1e-9, abs=1e-9)
    assert other.heterogeneity.tau2 == pytest.approx(one.heterogeneity.tau2, rel=1e-7, abs=1e-9)
    assert other.weights == pytest.approx(one.weights[order], rel=1e-6, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(sets)
def test_random_effects_are_fixed_effects_where_tau2_is_zero(data):
    y, v = np.array(data[0]), 10.0 ** np.array(data[1])
    meta = MetaData.of(y, v)
    fixed = fit_fixed(FixedEffect(), meta)
    random = fit_random(plain(tau2_value=0.0), meta)
    assert random.pooled.value == fixed.pooled.value
    assert random.pooled.se == fixed.pooled.se
    assert random.weights == pytest.approx(fixed.weights)


@settings(max_examples=60, deadline=None)
@given(sets, st.floats(-6, 6), st.sampled_from(["REML", "DL", "PM", "EB", "HE"]))
def test_rescaling_effects_rescales_the_estimate(data, power, method):
    c = 10.0**power
    y, v = np.array(data[0]), 10.0 ** np.array(data[1])
    spec = RandomEffects(tau2=method)
    one, other = (
        fit_random(spec, MetaData.of(y, v)),
        fit_random(spec, MetaData.of(c * y, c * c * v)),
    )
    size = abs(one.pooled.value) + one.pooled.se
    assert other.pooled.value == pytest.approx(c * one.pooled.value, abs=c * 1e-9 * size)
    t = one.heterogeneity.tau2
    assert other.heterogeneity.tau2 == pytest.approx(c * c * t, rel=1e-9, abs=c * c * 1e-14)
    assert other.heterogeneity.I2 == pytest.approx(one.heterogeneity.I2, rel=1e-8, abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(sets)
def test_the_guarded_interval_is_never_narrower_than_the_classic_one(data):
    meta = MetaData.of(np.array(data[0]), 10.0 ** np.array(data[1]))
    classic, guarded = (fit_random(plain(test=t), meta) for t in ("z", "hksj-guarded"))
    a, b = classic.pooled.interval, guarded.pooled.interval
    assert b.upper - b.lower >= (a.upper - a.lower) * (1 - 1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_one_study_carries_a_given_tau2_without_a_standard_error_of_it(method):
    fit = fit_random(
        RandomEffects(tau2=method, tau2_value=1.5, test="z"), MetaData.of([1.0], [0.2])
    )
    assert fit.heterogeneity.tau2 == 1.5
    assert np.isnan(fit.heterogeneity.se_tau2)
    assert fit.pooled.se == pytest.approx(1.7**0.5, abs=1e-15)


@pytest.mark.parametrize("method", ["GENQ", "GENQM"])
def test_the_weights_of_a_generalised_q_change_tau2_as_the_formula_says(effects, method):
    """With weights 1/v and 1 the moment estimators are DL and HE."""
    data = MetaData.of(*effects, weights=1.0 / effects[1])
    found = {
        key: fit_random(RandomEffects(tau2=method, q_weights=key), data).heterogeneity.tau2
        for key in Q_WEIGHTS
    }
    assert found["user"] == pytest.approx(found["1/v"], rel=1e-12)
    assert len({round(t, 9) for t in found.values()}) == 3
    if method == "GENQ":
        for key, same in (("1/v", "DL"), ("equal", "HE")):
            other = fit_random(RandomEffects(tau2=same), data).heterogeneity.tau2
            assert found[key] == pytest.approx(other, rel=1e-12)


def test_the_sheets_weights_are_asked_for_by_the_name_of_their_role(bcg):
    for options in (RandomEffects("GENQ", q_weights="user"), RandomEffects(weighting="user")):
        with pytest.raises(SpecProblem, match="User weight"):
            fit_random(options, bcg)


def test_the_profile_likelihood_can_be_the_test_of_the_mean(bcg):
    fit = fit_random(RandomEffects(tau2="ML", test="profile"), bcg)
    beside = fit_random(RandomEffects(tau2="ML", test="z"), bcg).extra["profile_mean"]
    assert fit.pooled.interval.lower == beside.interval.lower
    assert fit.pooled.interval.upper == beside.interval.upper
    assert fit.pooled.p == beside.p
    assert fit.coefficients.stat[0] == pytest.approx(-np.sqrt(beside.stat))
    assert "Profile likelihood" in fit.method


def test_the_profile_likelihood_says_what_it_needs(bcg):
    with pytest.raises(SpecProblem, match="choose ML"):
        fit_random(RandomEffects(tau2="REML", test="profile"), bcg)


def test_cochrans_q_keeps_its_capital_among_the_choices() -> None:
    assert I2_TITLES == {"tau2": "From τ²", "Q": "From Q"}
