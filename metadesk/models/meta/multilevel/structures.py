"""Covariance structures of random effects, all of one shape.

Every entry of every structure is ``tau_a tau_b rho^e``: a product of two standard deviations and a
power of a correlation. So one map from (standard deviations, correlations) to the linear parameters
of the covariance serves nested intercepts, CS, HCS, UN, DIAG, ID, AR, HAR and CAR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.meta.multilevel.blocks import LinearPart
from metadesk.models.meta.multilevel.data import DependentData, Factor
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector

STRUCTURES: Mapping[str, str] = MappingProxyType(
    {
        "CS": "Compound symmetry (one variance, one correlation)",
        "HCS": "Heteroscedastic compound symmetry (a variance each, one correlation)",
        "UN": "Unstructured (a variance each, a correlation for every pair)",
        "DIAG": "Diagonal (a variance each, no correlation)",
        "ID": "Identity (one variance, no correlation)",
        "AR": "Autoregressive (one variance, correlation falls with the step)",
        "HAR": "Heteroscedastic autoregressive",
        "CAR": "Continuous autoregressive (correlation falls with time)",
    }
)


@dataclass(frozen=True)
class Intercepts:
    """Random intercepts, nested from the outside in: ``("study", "effect")``."""

    nested: tuple[str, ...]


@dataclass(frozen=True)
class InnerOuter:
    """Effects of the levels of ``inner`` that are correlated within ``outer``."""

    inner: str
    outer: str
    structure: str = "CS"


RandomTerm = Intercepts | InnerOuter

RANGES: Mapping[str, str] = MappingProxyType(
    {
        "proper": "The random effects themselves have a covariance matrix",
        "marginal": "Only the covariance of the estimates has to be possible (metafor)",
    }
)
"""What bounds the one correlation of CS and HCS from below: −1/(n − 1) of n levels, or only −1."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A linear parameter: ``tau[i] tau[j] rho[c]**power`` of the whole model's parameters."""

    part: LinearPart
    i: int
    j: int
    c: int
    power: float


@dataclass(frozen=True, eq=False)
class _Plan:
    """Entries as arrays: positions of the two standard deviations, the correlation, its power."""

    i: IntVector
    j: IntVector
    c: IntVector
    power: FloatVector


