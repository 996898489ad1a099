"""Residuals as whitening: sums against matrices of rows by rows, long series, vanishing ones."""

from __future__ import annotations

import numpy as np
import pytest
from made_trials import crossover

from metadesk.errors import NotEstimable
from metadesk.models.mixed import LinearMixed, RandomTerm, Roles, Term, TrialData, fit_linear
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.linear.residuals import Autoregressive, ByStratum
from metadesk.models.mixed.linear.whitened import WhitenedCovariance
from metadesk.models.mixed.random_columns import RandomColumns

ROWS, PERSONS = 48, 6
rng = np.random.default_rng(5)
PERSON = Factor(rng.integers(0, PERSONS, ROWS), tuple("abcdef"))
CYCLE = PERSON.paired_with(Factor(rng.integers(0, 3, ROWS), tuple("123")))
TIME = rng.permutation(3 * ROWS)[:ROWS].astype(float)
STRATA = Factor(rng.integers(0, 3, ROWS), tuple("ABC"))
X = rng.normal(size=(ROWS, 4))
SLOPES = np.column_stack([np.ones(ROWS), rng.normal(size=ROWS)])
GROUPS = {
    "none": (),
    "slope": (RandomColumns("person", PERSON, ("1", "t"), SLOPES),),
    "nested": (
        RandomColumns("person", PERSON, ("1",), SLOPES[:, :1]),
        RandomColumns("cycle", CYCLE, ("1",), SLOPES[:, :1]),
    ),
}
D = {"none": [], "slope": [0.9, 0.2, 0.6], "nested": [0.9, 0.3]}
STRUCTURES = {
    "strata": (ByStratum(STRATA), [0.5, 1.2, 0.8]),
    "ar1": (Autoregressive(TIME, False), [0.7, 0.8]),
    "negative": (Autoregressive(TIME, False), [0.7, -0.6]),
    "zero": (Autoregressive(TIME, False), [0.7, 0.0]),
    "car1": (Autoregressive(TIME / 13, True), [0.7, 0.4]),
}


def dense(groups, structure, theta):
    """V of all rows, as the definition says."""
    V = np.zeros((ROWS, ROWS))
    used = 0
    for g in groups:
        q = g.Z.shape[1]
        cells = [(a, b) for b in range(q) for a in range(b, q)]
        inside = np.zeros((q, q))
        for a, b in cells:
            inside[a, b] = inside[b, a] = theta[used]
            used += 1
        same = g.factor.codes[:, None] == g.factor.codes[None, :]
        V += same * (g.Z @ inside @ g.Z.T)
    if isinstance(structure, ByStratum):
        return V + np.diag(theta[used:][STRATA.codes])
    apart = np.abs(structure.time[:, None] - structure.time[None, :])
    with np.errstate(invalid="ignore"):
        rho = np.where(apart == 0, 1.0, np.power(complex(theta[used + 1]), apart).real)
    same = PERSON.codes[:, None] == PERSON.codes[None, :]
    return V + theta[used] * same * rho


def slopes_of(f, theta, k, step=1e-5):
    up, down = theta.copy(), theta.copy()
    up[k] += step
    down[k] -= step
    return (f(up) - f(down)) / (2 * step)


