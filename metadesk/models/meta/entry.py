"""One line a study-level model: what it is, what it assumes, what it answers and what it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from metadesk.models.meta.likelihood_ratio import Refits
from metadesk.models.result import Family, FitResult

Reads = Literal["effects", "moderators", "scale", "two-arms", "counts", "levels"]


@dataclass(frozen=True)
class StudyModel:
    """A model in the catalogue.

    ``reads`` says what it needs beside the sheet's effects: nothing more ('effects'), a design
    ('moderators'), one of the mean and one of the spread ('scale'), the counts of two arms
    ('two-arms'), any counts ('counts'), or a grouping of rows ('levels').
    ``measures`` names the measures it is for; empty means any. ``equation`` is the occurrence
    equation, with ``{effect}`` and ``{moderators}`` to be put in the sheet's words.
    ``short`` is its name within its family. ``moderated`` marks a model of counts that takes
    moderators too.
    ``fewest`` is the number of studies below which it says nothing.
    ``fit(options, data, progress)`` computes it; ``ratios`` says how it is fitted again for tests
    by its likelihood, where it has one.
    """

    key: str
    title: str
    family: Family
    sentence: str
    assumption: str
    question: str
    equation: str
    options: type[Any]
    fit: Callable[..., FitResult]
    reads: Reads = "effects"
    measures: tuple[str, ...] = ()
    advanced: bool = False
    fewest: int = 1
    short: str = ""
    moderated: bool = False
    ratios: Refits | None = None

    @property
    def explains(self) -> bool:
        """Whether moderators can stand in the model."""
        return self.moderated or self.reads in ("moderators", "scale", "levels")

    @property
    def shelf(self) -> Family:
        """The family under which a person looks for it.

        Models of counts, of moderators and of levels stand with the mixed models that they are,
        whatever their own assumption about the true effects.
        """
        own = self.reads in ("effects", "two-arms")
        return self.family if own else "mixed"
