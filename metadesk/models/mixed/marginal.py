"""Effects averaged over persons, beside the effects given the person."""

from __future__ import annotations

import numpy as np
from scipy import special

from metadesk.models.mixed.families import Binomial, Family
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.terms import ModelFrame
from metadesk.models.mixed.woodbury import RandomColumns
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector

STEPS = 241


def marginal_effects(
    spec: GeneralisedMixed,
    frame: ModelFrame,
    family: Family,
    random: RandomColumns,
    par: FloatVector,
    spread: FloatMatrix,
) -> dict[str, Quantity]:
    """Marginal risks of each treatment, risk differences and odds ratios (log), by standardisation.

    Every row is given each treatment in turn; its probability is averaged over the distribution of
    random effects and over rows. Standard errors by the delta method. Binary outcomes only: with a
    log link a random intercept leaves ratios as they are.
    """
    at = frame.design.position(frame.data.roles.treatment)
    if not isinstance(family, Binomial) or at < 0 or frame.design.terms[at].kind != "factor":
        return {}
    design = frame.design
    columns = design.columns_of(at)
    levels = design.levels[at]
    if len(columns) != len(levels) - 1:
        return {}
    reference = design.terms[at].reference or levels[0]
    order = (reference, *(w for w in levels if w != reference))
    base = design.X.copy()
    base[:, columns] = 0.0
    bare, weight = np.unique(base, axis=0, return_counts=True)
    q = random.Z.shape[1]
    m = q * (q + 1) // 2
    slope_column = [next((j for j in columns if design.names[j] == t), -1) for t in random.terms]

    def risks(p: FloatVector) -> FloatVector:
        L = np.zeros((q, q))
        for (a, b), value in zip(
            [(r, c) for c in range(q) for r in range(c, q)], p[:m], strict=True
        ):
            L[a, b] = value
        beta = p[m:]
        found = np.empty(len(order))
        for i in range(len(order)):
            X = bare.copy()
            z = np.array([1.0 if t == "(Intercept)" else 0.0 for t in random.terms])
            if i:
                X[:, columns[i - 1]] = 1.0
                for t, j in enumerate(slope_column):
                    if j == columns[i - 1]:
                        z[t] = 1.0
            sd = float(np.linalg.norm(L.T @ z))
            found[i] = weight @ _mean_risk(X @ beta, sd) / weight.sum()
        return found

    k = len(family.names)
    value = risks(par[k:])
    slopes = np.empty((len(value), len(par) - k))
    for j in range(len(par) - k):
        h = 1e-5 * max(1.0, abs(par[k + j]))
        up, down = par[k:].copy(), par[k:].copy()
        up[j] += h
        down[j] -= h
        slopes[:, j] = (risks(up) - risks(down)) / (2 * h)
    V = slopes @ spread[k:, k:] @ slopes.T
    method = "standardised over persons and rows; delta method"
    found: dict[str, Quantity] = {}
    for i, name in enumerate(order):
        found[f"risk {name}"] = _quantity(
            f"risk {name}", f"Marginal risk, {name}", value[i], V[i, i], spec.level, method
        )
    odds = 1 / (value * (1 - value))
    logit = special.logit(value)
    for i in range(1, len(order)):
        pair = f"{order[i]} - {reference}"
        variance = V[i, i] + V[0, 0] - 2 * V[0, i]
        found[f"rd {pair}"] = _quantity(
            f"rd {pair}", f"Marginal risk difference, {pair}", value[i] - value[0], variance,
            spec.level, method,
        )  # fmt: skip
        variance = V[i, i] * odds[i] ** 2 + V[0, 0] * odds[0] ** 2 - 2 * V[0, i] * odds[i] * odds[0]
        found[f"log or {pair}"] = _quantity(
            f"log or {pair}", f"Marginal log odds ratio, {pair}", logit[i] - logit[0], variance,
            spec.level, method,
        )  # fmt: skip
    return found


def _mean_risk(eta: FloatVector, sd: float) -> FloatVector:
    """Average of expit(eta + sd·u) over a standard normal u."""
    u = np.linspace(-9, 9, STEPS)
    density = np.exp(-(u**2) / 2)
    return np.asarray(special.expit(eta[:, None] + sd * u) @ (density / density.sum()))


def _quantity(
    name: str, title: str, value: float, variance: float, level: float, method: str
) -> Quantity:
    se = float(np.sqrt(max(variance, 0.0)))
    half = float(quantile(level)) * se
    p = float(two_sided_p(value / se)) if se > 0 else float("nan")
    return Quantity(
        name, title, float(value), method, se=se, p=p,
        interval=Interval(float(value) - half, float(value) + half, level, method), kind="effect",
    )  # fmt: skip
