"""Asking for what stands beside the main analysis of a trial; what has no answer becomes a note."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from metadesk.analysis.trial_models import Comparison
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.document import Note
from metadesk.errors import DataProblem, MetadeskError
from metadesk.models.mixed import MixedResult
from metadesk.models.result import Quantity

T = TypeVar("T")


@dataclass
class Beside:
    """Runs what stands beside the main analysis; what it cannot answer becomes a note."""

    notes: list[Note] = field(default_factory=list)

    def ask(self, what: str, run: Callable[[], T]) -> T | None:
        """The answer; None and a note where there is none."""
        try:
            return run()
        except MetadeskError as sentence:
            self.notes.append(Note(f"{what}: {sentence}", "note", "companion-missing"))
            return None


def effect_of(main: MixedResult, prepared: PreparedTrial, against: Comparison) -> Quantity:
    """The treatment contrast of a mixed model.

    Raises
    ------
    DataProblem
        If the treatment cannot be told from other terms.
    """
    name = f"{prepared.roles.treatment}[{against.active}]"
    if name not in main.coefficients.names:
        if _same_order(prepared):
            raise DataProblem(
                f"In every period all persons had the same treatment, so {against.active} and "
                f"{against.reference} cannot be told from the periods; persons with another order "
                f"are needed."
            )
        raise DataProblem(
            f"The difference between {against.active} and {against.reference} cannot be told from "
            f"the other terms; leave out a term."
        )
    return replace(
        main.coefficients.at(name),
        name="effect",
        title=f"{against.active} − {against.reference}",
        method=f"{main.title}, {main.method}",
    )


def _same_order(prepared: PreparedTrial) -> bool:
    """Whether each period holds one treatment only."""
    data = prepared.data
    if data is None or not prepared.roles.period:
        return False
    periods = data.factor(prepared.roles.period).codes.tolist()
    return len(set(zip(periods, data.treatment.codes.tolist(), strict=True))) == len(set(periods))


def model_notes(*found: Any) -> tuple[Note, ...]:
    """The notes of all results that are there."""
    return tuple(note for one in found if one is not None for note in one.notes)
