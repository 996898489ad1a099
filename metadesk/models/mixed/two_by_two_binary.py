"""Exact and classical tests for a binary 2×2 crossover."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.mixed.two_by_two import CARRYOVER_SENTENCE, PairedPeriods, paired_periods
from metadesk.numerics.tails import chi2_sf
from metadesk.numerics.types import FloatVector, IntVector


@dataclass(frozen=True)
class McNemar:
    """McNemar's test; right only where there is no period effect."""

    active_only: int
    control_only: int
    p_exact: float
    p_mid: float
    chi2: float
    chi2_corrected: float
    odds_ratio: float
    se_log_odds_ratio: float


@dataclass(frozen=True)
class MainlandGart:
    """Discordant persons by sequence; adjusts for period."""

    table: tuple[tuple[int, int], tuple[int, int]]
    p_exact: float
    chi2: float
    p_chi2: float
    conditional_odds_ratio: float
    ci_lb: float
    ci_ub: float
    log_odds_ratio: float
    se: float


@dataclass(frozen=True)
class Prescott:
    """Prescott's exact trend test, which also uses the persons with equal answers."""

    table: tuple[tuple[int, int, int], tuple[int, int, int]]
    p_two_sided: float
    p_upper: float
    p_lower: float


@dataclass(frozen=True)
class BinaryCrossover:
    """All classical analyses of a binary 2×2 crossover.

    ``joint`` counts persons by sequence and by their answers in periods 1 and 2 ('10': success in
    the first only).
    """

    joint: dict[str, dict[str, int]]
    mcnemar: McNemar
    mainland_gart: MainlandGart
    prescott: Prescott
    period_p: float
    carryover_p: float
    notes: tuple[Note, ...]


def analyse_binary_two_by_two(
    data: TrialData, active: str, control: str, level: float = 0.95
) -> BinaryCrossover:
    """Analyse a binary 2×2 crossover by exact tests.

    Raises
    ------
    DataProblem
        If an outcome is neither 0 nor 1, or the design is not AB/BA.

    References
    ----------
    McNemar (1947); Mainland (1963), Gart (1969); Prescott (1981); Hills & Armitage (1979).
    """
    wrong = np.flatnonzero(~np.isin(data.outcome, (0.0, 1.0)))
    if len(wrong):
        raise DataProblem(
            f"Row {int(data.rows[wrong[0]]) + 1}: the outcome {data.outcome[wrong[0]]:g} is "
            "neither "
            f"0 nor 1."
        )
    pairs = paired_periods(data, active, control)
    a, c = _answers(pairs, pairs.active_first), _answers(pairs, ~pairs.active_first)
    notes = [Note(CARRYOVER_SENTENCE, "note", "carryover-check")]
    notes.append(
        Note(
            "McNemar's test ignores the period and is right only where there is no period effect.",
            "note",
            "mcnemar",
        )
    )
    return BinaryCrossover(
        joint={
            pairs.sequences[0]: a,
            pairs.sequences[1]: c,
        },
        mcnemar=_mcnemar(a["10"] + c["01"], a["01"] + c["10"]),
        mainland_gart=_mainland_gart(a, c, level),
        prescott=_prescott(a, c),
        period_p=fisher_p(((a["10"], a["01"]), (c["01"], c["10"]))),
        carryover_p=fisher_p(((a["00"], a["11"]), (c["00"], c["11"]))),
        notes=tuple(notes),
    )


def _answers(pairs: PairedPeriods, who: np.ndarray) -> dict[str, int]:
    first, second = pairs.first[who], pairs.second[who]
    return {f"{i}{j}": int(((first == i) & (second == j)).sum()) for i in (0, 1) for j in (0, 1)}


def _mcnemar(b: int, c: int) -> McNemar:
    n = b + c
    k = np.arange(n + 1)
    chances = (
        np.exp(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))
        * 0.5**n
    )
    low = min(b, c)
    tail = float(chances[: low + 1].sum())
    p = min(1.0, 2 * tail)
    mid = min(1.0, 2 * tail - float(chances[low])) if b != c else 1 - float(chances[low])
    odds = b / c if c else (math.inf if b else math.nan)
    return McNemar(
        active_only=b,
        control_only=c,
        p_exact=p,
        p_mid=mid,
        chi2=(b - c) ** 2 / n if n else math.nan,
        chi2_corrected=max(abs(b - c) - 1, 0) ** 2 / n if n else math.nan,
        odds_ratio=odds,
        se_log_odds_ratio=math.sqrt(1 / b + 1 / c) if b and c else math.nan,
    )


def hypergeometric(row: int, other: int, column: int) -> tuple[IntVector, FloatVector]:
    """Support and log-weights of the first cell of a 2×2 table with these margins."""
    k = np.arange(max(0, column - other), min(row, column) + 1)
    logs = (
        -special.gammaln(k + 1)
        - special.gammaln(row - k + 1)
        - special.gammaln(column - k + 1)
        - special.gammaln(other - column + k + 1)
    )
    return k, logs


