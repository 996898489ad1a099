"""Covariance structures of random effects, all of one shape.

Every entry of every structure is ``tau_a tau_b rho^e``: a product of two standard deviations and a
power of a correlation. So one map from (standard deviations, correlations) to the linear parameters
of the covariance serves nested intercepts, CS, HCS, UN, DIAG, ID, AR, HAR and CAR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

    def linear(self, phi: FloatVector) -> tuple[FloatVector, FloatMatrix]:
        """Linear parameters gamma (T,) and their derivatives (T, parameters) at ``phi``."""
        tau, z = phi[: self.n_tau], phi[self.n_tau :]
        rho = self.rho(z)
        slope = (1.0 - self.rho_low) * 0.5 * np.cos(z)
        gamma = np.zeros(len(self.entries))
        jacobian = np.zeros((len(self.entries), phi.size))
        for t, entry in enumerate(self.entries):
            share, bend = 1.0, 0.0
            if entry.c >= 0:
                r = float(rho[entry.c])
                share = _power(r, entry.power)
                bend = entry.power * _power(r, entry.power - 1.0) * float(slope[entry.c])
            product = tau[entry.i] * tau[entry.j]
            gamma[t] = product * share
            jacobian[t, entry.i] += tau[entry.j] * share
            jacobian[t, entry.j] += tau[entry.i] * share
            if entry.c >= 0:
                jacobian[t, self.n_tau + entry.c] = product * bend
        return gamma, jacobian

    def bend(self, phi: FloatVector, score: FloatVector) -> FloatMatrix:
        """Σ_t score_t ∂²gamma_t/∂phi², by differences of the exact first derivatives."""
        n = phi.size
        if not self.n_rho:
            second = np.zeros((n, n))
            for t, entry in enumerate(self.entries):
                second[entry.i, entry.j] += score[t]
                second[entry.j, entry.i] += score[t]
            return second
        second = np.zeros((n, n))
        for a in range(n):
            h = 1e-5 * max(1.0, abs(float(phi[a])))
            step = np.zeros(n)
            step[a] = h
            up, down = self.linear(phi + step)[1], self.linear(phi - step)[1]
            second[a] = score @ (up - down) / (2.0 * h)
        return 0.5 * (second + second.T)

    def within_domain(self, phi: FloatVector) -> bool:
        """Whether unstructured correlations form a correlation matrix (the others always do)."""
        for which, levels in self.checked:
            G = self.matrix(which, phi)[np.ix_(levels, levels)]
            edge = float(np.linalg.eigvalsh(G)[0])
            if edge < -1e-9 * float(np.trace(G)) / levels.size:
                return False
        return True

    def matrix(self, which: int, phi: FloatVector) -> FloatMatrix:
        """Covariance G of the levels of the ``which``-th inner factor."""
        factor = self.matrices[which]
        G = np.zeros((len(factor.levels), len(factor.levels)))
        gamma, _ = self.linear(phi)
        span = self.spans[which][0]
        for t, entry in enumerate(self.entries):
            if span.start <= entry.i < span.stop:
                G += gamma[t] * entry.part.table
        return G


@dataclass(frozen=True, eq=False)
class Triangular:
    """The same covariance with an unstructured G written as L L'.

    A singular G is an ordinary point here, so the climb can end on the edge of the domain. The
    diagonal of L stands where the standard deviations stood, the rest where the correlations were.
    """

    base: Covariance
    term: int

    @property
    def n_tau(self) -> int:
        """Number of standard deviations of the natural form."""
        return self.base.n_tau

    @property
    def positive(self) -> BoolVector:
        """Parameters that must not change sign: those outside L."""
        mask = self.base.positive.copy()
        mask[self._diagonal] = False
        return mask

    @property
    def scaled(self) -> BoolVector:
        """Parameters in units of the effects."""
        mask = self.base.positive.copy()
        mask[self._rest] = True
        return mask

    @property
    def _diagonal(self) -> slice:
        return self.base.spans[self.term][0]

    @property
    def _rest(self) -> slice:
        rho = self.base.spans[self.term][1]
        return slice(self.base.n_tau + rho.start, self.base.n_tau + rho.stop)

    def within_domain(self, psi: FloatVector) -> bool:
        """Return True: L L' is always a covariance matrix."""
        return True

    def lower(self, psi: FloatVector) -> FloatMatrix:
        """Return L."""
        n = len(self.base.matrices[self.term].levels)
        L = np.diag(psi[self._diagonal])
        columns, rows = np.triu_indices(n, 1)
        L[rows, columns] = psi[self._rest]
        return L

    def linear(self, psi: FloatVector) -> tuple[FloatVector, FloatMatrix]:
        """Linear parameters and their derivatives."""
        gamma, jacobian = self.base.linear(psi)
        L = self.lower(psi)
        G = L @ L.T
        for t, a, b in self._own_entries():
            gamma[t] = G[a, b]
            jacobian[t] = 0.0
            for slot, row, column in self._slots(L.shape[0]):
                jacobian[t, slot] = (a == row) * L[b, column] + (b == row) * L[a, column]
        return gamma, jacobian

    def bend(self, psi: FloatVector, score: FloatVector) -> FloatMatrix:
        """Second derivatives by differences; G is quadratic in L, so they are exact there."""
        second = np.zeros((psi.size, psi.size))
        for a in range(psi.size):
            step = np.zeros(psi.size)
            step[a] = 1e-5 * max(1.0, abs(float(psi[a])))
            change = self.linear(psi + step)[1] - self.linear(psi - step)[1]
            second[a] = score @ change / (2.0 * step[a])
        return 0.5 * (second + second.T)

    def to_natural(self, psi: FloatVector) -> FloatVector:
        """Standard deviations and correlations of the same covariance."""
        phi = psi.copy()
        L = self.lower(psi)
        G = L @ L.T
        tau = np.sqrt(np.diag(G))
        phi[self._diagonal] = tau
        columns, rows = np.triu_indices(tau.size, 1)
        product = tau[rows] * tau[columns]
        rho = np.where(product > 0, G[rows, columns] / np.where(product > 0, product, 1.0), 0.0)
        low = self.base.rho_low[self.base.spans[self.term][1]]
        inside = np.clip((rho - low) / (1.0 - low), 0.0, 1.0)
        phi[self._rest] = np.arcsin(2.0 * inside - 1.0)
        return phi

    def from_natural(self, phi: FloatVector) -> FloatVector:
        """Return the triangular parameters of a positive definite start."""
        psi = phi.copy()
        G = self.base.matrix(self.term, phi)
        L = np.linalg.cholesky(G)
        psi[self._diagonal] = np.diag(L)
        columns, rows = np.triu_indices(L.shape[0], 1)
        psi[self._rest] = L[rows, columns]
        return psi

    def _own_entries(self) -> list[tuple[int, int, int]]:
        """Return (entry, level a, level b) of the unstructured term."""
        first, stop = self._diagonal.start, self._diagonal.stop
        return [
            (t, entry.i - first, entry.j - first)
            for t, entry in enumerate(self.base.entries)
            if first <= entry.i < stop
        ]

    def _slots(self, n: int) -> list[tuple[int, int, int]]:
        """Return (parameter, row, column) of every element of L."""
        columns, rows = np.triu_indices(n, 1)
        diagonal = [(self._diagonal.start + a, a, a) for a in range(n)]
        rest = [
            (self._rest.start + s, int(a), int(b))
            for s, (a, b) in enumerate(zip(rows, columns, strict=True))
        ]
        return diagonal + rest


def _power(r: float, e: float) -> float:
    if e == 0.0:
        return 1.0
    if e == 1.0:
        return r
    if r < 0.0:
        return float((-1.0) ** round(e) * (-r) ** e)
    return float(r**e) if r > 0.0 or e > 0.0 else 0.0


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
