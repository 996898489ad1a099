"""Moderators that add to tau²: the numbers of metafor 3.8.1, the edge, what the result says.

The reference: ``rma(yi, vi, mods=..., scale=..., link="identity")`` with ``control=list(
optimizer="constrOptim", reltol=1e-15, outer.eps=1e-13)``; its errors are from numerical Hessians,
good to some 5e-4, ours are analytic and checked against differences of the gradient.
"""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metadesk.errors import NotEstimable
from metadesk.models.meta import MetaData, RandomEffects, fit_random
from metadesk.models.meta.design import Continuous, Factor, build_design
from metadesk.models.meta.location_scale import (
    RATIOS,
    SPREAD_TEST,
    LocationScale,
    ScaleData,
    fit_location_scale,
)
from metadesk.models.meta.scale_likelihood import ScaleLikelihood
from metadesk.numerics.progress import SILENT

TABLES = Path(__file__).resolve().parents[2] / "reference" / "meta" / "data"
IDENTITY = LocationScale(link="identity")
ALLOC = Factor("alloc", reference="alternate")


def sheet(name):
    with (TABLES / f"dat.{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {key: [row[key] for row in rows] for key in rows[0]}


def numbers(table, *names):
    return (np.array(table[name], dtype=float) for name in names)


def effects_of(name, table):
    if name == "bcg":
        a, b, c, d = numbers(table, "tpos", "tneg", "cpos", "cneg")
        return (
            np.log(a / (a + b)) - np.log(c / (c + d)),
            1 / a - 1 / (a + b) + 1 / c - 1 / (c + d),
        )
    if name == "molloy2014":
        ri, ni = numbers(table, "ri", "ni")
        return np.arctanh(ri), 1 / (ni - 3)
    if name == "curtis1998":
        names = ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i")
        m1, s1, n1, m2, s2, n2 = numbers(table, *names)
        return np.log(m2 / m1), s1**2 / (n1 * m1**2) + s2**2 / (n2 * m2**2)
    return tuple(numbers(table, "yi", "vi"))


def of(name, scale, mean=None):
    table = sheet(name)
    used = {term.column for term in (scale, mean) if term is not None}
    cells = {
        key: table[key] if key == "alloc" else [float(value) for value in table[key]]
        for key in used
    }
    design = None if mean is None else build_design(cells, [mean])
    effects = MetaData.of(*effects_of(name, table), design=design)
    return ScaleData.of(effects, build_design(cells, [scale]))


ABLAT, YEAR, TIME = Continuous("ablat"), Continuous("year"), Continuous("time")
# data, mean, scale, method, test; alpha, its errors, b, its errors, logLik, QS, p, tau² of 3 rows
REFERENCE = [
    ("bcg", None, ABLAT, "REML", "z", [0.3143726306, -3.429336032e-05],
     [0.5398463225, 0.01556861443], [-0.7150867005], [0.1797923191], -12.20236899,
     4.851992925e-06, 0.998242482, [0.3128637227, 0.3124864958, 0.3129323095]),
    ("bcg", None, ABLAT, "ML", "z", [0.2655713951, 0.000440751151], [0.511143772, 0.01507703603],
     [-0.7032347754], [0.1717172545], -12.66465141, 0.0008545844078, 0.9766785424,
     [0.2849644457, 0.2898127084, 0.2840829434]),
    ("bcg", ABLAT, YEAR, "REML", "z", [-7.311063722, 0.003765642485], [16.07006948, 0.008210093925],
     [0.199882219, -0.02715705804], [0.2996032811, 0.008067523253], -7.956293531, 0.2103690856,
     0.6464782723, [0.0244078382, 0.02817348068, 0.06959554801]),
    ("bcg", None, ALLOC, "REML", "z", [0.07099579435, 0.3165981759, 0.2409550127],
     [0.119871039, 0.2986430295, 0.3300525187], [-0.659663458], [0.1511766948], -11.75497869,
     1.546042276, 0.4616163529, [0.3875939702, 0.3875939702, 0.3875939702]),
    ("bcg", None, ALLOC, "REML", "t", [0.07099579435, 0.3165981759, 0.2409550127],
     [0.119871039, 0.2986430295, 0.3300525187], [-0.659663458], [0.1511766948], -11.75497869,
     0.773021049, 0.4873425336, [0.3875939702, 0.3875939702, 0.3875939702]),
    ("bcg", None, ALLOC, "ML", "z", [0.03497281207, 0.3320954292, 0.2494769941],
     [0.07648503391, 0.2673632040, 0.3044383660], [-0.6578529044], [0.129620196], -11.99731852,
     2.148548529, 0.3415455372, [0.3670682412, 0.3670682412, 0.3670682412]),
    ("bcg", ABLAT, ALLOC, "REML", "z", [0.0483759994, -0.00222053115, 0.1106821315],
     [0.1017424883, 0.2419711349, 0.229542294], [0.267684625, -0.02948983172],
     [0.2246791448, 0.006360045777], -7.827337203, 0.2998880057, 0.860756175,
     [0.04615546825, 0.04615546825, 0.04615546825]),
    ("molloy2014", None, Continuous("meanage"), "REML", "z", [0.006431325109, 2.957464183e-05],
     [0.01826920639, 0.0003133085018], [0.1510992265], [0.03146202216], 8.614153133, 0.008910347218,
     0.924795677, [0.007081967229, 0.008016230165, 0.007713681579]),
    ("molloy2014", None, Continuous("meanage"), "ML", "z", [0.004871773196, 3.559705143e-05],
     [0.01619155244, 0.000276088661], [0.1503031707], [0.03001478725], 9.791507168, 0.01662382319,
     0.8974103431, [0.005654908327, 0.006779419181, 0.006415261345]),
    ("konstantopoulos2011", None, YEAR, "REML", "z", [-3.754356693, 0.001931360624],
     [3.438521854, 0.001732258482], [0.1201162192], [0.04320090096], -16.27253902, 1.243086507,
     0.2648770367, [0.06201189969, 0.06201189969, 0.06201189969]),
    ("konstantopoulos2011", None, YEAR, "ML", "z", [-3.729886262, 0.001918145866],
     [3.370796827, 0.001698195175], [0.1201711176], [0.04280099955], -16.05759596, 1.275816031,
     0.2586784254, [0.06036996927, 0.06036996927, 0.06036996927]),
    ("curtis1998", None, TIME, "REML", "z", [0.01507653386, 4.201173129e-05],
     [0.006274113233, 2.640495898e-05], [-0.2590170974], [0.01905893928], 9.462525922, 2.531454721,
     0.1115972899, [0.01705108523, 0.01705108523, 0.01755522601]),
    ("curtis1998", TIME, TIME, "ML", "t", [0.01542103154, 3.750431994e-05],
     [0.006279836983, 2.600204156e-05], [-0.2681126721, 4.256094319e-05],
     [0.02373285408, 6.477666679e-05], 10.39556214, 2.080404065, 0.1523254675,
     [0.01718373457, 0.01718373457, 0.01763378641]),
    ("raudenbush1985", None, Continuous("weeks"), "REML", "z", [0.02396259721, -0.0006866670463],
     [0.03428106436, 0.002690049053], [0.07023885604], [0.05104094388], -3.705860345, 0.06515864025,
     0.7985208208, [0.02258926312, 0.00954258924, 0.01091592333]),
]  # fmt: skip


@pytest.mark.parametrize("case", REFERENCE, ids=lambda c: f"{c[0]}-{c[2].column}-{c[3]}-{c[4]}")
def test_it_agrees_with_the_reference(case):
    name, mean, scale, method, test, alpha, se_alpha, b, se, logLik, QS, p, tau2 = case
    found = fit_location_scale(LocationScale(method, test, link="identity"), of(name, scale, mean))
    got = found.spread.coefficients
    # the reference stops where a step of its simplex gains nothing: up to 1e-6 of an error short
    assert (np.abs(got.b - alpha) < 5e-6 * got.se).all()
    assert got.se == pytest.approx(se_alpha, rel=1e-3)
    assert found.coefficients.b == pytest.approx(b, rel=2e-6)
    assert found.coefficients.se == pytest.approx(se, rel=2e-6)
    assert found.statistics.logLik == pytest.approx(logLik, rel=1e-8)
    assert found.spread.tau2[:3] == pytest.approx(tau2, rel=2e-5)
    (omnibus,) = (one for one in found.omnibus if one.title == SPREAD_TEST)
    assert omnibus.statistic == pytest.approx(QS, rel=5e-3)
    assert omnibus.p == pytest.approx(p, rel=1e-3)
    assert found.status.converged
    assert not found.status.boundary


def test_the_gradient_and_hessian_are_those_of_the_likelihood(effects, cells):
    Z = np.linalg.qr(build_design(cells, [Continuous("ablat")]).X)[0]
    for restricted in (True, False):
        problem = ScaleLikelihood(*effects, np.ones((13, 1)), Z, restricted, "identity")
        at = Z.T @ (0.1 + 0.004 * np.array(cells["ablat"]))
        state, h = problem.at(at), 1e-5
        for i in range(2):
            step = h * np.eye(2)[i]
            up, down = problem.at(at + step), problem.at(at - step)
            assert state.gradient[i] == pytest.approx((up.ll - down.ll) / (2 * h), rel=1e-6)
            slope = (up.gradient - down.gradient) / (2 * h)
            assert state.hessian[i] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_the_link_changes_the_numbers_and_what_they_are_called():
    data = of("bcg", ABLAT)
    line, log = fit_location_scale(IDENTITY, data), fit_location_scale(LocationScale(), data)
    assert line.spread.tau2 == pytest.approx(data.Z @ line.spread.coefficients.b)
    assert log.spread.tau2 == pytest.approx(np.exp(data.Z @ log.spread.coefficients.b))
    assert line.coefficients.b[0] == pytest.approx(-0.7150867, rel=1e-6)
    assert log.coefficients.b[0] == pytest.approx(-0.7156381, rel=1e-5)
    assert line.method.startswith("τ² linear in")
    assert log.method.startswith("ln τ² linear in")
    heads = [[c.title for c in fit.tables[0].columns] for fit in (line, log)]
    assert heads[0][0] == "Term of τ²"
    assert heads[1][0] == "Term of ln τ²"
    assert "τ² is multiplied by" not in heads[0]


@pytest.mark.parametrize(("name", "scale", "digits"), [("curtis1998", TIME, 6), ("bcg", ALLOC, 3)])
def test_small_coefficients_of_tau2_are_shown_with_two_digits(name, scale, digits):
    (table,) = fit_location_scale(IDENTITY, of(name, scale)).tables
    shown = {column.key: column.digits for column in table.columns}
    assert shown["estimate"] == shown["se"] == shown["ci_ub"] == digits


def test_without_moderators_it_is_the_random_effects_model(bcg):
    for method in ("REML", "ML"):
        found = fit_location_scale(LocationScale(method, link="identity"), ScaleData.of(bcg, None))
        plain = fit_random(RandomEffects(tau2=method, test="z"), bcg)
        assert found.heterogeneity.tau2 == pytest.approx(plain.heterogeneity.tau2, rel=1e-7)
        assert found.statistics.logLik == pytest.approx(plain.statistics.logLik)


@pytest.mark.parametrize("mean", [None, ABLAT])
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_groups_have_the_same_tau2_by_either_link(mean, method):
    """A level has a tau² of its own, whatever it is called; one may be 0."""
    data = of("bcg", ALLOC, mean)
    line = fit_location_scale(LocationScale(method, link="identity"), data)
    log = fit_location_scale(LocationScale(method), data)
    assert line.spread.tau2 == pytest.approx(log.spread.tau2, rel=1e-4, abs=1e-7)
    assert line.statistics.logLik == pytest.approx(log.statistics.logLik, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "scale", "method", "logLik"),
    [
        ("bcg", YEAR, "REML", -11.6245273867),
        ("bcg", YEAR, "ML", -11.9190519842),
        ("raudenbush1985", Continuous("weeks"), "ML", -3.07502265751),
        ("molloy2014", Continuous("quality"), "REML", 9.31264253239),
        ("molloy2014", Continuous("quality"), "ML", 10.7678120631),
    ],
)
def test_at_the_edge_tau2_is_0_and_no_error_is_given(name, scale, method, logLik):
    found = fit_location_scale(LocationScale(method, link="identity"), of(name, scale))
    assert found.statistics.logLik == pytest.approx(logLik, abs=2e-7)
    assert found.spread.tau2.min() == 0.0
    assert found.status.converged
    assert found.status.boundary == ("tau2",)
    alpha = found.spread.coefficients
    assert np.isfinite(alpha.b).all()
    for part in (alpha.se, alpha.pval, alpha.ci_lb, alpha.ci_ub):
        assert np.isnan(part).all()
    assert SPREAD_TEST not in [one.title for one in found.omnibus]
    (note,) = (n for n in found.notes if n.code == "scale-boundary")
    assert "no standard error" in note.text
    assert np.isfinite(found.coefficients.se).all()


