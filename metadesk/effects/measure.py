"""What an effect-size measure is: what it needs, how it is worked out, the scale it is read on.

A measure names *roles* (``ai``, ``m1i``, ``est``). A :class:`Route` turns the roles a row has into
the inputs of the measure's formula, or straight into an estimate with its variance. Sentences about
single rows are collected as :class:`Remark`, so that a hundred thousand clean rows cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import BoolVector, FloatVector
from metadesk.references import Reference

Columns = Mapping[str, FloatVector]
Transform = Callable[[Any], FloatVector]
Axis = Literal["log", "linear"]
Source = Literal["raw", "test", "estimate"]
NeedKind = Literal[
    "count",
    "size",
    "size2",
    "size3",
    "sd",
    "time",
    "variance",
    "correlation",
    "signed_p",
    "p",
    "positive",
    "nonnegative",
    "percent",
    "proportion",
    "r_squared",
    "alpha",
    "items",
    "nonzero",
    "number",
]


@dataclass(frozen=True)
class Need:
    """A role that a route needs: its name, what it is in plain words, what its values may be."""

    role: str
    title: str
    kind: NeedKind = "number"


@dataclass(frozen=True, eq=False)
class Remark:
    """One sentence about some rows; ``text`` may be a function of the row's position."""

    mask: BoolVector
    text: str | Callable[[int], str]

    def say(self, i: int) -> str:
        """The sentence for the row at position ``i``."""
        return self.text if isinstance(self.text, str) else self.text(i)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a raw route hands to the formula: values by role, with remarks on single rows."""

    values: Columns
    reasons: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, eq=False)
class Computed:
    """Estimates with sampling variances and sizes (NaN: unknown), with remarks on single rows."""

    yi: FloatVector
    vi: FloatVector
    ni: FloatVector
    reasons: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Scale:
    """How numbers on the analysis scale are read.

    ``null`` is the value of no effect on the analysis scale (NaN where there is none, as for a
    prevalence); ``axis`` says how a figure spaces the natural scale; ``name`` is what it is called.
    ``with_n`` is the way back that knows the size (Freeman–Tukey); for pooled values that is the
    harmonic mean.
    """

    key: str
    name: str
    to_natural: Transform
    from_natural: Transform
    axis: Axis = "linear"
    null: float = 0.0
    lower: float = -np.inf
    upper: float = np.inf
    with_n: Callable[[FloatVector, FloatVector], FloatVector] | None = None

    def read(self, y: Any, n: Any = None) -> FloatVector:
        """Bring ``y`` to the natural scale; ``n`` is its size, where the way back depends on it.

        Where the size is not known (NaN) it is taken as large.
        """
        with np.errstate(all="ignore"):
            if self.with_n is None or n is None:
                return self.to_natural(y)
            sizes = np.asarray(n, dtype=float)
            known = self.with_n(np.asarray(y, dtype=float), sizes)
            return np.where(np.isnan(sizes), self.to_natural(y), known)

    @property
    def tested(self) -> float:
        """The value that a z statistic or p-value tests, NaN where only the paper knows it.

        It is that of no effect. A mean has none, but its tests are against 0.
        """
        if self.is_identity and self.lower == -np.inf and self.upper == np.inf:
            return 0.0 if np.isnan(self.null) else self.null
        return self.null

    @property
    def is_identity(self) -> bool:
        """Whether analysis scale and natural scale are the same."""
        return self.key == "identity"


@dataclass(frozen=True, eq=False)
class Context:
    """What a route may know besides its columns: the level of reported intervals and the scale."""

    level: float
    scale: Scale


RouteFunction = Callable[[Columns, Context], Inputs | Computed]


@dataclass(frozen=True, eq=False)
class Route:
    """One way from a row's columns to the measure.

    ``source`` says what kind of numbers it starts from; ``approximate`` marks routes that estimate
    their inputs (a mean from a median), whose answers are expected to differ a little. ``optional``
    roles are handed over with NaN where a row lacks them. ``reads_test`` marks routes that read a
    test of the estimate against no effect.
    """

    key: str
    title: str
    needs: tuple[Need, ...]
    function: RouteFunction
    citation: Reference | None = None
    source: Source = "raw"
    approximate: bool = False
    optional: tuple[str, ...] = ()
    reads_test: bool = False

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The roles that must hold a value in the row."""
        return tuple(need.role for need in self.needs)


