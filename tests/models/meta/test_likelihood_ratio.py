"""Likelihood-ratio tests: what may be compared, by how many degrees of freedom, and the numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from metadesk.models.meta import (
    MODELS,
    FixedEffect,
    MetaData,
    MixedEffects,
    RandomEffects,
    fit_fixed,
    fit_mixed,
    fit_random,
)
from metadesk.models.meta.design import Continuous, Factor, build_design
from metadesk.models.meta.likelihood_ratio import ratio_test, ratio_tests, why_not_nested
from metadesk.models.meta.location_scale import LocationScale, ScaleData, fit_location_scale
from metadesk.models.meta.multilevel import Multilevel, fit_multilevel, three_level_data
from metadesk.numerics.progress import SILENT
from metadesk.numerics.tails import chi2_tail

ML, REML = MixedEffects("ML", "z"), MixedEffects("REML", "z")


@pytest.fixture
def explained(effects, cells):
    design = build_design(cells, [Continuous("ablat"), Factor("alloc")])
    return MetaData.of(*effects, design=design)


def ratios(key, options, data, sets):
    entry = MODELS[key]
    return ratio_tests(entry.fit, entry.ratios, options, data, sets, SILENT)


def test_moderators_are_tested_by_maximum_likelihood_whatever_the_fit_is_by(explained):
    sets = [("all", ("ablat", "allocrandom", "allocsystematic")), ("one", ("ablat",))]
    full = fit_mixed(ML, explained).statistics.logLik
    for options in (ML, REML, MixedEffects("DL", "hksj")):
        both, one = ratios("mixed", options, explained, sets)
        alone = fit_mixed(ML, explained.without_moderators()).statistics.logLik
        assert both.statistic == pytest.approx(2 * (full - alone), rel=1e-9)
        assert (both.df1, one.df1) == (3, 1)
        assert both.p == pytest.approx(chi2_tail(both.statistic, 3))
        assert one.method == "Likelihood ratio (ML)"


def test_fixed_effects_with_moderators_are_tested_without_heterogeneity(explained):
    (test,) = ratios("mixed", MixedEffects("none"), explained, [("all", ("ablat",))])
    fixed = MixedEffects("none", "z")
    less = explained.without_columns(["ablat"])
    expected = fit_mixed(fixed, explained).statistics.logLik
    expected -= fit_mixed(fixed, less).statistics.logLik
    assert test.statistic == pytest.approx(2 * expected, rel=1e-9)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_tau2_is_tested_with_half_the_distribution_at_zero(bcg, method):
    (test,) = MODELS["random"].ratios.of_spread(RandomEffects(method), bcg, SILENT)
    full = fit_random(RandomEffects(method, test="z"), bcg)
    none = fit_random(RandomEffects(method, test="z", tau2_value=0.0), bcg)
    ratio = 2 * (full.statistics.logLik - none.statistics.logLik)
    assert test.statistic == pytest.approx(ratio, rel=1e-12)
    assert test.p == pytest.approx(0.5 * chi2_tail(ratio, 1), rel=1e-12)
    assert method in test.method


def test_a_tau2_of_zero_has_p_one():
    data = MetaData.of([0.30, 0.31, 0.29, 0.305], np.array([0.10, 0.12, 0.15, 0.11]) ** 2)
    (test,) = MODELS["random"].ratios.of_spread(RandomEffects(), data, SILENT)
    assert (test.statistic, test.p) == (0.0, 1.0)


def test_one_study_has_no_test_of_tau2():
    data = MetaData.of([0.3], [0.1])
    assert MODELS["random"].ratios.of_spread(RandomEffects(), data, SILENT) == ()


def test_a_variance_and_a_coefficient_together_share_the_mixture(explained):
    full = fit_mixed(ML, explained.without_columns(["allocrandom", "allocsystematic"])).statistics
    none = fit_fixed(FixedEffect(), explained).statistics
    test = ratio_test(full, none, "both")
    expected = 0.5 * (chi2_tail(test.statistic, 1) + chi2_tail(test.statistic, 2))
    assert test.df1 == 2
    assert test.p == pytest.approx(expected)


@pytest.mark.parametrize(
    ("full", "reduced", "words"),
    [
        (REML, REML, "same moderators only"),
        (ML, REML, "restricted"),
        (MixedEffects("DL"), MixedEffects("DL"), "does not maximise"),
        (ML, ML, ""),
    ],
)
def test_only_maximum_likelihood_compares_different_moderators(explained, full, reduced, words):
    small = explained.without_columns(["ablat"])
    a, b = fit_mixed(full, explained), fit_mixed(reduced, small)
    why = why_not_nested(a, b, explained.X, small.X)
    assert words in why if words else why == ""


def test_models_that_do_not_contain_each_other_are_not_compared(effects, cells):
    one = MetaData.of(*effects, design=build_design(cells, [Continuous("ablat")]))
    other = MetaData.of(*effects, design=build_design(cells, [Factor("alloc")]))
    a, b = fit_mixed(ML, one), fit_mixed(ML, other)
    assert "special case" in why_not_nested(b, a, other.X, one.X)
    assert "same model" in why_not_nested(a, a, one.X, one.X)
    fewer = one.take(range(12))
    assert "different studies" in why_not_nested(a, fit_mixed(ML, fewer), one.X, fewer.X)


def test_other_columns_of_the_same_span_are_the_same_model(effects, cells):
    treatment = MetaData.of(*effects, design=build_design(cells, [Factor("alloc")]))
    full_coding = build_design(cells, [Factor("alloc")], intercept=False)
    means = MetaData.of(*effects, design=full_coding)
    alone = treatment.without_moderators()
    a, b = fit_mixed(REML, means), fit_random(RandomEffects("REML", test="z"), alone)
    assert "same moderators" in why_not_nested(a, b, means.X, alone.X)
    ml = fit_mixed(ML, means), fit_random(RandomEffects("ML", test="z"), alone)
    assert why_not_nested(*ml, means.X, alone.X) == ""


def test_the_scale_model_contains_the_random_effects_model(bcg, cells):
    data = ScaleData.of(bcg, build_design(cells, [Continuous("ablat")]))
    scale = fit_location_scale(LocationScale(), data)
    random = fit_random(RandomEffects(test="z"), bcg)
    assert why_not_nested(scale, random, bcg.X, bcg.X) == ""
    groups = build_design(cells, [Factor("alloc")], intercept=False)
    other = fit_location_scale(LocationScale(), ScaleData.of(bcg, groups))
    assert "special case" in why_not_nested(other, random, bcg.X, bcg.X)


@pytest.fixture
def levels():
    rng = np.random.default_rng(7)
    study = np.repeat(np.arange(12), 4)
    v = rng.uniform(0.02, 0.1, 48)
    y = rng.normal(0, 0.4, 12)[study] + rng.normal(0, np.sqrt(v + 0.02))
    return three_level_data(y, v, [str(s) for s in study]), y, v


def test_three_levels_contain_two(levels):
    data, y, v = levels
    spec = Multilevel(profile=False, test="z")
    three = fit_multilevel(spec, data)
    two = fit_random(RandomEffects(test="z"), MetaData.of(y, v))
    assert why_not_nested(three, two, data.X, data.X) == ""
    test = ratio_test(three.statistics, two.statistics, "levels")
    tests = MODELS["multilevel"].ratios.of_spread(spec, data, SILENT)
    between = next(t for t in tests if t.coefficients == ("sigma^2.1",))
    assert between.statistic == pytest.approx(test.statistic, rel=1e-6)
    assert between.p == pytest.approx(test.p, rel=1e-6)
    alone = fit_multilevel(replace(spec, random="1 | study"), data)
    within = next(t for t in tests if t.coefficients == ("sigma^2.2",))
    ratio = 2 * (three.statistics.logLik - alone.statistics.logLik)
    assert within.statistic == pytest.approx(ratio, rel=1e-6)


def test_correlated_errors_are_another_likelihood(levels):
    data, y, v = levels
    block = np.diag(v[:2]) + 0.5 * np.sqrt(v[0] * v[1]) * (1 - np.eye(2))
    tied = replace(data, blocks=((np.array([0, 1]), block),))
    three = fit_multilevel(Multilevel(profile=False, test="z"), tied)
    two = fit_random(RandomEffects(test="z"), MetaData.of(y, v))
    assert "different likelihoods" in why_not_nested(three, two, data.X, data.X)


def test_a_single_coefficient_without_intercept_leaves_nothing_to_compare_with(effects, cells):
    design = build_design(cells, [Continuous("ablat")], intercept=False)
    data = MetaData.of(*effects, design=design)
    assert ratios("mixed", ML, data, [("all", ("ablat",))]) == ()


def test_statistics_say_what_they_maximise(bcg):
    by = {
        "ML": fit_random(RandomEffects("ML"), bcg),
        "DL": fit_random(RandomEffects("DL"), bcg),
        "given": fit_random(RandomEffects("ML", tau2_value=0.2), bcg),
        "equal weights": fit_random(RandomEffects("ML", weighting="equal"), bcg),
        "fixed": fit_fixed(FixedEffect(), bcg),
    }
    named = {key: bool(fit.statistics.likelihood) for key, fit in by.items()}
    assert named == {
        "ML": True, "DL": False, "given": False, "equal weights": False, "fixed": True
    }  # fmt: skip
    assert not math.isnan(by["DL"].statistics.logLik)
