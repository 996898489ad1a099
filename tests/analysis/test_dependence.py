"""Several effects of one study: combined, or kept with their covariances."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from metadesk.analysis.engine import prepare, run
from metadesk.analysis.presets import default_spec
from metadesk.analysis.readers import read_levels
from metadesk.errors import MetadeskError, SpecProblem
from metadesk.table import make_table

TABLE = make_table(
    {
        "study": ["A", "A", "B", "C", "C", "C"],
        "outcome": ["x", "y", "x", "x", "y", "x"],
        "week": [0, 4, 0, 0, 0, 4],
        "arm": ["low", "high", "low", "low", "mid", "high"],
        "n1": [30, 30, 50, 20, 20, 20],
        "n2": [30, 30, 50, 40, 40, 40],
        "yi": [0.4, 0.2, 0.1, 0.5, 0.3, 0.7],
        "vi": [0.04, 0.09, 0.02, 0.05, 0.06, 0.07],
    },
    {
        "study": "study", "outcome": "outcome", "week": "time", "n1": "n1i", "n2": "n2i",
        "yi": "yi", "vi": "vi",
    },
)  # fmt: skip


def asked(**dependence):
    return replace(default_spec(), measure="GEN", dependence=dependence)


def test_without_a_request_every_row_stands_for_itself() -> None:
    found = prepare(asked(), TABLE)
    assert [s.used for s in found.studies] == [True] * 6


def test_effects_are_combined_with_the_stated_correlation() -> None:
    found = prepare(asked(use="combine", rho=0.5), TABLE)
    assert [s.used for s in found.studies] == [True, False, True, True, False, False]
    c = 0.5 * 0.2 * 0.3
    total = 0.04 + 0.09 - 2 * c
    assert found.studies[0].yi == pytest.approx(((0.09 - c) * 0.4 + (0.04 - c) * 0.2) / total)
    assert found.studies[0].vi == pytest.approx((0.04 * 0.09 - c * c) / total)
    assert "2 effects" in found.studies[0].notes[-1]
    assert "row 1" in found.studies[1].reason
    assert found.studies[2].yi == 0.1


def test_the_plain_mean_is_taken_when_asked() -> None:
    found = prepare(asked(use="combine", rho=0.0, weighted=False), TABLE)
    assert found.studies[0].yi == pytest.approx(0.3)
    assert found.studies[0].vi == pytest.approx((0.04 + 0.09) / 4)


def test_a_larger_correlation_gives_a_larger_variance() -> None:
    seen = [prepare(asked(use="combine", rho=r), TABLE).studies[3].vi for r in (0.1, 0.5, 0.7)]
    assert seen == sorted(seen)
    assert len(set(seen)) == 3


def blocks(table=TABLE, **dependence):
    spec = replace(asked(use="keep", **dependence), model="multilevel", preset="", model_options={})
    data = read_levels(prepare(spec, table), {}).data
    V = np.diag(data.vi)
    for rows, block in data.blocks:
        V[np.ix_(rows, rows)] = block
    return V


def test_outcomes_correlate_by_rho_within_a_study_only() -> None:
    V = blocks(why="outcomes", rho=0.5)
    assert V[0, 1] == pytest.approx(0.5 * 0.2 * 0.3)
    assert V[0, 2] == 0.0


def test_times_correlate_the_less_the_farther_apart() -> None:
    once = replace(TABLE, excluded={4: "same week"})
    V = blocks(once, why="times", phi=0.9)
    assert V[0, 1] == pytest.approx(0.9**4 * 0.2 * 0.3)
    with pytest.raises(MetadeskError, match="cluster C"):
        blocks(why="times", phi=0.9)


def test_outcomes_at_times_multiply_both_correlations() -> None:
    V = blocks(why="outcomes-times", rho=0.5, phi=0.9)
    assert V[0, 1] == pytest.approx(0.5 * 0.9**4 * 0.2 * 0.3)
    assert V[3, 5] == pytest.approx(0.9**4 * math.sqrt(0.05 * 0.07))


def test_comparisons_with_one_control_share_its_part_of_the_variance() -> None:
    V = blocks(why="control")
    share = (1 / 40) / (1 / 20 + 1 / 40)
    assert V[3, 4] == pytest.approx(share * math.sqrt(0.05 * 0.06))
    named = blocks(why="control", group1="arm")
    assert named[3, 4] == pytest.approx(V[3, 4])


def test_a_missing_column_is_said_with_the_remedy() -> None:
    with pytest.raises(SpecProblem, match="has no column 'nope'"):
        run(asked(use="combine", study="nope"), TABLE)
    bare = make_table({"yi": [1.0, 2.0], "vi": [0.1, 0.1]}, {"yi": "yi", "vi": "vi"})
    with pytest.raises(SpecProblem, match="tell the time"):
        prepare(asked(use="combine", why="times"), bare)
    with pytest.raises(MetadeskError, match="no option 'rhoo'"):
        prepare(asked(rhoo=1), TABLE)


def test_the_choice_stands_among_the_settings() -> None:
    found = run(asked(use="combine", rho=0.6), TABLE)
    said = {s.name: s.value for s in found.settings}
    assert said["dependence.rho"] == "0.6"
