"""Nearly collinear columns (an intercept, a year and its square) against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from metadesk.errors import SpecProblem
from metadesk.models.meta import MetaData, MixedEffects, fit_mixed
from metadesk.models.meta.moderator_tests import (
    variance_inflation,
    wald_of_coefficients,
    wald_of_combinations,
)
from metadesk.models.meta.multilevel import DependentData, Multilevel, fit_multilevel

YEAR = [1948, 1949, 1960, 1977, 1973, 1953, 1973, 1980, 1968, 1961, 1974, 1969, 1976]
PLAIN = MixedEffects("none", "z")


def solve(A, B):
    """Solve ``A x = B`` in fractions by elimination."""
    rows = [[*a, *b] for a, b in zip(A, B, strict=True)]
    p = len(rows)
    for i in range(p):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(p):
            if j != i:
                rows[j] = [x - rows[j][i] * y for x, y in zip(rows[j], rows[i], strict=True)]
    return [row[p:] for row in rows]


def identity(p):
    return [[Fraction(int(i == j)) for j in range(p)] for i in range(p)]


def exact(y, v, X, which):
    """``b``, ``vb`` and ``b'vb^-1 b`` of the chosen coefficients with weights 1/v."""
    X = [[Fraction(float(x)) for x in row] for row in X]
    w, y, p = [1 / Fraction(float(x)) for x in v], [Fraction(float(x)) for x in y], len(X[0])
    A = [
        [sum(a * r[i] * r[j] for a, r in zip(w, X, strict=True)) for j in range(p)]
        for i in range(p)
    ]
    c = [[sum(a * r[i] * t for a, r, t in zip(w, X, y, strict=True))] for i in range(p)]
    b, vb = [r[0] for r in solve(A, c)], solve(A, identity(p))
    chosen = [[b[i]] for i in which]
    half = solve([[vb[i][j] for j in which] for i in which], chosen)
    return b, vb, sum(x[0] * z[0] for x, z in zip(chosen, half, strict=True))


DESIGNS = {
    "year": lambda a, t: [t],
    "latitude by year": lambda a, t: [a, t, a * t],
    "year and its square": lambda a, t: [t, t * t],
}


@pytest.fixture(params=DESIGNS)
def data(request, effects, cells):
    a, t = np.array(cells["ablat"], dtype=float), np.array(YEAR, dtype=float)
    X = np.column_stack([np.ones(13), *DESIGNS[request.param](a, t)])
    names = ("intrcpt", *(f"x{i}" for i in range(1, X.shape[1])))
    yi, vi = effects
    slab = tuple(f"Row {i + 1}" for i in range(13))
    return MetaData(yi=yi, vi=vi, X=X, names=names, slab=slab)


def test_the_joint_test_of_uncentred_columns_is_exact(data):
    which = list(range(1, data.p))
    fit = fit_mixed(PLAIN, data)
    b, vb, qm = exact(data.yi, data.vi, data.X, which)
    assert fit.omnibus[0].statistic == pytest.approx(float(qm), rel=1e-9)
    assert wald_of_coefficients(fit, which).statistic == pytest.approx(float(qm), rel=1e-9)
    se = [float(vb[i][i]) ** 0.5 for i in range(data.p)]
    assert fit.coefficients.se == pytest.approx(se, rel=1e-7)
    assert fit.coefficients.b == pytest.approx([float(x) for x in b], rel=1e-7)
    twice = np.vstack([np.eye(data.p)[1:], np.eye(data.p)[1:2] * 3.0])
    again = wald_of_combinations(fit, twice)
    assert (again.statistic, again.df1) == (pytest.approx(float(qm), rel=1e-9), data.p - 1)


def test_the_inflation_of_uncentred_columns_is_exact(data):
    _, vb, _ = exact(data.yi, data.vi, data.X, [1])
    inner = [row[1:] for row in vb[1:]]
    inverse = solve(inner, identity(data.p - 1))
    expected = [float(inner[i][i] * inverse[i][i]) for i in range(data.p - 1)]
    assert variance_inflation(fit_mixed(PLAIN, data)) == pytest.approx(expected, rel=1e-7)


def test_fitted_values_of_uncentred_columns_have_exact_errors(data):
    _, vb, _ = exact(data.yi, data.vi, data.X, [1])
    fit = fit_mixed(PLAIN, data)
    rows = [[Fraction(float(x)) for x in row] for row in data.X]
    p = range(data.p)
    expected = [float(sum(r[i] * vb[i][j] * r[j] for i in p for j in p)) ** 0.5 for r in rows]
    assert fit.coefficients.standard_errors(data.X) == pytest.approx(expected, rel=1e-8)


def test_a_multilevel_model_tests_uncentred_columns_like_the_mixed_model(data):
    factors = {"study": list(range(13))}
    deep = DependentData.of(data.yi, data.vi, X=data.X, names=data.names, factors=factors)
    one = fit_multilevel(Multilevel(random="1 | study", test="z", profile=False), deep)
    two = fit_mixed(MixedEffects("REML", "z"), data)
    assert one.omnibus[0].statistic == pytest.approx(two.omnibus[0].statistic, rel=1e-6)
    assert one.coefficients.se == pytest.approx(two.coefficients.se, rel=1e-6)


def test_a_combination_of_nothing_is_refused(data):
    with pytest.raises(SpecProblem, match="at least one weight"):
        wald_of_combinations(fit_mixed(PLAIN, data), np.zeros((1, data.p)))
