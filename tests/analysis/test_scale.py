"""Moderators of the spread through the engine: what is read, what is expected where."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.expected import asked_columns, expected_along, expected_at
from metadesk.analysis.spec import AnalysisSpec
from metadesk.errors import SpecProblem
from metadesk.reports.methods import methods_text
from metadesk.reports.model_tables import model_tables
from metadesk.reports.prose import result_sentence


@pytest.fixture(scope="module")
def spread(bcg):
    return run(AnalysisSpec(model="scale", moderators="~ ablat", scale="~ alloc"), bcg)


def test_both_formulas_are_read(spread) -> None:
    assert spread.design.names == ("intrcpt", "ablat")
    assert spread.scale_design.names == ("intrcpt", "allocrandom", "allocsystematic")
    assert asked_columns(spread) == ("ablat", "alloc")


def test_a_prediction_needs_what_explains_the_spread_and_follows_it(spread) -> None:
    with pytest.raises(SpecProblem, match="needs a value of alloc"):
        expected_at(spread, [{"ablat": 33}])
    levels = ("random", "systematic")
    at = expected_at(spread, [{"ablat": 33, "alloc": level} for level in levels])
    assert at.pred[0] == pytest.approx(at.pred[1])
    alpha = spread.main.spread.coefficients.b
    tau2 = np.exp([alpha[0] + alpha[1], alpha[0] + alpha[2]])
    half = 1.959963984540054 * np.sqrt(at.se**2 + tau2)
    assert at.pi_ub - at.pred == pytest.approx(half)


def test_by_the_other_link_it_follows_the_line_of_tau2_as_far_as_that_is_positive(bcg) -> None:
    spec = AnalysisSpec(model="scale", scale="~ ablat", model_options={"link": "identity"})
    found = run(spec, bcg)
    a, b = found.main.spread.coefficients.b
    far = -a / b * 1.01
    assert far > 60.0
    at = expected_at(found, [{"ablat": 20}, {"ablat": far}])
    half = 1.959963984540054 * math.sqrt(at.se[0] ** 2 + a + 20 * b)
    assert at.pi_ub[0] - at.pred[0] == pytest.approx(half)
    assert np.isfinite(at.ci_ub).all()
    assert math.isnan(at.pi_lb[1])
    assert math.isnan(at.pi_ub[1])
    assert "no prediction interval where τ² would be below 0" in at.method
    assert "below 0" not in expected_at(found, [{"ablat": 20}]).method
    assert "(τ² linear in intrcpt, ablat; REML; " in methods_text(found)
    log = run(AnalysisSpec(model="scale", scale="~ ablat"), bcg)
    assert "(ln τ² linear in intrcpt, ablat; REML; " in methods_text(log)


def test_along_a_moderator_of_the_mean_the_spread_is_held(spread) -> None:
    at, _ = expected_along(spread, "ablat", [20.0, 40.0])
    width = (at.pi_ub - at.pred) ** 2 / 1.959963984540054**2 - at.se**2
    assert width[0] == pytest.approx(width[1])


def test_a_row_without_what_explains_the_spread_is_left_out_with_its_reason(bcg) -> None:
    from metadesk.table import SetCells

    column = bcg.column("alloc")
    changed, _ = SetCells(((bcg.row_ids[3], column.id, None),)).apply(bcg)
    found = run(AnalysisSpec(model="scale", scale="~ alloc"), changed)
    left = [s for s in found.studies if not s.used]
    assert len(left) == 1
    assert "'alloc'" in left[0].reason
    assert found.main.k == 12


def test_the_sentence_tells_from_where_to_where(spread) -> None:
    assert "residual τ² from" in result_sentence(spread)


def test_each_study_is_drawn_to_the_model_by_its_own_spread(spread) -> None:
    for s, tau2 in zip(spread.used, spread.main.spread.tau2, strict=True):
        pull = tau2 / (tau2 + s.vi)
        assert s.blup == pytest.approx(pull * s.yi + (1 - pull) * s.fitted)


def test_tables_show_both_parts(spread) -> None:
    keys = {table.key for table in model_tables(spread)}
    assert {"scale", "coefficients", "tests", "components", "blups"} <= keys
    assert math.isnan(spread.main.heterogeneity.tau2)


def test_without_a_formula_of_the_spread_it_is_the_meta_regression(bcg) -> None:
    scale = run(AnalysisSpec(model="scale", moderators="~ ablat"), bcg).main
    mixed = run(
        AnalysisSpec(model="mixed", moderators="~ ablat", model_options={"test": "z"}), bcg
    ).main
    assert scale.coefficients.b == pytest.approx(mixed.coefficients.b, rel=1e-6)
    assert scale.heterogeneity.tau2 == pytest.approx(mixed.heterogeneity.tau2, rel=1e-6)
