"""Cases of leave-one-out and cumulative meta-analysis."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.diagnostics.refits import cumulate, leave_one_out
from translate.meta_uni import data_of, model_of


@runs("leave1out")
def without_each(case: Case) -> dict[str, Any]:
    data, _ = data_of(case)
    return asdict(leave_one_out(model_of(case.spec), data))


@runs("cumul")
def cumulated(case: Case) -> dict[str, Any]:
    data, rows = data_of(case)
    order = np.argsort(case.column(case.spec["order_column"])[rows], kind="stable")
    return asdict(cumulate(model_of(case.spec), data, order.tolist()))
