"""Tests beyond the model's own table: each term, chosen terms together, by likelihood ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metadesk.analysis.fitting import model_options
from metadesk.analysis.readers import ModelInput
from metadesk.analysis.spec import AnalysisSpec
from metadesk.document import Note
from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models import FitResult, Omnibus
from metadesk.models.meta import MODELS
from metadesk.models.meta.data import INTERCEPT
from metadesk.models.meta.design import Design
from metadesk.models.meta.likelihood_ratio import ratio_tests
from metadesk.models.meta.moderator_tests import ADJUSTMENTS, wald_of_coefficients
from metadesk.models.meta.permutation import KINDS
from metadesk.numerics.progress import Progress
from metadesk.options import choice, flag, from_plain, integer

Sets = list[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Testing:
    """How hypotheses are tested, whatever the model."""

    adjust: str = choice(
        "Adjust P values for their number", ADJUSTMENTS, "none",
        help="P values of the moderators' coefficients, of the differences between levels and of "
        "those between subgroups; each table by itself.",
    )  # fmt: skip
    likelihood_ratio: bool = flag(
        "Likelihood-ratio tests beside the others", False,
        help="Of moderators by maximum likelihood, whatever the model is fitted by; of the "
        "between-study variance by the model's own likelihood.",
    )  # fmt: skip
    rearrange: str = choice("Rearrangements of a permutation test", KINDS, "auto", advanced=True)
    seed: int = integer(
        "Seed of random rearrangements", 1, minimum=0, maximum=2**31 - 1, advanced=True
    )


def testing_of(spec: AnalysisSpec) -> Testing:
    """The request's block as options.

    Raises
    ------
    SpecProblem
        If a name or value in it is unknown.
    """
    return from_plain(Testing, spec.tests, where="tests")


def further_tests(
    spec: AnalysisSpec, read: ModelInput, main: FitResult, progress: Progress
) -> tuple[tuple[Omnibus, ...], tuple[Note, ...]]:
    """Every test that the request asks for beside those that the model makes by itself.

    A test that cannot be made is named in a note; the others still stand.
    """
    wanted = testing_of(spec)
    design = getattr(read.data, "design", None) or read.design
    tests: list[Omnibus] = []
    notes: list[Note] = []
    sets = _terms(design, main)
    for names in spec.test_together:
        try:
            sets.append(_together(names, design, main))
        except SpecProblem as problem:
            notes.append(Note(str(problem), "caution", "no-joint-test"))
    for title, chosen in sets:
        which = [main.coefficients.names.index(name) for name in chosen]
        tests.append(wald_of_coefficients(main, which, title))
    if wanted.likelihood_ratio:
        found, said = _by_likelihood(spec, read, main, sets, progress)
        tests += found
        notes += said
    return tuple(tests), tuple(notes)


def _terms(design: Design | None, fit: FitResult) -> Sets:
    """One set a term, where there are several."""
    if design is None or len(design.terms) < 2:
        return []
    sets = [(f"Test of {t.title}", _names(design, i, fit)) for i, t in enumerate(design.terms)]
    return [(title, names) for title, names in sets if names]


def _names(design: Design, i: int, fit: FitResult) -> tuple[str, ...]:
    """The coefficients of a term that were not dropped."""
    first, last = design.spans[i]
    return tuple(n for n in design.names[first:last] if n in fit.coefficients.names)


def _together(
    chosen: tuple[str, ...], design: Design | None, fit: FitResult
) -> tuple[str, tuple[str, ...]]:
    """The coefficients of chosen terms; a term goes by its own words or by those of its column."""
    known = _known(design, fit)
    for word in chosen:
        if word not in known:
            raise SpecProblem(
                f"There is no moderator '{word}' to be tested; the model has "
                f"{', '.join(known) or 'none'}."
            )
    wanted = {name for word in chosen for name in known[word]}
    names = tuple(n for n in fit.coefficients.names if n in wanted)
    if not names:
        raise SpecProblem(
            f"{' and '.join(chosen)} cannot be tested: other moderators say the same."
        )
    return f"Joint test of {', '.join(chosen)}", names


def _known(design: Design | None, fit: FitResult) -> Mapping[str, tuple[str, ...]]:
    """What can be tested: terms, columns with one term, coefficients."""
    known: dict[str, tuple[str, ...]] = {}
    for i, term in enumerate(() if design is None else design.terms):
        names = _names(design, i, fit) if design is not None else ()
        known[term.title] = names
        if len(term.columns) == 1:
            known.setdefault(term.columns[0], names)
    for name in fit.coefficients.names:
        if name != INTERCEPT:
            known.setdefault(name, (name,))
    return known


def _by_likelihood(
    spec: AnalysisSpec, read: ModelInput, main: FitResult, sets: Sets, progress: Progress
) -> tuple[list[Omnibus], list[Note]]:
    entry = MODELS[spec.model]
    if entry.ratios is None:
        words = f"'{entry.title}' maximises no likelihood: likelihood-ratio tests were not made."
        return [], [Note(words, "note", "no-likelihood-ratio")]
    options = model_options(spec.model, spec.model_options, spec.level)
    moderators = tuple(n for n in main.coefficients.names if n != INTERCEPT)
    whole = [("Test of moderators", moderators)] if moderators else []
    tests: list[Omnibus] = []
    try:
        if moderators:
            sets = [*whole, *sets]
            tests += ratio_tests(entry.fit, entry.ratios, options, read.data, sets, progress)
        if entry.ratios.of_spread is not None:
            tests += entry.ratios.of_spread(options, read.data, progress)
    except (DataProblem, NotEstimable, SpecProblem) as problem:
        said = f"Likelihood-ratio tests could not be made: {problem}"
        return tests, [Note(said, "caution", "no-likelihood-ratio")]
    return tests, []


def adjusted_words(spec: AnalysisSpec, count: int) -> str:
    """How many P values of a table were adjusted, and by what; '' where none was."""
    method = testing_of(spec).adjust
    if method == "none" or count < 2:
        return ""
    return f"Adjusted: {ADJUSTMENTS[method]} over {count} tests."


def chosen_adjustment(spec: AnalysisSpec) -> Any:
    """The key of the adjustment that the request asks for."""
    return testing_of(spec).adjust