def test_a_coefficient_that_the_edge_holds_at_0_is_0():
    effects = MetaData.of([0.0, 0.5, 3.0], [0.1, 0.1, 0.1])
    data = ScaleData.of(effects, build_design({"x": [0, 1, 2]}, [Continuous("x")]))
    intercept, slope = fit_location_scale(IDENTITY, data).spread.coefficients.b
    assert intercept == 0.0
    assert slope > 1.0


def test_equal_effects_have_no_spread_anywhere():
    effects = MetaData.of(np.full(6, 0.3), np.linspace(0.1, 0.3, 6))
    data = ScaleData.of(effects, build_design({"x": list(range(6))}, [Continuous("x")]))
    found = fit_location_scale(IDENTITY, data)
    assert (found.spread.tau2 == 0.0).all()
    assert (found.spread.coefficients.b == 0.0).all()
    assert found.status.boundary == ("tau2",)


@pytest.mark.parametrize("level", ["1e-12", "1e12", "both"])
def test_variances_of_any_size_are_answered(level):
    rng = np.random.default_rng(0)
    v = 10.0 ** np.linspace(-12, 12, 13) if level == "both" else np.full(13, float(level))
    effects = MetaData.of(rng.normal(size=13) * np.sqrt(2 * v), v)
    data = ScaleData.of(effects, build_design({"x": list(range(13))}, [Continuous("x")]))
    found = fit_location_scale(IDENTITY, data)
    assert found.status.converged
    assert np.isfinite(found.spread.coefficients.b).all()
    assert found.spread.tau2.min() >= 0.0


