"""The model panel at the left: outcome, model, the model as an equation, advice, words.

The catalogues of measures and models need numpy, so the panel stands empty until :meth:`start`.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from metadesk.errors import MetadeskError
from metadesk.gui.forms import Section
from metadesk.gui.results.notes import NoteList
from metadesk.gui.session import Session
from metadesk.gui.setup.compare_box import CompareBox
from metadesk.gui.setup.dependence_box import DependenceBox
from metadesk.gui.setup.measure_box import MeasureBox
from metadesk.gui.setup.model_box import ModelBox
from metadesk.gui.setup.moderator_box import ModeratorBox
from metadesk.gui.setup.outcome_box import OutcomeBox
from metadesk.gui.setup.question_box import PredictBox
from metadesk.gui.setup.subgroup_box import SubgroupBox
from metadesk.gui.setup.tests_box import TestsBox
from metadesk.gui.setup.words_box import WordsBox
from metadesk.gui.theme import panel_css, set_role, tones

WIDTH = 312
AT_THE_CHOICE = ("A2", "B13", "E1")  # advice about the choice itself stands beside it


class SetupPanel(QScrollArea):
    """Shows the request and changes it; knows the session and no other panel."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("setupPanel")
        self.setAccessibleName(self.tr("Model panel"))
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(264)
        self._session = session
        self._ready = False
        self._advised: object = None
        body = QWidget(self)
        body.setObjectName("setupBody")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(16, 12, 16, 16)
        self._column.setSpacing(16)
        self._equation = EquationBox(body)
        self._advice = NoteList("adviceNotes", body)
        self._column.addStretch(1)
        self.setWidget(body)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Slim: the sheet and the plot are what matters."""
        return QSize(WIDTH, 600)

    def restyle(self) -> None:
        """Take the colours of the palette in force."""
        self.setStyleSheet(panel_css(tones()))
        self._advised = None
        if self._ready:
            self._show_advice()

    def start(self) -> None:
        """Fill the panel from the catalogues, which are loaded now."""
        session = self._session
        self._measure = MeasureBox(session)
        self._model = ModelBox(session)
        outcome = Section(self.tr("Outcome"), "outcomeSection")
        outcome.column.addWidget(OutcomeBox(session))
        outcome.column.addWidget(self._measure)
        outcome.column.addWidget(DependenceBox(session, outcome))
        model = Section(self.tr("Model"), "modelSection")
        model.column.addWidget(self._model)
        words = Section(self.tr("Words"), "wordsSection", opened=False)
        words.column.addWidget(WordsBox(session))
        meaning = Section(self.tr("What this model says"), "equationSection")
        meaning.column.addWidget(self._equation)
        advice = Section(self.tr("Advice"), "adviceSection")
        advice.column.addWidget(self._advice)
        explain = Section(self.tr("Moderators"), "moderatorSection")
        explain.column.addWidget(ModeratorBox(session))
        self._scale = Section(self.tr("What explains the spread"), "scaleSection")
        self._scale.column.addWidget(ModeratorBox(session, part="scale"))
        explain.column.addWidget(self._scale)
        explain.column.addWidget(PredictBox(session))
        self._explain = explain
        tests = Section(self.tr("Tests"), "testsSection", opened=False)
        tests.column.addWidget(TestsBox(session))
        groups = Section(self.tr("Subgroups"), "subgroupSection")
        groups.column.addWidget(SubgroupBox(session))
        beside = Section(self.tr("Models side by side"), "compareSection", opened=False)
        beside.column.addWidget(CompareBox(session))
        self._advice_section = advice
        order = (outcome, model, explain, groups, tests, meaning, advice, beside, words)
        for at, section in enumerate(order):
            self._column.insertWidget(at, section)
        self._ready = True
        session.spec_changed.connect(self._show_equation)
        session.spec_changed.connect(self._show_moderators)
        session.table_changed.connect(self._show_equation)
        session.result_changed.connect(self._show_advice)
        self._show_equation()
        self._show_moderators()
        self._show_advice()

    def _show_moderators(self) -> None:
        """Moderators are asked for where the model reads them."""
        from metadesk.models.meta import MODELS

        model = self._session.spec.model
        known = model in MODELS
        self._explain.setVisible(known and MODELS[model].explains)
        self._scale.setVisible(known and MODELS[model].reads == "scale")

    def _show_equation(self) -> None:
        from metadesk.advice.equation import model_in_words

        try:
            words = model_in_words(self._session.spec, self._session.table)
        except MetadeskError as problem:
            self._equation.say(str(problem))
            return
        self._equation.show_words(words.equation, words.legend, words.assumption, words.question)

    def _show_advice(self) -> None:
        from metadesk.advice.advise import advise

        result = self._session.result
        if result is not None and result is self._advised:
            return
        self._advised = result
        notes = advise(result) if result is not None and result.main is not None else ()
        at_the_choice = tuple(note for note in notes if note.code in AT_THE_CHOICE)
        others = tuple(note for note in notes if note.code not in AT_THE_CHOICE)
        self._model.show_cautions(at_the_choice)
        self._advice.show_notes(others)
        self._advice_section.setVisible(bool(others))


class EquationBox(QFrame):
    """The occurrence equation in the words of the sheet, what it assumes and what it answers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("equationBox")
        set_role(self, "equation")
        self._equation = self._label("equation", "")
        self._legend = self._label("equationLegend", "muted")
        self._assumption = self._label("assumption", "")
        self._question = self._label("question", "")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        for label in (self._equation, self._legend, self._assumption, self._question):
            column.addWidget(label)

    def _label(self, name: str, role: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.RichText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        set_role(label, role)
        return label

    def show_words(
        self, equation: str, legend: tuple[str, ...], assumption: str, question: str
    ) -> None:
        """Show the model in words."""
        self._equation.setText(f"<div style='font-size: large'>{equation}</div>")
        self._legend.setText("<br>".join(legend))
        self._assumption.setText(self.tr("<b>Assumes:</b> {0}").format(assumption))
        self._question.setText(self.tr("<b>Answers:</b> {0}").format(question))
        for label in (self._legend, self._assumption, self._question):
            label.show()

    def say(self, sentence: str) -> None:
        """Say why there is no equation."""
        self._equation.setText(sentence)
        for label in (self._legend, self._assumption, self._question):
            label.hide()
