"""What is measured: the effect measure, chosen among those that the sheet's columns can form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence, QShortcut, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from metadesk.gui.effects.needs import missing_roles
from metadesk.gui.forms import OptionsForm, QuietCombo, tab_after
from metadesk.gui.session import Session
from metadesk.gui.theme import set_role
from metadesk.table import ROLES

if TYPE_CHECKING:
    from metadesk.effects import Measure

LONGEST_TITLE = 22  # characters that the chooser shows behind 'Automatic'


class MeasureBox(QWidget):
    """A chooser with the measure's sentence and options; what cannot be formed says why."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("measureBox")
        self._session = session
        self._shown: tuple[object, ...] = ()
        self._form: OptionsForm | None = None
        self._form_measure = ""
        self.chooser = QuietCombo(self)
        self.chooser.setObjectName("measureChooser")
        self.chooser.setAccessibleName(self.tr("Effect measure"))
        self.chooser.activated.connect(self._choose)
        self.cards_button = QToolButton(self)
        self.cards_button.setObjectName("measureCardsButton")
        self.cards_button.setText(self.tr("All…"))
        self.cards_button.setAccessibleName(self.tr("All measures as cards"))
        self.cards_button.setToolTip(
            self.tr("All measures as cards, with what each is (F1, Ctrl+Shift+M)")
        )
        self.cards_button.clicked.connect(self.show_cards)
        help_key = QShortcut(QKeySequence(Qt.Key.Key_F1), self, self.show_cards)
        help_key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        label = QLabel(self.tr("Effect measure"), self)
        label.setBuddy(self.chooser)
        set_role(label, "field")
        self._sentence = self._words("measureSentence")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        set_role(self.cards_button, "flat")
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(label, 1)
        row.addWidget(self.cards_button)
        self._column.addLayout(row)
        self._column.addWidget(self.chooser)
        self.setTabOrder(self.cards_button, self.chooser)
        self._column.addWidget(self._sentence)
        session.table_changed.connect(self.refresh)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def show_cards(self) -> None:
        """Show the catalogue as cards."""
        from metadesk.gui.effects.cards import MeasureCards

        cards = MeasureCards(self._session, self.window())
        cards.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        cards.open()

    def _words(self, name: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setWordWrap(True)
        set_role(label, "muted")
        return label

    def refresh(self) -> None:
        """Show which measures are possible now, and the one that is chosen."""
        from metadesk.analysis.suggest import suggest_measure

        table, spec = self._session.table, self._session.spec
        roles = {**table.roles, **spec.roles}
        suggestion = suggest_measure(roles, table, spec.outcome_meant)
        options = tuple(spec.measure_options.items())
        now = (tuple(sorted(roles.items())), spec.measure, options, suggestion.reason)
        if now == self._shown:
            return
        self._shown = now
        self._fill(set(roles), suggestion.measure)
        chosen = spec.measure or suggestion.measure
        self._show_words(chosen, "" if spec.measure else suggestion.reason)
        counts = bool(chosen) and options_matter(chosen, set(roles))
        self._show_form(chosen if counts else "", {**suggestion.options, **spec.measure_options})

    def _fill(self, have: set[str], suggested: str) -> None:
        from metadesk.effects import MEASURES

        model = QStandardItemModel(self)
        found = MEASURES[suggested] if suggested else None
        automatic = QStandardItem(
            self.tr("Automatic: {0}").format(_short_name(found)) if found else self.tr("Automatic")
        )
        automatic.setToolTip(_name(found) if found else "")
        automatic.setData("", Qt.ItemDataRole.UserRole)
        model.appendRow(automatic)
        # those that can be formed come first, each part in the order of the catalogue
        for measure in sorted(MEASURES, key=lambda m: bool(missing_roles(m, have))):
            item = QStandardItem(_name(measure))
            item.setData(measure.key, Qt.ItemDataRole.UserRole)
            lacking = missing_roles(measure, have)
            item.setEnabled(not lacking)
            item.setToolTip(
                _why_not(lacking) if lacking else f"{measure.sentence}\n{measure.formula}"
            )
            model.appendRow(item)
        with QSignalBlocker(self.chooser):
            self.chooser.setModel(model)
            at = self.chooser.findData(self._session.spec.measure)
            self.chooser.setCurrentIndex(max(at, 0))
            self.chooser.setToolTip(str(self.chooser.currentData(Qt.ItemDataRole.ToolTipRole)))

    def _show_words(self, key: str, reason: str) -> None:
        from metadesk.effects import MEASURES

        if not key:
            self._sentence.setText(reason)
            return
        measure = MEASURES[key]
        self._sentence.setText("\n".join(filter(None, (measure.sentence, reason))))
        self._sentence.setToolTip(f"{measure.formula}\n{measure.citation.full}")

    def _show_form(self, key: str, options: dict[str, Any]) -> None:
        from metadesk.effects import MEASURES
        from metadesk.options import options_of

        if key == self._form_measure and self._form is not None:
            self._form.show_values(options)
            return
        if self._form is not None:
            self._form.hide()
            self._form.deleteLater()
            self._form = None
        self._form_measure = key
        if not key or not options_of(MEASURES[key].options):
            return
        self._form = OptionsForm(
            MEASURES[key].options, options, name="measureForm",
            advanced_title=self.tr("More about the measure"),
        )  # fmt: skip
        self._form.changed.connect(self._set_option)
        self._form.rejected.connect(self._session.message)
        self._column.addWidget(self._form)
        tab_after(self.chooser, self._form)

    def _choose(self) -> None:
        from metadesk.effects import MEASURES

        key = str(self.chooser.currentData())
        spec = self._session.spec
        if key == spec.measure:
            return
        name = MEASURES[key].title if key else self.tr("automatic")
        self._session.set_spec(
            replace(spec, measure=key, measure_options={}), self.tr("Measure: {0}").format(name)
        )

    def _set_option(self, name: str, value: object) -> None:
        spec = self._session.spec
        options = {**spec.measure_options, name: value}
        title = self.tr("Option of the measure: {0}").format(name)
        self._session.set_spec(replace(spec, measure_options=options), title)


def _name(measure: Measure) -> str:
    return f"{measure.title} ({measure.key})"


def _short_name(measure: Measure) -> str:
    """A name that is not cut in the chooser; the sentence below it says the rest."""
    return measure.key if len(measure.title) > LONGEST_TITLE else _name(measure)


def options_matter(key: str, have: set[str]) -> bool:
    """Whether the options of a measure can change anything.

    They speak of how raw data become an effect; where a sheet only reports estimates of a measure
    that could be worked out from raw data, there is nothing to choose.
    """
    from metadesk.effects import MEASURES

    raw = [route for route in MEASURES[key].routes if route.source == "raw"]
    return not raw or any(have.issuperset(route.roles) for route in raw)


def _why_not(lacking: tuple[str, ...]) -> str:
    titles = [ROLES[role].title if role in ROLES else role for role in lacking]
    return "Needs a column for: " + "; ".join(titles)
