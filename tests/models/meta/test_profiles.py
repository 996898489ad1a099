"""Profiles of variance components: the forms they are climbed in, and where their ends lie."""

import itertools

import numpy as np
import pytest
from scipy import optimize

from metadesk.models.meta.multilevel import (
    DependentData,
    Multilevel,
    estimate_multilevel,
    profile_intervals,
)
from metadesk.models.meta.multilevel.factored import Factored, semidefinite_root
from metadesk.models.meta.multilevel.structures import (
    STRUCTURES,
    InnerOuter,
    Intercepts,
    covariance_of,
)

TIMES = ("0", "1", "2.5", "4")


def rows_of(outcomes, studies, seed=0, spread=None):
    """Effects of several outcomes a study, some missing."""
    rng = np.random.default_rng(seed)
    rows = [(i, j) for i in range(studies) for j in range(outcomes) if rng.random() < 0.9]
    S = np.eye(outcomes) if spread is None else spread
    u = rng.multivariate_normal(np.zeros(outcomes), S, studies)
    v = rng.uniform(0.02, 0.2, len(rows))
    y = np.array([u[i, j] for i, j in rows]) + rng.normal(0, np.sqrt(v))
    factors = {
        "study": [f"s{i}" for i, _ in rows],
        "outcome": [TIMES[j] for _, j in rows],
        "effect": list(range(len(rows))),
    }
    return DependentData.of(y, v, factors=factors)


def check_derivatives(form, psi):
    rng = np.random.default_rng(1)
    gamma, jacobian = form.linear(psi)
    score = rng.normal(size=gamma.size)
    slopes, bend = np.zeros_like(jacobian), np.zeros((psi.size, psi.size))
    for a in range(psi.size):
        h = np.zeros(psi.size)
        h[a] = 1e-6
        up, down = form.linear(psi + h), form.linear(psi - h)
        slopes[:, a] = (up[0] - down[0]) / 2e-6
        bend[a] = score @ (up[1] - down[1]) / 2e-6
    assert jacobian == pytest.approx(slopes, abs=1e-8)
    assert form.bend(psi, score) == pytest.approx(bend, abs=1e-8)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_a_structure_knows_its_two_derivatives(structure, nested):
    terms = (Intercepts(("study", "effect")),) if nested else ()
    covariance = covariance_of((*terms, InnerOuter("outcome", "study", structure)), rows_of(4, 6))
    rng = np.random.default_rng(2)
    angles = covariance.free(rng.uniform(0.1, 0.5, covariance.n_rho))
    check_derivatives(covariance, np.concatenate([rng.uniform(0.3, 1, covariance.n_tau), angles]))


@pytest.mark.parametrize("front", [(), (2,), (1, 3), (3, 0)])
def test_an_unstructured_covariance_can_be_written_with_any_levels_in_front(front):
    covariance = covariance_of((InnerOuter("outcome", "study", "UN"),), rows_of(4, 6))
    rng = np.random.default_rng(3)
    angles = covariance.free(rng.uniform(0.1, 0.5, covariance.n_rho))
    phi = np.concatenate([rng.uniform(0.3, 1, covariance.n_tau), angles])
    form = Factored(covariance, 0, front)
    psi = form.from_natural(phi)
    assert form.to_natural(psi) == pytest.approx(phi, abs=1e-10)
    assert form.linear(psi)[0] == pytest.approx(covariance.linear(phi)[0], abs=1e-12)
    check_derivatives(form, psi)
    if len(front) == 2:
        pairs = [(a, b) for b in range(4) for a in range(b + 1, 4)]
        at = pairs.index((max(front), min(front)))
        assert form.angle == covariance.n_tau + at
        assert psi[form.angle] == pytest.approx(phi[form.angle], abs=1e-10)


def test_the_root_of_a_singular_matrix_is_one():
    a = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.1]])
    G = a @ a.T
    L = semidefinite_root(G)
    assert pytest.approx(G, abs=1e-12) == L @ L.T
    assert L[2, 2] == 0.0


SPREAD = np.array([[0.3, 0.1, -0.1], [0.1, 0.2, 0.05], [-0.1, 0.05, 0.25]])


@pytest.mark.parametrize("which", [0, 3])
def test_no_covariance_beyond_an_end_is_nearly_as_likely(which):
    """Against a general optimiser, which holds the component and moves everything else."""
    data = rows_of(3, 15, seed=4, spread=SPREAD)
    fit = estimate_multilevel(Multilevel(random="outcome | study", structure="UN"), data)
    machine, covariance = fit.machine, fit.machine.covariance
    form = Factored(covariance, 0, (0,) if which == 0 else (1, 0))
    ends = profile_intervals(fit, 0.95)[which]

    def lost(free, value):
        gamma = form.linear(np.insert(free, which, value))[0]
        found = machine.at_linear(gamma)
        return 1e6 if found is None else fit.found.log_likelihood - found.log_likelihood

    start = np.delete(form.from_natural(fit.phi), which)
    for end in (ends.lower, ends.upper):
        value = np.sqrt(end) if which == 0 else np.arcsin(end)
        runs = [
            optimize.minimize(lost, start * shrink, (value,), method="BFGS").fun
            for shrink in (1.0, 0.6)
        ]
        assert 2 * min(runs) == pytest.approx(3.841458821, abs=2e-3)


@pytest.mark.parametrize("seed", [3])
def test_ends_hold_the_estimate_and_widen_with_the_level(seed):
    fit = estimate_multilevel(
        Multilevel(random="outcome | study", structure="UN"), rows_of(3, 12, seed)
    )
    narrow, wide = profile_intervals(fit, 0.8), profile_intervals(fit, 0.95)
    values = [*fit.variances, *fit.correlations]
    for value, one, other in zip(values, narrow, wide, strict=True):
        assert one.lower - 1e-7 <= value <= one.upper + 1e-7
        assert other.lower <= one.lower + 1e-7
        assert other.upper >= one.upper - 1e-7


def test_the_order_of_outcomes_does_not_change_the_intervals():
    data = rows_of(3, 15, seed=8, spread=SPREAD)
    renamed = dict(zip(TIMES[:3], ("2.5", "0", "1"), strict=True))
    labels = [renamed[data.factors["outcome"].levels[c]] for c in data.factors["outcome"].codes]
    study = [data.factors["study"].levels[c] for c in data.factors["study"].codes]
    other = DependentData.of(data.yi, data.vi, factors={"study": study, "outcome": labels})
    spec = Multilevel(random="outcome | study", structure="UN")
    found = []
    for one in (data, other):
        fit = estimate_multilevel(spec, one)
        ends = profile_intervals(fit, 0.95)
        levels = fit.machine.covariance.matrices[0].levels
        back = [{v: k for k, v in renamed.items()}.get(x, x) if one is other else x for x in levels]
        by = {frozenset([back[a]]): ends[a] for a in range(3)}
        pairs = [(a, b) for b in range(3) for a in range(b + 1, 3)]
        by |= {frozenset((back[a], back[b])): ends[3 + i] for i, (a, b) in enumerate(pairs)}
        found.append(by)
    for key in itertools.chain(found[0]):
        assert found[0][key].lower == pytest.approx(found[1][key].lower, abs=1e-5)
        assert found[0][key].upper == pytest.approx(found[1][key].upper, abs=1e-5)
