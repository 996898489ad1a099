"""Cancel while a trial is analysed: the analysis ends, the last good result stays."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from metadesk.analysis import engine
from metadesk.errors import Cancelled
from metadesk.formats import read_sheet
from metadesk.gui.session import Session
from metadesk.numerics.progress import Progress
from metadesk.resources import example


class Held:
    """The engine of the house, made to wait inside an analysis until it is told to go on."""

    def __init__(self) -> None:
        self.gate, self.waiting, self.ended = (threading.Event() for _ in range(3))
        self.gate.set()

    def prepare(self, spec, table):
        return engine.prepare(spec, table)

    def fit(self, prepared, progress):
        def hold(fraction, what):
            while not self.gate.wait(0.005):
                self.waiting.set()
                progress.step(fraction, what)

        try:
            return engine.fit(prepared, Progress(hold))
        except Cancelled:
            self.ended.set()
            raise


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def session(held, qtbot):
    session = Session(held, check=lambda table: ())
    yield session
    held.gate.set()
    assert session.close()


@pytest.mark.parametrize("name", ["nof1_gabapentin.xlsx", "binary_crossover_ecg.xlsx"])
def test_cancel_ends_a_trial_analysis_and_keeps_the_last_result(session, held, qtbot, name):
    session.open_table(read_sheet(example(name)))
    qtbot.waitUntil(lambda: session.trial_result is not None and not session.stale, timeout=30_000)
    old = session.trial_result
    held.gate.clear()
    session.set_trial(replace(session.trial, level=0.9), "Another level")
    qtbot.waitUntil(held.waiting.is_set, timeout=30_000)
    with qtbot.waitSignal(session.message):
        session.cancel()
    qtbot.waitUntil(held.ended.is_set, timeout=10_000)
    assert session.trial_result is old
    assert session.stale
    assert not session.busy
    held.gate.set()
    session.run()
    qtbot.waitUntil(lambda: not session.stale, timeout=30_000)
    assert session.trial_result.effect.interval.level == 0.9
