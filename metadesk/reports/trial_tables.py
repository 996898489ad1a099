"""The tables of a trial analysis: effect, model, variance components, design, every row."""

from __future__ import annotations

import math

from metadesk.analysis.trial_result import TrialResult
from metadesk.document import Cell, Column, Table
from metadesk.models.result import Quantity
from metadesk.reports.trial_beside import beside_tables
from metadesk.reports.trial_checks import checks_tables, is_average
from metadesk.reports.trial_quantities import number

MARGINAL_DIFFERENCE = "rd "


def trial_tables(result: TrialResult) -> tuple[Table, ...]:
    """All tables of what was found, the most wanted first."""
    found = [effect_table(result)] if result.effect is not None else []
    found += beside_tables(result)
    if result.main is not None:
        found.append(result.main.summary())
        found += list(result.main.tables)
        found.append(components_table(result))
    found += checks_tables(result)
    return tuple(t for t in found if t.rows)


def design_tables(result: TrialResult) -> tuple[Table, ...]:
    """Sequences by periods, who contributes what, and what the design can tell."""
    design = result.design
    if design is None:
        return ()
    parts: list[tuple[Cell, ...]] = [
        ("Design", design.title),
        ("Persons", str(design.n_subjects)),
        ("Rows with an outcome", str(design.n_rows)),
        ("Treatments", ", ".join(design.treatments)),
        ("Planned periods without an outcome", str(design.n_missing)),
        ("Equally many persons in each sequence, none missing", _yes(design.balanced)),
        ("Each treatment equally often in each period", _yes(design.uniform)),
        ("Each treatment follows each other equally often", _yes(design.carryover_balanced)),
        ("Treatments compared within persons", _yes(design.connected)),
        ("Efficiency of the comparison within persons", f"{100 * design.efficiency:.0f}%"),
        ("Carryover can be estimated within persons", _yes(design.carryover_within)),
        ("Carryover can be estimated at all", _yes(design.carryover_at_all)),
    ]
    facts = Table(
        "What the design can tell",
        (Column("fact", "Fact"), Column("value", "Value")),
        tuple(parts),
        key="design_facts",
    )
    counts: list[tuple[Cell, ...]] = [(k, n) for k, n in design.contributing.items()]
    contributing = Table(
        "Who contributes what",
        (Column("periods", "Periods with an outcome", "count"), Column("n", "Persons", "count")),
        tuple(counts),
        key="contributing",
    )
    return design.table(), contributing, facts


def effect_table(result: TrialResult) -> Table:
    """The treatment effect by the main analysis and by those beside it."""
    level = f"{100 * result.spec.level:g}%"
    columns = [
        Column("analysis", "Analysis"),
        Column("estimate", result.scale.title, "effect", 3),
        Column("ci_lb", f"{level} CI from", "effect", 3),
        Column("ci_ub", "to", "effect", 3),
        Column("df", "df", "df"),
        Column("p", "P", "p"),
        *([Column("b", "Logarithm", "effect", 4)] if result.scale.ratio else []),
        Column("se", "SE", "se", 4),
    ]
    remarks = [f"Main analysis: {result.effect.method}."] if result.effect is not None else []
    remarks += [f"{c.label}: {c.sentence}" for c in result.companions if c.sentence]
    rows: list[tuple[Cell, ...]] = []
    if result.effect is not None:
        rows.append(_effect_row(result, "Main analysis", result.effect))
    for beside in result.companions:
        plain = beside.key.startswith(MARGINAL_DIFFERENCE)
        rows.append(_effect_row(result, beside.label, beside.effect, plain=plain))
    return Table(
        f"Treatment effect: {result.contrast}",
        tuple(columns),
        tuple(rows),
        (
            f"{result.active} {'over' if result.scale.ratio else 'minus'} {result.reference}, "
            f"outcome {result.roles.outcome}; the first "
            f"line is the analysis, the others stand beside it for comparison.",
            *remarks,
        ),
        key="effect",
    )


def _effect_row(
    result: TrialResult, label: str, q: Quantity, *, plain: bool = False
) -> tuple[Cell, ...]:
    low, high = (q.interval.lower, q.interval.upper) if q.interval else (math.nan, math.nan)
    shown = (lambda v: v) if plain else result.scale.natural
    return (
        label,
        *(None if math.isnan(v) else shown(v) for v in (q.value, low, high)),
        number(q.df) if math.isfinite(q.df) else None,
        number(q.p),
        *([number(q.value)] if result.scale.ratio else []),
        number(q.se),
    )


def components_table(result: TrialResult) -> Table:
    """Variances of persons and residuals, and what they mean for one person."""
    columns = (
        Column("name", "Quantity"),
        Column("value", "Value", "variance"),
        Column("sd", "Standard deviation", "variance"),
        Column("lower", "CI from", "variance"),
        Column("upper", "to", "variance"),
        Column("remark", "Remark"),
    )
    rows: list[tuple[Cell, ...]] = []
    main = result.main
    assert main is not None
    for c in main.components:
        ends = (c.interval.lower, c.interval.upper) if c.interval else (math.nan, math.nan)
        signed = c.name == "phi" or c.title.startswith("covariance")
        sd = None if signed or c.estimate < 0 else math.sqrt(c.estimate)
        remark = "at the edge of its range" if c.at_boundary else ""
        if c.interval is not None and not remark:
            remark = f"interval by {c.interval.method}"
        rows.append((c.title, c.estimate, sd, number(ends[0]), number(ends[1]), remark))
    for q in main.extra.values():
        if not math.isnan(q.value) and not is_average(q):
            ends = (q.interval.lower, q.interval.upper) if q.interval else (math.nan, math.nan)
            rows.append((q.title, q.value, None, number(ends[0]), number(ends[1]), q.method))
    return Table("Variation between and within persons", columns, tuple(rows), key="components")


def rows_table(result: TrialResult) -> Table:
    """Every row of the sheet: what it holds, whether it was used, what the model made of it."""
    columns = (
        Column("number", "Row", "count"),
        Column("subject", "Subject"),
        Column("sequence", "Sequence"),
        Column("period", "Period"),
        Column("cycle", "Cycle"),
        Column("treatment", "Treatment"),
        Column("outcome", "Outcome"),
        Column("value", "Value analysed", "number"),
        Column("fitted", "Fitted", "number"),
        Column("residual", "Residual", "number"),
        Column("used", "Used"),
        Column("reason", "Why left out"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            r.number, r.subject or None, r.sequence or None, r.period or None, r.cycle or None,
            r.treatment or None, r.outcome or None, number(r.value), number(r.fitted),
            number(r.residual), _yes(r.used), r.reason or None,
        )
        for r in result.rows
        if not r.empty
    ]  # fmt: skip
    return Table("Rows", columns, tuple(rows), key="rows")


def trial_settings_table(result: TrialResult) -> Table:
    """Every choice that shaped the numbers."""
    columns = (Column("setting", "Setting"), Column("value", "Choice"))
    return Table(
        "Settings", columns, tuple((s.title, s.value) for s in result.settings), key="settings"
    )


def _yes(on: bool) -> str:
    return "yes" if on else "no"
