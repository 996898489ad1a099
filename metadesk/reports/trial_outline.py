"""What to report about a trial with repeated measures, filled with the numbers that are known.

The items follow the extensions of CONSORT for crossover trials (Dwan et al. 2019) and for N-of-1
trials (CENT, Vohra et al. 2015) in words of our own; the statements themselves are the authority.
"""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import TrialResult
from metadesk.document import Cell, Column, Table
from metadesk.document.numbers import format_value, p_phrase
from metadesk.reports.trial_prose import effect_text, spread_in_words, trial_methods

TO_FILL = "To be written by you."
CROSSOVER_SOURCE = (
    "After Dwan et al. (2019), CONSORT extension for randomised crossover trials, BMJ 366:l4378."
)
SERIES_SOURCE = "After Vohra et al. (2015), CENT extension for N-of-1 trials, BMJ 350:h1738."
Item = tuple[str, str]


def outline(result: TrialResult) -> Table:
    """The items to report, each with what the analysis knows about it."""
    single = result.analysis in ("series", "one-patient")
    items = _n_of_1(result) if single else _crossover(result)
    rows: tuple[tuple[Cell, ...], ...] = tuple((i, a, b) for i, (a, b) in enumerate(items, 1))
    return Table(
        "What to report (CENT)" if single else "What to report (CONSORT, crossover)",
        (
            Column("n", "Item", "count"),
            Column("what", "Say"),
            Column("known", "From this analysis"),
        ),
        rows,
        (SERIES_SOURCE if single else CROSSOVER_SOURCE,),
        key="outline",
    )


def _crossover(result: TrialResult) -> list[Item]:
    design = result.design
    return [
        ("Title and abstract: that it is a randomised crossover trial", _design(result)),
        ("Why a crossover suits condition and treatments", TO_FILL),
        ("Treatments, and order of treatments in each sequence", _sequences(result)),
        ("Length of periods and of the washout between them, and why that is long enough", TO_FILL),
        ("How persons were allocated to sequences", TO_FILL),
        ("Sample size, with the within-person standard deviation assumed",
         f"Observed within-person SD: {_extra(result, 'within_sd')}."),
        ("Analysis: how comparisons within persons and period effects were handled",
         trial_methods(result)),
        ("Persons by sequence and period, and losses with the period in which they occurred",
         _flow(result)),
        ("Baseline data by sequence and period", _baseline(result)),
        ("Numbers analysed", _numbers(result)),
        ("Result for each treatment and period", _means(result)),
        ("Treatment contrast with an interval that respects the pairing", _effect(result)),
        ("Correlation within persons, so that others can pool the trial",
         f"Intraclass correlation: {_extra(result, 'icc')}."),
        ("Carryover: how it was thought of, and that no test chose the analysis",
         _carryover(result)),
        ("Harms by treatment, with the period in which they occurred", TO_FILL),
        ("Limits of the trial, carryover among them",
         "Carryover cannot be told from the sequence in this design."
         if design and design.key == "2x2" else TO_FILL),
    ]  # fmt: skip


def _n_of_1(result: TrialResult) -> list[Item]:
    one = result.analysis == "one-patient"
    items = [
        ("Title: that it is an N-of-1 trial, or a series of them", _design(result)),
        ("Why N-of-1: a chronic, stable condition and a quick, reversible effect", TO_FILL),
        ("Periods: how many, how long, run-in and washout", _periods(result)),
        ("How the order was randomised, and the order that resulted", _orders(result)),
        ("Rules for stopping or going on", TO_FILL),
        ("Analysis within and between persons; period, carryover, autocorrelation",
         trial_methods(result)),
        ("Persons and periods completed, and those that were not", _flow(result)),
        ("Every value of every period, as table or figure",
         f"The sheet 'Rows' lists {len([r for r in result.rows if not r.empty])} rows."),
        ("Result for the person" if one else "Result in the population", _effect(result)),
    ]  # fmt: skip
    test = (result.patient.cycles or result.patient.free) if one and result.patient else None
    if test is not None:
        items.append(
            ("Randomisation test with the smallest P value possible",
             f"{p_phrase(test.p_random)}; smallest possible {format_value(test.floor, 'p')}.")
        )  # fmt: skip
    if result.series is not None:
        items.append(
            ("How effects differ between persons, and what to expect in the next one",
             f"{'; '.join(spread_in_words(result, result.series))}.")
        )  # fmt: skip
        items.append(("Result of each person", "The sheet 'Subjects' lists every person."))
    return [*items, ("Harms by treatment and period", TO_FILL), ("Decision that followed", TO_FILL)]


