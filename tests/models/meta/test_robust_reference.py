"""Cluster-robust errors as clubSandwich 0.5.8 gives them for fits of metafor 3.8.1.

For each model ``coef_test(fit, vcov=kind, cluster=study, test="Satterthwaite")`` and
``Wald_test(fit, constrain_zero(...), vcov=vcovCR(fit, type=kind), test="HTZ")``, with the variances
of the random effects set to where the restricted likelihood is largest.
"""

import numpy as np
import pytest

from metadesk.models.meta.multilevel import (
    DependentData,
    Multilevel,
    estimate_multilevel,
    robust_errors,
)

# study, yi, vi, dose, year, kind
ROWS = """
1 0.75 0.04 5 1990 a
2 0.59 0.07 55 2000 b
2 0.167 0.042 35 2000 c
2 -0.101 0.066 15 2000 a
2 0.024 0.047 65 2000 b
3 0.389 0.059 45 2010 c
3 0.716 0.055 25 2010 a
3 0.67 0.051 5 2010 b
4 0.357 0.062 55 1996 a
4 -0.015 0.045 35 1996 b
5 -0.176 0.068 15 2006 b
6 0.362 0.041 65 1992 c
6 0.767 0.07 45 1992 a
6 0.883 0.04 25 1992 b
6 0.607 0.068 5 1992 c
7 -0.082 0.044 55 2002 a
7 -0.273 0.063 35 2002 b
7 -0.064 0.05 15 2002 c
8 0.646 0.056 65 2012 b
8 0.907 0.058 45 2012 c
9 0.486 0.048 25 1998 c
10 0.382 0.065 5 2008 a
10 0.062 0.043 55 2008 b
10 0.117 0.069 35 2008 c
10 0.498 0.04 15 2008 a
11 0.501 0.07 65 1994 b
11 0.527 0.041 45 1994 c
11 0.189 0.067 25 1994 a
12 0.23 0.046 5 2004 c
12 0.124 0.06 55 2004 a
"""

# model: variances; for each kind the standard errors, their df, and F, df2 and P together.
EXPECTED = {
    "mean": ((0.06840593486, 0), {
        "CR0": (
            (0.08447450218,), (10.79347731,),
            (),
        ),
        "CR1": (
            (0.08823073996,), (10.79347731,),
            (),
        ),
        "CR2": (
            (0.08820753183,), (10.7610479,),
            (),
        ),
    }),
    "dose, correlated errors": ((0.04186143692, 0.02426572879), {
        "CR0": (
            (0.1204569883, 0.001887031193), (9.56432384, 7.085034982),
            (0.8014735388, 7.085034982, 0.4000445818),
        ),
        "CR1": (
            (0.125813221, 0.001970939801), (9.56432384, 7.085034982),
            (0.7346840773, 7.085034982, 0.4194143265),
        ),
        "CR2": (
            (0.1267558961, 0.002017584105), (9.407804896, 6.809483874),
            (0.7011065932, 6.809483874, 0.4308146541),
        ),
    }),
    "kinds": ((0.06953552078, 0), {
        "CR0": (
            (0.1044066844, 0.1193313184, 0.08001535691), (9.072329388, 9.277451908, 9.23343011),
            (5.604984473, 6.678356489, 0.03025019735),
        ),
        "CR1": (
            (0.1090492253, 0.1246374971, 0.08357331463), (9.072329388, 9.277451908, 9.23343011),
            (5.137902433, 6.678356489, 0.03681120045),
        ),
        "CR2": (
            (0.1105520876, 0.1267245402, 0.08434753508), (8.963179331, 9.212482288, 9.165259271),
            (5.038766125, 6.591244462, 0.03913218973),
        ),
    }),
    "dose and year": ((0.07898494631, 0), {
        "CR0": (
            (26.79263112, 0.001845761565, 0.01340054041), (5.914454129, 6.813422835, 5.91956278),
            (0.5833386356, 6.131394225, 0.5862508264),
        ),
        "CR1": (
            (27.98399054, 0.00192783508, 0.01399640798), (5.914454129, 6.813422835, 5.91956278),
            (0.5347270827, 6.131394225, 0.6108568617),
        ),
        "CR2": (
            (31.43243129, 0.001998181076, 0.01571999263), (5.623401788, 6.643500312, 5.628314332),
            (0.4870927711, 5.850640902, 0.6372805621),
        ),
    }),
}  # fmt: skip


def columns(model):
    """The design of a model of :data:`EXPECTED`, without the names."""
    rows = [line.split() for line in ROWS.strip().splitlines()]
    study, y, v, dose, year = (np.array([float(r[i]) for r in rows]) for i in range(5))
    b, c = (np.array([float(r[5] == kind) for r in rows]) for kind in "bc")
    one = np.ones(y.size)
    design = {
        "mean": [one],
        "dose, correlated errors": [one, dose],
        "kinds": [one - b - c, b, c],
        "dose and year": [one, dose, year],
    }[model]
    return study, y, v, np.column_stack(design)


def data_of(model, unit=1.0):
    study, y, v, X = columns(model)
    names = tuple(f"x{i}" for i in range(X.shape[1]))
    names = names if model == "kinds" else ("intrcpt", *names[1:])
    V = np.diag(v)
    if "correlated" in model:
        together = study[:, None] == study[None, :]
        V = np.where(together, 0.6 * np.sqrt(np.outer(v, v)), 0.0) + 0.4 * V
    factors = {"study": study, "effect": np.arange(y.size)}
    return DependentData.of(y * unit, V * unit**2, X=X, names=names, factors=factors)


@pytest.mark.parametrize("unit", [1.0, 1e-7, 1e5])
@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
@pytest.mark.parametrize("model", EXPECTED)
def test_robust_errors_and_joint_tests_agree_with_clubsandwich(model, kind, unit):
    variances, answers = EXPECTED[model]
    se, df, joint = answers[kind]
    spec = Multilevel(random="1 | study/effect", profile=False)
    fit = estimate_multilevel(spec, data_of(model, unit))
    assert fit.variances == pytest.approx(np.array(variances) * unit**2, rel=1e-6, abs=1e-12)
    found = robust_errors(spec, fit, kind, "study")
    assert found.coefficients.se == pytest.approx(np.array(se) * unit, rel=1e-7)
    assert found.coefficients.df == pytest.approx(df, rel=1e-7)
    test = found.omnibus
    assert (() if test is None else (test.statistic, test.df2, test.p)) == pytest.approx(
        joint, rel=1e-6
    )


@pytest.mark.parametrize("kind", ["CR0", "CR2"])
def test_the_unit_of_a_moderator_changes_no_robust_test(kind):
    def tested(shift, scale):
        study, y, v, X = columns("dose and year")
        X = X * [1.0, 1.0, scale] + [0.0, 0.0, shift]
        data = DependentData.of(
            y, v, X=X, names=("intrcpt", "dose", "year"),
            factors={"study": study, "effect": np.arange(y.size)},
        )  # fmt: skip
        spec = Multilevel(random="1 | study/effect", profile=False)
        return robust_errors(spec, estimate_multilevel(spec, data), kind, "study")

    here, there = tested(0.0, 1.0), tested(5000.0, 1e-2)
    assert there.coefficients.stat[1:] == pytest.approx(here.coefficients.stat[1:], rel=1e-6)
    assert there.coefficients.df[1:] == pytest.approx(here.coefficients.df[1:], rel=1e-6)
    assert there.omnibus.statistic == pytest.approx(here.omnibus.statistic, rel=1e-6)
