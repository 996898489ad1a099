"""Choices that change nothing for a trial sheet, each with the reason why.

The window greys them with the reason; where a spec asks for one all the same, a note says that it
had no effect. Light enough for the window's start: nothing here needs numpy.
"""

from __future__ import annotations

from collections.abc import Collection

from metadesk.analysis.trial_spec import TrialSpec
from metadesk.document import Note
from metadesk.options import Option, options_of

MODEL = (
    "sequence", "carryover", "baseline", "cycle", "random", "residual", "df", "method", "adjust",
    "integration", "companions", "bioequivalence",
)  # fmt: skip
NEEDS_COLUMN = {
    "sequence": "sequence", "baseline": "baseline", "cycle": "cycle", "trend": "time",
    "carryover": "period",
}  # fmt: skip
NOT_MEASURED = {
    "df": "Yes/no, counted and ordered outcomes are compared by the normal distribution.",
    "method": "Models of yes/no, counted and ordered outcomes are fitted by maximum likelihood.",
    "residual": "Yes/no, counted and ordered outcomes have no residual variance of their own.",
    "transform": "Only measured outcomes are analysed as logarithms.",
    "adjust": "Several comparisons are adjusted for measured outcomes only.",
    "bioequivalence": "Bioequivalence is for measured outcomes.",
}
SINGLE = "One person is analysed by cycles and in time, without this choice."
AS_IT_IS = {"df": ("z",), "trend": ("no",)}
"""Values of a choice that are what happens anyway."""


def idle_choices(
    spec: TrialSpec, marked: Collection[str], kind: str, analysis: str, n_treatments: int
) -> dict[str, str]:
    """Choices that cannot change the numbers, with the reason.

    Parameters
    ----------
    marked : collection of str
        The roles for which the sheet has a column.
    kind : str
        The kind of outcome; '' where it is not known yet.
    analysis : str
        'crossover', 'series' or 'one-patient'; '' where it is not known yet.
    n_treatments : int
        How many treatments occur; 0 where that is not known yet.
    """
    idle = {
        name: f"No column is marked as the {role}."
        for name, role in NEEDS_COLUMN.items()
        if role not in marked
    }
    if analysis == "one-patient":
        idle |= dict.fromkeys(MODEL, SINGLE)
    elif analysis:
        idle["washout"] = "Rows after a change are left out for a single person only."
        idle |= _by_design(spec, marked, analysis)
    if kind == "continuous":
        idle["integration"] = "The model of a measured outcome needs no integration."
    elif kind:
        idle |= {n: why for n, why in NOT_MEASURED.items() if n not in idle}
        if spec.df == "between-within" and analysis != "one-patient":
            del idle["df"]
    if n_treatments == 2:
        idle.setdefault("adjust", "With two treatments there is one comparison.")
    if not spec.bioequivalence or "bioequivalence" in idle:
        idle |= dict.fromkeys(("widen", "rounded"), "It belongs to bioequivalence.")
    return idle


def _by_design(spec: TrialSpec, marked: Collection[str], analysis: str) -> dict[str, str]:
    if analysis == "crossover":
        only = "It is for single persons and series of N-of-1 trials."
        return {"relevant": only, "lower_is_better": only}
    idle = {"bioequivalence": "Bioequivalence is for crossover trials."}
    if "period" in marked and "cycle" in marked:
        idle["sequence"] = "In a series each cycle has an order of its own."
    if spec.relevant is None:
        idle["lower_is_better"] = "It needs the smallest difference that matters."
    return idle


def idle_notes(spec: TrialSpec, idle: dict[str, str], marked: Collection[str]) -> tuple[Note, ...]:
    """One sentence for each choice of the request that had no effect."""
    found = [
        Note(f"'{_chosen(option, getattr(spec, option.name))}' changes nothing here: "
             f"{idle[option.name]}", "note", "idle-choice")
        for option in options_of(type(spec))
        if option.name in idle and _is_asked(option, getattr(spec, option.name), idle[option.name])
    ]  # fmt: skip
    if "cycle" in spec.random and "cycle" not in marked and "random" not in idle:
        found.append(
            Note("No column is marked as the cycle, so cycles have no level of their own.",
                 "caution", "idle-choice")
        )  # fmt: skip
    return tuple(found)


def _is_asked(option: Option, value: object, why: str) -> bool:
    """Whether a choice wants something else than what happens."""
    happens = AS_IT_IS.get(option.name, ()) if why != SINGLE else ()
    return value != option.default and value not in happens


def _chosen(option: Option, value: object) -> str:
    """A choice in the words of the panel."""
    if option.kind == "flag":
        return option.title if value else f"{option.title}: no"
    return f"{option.title}: {option.choices.get(str(value), value)}"
