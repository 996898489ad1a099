"""Which model: the family as clear choices, the preset, and the options of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.analysis.presets import PRESETS
from metadesk.document import Note
from metadesk.gui.forms import OptionsForm, QuietCombo, QuietDoubleSpin
from metadesk.gui.results.notes import NoteList
from metadesk.gui.session import Session
from metadesk.gui.theme import set_role

if TYPE_CHECKING:
    from metadesk.models.meta import StudyModel


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
        self._families = QButtonGroup(self)
        self._radios: dict[str, QRadioButton] = {}
        for entry in offered_models():
            self._add_family(entry)
        self._caution = NoteList("modelCaution", self)
        self._column.addWidget(self._caution)
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
        return self._radios[model]

    def show_cautions(self, notes: Sequence[Note]) -> None:
        """Show what speaks against the chosen model right under the choice."""
        self._caution.show_notes(notes)

    def refresh(self) -> None:
        """Show what the request says."""
        spec = self._session.spec
        if (radio := self._radios.get(spec.model)) is not None:
            radio.setChecked(True)
        held = next((p for p in PRESETS if p.holds(spec)), None)
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(held.key if held else ""))
        self._preset_words.setText(
            held.sentence if held else self.tr("Your own choice of options.")
        )
        with QSignalBlocker(self.level):
            self.level.setValue(spec.level * 100)
        self._show_form()

    def _add_family(self, entry: StudyModel) -> None:
        radio = QRadioButton(entry.title, self)
        radio.setObjectName(f"model-{entry.key}")
        radio.setAccessibleName(entry.title)
        radio.setAccessibleDescription(entry.sentence)
        radio.setToolTip(entry.assumption)
        radio.clicked.connect(lambda: self._choose(entry))
        self._families.addButton(radio)
        self._radios[entry.key] = radio
        words = QLabel(entry.sentence, self)
        words.setWordWrap(True)
        words.setContentsMargins(22, 0, 0, 4)
        set_role(words, "muted")
        self._column.addWidget(radio)
        self._column.addWidget(words)

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

    def _choose(self, entry: StudyModel) -> None:
        spec = self._session.spec
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


def offered_models() -> tuple[StudyModel, ...]:
    """The models that need nothing but the sheet's effects; random effects stands first."""
    from metadesk.models.meta import MODELS

    offered = [m for m in MODELS if m.reads == "effects" and not m.advanced]
    return tuple(sorted(offered, key=lambda m: m.family != "random"))
