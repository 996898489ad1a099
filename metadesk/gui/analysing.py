"""What the worker does for a sheet: effect sizes, then the fit; and, apart from it, the checks.

Frozen values go in, parts come out through ``tell``; nothing here knows the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from metadesk.analysis.trial_spec import AnySpec
from metadesk.gui.jobs import Tell
from metadesk.numerics.progress import Progress
from metadesk.table import StudyTable

if TYPE_CHECKING:
    from metadesk.analysis.engine import AnyPrepared, AnyResult
    from metadesk.table.validate import Problem


class Engine(Protocol):
    """What the session asks of the analysis; :mod:`metadesk.analysis.engine` is one."""

    def prepare(self, spec: Any, table: StudyTable) -> Any:
        """Work out the effect sizes, or check the rows of a trial."""
        ...

    def fit(self, prepared: Any, progress: Progress) -> Any:
        """Pool them, or fit the trial's model."""
        ...


class LazyEngine:
    """The engine of the house, imported when it is first asked (in the worker's thread)."""

    def prepare(self, spec: AnySpec, table: StudyTable) -> AnyPrepared:
        """Work out the effect sizes, or check the rows of a trial."""
        from metadesk.analysis import engine

        return engine.prepare(spec, table)

    def fit(self, prepared: AnyPrepared, progress: Progress) -> AnyResult:
        """Pool them, or fit the trial's model."""
        from metadesk.analysis import engine

        return engine.fit(prepared, progress)


Check = Callable[[StudyTable], "Iterable[Problem]"]


def check_table(table: StudyTable) -> Iterable[Problem]:
    """List what is wrong in the sheet."""
    from metadesk.table.validate import validate

    return validate(table)


@dataclass(frozen=True)
class Request:
    """What one run of the worker is about; frozen, so it may cross threads."""

    spec: AnySpec
    table: StudyTable
    with_fit: bool


@dataclass(frozen=True)
class PreparedPart:
    """The effect sizes are worked out, or the rows of a trial checked."""

    prepared: Any


@dataclass(frozen=True)
class ResultPart:
    """The model is fitted."""

    result: Any


def analyse(engine: Engine, request: Request, progress: Progress, tell: Tell) -> None:
    """Effect sizes, then the fit where it is asked for; each is told as soon as it is there."""
    progress.step(0.0, "Working out effect sizes")
    prepared = engine.prepare(request.spec, request.table)
    tell(PreparedPart(prepared))
    progress.step(0.0, "Fitting")
    if request.with_fit:
        tell(ResultPart(engine.fit(prepared, progress)))


def look_for_problems(check: Check, table: StudyTable, prepared: object) -> tuple[Problem, ...]:
    """What is wrong in the sheet, and what the effect sizes say about single rows."""
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.row_checks import row_problems

    of_rows = row_problems(prepared) if isinstance(prepared, Prepared) else ()
    return (*of_rows, *check(table))
