"""Times of the trial models; compared, never asserted."""

from __future__ import annotations

import numpy as np
import pytest

from metadesk.models.mixed import (
    GeneralisedMixed,
    LinearMixed,
    Roles,
    TrialData,
    estimate_linear,
    fit_generalised,
    fit_linear,
)

ROLES = Roles(subject="subject", period="period", treatment="treatment", outcome="y")


def trial(persons, periods=6, binary=False):
    rng = np.random.default_rng(persons)
    columns = {name: [] for name in ("subject", "period", "treatment", "y")}
    for i in range(persons):
        level, own = rng.normal(0, 1.5), rng.normal(0.8, 0.7)
        order = [(i + j) % 2 for j in range(periods)]
        for j, active in enumerate(order):
            eta = level + 0.1 * j + own * active
            y = float(rng.random() < 1 / (1 + np.exp(-eta))) if binary else eta + rng.normal()
            cells = (str(i + 1), str(j + 1), "AB"[active], float(y))
            for name, cell in zip(columns, cells, strict=True):
                columns[name].append(cell)
    return TrialData.from_columns(columns, ROLES)


@pytest.mark.parametrize("persons", [50, 1000])
@pytest.mark.parametrize("random", ["intercept", "slope"])
def test_linear_mixed_with_kenward_roger(benchmark, persons, random):
    data = trial(persons)
    spec = LinearMixed(random=random, intervals="none")
    fit_linear(spec, data)
    assert benchmark(fit_linear, spec, data).status.converged


@pytest.mark.parametrize("persons", [50, 1000])
def test_linear_mixed_fit_alone(benchmark, persons):
    data = trial(persons)
    assert benchmark(estimate_linear, LinearMixed(), data).converged


@pytest.mark.parametrize("persons", [50, 1000])
def test_binary_mixed_nine_points(benchmark, persons):
    data = trial(persons, 4, binary=True)
    spec = GeneralisedMixed(integration="agq", points=9)
    fit_generalised(spec, data)
    assert benchmark(fit_generalised, spec, data).status.converged


@pytest.mark.parametrize("persons", [50, 1000])
def test_binary_mixed_until_stable(benchmark, persons):
    data = trial(persons, 4, binary=True)
    fit_generalised(GeneralisedMixed(), data)
    assert benchmark(fit_generalised, GeneralisedMixed(), data).status.converged
