"""Cochran's Q, I² and H² by both definitions, with their intervals."""

from __future__ import annotations

import math

from metadesk.models.meta.kernel import Kernel
from metadesk.models.meta.tau2 import METHODS, Tau2
from metadesk.models.result import Heterogeneity, Interval
from metadesk.numerics.tails import chi2_tail, critical_value

DEFINITIONS = {"tau2": "from τ²", "Q": "from Q"}


def heterogeneity(
    kernel: Kernel, tau2: Tau2 | None, definition: str, interval: Interval | None, level: float
) -> Heterogeneity:
    """Describe how much the effects differ beyond chance.

    From tau²: ``I² = tau²/(tau² + s²)`` with the typical variance ``s² = (k - p)/tr P`` at inverse-
    variance weights (Higgins & Thompson 2002, eq. 9), its interval by putting in the ends of
    that of tau². From Q: ``I² = max(0, (Q - df)/Q)``, its interval test-based on ln H (ibid.). A
    model without tau² knows only the latter.
    """
    df = kernel.k - kernel.p
    method = (
        "none: the model holds τ² at 0" if tau2 is None else METHODS.get(tau2.method, tau2.method)
    )
    if df <= 0:
        value = 0.0 if tau2 is None else tau2.value
        return Heterogeneity(
            value, method, I2=0.0, I2_Q=0.0, H2=1.0, QE=0.0, QE_df=0.0, QEp=1.0,
            I2_definition=DEFINITIONS[definition],
        )  # fmt: skip
    f = kernel.forms(0.0)
    q = max(f.yPy, 0.0)
    from_q = max(0.0, 100.0 * (q - df) / q) if q > 0.0 else 0.0
    typical = df / f.trP
    if tau2 is None or definition == "Q":
        H2_interval = _test_based(q, df, level)
        I2, H2, said = from_q, q / df, DEFINITIONS["Q"]
    else:
        I2 = 100.0 * tau2.value / (tau2.value + typical)
        H2, said = 1.0 + tau2.value / typical, DEFINITIONS["tau2"]
        H2_interval = _from_tau2(interval, typical)
    return Heterogeneity(
        tau2=0.0 if tau2 is None else tau2.value,
        tau2_method=method,
        se_tau2=math.nan if tau2 is None else tau2.se,
        tau2_interval=interval,
        I2=I2,
        I2_definition=said,
        I2_interval=_I2_of(H2_interval),
        I2_Q=from_q,
        H2=H2,
        H2_interval=H2_interval,
        QE=q,
        QE_df=float(df),
        QEp=chi2_tail(q, df),
    )


def _from_tau2(interval: Interval | None, typical: float) -> Interval | None:
    if interval is None:
        return None
    lower, upper = 1.0 + interval.lower / typical, 1.0 + interval.upper / typical
    return Interval(lower, upper, interval.level, f"from the interval of τ² ({interval.method})")


def _I2_of(H2: Interval | None) -> Interval | None:
    """I² = (H² - 1)/H², in percent."""
    if H2 is None:
        return None
    lower, upper = (100.0 * (1.0 - 1.0 / h) for h in (H2.lower, H2.upper))
    return Interval(lower, upper, H2.level, H2.method)


def _test_based(q: float, df: int, level: float) -> Interval | None:
    """Interval of H² from the standard error of ln H (Higgins & Thompson 2002, appendix A2)."""
    if q > df + 1:
        se = 0.5 * (math.log(q) - math.log(df)) / (math.sqrt(2.0 * q) - math.sqrt(2.0 * df - 1.0))
    elif df >= 2:
        se = math.sqrt((1.0 - 1.0 / (3.0 * (df - 1) ** 2)) / (2.0 * (df - 1)))
    else:
        return None
    half = critical_value(level) * se
    ln_h = 0.5 * math.log(max(q / df, 1.0))
    lower, upper = math.exp(max(ln_h - half, 0.0)), math.exp(ln_h + half)
    return Interval(lower**2, upper**2, level, "test-based on ln H")
