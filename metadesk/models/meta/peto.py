"""Peto's one-step odds ratio: observed minus expected events."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.document import Note
from metadesk.effects.compute import compute
from metadesk.errors import NotEstimable, SpecProblem
from metadesk.models.meta.mantel_haenszel import WHERE, added, pooled_counts, with_constant
from metadesk.models.meta.two_arms import TwoArms
from metadesk.models.result import FitResult
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatVector
from metadesk.options import choice, flag, number


@dataclass(frozen=True)
class Peto:
    """What is added to zero cells: for the studies' own estimates, and (nothing) for pooling."""

    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    add: float = number("Added for the studies' own estimates", 0.5, minimum=0.0, maximum=1.0)
    to: str = choice("Added to (studies' own estimates)", WHERE, "only0")
    add_pooled: float = number(
        "Added for pooling", 0.0, minimum=0.0, maximum=1.0, advanced=True,
        help="Peto's method needs none; anything but 0 biases it.",
    )  # fmt: skip
    to_pooled: str = choice("Added to (pooling)", WHERE, "none", advanced=True)
    drop00: bool = flag("Leave out own estimates of studies without events", True, advanced=True)


def fit_peto(spec: Peto, data: TwoArms, progress: Progress = SILENT) -> FitResult:
    """Pool log odds ratios as ``sum(O - E)/sum(V)`` with standard error ``1/sqrt(sum V)``.

    ``O`` events in group 1, ``E`` and ``V`` their hypergeometric mean and variance given the
    margins; ``Q = sum((O - E)²/V) - (sum(O - E))²/sum(V)`` (Yusuf et al. 1985). Good for rare
    events, groups of similar size and small effects; biased otherwise.

    Raises
    ------
    NotEstimable
        Where no study has both an event and a non-event.
    """
    if data.measure not in ("OR", "PETO"):
        raise SpecProblem(f"Peto's method pools odds ratios, not {data.measure}.")
    pooled = with_constant(data, spec.add_pooled, spec.to_pooled)
    gap, V = observed_minus_expected(pooled)
    total = float(V.sum())
    if total <= 0.0:
        raise NotEstimable(
            "No study has both an event and a non-event, so the odds ratio cannot be formed; "
            "a difference of risks can still be pooled."
        )
    b = float(gap.sum()) / total
    use = V > 0.0
    q = float((gap[use] ** 2 / V[use]).sum()) - float(gap.sum()) ** 2 / total
    return pooled_counts(
        model="peto",
        title="Peto",
        data=data,
        b=b,
        se=1.0 / math.sqrt(total),
        share=V,
        q_about=peto_effects(spec, data),
        level=spec.level,
        extra={},
        notes=_notes(data, V, b),
        method="Peto's one-step odds ratio; added for pooling: "
        + added(spec.add_pooled, spec.to_pooled),
        q=q,
    )


def observed_minus_expected(data: TwoArms) -> tuple[FloatVector, FloatVector]:
    """``O - E`` and its hypergeometric variance, study by study."""
    N, events = data.n1i + data.n2i, data.x1i + data.x2i
    gap = data.x1i - events * (data.n1i / N)
    V = events * (data.n1i / N) * (data.n2i / N) * ((N - events) / (N - 1.0))
    return gap, V


def peto_effects(spec: Peto, data: TwoArms) -> tuple[FloatVector, FloatVector]:
    """The studies' own Peto estimates and variances; NaN where left out."""
    options = {"add": spec.add, "to": spec.to, "drop00": spec.drop00}
    found = compute("PETO", data.columns, options)
    return found.yi, found.vi


def _notes(data: TwoArms, V: FloatVector, b: float) -> tuple[Note, ...]:
    notes = []
    empty = [s for s, v in zip(data.slab, V, strict=True) if v == 0.0]
    if empty:
        notes.append(
            Note(
                "Without an event (or without a non-event) in either group, so with weight 0: "
                f"{', '.join(empty)}.",
                "note",
                "double-zero",
            )
        )
    ratio = np.maximum(data.n1i / data.n2i, data.n2i / data.n1i)
    if abs(b) > 1.0 or float(np.median(ratio)) > 2.0:
        notes.append(
            Note(
                "Peto's odds ratio is biased where effects are large or groups differ much in "
                "size; compare Mantel–Haenszel.",
                "caution",
                "peto-bias",
                "Greenland & Salvan (1990)",
            )
        )
    return tuple(notes)
