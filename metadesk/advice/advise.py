"""All advice on one result, what matters most first."""

from __future__ import annotations

from metadesk.advice.dependence import DEPENDENCE
from metadesk.advice.explaining import EXPLAINING
from metadesk.advice.model_choice import MODEL_CHOICE
from metadesk.advice.rare_events import RARE_EVENTS
from metadesk.advice.rule import Rule
from metadesk.analysis.result import AnalysisResult
from metadesk.catalogue import Catalogue
from metadesk.document import Note

RULES: Catalogue[Rule] = Catalogue("rule of advice")
RULES.add(*MODEL_CHOICE, *RARE_EVENTS, *DEPENDENCE, *EXPLAINING)

_ORDER = {"stop": 0, "strong": 1, "caution": 2, "note": 3}


def advise(result: AnalysisResult) -> tuple[Note, ...]:
    """List what a careful colleague would say about this result."""
    notes = [note for rule in RULES if (note := rule.note(result)) is not None]
    return tuple(sorted(notes, key=lambda note: _ORDER[note.severity]))