def test_fewer_studies_than_coefficients_are_refused_and_as_many_are_answered():
    found = fit_location_scale(IDENTITY, ScaleData.of(MetaData.of([0.3, 1.9], [0.1, 0.1]), None))
    assert found.heterogeneity.tau2 == pytest.approx(1.28 - 0.1)
    one = ScaleData.of(MetaData.of([0.3], [0.1]), None)
    with pytest.raises(NotEstimable, match="cannot carry 1 coefficients of the mean"):
        fit_location_scale(IDENTITY, one)


def test_the_spread_is_tested_by_its_likelihood_ratio():
    data = of("bcg", ALLOC)
    (test,) = RATIOS.of_spread(IDENTITY, data, SILENT)
    full = fit_location_scale(IDENTITY, data).statistics.logLik
    even = fit_random(RandomEffects(test="z"), data.effects).statistics.logLik
    assert test.statistic == pytest.approx(2 * (full - even), rel=1e-6)
    assert test.statistic == pytest.approx(2 * (-11.7549786853 + 12.2023714155), rel=1e-5)
    assert test.df1 == 2


def test_the_order_of_studies_does_not_matter():
    data = of("bcg", YEAR, ABLAT)
    rows = np.random.default_rng(3).permutation(13)
    one = fit_location_scale(IDENTITY, data)
    other = fit_location_scale(IDENTITY, data.take(rows))
    assert other.spread.tau2 == pytest.approx(one.spread.tau2[rows], rel=1e-6)


