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
        if self._cancelled is not None and self._cancelled():
            raise Cancelled
        if self._report is not None:
            self._report(fraction, what)


SILENT = Progress()
