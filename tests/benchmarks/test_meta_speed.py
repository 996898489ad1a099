"""Study-level models through the public call, result included: ``pytest tests/benchmarks``."""

import numpy as np
import pytest

from metadesk.models.meta import (
    MetaData,
    MixedEffects,
    RandomEffects,
    fit_mixed,
    fit_random,
)
from metadesk.models.meta.batch import fit_batch
from metadesk.models.meta.design import Continuous, build_design
from metadesk.models.meta.kernel import MeanKernel
from metadesk.models.meta.leave_one_out import leave_one_out
from metadesk.models.meta.permutation import Permutation, permutation_test
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.models.meta.tau2_interval import tau2_interval


def studies(k, moderators=0):
    rng = np.random.default_rng(k)
    v = rng.uniform(0.01, 0.3, k)
    y = rng.normal(0, 0.4, k) + rng.normal(0, np.sqrt(v))
    if not moderators:
        return MetaData.of(y, v)
    names = "abcdef"[:moderators]
    cells = {name: rng.normal(size=k) for name in names}
    return MetaData.of(y, v, design=build_design(cells, [Continuous(n) for n in names]))


@pytest.mark.parametrize("k", [13, 100, 1000, 10_000])
@pytest.mark.parametrize("tau2", ["DL", "REML"])
def test_random_effects(benchmark, k, tau2):
    data, spec = studies(k), RandomEffects(tau2=tau2, test="z", tau2_interval="none")
    assert benchmark(fit_random, spec, data).k == k


@pytest.mark.parametrize("k", [13, 1000])
def test_random_effects_with_everything(benchmark, k):
    data = studies(k)
    assert benchmark(fit_random, RandomEffects(), data).prediction is not None


@pytest.mark.parametrize("k", [13, 1000])
def test_meta_regression_with_three_moderators(benchmark, k):
    data, spec = studies(k, 3), MixedEffects(test="z", tau2_interval="none")
    assert len(benchmark(fit_mixed, spec, data).coefficients.names) == 4


@pytest.mark.parametrize("method", ["DL", "REML"])
def test_ten_thousand_small_meta_analyses(benchmark, method):
    rng = np.random.default_rng(1)
    v = rng.uniform(0.01, 0.3, (10_000, 10))
    y = rng.normal(0, np.sqrt(v + 0.1))
    assert benchmark(fit_batch, y, v, method=method).tau2.size == 10_000


@pytest.mark.parametrize("k", [100, 1000])
def test_leave_one_out(benchmark, k):
    assert benchmark(leave_one_out, studies(k)).tau2.size == k


@pytest.mark.parametrize("moderators", [0, 1])
def test_permutation_test_with_a_thousand_iterations(benchmark, moderators):
    data, options = studies(13, moderators), Permutation("random", 1000)
    assert benchmark(permutation_test, MixedEffects("REML", "z"), data, options).n == 1000


@pytest.mark.parametrize("k", [13, 100])
@pytest.mark.parametrize("method", ["QP", "PL"])
def test_intervals_of_tau2(benchmark, k, method):
    data = studies(k)
    kernel = MeanKernel(data.yi, data.vi)
    found = estimate_tau2(kernel, "REML")
    assert benchmark(tau2_interval, kernel, found, method, 0.95).upper > found.value
