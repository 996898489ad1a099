"""Several effects of one study: how their sampling errors go together, or one effect from them.

A request says it in its block ``dependence``. Either each study's effects are combined into one
before anything is pooled, or all are kept and models that read several effects of a study (the
multilevel model) get the covariance matrix of their sampling errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metadesk.analysis.result import StudyResult
from metadesk.effects import EffectSizes
from metadesk.effects.aggregate import aggregate
from metadesk.effects.dependence import BlockCovariance, constructed_covariance
from metadesk.errors import SpecProblem
from metadesk.numerics.types import FloatVector, IntVector
from metadesk.options import choice, flag, from_plain, number, text
from metadesk.table import StudyTable, TableColumn, shown

USES = {
    "none": "Taken as independent",
    "combine": "Combined into one effect a study",
    "keep": "All kept, with their covariances",
}
WHYS = {
    "outcomes": "several outcomes of the same people",
    "times": "several time points of the same people",
    "outcomes-times": "several outcomes at several time points",
    "control": "comparisons that share a group",
}


@dataclass(frozen=True)
class Dependence:
    """How the effects of one study depend on one another; columns by name, '' for the usual one."""

    use: str = choice("Several effects of one study", USES, "none")
    why: str = choice("Why they depend on one another", WHYS, "outcomes")
    rho: float = number(
        "Correlation of two outcomes", 0.5, minimum=-0.99, maximum=0.99,
        help="Papers seldom tell it; 0.5 is usual, 0.3 and 0.7 show how much it matters.",
    )  # fmt: skip
    phi: float = number(
        "Correlation at one unit of time", 0.8, minimum=0.0, maximum=0.99,
        help="At a distance of t units the correlation is this number to the power of t.",
    )  # fmt: skip
    weighted: bool = flag(
        "Weigh the effects of a study by their precision", True,
        help="Otherwise the plain mean of the study's effects is taken.",
    )  # fmt: skip
    study: str = text("Column of the study", help="Rows with the same word are one study.")
    outcome: str = text("Column of the outcome")
    time: str = text("Column of the time")
    group1: str = text("Column that names the first group")
    group2: str = text("Column that names the second group")


def dependence_of(spec_block: Mapping[str, Any]) -> Dependence:
    """The request's block as options.

    Raises
    ------
    SpecProblem
        If a name or value in it is unknown.
    """
    return from_plain(Dependence, spec_block, where="dependence")


def covariance(
    chosen: Dependence, table: StudyTable, vi: FloatVector, rows: IntVector
) -> BlockCovariance:
    """Construct the sampling covariances of the effects in these rows.

    Parameters
    ----------
    chosen : Dependence
    table : StudyTable
    vi : (n_rows,) array
        Sampling variances of all rows of the sheet.
    rows : (k,) array
        Positions of the rows that are meant, in order.

    Raises
    ------
    SpecProblem
        If a column that is needed does not stand in the sheet.
    DataProblem
        If the covariances are not possible.
    """
    study = _studies(table, chosen)
    cluster = [study[i] or f"row {i + 1}" for i in rows]
    more: dict[str, Any] = {}
    if chosen.why == "outcomes":
        more = {"obs": [int(i) for i in rows], "rho": chosen.rho}
    elif chosen.why == "times":
        more = {"time1": _times(table, chosen, rows), "phi": chosen.phi}
    elif chosen.why == "outcomes-times":
        outcome = _texts(table, chosen.outcome, ("outcome",), "outcome")
        more = {
            "obs": [outcome[i] for i in rows], "rho": chosen.rho,
            "time1": _times(table, chosen, rows), "phi": chosen.phi,
        }  # fmt: skip
    else:
        more = _shared_groups(table, chosen, rows, cluster)
    return constructed_covariance(vi[rows], cluster, **more).checked()


def _studies(table: StudyTable, chosen: Dependence) -> tuple[str, ...]:
    """The study of every row: a column that says so, else name and year together.

    Names alone would make one study of two by the same authors.
    """
    if chosen.study or table.with_role("cluster") is not None:
        return _texts(table, chosen.study, ("cluster",), "study")
    return table.labels()


def _shared_groups(
    table: StudyTable, chosen: Dependence, rows: IntVector, cluster: Sequence[str]
) -> dict[str, Any]:
    """Both groups of each comparison; without a column, the second group is the study's control."""
    first = _texts(table, chosen.group1, (), "") if chosen.group1 else None
    second = _texts(table, chosen.group2, (), "") if chosen.group2 else None
    sizes = []
    for role in ("n1i", "n2i"):
        column = table.with_role(role)
        sizes.append(None if column is None else table.floats(column)[rows])
    known = all(n is not None and bool(np.all(n > 0)) for n in sizes)
    return {
        "grp1": [first[i] if first else f"group of row {i}" for i in rows],
        "grp2": [
            second[i] if second else f"control of {c}" for i, c in zip(rows, cluster, strict=True)
        ],
        "w1": sizes[0] if known else None,
        "w2": sizes[1] if known else None,
    }


