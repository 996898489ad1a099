"""Long fits behind the window: its clock goes on ticking, and they stop when called off."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QObject, QThreadPool, QTimer, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QToolButton

from metadesk.gui.jobs import Job, JobSignals, Lane
from metadesk.gui.state_strip import StateStrip
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


def test_the_bar_of_a_job_never_goes_back(qapp, monkeypatch):
    monkeypatch.setattr("metadesk.gui.jobs.PROGRESS_EVERY", 0.0)
    voice, heard = JobSignals(), []
    voice.progress.connect(lambda _, fraction, what: heard.append((fraction, what)))

    def work(progress, tell):
        for fraction, what in ((0.2, "fit"), (0.6, "profile"), (0.3, "fit again"), (0.9, "rest")):
            progress.step(fraction, what)

    Job(1, work, voice).run()
    assert heard == [(0.2, "fit"), (0.6, "profile"), (0.6, "fit again"), (0.9, "rest")]


class Running(QObject):
    """A session in which something runs."""

    busy_changed = Signal(bool, float, str)
    result_changed = Signal()
    busy, calls = True, 0

    def cancel(self):
        self.calls += 1


def test_what_takes_long_is_named_with_a_bar_and_a_way_out(qtbot):
    session = Running()
    strip = StateStrip(session)
    qtbot.addWidget(strip)
    strip.show()
    cancel = strip.findChild(QToolButton, "cancelButton")
    qtbot.waitUntil(cancel.isVisible)
    session.busy_changed.emit(True, 0.4, "Profiling the variance components")
    assert strip.findChild(QLabel, "stateWords").text() == "Profiling the variance components…"
    assert strip.findChild(QProgressBar, "stateProgress").value() == 40
    cancel.click()
    assert session.calls == 1
