from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models.meta import MantelHaenszel, Peto, TwoArms, fit_mantel_haenszel, fit_peto


def arms(measure, *rows):
    return TwoArms.of(measure, *np.array(rows, dtype=float).T)


def test_mantel_haenszel_odds_ratio_agrees_with_published_values(bcg_tables):
    fit = fit_mantel_haenszel(MantelHaenszel(), bcg_tables)
    assert fit.pooled.value == pytest.approx(-0.473410988389, abs=1e-11)
    assert fit.pooled.se == pytest.approx(0.0410077784042, abs=1e-11)
    assert fit.extra["CMH"].value == pytest.approx(135.68894, abs=1e-5)
    assert fit.extra["tarone"].value == pytest.approx(171.75667, abs=1e-5)
    assert fit.extra["breslow_day"].value == pytest.approx(171.76537, abs=1e-5)


def test_peto_agrees_with_published_values(bcg_tables):
    fit = fit_peto(Peto(), bcg_tables)
    assert fit.pooled.value == pytest.approx(-0.474446310941, abs=1e-11)
    assert fit.pooled.se == pytest.approx(0.0406590807446, abs=1e-11)
    assert fit.heterogeneity.QE == pytest.approx(167.730167511, abs=1e-8)


@pytest.mark.parametrize(
    ("add", "to", "value"), [(0.5, "only0", -0.685036), (0.0, "none", -0.747214)]
)
def test_zero_cells_are_corrected_for_pooling_only_on_request(add, to, value):
    data = arms("OR", (0, 50, 3, 50), (4, 50, 5, 50))
    fit = fit_mantel_haenszel(MantelHaenszel(add_pooled=add, to_pooled=to), data)
    assert fit.pooled.value == pytest.approx(value, abs=1e-6)


def test_peto_skips_studies_without_events():
    some = [(1, 100, 4, 100), (2, 80, 5, 90)]
    with_empty = fit_peto(Peto(), arms("OR", *some, (0, 50, 0, 50)))
    without = fit_peto(Peto(), arms("OR", *some))
    assert with_empty.pooled.value == without.pooled.value
    assert with_empty.weights[2] == 0.0
    assert "double-zero" in [n.code for n in with_empty.notes]
    assert with_empty.heterogeneity.QE_df == 1.0


def test_one_empty_group_everywhere_is_said_to_be_not_estimable():
    data = arms("OR", (0, 50, 3, 50), (0, 40, 2, 40))
    with pytest.raises(NotEstimable, match="difference of risks"):
        fit_mantel_haenszel(MantelHaenszel(), data)
    assert fit_mantel_haenszel(MantelHaenszel(), arms("RD", (0, 50, 3, 50))).pooled.value < 0


def test_a_mean_difference_cannot_be_pooled_by_counts():
    with pytest.raises(SpecProblem, match="pools OR, RR, RD"):
        fit_mantel_haenszel(MantelHaenszel(), arms("MD", (1, 10, 1, 10)))


def test_more_events_than_people_are_refused_with_their_place():
    with pytest.raises(DataProblem, match=r"Row 1 .*no more than the group's size"):
        arms("OR", (11, 10, 1, 10))


rows = st.lists(
    st.tuples(st.integers(1, 30), st.integers(31, 90), st.integers(1, 30), st.integers(31, 90)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(rows, st.sampled_from(["OR", "RR", "RD", "IRR", "IRD"]))
def test_swapping_the_groups_flips_the_sign(table, measure):
    one = fit_mantel_haenszel(MantelHaenszel(), arms(measure, *table))
    other = fit_mantel_haenszel(
        MantelHaenszel(), arms(measure, *[(c, d, a, b) for a, b, c, d in table])
    )
    assert other.pooled.value == pytest.approx(-one.pooled.value, abs=1e-12)
    assert other.pooled.se == pytest.approx(one.pooled.se, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_one_table_gives_its_own_odds_ratio(table):
    a, n1, c, n2 = table[0]
    fit = fit_mantel_haenszel(MantelHaenszel(), arms("OR", table[0]))
    assert fit.pooled.value == pytest.approx(np.log(a * (n2 - c) / ((n1 - a) * c)))
    assert fit.pooled.se == pytest.approx(np.sqrt(1 / a + 1 / (n1 - a) + 1 / c + 1 / (n2 - c)))
    assert fit.extra["breslow_day"].value == pytest.approx(0.0, abs=1e-8)


def test_peto_adds_for_pooling_what_is_asked():
    tables = arms("OR", [1, 20, 3, 20], [0, 15, 2, 18])
    added = arms("OR", [1, 20, 3, 20], [0.5, 16, 2.5, 19])
    fit = fit_peto(Peto(add_pooled=0.5, to_pooled="only0"), tables)
    by_hand = fit_peto(Peto(), added)
    assert fit.pooled.value == pytest.approx(by_hand.pooled.value, abs=1e-14)
    assert fit.pooled.value != pytest.approx(fit_peto(Peto(), tables).pooled.value, abs=1e-3)
    assert "0.5 to" in fit.method


def test_one_table_says_nothing_about_a_common_odds_ratio():
    fit = fit_mantel_haenszel(MantelHaenszel(), arms("OR", [4, 20, 7, 20]))
    assert np.isnan(fit.extra["tarone"].p)
    assert np.isnan(fit.extra["breslow_day"].p)


def test_a_difference_of_rates_without_any_event_is_zero_without_a_test():
    fit = fit_mantel_haenszel(MantelHaenszel(), arms("IRD", [0, 18.4, 0, 21.3]))
    assert fit.pooled.value == 0.0
    assert fit.pooled.se == 0.0
    assert np.isnan(fit.pooled.p)


def test_the_variance_of_the_risk_difference_can_be_revmans(bcg_tables):
    """RevMan's own formula: J/K² with J from the cells to the power of three."""
    table = replace(bcg_tables, measure="RD")
    a, c = table.x1i, table.x2i
    n1, n2 = table.n1i, table.n2i
    J = (a * (n1 - a) * n2**3 + c * (n2 - c) * n1**3) / (n1 * n2 * (n1 + n2) ** 2)
    K = n1 * n2 / (n1 + n2)
    sato = fit_mantel_haenszel(MantelHaenszel(), table)
    revman = fit_mantel_haenszel(MantelHaenszel(rd_variance="greenland"), table)
    assert revman.pooled.value == sato.pooled.value
    assert revman.pooled.se == pytest.approx(np.sqrt(J.sum()) / K.sum(), rel=1e-13)
    assert sato.pooled.se == pytest.approx(0.000286656748527, rel=1e-9)
    assert "Greenland & Robins" in revman.method