def combined(
    spec_block: Mapping[str, Any],
    table: StudyTable,
    studies: tuple[StudyResult, ...],
    effects: EffectSizes,
    level: float,
) -> tuple[tuple[StudyResult, ...], EffectSizes]:
    """Put one effect a study in the place of several, where the request asks for it.

    The first used row of a study carries the combined effect; its other rows stay in the result,
    left out with that reason.
    """
    chosen = dependence_of(spec_block)
    rows = np.array([i for i, s in enumerate(studies) if s.used], dtype=np.int64)
    if chosen.use != "combine" or len(rows) == 0:
        return studies, effects
    V = covariance(chosen, table, effects.vi, rows)
    found = aggregate(effects.yi[rows], V, weighted=chosen.weighted)
    yi, vi, ni = effects.yi.copy(), effects.vi.copy(), effects.ni.copy()
    done = list(studies)
    for y, v, members in zip(found.yi, found.vi, found.rows, strict=True):
        first, *others = (int(rows[int(m)]) for m in members)
        if not others:
            continue
        yi[first], vi[first], ni[first] = y, v, float(np.max(effects.ni[[first, *others]]))
        for other in others:
            done[other] = replace(
                done[other], used=False,
                reason=f"Combined with the other effects of this study in row {first + 1}.",
            )  # fmt: skip
        done[first] = _carrying(done[first], len(members), chosen)
    changed = replace(effects, yi=yi, vi=vi, ni=ni)
    return _read_again(tuple(done), studies, changed, level), changed


def _carrying(study: StudyResult, count: int, chosen: Dependence) -> StudyResult:
    how = "weighted" if chosen.weighted else "plain mean"
    by = {
        "outcomes": f"correlation {chosen.rho:g}",
        "times": f"correlation {chosen.phi:g} a unit of time",
        "outcomes-times": f"correlations {chosen.rho:g} and {chosen.phi:g} a unit of time",
        "control": "correlation through the group they share",
    }[chosen.why]
    note = f"{count} effects of this study were combined into one ({how}, {by})."
    return replace(study, notes=(*study.notes, note))


def _read_again(
    done: tuple[StudyResult, ...],
    before: tuple[StudyResult, ...],
    effects: EffectSizes,
    level: float,
) -> tuple[StudyResult, ...]:
    """Write the combined effects into the rows that carry them."""
    natural = effects.natural()
    lower, upper = effects.natural_ci(level)
    return tuple(
        replace(
            new, yi=float(effects.yi[i]), vi=float(effects.vi[i]), effect=float(natural[i]),
            lower=float(lower[i]), upper=float(upper[i]),
        )
        if len(new.notes) != len(old.notes)
        else new
        for i, (new, old) in enumerate(zip(done, before, strict=True))
    )  # fmt: skip


def _texts(table: StudyTable, name: str, roles: Sequence[str], what: str) -> tuple[str, ...]:
    return tuple(shown(v).strip() for v in _column(table, name, roles, what).cells)


def _times(table: StudyTable, chosen: Dependence, rows: IntVector) -> FloatVector:
    times = table.floats(_column(table, chosen.time, ("time",), "time"))[rows]
    if np.isnan(times).any():
        at = int(rows[int(np.flatnonzero(np.isnan(times))[0])])
        raise SpecProblem(
            f"Row {at + 1} has no number in the column of the time; fill it in or exclude the row."
        )
    return times


def _column(table: StudyTable, name: str, roles: Sequence[str], what: str) -> TableColumn:
    if name:
        try:
            return table.column(name)
        except KeyError:
            names = ", ".join(f"'{c.name}'" for c in table.columns)
            raise SpecProblem(f"The sheet has no column '{name}'; it has {names}.") from None
    for role in roles:
        found = table.with_role(role)
        if found is not None:
            return found
    raise SpecProblem(
        f"To say how effects depend on one another, a column must tell the {what}; "
        f"give a column the role {roles[0]} or name it."
    )
