"""Which model: the family as clear choices, the preset, and the options of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.analysis.presets import PRESETS
from metadesk.document import Note
from metadesk.gui.forms import OptionsForm, QuietCombo, QuietDoubleSpin, tab_after
from metadesk.gui.session import Session
from metadesk.gui.setup.families_box import FamiliesBox
from metadesk.gui.theme import set_role


class ModelBox(QWidget):
    """The model part of the request."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("modelBox")
        self._session = session
        self._form: OptionsForm | None = None
        self._form_model = ""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self.families = FamiliesBox(session, self)
        self.families.chosen.connect(self._choose)
        self._column.addWidget(self.families)
        self._column.addSpacing(8)
        self.preset = self._add_preset()
        self._preset_words = QLabel(self)
        self._preset_words.setObjectName("presetSentence")
        self._preset_words.setWordWrap(True)
        set_role(self._preset_words, "muted")
        self._column.addWidget(self._preset_words)
        self._column.addSpacing(4)
        self.level = self._add_level()
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def radio(self, model: str) -> QRadioButton:
        """The button of one model."""
        return self.families.radio(model)

    def show_cautions(self, notes: Sequence[Note]) -> None:
        """Show what speaks against the chosen model right under the choice."""
        self.families.show_cautions(notes)

    def refresh(self) -> None:
        """Show what the request says."""
        spec = self._session.spec
        held = next((p for p in PRESETS if p.holds(spec)), None)
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(held.key if held else ""))
        self._preset_words.setText(
            held.sentence if held else self.tr("Your own choice of options.")
        )
        with QSignalBlocker(self.level):
            self.level.setValue(spec.level * 100)
        self._show_form()

    def _field(self, title: str, widget: QWidget, name: str) -> None:
        label = QLabel(title, self)
        label.setBuddy(widget)
        set_role(label, "field")
        widget.setObjectName(name)
        widget.setAccessibleName(title)
        self._column.addWidget(label)
        self._column.addWidget(widget)

    def _add_preset(self) -> QuietCombo:
        combo = QuietCombo(self)
        for preset in PRESETS:
            combo.addItem(preset.title, preset.key)
        combo.addItem(self.tr("Own choice"), "")
        combo.activated.connect(self._choose_preset)
        self._field(self.tr("Preset"), combo, "presetChooser")
        return combo

    def _add_level(self) -> QDoubleSpinBox:
        spin = QuietDoubleSpin(self)
        spin.setKeyboardTracking(False)
        spin.setRange(50.0, 99.99)
        spin.setDecimals(2)
        spin.setSuffix(" %")
        spin.setSingleStep(1.0)
        spin.setMinimumHeight(self.fontMetrics().height() + 10)
        spin.valueChanged.connect(self._set_level)
        self._field(self.tr("Confidence level"), spin, "confidenceLevel")
        return spin

    def _show_form(self) -> None:
        from metadesk.models.meta import MODELS

        spec = self._session.spec
        if self._form is not None and self._form_model == spec.model:
            self._form.show_values(spec.model_options)
            return
        if self._form is not None:
            self._form.hide()
            self._form.deleteLater()
        self._form_model = spec.model
        self._form = OptionsForm(
            MODELS[spec.model].options,
            spec.model_options,
            name="modelForm",
            leave_out=("level",),
            advanced_title=self.tr("More about the model"),
        )
        self._form.changed.connect(self._set_option)
        self._form.rejected.connect(self._session.message)
        self._column.addWidget(self._form)
        tab_after(self.level, self._form)

    def _choose(self, key: str) -> None:
        from metadesk.models.meta import MODELS

        spec, entry = self._session.spec, MODELS[key]
        if entry.key == spec.model:
            return
        title = self.tr("Model: {0}").format(entry.title)
        # going back to a preset's model means the preset: its options were never doubted
        default = next((p for p in PRESETS if p.model == entry.key), None)
        changed = replace(spec, model=entry.key, model_options={}, preset="")
        self._session.set_spec(default.apply(changed) if default else changed, title)

    def _choose_preset(self) -> None:
        key = str(self.preset.currentData())
        if key:
            preset = PRESETS[key]
            title = self.tr("Preset: {0}").format(preset.title)
            self._session.set_spec(preset.apply(self._session.spec), title)
        else:
            self.refresh()

    def _set_level(self, percent: float) -> None:
        title = self.tr("Confidence level: {0} %").format(f"{percent:g}")
        self._session.set_spec(replace(self._session.spec, level=round(percent, 2) / 100), title)

    def _set_option(self, name: str, value: object) -> None:
        from metadesk.models.meta import MODELS
        from metadesk.options import options_of

        spec = self._session.spec
        words = next(o.title for o in options_of(MODELS[spec.model].options) if o.name == name)
        self._session.set_spec(
            spec.with_options(**{name: value}), self.tr("Model option: {0}").format(words)
        )
