"""Fixtures of the window's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from windows import make_desk, make_workbook, open_workbook


@pytest.fixture
def window(qtbot, tmp_path):
    """The real window with its engine loaded and no sheet."""
    desk = make_desk(tmp_path)
    qtbot.addWidget(desk.window)
    with qtbot.waitSignal(desk.ready, timeout=30_000):
        desk.show()
    yield desk.window
    desk.session.close()


@pytest.fixture
def workbook(tmp_path):
    return make_workbook(tmp_path / "trials.xlsx")


@pytest.fixture
def opened(window, workbook, qtbot):
    """The window with five trials open and analysed."""
    open_workbook(window, qtbot, workbook)
    return window
