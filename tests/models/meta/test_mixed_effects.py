import numpy as np
import pytest

from metadesk.errors import NotEstimable, SpecProblem
from metadesk.models.meta import (
    FixedEffect,
    MetaData,
    MixedEffects,
    RandomEffects,
    fit_mixed,
    fit_random,
)
from metadesk.models.meta.design import Continuous, Factor, build_design
from metadesk.models.meta.formula import parse_formula
from metadesk.models.meta.location_scale import LocationScale, ScaleData, fit_location_scale
from metadesk.models.meta.marginal_means import marginal_means
from metadesk.models.meta.moderator_tests import (
    adjust_p,
    generalised_inflation,
    variance_inflation,
    wald_of_terms,
)
from metadesk.models.meta.permutation import Permutation, permutation_test
from metadesk.models.meta.pooling import independent_columns
from metadesk.models.meta.predictions import linear_combinations, predict
from metadesk.models.meta.subgroups import analyse_subgroups

PLAIN = MixedEffects(test="z", prediction="test")


def data_with(effects, cells, *terms, intercept=True):
    return MetaData.of(*effects, design=build_design(cells, terms, intercept=intercept))


@pytest.fixture
def by_latitude(effects, cells):
    return data_with(effects, cells, Continuous("ablat"))


def test_latitude_explains_the_published_share(by_latitude):
    fit = fit_mixed(PLAIN, by_latitude)
    h = fit.heterogeneity
    assert fit.coefficients.b == pytest.approx([0.251468210007, -0.029101725012], abs=1e-9)
    assert h.tau2 == pytest.approx(0.076347963955, abs=1e-12)
    assert h.R2 == pytest.approx(75.627, abs=1e-3)
    assert fit.omnibus[0].statistic == pytest.approx(16.3582, abs=1e-4)


def test_the_partition_adds_up(by_latitude):
    fit = fit_mixed(PLAIN, by_latitude)
    q = {name: quantity.value for name, quantity in fit.extra.items()}
    assert q["tau2_total"] == pytest.approx(q["tau2_explained"] + q["tau2_residual"])
    total, explained, residual = fit.tables[0].column("share")
    assert (total, explained + residual) == pytest.approx((100.0, 100.0))


def test_hartung_knapp_gives_an_f_test(by_latitude):
    test = fit_mixed(MixedEffects(test="hksj"), by_latitude).omnibus[0]
    assert (test.kind, test.df1, test.df2) == ("F", 1.0, 11.0)
    assert test.statistic == pytest.approx(12.59098, abs=1e-5)
    assert test.p == pytest.approx(0.004565, abs=1e-6)


def test_a_redundant_moderator_is_dropped_and_named(effects, cells):
    twice = {**cells, "double": [2 * x + 3 for x in cells["ablat"]]}
    fit = fit_mixed(PLAIN, data_with(effects, twice, Continuous("ablat"), Continuous("double")))
    assert fit.coefficients.names == ("intrcpt", "ablat")
    assert fit.status.aliased == ("double",)
    assert "double" in next(n.text for n in fit.notes if n.code == "aliased")


def test_too_many_moderators_are_refused_by_name(cells):
    design = build_design({"x": [1, 2], "z": [0, 5]}, [Continuous("x"), Continuous("z")])
    data = MetaData.of([0.1, 0.2], [0.1, 0.1], design=design)
    fit = fit_mixed(PLAIN, data)
    assert fit.status.aliased == ("z",)
    with pytest.raises(NotEstimable, match="cannot carry"):
        fit_location_scale(LocationScale(), ScaleData.of(data, design))


def test_as_many_coefficients_as_studies_explain_nothing(cells):
    design = build_design({"x": [1, 2]}, [Continuous("x")])
    fit = fit_mixed(PLAIN, MetaData.of([0.1, 0.9], [0.1, 0.1], design=design))
    assert np.isnan(fit.heterogeneity.R2)
    assert fit.tables == ()
    note = next(n for n in fit.notes if n.code == "no-df")
    assert note.severity == "strong"
    assert "heterogeneity cannot be seen" in note.text


def test_without_moderators_a_mixed_model_is_the_random_one(bcg):
    mixed, random = fit_mixed(PLAIN, bcg), fit_random(RandomEffects(test="z"), bcg)
    assert mixed.pooled.value == random.pooled.value
    assert mixed.heterogeneity.tau2 == random.heterogeneity.tau2


def test_predictions_at_the_studies_are_the_fitted_values(by_latitude):
    fit = fit_mixed(PLAIN, by_latitude)
    found = predict(fit, by_latitude.X)
    assert found.pred == pytest.approx(fit.fitted)
    assert (found.pi_ub > found.ci_ub).all()
    with pytest.raises(SpecProblem, match="2 values"):
        predict(fit, np.ones((1, 3)))


