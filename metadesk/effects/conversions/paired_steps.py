"""Steps of crossover and before-after studies: the correlation within people, paired tests."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from metadesk.effects.conversions import crossover, spread
from metadesk.effects.conversions.difference_steps import p_of, t_of
from metadesk.effects.conversions.step import Step, above_0, only, step
from metadesk.effects.estimates import HANDBOOK
from metadesk.effects.sources import BORENSTEIN, ELBOURNE

CHANGES = ("MC", "SMCC", "SMCR", "SMCRH", "SMCRP", "SMCRPH", "ROMC", "VRC", "CVRC")
"""Measures whose roles are two conditions of the same people."""


def _possible(r: ArrayLike) -> float:
    """A correlation, or NaN for a number that cannot be one."""
    value = float(np.asarray(r))
    return value if abs(value) < 1 else math.nan


def _sd_of_paired_t(m1: float, m2: float, t: float, n: float) -> float:
    return above_0(spread.sd_from_se(crossover.se_from_paired_t(m1 - m2, t), n))


_CHANGE_SE: tuple[Step, ...] = (
    step("se_of_r", "SE of the paired difference from both SDs and a known or assumed correlation",
         ("sd1i", "sd2i", "ri", "ni"), "sei",
         lambda a, b, r, n: above_0(crossover.paired_se(a, b, r, n)), ELBOURNE, "r_of_se"),
    step("r_of_se", "correlation from both SDs and the SE of the paired difference",
         ("sd1i", "sd2i", "sei", "ni"), "ri",
         lambda a, b, se, n: _possible(crossover.correlation_from_paired_se(a, b, se, n)),
         ELBOURNE, "se_of_r"),
    step("se_of_change", "SE of the mean change from the SD of the changes", ("sdi", "ni"), "sei",
         spread.se_from_sd, HANDBOOK, "change_of_se"),
    step("change_of_se", "SD of the changes from the SE of the mean change", ("sei", "ni"), "sdi",
         spread.sd_from_se, HANDBOOK, "se_of_change"),
)  # fmt: skip
_STANDARDISED: tuple[Step, ...] = (
    step("d_of_paired_t", "standardised change from the paired t", ("ti", "ni"), "di",
         lambda t, n: t / math.sqrt(n), BORENSTEIN, "paired_t_of_d"),
    step("paired_t_of_d", "paired t from the standardised change", ("di", "ni"), "ti",
         lambda d, n: d * math.sqrt(n), BORENSTEIN, "d_of_paired_t"),
)  # fmt: skip
PAIRED_STEPS: tuple[Step, ...] = (
    *only(
        CHANGES,
        step("paired_t_of_p", "paired t from its signed p-value", ("pi", "ni"), "ti",
             lambda p, n: t_of(abs(p), n - 1.0, p), ELBOURNE, "paired_p_of_t"),
        step("paired_p_of_t", "signed p-value from the paired t", ("ti", "ni"), "pi",
             lambda t, n: p_of(t, n - 1.0), ELBOURNE, "paired_t_of_p"),
        step("paired_t_of_pval", "paired t from its p-value, in the direction of the means",
             ("m1i", "m2i", "pval", "ni"), "ti",
             lambda m1, m2, p, n: t_of(p, n - 1.0, m1 - m2), ELBOURNE),
        step("change_of_paired_t", "SD of the changes from the paired t",
             ("m1i", "m2i", "ti", "ni"), "sdi", _sd_of_paired_t, ELBOURNE, "paired_t_of_change"),
        step("paired_t_of_change", "paired t from the SD of the changes",
             ("m1i", "m2i", "sdi", "ni"), "ti",
             lambda m1, m2, sd, n: (m1 - m2) / spread.se_from_sd(sd, n), ELBOURNE,
             "change_of_paired_t"),
    ),
    *only(["MC"], *_CHANGE_SE),
    *only(
        CHANGES,
        step("change_of_sds", "SD of the changes from both SDs and the correlation",
             ("sd1i", "sd2i", "ri"), "sdi",
             lambda a, b, r: above_0(crossover.sd_of_change(a, b, r)), HANDBOOK, "r_of_sds"),
        step("r_of_sds", "correlation from both SDs and the SD of the changes",
             ("sd1i", "sd2i", "sdi"), "ri",
             lambda a, b, c: _possible(crossover.correlation_of_change(a, b, c)), HANDBOOK,
             "change_of_sds"),
    ),
    *only(["SMCC"], *_STANDARDISED),
)  # fmt: skip
