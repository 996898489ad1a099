"""The occurrence equation: the chosen model in the words of the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from metadesk.analysis.prepare import bound_columns
from metadesk.analysis.readers import worded
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.suggest import suggest_measure
from metadesk.effects.measures import MEASURES
from metadesk.models.meta import MODELS
from metadesk.models.meta.design import Continuous, Factor, Interaction, Term
from metadesk.models.meta.formula import parse_formula
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
    key = spec.measure or suggest_measure(bound, table, spec.outcome).measure
    sheet = Words(_effect_words(key), escape(bound.get("study", "study")), _sources(key, bound))
    match entry.reads:
        case "two-arms":
            equation, legend = _tables(sheet, entry.key)
        case "counts":
            equation, legend = _counts(sheet, entry.key, key)
        case "levels":
            groups = _groupings(str(spec.model_options.get("random", "1 | study/effect")))
            equation, legend = _levels(sheet, _terms(spec, table), groups)
        case "moderators":
            equation, legend = _explained(sheet, _terms(spec, table))
        case _:
            equation, legend = _pooled(sheet, entry.family == "fixed")
    return ModelInWords(equation, legend, entry.assumption, entry.question)


@dataclass(frozen=True)
class Words:
    """What the sheet calls things: the effect, the column of studies, the columns of the data."""

    effect: str
    study: str
    sources: str

    @property
    def left(self) -> str:
        """The observed effect of one study."""
        return f"{self.effect}<sub>{self.study}</sub>"

    @property
    def error(self) -> str:
        """The line of the legend about chance."""
        return f"<b>e</b>: chance, its variance known from {self.sources or 'the study'}"


Written = tuple[str, tuple[str, ...]]


def _pooled(sheet: Words, fixed: bool) -> Written:
    if fixed:
        one = f"<b>θ</b>: the one true {sheet.effect} of all studies"
        return f"{sheet.left} = <b>θ</b> + <b>e</b>", (one, sheet.error)
    return f"{sheet.left} = <b>μ</b> + <b>u</b> + <b>e</b>", (
        f"<b>μ</b>: average {sheet.effect} over studies like these",
        "<b>u</b>: how far the true effect of one study lies from it, variance τ²",
        sheet.error,
    )


def _explained(sheet: Words, terms: tuple[Term, ...]) -> Written:
    right, legend = _moderated(sheet, terms)
    rest = "<b>u</b>: what the moderators do not explain, variance τ² (residual)"
    return f"{sheet.left} = {right} + <b>u</b> + <b>e</b>", (*legend, rest, sheet.error)


def _levels(sheet: Words, terms: tuple[Term, ...], groups: tuple[str, ...]) -> Written:
    right, legend = _moderated(sheet, terms)
    inner = escape(groups[-1])
    random = [f"<b>u</b><sub>{escape(name)}</sub>" for name in groups]
    lines = [
        f"{symbol}: how far one {escape(name)} lies from the {where}, variance σ²<sub>{i}</sub>"
        for i, (symbol, name, where) in enumerate(
            zip(
                random,
                groups,
                ("mean", *(f"mean of its {escape(g)}" for g in groups)),
                strict=False,
            ),
            1,
        )
    ]
    equation = f"{sheet.effect}<sub>{inner}</sub> = {' + '.join([right, *random, '<b>e</b>'])}"
    return equation, (*legend, *lines, sheet.error)


def _moderated(sheet: Words, terms: tuple[Term, ...]) -> tuple[str, tuple[str, ...]]:
    """The part that is the same for all studies of one kind, and what its letters mean."""
    if not terms:
        return "<b>μ</b>", (f"<b>μ</b>: average {sheet.effect} over studies like these",)
    parts, legend = ["<b>β</b><sub>0</sub>"], [
        f"<b>β</b><sub>0</sub>: average {sheet.effect} where all moderators are at zero or at "
        "their reference"
    ]  # fmt: skip
    for i, term in enumerate(terms, 1):
        letter = f"<b>β</b><sub>{i}</sub>"
        parts.append(f"{letter}·{_term_words(term)}")
        legend.append(f"{letter}: {_term_meaning(term, sheet.effect)}")
    return " + ".join(parts), tuple(legend)


def _term_words(term: Term) -> str:
    match term:
        case Interaction(parts=parts):
            return "·".join(_term_words(part) for part in parts)
        case Continuous(column=column, power=power, centre=centre):
            name = escape(column)
            if centre is not None:
                shift = "mean" if centre == "mean" else f"{float(centre):g}"
                name = f"({name} − {shift})"
            return name if power == 1 else f"{name}<sup>{power}</sup>"
        case Factor(column=column):
            return f"[{escape(column)}]"


def _term_meaning(term: Term, effect: str) -> str:
    match term:
        case Interaction(parts=parts):
            first, *others = (escape(part.column) for part in parts)
            return f"how the effect of {first} changes with {' and '.join(others)}"
        case Factor(column=column, reference=reference, contrast="treatment"):
            against = f"'{escape(reference)}'" if reference else "the first level"
            return f"each level of {escape(column)} against {against}"
        case Factor(column=column):
            return f"the levels of {escape(column)}, by contrasts"
        case Continuous(column=column, power=1):
            return f"change of the {effect} for one more of {escape(column)}"
        case Continuous(column=column, power=power):
            return f"bend of the line over {escape(column)} (power {power})"


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


def _counts(sheet: Words, model: str, measure: str) -> Written:
    """Likelihoods of the counts."""
    rate = measure in ("IRR", "IRLN")
    link, what = ("log rate", "Poisson") if rate else ("logit risk", "binomial")
    seen = f"events ({sheet.sources}): {what}, nothing is added to zero cells"
    if measure in ("PLO", "IRLN"):
        mean = f"<b>μ</b>: average {link} over studies like these"
        spread = "<b>u</b>: how far one study lies from it, variance τ²"
        return f"{link}<sub>{sheet.study}</sub> = <b>μ</b> + <b>u</b>", (mean, spread, seen)
    shared = model == "firth"
    slope = "<b>θ</b>" if shared else "(<b>μ</b> + <b>u</b>)"
    base = f"<b>α</b><sub>{sheet.study}</sub>"
    legend = [f"{base}: the level of the study itself"]
    if model == "beta-binomial":
        base, slope = "<b>α</b>", "<b>μ</b>"
        legend = ["<b>α</b>: the average level of the second group"]
    legend.append(
        f"<b>θ</b>: the one true {sheet.effect} of all studies"
        if shared
        else f"<b>μ</b>: average {sheet.effect}"
    )
    if model == "beta-binomial":
        legend.append("risks vary between studies as a beta distribution")
    elif not shared:
        legend.append("<b>u</b>: how far the true effect of one study lies from it, variance τ²")
    if shared:
        legend.append("a penalty keeps the estimate finite")
    return f"{link} = {base} + {slope}·group", (*legend, seen)


def _terms(spec: AnalysisSpec, table: StudyTable) -> tuple[Term, ...]:
    return parse_formula(spec.moderators or "~ 1", worded(table)).terms


def _groupings(random: str) -> tuple[str, ...]:
    """The groupings of the random effects, the outer one first."""
    found: list[str] = []
    for piece in random.split(";"):
        left, _, right = (part.strip() for part in piece.strip().lstrip("~").partition("|"))
        names = [name.strip() for name in right.split("/")]
        found += names if left in ("", "1") else [*names, left]
    return tuple(name for name in dict.fromkeys(found) if name) or ("study",)


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
