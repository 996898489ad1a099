"""N-of-1: one person, treatments alternating, the design as the basis of inference."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy import special

from metadesk.document import Note
from metadesk.errors import DataProblem, MetadeskError
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.linear import fit_linear
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.terms import Term
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatVector
from metadesk.options import flag, integer, number, numbers, text

MOST_CYCLES = 20


@dataclass(frozen=True)
class OnePatient:
    """Analysis of a single person's repeated treatment periods."""

    active: str = text("Active treatment", "")
    control: str = text("Control treatment", "")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.999)
    relevant: float | None = number("Smallest relevant difference", None)
    lower_is_better: bool = flag("Lower values are better", False)
    washout: int = integer(
        "Rows to leave out after a change of treatment", 0, minimum=0, help="Transition days."
    )
    trend: bool = flag("Linear trend over time", True)
    phis: tuple[float, ...] = numbers("Autocorrelations to try", (0.0, 0.2, 0.4, 0.6))


@dataclass(frozen=True, eq=False)
class CycleTest:
    """Differences active − control by cycle, with t test and randomisation test.

    ``floor`` is the smallest two-sided P value that so many randomised pairs can give.
    """

    cycles: tuple[str, ...]
    differences: FloatVector
    mean: float
    se: float
    df: int
    t: float
    p: float
    interval: Interval
    p_random: float
    p_greater: float
    p_less: float
    p_sign: float
    floor: float


@dataclass(frozen=True)
class TwoSamples:
    """Comparison of all values on active and on control as if independent."""

    difference: float
    welch: Quantity
    pooled: Quantity
    durbin_watson: float
    autocorrelation: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class OnePatientResult:
    """Everything about one person; ``fits`` holds OLS and AR(1) models by name."""

    n: int
    n_left_out: int
    cycles: CycleTest | None
    samples: TwoSamples
    fits: MappingProxyType[str, MixedResult]
    sensitivity: tuple[tuple[float, float, float], ...] = ()
    probability: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Note, ...] = ()


def cycle_test(
    differences: FloatVector, cycles: tuple[str, ...] = (), level: float = 0.95
) -> CycleTest:
    """Test the mean of the cycle differences by t and by randomisation.

    Parameters
    ----------
    differences : (k,) array
        Active minus control in each randomised pair of periods.

    References
    ----------
    Fisher (1935); Edgington & Onghena (2007): all 2^k orders of the pairs are equally probable.
    """
    k = len(differences)
    if k < 2:
        raise DataProblem(
            "Fewer than two complete cycles; the difference cannot be compared with its own spread."
        )
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    se = sd / math.sqrt(k)
    t = mean / se if se > 0 else math.copysign(math.inf, mean) if mean else math.nan
    half = float(quantile(level, k - 1)) * se
    sums = _sign_sums(differences)
    total = float(differences.sum())
    slack = 1e-9 * max(1.0, float(np.abs(differences).sum()))
    two = float((np.abs(sums) >= abs(total) - slack).mean())
    greater = float((sums >= total - slack).mean())
    less = float((sums <= total + slack).mean())
    plus, minus = int((differences > 0).sum()), int((differences < 0).sum())
    m = plus + minus
    sign = 2 * float(special.bdtr(min(plus, minus), m, 0.5)) if m else 1.0
    return CycleTest(
        cycles=cycles or tuple(str(i + 1) for i in range(k)),
        differences=differences,
        mean=mean,
        se=se,
        df=k - 1,
        t=t,
        p=float(two_sided_p(t, k - 1)) if not math.isnan(t) else math.nan,
        interval=Interval(mean - half, mean + half, level, f"t, {k - 1} degrees of freedom"),
        p_random=two,
        p_greater=greater,
        p_less=less,
        p_sign=min(1.0, sign),
        floor=2.0 / 2**k,
    )


