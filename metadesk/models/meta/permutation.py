"""Permutation tests of a pooled mean (signs flipped) or of moderators (rows reshuffled)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from metadesk.document import Cell, Column, Table
from metadesk.errors import SpecProblem
from metadesk.models.meta.batch import METHODS, BatchFit, fit_batch
from metadesk.models.meta.data import INTERCEPT, MetaData
from metadesk.models.meta.fixed_effect import FixedEffect
from metadesk.models.meta.mixed_effects import MixedEffects
from metadesk.models.meta.pooling import independent_columns
from metadesk.models.meta.random_effects import RandomEffects
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector
from metadesk.options import choice, integer

MOST_EXACT = 1_000_000
KINDS = {"auto": "All if there are no more than asked for", "exact": "All", "random": "Random"}
Permuted = FixedEffect | RandomEffects | MixedEffects
_TOLERANCE = 1e-8
_BLOCK = 25_000  # numbers in one block of rearrangements


@dataclass(frozen=True)
class Permutation:
    """How many permutations, and whether all of them."""

    kind: str = choice("Permutations", KINDS, "auto")
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
        """Coefficients with their permutation p-values, then all moderators together."""
        columns = (
            Column("term", "Term"),
            Column("stat", "Statistic", "statistic"),
            Column("pval", "P (permutation)", "p"),
            Column("error", "Monte Carlo error of P", "se"),
        )
        rows: list[tuple[Cell, ...]] = [
            (name, float(self.stat[i]), float(self.pval[i]), float(self.error[i]))
            for i, name in enumerate(self.names)
        ]
        if len(self.names) > 2:
            rows.append(("All moderators (QM)", self.QM, self.QMp, self.QMp_error))
        return Table("Permutation test", columns, tuple(rows), (self._words(),), "permutation")

    def _words(self) -> str:
        what = "sign changes" if self.names == (INTERCEPT,) else "rearrangements"
        if self.exact:
            return f"All {self.n:,} {what}: the P values are exact."
        return f"{self.n:,} random {what}; another seed moves P by about its Monte Carlo error."


def permutation_test(
    model: Permuted,
    data: MetaData,
    options: Permutation | None = None,
    progress: Progress = SILENT,
) -> PermutationTest:
    """Refit the model to every (or to random) rearrangement of the data and count.

    Without moderators the signs of the effects are flipped, under the hypothesis that effects are
    symmetric about zero; with moderators the rows of the design are reshuffled against the effects
    (Follmann & Proschan 1999; Higgins & Thompson 2004). A rearrangement counts when its
    statistic is at least as far from zero as the observed one. Random rearrangements take the
    observed one into the count: ``p = (1 + count)/(1 + n)``, with binomial error.

    Raises
    ------
    SpecProblem
        Where the model does not run on many data sets, or all permutations are too many.
    """
    options = options or Permutation()
    X, names, _, _ = independent_columns(data.X, data.names)
    if names != (INTERCEPT,) and INTERCEPT not in names:
        raise SpecProblem(
            "A permutation test of moderators needs an intercept in the model: take '0 +' out of "
            "the formula."
        )
    many = _Many.of(model, data)
    plan = _flips(data, options) if names == (INTERCEPT,) else _shuffles(data, X, options, progress)
    observed = many.statistics(data.yi, X)[0]
    least, extreme = np.abs(observed) * (1.0 - _TOLERANCE), np.zeros(observed.size)
    done = 0
    for y, design in plan.blocks:
        progress.step(done / plan.n, "Permutation test")
        found = np.abs(many.statistics(y, design))
        with np.errstate(invalid="ignore"):
            extreme += (found >= least).sum(axis=0)
        done += found.shape[0]
    first = 0 if plan.exact else 1
    p = np.where(np.isnan(observed), math.nan, (first + extreme) / (first + plan.n))
    error = np.sqrt(p * (1.0 - p) / plan.n) if first else 0.0 * p
    alone = names == (INTERCEPT,)
    return PermutationTest(
        names, observed[:-1], p[:-1], error[:-1], float(observed[-1]),
        math.nan if alone else float(p[-1]), math.nan if alone else float(error[-1]),
        plan.n, plan.exact,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Many:
    """A model that is fitted to many data sets at once."""

    data: MetaData
    method: str
    tau2: float | None
    test: str

    @classmethod
    def of(cls, model: Permuted, data: MetaData) -> _Many:
        """Refuse what does not run on many data sets."""
        method = "EE" if isinstance(model, FixedEffect) or model.tau2 == "none" else model.tau2
        given = None if isinstance(model, FixedEffect) else model.tau2_value
        if method not in METHODS:
            raise SpecProblem(f"A permutation test cannot use τ² by {method}; choose REML or DL.")
        if model.test not in ("z", "t", "hksj", "hksj-guarded"):
            raise SpecProblem("A permutation test runs with the tests z, t or Hartung–Knapp.")
        if model.weighting != "inverse-variance":
            raise SpecProblem("A permutation test runs with inverse-variance weights.")
        return cls(data, method, given, model.test)

    def fits(self, y: FloatMatrix, X: FloatMatrix) -> BatchFit:
        """Fit every row of ``y``, or every design of ``X``."""
        design = None if X.shape[-1] == 1 and bool((X == 1.0).all()) else X
        return fit_batch(y, self.data.vi, X=design, method=self.method, tau2=self.tau2)

    def statistics(self, y: FloatMatrix, X: FloatMatrix) -> FloatMatrix:
        """Every coefficient's statistic, and in the last column the joint one."""
        fits = self.fits(y, X)
        scale = self._scale(fits)
        with np.errstate(all="ignore"):
            tests = fits.b / (fits.se * scale[:, None])
            return np.column_stack([tests, fits.QM / scale**2])

    def _scale(self, fits: BatchFit) -> FloatVector:
        """The factor by which the test widens the classic standard error."""
        if self.test == "hksj":
            return np.sqrt(fits.s2w)
        if self.test == "hksj-guarded":
            return np.sqrt(np.maximum(fits.s2w, 1.0))
        return np.ones(fits.s2w.size)


