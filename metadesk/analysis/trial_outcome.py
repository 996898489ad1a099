"""What kind of outcome a trial sheet has, and which word of a yes-or-no outcome is the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metadesk.analysis.trial_result import EVENT_WORDS
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed import Roles
from metadesk.models.mixed.columns import RawCell, as_words
from metadesk.table.yes_no import read_yes_no


def outcome_type(spec: TrialSpec, roles: Roles, columns: Mapping[str, Sequence[RawCell]]) -> str:
    """The kind of outcome: what was chosen, else what the cells are."""
    if spec.outcome_type != "auto":
        return spec.outcome_type
    if not roles.outcome:
        return "continuous"
    if roles.trials:
        return "binomial"
    cells = [c for c in columns[roles.outcome] if as_words(c) is not None]
    numbers = [float(c) for c in cells if isinstance(c, int | float)]
    if len(numbers) < len(cells) and read_yes_no(cells) is not None:
        return "binary"
    if cells and not numbers:
        return "ordinal"
    if len(cells) == len(numbers) and set(numbers) == {0.0, 1.0}:
        return "binary"
    return "continuous"


def with_events(
    kind: str, outcome: str, columns: dict[str, list[RawCell]]
) -> tuple[dict[str, list[RawCell]], tuple[Note, ...]]:
    """A yes-or-no outcome in words as 1 and 0, and the note that says which word is the event.

    Raises
    ------
    DataProblem
        If two words do not say which of them is the event.
    """
    cells = columns.get(outcome, [])
    words = [c for c in cells if isinstance(c, str) and as_words(c) is not None]
    if kind != "binary" or not words:
        return columns, ()
    read = read_yes_no(cells)
    if read is None:
        _check_plain(outcome, cells)
        return columns, ()
    events, others = _listed(read.events), _listed(read.others)
    if not (events and others):
        text = f"{outcome} holds {events or others} only, read as {'yes' if events else 'no'}."
    else:
        text = (
            f"{outcome} was read as yes or no: {events} is the event, {others} is none. If that "
            f"is the wrong way round, write 1 for the event and 0 for none."
        )
    return {**columns, outcome: list(read.values)}, (Note(text, "note", EVENT_WORDS),)


def _check_plain(outcome: str, cells: Sequence[RawCell]) -> None:
    said = sorted({w for w in map(as_words, cells) if w is not None})
    if len(said) == 2:
        raise DataProblem(
            f"Column '{outcome}' holds '{said[0]}' and '{said[1]}', which do not say which of them "
            f"is the event; write 1 for the event and 0 for the other."
        )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"'{w}'" for w in words)