def _sign_sums(d: FloatVector) -> FloatVector:
    """Sums under all sign changes; a fixed random sample of them where they are too many."""
    if len(d) > MOST_CYCLES:
        rng = np.random.default_rng(20150101)
        signs = rng.choice([-1.0, 1.0], size=(200_000, len(d)))
        return np.concatenate([signs @ d, [d.sum()]])
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def cycle_differences(
    values: FloatVector, is_active: np.ndarray, is_control: np.ndarray, cycle: Factor
) -> tuple[tuple[str, ...], FloatVector]:
    """Mean on active minus mean on control in each cycle that has both."""
    names, found = [], []
    for code, name in enumerate(cycle.levels):
        here = cycle.codes == code
        if (here & is_active).any() and (here & is_control).any():
            names.append(name)
            found.append(values[here & is_active].mean() - values[here & is_control].mean())
    return tuple(names), np.array(found)


def two_samples(
    values: FloatVector, is_active: np.ndarray, is_control: np.ndarray, level: float = 0.95
) -> TwoSamples:
    """Compare two sets of values, and look at the order of their residuals.

    Autocorrelations are of the residuals from the two means, in the order of the rows.
    """
    a, c = values[is_active], values[is_control]
    if len(a) < 2 or len(c) < 2:
        raise DataProblem("Each treatment needs at least two values of this person.")
    gap = float(a.mean() - c.mean())
    va, vc = float(a.var(ddof=1)) / len(a), float(c.var(ddof=1)) / len(c)
    df = (va + vc) ** 2 / (va**2 / (len(a) - 1) + vc**2 / (len(c) - 1)) if va + vc > 0 else math.nan
    n = len(a) + len(c)
    pooled = (((a - a.mean()) ** 2).sum() + ((c - c.mean()) ** 2).sum()) / (n - 2)
    se = math.sqrt(pooled * (1 / len(a) + 1 / len(c)))
    rest = np.where(is_active, values - a.mean(), values - c.mean())[is_active | is_control]
    square = float(rest @ rest)
    lags = range(1, min(10, n - 1) + 1)
    return TwoSamples(
        difference=gap,
        welch=_t("welch", "Welch", gap, math.sqrt(va + vc), df, level),
        pooled=_t("pooled", "Pooled variance", gap, se, n - 2, level),
        durbin_watson=float(np.sum(np.diff(rest) ** 2)) / square if square else math.nan,
        autocorrelation=tuple(
            float(rest[k:] @ rest[:-k]) / square if square else math.nan for k in lags
        ),
    )


def _t(name: str, title: str, value: float, se: float, df: float, level: float) -> Quantity:
    half = float(quantile(level, df)) * se
    p = float(two_sided_p(value / se, df)) if se > 0 else math.nan
    return Quantity(
        name, title, value, "t", se=se, df=df, p=p,
        interval=Interval(value - half, value + half, level, title), kind="effect",
    )  # fmt: skip


def analyse_one_patient(
    spec: OnePatient, data: TrialData, progress: Progress = SILENT
) -> OnePatientResult:
    """Analyse the rows of one person.

    The randomisation test over the cycles is the primary answer; least squares and the AR(1) model
    are shown side by side, with fixed autocorrelations as a sensitivity analysis, because few
    values do not tell the autocorrelation well.

    Raises
    ------
    DataProblem
        If there are several persons, or a treatment has fewer than two values.
    """
    if data.n_subjects > 1:
        raise DataProblem(
            f"There are {data.n_subjects} persons; choose one of them, or analyse the series."
        )
    active, control = _two_treatments(spec, data)
    keep = _after_washout(spec, data)
    a = data.treatment.is_level(active) & keep
    c = data.treatment.is_level(control) & keep
    values = data.outcome
    cycles = None
    notes = []
    if data.roles.cycle:
        names, differences = cycle_differences(values, a, c, data.factor(data.roles.cycle))
        if len(differences) >= 2:
            cycles = cycle_test(differences, names, spec.level)
            notes.append(
                Note(
                    f"With {len(differences)} randomised cycles the smallest possible two-sided P "
                    f"value of the randomisation test is {cycles.floor:.3g}.",
                    "note",
                    "p-floor",
                )
            )
    fits, sensitivity = _time_models(spec, data, keep & (a | c), control, active, progress)
    left_out = int((~keep).sum())
    if left_out:
        notes.append(
            Note(f"{left_out} rows after a change of treatment are left out.", code="washout")
        )
    n = int((a | c).sum())
    if "ar1" in fits and n < 25:
        notes.append(
            Note(
                f"{n} values do not tell the autocorrelation well; see how the effect changes with "
                f"fixed values of it.",
                "caution",
                "few-values",
            )
        )
    return OnePatientResult(
        n=n,
        n_left_out=left_out,
        cycles=cycles,
        samples=two_samples(values, a, c, spec.level),
        fits=MappingProxyType(fits),
        sensitivity=sensitivity,
        probability=MappingProxyType(_probabilities(spec, cycles)),
        notes=tuple(notes),
    )


