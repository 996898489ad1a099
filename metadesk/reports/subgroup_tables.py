"""Tables of subgroups: one row a group, and the differences of every two."""

from __future__ import annotations

import math

import numpy as np

from metadesk.analysis.result import AnalysisResult
from metadesk.analysis.subgroups import NOT_STATED
from metadesk.analysis.testing import adjusted_words
from metadesk.document import Cell, Column, Table
from metadesk.document.numbers import p_phrase
from metadesk.models import FitResult
from metadesk.models.meta.subgroups import Subgroup, SubgroupAnalysis
from metadesk.reports.moderator_tables import estimates_with_tests
from metadesk.reports.tables import effect_title, known, natural_ends


def subgroup_tables(result: AnalysisResult, found: SubgroupAnalysis) -> list[Table]:
    """The groups, and their differences where there are three or more."""
    tables = [subgroup_table(result, found)]
    if found.pairs is not None and len(found.groups) > 2:
        tables.append(pairs_table(result, found))
    return tables


def pairs_table(result: AnalysisResult, found: SubgroupAnalysis) -> Table:
    """Every two subgroups against each other."""
    c = found.pairs
    assert c is not None
    columns, rows = estimates_with_tests(result, c, np.ones(len(c.names), dtype=bool), "Difference")
    words = adjusted_words(result.spec, len(c.names))
    many = f"P values as they stand, not adjusted for being {len(c.names)} tests."
    return Table(
        f"Differences between subgroups by {found.column}", columns, rows,
        (f"Test: {c.test}.", words or many), key="subgroup-pairs",
    )  # fmt: skip


def subgroup_table(result: AnalysisResult, found: SubgroupAnalysis) -> Table:
    """One row a group on the scale a reader understands, then the overall estimate."""
    ci = f"{100 * result.spec.level:g}%"
    columns = (
        Column("level", found.column),
        Column("k", "Studies", "count"),
        Column("estimate", effect_title(result), "effect"),
        Column("ci_lb", f"{ci} CI, lower", "effect"),
        Column("ci_ub", f"{ci} CI, upper", "effect"),
        Column("pi_lb", f"{ci} prediction, lower", "effect"),
        Column("pi_ub", f"{ci} prediction, upper", "effect"),
        Column("pval", "P", "p"),
        Column("tau2", "τ²", "variance"),
        Column("I2", "I²", "percent"),
        Column("QE", "Q", "statistic"),
        Column("QEp", "P of Q", "p"),
        Column("b", "Estimate (analysis scale)", "effect", 4),
        Column("se", "SE", "se", 4),
    )
    rows = [_subgroup_row(result, found, group) for group in found.groups]
    rows.append(_overall_row(result, found.overall))
    notes = [difference_sentence(found)]
    silent = next((group.k for group in found.groups if group.level == NOT_STATED), 0)
    if silent:
        studies = "1 study that does" if silent == 1 else f"{silent} studies that do"
        notes.append(
            f"{studies} not state {found.column} stand{'s' if silent == 1 else ''} as a group in "
            f"this test; exclude {'it' if silent == 1 else 'them'} to compare the others alone."
        )
    if found.overall.family != "fixed":
        notes += [note.text for note in found.notes]
    return Table(f"Subgroups by {found.column}", columns, tuple(rows), tuple(notes), "subgroups")


def difference_sentence(found: SubgroupAnalysis) -> str:
    """The test for subgroup differences in words."""
    d = found.difference
    if math.isnan(d.statistic):
        return "Test for subgroup differences: not available."
    letter = "F" if d.kind == "F" else "χ²"
    if found.overall.family == "fixed":
        how = ""
    elif found.tau2 == "common":
        how = "; one common τ²"
    else:
        how = "; each group its own τ²"
    df = f"{d.df1:g} and {d.df2:g}" if d.kind == "F" else f"{d.df1:g}"
    return (
        f"Test for subgroup differences: {letter} = {d.statistic:.2f}, df = {df} "
        f"({p_phrase(d.p)}){how}."
    )


def _subgroup_row(
    result: AnalysisResult, found: SubgroupAnalysis, group: Subgroup
) -> tuple[Cell, ...]:
    q, fit = group.estimate, group.fit or found.model
    own = group.fit is not None
    h = None if fit is None else fit.heterogeneity
    fixed = fit is not None and fit.family == "fixed"
    return (
        group.level, group.k, known(result.natural(q.value)), *natural_ends(result, q.interval),
        *natural_ends(result, group.prediction), known(q.p),
        None if h is None or fixed else known(h.tau2),
        known(h.I2) if h and own else None, known(h.QE) if h and own else None,
        known(h.QEp) if h and own else None, known(q.value), known(q.se),
    )  # fmt: skip


def _overall_row(result: AnalysisResult, fit: FitResult) -> tuple[Cell, ...]:
    q, h = fit.pooled, fit.heterogeneity
    spread = (None,) * 4 if h is None else (
        None if fit.family == "fixed" else known(h.tau2), known(h.I2), known(h.QE), known(h.QEp)
    )  # fmt: skip
    return (
        "Overall", fit.k, known(result.natural(q.value)), *natural_ends(result, q.interval),
        *natural_ends(result, fit.prediction), known(q.p), *spread, known(q.value), known(q.se),
    )  # fmt: skip
