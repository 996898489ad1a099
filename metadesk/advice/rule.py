"""A rule of advice: a condition on what was found, a sentence, how much it matters, its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metadesk.analysis.result import AnalysisResult
from metadesk.document import Note
from metadesk.document.blocks import Severity


@dataclass(frozen=True)
class Rule:
    """``say`` gives the sentence when the rule applies to a result, else an empty string."""

    key: str
    title: str
    severity: Severity
    source: str
    say: Callable[[AnalysisResult], str]

    def note(self, result: AnalysisResult) -> Note | None:
        """The advice as a note, if the rule applies."""
        sentence = self.say(result)
        return Note(sentence, self.severity, self.key, self.source) if sentence else None