@pytest.mark.parametrize("random", GROUPS)
@pytest.mark.parametrize("residual", STRUCTURES)
def test_all_sums_are_those_of_the_full_matrices(random, residual):
    groups, (structure, own) = GROUPS[random], STRUCTURES[residual]
    theta = np.array([*D[random], *own])
    covariance = WhitenedCovariance(groups, structure, PERSON, X)
    m = covariance.moments(theta)
    inverse = np.linalg.inv(dense(groups, structure, theta))
    dV = [slopes_of(lambda t: dense(groups, structure, t), theta, k) for k in range(len(theta))]
    U = inverse @ X
    assert m.logdet == pytest.approx(-np.linalg.slogdet(inverse)[1], rel=1e-11)
    assert m.total == pytest.approx(X.T @ U, rel=1e-10, abs=1e-10)
    for k, Vk in enumerate(dV):
        assert m.trace[k] == pytest.approx(np.trace(inverse @ Vk), rel=1e-7, abs=1e-7)
        assert m.first[k] == pytest.approx(U.T @ Vk @ U, rel=1e-6, abs=1e-6)
        for j, Vj in enumerate(dV):
            both = np.trace(inverse @ Vk @ inverse @ Vj)
            assert m.trace2[k, j] == pytest.approx(both, rel=1e-6, abs=1e-6)
            product = U.T @ Vk @ inverse @ Vj @ U
            assert m.second[k, j] == pytest.approx(product, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("random", GROUPS)
@pytest.mark.parametrize("residual", ["ar1", "negative", "zero", "car1"])
def test_second_derivatives_are_the_slopes_of_the_first_sums(random, residual):
    groups, (structure, own) = GROUPS[random], STRUCTURES[residual]
    theta = np.array([*D[random], *own])
    covariance = WhitenedCovariance(groups, structure, PERSON, X)
    m = covariance.moments(theta)
    for k in range(len(theta)):
        for j in range(len(theta)):
            slope = slopes_of(lambda t, k=k: covariance.moments(t).trace[k], theta, j)
            expected = m.curve_trace[k, j] - m.trace2[k, j]
            assert slope == pytest.approx(expected, rel=1e-5, abs=1e-5)
            slope = slopes_of(lambda t, k=k: covariance.moments(t).first[k], theta, j)
            expected = m.curve[k, j] - m.second[k, j] - m.second[k, j].T
            assert slope == pytest.approx(expected, rel=1e-5, abs=1e-5)


def long_series(n, phi=0.5, effect=1.0, seed=4):
    rng = np.random.default_rng(seed)
    e = np.empty(n)
    e[0] = rng.normal()
    for t in range(1, n):
        e[t] = phi * e[t - 1] + np.sqrt(1 - phi**2) * rng.normal()
    treatment = ["AB"[(t // 20) % 2] for t in range(n)]
    y = [float(v + effect * (w == "B")) for v, w in zip(e, treatment, strict=True)]
    return {"day": list(range(n)), "treatment": treatment, "y": y}


def test_a_series_of_twenty_thousand_values_is_fitted():
    roles = Roles(time="day", treatment="treatment", outcome="y")
    data = TrialData.from_columns(long_series(20_000), roles)
    model = LinearMixed(
        fixed=(Term("treatment"),), random_terms=(), residual="ar1", intervals="none"
    )
    fit = fit_linear(model, data)
    assert fit.status.converged
    assert fit.residual["phi"] == pytest.approx(0.5, abs=0.03)
    assert fit.coefficients.at("treatment[B]").value == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_splitting_a_series_between_persons_ends_its_memory(seed):
    columns = long_series(80, seed=seed)
    columns["who"] = ["first" if t < 40 else "second" for t in range(80)]
    columns["day"] = [t % 40 for t in range(80)]
    roles = Roles(subject="who", time="day", treatment="treatment", outcome="y")
    model = LinearMixed(
        fixed=(Term("treatment"),), random_terms=(), residual="ar1", intervals="none"
    )
    fit = fit_linear(model, TrialData.from_columns(columns, roles))
    phi, sd = fit.residual["phi"], fit.residual["sd"]
    apart = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    half = sd**2 * phi**apart
    V = np.block([[half, np.zeros((40, 40))], [np.zeros((40, 40)), half]])
    design = np.column_stack([np.ones(80), [w == "B" for w in columns["treatment"]]])
    b = np.linalg.solve(design.T @ np.linalg.solve(V, design),
                        design.T @ np.linalg.solve(V, np.array(columns["y"])))  # fmt: skip
    assert fit.coefficients.b == pytest.approx(b, rel=1e-9)


def test_compound_symmetry_may_be_negative():
    rng = np.random.default_rng(1)
    columns = {name: [] for name in ("subject", "period", "treatment", "y")}
    for person in range(30):
        gap = rng.normal()
        for period, (treatment, sign) in enumerate((("A", 1), ("B", -1)) if person % 2 else
                                                   (("B", 1), ("A", -1))):  # fmt: skip
            cells = (str(person), str(period), treatment, float(sign * gap + 0.2 * rng.normal()))
            for name, cell in zip(columns, cells, strict=True):
                columns[name].append(cell)
    roles = Roles(subject="subject", period="period", treatment="treatment", outcome="y")
    data = TrialData.from_columns(columns, roles)
    fit = fit_linear(LinearMixed(random="none", residual="cs"), data)
    assert fit.residual["correlation"] < -0.8
    level = fit_linear(LinearMixed(), data)
    assert level.singular
    assert fit.statistics.logLik > level.statistics.logLik + 5


def test_a_treatment_given_once_may_have_a_vanishing_variance_which_is_said():
    rng = np.random.default_rng(3)
    columns = {name: [] for name in ("subject", "sequence", "period", "treatment", "y")}
    for person in range(24):
        order = ("TRR", "RTR", "RRT")[person % 3]
        level = rng.normal(0, 1)
        for period, treatment in enumerate(order, 1):
            spread = 0.0 if treatment == "T" else 0.6
            cells = (str(person), order, str(period), treatment, level + spread * rng.normal())
            for name, cell in zip(columns, cells, strict=True):
                columns[name].append(cell)
    roles = Roles(subject="subject", sequence="sequence", period="period", treatment="treatment",
                  outcome="y")  # fmt: skip
    fit = fit_linear(
        LinearMixed(residual="treatment", intervals="none"), TrialData.from_columns(columns, roles)
    )
    assert fit.status.boundary == ("Residual T",)
    assert next(c for c in fit.components if c.name == "Residual T").estimate == 0.0
    assert "singular-fit" in {n.code for n in fit.notes}


def test_a_variance_whose_vanishing_has_no_end_is_refused():
    data = crossover(orders=("ABAB", "BABA"))
    columns = {**data.cells, "y": [
        float(v) if t == "A" else 1.0
        for v, t in zip(data.cells["y"], data.cells["treatment"], strict=True)
    ]}  # fmt: skip
    model = LinearMixed(
        fixed=(Term("treatment"),), residual="treatment", intervals="none",
        random_terms=(RandomTerm("subject", ("treatment",)),),
    )  # fmt: skip
    with pytest.raises(NotEstimable, match="shrinks to nothing"):
        fit_linear(model, TrialData.from_columns(columns, data.roles))