Block = tuple[FloatMatrix, FloatMatrix]


@dataclass(frozen=True)
class _Plan:
    """Rearrangements in blocks of (effects, design); all ``n`` of them, or so many random ones."""

    n: int
    exact: bool
    blocks: Iterator[Block]


def _spans(n: int, width: int) -> Iterator[tuple[int, int]]:
    size = max(1, _BLOCK // max(1, width))
    for first in range(0, n, size):
        yield first, min(n, first + size)


def _flips(data: MetaData, options: Permutation) -> _Plan:
    k = data.k
    exact = _all_of_them(2**k, options)
    n = 2**k if exact else options.iterations
    rng = np.random.default_rng(options.seed)

    def blocks() -> Iterator[Block]:
        for first, last in _spans(n, k):
            if exact:
                bits = (np.arange(first, last)[:, None] >> np.arange(k)) & 1
            else:
                bits = rng.integers(0, 2, (last - first, k))
            yield (1.0 - 2.0 * bits) * data.yi, np.ones((k, 1))

    return _Plan(n, exact, blocks())


def _shuffles(data: MetaData, X: FloatMatrix, options: Permutation, progress: Progress) -> _Plan:
    rows, kinds = np.unique(X, axis=0, return_inverse=True)
    kinds = kinds.ravel()
    count = math.factorial(data.k)
    for same in Counter(kinds.tolist()).values():
        count //= math.factorial(same)
    exact = _all_of_them(count, options)
    every = _arrangements(kinds, progress) if exact else np.zeros((0, data.k), dtype=np.int64)
    n = every.shape[0] if exact else options.iterations
    rng = np.random.default_rng(options.seed)

    def blocks() -> Iterator[Block]:
        for first, last in _spans(n, X.size):
            if exact:
                orders = every[first:last]
            else:
                orders = rng.permuted(np.tile(kinds, (last - first, 1)), axis=1)
            yield data.yi[None, :], rows[orders]

    return _Plan(n, exact, blocks())


def _all_of_them(count: int, options: Permutation) -> bool:
    if options.kind == "exact" and count > MOST_EXACT:
        # of a few hundred studies they are more than a floating-point number can count
        many = f"{count:.3g}" if count < 1e15 else f"about 1e{math.floor(math.log10(count))}"
        raise SpecProblem(
            f"All permutations would be {many}; at most {MOST_EXACT:,} are done. "
            "Choose random ones."
        )
    return options.kind == "exact" or (options.kind == "auto" and count <= options.iterations)


def _arrangements(kinds: IntVector, progress: Progress) -> IntVector:
    """All distinct orders of the kinds."""
    made = np.full((1, kinds.size), -1, dtype=np.int64)
    for kind, count in sorted(Counter(kinds.tolist()).items()):
        for _ in range(count):
            progress.step(0.0, "Listing all rearrangements")
            made = _place(made, kind)
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
