"""Variances that the data cannot tell are refused, or said to be told only as a sum."""

import numpy as np
import pytest

from metadesk.errors import NotEstimable
from metadesk.models.meta.multilevel import DependentData, Multilevel, fit_multilevel

STUDY = np.repeat([1, 2, 3], [3, 2, 2])
EFFECTS = np.array([0.9, 0.4, 1.0, -0.4, -0.2, 0.3, 0.6])


def data_of(study, columns, names):
    k = study.size
    return DependentData.of(
        EFFECTS[:k], np.full(k, 0.03), X=np.column_stack([np.ones(k), *columns]),
        names=("intrcpt", *names), factors={"study": study, "effect": np.arange(k)},
    )  # fmt: skip


@pytest.mark.parametrize("shift", [0.0, 2000.0])
def test_studies_that_the_coefficients_tell_apart_leave_no_variance_between_them(shift):
    study = STUDY[:5]
    data = data_of(study, [study + shift], ["year"])
    with pytest.raises(NotEstimable, match="between levels of study cannot be estimated: the coef"):
        fit_multilevel(Multilevel(), data)


def test_one_study_has_no_variance_between_studies():
    data = data_of(np.ones(6), [], [])
    with pytest.raises(NotEstimable, match="only one group tells of it"):
        fit_multilevel(Multilevel(), data)


def test_inner_levels_that_the_coefficients_tell_apart_are_refused_too():
    study = np.array([1, 1, 2, 2])
    data = DependentData.of(
        EFFECTS[:4], np.full(4, 0.03), X=np.column_stack([np.ones(4), [0, 0, 1, 1], [0, 1, 0, 0]]),
        names=("intrcpt", "x", "z"), factors={"study": study, "outcome": [1, 2, 3, 3]},
    )  # fmt: skip
    with pytest.raises(NotEstimable, match=r"of outcome 1 within study cannot be est.*one group"):
        fit_multilevel(Multilevel(random="outcome | study", structure="DIAG"), data)


def test_a_third_study_makes_the_variance_estimable():
    fit = fit_multilevel(Multilevel(), data_of(STUDY, [STUDY + 2000.0], ["year"]))
    assert all(np.isfinite(c.estimate) for c in fit.components)
    assert not any(note.code == "same-levels" for note in fit.notes)


def test_one_effect_a_study_says_that_only_the_sum_is_estimated():
    fit = fit_multilevel(Multilevel(), data_of(np.arange(7), [], []))
    note = next(n for n in fit.notes if n.code == "same-levels")
    assert "only the sum of the two variances is estimated" in note.text
