"""Corrected entries of the reference: few, for one wrong value each, and still compared."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cases import HERE, NO_VALUE, corrected_values, corrections, read_cases
from compare import compare

FOUND = json.loads((HERE / "corrected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def corrected():
    return {case.id: case for case in read_cases(HERE) if case.id in corrections()}


@pytest.mark.parametrize("entry", FOUND, ids=[entry["case"] for entry in FOUND])
def test_a_correction_says_why_and_by_what_means_and_is_for_a_case_that_exists(entry, corrected):
    assert entry["why"]
    assert entry["how"]
    assert corrected[entry["case"]].corrected == len(entry["values"])


def test_a_corrected_entry_can_still_disagree(corrected):
    case = corrected["glmm.dat.bcg.or.UM.FS.ML.ablat"]
    got = {**case.expect, "QE_LRT": 0.0}
    assert [one.name for one in compare(case, got)] == ["QE_LRT"]


def test_the_value_of_the_reference_is_what_a_correction_replaces():
    wrong = corrections()["glmm.dat.bcg.or.UM.FS.ML.ablat"]
    expect = {path: value["reference"] for path, value in wrong.items()}
    right, many = corrected_values("glmm.dat.bcg.or.UM.FS.ML.ablat", expect)
    assert many == len(wrong)
    assert right["QE_LRT"] == wrong["QE_LRT"]["right"]
    newer, many = corrected_values("glmm.dat.bcg.or.UM.FS.ML.ablat", {**expect, "QE_LRT": 25.0})
    assert many == len(wrong) - 1
    assert newer["QE_LRT"] == 25.0


def test_entries_without_a_finite_value_are_the_only_ones_not_compared(corrected):
    case = corrected["scale.dat.bcg.rr.ML.log.alloc"]
    free = {"alpha", "se_alpha", "pval_alpha"}
    assert {name for name, value in case.expect.items() if NO_VALUE in _flat(value)} == free
    got = {**case.expect, "alpha": [0.0, 0.0, 0.0], "b": [0.0, 0.0]}
    assert {one.name for one in compare(replace(case), got)} == {"b.0", "b.1"}


def _flat(value):
    return value if isinstance(value, list) else [value]
