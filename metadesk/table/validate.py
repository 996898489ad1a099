"""What is wrong in a sheet, or worth a second look, as a list of sentences.

The rules stand in :data:`CHECKS`, one small function each; the problems panel, the command line and
the manual read the same list.
"""

from __future__ import annotations

from collections.abc import Collection

from metadesk.catalogue import Catalogue
from metadesk.table.checks import cells, counts, estimates, file, labels, spread, trials, units
from metadesk.table.checks.look import Check, Look, Problem
from metadesk.table.table import StudyTable

__all__ = ["CHECKS", "Check", "Problem", "validate"]

CHECKS: Catalogue[Check] = Catalogue("check of the sheet")
CHECKS.add(
    Check("text", "Text in a number", "Text that is no number.", cells.text_in_number),
    Check("date", "Date in a number", "Numbers that became dates.", cells.date_in_number),
    Check("error_value", "Error values", "Formulas that give an error.", cells.error_value),
    Check("formula", "Formulas without results", "Formulas whose result is not stored.",
          cells.formula_without_result),
    Check("events_above_total", "Events above total", "More events than people.",
          counts.events_above_total),
    Check("negative_count", "Negative counts", "Counts below zero.", counts.negative_count),
    Check("fractional_count", "Fractional counts", "Counts that are not whole.",
          counts.fractional_count),
    Check("percentage_as_count", "Percentages as counts",
          "Cells with a percent sign in a column of counts.", counts.percentage_as_count),
    Check("size_below_one", "Empty groups", "Groups with nobody in them.", counts.size_below_one),
    Check("not_positive", "SD not positive", "SDs, standard errors and variances of 0 or less.",
          spread.not_positive),
    Check("interval_turned", "Interval turned round", "Lower bounds above upper ones.",
          estimates.interval_turned),
    Check("estimate_outside", "Estimate outside interval", "Estimates outside their interval.",
          estimates.estimate_outside),
    Check("outside_range", "Out of range", "P-values, correlations and percents out of range.",
          estimates.outside_range),
    Check("sd_looks_like_se", "SD looks like SE", "SDs that are probably standard errors.",
          spread.sd_looks_like_se),
    Check("interval_lopsided", "Lopsided interval", "Estimates off the middle of their interval.",
          estimates.interval_lopsided),
    Check("proportion_as_percent", "Proportion as percent", "Percentages that are proportions.",
          estimates.proportion_as_percent),
    Check("mixed_units", "Mixed units", "Several units in one outcome.", units.mixed_units),
    Check("off_by_ten", "Off by ten", "Values ten times off the usual one.", units.off_by_ten),
    Check("mixed_measures", "Mixed measures", "Several effect measures in one outcome.",
          units.mixed_measures),
    Check("no_label", "Study not named", "Rows with numbers that name no study.", labels.no_label),
    Check("same_label", "Repeated study", "The same study label twice.", labels.same_label),
    Check("same_control", "Control group twice", "One control group in several rows.",
          labels.same_control),
    Check("near_label", "Similar labels", "Labels that may be one study.", labels.near_label),
    Check("ratio_with_error", "Standard error of a ratio", "Standard errors beside printed ratios.",
          estimates.ratio_with_error),
    Check("number_as_text", "Numbers as text", "Numbers that the file keeps as text.",
          cells.number_as_text),
    Check("period_twice", "Period twice", "Two rows for one person and period.",
          trials.period_twice),
    Check("two_sequences", "Two sequences", "One person in two sequences.", trials.two_sequences),
    Check("treatment_not_planned", "Treatment against sequence",
          "Treatments that contradict the sequence.", trials.treatment_not_planned),
    Check("one_treatment", "One treatment only", "Trial rows with a single treatment.",
          trials.one_treatment),
    Check("reading", "How the file was read", "Hidden parts, decimal commas, merged cells.",
          file.reading),
    Check("number_assumed", "Numbers read with care", "Commas and marks left out of numbers.",
          cells.number_assumed),
)  # fmt: skip


def validate(table: StudyTable, needs: Collection[str] | None = None) -> tuple[Problem, ...]:
    """List all problems of a sheet, errors first.

    Parameters
    ----------
    table : StudyTable
        The sheet; excluded rows are not looked at.
    needs : collection of str, optional
        The roles in use; only their columns are looked at. All roles where none are given.

    Returns
    -------
    tuple of Problem
        Errors, then warnings, then notes; within these in the order of ``CHECKS`` and of rows.
    """
    look = Look(table, needs)
    found = [problem for check in CHECKS for problem in check.function(look)]
    order = ("error", "warning", "note")
    return tuple(sorted(found, key=lambda problem: order.index(problem.severity)))
