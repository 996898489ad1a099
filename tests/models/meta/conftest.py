"""The BCG vaccine trials: log risk ratios of 13 trials with latitude, year and allocation."""

import numpy as np
import pytest

from metadesk.models.meta import MetaData, TwoArms

TPOS = [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27]
TNEG = [119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886]
CPOS = [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29]
CNEG = [128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825]
ABLAT = [44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33]
ALLOC = [
    "random",
    "random",
    "random",
    "random",
    "alternate",
    "alternate",
    "random",
    "random",
    "random",
    "systematic",
    "systematic",
    "systematic",
    "systematic",
]


@pytest.fixture(scope="session")
def effects():
    a, b, c, d = (np.array(x, dtype=float) for x in (TPOS, TNEG, CPOS, CNEG))
    yi = np.log(a / (a + b)) - np.log(c / (c + d))
    return yi, 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


@pytest.fixture
def bcg(effects):
    return MetaData.of(*effects)


@pytest.fixture
def bcg_tables():
    a, b, c, d = (np.array(x, dtype=float) for x in (TPOS, TNEG, CPOS, CNEG))
    return TwoArms.of("OR", a, a + b, c, c + d)


@pytest.fixture
def cells():
    return {"ablat": ABLAT, "alloc": ALLOC}
