"""Likelihood-ratio tests: of moderators, of the between-study variance, of nested models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metadesk.errors import SpecProblem
from metadesk.models.result import FitResult, FitStatistics, Omnibus
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_tail
from metadesk.numerics.types import FloatMatrix

SPREAD = "Between-study variance (τ² = 0)"


@dataclass(frozen=True)
class Refits:
    """How a model is fitted again to be tested by its likelihood.

    ``by_ml`` turns its options into those of the same model by maximum likelihood, with nothing
    beside it; ``of_spread(options, data, progress)`` tests its variances.
    """

    by_ml: Callable[[Any], Any]
    of_spread: Callable[[Any, Any, Progress], tuple[Omnibus, ...]] | None = None


def ratio_test(
    full: FitStatistics, reduced: FitStatistics, title: str, coefficients: Sequence[str] = ()
) -> Omnibus:
    """Test a model against one nested in it: ``2 (ll_full - ll_reduced)`` is chi-square.

    Where they differ by one variance, which cannot be negative, half of the distribution has one
    degree of freedom less (Self & Liang 1987, case 5); where they differ by several, all degrees
    of freedom are counted, which is conservative.
    """
    df = full.n_parameters - reduced.n_parameters
    ratio = max(2.0 * (full.logLik - reduced.logLik), 0.0)
    by = f"Likelihood ratio ({'REML' if full.restricted else 'ML'})"
    gone = len(full.variances - reduced.variances)
    p = chi2_tail(ratio, df)
    if gone == 1:
        less = chi2_tail(ratio, df - 1) if df > 1 else float(ratio == 0.0)
        p, by = 0.5 * (p + less), f"{by}, ½ χ²({df - 1}) + ½ χ²({df})"
    elif gone:
        by = f"{by}, conservative"
    return Omnibus(title, ratio, "chi2", float(df), math.inf, p, tuple(coefficients), by)


def why_not_nested(
    full: FitResult, reduced: FitResult, X_full: FloatMatrix, X_reduced: FloatMatrix
) -> str:
    """The reason in one sentence why no likelihood ratio compares these fits; '' where one does.

    ``X_full`` and ``X_reduced`` are their designs over the same studies.
    """
    a, b = full.statistics, reduced.statistics
    if a is None or b is None or not (a.likelihood and b.likelihood):
        return "One of the two does not maximise a likelihood."
    if a.likelihood != b.likelihood:
        return "They are models of different likelihoods."
    if X_full.shape[0] != X_reduced.shape[0]:
        return "They count different studies."
    if a.restricted != b.restricted:
        return "One is by restricted, the other by ordinary maximum likelihood."
    if not (b.variances <= a.variances and _spans(X_full, X_reduced)):
        return "Neither is a special case of the other."
    if a.restricted and not _spans(X_reduced, X_full):
        return (
            "Restricted likelihoods compare models with the same moderators only; choose maximum "
            "likelihood (ML) for both."
        )
    if a.n_parameters <= b.n_parameters:
        return "They are the same model."
    return ""


def _spans(X: FloatMatrix, Z: FloatMatrix) -> bool:
    """Whether every column of ``Z`` is a combination of those of ``X``."""
    scale = np.sqrt((Z * Z).sum(axis=0))
    unit = Z / np.where(scale > 0.0, scale, 1.0)
    left = unit - X @ np.linalg.lstsq(X, unit, rcond=None)[0]
    return bool(np.abs(left).max(initial=0.0) < 1e-8)


def ratio_tests(
    fit: Callable[[Any, Any, Progress], FitResult],
    refits: Refits,
    options: Any,
    data: Any,
    sets: Sequence[tuple[str, tuple[str, ...]]],
    progress: Progress = SILENT,
) -> tuple[Omnibus, ...]:
    """Likelihood-ratio tests of sets of coefficients, by maximum likelihood whatever the fit is by.

    Parameters
    ----------
    fit, refits, options, data
        The model's own, with the moderators as columns of ``data``.
    sets : sequence of (title, names)
        The coefficients that a test takes out together.

    Raises
    ------
    NotEstimable
        Where the model by maximum likelihood has no finite estimate.
    """
    chosen = refits.by_ml(options)
    many = len(sets) + 1
    whole = fit(chosen, data, progress.within(0.0, 1.0 / many))
    if whole.statistics is None:
        raise SpecProblem("A likelihood-ratio test needs a model fitted by likelihood.")
    found = []
    for i, (title, names) in enumerate(sets):
        step = progress.within((i + 1) / many, (i + 2) / many)
        step.step(0.0, "Likelihood-ratio tests")
        if set(names) >= set(whole.coefficients.names):
            continue  # nothing would be left to fit
        part = fit(chosen, data.without_columns(names), step)
        assert part.statistics is not None
        kept = tuple(n for n in names if n in whole.coefficients.names)
        if part.statistics.n_parameters < whole.statistics.n_parameters:
            found.append(ratio_test(whole.statistics, part.statistics, title, kept))
    return tuple(found)
