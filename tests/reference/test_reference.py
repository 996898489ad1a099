"""Every reference case through the public API."""

from __future__ import annotations

import pytest
from cases import Case
from compare import Disagreement, compare

MOST_LINES = 12


def test_agrees_with_the_reference(case: Case, runner, pending, record_property) -> None:
    record_property("reference", case.kind)
    disagreements = attempt(case, runner)
    record_property("agreed", not disagreements)
    record_property("corrected", case.corrected)
    lines = [f"  {case.kind} {case.id}: {d}" for d in disagreements[:MOST_LINES]]
    waiting = bool({f"{case.layout}/{case.kind}", case.id} & pending)
    record_property("disagreements", [] if waiting and runner is None else lines)
    if waiting:
        if disagreements:
            pytest.xfail(f"{case.kind} is pending")
        pytest.fail(f"{case.id} agrees: take it off tests/reference/pending.txt")
    if disagreements:
        pytest.fail("\n".join([f"{len(disagreements)} entries disagree:", *lines]))


def attempt(case: Case, runner) -> list[Disagreement]:
    if runner is None:
        return [Disagreement("(case)", "no translation of this kind", "a run")]
    try:
        return compare(case, runner(case))
    except Exception as problem:
        return [Disagreement("(case)", f"{type(problem).__name__}: {problem}", "a run")]


def test_the_grid_of_cases_has_not_shrunk(request) -> None:
    if request.config.getoption("--reference"):
        pytest.skip("other cases were asked for")
    from cases import HERE, read_cases

    counts = [case.layout for case in read_cases(HERE)]
    assert counts.count("meta") >= 497
    assert counts.count("trials") >= 76
