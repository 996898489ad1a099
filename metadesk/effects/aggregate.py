"""Several effects of a study as one, with an assumed correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metadesk.effects.dependence import BlockCovariance, clusters
from metadesk.errors import SpecProblem
from metadesk.numerics.types import FloatVector, IntVector

Structure = Literal["CS", "ID", "CAR", "CS+CAR", "CS*CAR"]
STRUCTURES: dict[str, str] = {
    "CS": "every two estimates equally correlated",
    "ID": "independent",
    "CAR": "the nearer in time, the more correlated",
    "CS+CAR": "a constant part and a part that fades with time",
    "CS*CAR": "outcomes equally correlated, fading with time",
}


@dataclass(frozen=True, eq=False)
class Aggregated:
    """One estimate a cluster: its label, how many estimates went in, and which rows."""

    cluster: tuple[object, ...]
    yi: FloatVector
    vi: FloatVector
    ki: IntVector
    rows: tuple[IntVector, ...]


def covariance_of(
    vi: FloatVector,
    cluster: Sequence[object],
    structure: Structure = "CS",
    *,
    rho: float = 0.5,
    phi: float = 0.9,
    time: FloatVector | None = None,
    obs: Sequence[object] | None = None,
) -> BlockCovariance:
    """Sampling covariances within clusters by one of the ``STRUCTURES``."""
    if structure not in STRUCTURES:
        raise SpecProblem(f"There is no structure '{structure}'. Known: {', '.join(STRUCTURES)}.")
    if "CAR" in structure and time is None:
        raise SpecProblem(f"Structure {structure} needs the time of each estimate.")
    if structure == "CS*CAR" and obs is None:
        raise SpecProblem("Structure CS*CAR needs the outcome of each estimate.")
    labels, rows = clusters(cluster)
    v = np.asarray(vi, dtype=float)
    blocks = []
    for at in rows:
        R = np.full((len(at), len(at)), rho if structure != "ID" else 0.0)
        if time is not None and "CAR" in structure:
            t = np.asarray(time, dtype=float)[at]
            fading = phi ** np.abs(t[:, None] - t[None, :])
            if structure == "CAR":
                R = fading
            elif structure == "CS+CAR":
                R = rho + (1.0 - rho) * fading
            elif obs is not None:
                own = [obs[int(i)] for i in at]
                R = np.array([[1.0 if a == b else rho for b in own] for a in own]) * fading
        np.fill_diagonal(R, 1.0)
        s = np.sqrt(v[at])
        blocks.append(R * s[:, None] * s[None, :])
    return BlockCovariance(len(v), rows, tuple(blocks), labels)


def aggregate(yi: FloatVector, V: BlockCovariance, *, weighted: bool = True) -> Aggregated:
    """Combine the estimates of each cluster into one.

    Parameters
    ----------
    yi : (k,) array
        Estimates; rows without one are left out of their cluster.
    V : BlockCovariance
        Sampling covariances within clusters.
    weighted : bool
        Generalised least squares (smallest variance); else the plain mean.

    Returns
    -------
    Aggregated
        One row a cluster, in the order of first appearance.

    Raises
    ------
    DataProblem
        If the covariances of a cluster are not possible.
    """
    y = np.asarray(yi, dtype=float)
    V.checked()
    found: list[tuple[object, float, float, IntVector]] = []
    for label, at, block in zip(V.labels, V.rows, V.blocks, strict=True):
        known = np.isfinite(y[at]) & np.isfinite(np.diag(block))
        if not known.any():
            continue
        rows, inner = at[known], block[np.ix_(known, known)]
        ones = np.ones(len(rows))
        if weighted:
            weights = np.linalg.solve(inner, ones)
            variance = 1.0 / weights.sum()
            found.append((label, float(weights @ y[rows] * variance), float(variance), rows))
        else:
            found.append((label, float(y[rows].mean()), float(inner.sum() / len(rows) ** 2), rows))
    return Aggregated(
        tuple(f[0] for f in found),
        np.array([f[1] for f in found]),
        np.array([f[2] for f in found]),
        np.array([len(f[3]) for f in found]),
        tuple(f[3] for f in found),
    )
