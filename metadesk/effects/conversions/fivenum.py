"""Mean and SD from a median with quartiles, a range, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from metadesk.numerics.types import BoolVector, FloatVector
from metadesk.references import Reference

LUO = Reference(
    "luo2018", "Luo et al.", 2018,
    "Optimally estimating the sample mean from the sample size, median, mid-range, and/or "
    "mid-quartile range",
    "Statistical Methods in Medical Research, 27, 1785–1805", "10.1177/0962280216669183",
)  # fmt: skip
WAN = Reference(
    "wan2014", "Wan et al.", 2014,
    "Estimating the sample mean and standard deviation from the sample size, median, range and/or "
    "interquartile range",
    "BMC Medical Research Methodology, 14, 135", "10.1186/1471-2288-14-135",
)  # fmt: skip
SHI = Reference(
    "shi2020", "Shi et al.", 2020,
    "Optimally estimating the sample standard deviation from the five-number summary",
    "Research Synthesis Methods, 11, 641–654", "10.1002/jrsm.1429",
)  # fmt: skip
SHI_LOG = Reference(
    "shi2020b", "Shi, Tong, Wang & Genton", 2020,
    "Estimating the mean and variance from the five-number summary of a log-normal distribution",
    "Statistics and Its Interface, 13, 519–531", "10.4310/SII.2020.v13.n4.a9",
)  # fmt: skip
HOZO = Reference(
    "hozo2005", "Hozo, Djulbegovic & Hozo", 2005,
    "Estimating the mean and variance from the median, range, and the size of a sample",
    "BMC Medical Research Methodology, 5, 13", "10.1186/1471-2288-5-13",
)  # fmt: skip
BLAND = Reference(
    "bland2015", "Bland", 2015,
    "Estimating mean and standard deviation from the sample size, three quartiles, minimum, and "
    "maximum",
    "International Journal of Statistics in Medical Research, 4, 57–64",
    "10.6000/1929-6029.2015.04.01.6",
)  # fmt: skip

Method = Literal["default", "wan2014", "hozo2005", "bland2015"]
METHODS: dict[str, str] = {
    "default": "mean by Luo et al., SD by Wan et al. (five numbers: Shi et al.)",
    "wan2014": "mean and SD by Wan et al.",
    "hozo2005": "mean and SD by Hozo et al. (range only)",
    "bland2015": "mean and SD by Bland (five numbers only)",
}
SMALLEST = 5


@dataclass(frozen=True, eq=False)
class FiveNumbers:
    """Minimum, quartiles, median and maximum with the size; NaN for what was not reported."""

    min: FloatVector
    q1: FloatVector
    median: FloatVector
    q3: FloatVector
    max: FloatVector
    n: FloatVector

    @classmethod
    def of(cls, **given: FloatVector) -> FiveNumbers:
        """Fill what is not given with NaN."""
        k = len(next(iter(given.values())))
        names = ("min", "q1", "median", "q3", "max", "n")
        empty = np.full(k, np.nan)
        return cls(**{name: np.asarray(given.get(name, empty), dtype=float) for name in names})

    @property
    def has_range(self) -> BoolVector:
        """Rows with median, minimum and maximum."""
        return ~(np.isnan(self.min) | np.isnan(self.max) | np.isnan(self.median))

    @property
    def has_quartiles(self) -> BoolVector:
        """Rows with median and both quartiles."""
        return ~(np.isnan(self.q1) | np.isnan(self.q3) | np.isnan(self.median))

    @property
    def disordered(self) -> BoolVector:
        """Rows whose numbers do not rise from minimum to maximum."""
        stack = np.array([self.min, self.q1, self.median, self.q3, self.max])
        filled = np.where(np.isnan(stack), -np.inf, stack)
        highest = np.maximum.accumulate(filled, axis=0)
        return np.asarray((stack[1:] < highest[:-1]).any(axis=0))

    def logged(self) -> FiveNumbers:
        """The logarithms of the numbers."""
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = [np.log(x) for x in (self.min, self.q1, self.median, self.q3, self.max)]
            return FiveNumbers(logs[0], logs[1], logs[2], logs[3], logs[4], self.n)


def range_width(n: FloatVector) -> FloatVector:
    """Expected range of ``n`` standard normal values (Wan 2014, eq. 9)."""
    return np.asarray(2.0 * special.ndtri((n - 0.375) / (n + 0.25)))


def quartile_width(n: FloatVector) -> FloatVector:
    """Expected interquartile range of ``n`` standard normal values (Wan 2014, eq. 16)."""
    return np.asarray(2.0 * special.ndtri((0.75 * n - 0.125) / (n + 0.25)))


def sd_of_quartiles(q1: FloatVector, q3: FloatVector, n: FloatVector) -> FloatVector:
    """Rough SD beside a reported mean: (q3 − q1) over :func:`quartile_width`, 1.35 in large groups.

    Sizes below ``SMALLEST`` are taken as ``SMALLEST``; the caller says that they are too small.
    """
    return np.asarray((q3 - q1) / quartile_width(np.maximum(n, SMALLEST)))


def sd_of_range(lowest: FloatVector, highest: FloatVector, n: FloatVector) -> FloatVector:
    """Rough SD beside a reported mean: the range over :func:`range_width`."""
    return np.asarray((highest - lowest) / range_width(np.maximum(n, SMALLEST)))


def _luo_mean(x: FiveNumbers, by_range: BoolVector, by_quartiles: BoolVector) -> FloatVector:
    """Mean by Luo et al. (2018), eq. 7, 11 and 15."""
    n, middle, mid_range, mid_quartile = x.n, x.median, (x.min + x.max) / 2.0, (x.q1 + x.q3) / 2.0
    w = 4.0 / (4.0 + n**0.75)
    only_range = w * mid_range + (1.0 - w) * middle
    u = 0.7 + 0.39 / n
    only_quartiles = u * mid_quartile + (1.0 - u) * middle
    w1, w2 = 2.2 / (2.2 + n**0.75), 0.7 - 0.72 / n**0.55
    both = w1 * mid_range + w2 * mid_quartile + (1.0 - w1 - w2) * middle
    return _by_case(by_range, by_quartiles, only_range, only_quartiles, both)


def _by_case(
    by_range: BoolVector,
    by_quartiles: BoolVector,
    only_range: FloatVector,
    only_quartiles: FloatVector,
    both: FloatVector,
) -> FloatVector:
    return np.where(
        by_range & by_quartiles,
        both,
        np.where(by_range, only_range, np.where(by_quartiles, only_quartiles, np.nan)),
    )


def _shi_weight(n: FloatVector) -> FloatVector:
    """Weight of the range beside the quartiles (Shi 2020, eq. 10)."""
    return np.asarray(1.0 / (1.0 + 0.07 * n**0.6))


def mean_sd(
    x: FiveNumbers, method: Method = "default", *, log_normal: bool = False
) -> tuple[FloatVector, FloatVector]:
    """Estimate mean and SD of each row from the order statistics it reports.

    Parameters
    ----------
    x : FiveNumbers
        What was reported; rows with fewer than 5 people get NaN, for which no method is made.
    method : str
        ``default``: mean by Luo et al. (2018), SD by Wan et al. (2014), with all five numbers by
        Shi et al. (2020); ``wan2014``, ``hozo2005``, ``bland2015``.
    log_normal : bool
        The values are log-normal: estimate on the log scale and bring mean and SD back (Shi et al.
        2020, Statistics and Its Interface); the default method only.

    Returns
    -------
    mean, sd : (k,) arrays
        NaN where the method does not cover what the row reports.
    """
    with np.errstate(all="ignore"):
        if log_normal:
            return _log_normal(x)
        match method:
            case "wan2014":
                mean, sd = _wan(x)
            case "hozo2005":
                mean, sd = _hozo(x)
            case "bland2015":
                mean, sd = _bland(x)
            case _:
                mean, sd = _luo_mean(x, x.has_range, x.has_quartiles), _default_sd(x)
    small = x.n < SMALLEST
    return np.where(small, np.nan, mean), np.where(small, np.nan, sd)


def _default_sd(x: FiveNumbers) -> FloatVector:
    spread, quartiles = (x.max - x.min) / range_width(x.n), (x.q3 - x.q1) / quartile_width(x.n)
    w = _shi_weight(x.n)
    both = w * spread + (1.0 - w) * quartiles
    return _by_case(x.has_range, x.has_quartiles, spread, quartiles, both)


def _wan(x: FiveNumbers) -> tuple[FloatVector, FloatVector]:
    spread, quartiles = (x.max - x.min) / range_width(x.n), (x.q3 - x.q1) / quartile_width(x.n)
    mean = _by_case(
        x.has_range,
        x.has_quartiles,
        (x.min + 2.0 * x.median + x.max) / 4.0,
        (x.q1 + x.median + x.q3) / 3.0,
        (x.min + 2.0 * (x.q1 + x.median + x.q3) + x.max) / 8.0,
    )
    sd = _by_case(x.has_range, x.has_quartiles, spread, quartiles, (spread + quartiles) / 2.0)
    return mean, sd


def _hozo(x: FiveNumbers) -> tuple[FloatVector, FloatVector]:
    only = x.has_range & ~x.has_quartiles
    mean = np.where(x.n <= 25, (x.min + 2.0 * x.median + x.max) / 4.0, x.median)
    small = np.sqrt(((x.min - 2.0 * x.median + x.max) ** 2 / 4.0 + (x.max - x.min) ** 2) / 12.0)
    large = (x.max - x.min) / np.where(x.n <= 70, 4.0, 6.0)
    sd = np.where(x.n <= 15, small, large)
    return np.where(only, mean, np.nan), np.where(only, sd, np.nan)


def _bland(x: FiveNumbers) -> tuple[FloatVector, FloatVector]:
    both = x.has_range & x.has_quartiles
    total = x.min + 2.0 * (x.q1 + x.median + x.q3) + x.max
    squares = x.min**2 + 2.0 * (x.q1**2 + x.median**2 + x.q3**2) + x.max**2
    products = x.min * x.q1 + x.q1 * x.median + x.median * x.q3 + x.q3 * x.max
    variance = squares / 16.0 + products / 8.0 - total**2 / 64.0
    return np.where(both, total / 8.0, np.nan), np.where(both, np.sqrt(variance), np.nan)


def _log_normal(x: FiveNumbers) -> tuple[FloatVector, FloatVector]:
    """Estimate on the log scale, then mean and SD of the log-normal with its bias factors."""
    y = x.logged()
    n, by_range, by_quartiles = y.n, y.has_range, y.has_quartiles
    spread, quartiles = (y.max - y.min) / range_width(n), (y.q3 - y.q1) / quartile_width(n)
    w = _shi_weight(n)
    raw = _by_case(by_range, by_quartiles, spread, quartiles, w * spread + (1.0 - w) * quartiles)
    logs2 = np.log(n) ** 2

    def case(r: FloatVector | float, q: FloatVector | float, b: FloatVector | float) -> FloatVector:
        full = [np.broadcast_to(np.asarray(v, dtype=float), n.shape) for v in (r, q, b)]
        return _by_case(by_range, by_quartiles, *full)

    s2 = raw**2 / case(1.01 + 0.25 / logs2, 1.0 + 1.58 / n, 1.0 + 0.28 / logs2)
    s4 = raw**4 / case(1.0 + 2.23 / logs2, 1.0 + 19.2 / n**1.2, 1.0 + 3.93 / n)
    centre = _luo_mean(y, by_range, by_quartiles)
    a, b = case(0.565, 0.57, 0.405), case(0.37, 0.75, 0.315)
    mean = np.exp(centre + s2 / 2.0) / (1.0 + (a * s2 + b * s4) / n)
    a, b = case(2.26, 2.28, 1.62), case(5.92, 12.0, 5.04)
    first = np.exp(2.0 * (centre + s2)) / (1.0 + (a * s2 + b * s4) / n)
    second = np.exp(2.0 * centre + s2) / (1.0 + (a * s2 + b / 4.0 * s4) / n)
    sd = np.sqrt(first - second)
    small = n < SMALLEST
    return np.where(small, np.nan, mean), np.where(small, np.nan, sd)


def skewed(x: FiveNumbers) -> BoolVector:
    """Rows whose numbers are too lopsided for a normal distribution at the 5 % level.

    Shi et al. (2023), the test with the rounded critical values that metafor uses.
    """
    n = x.n
    with np.errstate(all="ignore"):
        by_range = np.abs((x.min + x.max - 2.0 * x.median) / (x.max - x.min))
        by_quartiles = np.abs((x.q1 + x.q3 - 2.0 * x.median) / (x.q3 - x.q1))
        both = np.maximum(2.65 * np.log(0.6 * n) / np.sqrt(n) * by_range, by_quartiles)
        statistic = _by_case(x.has_range, x.has_quartiles, by_range, by_quartiles, both)
        critical = _by_case(
            x.has_range,
            x.has_quartiles,
            1.0 / np.log(n + 9.0) + 2.5 / (n + 1.0),
            2.65 / np.sqrt(n) - 6.0 / n**2,
            3.0 / np.sqrt(n) - 40.0 / n**3,
        )
        return np.asarray(statistic >= critical)
