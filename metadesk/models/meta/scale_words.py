"""How moderators of the spread are told: their table, and what to know where tau² is 0."""

from __future__ import annotations

import math

from metadesk.document import Cell, Column, Note, Table
from metadesk.models.meta.data import INTERCEPT
from metadesk.models.meta.scale_link import SYMBOLS
from metadesk.models.result import Coefficients


def scale_table(alpha: Coefficients, link: str) -> Table:
    """Coefficients of ln tau², and the factor by which each multiplies tau²; or those of tau²."""
    factors = link == "log"
    digits = 3 if factors else _digits(alpha)
    columns = (
        Column("term", f"Term of {SYMBOLS[link]}"),
        Column("estimate", "Estimate", "effect", digits),
        Column("se", "SE", "se", digits),
        Column("stat", "z" if math.isinf(alpha.df[0]) else "t", "statistic"),
        Column("df", "df", "df"),
        Column("pval", "P", "p"),
        Column("ci_lb", f"{100 * alpha.level:g}% CI, lower", "effect", digits),
        Column("ci_ub", "upper", "effect", digits),
        *((Column("factor", "τ² is multiplied by", "effect", 3),) if factors else ()),
    )
    numbers = (alpha.b, alpha.se, alpha.stat, alpha.df, alpha.pval, alpha.ci_lb, alpha.ci_ub)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            *(_known(float(c[i])) for c in numbers),
            *((_factor(name, float(alpha.b[i])),) if factors else ()),
        )
        for i, name in enumerate(alpha.names)
    )
    does = "multiplies" if factors else "adds to"
    notes = (f"Test: {alpha.test}. A step of one in a moderator {does} τ².",)
    return Table("Moderators of heterogeneity", columns, rows, notes, key="scale")


def _digits(alpha: Coefficients) -> int:
    """So many decimals that the least coefficient of τ² shows two digits: its units are squares."""
    sizes = [abs(value) for value in alpha.b.tolist() if value != 0.0]
    least = min(sizes, default=1.0)
    return min(max(3, 1 - math.floor(math.log10(least))), 8)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _factor(name: str, b: float) -> float | None:
    return None if name == INTERCEPT else math.exp(min(b, 700.0))


def edge_note(link: str, count: int) -> tuple[Note, ...]:
    """What holds where the tau² of ``count`` studies is 0, or runs there."""
    if not count:
        return ()
    if link == "log":
        said = (
            "For some studies τ² runs to 0: a coefficient of ln τ² has no finite estimate, and "
            "its standard error says nothing."
        )
    else:
        whose = "one study" if count == 1 else f"{count} studies"
        said = (
            f"For {whose} τ² is 0, the least it can be: the line of τ² is held there, so its "
            "coefficients have no standard error, interval or Wald test."
        )
    return (Note(said, "caution", "scale-boundary"),)
