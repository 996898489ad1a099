"""Sentences about a fitted model, in the words of the sheet."""

from __future__ import annotations

from metadesk.document import Note
from metadesk.models.mixed.options import RESIDUAL, GeneralisedMixed, LinearMixed
from metadesk.models.mixed.random_columns import RandomColumns
from metadesk.models.mixed.terms import ModelFrame


def linear_equation(frame: ModelFrame, spec: LinearMixed) -> str:
    """The model as one line: outcome = terms + random terms + residual."""
    outcome = frame.data.roles.outcome
    left = f"log({outcome})" if spec.transform == "log" else outcome
    fixed = [("carryover" if t.kind == "carryover" else t.column) for t in frame.design.terms]
    random = []
    for term in spec.groups(frame.data):
        what = ["level" if t == "1" else t for t in term.terms]
        random.append(f"({' and '.join(what)} by {term.group or 'person'})")
    rest = "residual" if spec.residual == "independent" else f"residual ({RESIDUAL[spec.residual]})"
    return f"{left} = " + " + ".join(["mean", *fixed, *random, rest])


def generalised_equation(
    frame: ModelFrame, groups: tuple[RandomColumns, ...], spec: GeneralisedMixed
) -> str:
    """The model as one line: outcome on the scale of the link = terms + random terms."""
    outcome = frame.data.roles.outcome
    left = {
        "binomial": f"logit P({outcome})",
        "ordinal": f"logit P({outcome} above a cut)",
    }.get(spec.family, f"log mean {outcome}")
    terms = [("carryover" if t.kind == "carryover" else t.column) for t in frame.design.terms]
    random = []
    for g in groups:
        what = ["level" if t == "(Intercept)" else t for t in g.terms]
        random.append(f"({' and '.join(what)} by {g.group or 'person'})")
    return f"{left} = " + " + ".join(["mean", *terms, *random])


def singular_note(boundary: tuple[str, ...], rule: str) -> Note:
    """That a variance component is estimated at the edge, and what it does to the df."""
    words = ", ".join(boundary)
    tail = {
        "satterthwaite": "; Satterthwaite's degrees of freedom then ignore it and come out larger",
        "kenward-roger": "; Kenward–Roger's degrees of freedom still count it",
    }.get(rule, "")
    return Note(
        f"At the boundary: {words}. The data show no such variation, which does not prove that "
        "there "
        f"is none{tail}.",
        "caution",
        "singular-fit",
    )
