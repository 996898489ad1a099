"""Multilevel and multivariate models: equalities with simpler models, edges, laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.errors import Cancelled, DataProblem, RankError, SpecProblem
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.multilevel import (
    DependentData,
    Factor,
    Multilevel,
    estimate_multilevel,
    fit_multilevel,
    propose_levels,
    report_multilevel,
    three_level_data,
)
from metadesk.models.meta.multilevel.blocks import evaluate
from metadesk.models.meta.multilevel.structures import STRUCTURES
from metadesk.models.meta.random_effects import RandomEffects, fit_random
from metadesk.numerics.progress import Progress

QUIET = Multilevel(profile=False)


def made(seed=3, studies=12, most=5, between=0.3, within=0.2):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, studies)
    study = np.repeat(np.arange(studies), sizes)
    v = rng.uniform(0.02, 0.2, study.size)
    y = 0.4 + rng.normal(0, between, studies)[study] + rng.normal(0, within, study.size)
    return y + rng.normal(0, np.sqrt(v)), v, [f"s{i}" for i in study]


@pytest.fixture
def nested():
    return three_level_data(*made())


def bivariate(structure_seed=7, studies=15):
    rng = np.random.default_rng(structure_seed)
    G = np.array([[0.3, 0.15], [0.15, 0.2]])
    u = rng.multivariate_normal([0.2, 0.5], G, studies)
    v = rng.uniform(0.02, 0.1, (studies, 2))
    y = u + rng.normal(0, np.sqrt(v))
    blocks = []
    for i in range(studies):
        c = 0.5 * math.sqrt(v[i, 0] * v[i, 1])
        rows = np.array([2 * i, 2 * i + 1])
        blocks.append((rows, np.array([[v[i, 0], c], [c, v[i, 1]]])))
    X = np.tile(np.eye(2), (studies, 1))
    factors = {"study": np.repeat(np.arange(studies), 2), "outcome": ["a", "b"] * studies}
    return DependentData.of(y.ravel(), blocks, X=X, names=("a", "b"), factors=factors)


@given(st.integers(0, 10_000), st.sampled_from(["REML", "ML"]))
@settings(max_examples=25, deadline=None)
def test_one_row_a_study_gives_the_random_effects_model(seed, method):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.05, 0.3, 9)
    y = rng.normal(0.3, 0.6, 9)
    plain = fit_random(RandomEffects(tau2=method, test="z"), MetaData.of(y, v))
    data = DependentData.of(y, v, factors={"study": list(range(9))})
    spec = Multilevel(random="1 | study", method=method, test="z", profile=False)
    fit = fit_multilevel(spec, data)
    assert fit.heterogeneity.tau2 == pytest.approx(plain.heterogeneity.tau2, abs=1e-6)
    assert fit.pooled.value == pytest.approx(plain.pooled.value, abs=1e-6)
    assert fit.statistics.logLik == pytest.approx(plain.statistics.logLik, abs=1e-8)


def test_components_of_one_row_a_study_add_up_to_tau2():
    y, v, _ = made(studies=10, most=1)
    plain = fit_random(RandomEffects(tau2="REML"), MetaData.of(y, v))
    fit = fit_multilevel(QUIET, three_level_data(y, v, [f"s{i}" for i in range(10)]))
    total = sum(part.estimate for part in fit.components)
    assert total == pytest.approx(plain.heterogeneity.tau2, rel=1e-5)


def test_order_of_rows_does_not_matter():
    y, v, study = made()
    turn = np.random.default_rng(1).permutation(y.size)
    here = fit_multilevel(QUIET, three_level_data(y, v, study))
    there = fit_multilevel(QUIET, three_level_data(y[turn], v[turn], [study[i] for i in turn]))
    assert there.pooled.value == pytest.approx(here.pooled.value, abs=1e-9)
    for a, b in zip(here.components, there.components, strict=True):
        assert b.estimate == pytest.approx(a.estimate, rel=1e-6)


@pytest.mark.parametrize("c", [1e-4, 1e3])
def test_rescaling_scales_effects_and_variances(c):
    y, v, study = made()
    here = fit_multilevel(QUIET, three_level_data(y, v, study))
    there = fit_multilevel(QUIET, three_level_data(c * y, c**2 * v, study))
    assert there.pooled.value == pytest.approx(c * here.pooled.value, rel=1e-8)
    for a, b in zip(here.components, there.components, strict=True):
        assert b.estimate == pytest.approx(c**2 * a.estimate, rel=1e-6)


def test_compound_symmetry_is_the_three_level_model_in_other_words(nested):
    y, v, study = made()
    three = fit_multilevel(QUIET, nested)
    factors = {"study": study, "effect": list(range(y.size))}
    spec = Multilevel(random="effect | study", structure="CS", profile=False)
    multi = fit_multilevel(spec, DependentData.of(y, v, factors=factors))
    sigma = [part.estimate for part in three.components]
    tau2, rho = (part.estimate for part in multi.components)
    assert tau2 == pytest.approx(sum(sigma), rel=1e-6)
    assert rho * tau2 == pytest.approx(sigma[0], rel=1e-5)
    assert multi.statistics.logLik == pytest.approx(three.statistics.logLik, abs=1e-8)


def test_sums_over_groups_agree_with_matrices(nested):
    machine = estimate_multilevel(QUIET, nested).machine
    gamma = np.array([0.07, 0.03])
    sums = machine.nested.evaluate(gamma, True)
    matrices = evaluate(machine.stacks, gamma, nested.k, True)
    assert sums.log_likelihood == pytest.approx(matrices.log_likelihood, abs=1e-10)
    assert sums.score == pytest.approx(matrices.score, rel=1e-9)
    assert sums.information == pytest.approx(matrices.information, rel=1e-9)
    assert sums.resid_weighted == pytest.approx(matrices.resid_weighted, abs=1e-10)
    assert sums.X_weighted == pytest.approx(matrices.X_weighted, abs=1e-10)


@pytest.mark.parametrize("structure", sorted(set(STRUCTURES) - {"CAR"}))
def test_score_vanishes_at_the_maximum(structure):
    data = bivariate()
    spec = Multilevel(random="outcome | study", structure=structure, profile=False)
    fit = estimate_multilevel(spec, data)
    assert fit.converged
    h = 1e-4
    best = fit.found.log_likelihood
    for a in range(fit.phi.size):
        for sign in (-h, h):
            moved = fit.phi.copy()
            moved[a] += sign
            assert fit.machine.at(moved).log_likelihood <= best + 1e-12


def test_free_structures_never_fit_worse_than_bound_ones():
    data = bivariate()
    ll = {
        s: fit_multilevel(
            Multilevel(random="outcome | study", structure=s, profile=False), data
        ).statistics.logLik
        for s in ("UN", "HCS", "CS", "DIAG", "ID")
    }
    assert ll["UN"] == pytest.approx(ll["HCS"], abs=1e-8)
    assert ll["HCS"] >= ll["CS"] >= ll["ID"]
    assert ll["UN"] >= ll["DIAG"] >= ll["ID"]


def test_unstructured_with_three_outcomes_may_end_on_the_edge():
    rng = np.random.default_rng(11)
    u = np.repeat(rng.normal(0, 0.5, 12), 3)
    v = np.full(36, 0.05)
    y = u + rng.normal(0, 0.2, 36)
    factors = {"study": np.repeat(np.arange(12), 3), "outcome": ["a", "b", "c"] * 12}
    data = DependentData.of(y, v, factors=factors)
    fit = fit_multilevel(Multilevel(random="outcome | study", structure="UN", profile=False), data)
    assert fit.status.converged
    rho = [part.estimate for part in fit.components if part.name.startswith("rho")]
    assert len(rho) == 3
    assert all(-1.0 <= r <= 1.0 for r in rho)


def test_component_without_spread_is_zero_and_said():
    rng = np.random.default_rng(0)
    v = np.full(20, 0.2)
    y = np.tile([0.1, 0.2], 10) + rng.normal(0, 0.01, 20)
    fit = fit_multilevel(QUIET, three_level_data(y, v, [f"s{i // 2}" for i in range(20)]))
    assert fit.status.boundary == ("sigma^2.1", "sigma^2.2")
    assert fit.heterogeneity.tau2 == 0.0
    assert fit.status.converged


def test_profile_interval_holds_the_estimate_and_the_critical_drop(nested):
    spec = Multilevel(profile=True, level=0.9)
    fit = fit_multilevel(spec, nested)
    for part in fit.components:
        assert part.interval.lower <= part.estimate <= part.interval.upper
        assert part.interval.level == 0.9
    wide = fit_multilevel(Multilevel(profile=True, level=0.99), nested)
    assert wide.components[0].interval.upper > fit.components[0].interval.upper


def test_shares_of_the_levels_add_up(nested):
    fit = fit_multilevel(QUIET, nested)
    shares = [q.value for name, q in fit.extra.items() if name.startswith("I2 ")]
    assert len(shares) == 2
    assert sum(shares) == pytest.approx(fit.heterogeneity.I2)
    assert fit.weights.sum() == pytest.approx(100.0)


def test_containment_counts_the_groups_that_hold_a_coefficient(nested):
    contain = fit_multilevel(Multilevel(test="t", df="contain", profile=False), nested)
    residual = fit_multilevel(Multilevel(test="t", df="residual", profile=False), nested)
    assert contain.coefficients.df[0] == 12 - 1
    assert residual.coefficients.df[0] == nested.k - 1


def test_full_covariance_matrix_is_taken_apart_into_blocks():
    data = bivariate()
    V = np.diag(data.vi)
    for rows, block in data.blocks:
        V[np.ix_(rows, rows)] = block
    again = DependentData.of(data.yi, V, X=data.X, names=data.names, factors=dict(data.factors))
    assert len(again.blocks) == 15
    spec = Multilevel(random="outcome | study", structure="UN", profile=False)
    first, second = (fit_multilevel(spec, d) for d in (data, again))
    assert second.statistics.logLik == pytest.approx(first.statistics.logLik, abs=1e-9)


def test_impossible_covariance_names_the_rows():
    block = np.array([[0.1, 0.2], [0.2, 0.1]])
    with pytest.raises(DataProblem, match="rows 1, 2"):
        DependentData.of([0.1, 0.2], [(np.array([0, 1]), block)])


def test_perfectly_correlated_errors_are_fitted_without_q():
    block = np.full((2, 2), 0.1)
    blocks = [(np.array([2 * i, 2 * i + 1]), block) for i in range(6)]
    y = np.array([0.1, 0.3, 0.2, 0.9, -0.2, 0.4, 0.5, 0.6, 0.0, 0.1, 0.7, 0.2])
    data = DependentData.of(
        y, blocks, factors={"study": np.repeat(np.arange(6), 2), "effect": np.arange(12)}
    )
    fit = fit_multilevel(QUIET, data)
    assert math.isnan(fit.heterogeneity.QE)
    assert any(note.code == "singular-covariance" for note in fit.notes)


def test_collinear_moderators_are_refused():
    y, v, study = made()
    X = np.column_stack([np.ones(y.size), np.arange(y.size), 2.0 * np.arange(y.size)])
    data = DependentData.of(
        y, v, X=X, names=("intrcpt", "a", "b"), factors={"study": study, "effect": range(y.size)}
    )
    with pytest.raises(RankError, match="intrcpt, a, b"):
        fit_multilevel(QUIET, data)


def test_unreadable_random_effect_says_how_to_write_one(nested):
    with pytest.raises(SpecProblem, match="write '1 \\| study/effect'"):
        fit_multilevel(Multilevel(random="study"), nested)


def test_missing_grouping_names_those_there_are(nested):
    with pytest.raises(DataProblem, match="study, effect"):
        fit_multilevel(Multilevel(random="1 | trial"), nested)


def test_levels_of_a_factor_are_ordered_as_numbers_where_they_are_numbers():
    assert Factor.of("time", [10, 2, 1]).levels == ("1", "2", "10")


def test_three_levels_are_proposed_only_when_a_study_has_several_rows():
    assert propose_levels(["a", "b", "c"]) is None
    found = propose_levels(["a", "a", "b", "c", "d"])
    assert found.spec.random == "1 | study/effect"
    assert found.spec.robust == "CR2"
    assert found.sentence.startswith("1 of 4 studies")


def test_cancel_stops_a_fit(nested):
    with pytest.raises(Cancelled):
        fit_multilevel(QUIET, nested, Progress(cancelled=lambda: True))


def test_estimated_effects_are_drawn_towards_the_mean(nested):
    fit = report_multilevel(QUIET, estimate_multilevel(QUIET, nested))
    own = nested.yi - fit.pooled.value
    assert np.all(np.abs(fit.blup - fit.pooled.value).max() < np.abs(own).max())


def test_a_variance_per_level_with_one_correlation_finds_the_higher_of_two_maxima():
    # Log odds ratios of survival at four occasions (Fine et al. 1993), rounded.
    y = np.array([  # studies in rows, occasions in columns
        -0.63, 0.14, -0.76, 0.52, 0.08, 0.77, 0.98, 1.34,
        0.1, 0.37, 1.25, 1.93, 1.44, 1.66, 0.16, -0.57,
        0.36, 0.78, 0.94, 0.39, 0.09, 0.36, 0.68, 0.39,
        2.08, 0.58, -0.05, -0.52, 0.24, 0.25, -0.15, -0.53,
        0.86, 0.65, 1.09, 0.7, -1.41, 0.09, 0.52, 2.46,
        0.09, 0.27, 0.39, 0.26, 0.17, 0.49, 0.65, 1.36,
        0.22, 0.18, 0.35, 0.61, 1.95, 0.98, 1.25, 1.25,
        -0.24, 1.31, 0.84, -0.11, 0.11, -0.26, 0.12, 1.46,
    ])  # fmt: skip
    v = np.array([  # studies in rows, occasions in columns
        0.95, 0.4, 0.51, 0.7, 0.25, 0.24, 0.28, 0.32,
        0.12, 0.15, 0.46, 2.31, 0.59, 0.46, 0.57, 0.94,
        0.38, 0.19, 0.27, 0.32, 0.08, 0.07, 0.11, 0.14,
        0.62, 0.24, 0.37, 0.51, 0.23, 0.14, 0.16, 0.2,
        0.38, 0.28, 0.42, 0.44, 2.45, 0.21, 0.43, 2.21,
        0.04, 0.04, 0.05, 0.06, 0.05, 0.04, 0.07, 0.15,
        0.88, 0.19, 0.23, 0.26, 0.66, 0.51, 1.21, 1.21,
        4.12, 1.4, 0.86, 0.56, 0.56, 0.37, 0.53, 1.3,
    ])  # fmt: skip
    time = np.tile(np.arange(1, 5), 16)
    X = (time[:, None] == np.arange(1, 5)).astype(float)
    factors = {"study": np.repeat(np.arange(16), 4), "time": time}
    data = DependentData.of(y, v, X=X, names=("t1", "t2", "t3", "t4"), factors=factors)
    spec = Multilevel(random="time | study", structure="HCS", profile=False)
    fit = fit_multilevel(spec, data)
    apart = fit_multilevel(replace(spec, structure="DIAG"), data)
    found = {part.name: part.estimate for part in fit.components}
    assert found["rho"] == pytest.approx(1.0, abs=1e-6)
    assert fit.statistics.logLik > apart.statistics.logLik + 1.0


def dense_log_likelihood(data, G, levels):
    """Restricted log-likelihood of `level | study` with covariance ``G``, written out in full."""
    study, level = data.factors["study"].codes, data.factors[levels].codes
    M = np.diag(data.vi) + (study[:, None] == study) * G[np.ix_(level, level)]
    for rows, block in data.blocks:
        M[np.ix_(rows, rows)] += block - np.diag(np.diag(block))
    W = np.linalg.inv(M)
    XWX = data.X.T @ W @ data.X
    r = data.yi - data.X @ np.linalg.solve(XWX, data.X.T @ W @ data.yi)
    logs = [np.linalg.slogdet(A)[1] for A in (data.X.T @ data.X, M, XWX)]
    n = data.k - data.p
    return 0.5 * (logs[0] - logs[1] - logs[2] - r @ W @ r - n * math.log(2 * math.pi))


def pairs_of_three_programmes():
    """Half the studies compare a with b (opposite effects), half a with c (like effects)."""
    u = np.array([0.9, -0.7, 0.5, -1.0, 0.8, -0.6, 0.7, -0.9])
    y = np.concatenate([[x, -0.5 * x] for x in u] + [[x, 1.5 * x] for x in u])
    programme = ["a", "b"] * 8 + ["a", "c"] * 8
    study = np.repeat(np.arange(16), 2)
    noise = 0.05 * np.cos(np.arange(32.0))
    return DependentData.of(
        y + noise, np.full(32, 0.05), factors={"study": study, "programme": programme}
    )


def test_levels_that_never_meet_have_no_correlation():
    data = pairs_of_three_programmes()
    spec = Multilevel(random="programme | study", structure="UN", method="REML", profile=False)
    fit = fit_multilevel(spec, data)
    found = {part.name: part.estimate for part in fit.components}
    assert list(found) == ["tau^2.1", "tau^2.2", "tau^2.3", "rho.1", "rho.2"]
    assert found["rho.1"] == pytest.approx(-1.0, abs=1e-6)
    assert found["rho.2"] == pytest.approx(1.0, abs=1e-6)
    assert fit.statistics.AIC == pytest.approx(-2 * fit.statistics.logLik + 2 * (1 + 5))
    t = np.sqrt([found[f"tau^2.{i}"] for i in (1, 2, 3)])
    R = np.array(
        [[1, found["rho.1"], found["rho.2"]], [found["rho.1"], 1, 0], [found["rho.2"], 0, 1]]
    )
    full = dense_log_likelihood(data, R * np.outer(t, t), "programme")
    assert fit.statistics.logLik == pytest.approx(full, abs=1e-9)


def test_a_structure_whose_levels_never_meet_has_no_correlation_at_all():
    y, v, study = made(most=1)
    kind = ["a", "b"] * (len(y) // 2)
    data = DependentData.of(y, v, factors={"study": study, "kind": kind})
    for structure in ("CS", "HCS", "UN", "AR", "HAR"):
        fit = fit_multilevel(Multilevel("kind | study", structure, profile=False), data)
        assert not any(part.name.startswith("rho") for part in fit.components)


def opposite_outcomes():
    """Two outcomes whose true effects are nearly opposite, with little spread."""
    u = 0.12 * np.array([1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 0.8, -0.8, 0.2, -0.2])
    y = np.column_stack([0.1 + u, 0.3 - 2.0 * u]) + 0.02 * np.sin(np.arange(20.0)).reshape(10, 2)
    blocks = [
        (np.array([2 * i, 2 * i + 1]), np.array([[0.02, 0.008], [0.008, 0.02]])) for i in range(10)
    ]
    factors = {"study": np.repeat(np.arange(10), 2), "outcome": ["x", "y"] * 10}
    X = np.tile(np.eye(2), (10, 1))
    return DependentData.of(y.ravel(), blocks, X=X, names=("x", "y"), factors=factors)


def test_no_point_of_a_grid_lies_above_the_maximum_where_outcomes_oppose_each_other():
    data = opposite_outcomes()
    fit = fit_multilevel(Multilevel("outcome | study", "HCS", profile=False), data)
    sds = np.linspace(0.0, 0.4, 9)
    best = max(
        dense_log_likelihood(data, np.array([[a * a, r * a * b], [r * a * b, b * b]]), "outcome")
        for a in sds
        for b in sds
        for r in (-1.0, -0.5, 0.0, 0.5, 1.0)
    )
    assert fit.statistics.logLik >= best
    assert {p.name: p.estimate for p in fit.components}["rho"] == pytest.approx(-1.0, abs=1e-6)


def test_a_shared_correlation_may_be_as_low_as_the_estimates_allow_if_asked():
    rng = np.random.default_rng(5)
    u = rng.normal(0, 0.6, (14, 4))
    y = u - 0.97 * u.mean(axis=1, keepdims=True) + rng.normal(0, 0.05, (14, 4))
    factors = {"study": np.repeat(np.arange(14), 4), "time": [1, 2, 3, 4] * 14}
    data = DependentData.of(y.ravel(), np.full(56, 0.2), factors=factors)
    proper = Multilevel("time | study", "CS", profile=False)
    found = {}
    for kind in ("proper", "marginal"):
        fit = fit_multilevel(replace(proper, correlations=kind), data)
        tau2, rho = (part.estimate for part in fit.components)
        G = tau2 * ((1 - rho) * np.eye(4) + rho)
        assert fit.statistics.logLik == pytest.approx(dense_log_likelihood(data, G, "time"))
        found[kind] = rho, fit.statistics.logLik
    assert found["proper"][0] == pytest.approx(-1 / 3, abs=1e-6)
    assert found["marginal"][0] < -0.35
    assert found["marginal"][1] > found["proper"][1] + 1e-4


def test_a_term_may_name_a_structure_of_its_own():
    data = bivariate()
    own = fit_multilevel(Multilevel("outcome | study, DIAG", "UN", profile=False), data)
    said = fit_multilevel(Multilevel("outcome | study", "DIAG", profile=False), data)
    assert own.statistics.logLik == said.statistics.logLik
    with pytest.raises(SpecProblem, match="no structure 'XX'"):
        fit_multilevel(Multilevel("outcome | study, XX", profile=False), data)


@pytest.mark.parametrize(("structure", "said"), [("CS", False), ("UN", True)])
def test_a_structure_that_nested_intercepts_do_not_read_is_said_to_change_nothing(
    nested, structure, said
):
    fit = fit_multilevel(replace(QUIET, structure=structure), nested)
    assert ("structure-idle" in {note.code for note in fit.notes}) is said
