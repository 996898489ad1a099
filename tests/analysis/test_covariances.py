"""Columns of the sheet to sampling covariances, against the reference's matrices and fits."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metadesk.analysis.covariances import Dependence, read_correlations, relevant
from metadesk.analysis.engine import prepare, run
from metadesk.analysis.presets import default_spec
from metadesk.analysis.readers import read_levels
from metadesk.errors import DataProblem, MetadeskError, SpecProblem
from metadesk.table import make_table

META = Path(__file__).resolve().parents[1] / "reference" / "meta"


def table_of(dataset: str, roles: dict[str, str]):
    """A reference table as a sheet; ``roles`` by column."""
    with (META / "data" / f"{dataset}.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    columns = {name: [cell(row[name]) for row in rows] for name in rows[0]}
    return make_table(columns, roles)


def cell(text: str):
    if text in ("", "NA"):
        return None
    try:
        return float(text)
    except ValueError:
        return text


def expected(case_id: str):
    cases = json.loads((META / "k6_mv.json").read_text(encoding="utf-8"))
    return next(c for c in cases if c["id"] == case_id)["expect"]


def asked(model_options=None, moderators="", **dependence):
    return replace(
        default_spec(), measure="GEN", model="multilevel", preset="", moderators=moderators,
        model_options={"test": "z", **(model_options or {})},
        dependence={"use": "keep", **dependence},
    )  # fmt: skip


def dense(spec, table) -> np.ndarray:
    data = read_levels(prepare(spec, table), spec.model_options).data
    V = np.diag(data.vi)
    for rows, block in data.blocks:
        V[np.ix_(rows, rows)] = block
    return V


BERKEY = {"yi": "yi", "vi": "vi", "outcome": "outcome", "trial": "cluster"}


def test_typed_covariances_give_the_references_matrix_and_fit():
    table = table_of("dat.berkey1998", {**BERKEY, "v1i": "covariance", "v2i": "covariance"})
    spec = asked(
        {"random": "outcome | trial", "structure": "UN"}, "~ 0 + factor(outcome)", why="matrix"
    )
    wanted = expected("mv.dat.berkey1998.un.REML")
    V = dense(spec, table)
    assert V.sum() == pytest.approx(wanted["V_sum"], rel=1e-12)
    assert np.linalg.slogdet(V)[1] == pytest.approx(wanted["V_logdet"], rel=1e-10)
    fit = run(spec, table).main
    assert sorted(fit.coefficients.b) == pytest.approx(sorted(wanted["b"]), rel=1e-5)
    assert fit.statistics.logLik == pytest.approx(wanted["logLik"], rel=1e-8)


def test_typed_covariances_may_be_named_and_bring_their_variances_along():
    table = table_of("dat.berkey1998", {k: v for k, v in BERKEY.items() if k != "vi"})
    spec = asked({"random": "1 | trial/effect"}, why="matrix", covariances="v1i, v2i")
    found = prepare(spec, table)
    assert found.studies[0].vi == pytest.approx(0.0075)
    assert dense(spec, table)[0, 1] == pytest.approx(0.003)


def test_a_left_out_row_does_not_shift_the_matrix_of_its_study():
    table = table_of("dat.berkey1998", {**BERKEY, "v1i": "covariance", "v2i": "covariance"})
    spec = asked({"random": "1 | trial/effect"}, why="matrix")
    whole = dense(spec, table)
    less = dense(spec, replace(table, excluded={0: "left out"}))
    np.testing.assert_allclose(less, whole[1:, 1:])


def test_variances_that_do_not_fit_their_matrix_are_said():
    table = table_of("dat.berkey1998", {**BERKEY, "v2i": "covariance", "v1i": "covariance"})
    turned = table.with_columns(sorted(table.columns, key=lambda c: c.name == "v1i"))
    with pytest.raises(DataProblem, match=r"variance of its effect is 0\.0075, but 0\.003"):
        dense(asked({"random": "1 | trial/effect"}, why="matrix"), turned)
    bare = table_of("dat.berkey1998", BERKEY)
    with pytest.raises(SpecProblem, match="stand in no column yet"):
        dense(asked({"random": "1 | trial/effect"}, why="matrix"), bare)


def test_outcomes_give_the_references_matrix_and_fit():
    table = table_of(
        "dat.riley2003", {"yi": "yi", "vi": "vi", "outcome": "outcome", "study": "cluster"}
    )
    spec = asked(
        {"random": "outcome | study", "structure": "UN"}, "~ 0 + factor(outcome)",
        why="outcomes", rho=0.5,
    )  # fmt: skip
    wanted = expected("mv.dat.riley2003.un.REML")
    V = dense(spec, table)
    assert V.sum() == pytest.approx(wanted["V_sum"], rel=1e-10)
    assert np.linalg.slogdet(V)[1] == pytest.approx(wanted["V_logdet"], rel=1e-10)
    assert run(spec, table).main.statistics.logLik == pytest.approx(wanted["logLik"], rel=1e-7)
    typed = replace(spec, dependence={**spec.dependence, "correlations": "DFS/OS = 0,5", "rho": 0})
    np.testing.assert_allclose(dense(typed, table), V)


def test_times_give_the_references_fit():
    table = table_of("ishak.long", {"yi": "yi", "vi": "vi", "time": "time", "study": "cluster"})
    spec = asked({"random": "1 | study"}, "~ time", why="times", phi=0.97)
    wanted = expected("mv.ishak.long.ri.time.REML")
    fit = run(spec, table).main
    assert fit.coefficients.b == pytest.approx(wanted["b"], rel=1e-6)
    assert fit.statistics.logLik == pytest.approx(wanted["logLik"], rel=1e-8)


# One study of six comparisons, and correlations printed by vcalc of metafor 3.8-1.
SIX = {
    "study": ["A"] * 6, "yi": [0.1] * 6,
    "kind": ["a", "a", "b", "b", "a", "c"], "outcome": [1, 2, 1, 2, 3, 1],
    "t1": [1, 1, 2, 3, 1, 2], "t2": [1, 2, 2, 3, 2, 2],
    "g1": ["x", "y", "x", "y", "z", "x"], "g2": ["p", "p", "q", "p", "p", "x2"],
    "n": [20, 30, 25, 40, 22, 31], "m": [20, 20, 25, 40, 22, 31],
    "vi": [1.0] * 6,
}  # fmt: skip
ROLES = {
    "study": "cluster", "yi": "yi", "vi": "vi", "kind": "outcome_type", "outcome": "outcome",
    "t1": "time", "t2": "time2", "g1": "group1", "g2": "group2", "n": "n1i", "m": "n2i",
}  # fmt: skip


@pytest.fixture
def six():
    return make_table(SIX, ROLES)


def correlations(table, **dependence) -> np.ndarray:
    spec = asked({"random": "1 | study/effect"}, **dependence)
    return dense(replace(spec, outcome="all"), table)


PRINTED = [  # the first row and the second, without the diagonal
    ("outcomes", {"rho": 0.7, "rho_between": 0.4},
     [0.7, 0.4, 0.4, 0.7, 0.4, 0.4, 0.4, 0.7, 0.4]),
    ("outcomes-times", {"rho": 0.7, "rho_between": 0.4, "phi": 0.8},
     [0.7, 0.32, 0.256, 0.7, 0.32, 0.32, 0.256, 0.7, 0.32]),
    ("control", {}, [0.547722557505, 0.5, 0.5, 0.5, 0.5, 0, 0.994936153005, 0.547722557505, 0]),
    ("control-times", {"phi": 0.8},
     [0.438178046004, 0.4, 0.32, 0.4, 0.4, 0, 0.724394747124, 0.547722557505, 0]),
    ("control-outcomes-times", {"rho": 0.7, "rho_between": 0.4, "phi": 0.8},
     [0.306724632203, 0.16, 0.128, 0.28, 0.16, 0, 0.289757898850, 0.383405790254, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("why", "more", "wanted"), PRINTED, ids=[p[0] for p in PRINTED])
def test_types_times_and_groups_correlate_as_in_metafor(six, why, more, wanted):
    R = correlations(six, why=why, **more)
    assert [*R[0, 1:], *R[1, 2:]] == pytest.approx(wanted, rel=1e-10)


def test_without_types_a_shared_group_and_one_correlation_multiply(six):
    bare = make_table(SIX, {k: r for k, r in ROLES.items() if k != "kind"})
    R = correlations(bare, why="control-outcomes", rho=0.6)
    assert R[0, 1] == pytest.approx(0.328633534503, rel=1e-10)
    assert R[0, 3] == pytest.approx(0.3)


def test_columns_may_be_named_instead_of_having_roles():
    bare = make_table(SIX, {"study": "cluster", "yi": "yi", "vi": "vi"})
    named = {"group1": "g1", "group2": "g2", "size1": "n", "size2": "m", "time": "t1",
             "time2": "t2", "outcome": "outcome", "type": "kind"}  # fmt: skip
    R = correlations(bare, why="control-outcomes-times", rho=0.7, rho_between=0.4, phi=0.8, **named)
    assert R[0, 1] == pytest.approx(0.306724632203, rel=1e-10)
    once = replace(bare, excluded={3: "the same comparison again"})
    equal = correlations(once, why="control", **{k: named[k] for k in ("group1", "group2")})
    assert equal[0, 1] == pytest.approx(0.5)


def test_types_of_one_kind_need_no_second_correlation(six):
    R = correlations(six, why="outcomes", rho=0.6)
    assert R[0, 2] == pytest.approx(0.6)


def test_separate_people_of_one_study_are_independent(six):
    some = make_table({**SIX, "sex": list("fffmmm")}, {**ROLES, "sex": "people"})
    R = correlations(some, why="outcomes", rho=0.6)
    assert R[0, 2] == pytest.approx(0.6)
    assert R[0, 3] == 0.0


def test_single_correlations_go_before_the_common_one(six):
    once = replace(six, excluded=dict.fromkeys((2, 3, 5), "the same outcome again"))
    R = correlations(once, why="outcomes", rho=0.3, correlations="1/2=0.6; 2/3=0.45")
    assert (R[0, 1], R[1, 2], R[0, 2]) == pytest.approx((0.6, 0.45, 0.3))


@pytest.mark.parametrize("words", ["pain=0.5", "a/b", "a/b=1.2", "/b=0.3", "a/b=x"])
def test_a_correlation_that_cannot_be_read_is_said(words):
    with pytest.raises(SpecProblem, match="is no correlation of two outcomes"):
        read_correlations(words)


def test_a_missing_column_names_the_role_that_would_tell():
    bare = make_table(
        {"s": ["A", "A"], "yi": [1.0, 2.0], "vi": [0.1, 0.1]},
        {"s": "cluster", "yi": "yi", "vi": "vi"},
    )
    with pytest.raises(SpecProblem, match="'Outcome name'"):
        correlations(bare, why="outcomes", correlations="a/b=0.5")
    with pytest.raises(SpecProblem, match="must tell the time"):
        correlations(bare, why="control-times")
    with pytest.raises(MetadeskError, match="cannot be 'nothing'"):
        correlations(bare, why="nothing")


@pytest.mark.parametrize(
    "why", ["outcomes", "times", "control", "matrix", "control-outcomes-times"]
)
def test_only_what_a_reason_needs_is_asked(why):
    found = relevant(Dependence(why=why))
    assert ("rho" in found) == ("outcomes" in why)
    assert ("phi" in found) == ("times" in why)
    assert ("group1" in found) == ("control" in why)
    assert ("covariances" in found) == (why == "matrix")
    assert ("time2" in found) == (why == "control-outcomes-times")


def test_combined_effects_use_typed_covariances_too():
    table = table_of("dat.berkey1998", {**BERKEY, "v1i": "covariance", "v2i": "covariance"})
    spec = replace(default_spec(), measure="GEN", dependence={"use": "combine", "why": "matrix"})
    study = prepare(spec, table).studies[0]
    V = np.array([[0.0075, 0.003], [0.003, 0.0077]])
    assert study.vi == pytest.approx(1 / np.linalg.inv(V).sum())
    assert "the covariances in the sheet" in study.notes[-1]


def test_effects_of_several_outcomes_are_all_taken_where_they_are_what_depends():
    table = table_of("dat.berkey1998", BERKEY)
    one = prepare(replace(default_spec(), measure="GEN"), table)
    assert one.outcome == "PD"
    assert sum(s.used for s in one.studies) == 5
    combine = replace(default_spec(), measure="GEN", dependence={"use": "combine", "rho": 0.5})
    both = prepare(combine, table)
    assert both.outcome == ""
    assert sum(s.used for s in both.studies) == 5
    V = np.array([[0.0075, 0.5 * np.sqrt(0.0075 * 0.0077)], [0, 0.0077]])
    V[1, 0] = V[0, 1]
    assert both.studies[0].vi == pytest.approx(1 / np.linalg.inv(V).sum())
    assert prepare(replace(combine, outcome="AL"), table).outcome == "AL"
    times = replace(combine, dependence={"use": "combine", "why": "times"})
    assert times.outcome_meant == ""
    assert replace(combine, dependence={"use": "none"}).outcome_meant == ""


def test_a_combined_effect_outside_its_parts_is_said():
    table = table_of("dat.berkey1998", BERKEY)
    combine = {"use": "combine", "rho": 0.5}
    weighted = prepare(replace(default_spec(), measure="GEN", dependence=combine), table)
    lindhe = weighted.studies[2]
    assert lindhe.yi < -0.6  # of 0.2 and -0.6
    assert "lies outside the effects it was made from" in lindhe.notes[-1]
    assert "combined into one" in weighted.studies[0].notes[-1]
    plain = {**combine, "weighted": False}
    mean = prepare(replace(default_spec(), measure="GEN", dependence=plain), table).studies[2]
    assert mean.yi == pytest.approx(-0.2)
    assert not any("outside" in note for note in mean.notes)
