"""Tables of a single person: tests as randomised, models in time, the outcome's own analyses."""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import TrialResult
from metadesk.document import Cell, Column, Table
from metadesk.models.mixed.one_patient.analyse import OnePatientResult
from metadesk.models.mixed.one_patient.outcomes import OutcomeAnswer
from metadesk.reports.trial_quantities import QUANTITY, number, quantity_row

TESTS = (Column("test", "Test"), Column("p", "P", "p"))
CHANCES = {
    "benefit": "That the effect points the right way",
    "relevant": "That the effect exceeds the smallest relevant difference",
}
MODELS = {"ols": "Least squares in time", "ar1": "AR(1) in time"}


def person_tables(result: TrialResult) -> list[Table]:
    """All tables of a single person, in the order in which they are read."""
    p = result.patient
    if p is None:
        return []
    found = [*_tests(result, p), *_outcome(result, p), _models(result, p), *_chances(p)]
    return found


def _tests(result: TrialResult, p: OnePatientResult) -> list[Table]:
    higher, lower = f"{result.active} higher", f"{result.active} lower"
    if p.free is not None:
        f = p.free
        how = "all" if f.exact else "a fixed sample of all"
        rows: tuple[tuple[Cell, ...], ...] = (
            ("Randomisation test, two-sided", f.p_random),
            (f"Randomisation test, {higher}", f.p_greater),
            (f"Randomisation test, {lower}", f.p_less),
        )
        note = (
            f"{f.n_active} periods on {result.active} and {f.n_control} on {result.reference} in "
            f"any order: {how} {f.n_orders:,} orders; no two-sided P value below {f.floor:.3g} is "
            f"possible."
        )
        return [Table("Tests for this person", TESTS, rows, (note,), key="person_tests")]
    c = p.cycles
    if c is None:
        return []
    rows = (
        ("Randomisation test, two-sided", c.p_random),
        (f"Randomisation test, {higher}", c.p_greater),
        (f"Randomisation test, {lower}", c.p_less),
        ("t test of the cycle differences", number(c.p)),
        ("Sign test", c.p_sign),
    )
    note = (
        f"{len(c.differences)} randomised cycles: no two-sided randomisation P value below "
        f"{c.floor:.3g} is possible."
    )
    differences = Table(
        "Differences by cycle",
        (Column("cycle", "Cycle"),
         Column("d", f"{result.active} − {result.reference}", "effect", 3)),
        tuple((n, float(d)) for n, d in zip(c.cycles, c.differences, strict=True)),
        key="cycles",
    )  # fmt: skip
    return [Table("Tests for this person", TESTS, rows, (note,), key="person_tests"), differences]


def _models(result: TrialResult, p: OnePatientResult) -> Table:
    beside = [("Two samples, Welch", p.samples.welch), ("Two samples, pooled", p.samples.pooled)]
    treatment = f"{result.roles.treatment}[{result.active}]"
    for key, fit in p.fits.items():
        if treatment in fit.coefficients.names:
            beside.insert(0, (MODELS.get(key, key), fit.coefficients.at(treatment)))
    rows = [(label, *quantity_row(q)[1:]) for label, q in beside]
    rows += [
        (f"Autocorrelation held at {phi:g}", b, se, None, None, None, None, "sensitivity")
        for phi, b, se in p.sensitivity
    ]
    acf = ", ".join(f"{r:.2f}" for r in p.samples.autocorrelation[:6])
    notes = [
        f"Durbin–Watson {p.samples.durbin_watson:.2f}; autocorrelations of the residuals from lag "
        f"1 on: {acf}."
    ]
    if p.n_effective is not None:
        phi = p.fits["ar1"].residual["phi"]
        notes.append(
            f"With the autocorrelation found, {phi:.2f}, the {p.n} values are worth about "
            f"{p.n_effective:.0f} independent ones."
        )
    if p.outcome is not None:
        notes.append("Differences of means, whatever the kind of outcome.")
    title = "The effect in this person, by model" if p.outcome is None else "Difference of means"
    return Table(title, QUANTITY, tuple(rows), tuple(notes), key="person_models")


def _outcome(result: TrialResult, p: OnePatientResult) -> list[Table]:
    """Counts by treatment, and the ratio in each way."""
    if p.outcome is None:
        return []
    found = [_counts(result, p.outcome)]
    if p.outcome.lines:
        columns = (
            Column("analysis", "Analysis"),
            Column("ratio", "Ratio", "effect", 3),
            Column("lower", "CI from", "effect", 3),
            Column("upper", "to", "effect", 3),
            Column("p", "P", "p"),
            Column("method", "Method"),
        )
        rows: list[tuple[Cell, ...]] = []
        for line in p.outcome.lines:
            q = line.effect
            ends = (q.interval.lower, q.interval.upper) if q.interval else (math.nan, math.nan)
            rows.append((line.label, *(_exp(v) for v in (q.value, *ends)), number(q.p), q.method))
        note = f"{result.active} over {result.reference}, in this person."
        found.append(
            Table("Ratios in this person", columns, tuple(rows), (note,), key="person_ratios")
        )
    return found


def _exp(value: float) -> float | None:
    if math.isnan(value):
        return None
    return math.exp(value) if value < 700 else math.inf


def _counts(result: TrialResult, answer: OutcomeAnswer) -> Table:
    heads = {
        "binary": (Column("yes", "Yes", "count"), Column("of", "Of", "count")),
        "count": (Column("events", "Events", "count"), Column("time", "Exposure", "number")),
    }
    levels = tuple(
        Column(f"level{i}", f"Category {i + 1}", "count") for i in range(len(answer.counts[0]))
    )
    columns = (Column("treatment", "Treatment"), *heads.get(answer.kind, levels))
    rows = tuple(
        (name, *(int(v) if v == int(v) else v for v in counts))
        for name, counts in zip((result.active, result.reference), answer.counts, strict=True)
    )
    return Table("What happened on each treatment", columns, rows, key="person_counts")


def _chances(p: OnePatientResult) -> list[Table]:
    if not p.probability:
        return []
    rows = tuple((CHANCES.get(k, k), float(v)) for k, v in p.probability.items())
    note = "From the t distribution of the cycle differences."
    columns = (Column("what", "What"), Column("p", "Probability", "number", 3))
    return [Table("Probability for this person", columns, rows, (note,), key="probability")]
