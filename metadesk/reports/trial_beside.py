"""Tables of what stands beside the model of a trial: classical tests, checks, single persons."""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import TrialResult
from metadesk.document import Cell, Column, Table, format_value
from metadesk.models.mixed.two_by_two import CARRYOVER_SENTENCE
from metadesk.reports.trial_person import person_tables
from metadesk.reports.trial_prose import natural_ends
from metadesk.reports.trial_quantities import QUANTITY, number, quantity_row


def beside_tables(result: TrialResult) -> list[Table]:
    """All tables that stand beside the model, in the order in which they are read."""
    found: list[Table] = []
    found += _series(result) + person_tables(result)
    found += _bioequivalence(result) + _classical(result) + _binary(result) + _carryover(result)
    return found


def _carryover(result: TrialResult) -> list[Table]:
    if not result.carryover:
        return []
    rows = tuple(quantity_row(q) for q in result.carryover)
    return [
        Table("Check of the assumption: carryover", QUANTITY, rows, (CARRYOVER_SENTENCE,),
              key="carryover")
    ]  # fmt: skip


def _classical(result: TrialResult) -> list[Table]:
    c = result.classical
    if c is None:
        return []
    asked = (c.treatment, c.period, c.paired, c.first_period)
    tests = Table(
        "Classical analysis of the 2×2 crossover (Hills & Armitage)",
        QUANTITY,
        tuple(quantity_row(q) for q in asked),
        ("The line 'first period only' ignores half of the data; it is a sensitivity analysis.",),
        key="classical",
    )
    anova = Table(
        "Analysis of variance",
        (
            Column("source", "Source"), Column("ss", "Sum of squares", "number"),
            Column("df", "df", "count"), Column("ms", "Mean square", "number"),
            Column("F", "F", "statistic"), Column("p", "P", "p"),
        ),
        tuple((a.source, a.ss, a.df, a.ms, number(a.F), number(a.p)) for a in c.anova),
        key="anova",
    )  # fmt: skip
    ranks = Table(
        "Rank tests (Koch)",
        (
            Column("what", "Effect"), Column("W", "W", "statistic"),
            Column("shift", "Hodges–Lehmann estimate", "effect", 3),
            Column("p_exact", "P exact", "p"), Column("p_normal", "P normal", "p"),
        ),
        tuple(
            (
                what, r.W, r.shift / 2 if what == "treatment" else r.shift,
                number(r.p_exact), number(r.p_normal),
            )
            for what, r in c.ranks.items()
        ),
        ("The estimate of the treatment is half the median of all pairwise differences.",),
        key="ranks",
    )  # fmt: skip
    return [tests, anova, ranks]


def _binary(result: TrialResult) -> list[Table]:
    b = result.binary
    if b is None:
        return []
    cells = ("11", "10", "01", "00")
    joint = Table(
        "Answers in periods 1 and 2",
        (
            Column("sequence", "Sequence"), Column("n11", "yes, yes", "count"),
            Column("n10", "yes, no", "count"), Column("n01", "no, yes", "count"),
            Column("n00", "no, no", "count"),
        ),
        tuple((name, *(counts[k] for k in cells)) for name, counts in b.joint.items()),
        key="joint",
    )  # fmt: skip
    m, g = b.mcnemar, b.mainland_gart
    rows: list[tuple[Cell, ...]] = [
        ("Mainland–Gart (adjusts for period), exact", number(g.p_exact)),
        ("Prescott (also uses equal answers), exact", number(b.prescott.p_two_sided)),
        ("McNemar (ignores period), exact", number(m.p_exact)),
        ("McNemar, mid-P", number(m.p_mid)),
        ("Period", number(b.period_p)),
        ("Carryover (assumption check)", number(b.carryover_p)),
    ]
    tests = Table(
        "Exact tests of the 2×2 crossover",
        (Column("test", "Test"), Column("p", "P", "p")),
        tuple(rows),
        (
            CARRYOVER_SENTENCE,
            f"Conditional odds ratio by Mainland–Gart {g.conditional_odds_ratio:.3g} "
            f"[{g.ci_lb:.3g}, {g.ci_ub:.3g}].",
        ),
        key="binary",
    )
    return [joint, tests]


