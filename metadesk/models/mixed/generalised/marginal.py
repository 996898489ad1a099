"""Effects averaged over persons, beside the effects given the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.models.mixed.columns import combined, first_of_each
from metadesk.models.mixed.generalised.families import Binomial, Family, Ordinal
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.random_columns import Component
from metadesk.models.mixed.terms import ModelFrame
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector

STEPS = 241
STANDARDISED = "standardised over persons and rows; delta method"
PER_UNIT = "standardised over persons and rows, per unit of exposure; delta method"
Average = Callable[[FloatVector, float], tuple[FloatVector, FloatVector, FloatVector]]
"""Mean of an outcome over persons at predictors and a spread, its slopes in both."""


@dataclass(frozen=True, eq=False)
class Standardised:
    """Mean outcome under each treatment, the reference first, with the covariance of the means."""

    treatments: tuple[str, ...]
    means: FloatVector
    covariance: FloatMatrix

    def logs(self) -> Standardised:
        """On the log scale."""
        rate = 1 / self.means
        return self._turned(np.log(self.means), rate)

    def logits(self) -> Standardised:
        """On the logit scale."""
        rate = 1 / (self.means * (1 - self.means))
        return self._turned(np.asarray(special.logit(self.means)), rate)

    def _turned(self, values: FloatVector, rate: FloatVector) -> Standardised:
        return Standardised(self.treatments, values, self.covariance * np.outer(rate, rate))

    def pairs(self) -> list[tuple[str, float, float]]:
        """Each treatment against the reference: words, difference, variance."""
        V = self.covariance
        return [
            (
                f"{self.treatments[i]} - {self.treatments[0]}",
                float(self.means[i] - self.means[0]),
                float(V[i, i] + V[0, 0] - 2 * V[0, i]),
            )
            for i in range(1, len(self.treatments))
        ]


def marginal_effects(
    spec: GeneralisedMixed,
    frame: ModelFrame,
    family: Family,
    components: tuple[Component, ...],
    par: FloatVector,
    spread: FloatMatrix,
) -> dict[str, Quantity]:
    """Means of each treatment over persons and what they differ by, by standardisation.

    Every row is given each treatment in turn; its mean is averaged over the distribution of random
    effects and over rows. Standard errors by the delta method. Binary outcomes: risks, risk
    differences and log odds ratios. Counts: rates and log rate ratios. Ordered categories: the
    chance of lying above each cut, its differences and log odds ratios.
    """
    at = frame.design.position(frame.data.roles.treatment)
    if at < 0 or frame.design.terms[at].kind != "factor":
        return {}
    if len(frame.design.columns_of(at)) != len(frame.design.levels[at]) - 1:
        return {}
    frames = _Standardiser(frame, at, components, len(family.names), par, spread)
    level = spec.level
    found: dict[str, Quantity] = {}
    if isinstance(family, Binomial):
        risks = frames.under(_mean_risk)
        _add(found, "risk", "Marginal risk", risks, level, STANDARDISED)
        _add_pairs(found, "rd", "Marginal risk difference", risks, level)
        _add_pairs(found, "log or", "Marginal log odds ratio", risks.logits(), level)
    elif isinstance(family, Ordinal):
        for c, word in enumerate(family.levels[:-1]):
            above = frames.under(_mean_risk, cut=c)
            _add(found, f"above {word}", f"Marginal chance above {word}", above, level,
                 STANDARDISED)  # fmt: skip
            _add_pairs(found, f"rd above {word}", f"Difference of chances above {word}", above,
                       level)  # fmt: skip
            _add_pairs(found, f"log or above {word}", f"Marginal log odds ratio above {word}",
                       above.logits(), level)  # fmt: skip
    else:
        rates = frames.under(_mean_rate)
        _add(found, "rate", "Marginal rate", rates, level, PER_UNIT)
        _add_pairs(found, "log rr", "Marginal log rate ratio", rates.logs(), level)
    return found


class _Standardiser:
    """Gives every row each treatment in turn."""

    def __init__(
        self,
        frame: ModelFrame,
        at: int,
        components: tuple[Component, ...],
        k: int,
        par: FloatVector,
        spread: FloatMatrix,
    ) -> None:
        design = frame.design
        self.columns = design.columns_of(at)
        levels = design.levels[at]
        reference = design.terms[at].reference or levels[0]
        self.treatments = (reference, *(w for w in levels if w != reference))
        base = design.X.copy()
        base[:, self.columns] = 0.0
        self.bare, weight = _distinct(base)
        self.weight = weight / weight.sum()
        self.names, self.components, self.k = design.names, components, k
        self.par, self.spread = par, spread
        self.m = sum(len(c.pairs) for c in components)
        self.factors = [cholesky_factor(c, par[k:]) for c in components]

    def under(self, average: Average, cut: int = -1) -> Standardised:
        """Means under each treatment; of lying above a cut where one is given."""
        k, m = self.k, self.m
        beta = self.par[k + m :]
        means = np.empty(len(self.treatments))
        slopes = np.zeros((len(self.treatments), len(self.par)))
        threshold = float(self.par[cut]) if cut >= 0 else 0.0
        for i in range(len(self.treatments)):
            column = int(self.columns[i - 1]) if i else -1
            X = self.bare.copy()
            if i:
                X[:, column] = 1.0
            on = ("(Intercept)", self.names[column] if i else "")
            ways = [np.array([float(t in on) for t in c.terms]) for c in self.components]
            turned = [L.T @ z for L, z in zip(self.factors, ways, strict=True)]
            sd = float(np.sqrt(sum(float(t @ t) for t in turned)))
            mean, steep, wide = average(X @ beta - threshold, sd)
            means[i] = self.weight @ mean
            slopes[i, k + m :] = (self.weight * steep) @ X
            if cut >= 0:
                slopes[i, cut] = -float(self.weight @ steep)
            pull = float(self.weight @ wide) / sd if sd > 0 else 0.0
            for c, z, t in zip(self.components, ways, turned, strict=True):
                places = slice(k + c.start, k + c.start + len(c.pairs))
                slopes[i, places] = [pull * z[a] * t[b] for a, b in c.pairs]
        return Standardised(self.treatments, means, slopes @ self.spread @ slopes.T)


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


def _mean_rate(eta: FloatVector, sd: float) -> tuple[FloatVector, FloatVector, FloatVector]:
    """Average of exp(eta + sd·u), which is exp(eta + sd²/2), and its slopes."""
    mean = np.exp(np.minimum(eta + sd**2 / 2, 700.0))
    return mean, mean, sd * mean


def _add(
    found: dict[str, Quantity], key: str, title: str, s: Standardised, level: float, method: str
) -> None:
    for i, name in enumerate(s.treatments):
        here = f"{key} {name}"
        found[here] = _quantity(
            here, f"{title}, {name}", s.means[i], s.covariance[i, i], level, method
        )


def _add_pairs(
    found: dict[str, Quantity], key: str, title: str, s: Standardised, level: float
) -> None:
    for pair, value, variance in s.pairs():
        here = f"{key} {pair}"
        found[here] = _quantity(here, f"{title}, {pair}", value, variance, level, STANDARDISED)


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
