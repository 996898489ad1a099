"""Permutation tests of a pooled mean (signs flipped) or of moderators (rows reshuffled)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from metadesk.document import Column, Table
from metadesk.errors import SpecProblem
from metadesk.models.meta.batch import METHODS, BatchFit, fit_batch
from metadesk.models.meta.data import INTERCEPT, MetaData
from metadesk.models.meta.mixed_effects import MixedEffects
from metadesk.models.meta.pooling import independent_columns
from metadesk.models.meta.random_effects import RandomEffects
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector
from metadesk.options import choice, integer

MOST_EXACT = 1_000_000
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Permutation:
    """How many permutations, and whether all of them."""

    kind: str = choice(
        "Permutations",
        {"auto": "All if there are no more than asked for", "exact": "All", "random": "Random"},
        "auto",
    )
    iterations: int = integer("Number of permutations", 1000, minimum=99, maximum=1_000_000)
    seed: int = integer("Seed of the random numbers", 1, minimum=0, maximum=2**31 - 1)


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """p-values by permutation.

    ``error`` is the Monte Carlo standard error of each p-value, zero where all permutations were
    done. ``QMp`` is the joint test of the moderators (NaN without any).
    """

    names: tuple[str, ...]
    stat: FloatVector
    pval: FloatVector
    error: FloatVector
    QM: float
    QMp: float
    QMp_error: float
    n: int
    exact: bool

    def table(self) -> Table:
        """Coefficients with their permutation p-values."""
        columns = (
            Column("term", "Term"),
            Column("stat", "Statistic", "statistic"),
            Column("pval", "P (permutation)", "p"),
            Column("error", "Monte Carlo error", "se"),
        )
        rows = tuple(
            (name, float(self.stat[i]), float(self.pval[i]), float(self.error[i]))
            for i, name in enumerate(self.names)
        )
        what = "all" if self.exact else "random"
        return Table("Permutation test", columns, rows, (f"{self.n:,} {what} permutations.",))


def permutation_test(
    model: RandomEffects | MixedEffects,
    data: MetaData,
    options: Permutation | None = None,
    progress: Progress = SILENT,
) -> PermutationTest:
    """Refit the model to every (or to random) rearrangement of the data and count.

    Without moderators the signs of the effects are flipped, under the hypothesis that effects are
    symmetric about zero; with moderators the rows of the design are reshuffled against the effects
    (Follmann & Proschan 1999; Higgins & Thompson 2004). A rearrangement counts when its
    statistic is at least as far from zero as the observed one. Random rearrangements take the
    observed one into the count: ``p = (1 + count)/(1 + n)``.

    Raises
    ------
    SpecProblem
        Where the estimator of tau² does not run on many data sets, or all permutations are too
        many.
    """
    options = options or Permutation()
    method = "EE" if model.tau2 == "none" else model.tau2
    if method not in METHODS:
        raise SpecProblem(f"A permutation test cannot use tau² by {method}; choose REML or DL.")
    X, names, _ = independent_columns(data.X, data.names)
    if names == (INTERCEPT,):
        fits, exact = _flipped(model, data, method, options, progress)
    else:
        fits, exact = _reshuffled(model, data, X, method, options, progress)
    stat = _statistics(model.test, fits)
    first = 0 if exact else 1
    p, error = _p_values(np.abs(stat), first)
    qm, qm_error = math.nan, math.nan
    joint = fits.QM / _scale(model.test, fits) ** 2
    if names != (INTERCEPT,):
        if INTERCEPT not in names:
            raise SpecProblem("A permutation test of moderators needs an intercept in the model.")
        got, err = _p_values(joint[:, None], first)
        qm, qm_error = float(got[0]), float(err[0])
    return PermutationTest(
        names, stat[0], p, error, float(joint[0]), qm, qm_error, stat.shape[0] - first, exact
    )


def _scale(test: str, fits: BatchFit) -> FloatVector:
    """The factor by which a test widens the classic standard error."""
    if test == "hksj":
        return np.sqrt(fits.s2w)
    if test == "hksj-guarded":
        return np.sqrt(np.maximum(fits.s2w, 1.0))
    if test == "kr":
        raise SpecProblem("A permutation test runs with the tests z, t or Hartung–Knapp.")
    return np.ones(fits.s2w.size)


def _statistics(test: str, fits: BatchFit) -> FloatMatrix:
    with np.errstate(all="ignore"):
        return np.asarray(fits.b / (fits.se * _scale(test, fits)[:, None]), dtype=np.float64)


def _p_values(size: FloatMatrix, first: int) -> tuple[FloatVector, FloatVector]:
    """Share of rearrangements at least as extreme as row 0, and its Monte Carlo error."""
    with np.errstate(invalid="ignore"):
        extreme = size >= size[0] * (1.0 - _TOLERANCE)
    n = size.shape[0] - first
    p = extreme.sum(axis=0) / (n + first)
    error = np.sqrt(p * (1.0 - p) / n) if first else np.zeros(p.size)
    return p, error


def _flipped(
    model: RandomEffects | MixedEffects,
    data: MetaData,
    method: str,
    options: Permutation,
    progress: Progress,
) -> tuple[BatchFit, bool]:
    k = data.k
    exact = _all_of_them(2.0**k, options)
    if exact:
        bits = (np.arange(2**k)[:, None] >> np.arange(k)) & 1
        signs = 1.0 - 2.0 * bits
    else:
        rng = np.random.default_rng(options.seed)
        signs = np.vstack([np.ones(k), rng.choice([-1.0, 1.0], (options.iterations, k))])
    fits = fit_batch(
        signs * data.yi, data.vi, method=method, tau2=model.tau2_value, progress=progress
    )
    return fits, exact


def _reshuffled(
    model: RandomEffects | MixedEffects,
    data: MetaData,
    X: FloatMatrix,
    method: str,
    options: Permutation,
    progress: Progress,
) -> tuple[BatchFit, bool]:
    rows, kinds = np.unique(X, axis=0, return_inverse=True)
    kinds = kinds.ravel()
    count = math.factorial(data.k)
    for same in Counter(kinds.tolist()).values():
        count //= math.factorial(same)
    exact = _all_of_them(float(count), options)
    if exact:
        orders = _arrangements(kinds)
    else:
        rng = np.random.default_rng(options.seed)
        drawn = rng.permuted(np.tile(kinds, (options.iterations, 1)), axis=1)
        orders = np.vstack([kinds, drawn])
    fits = fit_batch(
        data.yi,
        data.vi,
        X=rows[orders],
        method=method,
        tau2=model.tau2_value,
        progress=progress,
    )
    return fits, exact


def _all_of_them(count: float, options: Permutation) -> bool:
    if options.kind == "exact" and count > MOST_EXACT:
        raise SpecProblem(
            f"All permutations would be {count:.3g}; at most {MOST_EXACT:,} are done. "
            "Choose random ones."
        )
    return options.kind == "exact" or (options.kind == "auto" and count <= options.iterations)


def _arrangements(kinds: IntVector) -> IntVector:
    """All distinct orders of the kinds, the given one first."""
    k = kinds.size
    made = np.full((1, k), -1, dtype=np.int64)
    for kind, count in sorted(Counter(kinds.tolist()).items()):
        for _ in range(count):
            made = _place(made, kind)
        made = np.unique(made, axis=0)
    same = np.flatnonzero((made == kinds).all(axis=1))[0]
    made[[0, same]] = made[[same, 0]]
    return made


def _place(made: IntVector, kind: int) -> IntVector:
    """Put one more of ``kind`` into every free place after its last occurrence."""
    places = np.arange(made.shape[1])
    last = np.where(made == kind, places, -1).max(axis=1)
    free = (made == -1) & (places > last[:, None])
    which, where = np.nonzero(free)
    out = made[which]
    out[np.arange(which.size), where] = kind
    return out
