"""The panel for a sheet of trial rows: outcome, model, single persons, what it says, advice."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from metadesk.analysis.trial_idle import NOT_MEASURED
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.gui.forms import OptionsForm, QuietCombo, Section
from metadesk.gui.results.notes import NoteList
from metadesk.gui.session import Session
from metadesk.gui.setup.panel import EquationBox
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.gui.trial.bridge import BridgeDialog
from metadesk.gui.trial.choices import idle_here, outcome_columns, persons, treatments
from metadesk.options import options_of

WIDTH = 312
OUTCOME = ("outcome_type", "transform")
TERMS = ("design", "sequence", "carryover", "baseline", "cycle", "trend", "random", "residual",
         "df", "level", "method", "adjust", "integration")  # fmt: skip
PERSON = ("relevant", "lower_is_better", "washout")
TOLD_IDLE = ("df", "residual")  # choices whose reason stands below them, not in a tip alone
BESIDE = ("companions", "bioequivalence", "widen", "rounded")


class TrialPanel(QScrollArea):
    """Shows the request for trial rows and changes it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trialPanel")
        self.setAccessibleName(self.tr("Panel for trial rows"))
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._session = session
        self._ready = False
        self._forms: list[OptionsForm] = []
        self._combos: dict[str, QuietCombo] = {}
        body = QWidget(self)
        body.setObjectName("setupBody")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(16, 12, 16, 16)
        self._column.setSpacing(16)
        self._design = QLabel(body)
        self._design.setObjectName("trialDesign")
        self._design.setWordWrap(True)
        self._equation = EquationBox(body)
        self._advice = NoteList("trialAdvice", body)
        self._column.addStretch(1)
        self.setWidget(body)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Slim: the sheet and the plot are what matters."""
        return QSize(WIDTH, 600)

    def restyle(self) -> None:
        """Take the colours of the palette in force."""
        self.setStyleSheet(panel_css(tones()))
        if self._ready:
            self._show_result()

    @property
    def ready(self) -> bool:
        """Whether the panel has been filled."""
        return self._ready

    def start(self) -> None:
        """Fill the panel."""
        outcome = Section(self.tr("Outcome and comparison"), "trialOutcomeSection")
        outcome.column.addWidget(self._combo("outcome", self.tr("Outcome column")))
        self._form(outcome, OUTCOME, "trialOutcome")
        outcome.column.addWidget(self._combo("active", self.tr("Treatment of interest")))
        outcome.column.addWidget(self._combo("reference", self.tr("Compared with")))
        design = Section(self.tr("Design"), "trialDesignSection")
        design.column.addWidget(self._design)
        self._wide_words = QLabel(self)
        self._wide_words.setObjectName("trialWideWords")
        self._wide_words.setWordWrap(True)
        self.lengthen = QPushButton(self.tr("One row for each measurement"), self)
        self.lengthen.setObjectName("trialLengthen")
        self.lengthen.setAccessibleName(self.tr("One row for each measurement"))
        self.lengthen.clicked.connect(self._lengthen)
        design.column.addWidget(self._wide_words)
        design.column.addWidget(self.lengthen)
        model = Section(self.tr("Model"), "trialModelSection")
        self._always = QLabel(self)
        self._always.setObjectName("trialAlways")
        self._always.setWordWrap(True)
        set_role(self._always, "muted")
        model.column.addWidget(self._always)
        self._form(model, TERMS, "trialModel")
        self._idle = QLabel(self)
        self._idle.setObjectName("trialIdle")
        self._idle.setWordWrap(True)
        set_role(self._idle, "muted")
        model.column.addWidget(self._idle)
        person = Section(self.tr("Single persons"), "trialPersonSection", opened=False)
        person.column.addWidget(self._combo("patient", self.tr("Person")))
        self._form(person, PERSON, "trialPerson")
        beside = Section(self.tr("Beside it"), "trialBesideSection", opened=False)
        self._form(beside, BESIDE, "trialBeside")
        meaning = Section(self.tr("What this model says"), "trialEquationSection")
        meaning.column.addWidget(self._equation)
        self._advice_section = Section(self.tr("Advice"), "trialAdviceSection")
        self._advice_section.column.addWidget(self._advice)
        onward = Section(self.tr("Into a meta-analysis"), "trialBridgeSection")
        self.send = QPushButton(self.tr("Send the effect as a study…"), self)
        self.send.setObjectName("trialSend")
        self.send.setAccessibleName(self.tr("Send the effect as a study"))
        self.send.clicked.connect(self.open_bridge)
        onward.column.addWidget(self.send)
        sections = (
            outcome, design, model, meaning, self._advice_section, person, beside, onward,
        )  # fmt: skip
        for at, section in enumerate(sections):
            self._column.insertWidget(at, section)
        self._ready = True
        session = self._session
        for signal in (session.spec_changed, session.table_changed, session.prepared_changed):
            signal.connect(self.refresh)
        session.result_changed.connect(self._show_result)
        self.refresh()
        self._show_result()

    def open_bridge(self) -> BridgeDialog:
        """Ask into which sheet the effect goes."""
        dialog = BridgeDialog(self._session, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    # -- building ---------------------------------------------------------------------------------

    def _combo(self, name: str, words: str) -> QWidget:
        box = QWidget(self)
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        combo = QuietCombo(box)
        combo.setObjectName(f"trial-{name}")
        combo.setAccessibleName(words)
        label = QLabel(words, box)
        label.setBuddy(combo)
        set_role(label, "field")
        column.addWidget(label)
        column.addWidget(combo)
        combo.activated.connect(lambda _: self._take(name, str(combo.currentData() or ""), words))
        self._combos[name] = combo
        return box

    def _form(self, section: Section, names: tuple[str, ...], key: str) -> None:
        others = tuple(o.name for o in options_of(TrialSpec) if o.name not in names)
        form = OptionsForm(
            TrialSpec, {}, name=key, leave_out=others, advanced_title=self.tr("More")
        )
        titles = {o.name: o.title for o in options_of(TrialSpec)}
        form.changed.connect(lambda name, value: self._take(name, value, titles[name]))
        form.rejected.connect(self._session.message)
        section.column.addWidget(form)
        self._forms.append(form)

    # -- changing ---------------------------------------------------------------------------------

    def _take(self, name: str, value: Any, title: str) -> None:
        spec = self._session.trial
        if spec is not None:
            changed = replace(spec, **{name: value})
            self._session.set_trial(changed, self.tr("Change {0}").format(title.lower()))

    def _lengthen(self) -> None:
        from metadesk.formats.wide import lengthen, wide_plan

        plan = wide_plan(self._session.table)
        if plan is not None:
            self._session.apply(lengthen(self._session.table, plan))

    def _show_wide(self) -> None:
        """Offer to turn a sheet with one row a person into one row a measurement."""
        from metadesk.formats.wide import wide_plan

        plan = wide_plan(self._session.table)
        self._wide_words.setText(plan.sentence if plan is not None else "")
        for widget in (self._wide_words, self.lengthen):
            widget.setVisible(plan is not None)

    # -- showing ----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the request."""
        spec = self._session.trial
        if not self._ready or spec is None:
            return
        values = {o.name: getattr(spec, o.name) for o in options_of(TrialSpec)}
        for form in self._forms:
            form.show_values(values)
        table = self._session.table
        marked = spec.roles.get("response") or table.roles.get("response", "")
        found = treatments(spec, table)
        automatic = self.tr("automatic")
        self._enable(spec)
        self._fill("outcome", [(marked or self.tr("none marked"), "")], outcome_columns(table),
                   spec.outcome)  # fmt: skip
        for name in ("active", "reference"):
            self._fill(name, [(automatic, "")], found, getattr(spec, name))
        period = "period" in table.roles or "period" in spec.roles
        self._always.setText(
            self.tr("Period and treatment are always in the model.")
            if period
            else self.tr(
                "The treatment is always in the model; so is the period once it is marked."
            )
        )
        self._fill("patient", [(self.tr("all persons"), "")], persons(spec, table), spec.patient)
        self._show_design()
        self._show_wide()

    def _enable(self, spec: TrialSpec) -> None:
        """Only what can change the numbers of this sheet can be changed."""
        idle = idle_here(spec, self._session.table, self._session.trial_prepared)
        for form in self._forms:
            form.set_idle(idle)
        told = [idle[name] for name in TOLD_IDLE if idle.get(name) == NOT_MEASURED[name]]
        self._idle.setText(" ".join(told))
        self._idle.setVisible(bool(told))

    def _fill(
        self, name: str, first: list[tuple[str, str]], names: tuple[str, ...], chosen: str
    ) -> None:
        combo = self._combos[name]
        entries = [*first, *((n, n) for n in names)]
        if chosen and chosen not in names:
            entries.append((chosen, chosen))
        with QSignalBlocker(combo):
            combo.clear()
            for words, key in entries:
                combo.addItem(words, key)
            combo.setCurrentIndex(combo.findData(chosen))

    def _show_design(self) -> None:
        prepared = self._session.trial_prepared
        if prepared is None:
            self._design.setText("")
            return
        if prepared.design is None:
            self._design.setText(prepared.problem)
            return
        d = prepared.design
        lines = [f"<b>{d.title[:1].upper()}{d.title[1:]}</b>"]
        people = self.tr("{0} persons, {1} rows").format(d.n_subjects, d.n_rows)
        lines.append(people if d.n_subjects > 1 else self.tr("{0} rows").format(d.n_rows))
        if d.n_missing:
            lines.append(self.tr("{0} planned periods have no outcome").format(d.n_missing))
        if prepared.roles.period and d.n_subjects > 1:
            can = d.carryover_within
            lines.append(
                self.tr("Carryover can be estimated within persons.")
                if can
                else self.tr("Carryover cannot be told apart within persons.")
            )
        lines += [escape(note.text) for note in prepared.notes]
        self._design.setText("<br>".join(lines))

    def _show_result(self) -> None:
        session = self._session
        spec, result = session.trial, session.trial_result
        if not self._ready or spec is None:
            return
        from metadesk.advice.trials import trial_advice, trial_in_words

        words = trial_in_words(spec, session.table, None if session.stale else result)
        self._equation.show_words(words.equation, words.legend, words.assumption, words.question)
        notes = trial_advice(result) if result is not None and result.effect is not None else ()
        self._advice.show_notes(notes)
        self._advice_section.setVisible(bool(notes))
        self.send.setEnabled(result is not None and result.effect is not None)
        self._show_design()
