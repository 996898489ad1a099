"""The equation of dependent effects: a letter for every random effect, and how they go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from metadesk.advice.equation_terms import Words, Written, moderated
from metadesk.models.meta.formula import Formula
from metadesk.models.meta.multilevel.fit import read_random
from metadesk.models.meta.multilevel.structures import InnerOuter, Intercepts, RandomTerm

TOGETHER: Mapping[str, str] = {
    "CS": "one variance τ², one correlation ρ between any two {inner} of a {outer}",
    "HCS": "a variance τ² for every {inner}, one correlation ρ between any two",
    "UN": "a variance τ² for every {inner}, a correlation ρ for every pair of them",
    "DIAG": "a variance τ² for every {inner}, no correlation",
    "ID": "one variance τ², no correlation",
    "AR": "one variance τ²; the correlation ρ of neighbours gets weaker with every step of {inner}",
    "HAR": "a variance τ² for every {inner}; the correlation ρ of neighbours gets weaker with "
    "every step",
    "CAR": "one variance τ²; the correlation ρ at one unit of {inner} gets weaker with distance",
}
"""How the random effects of one group go together, by structure."""


def levels_in_words(
    sheet: Words, formula: Formula, random: str, structure: str, *, correlated: bool
) -> Written:
    """Write the model of nested or correlated random effects."""
    right, legend = moderated(sheet, formula)
    terms = read_random(random, structure)
    pieces = [piece for term in terms for piece in _pieces(term)]
    left = f"{sheet.effect}<sub>{escape(_row_name(terms))}</sub>"
    equation = f"{left} = {' + '.join([right, *(symbol for symbol, _ in pieces), '<b>e</b>'])}"
    numbered = [f"{symbol}: {words}" for symbol, words in pieces]
    error = sheet.error
    if correlated:
        error = f"{error}; correlated within a study, as described"
    return equation, (*legend, *numbered, error)


def _pieces(term: RandomTerm) -> Iterator[tuple[str, str]]:
    """Symbol and meaning of every random effect of a term."""
    if isinstance(term, InnerOuter):
        inner, outer = escape(term.inner), escape(term.outer)
        words = TOGETHER[term.structure].format(inner=inner, outer=outer)
        yield (
            f"<b>u</b><sub>{inner} in {outer}</sub>",
            f"how far one {inner} of a {outer} lies from the mean; {words}",
        )
        return
    above = "the mean"
    for name in term.nested:
        word = escape(name)
        yield f"<b>u</b><sub>{word}</sub>", f"how far one {word} lies from {above}, variance σ²"
        above = f"its {word}"


def _row_name(terms: tuple[RandomTerm, ...]) -> str:
    """What one row of the sheet is called."""
    last = terms[-1]
    return last.nested[-1] if isinstance(last, Intercepts) else f"{last.inner} in {last.outer}"
