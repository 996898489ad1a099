"""One model of the catalogue with options given by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models import FitResult
from metadesk.models.meta import MODELS
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import from_plain, options_of


def fit_model(
    key: str,
    options: Mapping[str, Any],
    level: float,
    data: Any,
    progress: Progress = SILENT,
) -> FitResult:
    """Fit a model with options given by name; ``level`` is the analysis' own.

    Raises
    ------
    NotEstimable
        If the data do not determine the model, also where its algebra breaks down on them (every
        person with an event, nobody with one).
    """
    entry = MODELS[key]
    chosen = model_options(key, options, level)
    try:
        return entry.fit(chosen, data, progress)
    except (np.linalg.LinAlgError, ArithmeticError) as reason:
        raise NotEstimable(
            f"These studies do not determine the model '{entry.title}': its equations have no "
            "solution for them. Look for groups in which everybody or nobody had an event, or "
            "choose another model."
        ) from reason


def model_label(key: str, options: Mapping[str, Any], moderators: str = "", scale: str = "") -> str:
    """The name of a model among others: its title, what was chosen first, its moderators."""
    entry = MODELS[key]
    first = next((o for o in options_of(entry.options) if o.kind == "choice"), None)
    words = entry.title
    if first is not None:
        words = f"{words}, {options.get(first.name, first.default)}"
    words = f"{words}, {moderators}" if moderators and entry.explains else words
    return f"{words}, spread {scale}" if scale and entry.reads == "scale" else words


def model_options(key: str, options: Mapping[str, Any], level: float) -> Any:
    """The options of a model as its own dataclass.

    Raises
    ------
    SpecProblem
        If an option does not exist or cannot have that value.
    """
    entry = MODELS[key]
    known = {option.name for option in options_of(entry.options)}
    given = {**options, **({"level": level} if "level" in known else {})}
    return from_plain(entry.options, given, where=f"model {key}")
