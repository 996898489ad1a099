"""Cluster-robust errors against formulas written out for small cases."""

import numpy as np
import pytest

from metadesk.errors import DataProblem, NotEstimable
from metadesk.models.meta.multilevel import (
    DependentData,
    Factor,
    Multilevel,
    estimate_multilevel,
    fit_multilevel,
    predict_multilevel,
    robust_coefficients,
    robust_errors,
)


def clustered(seed=4, studies=9, p=1):
    rng = np.random.default_rng(seed)
    study = np.repeat(np.arange(studies), rng.integers(1, 4, studies))
    k = study.size
    v = rng.uniform(0.05, 0.2, k)
    y = rng.normal(0, 0.4, studies)[study] + rng.normal(0, np.sqrt(v))
    X = np.column_stack([np.ones(k), rng.normal(size=k), rng.normal(size=studies)[study]])[:, :p]
    names = ("intrcpt", "x", "z")[:p]
    return DependentData.of(
        y, v, X=X, names=names, factors={"study": study, "effect": np.arange(k)}
    )


def fitted(data):
    return estimate_multilevel(Multilevel(profile=False), data)


def dense(fit, data):
    """M, and the pieces of the sandwich, as whole matrices."""
    gamma, _ = fit.machine.covariance.linear(fit.phi)
    study = data.factor("study").codes
    M = np.diag(data.vi + gamma[1]) + gamma[0] * (study[:, None] == study[None, :])
    W = np.linalg.inv(M)
    return M, W, np.linalg.inv(data.X.T @ W @ data.X), study


@pytest.mark.parametrize("kind", ["CR0", "CR1", "sandwich", "sandwich_adjusted"])
def test_sandwich_is_the_sum_over_clusters(kind):
    data = clustered(p=2)
    fit = fitted(data)
    _, W, bread, study = dense(fit, data)
    e = data.yi - data.X @ bread @ data.X.T @ W @ data.yi
    n, p = 9, 2
    meat = np.zeros((p, p))
    for j in range(n):
        g = data.X.T @ (W[:, study == j] @ e[study == j])
        meat += np.outer(g, g)
    factor = {"CR1": n / (n - 1), "sandwich_adjusted": n / (n - p)}.get(kind, 1.0)
    found = robust_coefficients(fit, data.factor("study"), kind, 0.95)
    assert found.coefficients.vb == pytest.approx(factor * bread @ meat @ bread, rel=1e-8)


def test_satterthwaite_df_agree_with_the_whole_matrix():
    data = clustered(p=3)
    fit = fitted(data)
    M, W, bread, study = dense(fit, data)
    k = data.k
    annihilate = np.eye(k) - data.X @ bread @ data.X.T @ W
    for s in range(3):
        rows = []
        for j in range(9):
            pick = np.where(study == j, 1.0, 0.0)
            a = W @ data.X @ bread[:, s] * pick
            rows.append(annihilate.T @ a)
        G = np.array(rows) @ M @ np.array(rows).T
        expected = np.trace(G) ** 2 / np.sum(G**2)
        found = robust_coefficients(fit, data.factor("study"), "CR0", 0.95)
        assert found.coefficients.df[s] == pytest.approx(expected, rel=1e-8)


def test_bell_mccaffrey_errors_are_unbiased_under_the_model():
    """E(CR2) equals the model's covariance when the model's covariance is the truth."""
    data = clustered(p=2)
    fit = fitted(data)
    M, W, bread, study = dense(fit, data)
    annihilate = np.eye(data.k) - data.X @ bread @ data.X.T @ W
    spread = annihilate @ M @ annihilate.T
    meat = np.zeros((2, 2))
    for j in range(9):
        rows = study == j
        Mj, Xj = M[np.ix_(rows, rows)], data.X[rows]
        D = np.linalg.cholesky(Mj).T
        middle = D @ (Mj - Xj @ bread @ Xj.T) @ D.T
        values, vectors = np.linalg.eigh(middle)
        A = D.T @ vectors @ np.diag(values**-0.5) @ vectors.T @ D
        left = Xj.T @ np.linalg.inv(Mj) @ A
        meat += left @ spread[np.ix_(rows, rows)] @ left.T
    assert bread @ meat @ bread == pytest.approx(bread, rel=1e-8)


