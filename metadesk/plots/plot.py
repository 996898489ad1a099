"""An entry in the catalogue of plots: options, what it needs of a result, how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metadesk.analysis.result import AnalysisResult
from metadesk.figure import Page


@dataclass(frozen=True)
class Plot:
    """One kind of figure.

    ``sentence`` says in plain words what it shows; ``options`` is a dataclass of described fields;
    ``needs`` gives the reason why a result cannot be drawn this way, or None.
    """

    key: str
    title: str
    sentence: str
    options: type[Any]
    draw: Callable[[AnalysisResult, Any], Page]
    needs: Callable[[AnalysisResult], str | None]