def _two_treatments(spec: OnePatient, data: TrialData) -> tuple[str, str]:
    levels = data.treatment.levels
    if len(levels) < 2:
        raise DataProblem(
            f"Only one treatment, {levels[0]}, occurs; a comparison needs two treatments."
        )
    control = spec.control or levels[0]
    active = spec.active or next(w for w in levels if w != control)
    for word in (active, control):
        if word not in levels:
            raise DataProblem(f"'{word}' is not a treatment; they are {', '.join(levels)}.")
    return active, control


def _after_washout(spec: OnePatient, data: TrialData) -> np.ndarray:
    keep = np.ones(len(data), dtype=bool)
    if spec.washout:
        codes = data.treatment.codes
        for i in np.flatnonzero(np.diff(codes) != 0) + 1:
            keep[i : i + spec.washout] = False
    return keep


def _time_models(
    spec: OnePatient,
    data: TrialData,
    keep: np.ndarray,
    control: str,
    active: str,
    progress: Progress,
) -> tuple[dict[str, MixedResult], tuple[tuple[float, float, float], ...]]:
    """Least squares and AR(1) with the time column, and the effect at fixed autocorrelations."""
    time = data.roles.time
    if not time:
        return {}, ()
    columns = {name: [cells[i] for i in data.rows[keep]] for name, cells in data.cells.items()}
    rows = TrialData.from_columns(columns, data.roles, repeated=True)
    terms = (Term(time, "numeric"),) if spec.trend else ()
    base = LinearMixed(
        fixed=(*terms, Term(data.roles.treatment, "factor", control)),
        random_terms=(),
        level=spec.level,
        intervals="none",
        df="residual",
    )
    fits = {"ols": fit_linear(base, rows, progress)}
    whole = np.array_equal(rows.numeric(time), np.round(rows.numeric(time)))
    structured = replace(base, residual="ar1" if whole else "car1", df="kenward-roger")
    try:
        fits["ar1"] = fit_linear(structured, rows, progress)
    except MetadeskError:
        return fits, ()
    return fits, _fixed_phi(spec, rows, structured, active)


def _fixed_phi(
    spec: OnePatient, rows: TrialData, model: LinearMixed, active: str
) -> tuple[tuple[float, float, float], ...]:
    """Effect and standard error with the autocorrelation held at each value."""
    from metadesk.models.mixed.terms import build_frame

    frame = build_frame(rows, model.terms(rows), (rows.roles.time,))
    t = frame.numeric(rows.roles.time)
    X, y = frame.design.X, frame.y
    column = frame.design.names.index(f"{rows.roles.treatment}[{active}]")
    found = []
    for phi in spec.phis:
        distance = np.abs(t[:, None] - t[None, :])
        L = np.linalg.cholesky(np.where(distance == 0, 1.0, phi**distance))
        Xs, ys = np.linalg.solve(L, X), np.linalg.solve(L, y)
        C = np.linalg.inv(Xs.T @ Xs)
        b = C @ Xs.T @ ys
        s2 = float(np.sum((ys - Xs @ b) ** 2)) / (len(y) - len(b))
        found.append((phi, float(b[column]), math.sqrt(s2 * C[column, column])))
    return tuple(found)


def _probabilities(spec: OnePatient, cycles: CycleTest | None) -> dict[str, float]:
    """Probability that the true effect points the right way and exceeds the relevant difference."""
    if cycles is None or cycles.se <= 0:
        return {}
    sign = -1.0 if spec.lower_is_better else 1.0
    found = {"benefit": float(special.stdtr(cycles.df, sign * cycles.mean / cycles.se))}
    if spec.relevant is not None:
        gap = (sign * cycles.mean - abs(spec.relevant)) / cycles.se
        found["relevant"] = float(special.stdtr(cycles.df, gap))
    return found
