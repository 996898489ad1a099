"""A probe that guards the upgrade of Qt: 6.12.0 drops references to None and aborts on 3.11."""

from __future__ import annotations

import sys

import PySide6
import pytest
from PySide6.QtGui import QImage, QPainter

CALLS = 2_000


def test_qt_is_below_the_release_that_aborts() -> None:
    assert tuple(int(n) for n in PySide6.__version__.split(".")[:2]) < (6, 12)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_painting_drops_no_reference_to_none(qapp) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        painter.restore()
    after = sys.getrefcount(None)
    painter.end()
    assert after - before > -CALLS // 2
