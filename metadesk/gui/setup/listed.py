"""One line of a list in the panel, with a button that takes it out again."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from metadesk.gui.theme import icon, set_role, tones


def listed(words: str, name: str, take_out: Callable[[], None], parent: QWidget) -> QWidget:
    """The line of one thing a person added: what it is, and the button beside it.

    The button is found as ``<name>-remove`` by tests and by people who use a screen reader as
    "Take … out". ``take_out`` is called without arguments.
    """
    frame = QWidget(parent)
    frame.setObjectName(name)
    label = QLabel(words, frame)
    label.setWordWrap(True)
    button = QToolButton(frame)
    button.setObjectName(f"{name}-remove")
    button.setAccessibleName(frame.tr("Take {0} out").format(words))
    button.setToolTip(button.accessibleName())
    button.setIcon(icon("close", tones().muted))
    set_role(button, "flat")
    button.clicked.connect(lambda: take_out())
    row = QHBoxLayout(frame)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(label, 1)
    row.addWidget(button)
    return frame