@dataclass(frozen=True, eq=False)
class Measure:
    """An effect-size measure with everything that menus, forms, reports and the manual say of it.

    ``compute`` takes the formula's inputs by role and an ``options`` value; ``routes`` stand in the
    order in which they are preferred. Those ``on_request`` turn one kind of outcome into another
    (an odds ratio into a standardised difference) and are taken only where a person chose them.
    A measure without a value of no effect has no routes that read a test against it.
    """

    key: str
    title: str
    short: str
    family: str
    sentence: str
    formula: str
    options: type[Any]
    scale: Scale
    citation: Reference
    compute: Callable[[Columns, Any], Computed]
    routes: tuple[Route, ...]
    on_request: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        """Leave out what reads tests that only the paper knows the meaning of."""
        if np.isnan(self.scale.tested):
            kept = tuple(route for route in self.routes if not route.reads_test)
            object.__setattr__(self, "routes", kept)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the preferred route needs."""
        return self.routes[0].needs

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """Every role that any route of this measure can use, in the order of the routes."""
        return tuple(dict.fromkeys(role for route in self.routes for role in route.roles))

    @cached_property
    def all_routes(self) -> tuple[Route, ...]:
        """The routes in their order, those on request last."""
        return (*self.routes, *self.on_request)

    def route(self, key: str) -> Route:
        """The route of this key."""
        return next(route for route in self.all_routes if route.key == key)

    def scale_for(self, options: Any) -> Scale:
        """The scale under these options; generic measures let the person say which it is."""
        said = getattr(options, "scale", None)
        return SCALES.get(str(said), self.scale)


@dataclass(frozen=True, eq=False)
class EffectSizes:
    """Effect sizes of ``k`` rows on the analysis scale (log for ratios).

    Attributes
    ----------
    measure : str
        Key of the measure.
    yi, vi, ni : (k,) arrays
        Estimates, sampling variances, sizes; NaN in rows without an effect (``ni``: unknown).
    scale : Scale
        How ``yi`` is read.
    route : tuple of str or None
        Which route gave the row's effect; ``None`` where no route had its columns.
    reasons : tuple of str or None
        One sentence in each row without an effect, ``None`` in rows with one.
    notes : tuple of tuples of str
        What was done to a row or is odd about it.
    """

    measure: str
    yi: FloatVector
    vi: FloatVector
    ni: FloatVector
    scale: Scale
    route: tuple[str | None, ...]
    reasons: tuple[str | None, ...]
    notes: tuple[tuple[str, ...], ...]

    @classmethod
    def given(
        cls,
        yi: FloatVector,
        vi: FloatVector,
        ni: FloatVector | None = None,
        *,
        measure: str = "GEN",
        scale: Scale | None = None,
    ) -> EffectSizes:
        """Wrap estimates that were worked out elsewhere."""
        y, v = np.asarray(yi, dtype=float), np.asarray(vi, dtype=float)
        n = np.full(len(y), np.nan) if ni is None else np.asarray(ni, dtype=float)
        known = np.isfinite(y) & np.isfinite(v)
        missing = "The estimate or its variance is missing."
        return cls(
            measure, y, v, n, scale or IDENTITY,
            tuple("yi_vi" if ok else None for ok in known),
            tuple(None if ok else missing for ok in known),
            ((),) * len(y),
        )  # fmt: skip

    @property
    def k(self) -> int:
        """Number of rows, with and without an effect."""
        return len(self.yi)

    @property
    def known(self) -> BoolVector:
        """Rows that have an effect and a variance."""
        return np.isfinite(self.yi) & np.isfinite(self.vi)

    @property
    def sei(self) -> FloatVector:
        """Standard errors."""
        return np.sqrt(self.vi)

    @property
    def zi(self) -> FloatVector:
        """Wald statistics against zero on the analysis scale."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.yi / self.sei

    @property
    def pval(self) -> FloatVector:
        """Two-sided p-values of the Wald statistics."""
        return two_sided_p(self.zi)

    def ci(self, level: float = 0.95) -> tuple[FloatVector, FloatVector]:
        """Lower and upper ends of the Wald intervals on the analysis scale."""
        half = float(quantile(level)) * self.sei
        return self.yi - half, self.yi + half

    def natural(self) -> FloatVector:
        """Estimates on the natural scale (odds ratios for OR, correlations for ZCOR)."""
        return self.scale.read(self.yi, self.ni)

    def natural_ci(self, level: float = 0.95) -> tuple[FloatVector, FloatVector]:
        """Ends of the Wald intervals on the natural scale."""
        lower, upper = self.ci(level)
        return self.scale.read(lower, self.ni), self.scale.read(upper, self.ni)

    def typical_size(self, used: Sequence[bool]) -> float:
        """Harmonic mean of the sizes of the rows ``used``; NaN where one is not known."""
        sizes = self.ni[np.asarray(used, dtype=bool)]
        with np.errstate(all="ignore"):
            return float(1.0 / np.mean(1.0 / sizes)) if sizes.size else float("nan")


def _same(x: Any) -> FloatVector:
    """Leave numbers as they are."""
    return np.asarray(x, dtype=float)


def _log(x: Any) -> FloatVector:
    """Take logarithms; zero becomes minus infinity, negative numbers NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: FloatVector = np.log(np.asarray(x, dtype=float))
    return logs


def _exp(x: Any) -> FloatVector:
    """Exponentiate; what is too large becomes infinite."""
    with np.errstate(over="ignore"):
        powers: FloatVector = np.exp(np.asarray(x, dtype=float))
    return powers


IDENTITY = Scale("identity", "difference", _same, _same)
RATIO = Scale("log", "ratio", _exp, _log, axis="log", lower=0.0)

SCALES: dict[str, Scale] = {"difference": IDENTITY, "ratio": RATIO}


def log_scale(name: str, null: float = 0.0) -> Scale:
    """A ratio that is analysed as its logarithm; ``name`` is what the ratio is called."""
    return Scale("log", name, _exp, _log, axis="log", null=null, lower=0.0)


def plain_scale(
    name: str, null: float = 0.0, lower: float = -np.inf, upper: float = np.inf
) -> Scale:
    """A measure that is analysed as it stands."""
    return Scale("identity", name, _same, _same, null=null, lower=lower, upper=upper)