def test_one_coefficient_has_the_same_df_in_its_t_and_its_joint_test():
    data = clustered(p=2)
    found = robust_coefficients(fitted(data), data.factor("study"), "CR2", 0.95)
    assert found.omnibus.df2 == pytest.approx(found.coefficients.df[1], rel=1e-10)
    assert found.omnibus.p == pytest.approx(found.coefficients.pval[1], rel=1e-8)


def test_joint_test_of_two_coefficients_loses_degrees_of_freedom():
    data = clustered(seed=8, studies=14, p=3)
    found = robust_coefficients(fitted(data), data.factor("study"), "CR2", 0.95)
    assert found.omnibus.df1 == 2
    assert 0 < found.omnibus.df2 < 13
    assert 0 <= found.omnibus.p <= 1


def test_spec_with_robust_errors_reports_them_and_the_clusters():
    data = clustered()
    fit = fit_multilevel(Multilevel(robust="CR2", profile=False), data)
    assert "CR2" in fit.coefficients.test
    assert fit.extra["n_clusters"].value == 9


def test_clusters_that_split_a_study_are_refused():
    data = clustered()
    with pytest.raises(DataProblem, match="outermost"):
        robust_coefficients(fitted(data), data.factor("effect"), "CR2", 0.95)


def test_fewer_clusters_than_coefficients_are_refused():
    data = clustered(p=3)
    one = Factor.of("all", ["x"] * data.k)
    with pytest.raises(NotEstimable, match="1 clusters"):
        robust_coefficients(fitted(data), one, "CR1", 0.95)


@pytest.mark.parametrize("kind", ["sandwich", "sandwich_adjusted", "CR0", "CR1", "CR2"])
def test_a_joint_test_of_more_than_the_clusters_can_tell_is_not_available(kind):
    # The third level occurs in one cluster only, whose residuals then add up to nothing.
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(6), 3)
    level = np.where(cluster == 5, 2, np.arange(18) % 2)
    X = (level[:, None] == np.arange(3)).astype(float)
    data = DependentData.of(
        rng.normal(0.3, 0.4, 18),
        np.full(18, 0.1),
        X=X,
        names=("a", "b", "c"),
        factors={"study": cluster},
    )
    spec = Multilevel(random="1 | study", profile=False)
    result = robust_errors(spec, estimate_multilevel(spec, data), kind, "study")
    assert np.isnan(result.omnibus.statistic)
    assert np.isnan(result.omnibus.p)


@pytest.mark.parametrize("kind", ["sandwich", "CR0", "CR1", "CR2"])
def test_a_level_within_one_cluster_has_no_robust_error_and_the_note_says_so(kind):
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(6), 3)
    level = np.where(cluster == 5, 2, np.arange(18) % 2)
    X = (level[:, None] == np.arange(3)).astype(float)
    data = DependentData.of(
        rng.normal(0.3, 0.4, 18),
        np.full(18, 0.1),
        X=X,
        names=("a", "b", "c"),
        factors={"study": cluster},
    )
    fit = fit_multilevel(Multilevel(random="1 | study", robust=kind, profile=False), data)
    c = fit.coefficients
    assert np.isnan([c.se[2], c.stat[2], c.pval[2], c.ci_lb[2], c.ci_ub[2]]).all()
    assert np.isfinite([c.b[2], *c.se[:2], *c.ci_lb[:2]]).all()
    note = next(n for n in fit.notes if n.code == "robust-one-cluster")
    assert "c: all that tells" in note.text
    spec = Multilevel(random="1 | study", profile=False)
    predicted = predict_multilevel(fit, estimate_multilevel(spec, data), np.eye(3))
    assert np.isnan(predicted["ci_lb"][2])
    assert np.isfinite(predicted["ci_lb"][:2]).all()


def test_too_few_clusters_for_a_joint_test_say_so_instead_of_a_number():
    data = clustered(seed=8, studies=4, p=3)
    every = (0, 1, 2)
    found = robust_coefficients(fitted(data), data.factor("study"), "CR2", 0.95, every).omnibus
    assert found.df2 <= 0.0
    assert np.isnan(found.statistic)
    assert np.isnan(found.p)
    assert "too few clusters" in found.method
