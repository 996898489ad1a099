"""What stands beside the main analysis of a trial: structures, checks, baselines, one person."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.errors import DataProblem
from metadesk.formats import read_sheet
from metadesk.models.mixed import LinearMixed, Roles, TrialData, fit_linear
from metadesk.models.mixed.linear.weight import share_of_the_others
from metadesk.reports.trial_outline import outline
from metadesk.reports.trial_prose import trial_sentence
from metadesk.reports.trial_tables import trial_tables
from metadesk.table import make_table

DATA = Path(__file__).resolve().parents[1] / "reference" / "trials" / "data"


def sheet(name):
    return read_sheet(DATA / f"{name}.csv")


def analysed(name, outcome="", **options):
    return run(TrialSpec(outcome=outcome).with_options(**options), sheet(name))


def beside(result, key):
    return next(c for c in result.companions if c.key == key)


def table_of(result, key):
    return next(t for t in trial_tables(result) if t.key == key)


def test_structures_stand_beside_each_other_with_likelihood_ratios():
    result = analysed("hypertension", outcome="blood_pressure")
    lines = {line.key: line for line in result.ladder}
    assert list(lines) == ["intercept", "treatment", "ar1", "un"]
    assert lines["intercept"].chosen
    assert lines["intercept"].effect.value == pytest.approx(result.effect.value)
    assert lines["un"].test.statistic == pytest.approx(
        2 * (lines["un"].loglik - lines["intercept"].loglik)
    )
    assert "χ²(4)" in lines["un"].test.method
    assert lines["ar1"].test is None
    shown = table_of(result, "ladder")
    assert [row[0] for row in shown.rows] == [line.label for line in result.ladder]


def test_another_structure_is_marked_as_used():
    result = analysed("hypertension", outcome="blood_pressure", residual="un", random="none")
    assert [line.key for line in result.ladder if line.chosen] == ["un"]


def test_a_series_tests_own_effects_by_the_mixture():
    result = analysed("sim_nof1_a")
    lines = {line.key: line for line in result.ladder}
    assert lines["slope"].chosen
    assert lines["slope"].test.method.startswith("mixture ½χ²(1) + ½χ²(2)")
    assert lines["slope"].test.p == pytest.approx(result.series.between_test.p, rel=1e-6)
    assert "slope-cycle" in lines


def test_without_companions_nothing_stands_beside():
    result = analysed("hypertension", outcome="blood_pressure", companions=False)
    assert result.ladder == ()
    assert result.companions == ()


def test_counts_are_checked_for_overdispersion_and_beside_the_negative_binomial():
    result = analysed("sim_nb2", outcome="y", outcome_type="count")
    checks = {q.name: q for q in result.checks}
    assert checks["overdispersion"].value == pytest.approx(0.938, abs=1e-3)
    assert checks["poisson"].value > 0
    assert 0 < checks["poisson"].p < 1
    negative = analysed("sim_nb2", outcome="y", outcome_type="count-nb")
    assert beside(result, "nbinom2").effect.value == pytest.approx(negative.effect.value, rel=1e-6)
    assert "poisson" not in {q.name for q in negative.checks}
    assert table_of(result, "checks").rows


def test_ordered_outcomes_show_the_odds_ratio_of_every_cut():
    result = analysed("sim_ord3", outcome="y", outcome_type="ordinal")
    assert [q.title for q in result.by_cut] == ["Above 1", "Above 2", "Above 3", "Above 4"]
    shown = table_of(result, "cuts")
    assert shown.rows[0][1] == pytest.approx(math.exp(result.by_cut[0].value))
    averages = table_of(result, "averages")
    assert any("chance above 1" in str(row[0]) for row in averages.rows)
    components = table_of(result, "components")
    assert not any("chance" in str(row[0]) for row in components.rows)


def test_yes_or_no_effects_have_a_likelihood_ratio_and_a_conditional_line():
    result = analysed("cerebrovascular_c2")
    ratio = beside(result, "lr").effect
    assert ratio.value == pytest.approx(result.effect.value, abs=1e-6)
    assert ratio.p != pytest.approx(result.effect.p, rel=1e-3)
    assert ratio.interval.lower < result.effect.interval.lower
    assert beside(result, "within").effect.value < 0


def test_a_conditional_line_of_two_periods_is_mainland_and_garts():
    result = analysed("zimmerman_rahlfs")
    within = beside(result, "within").effect
    gart = result.binary.mainland_gart
    assert within.value == pytest.approx(gart.log_odds_ratio, rel=1e-6)


def test_a_baseline_may_be_a_covariate_or_split():
    result = analysed("asthma_2", outcome="pef")
    plain = beside(result, "baseline").effect
    assert plain.value == pytest.approx(
        analysed("asthma_2", outcome="pef", baseline=True).effect.value
    )
    split = beside(result, "baseline-split").effect
    table = sheet("asthma_2")
    cells = {c.name: c.cells for c in table.columns}
    people, gaps = {}, []
    for who, period, treatment, y, base in zip(
        *(cells[k] for k in ("subject", "period", "treatment", "pef", "baseline")), strict=True
    ):
        people.setdefault(who, {})[period] = (treatment, y, base)
    for rows in people.values():
        if len(rows) == 2 and all(y is not None for _, y, _ in rows.values()):
            (t1, y1, b1), (_, y2, b2) = rows[1], rows[2]
            gaps.append((y1 - y2, 1.0, 1.0 if t1 == result.active else -1.0, b1 - b2))
    rows = np.array(gaps, dtype=float)
    b = np.linalg.lstsq(rows[:, 1:], rows[:, 0], rcond=None)[0]
    assert split.value == pytest.approx(b[1], rel=1e-6)


def test_persons_with_one_period_carry_the_information_that_is_said():
    table = sheet("copd_missing")
    result = run(TrialSpec(outcome="pefr"), table)
    words = beside(result, "complete").sentence
    assert "persons left out carry" in words
    columns = {c.name: list(c.cells) for c in table.columns}
    roles = Roles(subject="subject", period="period", treatment="treatment", outcome="pefr")
    data = TrialData.from_columns(columns, roles)
    counts = {}
    for who in data.subject.words():
        counts[who] = counts.get(who, 0) + 1
    keep = [counts.get(str(w), 0) == 2 for w in columns["subject"]]
    columns["pefr"] = [v if k else None for v, k in zip(columns["pefr"], keep, strict=True)]
    part = TrialData.from_columns(columns, roles)
    share = share_of_the_others(LinearMixed(), data, part, "treatment[B]")
    assert f"{100 * share:.1f} %" in words
    whole, alone = (fit_linear(LinearMixed(intervals="none"), d) for d in (data, part))
    rough = 1 - (whole.effects.C[-1, -1] / alone.effects.C[-1, -1])
    assert share == pytest.approx(rough, abs=0.1)


def one_person(y, **columns):
    cells = {
        "cycle": [c for c in range(1, 6) for _ in range(6)],
        "treatment": list("AAABBB" * 5),
        "y": list(y),
        **columns,
    }
    return make_table(cells, {"cycle": "cycle", "treatment": "treatment", "y": "response"})


YES = [0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 1]


def test_a_yes_or_no_of_one_person_is_an_odds_ratio_never_an_exponentiated_difference():
    result = run(TrialSpec(active="B", reference="A"), one_person(YES))
    assert (result.analysis, result.outcome_type) == ("one-patient", "binary")
    assert result.scale.ratio
    assert result.effect.value == pytest.approx(2.0339, abs=1e-3)
    assert result.patient.cycles.mean == pytest.approx(7 / 15)
    assert table_of(result, "person_ratios").rows[0][1] == pytest.approx(math.exp(2.0339), abs=0.01)


def test_counts_of_one_person_are_a_rate_ratio():
    counts = [
        3,
        2,
        4,
        6,
        5,
        9,
        1,
        2,
        2,
        5,
        4,
        3,
        3,
        5,
        2,
        8,
        4,
        6,
        0,
        2,
        1,
        3,
        4,
        2,
        2,
        3,
        4,
        5,
        6,
        9,
    ]
    result = run(TrialSpec(outcome_type="count", active="B", reference="A"), one_person(counts))
    assert result.effect.value == pytest.approx(0.785928914, rel=1e-6)
    assert "Quasi-Poisson" in result.effect.method
    assert result.scale.title == "Rate ratio in this person"


def test_where_no_ratio_is_finite_the_difference_of_proportions_is_reported():
    y = [1 if i % 6 >= 3 else v for i, v in enumerate(YES)]
    result = run(TrialSpec(active="B", reference="A"), one_person(y))
    assert not result.scale.ratio
    assert result.scale.title == "Difference of proportions"
    assert result.effect.value == pytest.approx(result.patient.cycles.mean)


def test_the_order_taken_for_words_stands_beside_the_effect():
    words = ["poor", "fair", "good", "fair", "poor", "good", "poor", "good", "good", "fair"] * 3
    result = run(TrialSpec(active="B", reference="A"), one_person(words))
    assert "taken as fair < good < poor" in trial_sentence(result)


def test_words_of_one_person_are_ordered_categories():
    y = [{0: "a bad", 1: "b good"}[v] for v in YES]
    result = run(TrialSpec(outcome_type="ordinal", active="B", reference="A"), one_person(y))
    assert result.effect is not None
    assert result.scale.key == "cumulative"


def test_a_yes_or_no_series_has_persons_a_spread_and_their_meta_analysis():
    result = analysed("sim_bnof1", design="series", relevant=1.25)
    assert result.outcome_type == "binary"
    assert result.series.between_sd.value == pytest.approx(0.6844, abs=1e-3)
    assert "pooled" in {c.key for c in result.companions}
    first = table_of(result, "persons").rows[0]
    assert math.log(first[7]) == pytest.approx(first[4])
    assert "next person [0.60, 10.01]" in table_of(result, "series").notes[0]
    told = " ".join(str(c) for row in outline(result).rows for c in row)
    assert "prediction interval [0.60, 10.01]" in told
    assert "B / A: 2.46" in told


def test_the_smallest_ratio_that_matters_is_a_ratio():
    with pytest.raises(DataProblem, match=r"is a ratio too, such as 1\.25, not 1"):
        analysed("sim_bnof1", design="series", relevant=1.0)
    small = analysed("sim_bnof1", design="series", relevant=1.1).series.exceeds
    turned = analysed("sim_bnof1", design="series", relevant=1 / 1.1).series.exceeds
    assert small == pytest.approx(turned)
    assert (analysed("sim_bnof1", design="series", relevant=2.0).series.exceeds < small).all()


def test_an_unstructured_covariance_of_many_periods_is_not_tried_beside_and_says_so():
    many = 11
    columns = {"subject": [], "period": [], "treatment": [], "y": []}
    for i in range(14):
        for p in range(many):
            cells = (i + 1, p + 1, "AB"[(i + p) % 2], float((7 * i + 5 * p + i * p * p) % 11))
            for name, cell in zip(columns, cells, strict=True):
                columns[name].append(cell)
    roles = {"subject": "subject", "period": "period", "treatment": "treatment", "y": "response"}
    result = run(TrialSpec(design="crossover"), make_table(columns, roles))
    line = next(line for line in result.ladder if line.key == "un")
    assert line.remark == "11 periods would need 66 variances and covariances; it was not tried."
