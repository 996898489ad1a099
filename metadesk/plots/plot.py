"""An entry in the catalogue of plots: options, what it needs of a result, how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metadesk.analysis.engine import AnyResult
from metadesk.figure import Page


@dataclass(frozen=True)
class Plot:
    """One kind of figure.

    ``sentence`` says in plain words what it shows; ``options`` is a dataclass of described fields;
    ``needs`` gives the reason why a result cannot be drawn this way, or None; both it and ``draw``
    only ever see results of the kind that ``takes`` names: 'studies' or 'trial' (rows).
    """

    key: str
    title: str
    sentence: str
    options: type[Any]
    draw: Callable[[Any, Any], Page]
    needs: Callable[[Any], str | None]
    takes: str = "studies"

    def fits(self, result: AnyResult) -> bool:
        """Whether this result can be drawn this way."""
        return self.takes == result.kind and self.needs(result) is None
