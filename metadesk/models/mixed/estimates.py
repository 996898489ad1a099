"""Estimates with their tests and intervals, and how degrees of freedom are named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatVector

DfRule = Literal["kenward-roger", "satterthwaite", "containment", "between-within", "residual", "z"]

DF_TITLES = {
    "kenward-roger": "Kenward–Roger",
    "satterthwaite": "Satterthwaite",
    "containment": "containment",
    "between-within": "between–within",
    "residual": "residual (n − p)",
    "z": "normal distribution",
}


@dataclass(frozen=True, eq=False)
class Estimates:
    """Some linear combinations of fixed effects with their t tests and intervals."""

    names: tuple[str, ...]
    estimate: FloatVector
    se: FloatVector
    df: FloatVector
    statistic: FloatVector
    pval: FloatVector
    ci_lb: FloatVector
    ci_ub: FloatVector
    level: float
    rule: str


@dataclass(frozen=True)
class JointTest:
    """A joint F test that some combinations of fixed effects are zero."""

    title: str
    F: float
    num_df: int
    den_df: float
    p: float
    rule: str


def estimates(
    names: tuple[str, ...],
    estimate: FloatVector,
    se: FloatVector,
    df: FloatVector,
    level: float,
    rule: str,
) -> Estimates:
    """Complete estimates with t, P and interval."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = estimate / se
    half = quantile(level, df) * se
    return Estimates(
        names,
        estimate,
        se,
        df,
        t,
        two_sided_p(t, df),
        estimate - half,
        estimate + half,
        level,
        rule,
    )
