"""Effects averaged over persons, beside the effects given the person."""

from __future__ import annotations

import numpy as np
from scipy import special

from metadesk.models.mixed.columns import combined, first_of_each
from metadesk.models.mixed.generalised.families import Binomial, Family
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.random_columns import Component
from metadesk.models.mixed.terms import ModelFrame
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector

STEPS = 241


def marginal_effects(
    spec: GeneralisedMixed,
    frame: ModelFrame,
    family: Family,
    components: tuple[Component, ...],
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
    bare, weight = _distinct(base)
    k = len(family.names)
    m = sum(len(c.pairs) for c in components)
    factors = [cholesky_factor(c, par[k:]) for c in components]
    beta = par[k + m :]
    value = np.empty(len(order))
    slopes = np.empty((len(order), len(par) - k))
    for i in range(len(order)):
        X = bare.copy()
        column = columns[i - 1] if i else -1
        if i:
            X[:, column] = 1.0
        active = design.names[column] if i else ""
        ways = [
            np.array([float(t in ("(Intercept)", active)) for t in c.terms]) for c in components
        ]
        turned = [L.T @ z for L, z in zip(factors, ways, strict=True)]
        sd = float(np.sqrt(sum(t @ t for t in turned)))
        mean, steep, wide = _mean_risk(X @ beta, sd)
        value[i] = weight @ mean / weight.sum()
        slopes[i, m:] = (weight * steep) @ X / weight.sum()
        pull = float(weight @ wide) / weight.sum() / sd if sd > 0 else 0.0
        for c, z, t in zip(components, ways, turned, strict=True):
            slopes[i, c.positions] = [pull * z[a] * t[b] for a, b in c.pairs]
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


def cholesky_factor(c: Component, parameters: FloatVector) -> FloatMatrix:
    """Cholesky factor of one level of a block of random effects."""
    L = np.zeros((c.size, c.size))
    for (a, b), value in zip(c.pairs, parameters[c.positions], strict=True):
        L[a, b] = value
    return L


def _distinct(rows: FloatMatrix) -> tuple[FloatMatrix, FloatVector]:
    """Different rows and how often each occurs."""
    codes = [np.unique(c, return_inverse=True)[1].reshape(-1) for c in rows.T]
    code, count = combined(codes, [int(c.max()) + 1 for c in codes], len(rows))
    return rows[first_of_each(code, count)], np.bincount(code).astype(float)


def _mean_risk(eta: FloatVector, sd: float) -> tuple[FloatVector, FloatVector, FloatVector]:
    """Average of expit(eta + sd·u) over a standard normal u, its slopes in eta and in sd."""
    u = np.linspace(-9, 9, STEPS)
    density = np.exp(-(u**2) / 2)
    density /= density.sum()
    p = special.expit(eta[:, None] + sd * u)
    steep = p * (1 - p)
    return np.asarray(p @ density), np.asarray(steep @ density), np.asarray(steep @ (u * density))


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
