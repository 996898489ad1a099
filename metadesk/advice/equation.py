"""The occurrence equation: the chosen model in the words of the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from metadesk.advice.equation_counts import counts_in_words
from metadesk.advice.equation_levels import levels_in_words
from metadesk.advice.equation_terms import Words, Written, moderated, spread_meaning, term_words
from metadesk.analysis.dependence import dependence_of
from metadesk.analysis.prepare import bound_columns
from metadesk.analysis.readers import worded
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.suggest import suggest_measure
from metadesk.effects.measures import MEASURES
from metadesk.models.meta import MODELS
from metadesk.models.meta.formula import Formula, parse_formula
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
    entry, options = MODELS[spec.model], spec.model_options
    bound = {role: column.name for role, column in bound_columns(spec, table).items()}
    key = spec.measure or suggest_measure(bound, table, spec.outcome).measure
    sheet = Words(_effect_words(key), escape(bound.get("study", "study")), _sources(key, bound))
    mean = _formula(spec.moderators if entry.explains else "", table)
    match entry.reads:
        case "two-arms":
            equation, legend = _tables(sheet, entry.key)
        case "counts":
            equation, legend = counts_in_words(sheet, entry.key, key, options, mean)
        case "levels":
            equation, legend = levels_in_words(
                sheet, mean, str(options.get("random", "1 | study/effect")),
                str(options.get("structure", "CS")),
                correlated=dependence_of(spec.dependence).use == "keep",
            )  # fmt: skip
        case "moderators":
            equation, legend = _explained(sheet, mean, fixed=options.get("tau2") == "none")
        case "scale":
            adds = options.get("link") == "identity"
            equation, legend = _spread_explained(
                sheet, mean, _formula(spec.scale, table), adds=adds
            )
        case _:
            equation, legend = _pooled(sheet, entry.family == "fixed")
            if entry.key == "hc":
                legend = (*legend, "the average is taken with the weights of a fixed effect")
    return ModelInWords(equation, legend, entry.assumption, entry.question)


def _pooled(sheet: Words, fixed: bool) -> Written:
    if fixed:
        one = f"<b>θ</b>: the one true {sheet.effect} of all studies"
        return f"{sheet.left} = <b>θ</b> + <b>e</b>", (one, sheet.error)
    return f"{sheet.left} = <b>μ</b> + <b>u</b> + <b>e</b>", (
        f"<b>μ</b>: average {sheet.effect} over studies like these",
        "<b>u</b>: how far the true effect of one study lies from it, variance τ²",
        sheet.error,
    )


def _explained(sheet: Words, formula: Formula, *, fixed: bool) -> Written:
    right, legend = moderated(sheet, formula)
    if fixed:
        return f"{sheet.left} = {right} + <b>e</b>", (*legend, sheet.error)
    rest = "<b>u</b>: what the moderators do not explain, variance τ² (residual)"
    return f"{sheet.left} = {right} + <b>u</b> + <b>e</b>", (*legend, rest, sheet.error)


def _spread_explained(sheet: Words, formula: Formula, spread: Formula, *, adds: bool) -> Written:
    """Two lines: the mean, and the variance of what is left, or its logarithm."""
    right, legend = moderated(sheet, formula)
    tau2 = f"τ²<sub>{sheet.study}</sub>"
    parts = ["<b>α</b><sub>0</sub>"] if spread.intercept else []
    lines = [f"<b>u</b>: how far the true effect of a study lies from that, variance {tau2}"]
    for i, term in enumerate(spread.terms, 1):
        letter = f"<b>α</b><sub>{i}</sub>"
        parts.append(f"{letter}·{term_words(term)}")
        lines.append(f"{letter}: {spread_meaning(term, adds=adds)}")
    line = f"{tau2 if adds else f'ln {tau2}'} = {' + '.join(parts)}"
    if adds:
        lines.append(f"no {tau2} may be below 0")
    equation = f"{sheet.left} = {right} + <b>u</b> + <b>e</b><br>{line}"
    return equation, (*legend, *lines, sheet.error)


def _tables(sheet: Words, model: str) -> Written:
    """Sums over the studies' tables."""
    if model == "peto":
        return f"{sheet.effect} = <b>Σ</b> (O − E) ÷ <b>Σ</b> V", (
            "O: events seen in the first group of a study",
            f"E, V: what chance alone would give, and its variance, from {sheet.sources}",
            f"<b>Σ</b>: over every {sheet.study}; nothing is added to zero cells",
        )
    plain = sheet.effect.removeprefix("log ")
    return f"{plain} = <b>Σ</b> R ÷ <b>Σ</b> S", (
        f"R, S: the two sides of the {plain} in one table, from {sheet.sources}, weighed by its "
        "size",
        f"<b>Σ</b>: over every {sheet.study}; a zero cell needs no correction",
    )


def _formula(words: str, table: StudyTable) -> Formula:
    return parse_formula(words or "~ 1", worded(table))


def equation(spec: AnalysisSpec, table: StudyTable) -> str:
    """Write equation and legend as rich text."""
    words = model_in_words(spec, table)
    return f"<p>{words.equation}</p><p>{'<br>'.join(words.legend)}</p>"


def _effect_words(key: str) -> str:
    if not key:
        return "effect"
    measure = MEASURES[key]
    return f"log {measure.short}" if measure.scale.key == "log" else escape(measure.short)


def _sources(key: str, bound: dict[str, str]) -> str:
    """The columns from which the sampling variance comes."""
    if not key:
        return ""
    names = [bound[role] for role in MEASURES[key].roles if role in bound]
    shown = ", ".join(escape(name) for name in names[:6])
    return shown + (" …" if len(names) > 6 else "")
