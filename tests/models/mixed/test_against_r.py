"""Fits of kinds that the reference cases lack, beside values from R.

lme4 1.1.31, lmerTest 3.1.3, pbkrtest 0.5.2, nlme 3.1.162 and glmmTMB 1.1.5, all with tightened
tolerances.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from metadesk.models.mixed import (
    GeneralisedMixed,
    LinearMixed,
    RandomTerm,
    Roles,
    Term,
    TrialData,
    fit_generalised,
    fit_linear,
)

TABLES = Path(__file__).resolve().parents[2] / "reference" / "trials" / "data"
PATIENTS = Roles(subject="patient", cycle="cycle", treatment="treatment", outcome="y")
PERIODS = Roles(subject="subject", period="period", treatment="treatment", outcome="y")
TREATMENT = (Term("treatment", "factor", "A"),)
CYCLES = RandomTerm("patient:cycle")


def rows(name, roles, outcome="y"):
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        lines = list(csv.DictReader(handle))
    columns = {k: [line[k] or None for line in lines] for k in lines[0]}
    columns["y"] = columns[outcome]
    return TrialData.from_columns(columns, roles, repeated=True)


def test_levels_of_cycles_within_persons_of_a_yes_no_outcome():
    model = GeneralisedMixed(fixed=TREATMENT, random_terms=(RandomTerm("patient"), CYCLES))
    fit = fit_generalised(model, rows("sim_bnof1", PATIENTS))
    assert fit.statistics.logLik == pytest.approx(-602.8151841, abs=1e-5)
    assert fit.coefficients.b == pytest.approx([0.06055475428, 0.8774151815], rel=1e-5)
    assert fit.coefficients.se == pytest.approx([0.2692146997, 0.146377171], rel=1e-4)
    assert fit.covariances["patient"][0, 0] == pytest.approx(1.540472181, rel=1e-5)
    assert fit.covariances["patient:cycle"][0, 0] == pytest.approx(0, abs=1e-6)
    assert fit.status.boundary == ("variation between levels of patient:cycle",)
    assert "laplace" in {n.code for n in fit.notes}
    assert [r.group for r in fit.random] == ["patient", "patient:cycle"]


def test_independent_levels_and_effects_of_a_yes_no_outcome():
    terms = RandomTerm("patient", ("1", "treatment"), correlated=False)
    model = GeneralisedMixed(fixed=TREATMENT, random_terms=(terms,))
    fit = fit_generalised(model, rows("sim_bnof1", PATIENTS))
    assert fit.statistics.logLik == pytest.approx(-600.0136198, abs=1e-5)
    assert fit.coefficients.b == pytest.approx([0.0554952655, 0.9289194446], abs=1e-5)
    assert fit.coefficients.se == pytest.approx([0.274210818, 0.2055775013], rel=1e-4)
    assert np.diag(fit.covariances["patient"]) == pytest.approx([1.602337047, 0.4445623914], 1e-4)
    assert fit.covariances["patient"][0, 1] == 0


def test_own_effects_and_levels_of_cycles_of_counts():
    slopes = RandomTerm("patient", ("1", "treatment"))
    model = GeneralisedMixed(fixed=TREATMENT, random_terms=(slopes, CYCLES), family="poisson")
    fit = fit_generalised(model, rows("sim_pnof1v", PATIENTS))
    assert fit.statistics.logLik == pytest.approx(-1159.76459, abs=1e-5)
    assert fit.coefficients.b == pytest.approx([1.034196479, 0.7523428152], rel=1e-5)
    D = [[0.2943127792, -0.03273443342], [-0.03273443342, 0.1094108721]]
    assert fit.covariances["patient"] == pytest.approx(np.array(D), rel=1e-3)


def test_counts_whose_variance_is_a_multiple_of_their_mean():
    model = GeneralisedMixed(family="nbinom1", integration="laplace")
    fit = fit_generalised(model, rows("sim_nb2", PERIODS))
    assert fit.statistics.logLik == pytest.approx(-226.1147226, abs=1e-5)
    b, se = [1.409838312, -0.2176984998, -0.5646625698], [0.1427246964, 0.1430013584, 0.1492959983]
    assert fit.coefficients.b == pytest.approx(b, rel=1e-4)
    assert fit.coefficients.se == pytest.approx(se, rel=1e-3)
    assert fit.extra["dispersion"].value == pytest.approx(0.6803860192, rel=1e-4)
    assert fit.covariances["subject"][0, 0] == pytest.approx(0.2990737845, rel=1e-4)


def test_independent_levels_and_effects_of_a_measured_outcome():
    terms = RandomTerm("patient", ("1", "treatment"), correlated=False)
    data = rows("sim_nof1_a", PATIENTS)
    fit = fit_linear(LinearMixed(fixed=TREATMENT, random_terms=(terms,), intervals="none"), data)
    assert fit.statistics.logLik == pytest.approx(-212.9196254, abs=1e-6)
    assert fit.coefficients.b == pytest.approx([5.501988333, -1.03057], rel=1e-7)
    assert np.diag(fit.covariances["patient"]) == pytest.approx([2.256530798, 1.504173618], 1e-5)
    assert fit.sigma**2 == pytest.approx(1.102795612, rel=1e-5)
    assert fit.coefficients.df[1] == pytest.approx(19.88449387, rel=1e-5)
    other = LinearMixed(
        fixed=TREATMENT, random_terms=(terms,), intervals="none", df="satterthwaite"
    )
    assert fit_linear(other, data).coefficients.df[1] == pytest.approx(19.84940713, rel=1e-5)


def test_autocorrelation_over_the_periods_of_a_crossover():
    model = LinearMixed(random="none", residual="ar1", intervals="none")
    fit = fit_linear(model, rows("hypertension", PERIODS, "blood_pressure"))
    assert fit.statistics.logLik == pytest.approx(-1134.336388, abs=1e-5)
    b = [156.903721, -2.125528301, -4.911684336, -7.827981185]
    assert fit.coefficients.b == pytest.approx(b, rel=1e-6)
    assert fit.residual["phi"] == pytest.approx(0.611304021, rel=1e-5)
    assert fit.residual["sd"] == pytest.approx(20.39854043, rel=1e-6)
