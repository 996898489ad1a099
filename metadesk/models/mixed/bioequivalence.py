"""Average bioequivalence of a test and a reference product on the logarithmic scale."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.estimates import DfRule
from metadesk.models.mixed.linear import fit_linear
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.terms import RandomTerm, Term, independent_columns
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import quantile
from metadesk.numerics.types import FloatMatrix, FloatVector
from metadesk.options import choice, flag, number, text


@dataclass(frozen=True)
class Bioequivalence:
    """Bioequivalence of two products, decided by the 90 % interval of their ratio."""

    reference: str = text("Reference product", "R")
    test: str = text("Test product", "T")
    level: float = number("Confidence level", 0.9, minimum=0.5, maximum=0.999)
    transform: str = choice(
        "Outcome", {"log": "as measured (logarithm is taken)", "none": "already logarithms"}, "log"
    )
    df: str = choice(
        "Degrees of freedom of method B",
        {
            "containment": "containment",
            "satterthwaite": "Satterthwaite",
            "kenward-roger": "Kenward–Roger",
        },
        "containment",
    )
    widen: bool = flag("Widen the limits for highly variable drugs (ABEL)", True)
    rounded: bool = flag(
        "Decide on percentages rounded to two decimals", False, help="As regulators print them."
    )


@dataclass(frozen=True)
class RatioEstimate:
    """Ratio test/reference in percent with its interval; ``estimate`` and ``se`` are logarithms."""

    estimate: float
    se: float
    df: float
    ratio: float
    ci_lb: float
    ci_ub: float
    method: str


@dataclass(frozen=True)
class WithinVariability:
    """Within-person standard deviation of a product (log) and its coefficient of variation (%)."""

    sd: float
    cv: float
    df: int


@dataclass(frozen=True, eq=False)
class BioequivalenceResult:
    """Both methods, variability of both products, limits and the decision."""

    n_subjects: int
    n_obs: int
    method_a: RatioEstimate
    mse: float
    cv_w: float
    method_b: RatioEstimate
    reference_within: WithinVariability | None
    test_within: WithinVariability | None
    lower_limit: float
    upper_limit: float
    widened: bool
    interval_inside: bool
    ratio_inside: bool
    mixed: MixedResult
    notes: tuple[Note, ...]

    @property
    def equivalent(self) -> bool:
        """Whether interval and point estimate satisfy the limits."""
        return self.interval_inside and self.ratio_inside


def assess_bioequivalence(
    spec: Bioequivalence, data: TrialData, progress: Progress = SILENT
) -> BioequivalenceResult:
    """Assess average bioequivalence by methods A and B, with widened limits where they apply.

    Method A has sequence, subject within sequence, period and treatment as fixed effects; method B
    has the subjects random (REML). The limits are widened to exp(±0.760 s) where the within-person
    coefficient of variation of the reference exceeds 30 %, at most to 69.84–143.19 %.

    Raises
    ------
    DataProblem
        If a product is missing, or a concentration is not positive.

    References
    ----------
    EMA, Guideline on the investigation of bioequivalence (2010) and its questions and answers
    EMA/582648/2016; Schütz, Tomashevskiy & Labes (2020) for the reference data sets.
    """
    for word in (spec.test, spec.reference):
        if word not in data.treatment.levels:
            raise DataProblem(
                f"'{word}' is not a treatment of this sheet; they are "
                f"{', '.join(data.treatment.levels)}."
            )
    r = data.roles
    terms = [Term(c) for c in (r.sequence, r.period) if c]
    fixed = (*terms, Term(r.treatment, "factor", spec.reference))
    model = LinearMixed(
        fixed=fixed,
        random_terms=(RandomTerm(r.subject),),
        transform=spec.transform,
        df=spec.df,
        level=spec.level,
        intervals="none",
    )
    mixed = fit_linear(model, data, progress)
    y = np.log(data.outcome) if spec.transform == "log" else data.outcome
    method_a, mse = _all_fixed(spec, data, y)
    reference = _within(data, y, spec.reference)
    test = _within(data, y, spec.test)
    lower, upper, widened = _limits(spec, reference)
    low, high, ratio = (
        (round(v, 2) if spec.rounded else v)
        for v in (method_a.ci_lb, method_a.ci_ub, method_a.ratio)
    )
    if spec.rounded:
        lower, upper = round(lower, 2), round(upper, 2)
    return BioequivalenceResult(
        n_subjects=data.n_subjects,
        n_obs=len(data),
        method_a=method_a,
        mse=mse,
        cv_w=_cv(mse),
        method_b=_ratio_of(mixed, spec, _rule(spec)),
        reference_within=reference,
        test_within=test,
        lower_limit=lower,
        upper_limit=upper,
        widened=widened,
        interval_inside=bool(lower <= low and high <= upper),
        ratio_inside=bool(80.0 <= ratio <= 125.0),
        mixed=mixed,
        notes=_notes(reference, widened),
    )


def method_b(result: BioequivalenceResult, spec: Bioequivalence, df: str) -> RatioEstimate:
    """Method B with other degrees of freedom, from the same fit."""
    return _ratio_of(result.mixed, replace(spec, df=df), _rule(replace(spec, df=df)))


def _rule(spec: Bioequivalence) -> DfRule:
    match spec.df:
        case "satterthwaite":
            return "satterthwaite"
        case "kenward-roger":
            return "kenward-roger"
        case _:
            return "between-within"


def _ratio_of(mixed: MixedResult, spec: Bioequivalence, rule: DfRule) -> RatioEstimate:
    names = mixed.coefficients.names
    assert mixed.effects is not None
    row = np.array([[1.0 if n.endswith(f"[{spec.test}]") and _is_treatment(n, mixed) else 0.0
                     for n in names]])  # fmt: skip
    e = mixed.effects.combine(("ratio",), row, rule, spec.level)
    return RatioEstimate(
        estimate=float(e.estimate[0]),
        se=float(e.se[0]),
        df=float(e.df[0]),
        ratio=100 * math.exp(float(e.estimate[0])),
        ci_lb=100 * math.exp(float(e.ci_lb[0])),
        ci_ub=100 * math.exp(float(e.ci_ub[0])),
        method=f"method B, {e.rule} degrees of freedom",
    )


def _is_treatment(name: str, mixed: MixedResult) -> bool:
    return name.rpartition("[")[0] == mixed.type3[-1].title


def _indicators(codes: np.ndarray) -> FloatMatrix:
    return np.asarray((codes[:, None] == np.arange(int(codes.max()) + 1)).astype(float))


def _all_fixed(
    spec: Bioequivalence, data: TrialData, y: FloatVector
) -> tuple[RatioEstimate, float]:
    """Ordinary least squares with every effect fixed; subjects imply their sequences."""
    blocks = [_indicators(data.subject.codes)]
    if data.roles.period:
        blocks.append(_indicators(data.factor(data.roles.period).codes)[:, 1:])
    others = [w for w in data.treatment.levels if w not in (spec.test, spec.reference)]
    blocks += [data.treatment.is_level(w).astype(float)[:, None] for w in others]
    X = np.column_stack([*blocks, data.treatment.is_level(spec.test).astype(float)])
    kept, lost = independent_columns(X)
    if X.shape[1] - 1 in lost:
        raise DataProblem(
            "The difference between the products is confounded with persons or periods; the sheet "
            "needs persons who had both products in different periods."
        )
    b, variance, df = _least_squares(X[:, kept], y)
    estimate, se = float(b[-1]), math.sqrt(variance[-1])
    half = float(quantile(spec.level, df)) * se
    mse = float(np.sum((y - X[:, kept] @ b) ** 2) / df)
    return (
        RatioEstimate(
            estimate, se, df, 100 * math.exp(estimate), 100 * math.exp(estimate - half),
            100 * math.exp(estimate + half), "method A, all effects fixed",
        ),
        mse,
    )  # fmt: skip


def _least_squares(X: FloatMatrix, y: FloatVector) -> tuple[FloatVector, FloatVector, int]:
    n, p = X.shape
    if n <= p:
        raise DataProblem("There are no more rows than effects; no error can be estimated.")
    Q, R = np.linalg.qr(X)
    b = np.linalg.solve(R, Q.T @ y)
    inverse = np.linalg.inv(R)
    mse = float(np.sum((y - X @ b) ** 2)) / (n - p)
    return b, mse * np.einsum("ij,ij->i", inverse, inverse), n - p


def _within(data: TrialData, y: FloatVector, product: str) -> WithinVariability | None:
    """Within-person variability of one product; None where it was not repeated."""
    rows = data.treatment.is_level(product)
    X = [_indicators(np.unique(data.subject.codes[rows], return_inverse=True)[1].reshape(-1))]
    if data.roles.period:
        periods = data.factor(data.roles.period).codes[rows]
        X.append(_indicators(np.unique(periods, return_inverse=True)[1].reshape(-1))[:, 1:])
    design = np.column_stack(X)
    kept, _ = independent_columns(design)
    df = int(rows.sum()) - len(kept)
    if df < 1:
        return None
    Q, _ = np.linalg.qr(design[:, kept])
    rest = y[rows] - Q @ (Q.T @ y[rows])
    variance = float(rest @ rest) / df
    return WithinVariability(math.sqrt(variance), _cv(variance), df)


def _cv(variance: float) -> float:
    return 100 * math.sqrt(math.expm1(variance))


def _limits(spec: Bioequivalence, reference: WithinVariability | None) -> tuple[float, float, bool]:
    if not spec.widen or reference is None or reference.cv <= 30:
        return 80.0, 125.0, False
    s = min(reference.sd, math.sqrt(math.log(1 + 0.5**2)))
    return 100 * math.exp(-0.76 * s), 100 * math.exp(0.76 * s), True


def _notes(reference: WithinVariability | None, widened: bool) -> tuple[Note, ...]:
    if reference is None:
        words = "The reference was given once to each person, so its own variability is not known."
        return (Note(words, "note", "no-replicates"),)
    words = f"Within-person CV of the reference: {reference.cv:.1f} %."
    if widened:
        words += " Above 30 %, so the limits are widened."
    return (Note(words, "note", "abel"),)
