"""The equations of models of counts: likelihoods of events, no effect sizes in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metadesk.advice.equation_terms import Words, Written, moderated
from metadesk.models.meta.formula import Formula

ONE_ARM, RATES = ("PLO", "IRLN"), ("IRR", "IRLN")


def counts_in_words(
    sheet: Words, model: str, measure: str, options: Mapping[str, Any], formula: Formula
) -> Written:
    """Write the likelihood of the events that a model of counts has."""
    link, what = ("log rate", "Poisson") if measure in RATES else ("logit risk", "binomial")
    seen = f"events ({sheet.sources}): {what}, nothing is added to zero cells"
    if model == "beta-binomial":
        return _beta_binomial(sheet, link, seen, one_arm=measure in ONE_ARM)
    equal = model == "firth" or options.get("method") == "EE"
    if measure in ONE_ARM:
        return _one_arm(sheet, link, seen, formula, equal=equal)
    which = str(options.get("model", "CM.EL" if model == "sparse" else "UM.FS"))
    slope, legend = _effect(sheet, formula, equal=equal)
    if model != "firth" and which.startswith("CM"):
        exact = which == "CM.EL" and measure == "OR"
        known = "the margins of the table" if exact else "the events of both groups"
        law = "noncentral hypergeometric" if exact else "binomial"
        left = f"log odds<sub>{sheet.study}</sub> that an event is of the first group"
        return f"{left} = {slope} + what group sizes say", (
            *legend, f"events ({sheet.sources}): {law}, given {known}; nothing is added",
        )  # fmt: skip
    base = f"<b>α</b><sub>{sheet.study}</sub>"
    level = f"{base}: the level of the study itself"
    if model != "firth" and which == "UM.RS":
        level = f"{level}, drawn from a normal distribution of such levels"
    penalty = ("a penalty keeps the estimate finite",) if model == "firth" else ()
    ladder = ("the first of several models that answers; this is its first",)
    more = ladder if model == "sparse" else penalty
    return f"{link} = {base} + ({slope})·group", (level, *legend, *more, seen)


def _effect(sheet: Words, formula: Formula, *, equal: bool) -> Written:
    """The treatment effect of one study: its mean, moderators, and what is left."""
    if not formula.terms:
        if equal:
            return "<b>θ</b>", (f"<b>θ</b>: the one true {sheet.effect} of all studies",)
        return "<b>μ</b> + <b>u</b>", (
            f"<b>μ</b>: average {sheet.effect}",
            "<b>u</b>: how far the true effect of one study lies from it, variance τ²",
        )
    right, legend = moderated(sheet, formula)
    if equal:
        return right, legend
    rest = "<b>u</b>: what the moderators do not explain, variance τ² (residual)"
    return f"{right} + <b>u</b>", (*legend, rest)


def _one_arm(sheet: Words, link: str, seen: str, formula: Formula, *, equal: bool) -> Written:
    left = f"{link}<sub>{sheet.study}</sub>"
    if formula.terms:
        right, legend = _effect(sheet, formula, equal=equal)
        return f"{left} = {right}", (*legend, seen)
    if equal:
        return f"{left} = <b>θ</b>", (f"<b>θ</b>: the one {link} of all studies", seen)
    return f"{left} = <b>μ</b> + <b>u</b>", (
        f"<b>μ</b>: average {link} over studies like these",
        "<b>u</b>: how far one study lies from it, variance τ²",
        seen,
    )


def _beta_binomial(sheet: Words, link: str, seen: str, *, one_arm: bool) -> Written:
    law = "risks vary between studies as a beta distribution around that"
    if one_arm:
        return f"mean risk: {link} = <b>μ</b>", (f"<b>μ</b>: average {link}", law, seen)
    return f"mean risk: {link} = <b>α</b> + <b>μ</b>·group", (
        "<b>α</b>: the average level of the second group",
        f"<b>μ</b>: average {sheet.effect}",
        law,
        seen,
    )
