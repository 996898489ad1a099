"""Covariances of dependent estimates, and several estimates as one."""

from __future__ import annotations

import numpy as np
import pytest

from metadesk.effects.aggregate import STRUCTURES, aggregate, covariance_of
from metadesk.effects.dependence import (
    constructed_covariance,
    covariance_from_rows,
    diagonal_covariance,
)
from metadesk.errors import DataProblem, SpecProblem

VI = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
CLUSTER = [1, 1, 1, 1, 2, 2]
# Printed by vcalc of metafor 3.8-1.
BY_TYPE = [[0.1, 0.08485281, 0.05196152, 0.06], [0.08485281, 0.2, 0.07348469, 0.08485281]]
BY_TIME = [[0.1, 0.06788225, 0.17320508, 0.0768], [0.06788225, 0.2, 0.11757551, 0.22627417]]
BY_GROUP = [[0.1, 0.07537784, 0.09770084, 0.10660036], [0.07537784, 0.2, 0.0, 0.28284271]]
BY_GROUP_AND_TIME = [
    [0.1, 0.07537784, 0.09770084, 0.08528029],
    [0.07537784, 0.2, 0.0, 0.22627417],
]
GROUPS = {
    "grp1": [1, 2, 1, 2, 1, 3],
    "grp2": [3, 3, 4, 3, 2, 1],
    "w1": np.array([10, 20, 10, 20, 30, 25.0]),
    "w2": np.array([12, 12, 14, 12, 20, 30.0]),
}
TIME = np.array([1, 2, 1, 3, 1, 2.0])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type_": list("aabbab"), "obs": [1, 2, 1, 2, 1, 1], "rho": (0.6, 0.3)}, BY_TYPE),
        ({"obs": [1, 2, 1, 2, 1, 1], "rho": 0.6, "time1": TIME, "phi": 0.8}, BY_TIME),
        (GROUPS, BY_GROUP),
        (
            {**GROUPS, "time1": TIME, "time2": np.array([0, 0, 0, 1, 0, 0.0]), "phi": 0.8},
            BY_GROUP_AND_TIME,
        ),
    ],
)
def test_constructed_covariances_are_those_of_vcalc(given, expected):
    V = constructed_covariance(VI, CLUSTER, **given)
    assert V.blocks[0][:2] == pytest.approx(np.array(expected), abs=1e-8)
    assert V.diagonal == pytest.approx(VI)


def test_a_group_on_opposite_sides_correlates_negatively():
    V = constructed_covariance(VI, CLUSTER, **GROUPS)
    assert V.blocks[1][0, 1] == pytest.approx(-0.23354968, abs=1e-8)


def test_the_matrix_is_dense_only_when_asked():
    V = constructed_covariance(VI, CLUSTER, rho=0.5, obs=[1, 2, 3, 4, 1, 2])
    assert [b.shape for b in V.blocks] == [(4, 4), (2, 2)]
    dense = V.dense()
    assert dense[0, 5] == 0
    assert dense[4, 5] == pytest.approx(0.5 * np.sqrt(0.3))


def test_subgroups_of_a_cluster_are_independent():
    V = constructed_covariance(VI, CLUSTER, rho=0.5, subgroup=[1, 1, 2, 2, 1, 1])
    assert V.blocks[0][0, 2] == 0
    assert V.blocks[0][0, 1] > 0


def test_blocks_may_stand_in_the_table():
    V = covariance_from_rows([7, 7, 8], [np.array([1, 0.2, 3]), np.array([0.2, 2, np.nan])])
    assert V.blocks[0] == pytest.approx(np.array([[1, 0.2], [0.2, 2]]))
    assert V.blocks[1] == pytest.approx(np.array([[3.0]]))
    with pytest.raises(DataProblem, match="Cluster 7 has 2 rows but only 1 covariance column"):
        covariance_from_rows([7, 7], [np.array([1.0, 2])])


def test_impossible_covariances_name_their_cluster():
    V = constructed_covariance(VI, CLUSTER, rho=1.0, obs=[1, 2, 3, 4, 1, 2])
    with pytest.raises(DataProblem, match="cluster 1, 2 are not possible"):
        V.checked()


def test_incomplete_requests_say_what_they_lack():
    with pytest.raises(SpecProblem, match="both groups"):
        constructed_covariance(VI, CLUSTER, grp1=[1] * 6)
    with pytest.raises(SpecProblem, match="needs the time"):
        covariance_of(VI, CLUSTER, "CAR")


def test_independent_estimates_have_blocks_of_one():
    V = diagonal_covariance(VI)
    assert len(V.blocks) == 6
    assert V.dense() == pytest.approx(np.diag(VI))


def test_aggregating_keeps_order_and_leaves_out_rows_without_an_estimate():
    y = np.array([1.0, np.nan, 3.0, 5.0])
    got = aggregate(y, covariance_of(np.ones(4), ["b", "b", "a", "a"], "CS", rho=0.5))
    assert got.cluster == ("b", "a")
    assert got.ki.tolist() == [1, 2]
    assert got.yi == pytest.approx([1, 4])
    assert got.vi == pytest.approx([1, 0.75])


def test_the_plain_mean_has_the_variance_of_a_plain_mean():
    V = covariance_of(np.array([1.0, 4.0]), [1, 1], "CS", rho=0.5)
    got = aggregate(np.array([0.0, 2.0]), V, weighted=False)
    assert (got.yi[0], got.vi[0]) == pytest.approx((1, (1 + 4 + 2 * 1) / 4))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_has_the_given_variances(structure):
    V = covariance_of(VI, CLUSTER, structure, rho=0.3, phi=0.8, time=TIME, obs=[1, 2, 1, 2, 1, 2])
    assert V.diagonal == pytest.approx(VI)


def test_a_second_group_without_sizes_has_those_of_the_first():
    words = {"cluster": ["s", "s"], "grp1": ["a", "b"], "grp2": ["c", "c"]}
    sizes = np.array([30.0, 60.0])
    V = constructed_covariance(np.ones(2), **words, w1=sizes).dense()
    both = constructed_covariance(np.ones(2), **words, w1=sizes, w2=sizes).dense()
    assert V == pytest.approx(both, abs=1e-15)
    assert V[0, 1] == pytest.approx(0.5, abs=1e-15)
