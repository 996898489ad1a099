"""Exact conditional tests: the distribution of sufficient statistics if nothing has an effect."""

from __future__ import annotations

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.mixed.generalised.conditional import ConditionalLikelihood
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

MOST_STATES = 2_000_000


class ExactDistribution:
    """Joint distribution of the sufficient statistics of whole-numbered columns under no effect.

    Raises
    ------
    NotEstimable
        If the distribution is too large to list, or a column is not of whole numbers from 0 on.

    References
    ----------
    Hirji, Mehta & Patel (1987).
    """

    def __init__(self, likelihood: ConditionalLikelihood, progress: Progress = SILENT) -> None:
        items = np.rint(likelihood.items)
        if np.abs(likelihood.items - items).max(initial=0.0) > 1e-9 or items.min(initial=0.0) < 0:
            raise NotEstimable("An exact test needs terms that are levels.")
        self.seen = np.rint(likelihood.seen).astype(np.int64)
        most = np.maximum.reduceat(items, likelihood.starts, axis=0).sum(axis=0) + 1
        if float(np.log(most).sum()) > 43:
            raise NotEstimable("The exact distribution is too large to list.")
        self.place = np.concatenate([[1], np.cumprod(most.astype(np.int64))[:-1]])
        self.most = most.astype(np.int64)
        keys: IntVector = np.zeros(1, dtype=np.int64)
        weights: FloatVector = np.ones(1)
        ends = np.append(likelihood.starts[1:], len(items))
        for i, (a, b) in enumerate(zip(likelihood.starts, ends, strict=True)):
            progress.step(0.9 * i / len(ends), "Listing all arrangements")
            add = items[a:b].astype(np.int64) @ self.place
            logs = likelihood.log_weight[a:b]
            chance = np.exp(logs - np.logaddexp.reduce(logs))
            if len(keys) * len(add) > MOST_STATES:
                raise NotEstimable("The exact distribution is too large to list.")
            grown = (keys[:, None] + add).ravel()
            mass = (weights[:, None] * chance).ravel()
            keys, of = np.unique(grown, return_inverse=True)
            weights = np.asarray(np.bincount(of.reshape(-1), mass), dtype=float)
        self.states: FloatMatrix = keys[:, None] // self.place % self.most
        self.weights = weights

    def test(self, column: int) -> tuple[float, float, float]:
        """Two-sided, lower and upper P value of one column given the statistics of the others.

        Two-sided: states no more probable than the observed one.
        """
        others = np.delete(np.arange(len(self.seen)), column)
        given = (self.states[:, others] == self.seen[others]).all(axis=1)
        value, weight = self.states[given, column], self.weights[given]
        total = weight.sum()
        at = weight[value == self.seen[column]].sum()
        two = weight[weight <= at * (1 + 1e-7)].sum() / total
        less = weight[value <= self.seen[column]].sum() / total
        greater = weight[value >= self.seen[column]].sum() / total
        return min(1.0, float(two)), float(less), float(greater)
