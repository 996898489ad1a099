"""The words of an equation: what the sheet calls things, and its moderators as terms."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from metadesk.models.meta.design import Continuous, Factor, Interaction, Term
from metadesk.models.meta.formula import Formula


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


def moderated(sheet: Words, formula: Formula) -> Written:
    """The part that is the same for all studies of one kind, and what its letters mean."""
    terms = formula.terms
    if not terms:
        return "<b>μ</b>", (f"<b>μ</b>: average {sheet.effect} over studies like these",)
    parts: list[str] = []
    legend: list[str] = []
    if formula.intercept:
        parts.append("<b>β</b><sub>0</sub>")
        legend.append(
            f"<b>β</b><sub>0</sub>: average {sheet.effect} where all moderators are at zero or at "
            "their reference"
        )
    for i, term in enumerate(terms, 1):
        letter = f"<b>β</b><sub>{i}</sub>"
        parts.append(f"{letter}·{term_words(term)}")
        legend.append(f"{letter}: {term_meaning(term, sheet.effect, full=not formula.intercept)}")
    return " + ".join(parts), tuple(legend)


def term_words(term: Term) -> str:
    """A term as it stands in the equation; categories in square brackets."""
    match term:
        case Interaction(parts=parts):
            return "·".join(term_words(part) for part in parts)
        case Continuous(column=column, power=power, centre=centre):
            name = escape(column)
            if centre is not None:
                shift = "mean" if centre == "mean" else f"{float(centre):g}"
                name = f"({name} − {shift})"
            return name if power == 1 else f"{name}<sup>{power}</sup>"
        case Factor(column=column):
            return f"[{escape(column)}]"


def term_meaning(term: Term, effect: str, *, full: bool = False) -> str:
    """What a coefficient says; ``full``: without an intercept a factor tells every level's mean."""
    match term:
        case Interaction(parts=parts):
            first, *others = (escape(part.column) for part in parts)
            return f"how the effect of {first} changes with {' and '.join(others)}"
        case Factor(column=column) if full:
            return f"average {effect} at each level of {escape(column)}"
        case Factor(column=column, reference=reference, contrast="treatment"):
            against = f"'{escape(reference)}'" if reference else "the first level"
            return f"each level of {escape(column)} against {against}"
        case Factor(column=column):
            return f"the levels of {escape(column)}, by contrasts"
        case Continuous(column=column, power=1):
            return f"change of the {effect} for one more of {escape(column)}"
        case Continuous(column=column, power=power):
            return f"bend of the line over {escape(column)} (power {power})"


def spread_meaning(term: Term, *, adds: bool = False) -> str:
    """What a coefficient of ln τ² says; of τ² itself where it ``adds``."""
    match term:
        case Continuous(column=column, power=1) if adds:
            return f"with one more of {escape(column)}, so much is added to τ²"
        case Continuous(column=column, power=1):
            return f"with one more of {escape(column)}, τ² is multiplied by its exponential"
        case Factor(column=column):
            return f"how τ² differs between the levels of {escape(column)}"
        case _:
            names = " and ".join(escape(name) for name in term.columns)
            return f"how τ² changes with {names}"
