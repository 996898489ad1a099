"""Moderators of the spread: the likelihood, its maximum, what the result says."""

import math
from dataclasses import replace

import numpy as np
import pytest

from metadesk.errors import NotEstimable
from metadesk.models.meta import MetaData, RandomEffects, fit_random
from metadesk.models.meta.design import Continuous, Factor, build_design
from metadesk.models.meta.location_scale import RATIOS, LocationScale, ScaleData, fit_location_scale
from metadesk.models.meta.scale_likelihood import ScaleLikelihood
from metadesk.numerics.progress import SILENT


@pytest.fixture
def by_allocation(bcg, cells):
    return ScaleData.of(bcg, build_design(cells, [Factor("alloc")]))


@pytest.fixture
def by_latitude(bcg, cells):
    return ScaleData.of(bcg, build_design(cells, [Continuous("ablat")]))


def test_without_moderators_it_is_the_random_effects_model(bcg):
    for method in ("REML", "ML"):
        found = fit_location_scale(LocationScale(method), ScaleData.of(bcg, None))
        plain = fit_random(RandomEffects(tau2=method, test="z"), bcg)
        assert found.heterogeneity.tau2 == pytest.approx(plain.heterogeneity.tau2, rel=1e-7)
        assert found.statistics.logLik == pytest.approx(plain.statistics.logLik)
        assert found.statistics.variances == plain.statistics.variances
        assert found.blup == pytest.approx(plain.blup, rel=1e-6)
        assert found.blup_se == pytest.approx(plain.blup_se, rel=1e-6)


def test_the_gradient_and_hessian_are_those_of_the_likelihood(effects, cells):
    Z = np.linalg.qr(build_design(cells, [Continuous("ablat")]).X)[0]
    for restricted in (True, False):
        problem = ScaleLikelihood(*effects, np.ones((13, 1)), Z, restricted)
        at = np.array([-3.0, 0.4])
        state, h = problem.at(at), 1e-5
        for i in range(2):
            step = h * np.eye(2)[i]
            up, down = problem.at(at + step), problem.at(at - step)
            assert state.gradient[i] == pytest.approx((up.ll - down.ll) / (2 * h), rel=1e-6)
            slope = (up.gradient - down.gradient) / (2 * h)
            assert state.hessian[i] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_groups_by_ml_are_the_groups_own_fits_about_a_common_mean(by_allocation):
    """With the mean free in every group too, each group is a fit of its own."""
    groups = ["random", "alternate", "systematic"]
    effects = by_allocation.effects
    design = by_allocation.scale
    both = replace(by_allocation, effects=replace(effects, X=design.X, names=design.names))
    found = fit_location_scale(LocationScale("ML"), both)
    words = np.array(design.cells["alloc"])
    for group in groups:
        rows = np.flatnonzero(words == group)
        own = fit_random(RandomEffects(tau2="ML", test="z"), effects.take(rows))
        tau2 = found.spread.tau2[rows]
        assert tau2 == pytest.approx(np.full(rows.size, own.heterogeneity.tau2), rel=1e-5, abs=1e-8)


def test_no_one_tau2_is_claimed_where_it_differs(by_latitude):
    found = fit_location_scale(LocationScale(), by_latitude)
    assert math.isnan(found.heterogeneity.tau2)
    assert "every study" in found.heterogeneity.tau2_method
    alpha = found.spread.coefficients
    line = alpha.b[0] + alpha.b[1] * by_latitude.Z[:, 1]
    assert found.spread.tau2 == pytest.approx(np.exp(line))


def test_method_test_and_level_change_the_numbers(by_latitude):
    base = fit_location_scale(LocationScale(), by_latitude)
    ml = fit_location_scale(LocationScale("ML"), by_latitude)
    t = fit_location_scale(LocationScale(test="t"), by_latitude)
    wide = fit_location_scale(LocationScale(level=0.99), by_latitude)
    a = base.spread.coefficients
    assert ml.spread.coefficients.b[1] != pytest.approx(a.b[1])
    assert (t.coefficients.df == 12).all()
    assert (t.spread.coefficients.df == 11).all()
    assert t.spread.coefficients.pval[1] > a.pval[1]
    assert wide.spread.coefficients.ci_ub[1] > a.ci_ub[1]
    assert wide.coefficients.ci_ub[0] > base.coefficients.ci_ub[0]


def test_the_order_of_studies_does_not_matter(by_allocation):
    rows = np.random.default_rng(3).permutation(13)
    one = fit_location_scale(LocationScale(), by_allocation)
    other = fit_location_scale(LocationScale(), by_allocation.take(rows))
    assert other.spread.coefficients.b == pytest.approx(one.spread.coefficients.b, rel=1e-7)
    assert other.spread.tau2 == pytest.approx(one.spread.tau2[rows], rel=1e-7)


def test_other_units_scale_the_mean_and_every_tau2(by_latitude):
    one = fit_location_scale(LocationScale(), by_latitude)
    c = 1e3
    effects = by_latitude.effects
    scaled = replace(by_latitude, effects=replace(effects, yi=c * effects.yi, vi=c**2 * effects.vi))
    other = fit_location_scale(LocationScale(), scaled)
    assert other.coefficients.b == pytest.approx(c * one.coefficients.b, rel=1e-7)
    assert other.spread.tau2 == pytest.approx(c**2 * one.spread.tau2, rel=1e-6)
    assert other.spread.coefficients.b[1] == pytest.approx(one.spread.coefficients.b[1], rel=1e-6)


def test_the_spread_is_tested_by_its_likelihood_ratio(by_latitude):
    (test,) = RATIOS.of_spread(LocationScale(), by_latitude, SILENT)
    full = fit_location_scale(LocationScale(), by_latitude).statistics.logLik
    even = fit_random(RandomEffects(test="z"), by_latitude.effects).statistics.logLik
    assert test.statistic == pytest.approx(2 * (full - even), rel=1e-6)
    assert test.df1 == 1
    assert test.method == "Likelihood ratio (REML)"


def of_few(k):
    effects = MetaData.of(np.linspace(0, 1, k), np.full(k, 0.1))
    return ScaleData.of(effects, build_design({"x": list(range(k))}, [Continuous("x")]))


def test_three_studies_are_answered():
    assert np.isfinite(fit_location_scale(LocationScale(), of_few(3)).coefficients.b).all()


@pytest.mark.parametrize("k", [1, 2])
def test_fewer_studies_are_refused_in_a_sentence(k):
    with pytest.raises(NotEstimable, match="cannot carry 1 coefficients of the mean"):
        fit_location_scale(LocationScale(), of_few(k))
