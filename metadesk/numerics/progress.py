"""Progress of long work, and the way out of it."""

from __future__ import annotations

from collections.abc import Callable

from metadesk.errors import Cancelled


class Progress:
    """Told by a computation how far it is; asks whether to go on.

    Long loops call :meth:`step` once a block, at the least ten times a second.
    """

    def __init__(
        self,
        report: Callable[[float, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._report = report
        self._cancelled = cancelled

    def step(self, fraction: float, what: str = "") -> None:
        """Report ``fraction`` done (0 to 1); raise :class:`Cancelled` if the person gave up."""
        self.check()
        if self._report is not None:
            self._report(fraction, what)

    def check(self) -> None:
        """Raise :class:`Cancelled` if the person gave up; say nothing."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled

    def within(self, low: float, high: float) -> Progress:
        """Return the progress of a part of the work, whose own fractions run from 0 to 1."""
        report = self._report
        if report is None:
            return self

        def part(fraction: float, what: str) -> None:
            report(low + (high - low) * min(max(fraction, 0.0), 1.0), what)

        return Progress(part, self._cancelled)


SILENT = Progress()
