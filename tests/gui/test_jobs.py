"""Long fits behind the window: its clock goes on ticking, and they stop when called off."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QThreadPool, QTimer

from metadesk.gui.jobs import Lane
from metadesk.models.meta import MetaData, MixedEffects
from metadesk.models.meta.glmm import CountData, CountMixed, fit_counts
from metadesk.models.meta.permutation import Permutation, permutation_test


def permutations(progress):
    rng = np.random.default_rng(1)
    data = MetaData.of(rng.normal(size=100), rng.uniform(0.05, 0.3, 100))
    permutation_test(MixedEffects("REML", "z"), data, Permutation("random", 10_000), progress)


def exact_conditional(progress):
    rng = np.random.default_rng(2)
    sizes = rng.integers(50, 900, (2, 60))
    events = rng.binomial(sizes, 0.1)
    fit_counts(CountMixed(model="CM.EL"), CountData.of("OR", list(events), list(sizes)), progress)


@pytest.fixture
def lane(qtbot):
    made = Lane(QThreadPool(), newest_wins=True)
    yield made
    assert made.close(30.0)


@pytest.mark.parametrize("fit", [permutations, exact_conditional])
def test_the_clock_of_the_window_ticks_while_a_long_fit_runs(qtbot, lane, fit):
    ticks: list[int] = []
    clock = QTimer(interval=5)
    clock.timeout.connect(lambda: ticks.append(lane.busy))
    clock.start()
    with qtbot.waitSignal(lane.done, timeout=60_000):
        lane.start(lambda progress, tell: fit(progress))
    clock.stop()
    assert sum(ticks) >= 3


@pytest.mark.parametrize("fit", [permutations, exact_conditional])
def test_a_long_fit_stops_when_it_is_called_off(qtbot, lane, fit):
    said: list[str] = []
    lane.done.connect(lambda *_: said.append("done"))
    lane.progress.connect(lambda *_: lane.cancel())  # as soon as it is known to be under way
    with qtbot.waitSignal(lane.stopped, timeout=60_000):
        lane.start(lambda progress, tell: fit(progress))
    assert not said
