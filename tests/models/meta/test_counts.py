"""Models of counts: agreement between likelihoods, laws, and what is said about odd data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.errors import Cancelled, DataProblem, NotEstimable, SpecProblem
from metadesk.models.meta.glmm import COUNT_MODELS, CountData, CountMixed, fit_counts
from metadesk.models.meta.glmm.families import Binomial, Hypergeometric
from metadesk.models.meta.glmm.quadrature import integrate
from metadesk.numerics.progress import Progress
from metadesk.options import options_of

# Catheter infections in 18 trials (Niel-Weise 2007): treated and control, one trial without events.
AI = [0, 1, 2, 0, 5, 1, 1, 0, 1, 0, 2, 1, 0, 17, 0, 3, 7, 1]
N1 = [116, 44, 208, 130, 151, 98, 174, 74, 97, 113, 66, 70, 188, 187, 118, 252, 345, 64]
CI = [3, 3, 9, 7, 6, 2, 3, 2, 19, 0, 7, 1, 5, 15, 0, 3, 11, 6]
N2 = [117, 35, 195, 136, 157, 139, 180, 69, 94, 114, 71, 73, 175, 180, 105, 262, 362, 69]
TWO_ARM_MODELS = ["UM.FS", "UM.RS", "CM.EL", "CM.AL"]


@pytest.fixture
def catheters():
    return CountData.of("OR", [AI, CI], [N1, N2])


def fisher_conditional_score(theta, a, n1, n2, m):
    """a − E(a), summed over the whole support with exact binomial coefficients."""
    support = range(max(0, m - n2), min(n1, m) + 1)
    weight = [math.comb(n1, s) * math.comb(n2, m - s) * math.exp(theta * s) for s in support]
    return a - sum(s * w for s, w in zip(support, weight, strict=True)) / sum(weight)


@given(st.integers(5, 40), st.integers(5, 40), st.integers(1, 39), st.integers(1, 39))
@settings(max_examples=40, deadline=None)
def test_exact_model_of_one_table_is_the_conditional_maximum_likelihood(n1, n2, a, c):
    a, c = min(a, n1 - 1), min(c, n2 - 1)
    data = CountData.of("OR", [[a], [c]], [[n1], [n2]])
    fit = fit_counts(CountMixed(model="CM.EL", method="EE"), data)
    theta = fit.pooled.value
    assert abs(fisher_conditional_score(theta, a, n1, n2, a + c)) < 1e-7


@pytest.mark.parametrize("model", TWO_ARM_MODELS)
def test_order_of_studies_does_not_matter(catheters, model):
    turned = CountData.of("OR", [AI[::-1], CI[::-1]], [N1[::-1], N2[::-1]])
    here, there = (fit_counts(CountMixed(model=model), d) for d in (catheters, turned))
    assert there.pooled.value == pytest.approx(here.pooled.value, abs=1e-7)
    assert there.heterogeneity.tau2 == pytest.approx(here.heterogeneity.tau2, abs=1e-6)


@pytest.mark.parametrize("model", ["UM.FS", "CM.EL"])
def test_swapping_the_arms_turns_the_sign(catheters, model):
    swapped = CountData.of("OR", [CI, AI], [N2, N1])
    here, there = (fit_counts(CountMixed(model=model), d) for d in (catheters, swapped))
    assert there.pooled.value == pytest.approx(-here.pooled.value, abs=1e-7)
    assert there.coefficients.se[0] == pytest.approx(here.coefficients.se[0], abs=1e-7)


@pytest.mark.parametrize("model", TWO_ARM_MODELS)
def test_heterogeneity_never_lowers_the_likelihood(catheters, model):
    equal = fit_counts(CountMixed(model=model, method="EE"), catheters)
    random = fit_counts(CountMixed(model=model), catheters)
    assert random.statistics.logLik >= equal.statistics.logLik - 1e-9
    assert random.heterogeneity.QE == pytest.approx(equal.heterogeneity.QE)


def test_study_without_events_is_left_out_and_named(catheters):
    fit = fit_counts(CountMixed(), catheters)
    assert fit.k == 16
    assert any("Study 10" in note.text and "Study 15" in note.text for note in fit.notes)


def test_rates_by_conditional_and_unconditional_likelihood_give_the_same_equal_effect():
    x = [[9, 3, 0], [23, 7, 11]]
    t = [[413, 263, 487], [410, 268, 471]]
    data = CountData.of("IRR", x, t)
    fixed, conditional = (
        fit_counts(CountMixed(model=m, method="EE"), data) for m in ("UM.FS", "CM.EL")
    )
    assert fixed.pooled.value == pytest.approx(conditional.pooled.value, abs=1e-9)
    assert fixed.pooled.se == pytest.approx(conditional.pooled.se, abs=1e-9)


def test_rates_do_not_depend_on_the_unit_of_time():
    x, t = [[9, 3, 4]], np.array([[413.0, 263.0, 487.0]])
    years, days = (fit_counts(CountMixed(), CountData.of("IRLN", x, t * c)) for c in (1, 365.25))
    shift = years.pooled.value - days.pooled.value
    assert shift == pytest.approx(math.log(365.25), abs=1e-8)
    assert days.heterogeneity.tau2 == pytest.approx(years.heterogeneity.tau2, abs=1e-8)


def test_laplace_is_only_used_when_asked_for_and_said(catheters):
    laplace = fit_counts(CountMixed(model="CM.AL", n_quadrature=1), catheters)
    full = fit_counts(CountMixed(model="CM.AL"), catheters)
    assert "Laplace" in laplace.method
    assert any(note.code == "laplace" for note in laplace.notes)
    assert "Laplace" not in full.method
    assert abs(laplace.heterogeneity.tau2 - full.heterogeneity.tau2) > 1e-4


def test_refined_quadrature_agrees_with_very_many_nodes(catheters):
    refined = fit_counts(CountMixed(model="UM.FS"), catheters)
    many = fit_counts(CountMixed(model="UM.FS", n_quadrature=101), catheters)
    assert refined.statistics.logLik == pytest.approx(many.statistics.logLik, abs=1e-6)


def test_homogeneous_counts_put_tau2_at_the_boundary():
    data = CountData.of("OR", [[10, 20, 30], [20, 40, 60]], [[100, 200, 300], [100, 200, 300]])
    fit = fit_counts(CountMixed(), data)
    assert fit.heterogeneity.tau2 == 0.0
    assert fit.status.boundary == ("tau2",)


def test_an_arm_without_any_event_is_refused_with_a_way_out():
    data = CountData.of("OR", [[0, 0], [2, 3]], [[40, 50], [40, 50]])
    with pytest.raises(NotEstimable, match="no event in group 1"):
        fit_counts(CountMixed(), data)


def test_more_events_than_participants_name_the_row():
    with pytest.raises(DataProblem, match=r"Row 2 \(Chen\)"):
        CountData.of("PLO", [[1, 9]], [[5, 8]], slab=["Abe", "Chen"])


def test_conditional_approximation_is_refused_for_rates():
    data = CountData.of("IRR", [[1, 2], [3, 4]], [[10, 20], [10, 20]])
    with pytest.raises(SpecProblem, match=r"CM\.EL"):
        fit_counts(CountMixed(model="CM.AL"), data)


def test_one_study_gives_that_study():
    data = CountData.of("PLO", [[7]], [[50]])
    fit = fit_counts(CountMixed(), data)
    assert fit.pooled.value == pytest.approx(math.log(7 / 43), abs=1e-10)
    assert fit.pooled.se == pytest.approx(math.sqrt(1 / 7 + 1 / 43), abs=1e-8)


def test_moderator_scale_does_not_change_its_test(catheters):
    x = np.linspace(1.0, 4.0, 18)
    fits = []
    for c in (1.0, 1e4):
        X = np.column_stack([np.ones(18), c * x])
        data = CountData.of("OR", [AI, CI], [N1, N2], X=X, names=("intrcpt", "x"))
        fits.append(fit_counts(CountMixed(model="CM.AL"), data))
    assert fits[1].coefficients.stat[1] == pytest.approx(fits[0].coefficients.stat[1], rel=1e-6)
    assert fits[1].coefficients.b[1] * 1e4 == pytest.approx(fits[0].coefficients.b[1], rel=1e-6)


def test_estimated_effects_of_studies_lie_between_their_own_and_the_mean(catheters):
    fit = fit_counts(CountMixed(model="CM.EL"), catheters)
    most = int(np.nanargmax(fit.blup))
    assert np.nanmin(fit.blup) < fit.pooled.value < fit.blup[most]
    empty = catheters.events.sum(axis=0) == 0
    assert (np.isnan(fit.blup) == empty).all()
    assert (np.isnan(fit.fitted) == empty).all()
    assert np.all(fit.blup_se[~empty] < math.sqrt(fit.heterogeneity.tau2) + 1e-9)


def test_cancel_stops_a_fit(catheters):
    with pytest.raises(Cancelled):
        fit_counts(CountMixed(), catheters, Progress(cancelled=lambda: True))


def test_hypergeometric_terms_are_the_derivatives_of_the_likelihood():
    one = np.array([3.0, 5.0])
    family = Hypergeometric.of(one, np.array([20.0, 30.0]), np.array([25.0, 28.0]), one + 4.0)
    eta = np.array([[0.3, -0.8]])
    h = 1e-5
    up, down = family.terms(eta + h), family.terms(eta - h)
    _, slope, curvature = family.terms(eta)
    assert (up[0] - down[0]) / (2 * h) == pytest.approx(slope, abs=1e-7)
    assert (up[1] - down[1]) / (2 * h) == pytest.approx(curvature, abs=1e-7)


def test_two_dimensional_rule_is_the_product_where_effects_are_apart():
    """Two random effects that act on different arms: the integral factorises."""
    family = Binomial.of(np.array([[3.0], [6.0]]), np.array([[10.0], [12.0]]))
    eta = np.array([[-0.5], [0.2]])
    z = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
    both = integrate(family, eta, z, np.array([0.7, 1.1]), 25).value[0]
    apart = 0.0
    for arm, scale in ((0, 0.7), (1, 1.1)):
        one = Binomial.of(family.y[arm : arm + 1], family.n[arm : arm + 1])
        local = integrate(one, eta[arm : arm + 1], np.ones((1, 1, 1)), np.array([scale]), 25)
        apart += local.value[0]
    assert both == pytest.approx(apart, abs=1e-9)


def test_every_entry_describes_its_options():
    for entry in COUNT_MODELS:
        assert options_of(entry.options), entry.key
        assert entry.sentence.endswith(".")


def test_large_tables_in_a_window_of_their_support_agree_with_the_whole(monkeypatch):
    from metadesk.models.meta.glmm import families

    y = [np.array([400.0, 900.0]), np.array([700.0, 650.0])]
    n = [np.array([9000.0, 8000.0]), np.array([9500.0, 7000.0])]
    family = Hypergeometric.of(y[0], n[0], n[1], y[0] + y[1])
    eta = np.array([[[-0.5, 0.1]], [[-0.2, 0.4]]])
    whole = family.terms(eta)
    monkeypatch.setattr(families, "_SMALL_SUPPORT", 10)
    window = family.terms(eta)
    for a, b in zip(whole, window, strict=True):
        assert b == pytest.approx(a, rel=1e-10)


def test_endless_heterogeneity_is_said_and_not_taken_for_an_estimate():
    data = CountData.of("PLO", [[26, 0, 97, 0]], [[26, 9, 97, 30]])
    fit = fit_counts(CountMixed(), data)
    assert not fit.status.converged
    assert any(note.code == "not-converged" for note in fit.notes)


# Events and person-time of two groups in seven studies: with and without heterogeneity, the
# likelihood has a maximum each.
RATE_EVENTS = [[0, 4, 7, 0, 12, 1, 30], [3, 9, 0, 0, 20, 2, 51]]
RATE_TIMES = [[52.5, 110, 93.2, 18.4, 400, 12, 611.7], [49.1, 118, 88, 21.3, 395.5, 11.2, 590.3]]


def exact_rate_ratio_likelihood(b, sd):
    """Conditional binomial likelihood with normal log rate ratios, by a fine trapezoidal rule."""
    z = np.linspace(-9.0, 9.0, 4001)
    weight = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    total = 0.0
    for x1, x2, t1, t2 in zip(*RATE_EVENTS, *RATE_TIMES, strict=True):
        if x1 + x2 > 0:
            p = 1.0 / (1.0 + np.exp(-(b + sd * z + math.log(t1 / t2))))
            total += math.log(math.comb(x1 + x2, x1) * float(weight @ (p**x1 * (1 - p) ** x2)))
    return total


def test_of_two_maxima_the_highest_is_taken_unless_the_other_is_asked_for():
    data = CountData.of("IRR", RATE_EVENTS, RATE_TIMES)
    highest = fit_counts(CountMixed(model="CM.EL"), data)
    other = fit_counts(CountMixed(model="CM.EL", maximum="spread"), data)
    assert highest.heterogeneity.tau2 == 0.0
    assert other.statistics.logLik < highest.statistics.logLik
    b, sd = other.pooled.value, math.sqrt(other.heterogeneity.tau2)
    top = exact_rate_ratio_likelihood(b, sd)
    assert other.statistics.logLik == pytest.approx(top, abs=1e-6)
    for near in ((b, 0.9 * sd), (b, 1.1 * sd), (b - 0.05, sd), (b + 0.05, sd)):
        assert exact_rate_ratio_likelihood(*near) < top
    zero = exact_rate_ratio_likelihood(highest.pooled.value, 0.0)
    assert highest.statistics.logLik == pytest.approx(zero, abs=1e-9)


def brute_log_likelihood(mu, tau, a, m, log_ratio):
    """Binomial given the total, integrated over a normal effect by a fine trapezoid."""
    u = np.linspace(-9.0, 9.0, 4001)
    density = np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi)
    total = 0.0
    for x, n, offset in zip(a, m, log_ratio, strict=True):
        eta = offset + mu + tau * u
        terms = math.comb(int(n), int(x)) * np.exp(x * eta - n * np.logaddexp(0.0, eta))
        total += math.log(float(np.trapezoid(terms * density, u)))
    return total


def test_the_interval_of_tau2_ends_where_the_profile_likelihood_has_fallen_enough():
    """Against the same likelihood integrated by brute force and maximised by a fine grid."""
    a, n1 = (
        np.array([4.0, 12.0, 3.0, 50.0, 17.0, 2.0]),
        np.array([60.0, 80.0, 55.0, 90.0, 70.0, 40]),
    )
    c, n2 = np.array([10.0, 11.0, 12.0, 22.0, 9.0, 11.0]), np.array([58.0, 85, 60, 88, 72, 44])
    data = CountData.of("OR", [a, c], [n1, n2])
    fit = fit_counts(CountMixed(model="CM.AL"), data)
    ends = fit.heterogeneity.tau2_interval

    def profile(tau):
        values = [brute_log_likelihood(mu, tau, a, a + c, np.log(n1 / n2)) for mu in grid]
        top = int(np.argmax(values))
        bend = np.polyfit(grid[top - 2 : top + 3], values[top - 2 : top + 3], 2)
        return float(np.polyval(bend, -bend[1] / (2 * bend[0])))

    grid = np.linspace(-2.5, 1.0, 141)
    best = profile(math.sqrt(fit.heterogeneity.tau2))
    assert best == pytest.approx(fit.statistics.logLik, abs=1e-4)
    assert ends.lower > 0.0
    for end in (ends.lower, ends.upper):
        assert 2 * (best - profile(math.sqrt(end))) == pytest.approx(3.841458821, abs=2e-3)


@pytest.mark.parametrize("model", TWO_ARM_MODELS)
def test_the_interval_of_tau2_holds_its_estimate_and_can_be_left_out(catheters, model):
    fit = fit_counts(CountMixed(model=model), catheters)
    h = fit.heterogeneity
    assert h.tau2_interval.lower <= h.tau2 <= h.tau2_interval.upper
    assert h.I2_interval.lower <= h.I2 <= h.I2_interval.upper
    wide = fit_counts(CountMixed(model=model, level=0.99), catheters).heterogeneity
    assert wide.tau2_interval.upper > h.tau2_interval.upper
    without = fit_counts(CountMixed(model=model, tau2_interval="none"), catheters)
    assert without.heterogeneity.tau2_interval is None
    assert without.heterogeneity.tau2 == h.tau2


@pytest.mark.parametrize("model", TWO_ARM_MODELS)
def test_heterogeneity_is_tested_by_the_likelihood_of_equal_effects(catheters, model):
    random = fit_counts(CountMixed(model=model), catheters)
    equal = fit_counts(CountMixed(model=model, method="EE"), catheters)
    test = next(t for t in random.omnibus if "τ²" in t.title)
    ratio = 2 * (random.statistics.logLik - equal.statistics.logLik)
    assert test.statistic == pytest.approx(ratio, abs=1e-7)
    assert test.p == pytest.approx(0.5 * math.erfc(math.sqrt(ratio / 2)), rel=1e-6)
    assert all("τ²" not in t.title for t in equal.omnibus)
