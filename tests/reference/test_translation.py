"""Requests that no case of ours makes yet reach the program's own numbers through a case's spec."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import Case
from translate.effects import effect_sizes

from metadesk.effects import compute

TABLE = (
    "m1,s1,n1,m2,s2,n2,t,p,d,auc,ties,f,r,k\n"
    "10.5,3.1,32,8.9,2.6,28,2.1,-0.04,0.5,0.65,0.1,4.4,0.3,3\n"
    "9,2,20,8,2.2,25,0.4,0.6,-0.2,0.45,0.02,1.2,0.1,2\n"
)
MEANS = {"m1i": "m1", "sd1i": "s1", "n1i": "n1", "m2i": "m2", "sd2i": "s2", "n2i": "n2"}
SIZES = {"n1i": "n1", "n2i": "n2"}


@pytest.fixture
def asked(tmp_path):
    """Run a made-up case: measure, roles and options to yi and vi."""
    path = tmp_path / "made.csv"
    path.write_text(TABLE, encoding="utf-8")

    def ask(measure: str, roles: dict[str, Any], **options: Any) -> dict[str, Any]:
        spec = {"es": {"measure": measure, "roles": roles, "options": options}}
        return effect_sizes(Case("meta", "made", "escalc", spec, {}, {}, path))

    return ask


def column(name: str) -> np.ndarray:
    head, *rows = (line.split(",") for line in TABLE.split())
    return np.array([float(row[head.index(name)]) for row in rows])


@pytest.mark.parametrize(
    ("measure", "vtype"),
    [("SMDH", "LS2"), ("SMDH", "LS3"), ("CLESN", "LS3"), ("AUCN", "HO"), ("SMD1", "AV"),
     ("ROM", "AVHO"), ("MD", "HO")],
)  # fmt: skip
def test_a_variance_that_is_asked_for_is_used(asked, measure, vtype) -> None:
    own = {"AUCN": "CLESN"}.get(measure, measure)
    wanted = compute(own, {r: column(c) for r, c in MEANS.items()}, {"vtype": vtype})
    got = asked(measure, MEANS, vtype=vtype)
    assert got["vi"] == pytest.approx(wanted.vi)
    assert got["vi"] != pytest.approx(asked(measure, MEANS)["vi"], rel=1e-9)


def test_superiority_comes_from_tests_distances_and_areas(asked) -> None:
    by_t = asked("CLESN", {"ti": "t", **SIZES})
    d = 2.1 * np.sqrt(1 / 32 + 1 / 28)
    assert by_t["yi"][0] == pytest.approx(0.6496073656)
    again = compute("CLESN", {"di": np.array([d]), "n1i": np.array([32.0]), "n2i": np.array([28])})
    assert by_t["vi"][0] == pytest.approx(again.vi[0])
    assert asked("AUCN", {"ai": "auc", **SIZES})["yi"] == pytest.approx([0.65, 0.45])
    assert asked("CLESN", {"pi": "p", **SIZES})["yi"][0] < 0.5
    assert asked("CLESN", {"di": "d", **SIZES})["yi"][1] < 0.5


def test_tied_pairs_are_read(asked) -> None:
    plain = asked("AUC", {"ai": "auc", **SIZES}, vtype="LS2")["vi"]
    tied = asked("AUC", {"ai": "auc", "mi": "ties", **SIZES}, vtype="LS2")["vi"]
    pairs = (column("n1") - 1) * (column("n2") - 1)
    assert plain - tied == pytest.approx(column("ties") / 4 / pairs)


def test_effects_can_be_turned_round_or_multiplied(asked) -> None:
    plain = asked("MD", MEANS)
    assert asked("MD", MEANS, flip=True)["yi"] == pytest.approx(-plain["yi"])
    some = asked("MD", MEANS, flip=[True, False])
    assert some["yi"] == pytest.approx([-1.6, 1.0])
    assert some["vi"] == pytest.approx(plain["vi"])
    by = asked("MD", MEANS, flip=[-2, 1])
    assert by["yi"] == pytest.approx([-3.2, 1.0])
    assert by["vi"] == pytest.approx(plain["vi"] * [4, 1])


def test_regressions_come_from_f_p_or_the_correlation(asked) -> None:
    by_f = asked("R2", {"fi": "f", "mi": "k", "ni": "n1"})["yi"]
    f, m, n = column("f"), column("k"), column("n1")
    assert by_f == pytest.approx(m * f / (m * f + n - m - 1))
    assert asked("R2", {"pi": "auc", "mi": "k", "ni": "n1"})["yi"][0] > 0
    given = asked("SPCOR", {"ri": "r", "mi": "k", "ni": "n1", "r2i": "d"})["yi"]
    assert given[0] == 0.3


def test_a_number_in_the_place_of_a_column_holds_for_every_row(asked) -> None:
    roles = {**{r: c for r, c in MEANS.items() if r not in ("n1i", "n2i")}, "ni": "n1", "ri": 0.6}
    by_number = asked("MC", roles)["vi"]
    assert by_number[0] == pytest.approx((3.1**2 + 2.6**2 - 1.2 * 3.1 * 2.6) / 32)


def test_an_option_that_the_reference_overlooks_is_overlooked(asked) -> None:
    assert asked("VR", MEANS, vtype="UB")["vi"] == pytest.approx(asked("VR", MEANS)["vi"])


def test_an_unknown_variance_of_other_measures_fails_loudly(asked) -> None:
    with pytest.raises(Exception, match="vtype"):
        asked("SMDH", MEANS, vtype="UB")