def fisher_p(table: tuple[tuple[int, int], tuple[int, int]]) -> float:
    """Fisher's exact test, two-sided: tables no more probable than the observed one."""
    (a, b), (c, d) = table
    k, logs = hypergeometric(a + b, c + d, a + c)
    chances = special.softmax(logs)
    at = chances[int(a - k[0])]
    return float(min(1.0, chances[chances <= at * (1 + 1e-7)].sum()))


def _mainland_gart(a: dict[str, int], c: dict[str, int], level: float) -> MainlandGart:
    table = ((a["10"], a["01"]), (c["10"], c["01"]))
    (n11, n12), (n21, n22) = table
    n = n11 + n12 + n21 + n22
    margins = (n11 + n12) * (n21 + n22) * (n11 + n21) * (n12 + n22)
    chi2 = n * (n11 * n22 - n12 * n21) ** 2 / margins if margins else math.nan
    full = min(n11, n12, n21, n22) > 0
    estimate, low, high = conditional_odds_ratio(table, level)
    return MainlandGart(
        table=table,
        p_exact=fisher_p(table),
        chi2=chi2,
        p_chi2=float(chi2_sf(chi2, 1)) if margins else math.nan,
        conditional_odds_ratio=estimate,
        ci_lb=low,
        ci_ub=high,
        log_odds_ratio=0.5 * math.log(n11 * n22 / (n12 * n21)) if full else math.nan,
        se=0.5 * math.sqrt(sum(1 / x for x in (n11, n12, n21, n22))) if full else math.nan,
    )


def conditional_odds_ratio(
    table: tuple[tuple[int, int], tuple[int, int]], level: float = 0.95, tolerance: float = 1e-15
) -> tuple[float, float, float]:
    """Conditional maximum-likelihood odds ratio of a 2×2 table and its exact interval.

    ``tolerance`` is that of the roots, on the scale of the odds ratio or its inverse, whichever is
    below one. (R's ``fisher.test`` stops at 1.2e-4.)

    References
    ----------
    Fisher (1935); Cornfield (1956).
    """
    (a, b), (c, d) = table
    k, logs = hypergeometric(a + b, c + d, a + c)
    if len(k) == 1:
        return math.nan, 0.0, math.inf

    def chances(ratio: float) -> FloatVector:
        if ratio == 0:
            return np.asarray(k == k[0], dtype=float)
        return np.asarray(special.softmax(logs + k * math.log(ratio)))

    def solve(rising: Callable[[float], float]) -> float:
        """Root of a function that rises with the odds ratio."""
        if rising(1.0) >= 0:
            return float(optimize.brentq(rising, 0.0, 1.0, xtol=tolerance))
        eps = float(np.finfo(float).eps)
        return 1 / float(optimize.brentq(lambda t: rising(1 / t), eps, 1.0, xtol=tolerance))

    tail = (1 - level) / 2
    if a == k[0]:
        estimate = 0.0
    elif a == k[-1]:
        estimate = math.inf
    else:
        estimate = solve(lambda ratio: float(chances(ratio) @ k) - a)
    low = 0.0 if a == k[0] else solve(lambda ratio: float(chances(ratio)[k >= a].sum()) - tail)
    high = (
        math.inf if a == k[-1] else solve(lambda ratio: tail - float(chances(ratio)[k <= a].sum()))
    )
    return estimate, low, high


def _prescott(a: dict[str, int], c: dict[str, int]) -> Prescott:
    """Exact distribution of the score of the first row, −1, 0, 1 for (0,1), tie, (1,0)."""
    top = (a["01"], a["00"] + a["11"], a["10"])
    bottom = (c["01"], c["00"] + c["11"], c["10"])
    columns = [x + y for x, y in zip(top, bottom, strict=True)]
    row = sum(top)
    scores: list[int] = []
    logs: list[float] = []
    for i in range(columns[0] + 1):
        for k in range(columns[2] + 1):
            j = row - i - k
            if 0 <= j <= columns[1]:
                scores.append(k - i)
                cells = zip(columns, (i, j, k), strict=True)
                logs.append(sum(_log_choose(n, x) for n, x in cells))
    chances = special.softmax(np.array(logs))
    score = np.array(scores)
    seen = top[2] - top[0]
    expected = row * (columns[2] - columns[0]) / sum(columns)
    far = np.abs(score - expected) >= abs(seen - expected) - 1e-9
    return Prescott(
        (top, bottom),
        float(min(1.0, chances[far].sum())),
        float(min(1.0, chances[score >= seen].sum())),
        float(min(1.0, chances[score <= seen].sum())),
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