def test_marginal_means_of_a_saturated_model_are_its_group_means(effects, cells):
    data = data_with(effects, cells, Factor("alloc"))
    fit = fit_mixed(PLAIN, data)
    means = marginal_means(fit, data.design, "alloc")
    full = data_with(effects, cells, Factor("alloc"), intercept=False)
    assert means.levels == ("alternate", "random", "systematic")
    assert means.at.pred == pytest.approx(fit_mixed(PLAIN, full).coefficients.b)


def test_marginal_means_hold_numbers_at_their_mean(effects, cells):
    data = data_with(effects, cells, Factor("alloc"), Continuous("ablat"))
    fit = fit_mixed(PLAIN, data)
    means = marginal_means(fit, data.design, "alloc")
    assert means.rows[:, 3] == pytest.approx(np.mean(cells["ablat"]))
    assert "ablat at its mean" in means.held
    with pytest.raises(SpecProblem, match="not a factor"):
        marginal_means(fit, data.design, "ablat")


def test_a_linear_combination_of_one_coefficient_is_that_coefficient(by_latitude):
    fit = fit_mixed(PLAIN, by_latitude)
    found = linear_combinations(fit, np.array([[0.0, 1.0], [1.0, -20.0]]))
    assert found.at("ablat").p == pytest.approx(fit.coefficients.at("ablat").p)
    assert found.names[1] == "intrcpt − 20·ablat"


def test_the_test_of_a_term_counts_its_columns(effects, cells):
    data = data_with(effects, cells, Factor("alloc"), Continuous("ablat"))
    tests = wald_of_terms(fit_mixed(PLAIN, data), data.design)
    assert [t.df1 for t in tests] == [2.0, 1.0]


def test_a_single_coefficients_gvif_is_its_vif(effects, cells):
    fit = fit_mixed(PLAIN, data_with(effects, cells, Factor("alloc"), Continuous("ablat")))
    vif = variance_inflation(fit)
    assert generalised_inflation(fit, [3])[0] == pytest.approx(vif[2])
    gvif, root = generalised_inflation(fit, [1, 2])
    assert gvif == pytest.approx(vif[2])
    assert root == pytest.approx(gvif**0.25)


@pytest.mark.parametrize(
    ("method", "adjusted"),
    [
        ("none", [0.0075, 0.03, 0.0225, 0.5]),
        ("bonferroni", [0.03, 0.12, 0.09, 1.0]),
        ("holm", [0.03, 0.0675, 0.0675, 0.5]),
        ("hochberg", [0.03, 0.06, 0.06, 0.5]),
        ("BH", [0.03, 0.04, 0.04, 0.5]),
        ("BY", [0.0625, 1 / 12, 1 / 12, 1.0]),
    ],
)
def test_p_values_are_adjusted_and_missing_ones_do_not_count(method, adjusted):
    found = adjust_p(np.array([0.0075, 0.03, 0.0225, 0.5, np.nan]), method)
    assert found[:4] == pytest.approx(adjusted)
    assert np.isnan(found[4])


def test_a_common_tau2_is_the_meta_regression_on_the_groups(effects, cells):
    data = MetaData.of(*effects)
    found = analyse_subgroups(
        RandomEffects(test="z"), data, cells["alloc"], "alloc", common_tau2=True
    )
    assert found.difference.statistic == pytest.approx(1.7675114, abs=1e-6)
    assert found.difference.p == pytest.approx(0.41323, abs=1e-5)


def test_separate_subgroups_are_fits_of_their_own(effects, cells):
    data = MetaData.of(*effects)
    spec = RandomEffects(test="z")
    found = analyse_subgroups(spec, data, cells["alloc"], "alloc")
    assert found.difference.statistic == pytest.approx(1.86145, abs=1e-5)
    for group in found.groups:
        alone = fit_random(spec, data.take(group.rows))
        assert group.estimate.value == alone.pooled.value
        assert group.fit.heterogeneity.tau2 == alone.heterogeneity.tau2
    assert sum(g.weight for g in found.groups) == pytest.approx(100.0)
    assert found.overall.k == sum(g.k for g in found.groups)


def test_a_fixed_effects_factor_is_separate_fixed_subgroups(effects, cells):
    data = MetaData.of(*effects)
    apart = analyse_subgroups(FixedEffect(), data, cells["alloc"], "alloc")
    alike = analyse_subgroups(FixedEffect(), data, cells["alloc"], "alloc", common_tau2=True)
    for a, b in zip(apart.groups, alike.groups, strict=True):
        assert b.estimate.value == pytest.approx(a.estimate.value)
        assert b.estimate.se == pytest.approx(a.estimate.se)
    assert alike.difference.statistic == pytest.approx(apart.difference.statistic)


