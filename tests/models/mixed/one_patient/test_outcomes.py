"""One person's yes/no, counted and ordered outcomes beside R 4.2 (mantelhaen.test, glm, polr)."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from metadesk.errors import DataProblem
from metadesk.models.mixed import OnePatient, Roles, TrialData, analyse_one_patient
from metadesk.models.mixed.one_patient.cycles import free_test

CYCLES = [c for c in "12345" for _ in range(6)]
TREATMENTS = list("AAABBB" * 5)
YES = [0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 1]
COUNTS = [3, 2, 4, 6, 5, 9, 1, 2, 2, 5, 4, 3, 3, 5, 2, 8, 4, 6, 0, 2, 1, 3, 4, 2, 2, 3, 4, 5, 6, 9]
GRADES = [1, 2, 1, 3, 2, 1, 1, 3, 2, 2, 1, 2, 2, 1, 3, 3, 3, 2, 1, 2, 2, 2, 1, 3, 1, 3, 1, 2, 2, 3]


def person(y, **more):
    columns = {"cycle": CYCLES, "treatment": TREATMENTS, "y": list(y), **more}
    roles = Roles(cycle="cycle", treatment="treatment", outcome="y", **{k: k for k in more})
    return TrialData.from_columns(columns, roles, words_allowed=True)


def analysed(kind, y, **more):
    spec = OnePatient(active="B", control="A", outcome=kind, trend=False)
    return analyse_one_patient(spec, person(y, **more))


def line(result, key):
    return next(x.effect for x in result.outcome.lines if x.key == key)


def test_yes_or_no_is_compared_within_cycles_exactly():
    result = analysed("binary", YES)
    exact = line(result, "exact")
    assert exact.value == pytest.approx(2.033726884, abs=3e-4)
    assert exact.p == pytest.approx(0.0268, abs=1e-4)
    assert exact.interval.lower == pytest.approx(0.1816453408, abs=3e-4)
    assert exact.interval.upper == pytest.approx(4.481045945, abs=2e-3)
    assert result.outcome.main.key == "exact"
    assert result.outcome.counts == ((12.0, 15.0), (5.0, 15.0))


def test_yes_or_no_has_a_regression_with_cycles():
    found = line(analysed("binary", YES), "regression")
    assert (found.value, found.se) == pytest.approx((2.52462831, 1.007978801), rel=1e-5)
    assert found.p == pytest.approx(0.01225746108, rel=1e-4)


def test_counts_have_a_quasi_poisson_regression():
    result = analysed("count", COUNTS)
    found = line(result, "regression")
    assert (found.value, found.se) == pytest.approx((0.785928914, 0.132987508), rel=3e-6)
    assert found.p == pytest.approx(4.255195598e-06, rel=1e-4)
    assert found.df == 24
    assert "dispersion 0.44" in found.method
    assert result.outcome.main.key == "regression"


def test_counts_given_the_totals_of_the_cycles_are_binomial():
    exact = line(analysed("count", COUNTS), "exact")
    assert exact.value == pytest.approx(0.785928914, rel=1e-7)
    assert exact.p == pytest.approx(7.516458966e-05, rel=1e-6)
    assert exact.interval.lower == pytest.approx(0.379778412, rel=1e-6)
    assert exact.interval.upper == pytest.approx(1.209384447, rel=1e-6)


def test_exposure_changes_a_ratio_of_counts():
    plain = line(analysed("count", COUNTS), "exact")
    halved = [math.log(2.0) if t == "B" else 0.0 for t in TREATMENTS]
    found = line(analysed("count", COUNTS, offset=halved), "exact")
    assert found.value == pytest.approx(plain.value - math.log(2.0), rel=1e-7)


def test_ordered_categories_have_proportional_odds_with_cycles():
    result = analysed("ordinal", GRADES)
    found = line(result, "regression")
    assert (found.value, found.se) == pytest.approx((1.023929139, 0.7159830991), rel=1e-5)
    assert any(n.code == "scores" for n in result.notes)


def test_categories_may_be_words():
    words = [{1: "a none", 2: "b some", 3: "c much"}[v] for v in GRADES]
    by_words, by_numbers = analysed("ordinal", words), analysed("ordinal", GRADES)
    assert line(by_words, "regression").value == pytest.approx(line(by_numbers, "regression").value)
    assert by_words.cycles.mean == pytest.approx(by_numbers.cycles.mean)


def test_one_outcome_on_a_treatment_leaves_the_exact_test():
    y = [1 if t == "B" else v for t, v in zip(TREATMENTS, YES, strict=True)]
    result = analysed("binary", y)
    exact = line(result, "exact")
    assert exact.value == math.inf
    assert exact.interval.lower > 0
    assert exact.interval.upper == math.inf
    assert exact.p < 0.01
    assert result.outcome.main is None
    assert any(n.code == "separation" for n in result.notes)


def test_successes_out_of_several_trials_are_proportions_by_cycle():
    data = {"cycle": list("1122"), "treatment": list("ABAB"), "y": [2, 6, 1, 5], "n": [8, 8, 4, 10]}
    roles = Roles(cycle="cycle", treatment="treatment", outcome="y", trials="n")
    spec = OnePatient(active="B", control="A", outcome="binary", trend=False)
    result = analyse_one_patient(spec, TrialData.from_columns(data, roles))
    assert result.cycles.differences == pytest.approx([0.5, 0.25])


def test_a_number_of_successes_above_its_trials_is_named():
    with pytest.raises(DataProblem, match="Row 4: 2 is not a number of successes"):
        analysed("binary", [*YES[:3], 2, *YES[4:]])


def test_orders_drawn_freely_are_all_counted():
    active, control = np.array([4.1, 5.2, 6.3]), np.array([3.9, 5.5, 2.7])
    found = free_test(active, control)
    assert (found.p_random, found.p_greater) == pytest.approx((0.4, 0.2))
    assert found.n_orders == 20
    assert found.floor == pytest.approx(0.1)
    values = np.concatenate([active, control])
    sums = [values[list(c)].sum() for c in combinations(range(6), 3)]
    assert found.p_less == pytest.approx(np.mean([s <= active.sum() + 1e-9 for s in sums]))


def test_too_many_orders_are_drawn():
    rng = np.random.default_rng(1)
    found = free_test(rng.normal(1.0, 1.0, 20), rng.normal(0.0, 1.0, 20))
    assert not found.exact
    assert 0 < found.p_random < 0.05


def test_without_cycles_stretches_of_a_treatment_are_the_units():
    columns = {"day": list(range(12)), "treatment": list("AAABBBAAABBB"),
               "y": [1.0, 2, 1, 5, 6, 5, 2, 1, 2, 6, 5, 6]}  # fmt: skip
    data = TrialData.from_columns(columns, Roles(time="day", treatment="treatment", outcome="y"))
    result = analyse_one_patient(OnePatient(active="B", control="A"), data)
    assert result.cycles is None
    assert result.free.n_orders == 6
    assert any(n.code == "free-order" for n in result.notes)


def test_rows_are_taken_in_the_order_of_their_times():
    columns = {"day": list(range(12)), "treatment": list("AAABBBAAABBB"),
               "y": [1.0, 2, 1, 5, 6, 5, 2, 1, 2, 6, 5, 6]}  # fmt: skip
    shuffled = np.random.default_rng(3).permutation(12)
    roles = Roles(time="day", treatment="treatment", outcome="y")
    spec = OnePatient(active="B", control="A", washout=1)
    results = [
        analyse_one_patient(
            spec, TrialData.from_columns({k: [v[i] for i in at] for k, v in columns.items()}, roles)
        )
        for at in (range(12), shuffled)
    ]
    for name in ("n_left_out", "n_effective"):
        first, second = (getattr(r, name) for r in results)
        assert first == pytest.approx(second)
    assert results[0].samples.durbin_watson == pytest.approx(results[1].samples.durbin_watson)
    assert results[0].samples.difference == pytest.approx(results[1].samples.difference)


def test_autocorrelated_values_are_worth_fewer():
    rng = np.random.default_rng(6)
    e = [rng.normal()]
    for _ in range(199):
        e.append(0.6 * e[-1] + 0.8 * rng.normal())
    columns = {"day": list(range(200)), "treatment": ["AB"[(i // 10) % 2] for i in range(200)],
               "y": [float(v) for v in e]}  # fmt: skip
    data = TrialData.from_columns(columns, Roles(time="day", treatment="treatment", outcome="y"))
    result = analyse_one_patient(OnePatient(active="B", control="A"), data)
    phi = result.fits["ar1"].residual["phi"]
    assert result.n_effective == pytest.approx(200 * (1 - phi) / (1 + phi))
    assert result.n_effective < 90
