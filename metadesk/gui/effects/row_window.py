"""How the effect of one row is worked out: its ways, their answers, what would save the row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from metadesk.document.numbers import fixed, in_sentence
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.table.steps import RowSteps, written

if TYPE_CHECKING:
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.result import StudyResult, StudyStep
    from metadesk.analysis.ways import Way
    from metadesk.effects.rescue import Rescue


class RowWindow(QDialog):
    """One row's ways to its effect; a way can be chosen or refused, a missing cell be gone to.

    ``cell_asked`` tells the row id and the role whose cell the person wants to fill in.
    """

    cell_asked = Signal(int, str)
    calculator_asked = Signal(int)
    step_given_up = Signal(int, int)  # row id, step id

    def __init__(self, session: Session, row_id: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._row_id = session, row_id
        self.setObjectName("rowWindow")
        self.setAccessibleName(self.tr("How is this effect worked out?"))
        self.setWindowTitle(self.tr("How is this effect worked out?"))
        self.area = QScrollArea(self)
        self.area.setObjectName("rowWays")
        self.area.setAccessibleName(self.tr("Ways to the effect"))
        self.area.setWidgetResizable(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        calculator = QPushButton(self.tr("Row calculator…"), self)
        calculator.setObjectName("openCalculator")
        calculator.setAutoDefault(False)
        calculator.clicked.connect(self._ask_calculator)
        buttons.addButton(calculator, QDialogButtonBox.ButtonRole.ActionRole)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(20, 16, 20, 16)
        self._column.setSpacing(12)
        self._column.addWidget(self.area, 1)
        self._column.addWidget(buttons)
        self.setStyleSheet(panel_css(tones()))
        self.resize(640, 600)
        session.prepared_changed.connect(self.refresh)
        session.table_changed.connect(lambda _: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show what holds now."""
        body = QWidget()
        body.setObjectName("rowWaysBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        prepared, row = self._session.prepared, self._row()
        if prepared is None or row is None or self._row_id in self._session.touched:
            column.addWidget(_words(self.tr("Working…"), "muted"))
        else:
            self._fill(column, prepared, row)
        column.addStretch(1)
        self.area.setWidget(body)

    def _row(self) -> int | None:
        prepared = self._session.prepared
        if prepared is None or self._row_id not in prepared.table.row_ids:
            return None
        return prepared.table.row_position(self._row_id)

    def _fill(self, column: QVBoxLayout, prepared: Prepared, row: int) -> None:
        from metadesk.analysis.ways import rescues_of, ways_of
        from metadesk.effects import MEASURES

        study = prepared.studies[row]
        title = _words(escape(study.label), "title")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        title.setFont(font)
        column.addWidget(title)
        ways = ways_of(prepared, row)
        if not prepared.measure:
            column.addWidget(_words(escape(prepared.problem), "muted"))
            return
        entry = MEASURES[prepared.measure]
        if math.isnan(study.yi):
            column.addWidget(_words(escape(study.reason), "warning"))
        else:
            said = self.tr("{0} {1}; on the scale of the analysis {2} (SE {3}).").format(
                escape(entry.title),
                answer_words(study.effect, study.lower, study.upper),
                fixed(study.yi, 4),
                fixed(study.sei, 4),
            )
            column.addWidget(_words(said, ""))
        for note in study.notes:
            column.addWidget(_card(_words(escape(note), ""), "caution"))
        self._add_steps(column, prepared.table.steps.get(self._row_id, ()), study)
        rescues = rescues_of(prepared, row)
        if rescues:
            self._add_rescues(column, rescues)
        for way in ways:
            column.addWidget(self._way(way))
        wish = prepared.spec.routes.get(self._row_id, "")
        if wish:
            back = _button(self.tr("Let the program choose again"), "routeAutomatic")
            back.clicked.connect(lambda: self._choose(None))
            column.addWidget(back, 0, Qt.AlignmentFlag.AlignLeft)

    def _add_steps(self, column: QVBoxLayout, kept: RowSteps, study: StudyResult) -> None:
        """What was done to the row's cells, each step with the way back."""
        if not kept:
            return
        there = {step.id for step in self._session.table.steps.get(self._row_id, ())}
        column.addWidget(_words(self.tr("Done to the cells of this row"), "heading"))
        for step, told in zip(kept, study.steps, strict=True):
            cells = [
                f"{escape(c.column)}: {escape(written(c.before))} → "
                f"<b>{escape(written(c.after))}</b>"
                + ("" if c.holds else f" <i>{escape(self.tr('typed over since'))}</i>")
                for c in told.cells
            ]
            lines = [f"<b>{escape(step.name)}</b>", "; ".join(cells), *map(escape, _told(told))]
            lines.append(f"<span style='color:{tones().muted}'>{escape(step.citation)}</span>")
            back = _button(self.tr("Take back"), f"step-{step.id}")
            back.setEnabled(step.id in there)  # what a request asks for is not in the sheet
            back.clicked.connect(self._giver(step.id))
            column.addWidget(_card(_words("<br>".join(filter(None, lines)), ""), "note", back))

    def _giver(self, step_id: int) -> Callable[[], None]:
        return lambda: self.step_given_up.emit(self._row_id, step_id)

    def _add_rescues(self, column: QVBoxLayout, rescues: tuple[Rescue, ...]) -> None:
        column.addWidget(_words(self.tr("Which value would save this study?"), "heading"))
        for number, rescue in enumerate(rescues[:6]):
            text = _words(escape(rescue.sentence), "")
            go = _button(self.tr("Go to the cell"), f"rescue-{number}")
            go.clicked.connect(self._asker(rescue.roles[0]))
            column.addWidget(_card(text, "note", go))

    def _asker(self, role: str) -> Callable[[], None]:
        def ask() -> None:
            self.cell_asked.emit(self._row_id, role)
            self.accept()

        return ask

    def _way(self, way: Way) -> QFrame:
        """One way as a card: what goes in, what is converted, the formula, what comes out."""
        mark = self.tr(" · in use") if way.used else self.tr(" · refused") if way.refused else ""
        inputs = "; ".join(f"{escape(title)}: {in_sentence(x)}" for _, title, x in way.inputs)
        lines = [f"<b>{escape(way.title[:1].upper() + way.title[1:])}</b>{mark}", inputs]
        lines += [escape(step) for step in way.steps]
        if way.reason:
            lines.append(escape(way.reason))
        else:
            rough = self.tr(" (approximate)") if way.approximate else ""
            out = answer_words(way.effect, way.lower, way.upper)
            lines.append(f"→ <b>{out}</b>, SE {fixed(way.sei, 4)}{rough}")
        source = " – ".join(escape(part) for part in (way.formula, way.citation) if part)
        faint = f"<span style='color:{tones().muted}'>{source}</span>"
        text = _words("<br>".join([*lines, faint]), "")
        take = _button(self.tr("Use this way"), f"use-{way.key}")
        take.setEnabled(not way.used and not way.reason)
        take.clicked.connect(lambda: self._choose(way.key))
        refuse = _button(self.tr("Refuse"), f"refuse-{way.key}")
        refuse.setEnabled(not way.refused)
        refuse.clicked.connect(lambda: self._refuse(way.key))
        return _card(text, "strong" if way.used else "note", take, refuse, accent=way.used)

    def _choose(self, key: str | None) -> None:
        routes = dict(self._session.spec.routes)
        routes.pop(self._row_id, None)
        if key is not None:
            routes[self._row_id] = key
        title = self.tr("Way of {0}").format(self._session.table.label(self._row_id))
        self._session.set_spec(replace(self._session.spec, routes=routes), title)

    def _refuse(self, key: str) -> None:
        before = self._session.spec.routes.get(self._row_id, "")
        kept = before if before.startswith("!") else ""
        self._choose(f"{kept} !{key}".strip())

    def _ask_calculator(self) -> None:
        self.calculator_asked.emit(self._row_id)
        self.accept()


def _told(step: StudyStep) -> list[str]:
    """What a step says besides its cells, each sentence once."""
    return list(dict.fromkeys(filter(None, (*step.told, *(c.how for c in step.cells)))))


def answer_words(effect: float, lower: float, upper: float) -> str:
    """An effect with its interval, as papers print it."""
    return f"{fixed(effect, 3)} [{fixed(lower, 3)}, {fixed(upper, 3)}]"


def _words(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        set_role(label, role)
    return label


def _button(words: str, name: str) -> QPushButton:
    button = QPushButton(words)
    button.setObjectName(name)
    button.setAccessibleName(words)
    button.setAutoDefault(False)
    return button


def _card(text: QLabel, kind: str, *buttons: QPushButton, accent: bool = False) -> QFrame:
    card = QFrame()
    set_role(card, f"card-{kind}")
    if accent:
        t = tones()
        card.setStyleSheet(
            f"QFrame {{ background: {t.raised}; border-left: 3px solid {t.accent}; }}"
            " QLabel { border: none; }"
        )
    row = QHBoxLayout(card)
    row.setContentsMargins(12, 8, 12, 8)
    row.setSpacing(8)
    row.addWidget(text, 1)
    side = QVBoxLayout()
    side.setSpacing(4)
    for button in buttons:
        side.addWidget(button)
    side.addStretch(1)
    row.addLayout(side)
    return card
