"""Tables of what a model of trial rows rests on: structures beside each other, checks, cuts."""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import LadderLine, TrialResult
from metadesk.document import Cell, Column, Table
from metadesk.models.result import Quantity
from metadesk.reports.trial_quantities import number

MARGINAL = "effect"  # the kind of quantities that are averages over persons
SCALES = ("log or ", "log rr ")


def checks_tables(result: TrialResult) -> list[Table]:
    """All tables of checks, in the order in which they are read."""
    found = [_averages(result), _checks(result), _cuts(result), _ladder(result)]
    return [t for t in found if t is not None]


def _ladder(result: TrialResult) -> Table | None:
    if len(result.ladder) < 2:
        return None
    labels = {line.key: line.label for line in result.ladder}
    columns = (
        Column("structure", "Persons and residuals"),
        Column("used", "Used here"),
        Column("parameters", "Parameters", "count"),
        Column("loglik", "Log-likelihood (REML)", "number"),
        Column("aicc", "AICc", "number"),
        Column("bic", "BIC", "number"),
        Column("against", "Tested against"),
        Column("statistic", "χ²", "statistic"),
        Column("p", "P", "p"),
        Column("effect", result.scale.title, "effect", 3),
        Column("lower", "CI from", "effect", 3),
        Column("upper", "to", "effect", 3),
        Column("remark", "Remark"),
    )
    rows = tuple(_ladder_row(result, line, labels) for line in result.ladder)
    notes = [
        "All by restricted likelihood with the same fixed terms and rows; smaller AICc and BIC are "
        "better. Choose the structure in the protocol, not by this table.",
    ]
    methods = {line.test.method for line in result.ladder if line.test is not None}
    if methods:
        notes.append(f"Likelihood-ratio tests: {'; '.join(sorted(methods))}.")
    return Table("Structures of persons and residuals", columns, rows, tuple(notes), key="ladder")


def _ladder_row(result: TrialResult, line: LadderLine, labels: dict[str, str]) -> tuple[Cell, ...]:
    effect, test = line.effect, line.test
    ends: tuple[float, float] = (math.nan, math.nan)
    if effect is not None and effect.interval is not None:
        ends = (effect.interval.lower, effect.interval.upper)
    natural = result.scale.natural
    shown = [None if math.isnan(v) else natural(v)
             for v in (effect.value if effect is not None else math.nan, *ends)]  # fmt: skip
    return (
        line.label, "yes" if line.chosen else None, line.n_parameters or None,
        number(line.loglik), number(line.aicc), number(line.bic),
        labels.get(line.against) if line.against else None,
        test.statistic if test is not None else None, test.p if test is not None else None,
        *shown, line.remark or None,
    )  # fmt: skip


def _checks(result: TrialResult) -> Table | None:
    if not result.checks:
        return None
    columns = (
        Column("check", "Check"),
        Column("value", "Value", "statistic"),
        Column("df", "df", "df"),
        Column("p", "P", "p"),
        Column("method", "Method"),
    )
    rows = tuple((q.title, q.value, number(q.df), number(q.p), q.method) for q in result.checks)
    note = (
        "A χ² per degree of freedom well above 1 says that counts vary more than the model lets "
        "them, so that its intervals are too narrow."
    )
    return Table("Checks of the model", columns, rows, (note,), key="checks")


def _cuts(result: TrialResult) -> Table | None:
    if not result.by_cut:
        return None
    columns = (
        Column("cut", "Cut of the outcome"),
        Column("ratio", "Odds ratio given the person", "effect", 3),
        Column("lower", "CI from", "effect", 3),
        Column("upper", "to", "effect", 3),
        Column("p", "P", "p"),
    )
    rows = tuple((q.title, *_ratio(q), number(q.p)) for q in result.by_cut)
    note = (
        "The model takes one odds ratio for all cuts. Each line is a yes/no model of its own; "
        "where they differ clearly, report them beside the common one."
    )
    return Table("Check of proportional odds", columns, rows, (note,), key="cuts")


def _ratio(q: Quantity) -> tuple[float | None, float | None, float | None]:
    low, high = (q.interval.lower, q.interval.upper) if q.interval else (math.nan, math.nan)
    values = [None if math.isnan(v) else math.exp(min(v, 700.0)) for v in (q.value, low, high)]
    return values[0], values[1], values[2]


def _averages(result: TrialResult) -> Table | None:
    """Means over persons by treatment and what they differ by."""
    main = result.main
    found = [] if main is None else [q for q in main.extra.values() if is_average(q)]
    if not found:
        return None
    columns = (
        Column("quantity", "Quantity"),
        Column("value", "Value", "effect", 3),
        Column("lower", "CI from", "effect", 3),
        Column("upper", "to", "effect", 3),
        Column("p", "P", "p"),
    )
    rows: list[tuple[Cell, ...]] = []
    for q in found:
        if q.name.startswith(SCALES):
            title = q.title.replace("Marginal log", "Marginal")
            rows.append((title, *_ratio(q), number(q.p)))
        else:
            low, high = (q.interval.lower, q.interval.upper) if q.interval else (None, None)
            difference = q.name.startswith("rd ")
            rows.append((q.title, q.value, low, high, number(q.p) if difference else None))
    note = f"Averages over persons: {found[0].method}."
    return Table("In the population", columns, tuple(rows), (note,), key="averages")


def is_average(q: Quantity) -> bool:
    """Whether a quantity of a model is an average over persons."""
    return q.kind == MARGINAL and not math.isnan(q.value)
