"""Whether a coefficient has no finite maximum-likelihood estimate, found out before fitting."""

from __future__ import annotations

import numpy as np

from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector


def separated_columns(
    X: FloatMatrix, low: BoolVector, high: BoolVector, *, one_sided: bool = False
) -> tuple[int, ...]:
    """Columns along which the likelihood rises for ever.

    Parameters
    ----------
    X : (n, p) array
        Design of full column rank.
    low, high : (n,) arrays of bool
        Rows whose outcome is the lowest possible (no success, no event) or the highest (all
        successes); rows that are neither pin the predictor down.
    one_sided : bool
        True for counts, which have no highest value.

    Returns
    -------
    tuple of int
        Columns that can differ from zero in a direction ``d`` with ``Xd ≤ 0`` where low, ``≥ 0``
        where high and ``= 0`` elsewhere.

    References
    ----------
    Albert & Anderson (1984); as linear programs, Konis (2007).
    """
    from scipy.optimize import linprog

    pinned = ~(low | high) if not one_sided else ~low
    bounded = [X[low]] if one_sided else [X[low], -X[high]]
    A_ub = np.unique(np.concatenate(bounded), axis=0)
    A_eq = np.unique(X[pinned], axis=0)

    def rises(goal: FloatVector) -> bool:
        answer = linprog(
            -goal,
            A_ub=A_ub if len(A_ub) else None,
            b_ub=np.zeros(len(A_ub)) if len(A_ub) else None,
            A_eq=A_eq if len(A_eq) else None,
            b_eq=np.zeros(len(A_eq)) if len(A_eq) else None,
            bounds=(-1, 1),
            method="highs",
        )
        return bool(answer.status == 0 and float(np.asarray(answer.x) @ goal) > 1e-7)

    if not rises(-A_ub.sum(axis=0)):
        return ()
    found = []
    for j in range(X.shape[1]):
        for sign in (1.0, -1.0):
            goal = np.zeros(X.shape[1])
            goal[j] = sign
            if rises(goal):
                found.append(j)
                break
    return tuple(found)