@pytest.mark.parametrize("c", [1e-4, 1e4])
@pytest.mark.parametrize("scale", [ABLAT, YEAR])
def test_other_units_scale_the_mean_and_every_coefficient_of_tau2(c, scale):
    data = of("bcg", scale)
    effects = replace(data.effects, yi=c * data.effects.yi, vi=c**2 * data.effects.vi)
    one = fit_location_scale(IDENTITY, data)
    other = fit_location_scale(IDENTITY, replace(data, effects=effects))
    assert other.coefficients.b == pytest.approx(c * one.coefficients.b, rel=1e-7)
    assert other.spread.tau2 == pytest.approx(c**2 * one.spread.tau2, rel=1e-6, abs=1e-12 * c**2)
    assert other.status.boundary == one.status.boundary


def test_no_tau2_is_below_0_and_no_start_finds_more():
    """Random data, some of them at an edge: nothing allowed nearby is more likely."""
    rng = np.random.default_rng(8)
    edges = 0
    for _ in range(30):
        k = int(rng.integers(8, 25))
        Z = np.column_stack((np.ones(k), rng.uniform(size=k), np.arange(k) % 2))
        v = rng.uniform(0.02, 0.3, k)
        y = rng.normal(size=k) * np.sqrt(v + rng.choice([0.1, 1.0]))
        effects = MetaData.of(y, v)
        found = fit_location_scale(IDENTITY, ScaleData(effects, Z, ("intrcpt", "x", "g")))
        assert found.status.converged
        assert found.spread.tau2.min() >= 0.0
        edges += bool(found.status.boundary)
        problem = ScaleLikelihood(y, v, np.ones((k, 1)), Z, True, "identity")
        b = found.spread.coefficients.b
        for size in (1e-4, 1e-2, 1.0):
            for near in b + size * rng.normal(size=(40, b.size)):
                if near.size == b.size and (Z[:, : b.size] @ near).min() >= 0.0:
                    assert problem.at(near).ll <= found.statistics.logLik + 1e-9
    assert 5 < edges < 25


def test_a_spread_that_no_coefficients_make_positive_is_refused_in_a_sentence(bcg):
    Z = np.array([[-1.0], [1.0]] * 6 + [[2.0]])
    with pytest.raises(NotEstimable, match="leave the intercept of the spread in"):
        fit_location_scale(IDENTITY, ScaleData(bcg, Z, ("x",)))


def test_without_an_intercept_a_study_at_0_has_no_spread_by_design(bcg):
    """Its tau² is 0 whatever the coefficient: that is no edge."""
    Z = np.arange(13.0)[:, None]
    found = fit_location_scale(IDENTITY, ScaleData(bcg, Z, ("x",)))
    assert found.spread.tau2[0] == 0.0
    assert not found.status.boundary
    assert math.isfinite(found.spread.coefficients.se[0])


def test_two_columns_that_change_sign_find_the_combination_that_does_not(bcg):
    x = np.linspace(-1.0, 1.0, 13)
    Z = np.column_stack((x, 0.5 - x))
    found = fit_location_scale(IDENTITY, ScaleData(bcg, Z, ("x", "y")))
    assert found.spread.tau2.min() >= 0.0
    assert found.spread.tau2.max() > 0.0
