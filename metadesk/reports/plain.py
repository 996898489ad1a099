"""The pooled effect in plain numbers, as a table for workbook, results tab and JSON."""

from __future__ import annotations

from metadesk.analysis.plain import plain_numbers
from metadesk.analysis.result import AnalysisResult
from metadesk.document import Column, Table
from metadesk.errors import MetadeskError
from metadesk.reports.tables import known


def plain_table(result: AnalysisResult) -> Table:
    """Per 1,000, number needed to treat, points of a scale; no rows where nothing can be said."""
    columns = (
        Column("reading", "Reading"),
        Column("value", "Value", "number"),
        Column("ci_lb", f"{100 * result.spec.level:g}% CI from", "number"),
        Column("ci_ub", "to", "number"),
        Column("words", "In words"),
        Column("method", "By"),
    )
    notes: tuple[str, ...] = ()
    try:
        found = plain_numbers(result)
    except MetadeskError as problem:
        found, notes = (), (str(problem),)
    rows = tuple(
        (n.title, known(n.value), known(n.lower), known(n.upper), n.sentence, n.method)
        for n in found
    )
    return Table("In plain numbers", columns, rows, notes, "plain")
