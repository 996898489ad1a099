"""The live effect columns: what stands in them for a row of the sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metadesk.document.numbers import fixed

if TYPE_CHECKING:
    from metadesk.analysis.result import StudyResult

WAITING = "…"
ELSEWHERE = "another outcome"
EFFECT_COLUMNS = ("yi", "sei", "route", "effect")


@dataclass(frozen=True)
class EffectTexts:
    """The texts of one row by effect column, with one tooltip for all of them.

    ``missing``: ``effect`` holds the reason why there is no number.
    """

    yi: str = ""
    sei: str = ""
    route: str = ""
    effect: str = ""
    tooltip: str = ""
    missing: bool = False


NOTHING = EffectTexts()
PENDING = EffectTexts(WAITING, WAITING, WAITING, WAITING)


def effect_texts(study: StudyResult, mark: str = "") -> EffectTexts:
    """Write one row's effect, or the reason why there is none; ``mark`` badges a converted one."""
    if study.empty:
        return NOTHING
    if study.elsewhere:
        return EffectTexts(effect=ELSEWHERE, tooltip=study.reason, missing=True)
    notes = "\n".join(study.notes)
    if math.isnan(study.yi):
        return EffectTexts(effect=study.reason, tooltip=_joined(study.reason, notes), missing=True)
    digits = 3 if any(0 < abs(v) < 0.005 for v in (study.effect, study.lower, study.upper)) else 2
    effect, lower, upper = (fixed(v, digits) for v in (study.effect, study.lower, study.upper))
    return EffectTexts(
        yi=fixed(study.yi, 3),
        sei=fixed(study.sei, 3),
        route=f"{mark} {study.route_title}".strip(),
        effect=f"{effect} [{lower}, {upper}]",
        tooltip=_joined(study.label, study.route_title, study.reason, notes),
    )


def _joined(*parts: str) -> str:
    return "\n".join(dict.fromkeys(part for part in parts if part))