def _bioequivalence(result: TrialResult) -> list[Table]:
    b = result.bioequivalence
    if b is None:
        return []
    columns = (
        Column("method", "Method"),
        Column("ratio", "Ratio, %", "number"),
        Column("lower", "90% CI from, %", "number"),
        Column("upper", "to, %", "number"),
        Column("df", "df", "df"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{name}: {r.method}", r.ratio, r.ci_lb, r.ci_ub, r.df)
        for name, r in (("Method A", b.method_a), ("Method B", b.method_b))
    )
    said = {True: "inside", False: "not inside"}
    decision = "Bioequivalent" if b.equivalent else "Not shown to be bioequivalent"
    notes = [
        f"{decision}: limits {b.lower_limit:.2f} to {b.upper_limit:.2f} %"
        f"{' (widened)' if b.widened else ''}; interval {said[b.interval_inside]}, "
        f"ratio {said[b.ratio_inside]} 80–125 %.",
        f"Within-person CV {b.cv_w:.2f} %.",
    ]
    for word, within in ((result.reference, b.reference_within), (result.active, b.test_within)):
        if within is not None:
            notes.append(f"Within-person CV of {word}: {within.cv:.2f} % ({within.df:g} df).")
    return [Table("Bioequivalence", columns, rows, tuple(notes), key="bioequivalence")]


def _series(result: TrialResult) -> list[Table]:
    s = result.series
    if s is None:
        return []
    rows = [quantity_row(s.effect), quantity_row(s.between_sd)]
    ratio = result.scale.ratio
    ends = s.effect.interval
    as_ratio = (
        f"These are logarithms. As a ratio: population "
        f"{format_value(result.scale.natural(s.effect.value), 'effect')} "
        f"{natural_ends(result, ends) if ends else ''}, next person "
        f"{natural_ends(result, s.prediction)}.",
    )
    headline = Table(
        f"The series: population and persons{' (logarithms)' if ratio else ''}",
        QUANTITY,
        (
            ("Effect in the population", *rows[0][1:]),
            rows[1],
            (
                "Prediction interval for the next person", None, None, number(s.prediction.lower),
                number(s.prediction.upper), None, None, s.prediction.method,
            ),
            *((("Meta-analysis of the persons", *quantity_row(result.pooled.pooled)[1:]),)
              if result.pooled is not None else ()),
        ),
        (
            *(as_ratio if ratio else ()),
            f"That effects do not differ between persons: {s.between_test.method}, "
            f"P = {s.between_test.p:.3g}; with few cycles this test is weak.",
        ),
        key="series",
    )  # fmt: skip
    return [headline, persons_table(result)]


def persons_table(result: TrialResult) -> Table:
    """Each person's effect, shrunken and raw."""
    s, ratio = result.series, result.scale.ratio
    assert s is not None
    columns = [
        Column("person", "Person"),
        Column(
            "n", "Cycles" if result.outcome_type == "continuous" else "Rows a treatment", "count"
        ),
        Column("raw", "Own log ratio" if ratio else "Own difference", "effect", 3),
        Column("raw_se", "SE", "se"),
        Column("effect", "Shrunken log ratio" if ratio else "Shrunken effect", "effect", 3),
        Column("se", "SE of prediction", "se"),
        Column("own", "Weight of own data", "number", 2),
    ]
    if ratio:
        columns.append(Column("ratio", "Shrunken ratio", "effect", 3))
    if s.exceeds is not None:
        columns.append(Column("exceeds", "P(relevant benefit)", "number", 2))
    raw = {
        name: (int(n), float(y), math.sqrt(float(v)))
        for name, n, y, v in zip(s.raw.patients, s.raw.ni, s.raw.yi, s.raw.vi, strict=True)
    }
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(s.individual.levels):
        n, y, se = raw.get(name, (None, None, None))
        cells: list[Cell] = [name, n, y, se, float(s.individual.estimate[i])]
        cells += [float(s.individual.se[i]), float(s.individual.shrinkage[i])]
        if ratio:
            cells.append(result.scale.natural(float(s.individual.estimate[i])))
        if s.exceeds is not None:
            cells.append(float(s.exceeds[i]))
        rows.append(tuple(cells))
    notes = [
        "The shrunken effect weighs a person's own data against the population; its standard error "
        "includes the uncertainty of the population effect."
    ]
    if s.raw.left_out:
        notes.append(f"Without a complete cycle: {', '.join(s.raw.left_out)}.")
    return Table("Effects of the persons", tuple(columns), tuple(rows), tuple(notes), key="persons")
