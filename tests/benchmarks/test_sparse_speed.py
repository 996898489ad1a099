"""Speed of the models of counts and of dependent effects, through the public call; not asserted.

For comparison (one 2-core machine, R started): metafor takes 11.3 s for CM.EL, 0.63 s for UM.FS and
UM.RS (Laplace) on the BCG trials, and 4.8 s for the three-level model of 2,000 effects.
"""

import numpy as np
import pytest

from metadesk.models.meta.glmm import CountData, CountMixed, fit_counts
from metadesk.models.meta.multilevel import Multilevel, fit_multilevel, three_level_data

TPOS = [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27]
TNEG = [119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886]
CPOS = [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29]
CNEG = [128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825]


@pytest.fixture
def vaccine():
    sizes = [np.add(TPOS, TNEG), np.add(CPOS, CNEG)]
    return CountData.of("OR", [TPOS, CPOS], sizes)


@pytest.mark.parametrize("model", ["CM.EL", "CM.AL", "UM.FS", "UM.RS"])
def test_speed_of_count_models(benchmark, vaccine, model):
    fit = benchmark(fit_counts, CountMixed(model=model), vaccine)
    assert fit.status.converged


def test_speed_of_the_three_level_model(benchmark):
    rng = np.random.default_rng(1)
    study = np.sort(rng.integers(0, 400, 2000))
    v = rng.uniform(0.02, 0.2, 2000)
    y = 0.3 + rng.normal(0, 0.3, 400)[study] + rng.normal(0, np.sqrt(v + 0.04))
    data = three_level_data(y, v, [str(s) for s in study])
    fit = benchmark(fit_multilevel, Multilevel(profile=False), data)
    assert fit.status.converged
