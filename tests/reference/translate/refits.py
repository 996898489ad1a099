"""Cases of leave-one-out and cumulative meta-analysis."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.diagnostics.refits import Refits, cumulate, leave_one_out
from translate.meta_uni import data_of, model_of


@runs("leave1out")
def without_each(case: Case) -> dict[str, Any]:
    data, _ = data_of(case)
    rest = ~np.eye(data.k, dtype=bool)
    return entries(leave_one_out(model_of(case.spec), data), rest, data.vi)


@runs("cumul")
def cumulated(case: Case) -> dict[str, Any]:
    data, rows = data_of(case)
    order = np.argsort(case.column(case.spec["order_column"])[rows], kind="stable")
    first = np.tri(data.k, dtype=bool)
    return entries(cumulate(model_of(case.spec), data, order.tolist()), first, data.vi[order])


def entries(found: Refits, subsets: np.ndarray, vi: np.ndarray) -> dict[str, Any]:
    """Subsets with a variance of 0 have no Q in the reference, and nothing that rests on it."""
    answer = asdict(found)
    sure = (subsets & (vi <= 1e-15 * np.median(vi))).any(axis=1)
    for name in ("Q", "Qp", "I2", "H2"):
        answer[name] = np.where(sure, np.nan, answer[name])
    return answer
