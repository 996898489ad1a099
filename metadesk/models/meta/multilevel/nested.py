"""The three-level model without matrices: groups of effects with independent sampling errors.

Within a group M = D + gamma 11', so M⁻¹ = W − c ww' with c = gamma/(1 + gamma Σw) (Sherman &
Morrison 1950) and everything is a sum over rows and over groups, O(k p²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.models.meta.multilevel.blocks import LOG_2PI, Evaluation
from metadesk.models.meta.multilevel.data import DependentData
from metadesk.models.meta.multilevel.structures import Covariance
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector


@dataclass(frozen=True, eq=False)
class Nested:
    """Rows sorted by group; ``shared`` marks the parameters that a group has in common."""

    order: IntVector
    starts: IntVector
    sizes: IntVector
    Xy: FloatMatrix
    v: FloatVector
    shared: BoolVector

    @classmethod
    def of(cls, data: DependentData, covariance: Covariance) -> Nested | None:
        """Lay out the data, or return None if the model is not of this form."""
        if data.blocks or covariance.n_rho or covariance.matrices:
            return None
        groups = [entry.part.group for entry in covariance.entries]
        per_row = [np.unique(g).size == data.k for g in groups]
        shared = [i for i, own in enumerate(per_row) if not own]
        if len(shared) > 1:
            return None
        codes = groups[shared[0]] if shared else np.arange(data.k)
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        return cls(
            order=order,
            starts=starts,
            sizes=np.diff(np.append(starts, data.k)),
            Xy=np.column_stack([data.X, data.yi])[order],
            v=data.vi[order],
            shared=~np.array(per_row),
        )

    def evaluate(self, gamma: FloatVector, restricted: bool) -> Evaluation | None:
        """Likelihood, score and average information; None outside the domain."""
        common = float(gamma[self.shared].sum())
        own = self.v + float(gamma[~self.shared].sum())
        if common < 0.0 or not np.all(own > 0.0):
            return None
        w = 1.0 / own
        total = np.add.reduceat(w, self.starts)
        c = common / (1.0 + common * total)
        k, p = self.Xy.shape[0], self.Xy.shape[1] - 1

        def solve(columns: FloatMatrix) -> FloatMatrix:
            weighted = columns * w[:, None]
            inside = np.add.reduceat(weighted, self.starts, axis=0) * c[:, None]
            return weighted - w[:, None] * np.repeat(inside, self.sizes, axis=0)

        A = solve(self.Xy)
        cross = self.Xy[:, :p].T @ A
        try:
            vb = np.asarray(np.linalg.inv(cross[:, :p]), dtype=float)
        except np.linalg.LinAlgError:
            return None
        b = vb @ cross[:, p]
        MX = A[:, :p]
        e = A[:, p] - MX @ b
        rss = float((self.Xy[:, p] - self.Xy[:, :p] @ b) @ e)
        log_det = float(np.log(own).sum() + np.log1p(common * total).sum())
        sums = np.add.reduceat(np.column_stack([e, MX]), self.starts, axis=0)
        forms = (
            (float(e @ e), float((w - np.repeat(c, self.sizes) * w * w).sum()), MX.T @ MX),
            (
                float(sums[:, 0] @ sums[:, 0]),
                float((total / (1.0 + common * total)).sum()),
                sums[:, 1:].T @ sums[:, 1:],
            ),
        )
        q = np.column_stack([e, np.repeat(sums[:, 0], self.sizes)])
        lever = q.T @ MX
        half = 0.5 * (q.T @ solve(q) - lever @ vb @ lever.T)
        kind = self.shared.astype(int)
        slope = np.array([0.5 * (quadratic - trace) for quadratic, trace, _ in forms], dtype=float)
        sign, log_det_xmx = np.linalg.slogdet(cross[:, :p])
        if sign <= 0:
            return None
        if restricted:
            slope += 0.5 * np.array([float(np.sum(vb * square)) for _, _, square in forms])
            ll = -0.5 * ((k - p) * LOG_2PI + log_det + float(log_det_xmx) + rss)
        else:
            ll = -0.5 * (k * LOG_2PI + log_det + rss)
        weighted = np.empty((k, p + 1))
        weighted[self.order] = np.column_stack([MX, e])
        return Evaluation(
            ll, b, vb, slope[kind], half[np.ix_(kind, kind)], weighted[:, p], weighted[:, :p], rss
        )