def _design(result: TrialResult) -> str:
    return f"Recognised: {result.design.title}." if result.design else TO_FILL


def _sequences(result: TrialResult) -> str:
    design = result.design
    if design is None:
        return TO_FILL
    pairs = zip(design.sequences, design.sizes, strict=True)
    return "; ".join(f"{name}: {n} persons" for name, n in pairs) + "."


def _flow(result: TrialResult) -> str:
    design = result.design
    if design is None:
        return TO_FILL
    parts = [f"{n} with {k} {'period' if k == 1 else 'periods'}"
             for k, n in design.contributing.items()]  # fmt: skip
    missing = f"; {design.n_missing} planned periods without an outcome" if design.n_missing else ""
    return f"Persons by periods with an outcome: {', '.join(parts)}{missing}."


def _numbers(result: TrialResult) -> str:
    asked = [r for r in result.rows if not r.empty]
    return f"{len(result.subjects)} persons, {len(result.used)} of {len(asked)} rows."


def _means(result: TrialResult) -> str:
    groups: dict[tuple[str, str], list[float]] = {}
    for row in result.used:
        groups.setdefault((row.treatment, row.period), []).append(row.value)
    parts = [
        f"{t} in period {p}: mean {format_value(sum(v) / len(v))} (n = {len(v)})"
        for (t, p), v in sorted(groups.items())
        if p
    ]
    return "; ".join(parts[:24]) + "." if parts else TO_FILL


def _baseline(result: TrialResult) -> str:
    """Mean baseline of each sequence and period, where a column of baselines is marked."""
    groups: dict[tuple[str, str], list[float]] = {}
    for row in result.used:
        if not math.isnan(row.baseline):
            groups.setdefault((row.sequence, row.period), []).append(row.baseline)
    parts = [
        f"{' '.join(w for w in (f'sequence {s}' if s else '', f'period {p}' if p else '') if w)}: "
        f"mean {format_value(sum(v) / len(v))} (n = {len(v)})"
        for (s, p), v in sorted(groups.items())
        if s or p
    ]
    return "; ".join(parts[:24]) + "." if parts else TO_FILL


def _effect(result: TrialResult) -> str:
    if result.effect is None:
        return result.problem
    return f"{result.scale.title} {result.contrast}: {effect_text(result, result.effect)}."


def _carryover(result: TrialResult) -> str:
    if not result.carryover:
        return "Not estimated; justify it by the washout."
    parts = []
    for q in result.carryover:
        ends = q.interval
        shown = f"[{ends.lower:.3g}, {ends.upper:.3g}]" if ends else ""
        parts.append(f"{q.title} {q.value:.3g} {shown}".strip())
    return f"{'; '.join(parts)}; shown as a check only."


def _extra(result: TrialResult, key: str) -> str:
    if result.main is None or key not in result.main.extra:
        return "not available from this model"
    return format_value(result.main.extra[key].value)


def _periods(result: TrialResult) -> str:
    cycles = {r.cycle for r in result.used if r.cycle}
    return f"{len(cycles)} cycles in the sheet." if cycles else TO_FILL


def _orders(result: TrialResult) -> str:
    """The treatments of each person in order, repeats of one period told once."""
    parts = []
    for person in result.subjects[:12]:
        order: list[str] = []
        for row in result.used:
            if row.subject == person and (not order or order[-1] != row.treatment):
                order.append(row.treatment)
        parts.append(f"{person}: {' '.join(order)}")
    more = " …" if len(result.subjects) > 12 else ""
    return "; ".join(parts) + more
