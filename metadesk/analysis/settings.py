"""Every choice that shaped the numbers, in words: the settings sheet and the methods text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metadesk import __version__
from metadesk.analysis.covariances import Dependence
from metadesk.analysis.plain import PlainChoice
from metadesk.analysis.presets import PRESETS
from metadesk.analysis.result import Setting
from metadesk.analysis.testing import Testing
from metadesk.effects.measures import MEASURES
from metadesk.models import FitResult
from metadesk.models.meta import MODELS
from metadesk.options import Option, from_plain, options_of
from metadesk.table import NOT_A_STUDY

if TYPE_CHECKING:
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.spec import AnalysisSpec


def settings_of(prepared: Prepared, main: FitResult) -> tuple[Setting, ...]:
    """List measure, model and their options, the rows used, and the program's version."""
    spec = prepared.spec
    rows: list[Setting] = []
    if prepared.measure:
        entry = MEASURES[prepared.measure]
        rows.append(Setting("measure", "Effect measure", f"{entry.title} ({entry.key})"))
        rows += _options("measure", entry.options, spec.measure_options)
    model = MODELS[spec.model]
    rows.append(Setting("model", "Model", model.title))
    rows.append(Setting("method", "Method", main.method))
    known = {option.name for option in options_of(model.options)}
    level = {"level": spec.level} if "level" in known else {}
    rows += _options("model", model.options, {**spec.model_options, **level})
    rows += _questions(spec)
    rows += _blocks(spec)
    if main.weights_meaning:
        rows.append(Setting("weights", "What a weight means", main.weights_meaning))
    if spec.preset in PRESETS:
        rows.append(Setting("preset", "Preset", PRESETS[spec.preset].title))
    listed = [s for s in prepared.studies if s.listed]
    used, notes = sum(s.used for s in listed), sum(s.reason in NOT_A_STUDY for s in listed)
    rows.append(Setting("rows", "Rows used", _rows_used(used, len(listed) - notes, notes)))
    if prepared.outcome:
        rows.append(Setting("outcome", "Outcome", prepared.outcome))
    rows.append(Setting("sheet", "Sheet", prepared.table.name))
    if prepared.table.source:
        rows.append(Setting("source", "File", prepared.table.source))
    rows.append(Setting("fingerprint", "Fingerprint of spec and data", prepared.fingerprint))
    rows.append(Setting("version", "Made with", f"metadesk {__version__}"))
    return tuple(rows)


def _rows_used(used: int, studies: int, notes: int) -> str:
    """How many of the studies' rows were used; notes and totals of the sheet are none of them."""
    said = f"{used} of {studies}"
    if not notes:
        return said
    return f"{said}; {'1 row holds' if notes == 1 else f'{notes} rows hold'} notes or totals"


def _questions(spec: AnalysisSpec) -> list[Setting]:
    """What was asked of the model beyond its own options."""
    together = "; ".join(" and ".join(words) for words in spec.test_together)
    places = "; ".join(
        ", ".join(f"{name} = {value}" for name, value in place.items()) for place in spec.predict_at
    )
    shared = (
        "all groups share one τ²" if spec.subgroup_tau2 == "common" else "each group its own τ²"
    )
    explains = MODELS[spec.model].explains
    rows = [
        Setting("moderators", "Moderators", spec.moderators if explains else ""),
        Setting("scale", "Moderators of the spread", _scale_of(spec)),
        Setting("subgroup", "Subgroups by", f"{spec.subgroup}, {shared}" if spec.subgroup else ""),
        Setting("test_together", "Tested together", together),
        Setting("predict_at", "Predictions at", places),
        Setting("permutations", "Permutations", f"{spec.permutations or ''}"),
    ]
    return [row for row in rows if row.value]


def _scale_of(spec: AnalysisSpec) -> str:
    return spec.scale if MODELS[spec.model].reads == "scale" else ""


def _blocks(spec: AnalysisSpec) -> list[Setting]:
    """What was chosen about several effects of a study and about plain numbers, where anything."""
    rows: list[Setting] = []
    if spec.dependence.get("use", "none") != "none":
        rows += [s for s in _options("dependence", Dependence, spec.dependence) if s.value]
    if spec.tests:
        rows += _options("tests", Testing, spec.tests)
    if spec.plain:
        rows += [s for s in _options("plain", PlainChoice, spec.plain) if s.value]
    return rows


def _options(prefix: str, family: type[Any], given: Any) -> list[Setting]:
    chosen = from_plain(family, given)
    return [
        Setting(f"{prefix}.{o.name}", o.title, in_words(o, getattr(chosen, o.name)))
        for o in options_of(family)
        if getattr(chosen, o.name) is not None
    ]


def in_words(option: Option, value: Any) -> str:
    """The value of an option as a person reads it."""
    if option.kind == "choice":
        return str(option.choices[value])
    if option.kind == "flag":
        return "yes" if value else "no"
    if option.name == "level":
        return f"{100 * value:g}%"
    if isinstance(value, tuple):
        return ", ".join(f"{v:g}" for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