@dataclass(frozen=True, eq=False)
class Covariance:
    """The random part of a model: linear parameters and what they are made of.

    ``tau_names``, ``rho_names`` are the variance components as printed; ``rho_low`` the lower
    bounds of the correlations; ``groups`` the sets of rows that random effects tie together.
    Levels that never meet within a group have no correlation. ``checked`` holds the sets of levels
    (with the number of their inner factor) among which free correlations must make a correlation
    matrix; ``unstructured`` says that there is such a set of all levels.
    ``pairs`` are the levels of each correlation, where all correlations are free.
    """

    entries: tuple[Entry, ...]
    tau_names: tuple[str, ...]
    tau_titles: tuple[str, ...]
    tau_levels: tuple[int, ...]
    rho_names: tuple[str, ...]
    rho_titles: tuple[str, ...]
    rho_low: FloatVector
    groups: tuple[IntVector, ...]
    matrices: tuple[Factor, ...] = ()
    spans: tuple[tuple[slice, slice], ...] = ()
    unstructured: bool = False
    checked: tuple[tuple[int, IntVector], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()

    @property
    def n_tau(self) -> int:
        """Number of standard deviations."""
        return len(self.tau_names)

    @property
    def positive(self) -> BoolVector:
        """Parameters that must not change sign: the standard deviations."""
        return np.arange(self.n_tau + self.n_rho) < self.n_tau

    @property
    def scaled(self) -> BoolVector:
        """Parameters in units of the effects."""
        return self.positive

    @property
    def n_rho(self) -> int:
        """Number of correlations."""
        return len(self.rho_names)

    def rho(self, free: FloatVector) -> FloatVector:
        """Correlations from their angles: a sine stretched to the range.

        Both ends of the range are ordinary points, as zero is for a standard deviation.
        """
        return self.rho_low + (1.0 - self.rho_low) * 0.5 * (1.0 + np.sin(free))

    def free(self, rho: FloatVector) -> FloatVector:
        """Angles of correlations."""
        inside = np.clip((rho - self.rho_low) / (1.0 - self.rho_low), 0.0, 1.0)
        return np.arcsin(2.0 * inside - 1.0)

    @cached_property
    def _plan(self) -> _Plan:
        """The entries as arrays."""
        e = self.entries
        return _Plan(
            np.array([x.i for x in e]), np.array([x.j for x in e]), np.array([x.c for x in e]),
            np.array([x.power for x in e]),
        )  # fmt: skip

    def linear(self, phi: FloatVector) -> tuple[FloatVector, FloatMatrix]:
        """Linear parameters gamma (T,) and their derivatives (T, parameters) at ``phi``."""
        plan, tau = self._plan, phi[: self.n_tau]
        share, bend, _ = self._shares(phi)
        product = tau[plan.i] * tau[plan.j]
        row = np.arange(plan.i.size)
        jacobian = np.zeros((plan.i.size, phi.size))
        jacobian[row, plan.i] = tau[plan.j] * share
        jacobian[row, plan.j] += tau[plan.i] * share
        tied = plan.c >= 0
        jacobian[row[tied], self.n_tau + plan.c[tied]] = (product * bend)[tied]
        return product * share, jacobian

    def _shares(self, phi: FloatVector) -> tuple[FloatVector, FloatVector, FloatVector]:
        """``rho^e`` of every entry with its two derivatives in the angle; 1, 0, 0 without one."""
        plan = self._plan
        one, zero = np.ones(plan.i.size), np.zeros(plan.i.size)
        if not self.n_rho:
            return one, zero, zero
        z, tied = phi[self.n_tau :], plan.c >= 0
        c, e = plan.c[tied], plan.power[tied]
        half = 0.5 * (1.0 - self.rho_low)
        r, slope, bent = self.rho(z)[c], (half * np.cos(z))[c], (-half * np.sin(z))[c]
        one[tied] = _power(r, e)
        first = e * _power(r, e - 1.0)
        zero[tied] = first * slope
        second = np.zeros(plan.i.size)
        second[tied] = e * (e - 1.0) * _power(r, e - 2.0) * slope**2 + first * bent
        return one, zero, second

    def bend(self, phi: FloatVector, score: FloatVector) -> FloatMatrix:
        """Σ_t score_t ∂²gamma_t/∂phi²."""
        plan, tau = self._plan, phi[: self.n_tau]
        share, first, second = self._shares(phi)
        H = np.zeros((phi.size, phi.size))
        np.add.at(H, (plan.i, plan.j), score * share)
        tied = np.flatnonzero(plan.c >= 0)
        i, j, c = plan.i[tied], plan.j[tied], self.n_tau + plan.c[tied]
        np.add.at(H, (i, c), score[tied] * tau[j] * first[tied])
        np.add.at(H, (j, c), score[tied] * tau[i] * first[tied])
        np.add.at(H, (c, c), 0.5 * score[tied] * tau[i] * tau[j] * second[tied])
        return H + H.T

    def within_domain(self, phi: FloatVector) -> bool:
        """Whether unstructured correlations form a correlation matrix (the others always do)."""
        for which, levels in self.checked:
            G = self.matrix(which, phi)[np.ix_(levels, levels)]
            edge = float(np.linalg.eigvalsh(G)[0])
            if edge < -1e-9 * float(np.trace(G)) / levels.size:
                return False
        return True

    @cached_property
    def _tables(self) -> tuple[tuple[IntVector, FloatMatrix], ...]:
        """For each inner factor: its entries, and their tables stacked."""
        found = []
        for which in range(len(self.matrices)):
            span = self.spans[which][0]
            mine = [t for t, e in enumerate(self.entries) if span.start <= e.i < span.stop]
            found.append((np.array(mine), np.stack([self.entries[t].part.table for t in mine])))
        return tuple(found)

    def matrix(self, which: int, phi: FloatVector) -> FloatMatrix:
        """Covariance G of the levels of the ``which``-th inner factor."""
        mine, tables = self._tables[which]
        return np.asarray(np.tensordot(self.linear(phi)[0][mine], tables, axes=1))


def _power(r: FloatVector, e: FloatVector) -> FloatVector:
    """``r^e``; 0 where a correlation of 0 would be divided by, a sign for negative ones."""
    size = np.abs(r)
    with np.errstate(divide="ignore"):
        found = np.where((size > 0.0) | (e >= 0.0), size**e, 0.0)
    odd = np.where(r < 0.0, (-1.0) ** np.round(e), 1.0)
    return np.asarray(odd * found, dtype=np.float64)


def covariance_of(
    terms: tuple[RandomTerm, ...], data: DependentData, correlations: str = "proper"
) -> Covariance:
    """Write down the random part of a model for these data.

    ``correlations``, a key of :data:`RANGES`, says how negative a shared correlation may be.

    Raises
    ------
    SpecProblem
        For an unknown structure or no term at all.
    DataProblem
        If a grouping is missing, or CAR's inner factor is not a time.
    """
    if not terms:
        raise SpecProblem("A multilevel model needs at least one random effect.")
    builder = _Builder(data, correlations)
    sigmas = sum(len(t.nested) for t in terms if isinstance(t, Intercepts))
    for term in terms:
        if isinstance(term, Intercepts):
            builder.intercepts(term, sigmas)
    inner = [t for t in terms if isinstance(t, InnerOuter)]
    for number, structured in enumerate(inner):
        builder.inner_outer(structured, "tau" if number == 0 else "gamma")
    return builder.covariance()


class _Builder:
    """Collects the entries of all terms."""

    def __init__(self, data: DependentData, correlations: str) -> None:
        self.data = data
        self.proper = correlations == "proper"
        self.entries: list[Entry] = []
        self.tau: list[tuple[str, str, int]] = []
        self.rho: list[tuple[str, str, float]] = []
        self.groups: list[IntVector] = []
        self.matrices: list[Factor] = []
        self.spans: list[tuple[slice, slice]] = []
        self.unstructured = False
        self.checked: list[tuple[int, IntVector]] = []
        self.pairs: list[tuple[int, int]] = []

    def intercepts(self, term: Intercepts, total: int) -> None:
        """Add one variance for every level of nesting."""
        group: Factor | None = None
        for name in term.nested:
            own = self.data.factor(name)
            group = own if group is None else own.within(group)
            label = "sigma^2" if total == 1 else f"sigma^2.{len(self.tau) + 1}"
            at = len(self.tau)
            self.tau.append((label, f"Between levels of {group.name}", group.n_used))
            self.entries.append(Entry(LinearPart.shared(group.codes), at, at, -1, 0.0))
            self.groups.append(group.codes)

    def inner_outer(self, term: InnerOuter, letter: str) -> None:
        """Add the entries of a structured covariance."""
        if term.structure not in STRUCTURES:
            raise SpecProblem(
                f"There is no structure '{term.structure}'; known: {', '.join(STRUCTURES)}."
            )
        inner, outer = self.data.factor(term.inner), self.data.factor(term.outer)
        levels = len(inner.levels)
        first_tau, first_rho = len(self.tau), len(self.rho)
        many = term.structure in ("HCS", "UN", "DIAG", "HAR")
        for a in range(levels if many else 1):
            label = f"{letter}^2.{a + 1}" if many else f"{letter}^2"
            where = f"{inner.name} {inner.levels[a]}" if many else inner.name
            count = int((inner.codes == a).sum()) if many else self.data.k
            self.tau.append((label, f"Of {where} within {outer.name}", count))
        present = np.zeros((int(outer.codes.max()) + 1, levels))
        present[outer.codes, inner.codes] = 1.0
        meet = present.T @ present > 0.0
        letters = "rho" if letter == "tau" else "phi"
        self._correlations(term, inner, outer, letters, present, meet)
        for i, j, c, power, table in _layout(term.structure, inner, meet):
            part = LinearPart(outer.codes, inner.codes, table)
            correlation = first_rho + c if c >= 0 else -1
            self.entries.append(Entry(part, first_tau + i, first_tau + j, correlation, power))
        if term.structure == "UN":
            self._check(present, bool(meet.all()))
        self.groups.append(outer.codes)
        self.matrices.append(inner)
        self.spans.append((slice(first_tau, len(self.tau)), slice(first_rho, len(self.rho))))

    def _check(self, present: FloatMatrix, complete: bool) -> None:
        """Note the sets of three or more levels whose correlations restrict each other."""
        which, sets = len(self.matrices), {tuple(np.flatnonzero(row).tolist()) for row in present}
        if complete:
            sets = {tuple(range(present.shape[1]))}
        self.checked += [(which, np.array(one)) for one in sorted(sets) if len(one) > 2]
        self.unstructured |= complete and present.shape[1] > 2

    def _correlations(
        self, term: InnerOuter, inner: Factor, outer: Factor, letter: str,
        present: FloatMatrix, meet: BoolVector,
    ) -> None:  # fmt: skip
        levels = len(inner.levels)
        most = int(present.sum(axis=1).max())
        if most < 2:
            return
        if term.structure in ("CS", "HCS"):
            low = -1.0 / (most - 1) if self.proper else -1.0
            self.rho.append((letter, f"Correlation within {outer.name}", low))
        elif term.structure in ("AR", "HAR"):
            self.rho.append((letter, f"Correlation of neighbours within {outer.name}", -1.0))
        elif term.structure == "CAR":
            self.rho.append((letter, f"Correlation one unit of time apart in {outer.name}", 0.0))
        elif term.structure == "UN":
            pairs = _pairs(levels)
            for number, (a, b) in enumerate(pairs):
                if meet[a, b]:
                    label = letter if len(pairs) == 1 else f"{letter}.{number + 1}"
                    title = f"Correlation of {inner.levels[b]} and {inner.levels[a]}"
                    self.rho.append((label, title, -1.0))
                    self.pairs.append((a, b))

    def covariance(self) -> Covariance:
        """Everything collected, as a value."""
        return Covariance(
            entries=tuple(self.entries),
            tau_names=tuple(name for name, _, _ in self.tau),
            tau_titles=tuple(title for _, title, _ in self.tau),
            tau_levels=tuple(n for _, _, n in self.tau),
            rho_names=tuple(name for name, _, _ in self.rho),
            rho_titles=tuple(title for _, title, _ in self.rho),
            rho_low=np.array([low for _, _, low in self.rho]),
            groups=tuple(self.groups),
            matrices=tuple(self.matrices),
            spans=tuple(self.spans),
            unstructured=self.unstructured,
            checked=tuple(self.checked),
            pairs=tuple(self.pairs) if len(self.pairs) == len(self.rho) else (),
        )


Layout = list[tuple[int, int, int, float, FloatMatrix]]


def _pairs(n: int) -> list[tuple[int, int]]:
    """Pairs of levels in the order of the columns of a lower triangle."""
    return [(a, b) for b in range(n) for a in range(b + 1, n)]


def _layout(structure: str, inner: Factor, meet: BoolVector) -> Layout:
    """Entries (i, j, c, power, table) of a structure; tables are symmetric 0/1 matrices.

    ``meet`` (levels, levels) says which levels occur together; the others have no covariance.
    """
    n = len(inner.levels)
    alone = not (meet & ~np.eye(n, dtype=bool)).any()
    if structure == "ID":
        return [(0, 0, -1, 0.0, np.eye(n))]
    if structure == "DIAG":
        return [(a, a, -1, 0.0, _unit(n, a, a)) for a in range(n)]
    if structure == "CS":
        same: Layout = [(0, 0, -1, 0.0, np.eye(n))]
        return same if alone else [*same, (0, 0, 0, 1.0, 1.0 - np.eye(n))]
    if structure in ("AR", "CAR"):
        return [
            (0, 0, -1 if lag == 0.0 else 0, lag, table)
            for lag, table in _lags(structure, inner)
            if lag == 0.0 or not alone
        ]
    entries: Layout = [(a, a, -1, 0.0, _unit(n, a, a)) for a in range(n)]
    number = 0
    for a, b in _pairs(n):
        if structure == "UN" and meet[a, b]:
            entries.append((a, b, number, 1.0, _unit(n, a, b)))
            number += 1
        elif structure != "UN" and not alone:
            power = float(a - b) if structure == "HAR" else 1.0
            entries.append((a, b, 0, power, _unit(n, a, b)))
    return entries


def _unit(n: int, a: int, b: int) -> FloatMatrix:
    table = np.zeros((n, n))
    table[a, b] = table[b, a] = 1.0
    return table


def _lags(structure: str, inner: Factor) -> list[tuple[float, FloatMatrix]]:
    """Distances between levels, and where each occurs: ranks for AR, the values for CAR."""
    n = len(inner.levels)
    times = np.arange(n, dtype=float)
    if structure == "CAR":
        try:
            times = np.array([float(level) for level in inner.levels])
        except ValueError:
            raise DataProblem(
                f"'{inner.name}' must be a time in numbers for a continuous "
                "autoregressive structure."
            ) from None
    distance = np.abs(times[:, None] - times[None, :])
    return [(float(lag), (distance == lag).astype(float)) for lag in np.unique(distance)]