def test_all_sign_flips_give_the_published_p(bcg):
    found = permutation_test(MixedEffects("DL", "z"), bcg, Permutation("exact"))
    assert found.exact
    assert (found.n, found.pval[0]) == (8192, pytest.approx(0.001708984375))
    assert found.error[0] == 0.0


def test_random_permutations_agree_with_all_of_them_within_their_error(by_latitude):
    part = by_latitude.take(np.array([0, 3, 5, 7, 8, 12]))
    model = MixedEffects("DL", "z")
    exact = permutation_test(model, part, Permutation("exact"))
    drawn = permutation_test(model, part, Permutation("random", 4000))
    assert exact.n == 360  # two trials share a latitude
    assert not drawn.exact
    assert abs(drawn.pval - exact.pval) == pytest.approx(0.0, abs=5 * max(drawn.error.max(), 1e-3))


def test_too_many_permutations_are_refused(by_latitude):
    with pytest.raises(SpecProblem, match="Choose random ones"):
        permutation_test(PLAIN, by_latitude, Permutation("exact"))


def test_a_permutation_test_without_an_intercept_is_refused_with_the_remedy(effects, cells):
    # Rearranged rows keep the mean effect, so they say nothing about means of groups being zero.
    cell_means = data_with(effects, cells, Factor("alloc"), intercept=False)
    with pytest.raises(SpecProblem, match=r"take '0 \+' out"):
        permutation_test(PLAIN, cell_means)


@pytest.mark.parametrize("moderated", [False, True])
def test_more_rearrangements_than_can_be_counted_are_no_obstacle(moderated):
    rng = np.random.default_rng(1)
    y, v = rng.normal(size=1100), np.full(1100, 0.1)
    design = build_design({"x": rng.normal(size=1100).tolist()}, [Continuous("x")])
    data = MetaData.of(y, v, design=design if moderated else None)
    found = permutation_test(MixedEffects("DL", "z"), data, Permutation("auto", 99))
    assert (found.n, found.exact) == (99, False)
    with pytest.raises(SpecProblem, match=r"about 1e\d+; at most"):
        permutation_test(MixedEffects("DL", "z"), data, Permutation("exact"))


def test_a_formula_gives_the_same_fit_as_its_terms(effects, cells):
    read = parse_formula("~ alloc + centre(ablat)", words={"alloc"})
    by_formula = data_with(effects, cells, *read.terms)
    by_terms = data_with(effects, cells, Factor("alloc"), Continuous("ablat", centre="mean"))
    a, b = fit_mixed(PLAIN, by_formula), fit_mixed(PLAIN, by_terms)
    assert (a.coefficients.b == b.coefficients.b).all()


@pytest.mark.parametrize("method", ["REML", "ML", "DL", "PM", "SJ", "HE", "HSk", "GENQ", "DL2"])
@pytest.mark.parametrize("test", ["z", "hksj-guarded", "kr"])
def test_variances_over_24_decades_are_never_an_error(method, test):
    rng = np.random.default_rng(5)
    for _ in range(20):
        k = int(rng.integers(2, 8))
        v = 10.0 ** rng.uniform(-12, 12, k)
        y = rng.normal(size=k) * np.sqrt(v if rng.random() < 0.5 else v.mean())
        design = build_design({"x": rng.normal(size=k)}, [Continuous("x")])
        fit = fit_mixed(MixedEffects(method, test), MetaData.of(y, v, design=design))
        assert np.isfinite(fit.coefficients.b).all()
        assert np.isfinite(fit.coefficients.se).all()
        assert fit.heterogeneity.tau2 >= 0.0


@pytest.mark.parametrize("doubled", [False, True])
def test_what_stays_of_the_columns_is_spanned_by_an_orthonormal_basis(doubled):
    X = np.column_stack([np.ones(9), np.arange(9.0), np.arange(9.0) ** 2])
    names = ("intrcpt", "dose", "dose²")
    if doubled:
        X, names = (
            np.insert(X, 2, 3.0 * X[:, 1] - 2.0, axis=1),
            ("intrcpt", "dose", "again", "dose²"),
        )
    found = independent_columns(X, names)
    assert found.dropped == (("again",) if doubled else ())
    assert found.names == ("intrcpt", "dose", "dose²")
    Q = found.basis
    assert Q.T @ Q == pytest.approx(np.eye(3), abs=1e-13)
    assert Q @ (Q.T @ found.X) == pytest.approx(found.X, abs=1e-11)
