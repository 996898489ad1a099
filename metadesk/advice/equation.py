"""The occurrence equation: the chosen model in the words of the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from metadesk.analysis.prepare import bound_columns
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.suggest import suggest_measure
from metadesk.effects.measures import MEASURES
from metadesk.models.meta import MODELS
from metadesk.table import StudyTable


@dataclass(frozen=True)
class ModelInWords:
    """The model as a reader meets it: equation (rich text), legend, assumption and question."""

    equation: str
    legend: tuple[str, ...]
    assumption: str
    question: str


def model_in_words(spec: AnalysisSpec, table: StudyTable) -> ModelInWords:
    """Write the model that ``spec`` chooses with the names of the sheet's own columns."""
    entry = MODELS[spec.model]
    bound = {role: column.name for role, column in bound_columns(spec, table).items()}
    key = spec.measure or suggest_measure(bound, table).measure
    effect = _effect_words(key)
    study = escape(bound.get("study", "study"))
    left = f"{effect}<sub>{study}</sub>"
    moderators = _moderator_words(spec.moderators)
    sources = _sources(key, bound)
    error = (
        f"<b>e</b>: chance, its variance known from {sources}"
        if sources
        else "<b>e</b>: chance, its variance known from the study"
    )
    if entry.family == "fixed":
        parts, legend = ["<b>θ</b>"], [f"<b>θ</b>: the one true {effect} of all studies"]
    else:
        parts = ["<b>μ</b>", *moderators, "<b>u</b>"]
        mean = "average" if not moderators else "intercept: average"
        legend = [
            f"<b>μ</b>: {mean} {effect} over studies like these",
            "<b>u</b>: how far the true effect of one study lies from it, variance τ²",
        ]
        legend[1:1] = [f"{word}: how the effect changes with it" for word in moderators]
    equation = f"{left} = {' + '.join([*parts, '<b>e</b>'])}"
    return ModelInWords(equation, (*legend, error), entry.assumption, entry.question)


def equation(spec: AnalysisSpec, table: StudyTable) -> str:
    """Write equation and legend as rich text."""
    words = model_in_words(spec, table)
    return f"<p>{words.equation}</p><p>{'<br>'.join(words.legend)}</p>"


def _effect_words(key: str) -> str:
    if not key:
        return "effect"
    measure = MEASURES[key]
    return f"log {measure.short}" if measure.scale.key == "log" else escape(measure.short)


def _moderator_words(formula: str) -> list[str]:
    terms = formula.replace("~", "").split("+")
    return [
        f"<b>β</b>·{escape(term.strip())}" for term in terms if term.strip() not in ("", "1", "0")
    ]


def _sources(key: str, bound: dict[str, str]) -> str:
    """The columns from which the sampling variance comes."""
    if not key:
        return ""
    names = [bound[role] for role in MEASURES[key].roles if role in bound]
    shown = ", ".join(escape(name) for name in names[:6])
    return shown + (" …" if len(names) > 6 else "")
