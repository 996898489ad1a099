"""The three-level model proposed when studies give more than one effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from metadesk.models.meta.multilevel.data import DependentData, Factor
from metadesk.models.meta.multilevel.fit import Multilevel
from metadesk.numerics.types import FloatVector

FEWEST_CLUSTERS = 4


@dataclass(frozen=True)
class Proposal:
    """A model that respects the dependence found, and the sentence that says what was found."""

    spec: Multilevel
    sentence: str
    n_studies: int
    n_effects: int


def propose_levels(studies: Sequence[str], name: str = "study") -> Proposal | None:
    """Propose effects within studies, with CR2 errors, if any study has several rows.

    Returns None where every study has one row: the ordinary random-effects model is that model.
    """
    counts = Counter(studies)
    several = sum(n > 1 for n in counts.values())
    if not several:
        return None
    robust = "CR2" if len(counts) >= FEWEST_CLUSTERS else "none"
    spec = Multilevel(
        random=f"1 | {name}/effect", robust=robust, cluster=name if robust != "none" else ""
    )
    extra = " with cluster-robust (CR2) errors" if robust != "none" else ""
    sentence = (
        f"{several} of {len(counts)} studies give more than one effect ({len(studies)} effects in "
        f"all). Effects of one study are not independent; a three-level model{extra} keeps all of "
        "them without counting any study twice."
    )
    return Proposal(spec, sentence, len(counts), len(studies))


def three_level_data(
    yi: FloatVector,
    vi: FloatVector,
    studies: Sequence[str],
    *,
    name: str = "study",
    slab: Sequence[str] | None = None,
) -> DependentData:
    """Lay out the data that the proposal reads: every row its own effect within its study."""
    k = len(studies)
    effects = Factor.of("effect", [str(i + 1) for i in range(k)])
    return DependentData.of(
        yi, vi, slab=slab, factors={name: Factor.of(name, list(studies)), "effect": effects}
    )
