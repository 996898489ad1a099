from __future__ import annotations

import numpy as np
import pytest
from made_trials import SERIES, rows_of, series_columns

from metadesk.errors import DataProblem
from metadesk.models.mixed import (
    OnePatient,
    PatientSeries,
    Roles,
    TrialData,
    analyse_one_patient,
    analyse_series,
    patient_summaries,
)
from metadesk.models.mixed.one_patient import cycle_test


def one_person(cycles=5):
    columns = series_columns(persons=1, cycles=cycles)
    return TrialData.from_columns(columns, SERIES)


@pytest.mark.parametrize("k", [3, 5, 8])
def test_randomisation_p_reaches_its_floor_when_all_cycles_agree(k):
    test = cycle_test(np.linspace(1.0, 2.0, k))
    assert test.floor == 2 / 2**k
    assert test.p_random == pytest.approx(test.floor)


def test_randomisation_p_of_opposite_differences_is_one():
    assert cycle_test(np.array([1.0, -1.0, 2.0, -2.0])).p_random == 1.0


def test_ols_and_ar1_stand_side_by_side_with_fixed_autocorrelations():
    result = analyse_one_patient(OnePatient(active="B", control="A"), one_person())
    assert set(result.fits) == {"ols", "ar1"}
    assert [phi for phi, _, _ in result.sensitivity] == [0.0, 0.2, 0.4, 0.6]
    ols = result.fits["ols"].coefficients.at("treatment[B]")
    assert result.sensitivity[0][1] == pytest.approx(ols.value, rel=1e-8)
    assert result.sensitivity[0][2] == pytest.approx(ols.se, rel=1e-8)
    assert any(n.code == "p-floor" for n in result.notes)
    assert any(n.code == "few-values" for n in result.notes)


def test_rows_after_a_change_of_treatment_can_be_left_out():
    columns = {
        "time": list(range(1, 17)),
        "treatment": ["A"] * 4 + ["B"] * 4 + ["A"] * 4 + ["B"] * 4,
        "y": [float(v) for v in (1, 2, 1, 2, 5, 6, 5, 6, 2, 1, 2, 1, 6, 5, 6, 5)],
    }
    data = TrialData.from_columns(columns, Roles(time="time", treatment="treatment", outcome="y"))
    result = analyse_one_patient(OnePatient(active="B", control="A", washout=1), data)
    assert result.n_left_out == 3
    assert result.n == 13


def test_several_persons_are_not_one():
    with pytest.raises(DataProblem, match="8 persons"):
        analyse_one_patient(OnePatient(), TrialData.from_columns(series_columns(), SERIES))


def test_one_person_is_not_a_series():
    with pytest.raises(DataProblem, match="one person only"):
        analyse_series(PatientSeries(), one_person())


def test_series_shrinks_raw_effects_towards_the_population():
    data = TrialData.from_columns(series_columns(), SERIES)
    spec = PatientSeries(active="B", control="A", relevant=0.5, lower_is_better=True)
    result = analyse_series(spec, data)
    raw = result.raw.yi - result.effect.value
    own = result.individual.estimate - result.effect.value
    assert (np.abs(own) <= np.abs(raw) + 1e-9).all()
    assert result.prediction.lower < result.effect.interval.lower
    assert result.between_sd.interval.lower <= result.between_sd.value
    assert ((result.exceeds > 0) & (result.exceeds < 1)).all()


def test_summaries_pool_the_variance_within_persons():
    data = TrialData.from_columns(series_columns(), SERIES)
    s = patient_summaries(data, "B", "A")
    assert s.df_within == 8 * 3
    np.testing.assert_allclose(s.vi, s.pooled_variance / 4)
    assert s.unweighted.df == 7


def test_a_person_without_a_complete_cycle_is_left_out_by_name():
    columns = series_columns()
    keep = [
        i
        for i, (p, t) in enumerate(zip(columns["patient"], columns["treatment"], strict=True))
        if not (p == "2" and t == "B")
    ]
    data = TrialData.from_columns(rows_of(columns, keep), SERIES)
    assert patient_summaries(data, "B", "A").left_out == ("2",)
