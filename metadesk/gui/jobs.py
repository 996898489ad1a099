"""Work behind the window: a job gets frozen values, returns a value, and can be called off.

A job runs in a thread of the pool and speaks through signals of an object that lives with the
window, so every slot runs in the window's thread. Jobs of one :class:`Lane` carry numbers; where
the newest wins, an older job is called off and whatever it still says is dropped.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from metadesk.errors import Cancelled, MetadeskError
from metadesk.numerics.progress import Progress

log = logging.getLogger(__name__)

Tell = Callable[[object], None]
Work = Callable[[Progress, Tell], object]
"""Work takes a Progress and a way to hand over parts early, and returns its value."""

PROGRESS_EVERY = 0.05  # seconds between two progress signals: 20 a second are enough for the eye


def _nothing(_progress: Progress, _tell: Tell) -> object:
    return None


def sentence_of(problem: Exception) -> str:
    """Say in one sentence what went wrong."""
    if isinstance(problem, MetadeskError):
        return str(problem)
    words = str(problem).strip() or "no further words"
    return f"This should not have happened: {type(problem).__name__}: {words}"


class JobSignals(QObject):
    """The voice of the jobs of one lane; lives in the window's thread."""

    part = Signal(int, object)
    progress = Signal(int, float, str)
    done = Signal(int, object)
    failed = Signal(int, str)
    stopped = Signal(int)


class Job(QRunnable):
    """One piece of work with its number and its way out."""

    def __init__(self, number: int, work: Work, voice: JobSignals) -> None:
        super().__init__()
        self.setAutoDelete(False)  # the lane holds the reference until the job has spoken
        self.number = number
        self.cancelled = threading.Event()
        self.finished = threading.Event()
        self._work = work
        self._voice = voice
        self._last = 0.0
        self._furthest = 0.0  # a bar that goes back says nothing

    def run(self) -> None:
        """Do the work and say how it ended; called by the pool."""
        # the window may be gone when a job that was called off at closing ends
        with contextlib.suppress(RuntimeError):
            try:
                self._run()
            finally:
                self._work = _nothing  # lets go of the tables
                self.finished.set()

    def _run(self) -> None:
        try:
            if self.cancelled.is_set():
                raise Cancelled
            value = self._work(Progress(self._report, self.cancelled.is_set), self._tell)
        except Cancelled:
            self._voice.stopped.emit(self.number)
        except MetadeskError as problem:
            self._voice.failed.emit(self.number, sentence_of(problem))
        except Exception as problem:
            log.exception("job %d failed", self.number)
            self._voice.failed.emit(self.number, sentence_of(problem))
        else:
            self._voice.done.emit(self.number, value)

    def _tell(self, part: object) -> None:
        self._voice.part.emit(self.number, part)

    def _report(self, fraction: float, what: str) -> None:
        self._furthest = max(self._furthest, fraction)
        now = time.monotonic()
        if now - self._last >= PROGRESS_EVERY:
            self._last = now
            self._voice.progress.emit(self.number, self._furthest, what)


class Lane(QObject):
    """A run of jobs of one kind.

    With ``newest_wins`` a new job calls off the one before it, and only the newest is heard.
    """

    part = Signal(int, object)
    progress = Signal(int, float, str)
    done = Signal(int, object)
    failed = Signal(int, str)
    stopped = Signal(int)
    busy_changed = Signal(bool)

    def __init__(
        self, pool: QThreadPool, *, newest_wins: bool, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._pool = pool
        self._newest_wins = newest_wins
        self._jobs: dict[int, Job] = {}
        self._ended_jobs: list[Job] = []
        self._closed = False
        self._heard: set[int] = set()
        self._number = 0
        self._voice = JobSignals(self)
        self._voice.part.connect(self._on_part)
        self._voice.progress.connect(self._on_progress)
        self._voice.done.connect(self._on_done)
        self._voice.failed.connect(self._on_failed)
        self._voice.stopped.connect(self._on_stopped)

    @property
    def busy(self) -> bool:
        """Whether a job is running whose answer is still wanted."""
        return bool(self._heard)

    @property
    def newest(self) -> int:
        """The number of the job that was started last; 0 before the first."""
        return self._number

    def start(self, work: Work) -> int:
        """Start ``work`` in a thread and return its job number; after closing nothing starts."""
        if self._closed:
            return self._number
        if self._newest_wins:
            self._forget()
        if self._pool.activeThreadCount() == 0:
            self._ended_jobs.clear()  # not earlier: a thread may still be on its way out of run()
        self._number += 1
        job = Job(self._number, work, self._voice)
        self._jobs[job.number] = job
        was_busy = self.busy
        self._heard.add(job.number)
        if not was_busy:
            self.busy_changed.emit(True)
        self._pool.start(job)
        return job.number

    def forget(self) -> None:
        """Call off all jobs and do not listen to them any more."""
        was_busy = self.busy
        self._forget()
        if was_busy:
            self.busy_changed.emit(False)

    def cancel(self) -> None:
        """Call off all jobs; each says ``stopped`` when it has come to its next step."""
        for number in tuple(self._heard):
            self._jobs[number].cancelled.set()

    def close(self, seconds: float = 2.0) -> bool:
        """Call off all jobs and wait for them; return whether they ended in time."""
        self._closed = True
        jobs = tuple(self._jobs.values())
        self._forget()
        until = time.monotonic() + seconds
        return all(job.finished.wait(max(0.0, until - time.monotonic())) for job in jobs)

    def _forget(self) -> None:
        for number in self._heard:
            self._jobs[number].cancelled.set()
        self._heard.clear()

    def _ended(self, number: int) -> bool:
        """Let go of a job that has ended; return whether it is still wanted."""
        self._ended_jobs.append(self._jobs.pop(number))
        if number not in self._heard:
            return False
        self._heard.discard(number)
        return True

    def _rest(self) -> None:
        if not self.busy:
            self.busy_changed.emit(False)

    @Slot(int, object)
    def _on_part(self, number: int, part: object) -> None:
        if number in self._heard:
            self.part.emit(number, part)

    @Slot(int, float, str)
    def _on_progress(self, number: int, fraction: float, what: str) -> None:
        if number in self._heard:
            self.progress.emit(number, fraction, what)

    @Slot(int, object)
    def _on_done(self, number: int, value: object) -> None:
        if self._ended(number):
            self.done.emit(number, value)
            self._rest()

    @Slot(int, str)
    def _on_failed(self, number: int, sentence: str) -> None:
        if self._ended(number):
            self.failed.emit(number, sentence)
            self._rest()

    @Slot(int)
    def _on_stopped(self, number: int) -> None:
        if self._ended(number):
            self.stopped.emit(number)
            self._rest()
