"""Many recordings side by side: planned ahead, handed to whoever renders them, told of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from seldsynth.batch import Job, Outcome
from seldsynth.files import remove_temporaries
from seldsynth.making import prepare_process, render_recording
from seldsynth.recordings import files_written

_POLL_S = 0.2

WORKER_DIED = "its worker process died (killed, or out of memory?)"


class Progress(Protocol):
    """Who is told how a batch gets on."""

    def started(self, job: Job) -> None:
        """A recording's rendering begins."""

    def frames(self, count: int) -> None:
        """So many more frames are done, of whichever recordings are under way."""

    def ended(self, outcome: Outcome) -> None:
        """A recording is done with."""


@dataclass(frozen=True, kw_only=True)
class Death:
    """A recording that has no outcome: whoever made it is gone. message: why, for its user."""

    job: Job
    message: str


class Executor(Protocol):
    """Who renders recordings, several at a time; a context manager.

    When it ends, whoever is still at work stops soon, and nothing half done has a final name.
    """

    @property
    def capacity(self) -> int:
        """How many recordings it takes at a time; it may change."""

    def submit(self, job: Job) -> None:
        """Have a recording rendered."""

    def ended(self, timeout_s: float) -> list[Outcome | Death]:
        """What has ended since it was last asked; waits so long for the first, if there is none."""

    def new_frames(self) -> int:
        """How many frames were done since it was last asked."""

    def __enter__(self) -> Executor:
        """Get ready."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop."""


def run(jobs: Iterable[Job | Outcome], *, executor: Executor | None, progress: Progress) -> None:
    """Render every job; without an executor in this process, one after another.

    What is made does not depend on who makes it. Outcomes go to `progress` as they are reached. A
    recording whose worker dies has failed; it is not tried again, for it may be why.
    """
    if executor is not None:
        with executor:
            _run_side_by_side(jobs, executor, progress)
        return
    prepare_process()
    for job in jobs:
        if isinstance(job, Outcome):
            progress.ended(job)
        else:
            progress.started(job)
            progress.ended(render_recording(job, on_frame=lambda: progress.frames(1)))


def _run_side_by_side(
    jobs: Iterable[Job | Outcome], executor: Executor, progress: Progress
) -> None:
    coming = iter(jobs)
    ready: deque[Job] = deque()
    num_busy = 0
    more = True
    while more or ready or num_busy:
        capacity = executor.capacity
        while ready and num_busy < capacity:
            job = ready.popleft()
            executor.submit(job)
            num_busy += 1
            progress.started(job)
        if more and len(ready) < max(1, capacity):  # plan ahead: no worker waits for a plan
            item = next(coming, None)
            if item is None:
                more = False
            elif isinstance(item, Job):
                ready.append(item)
            else:
                progress.ended(item)
        full = not more or len(ready) >= max(1, capacity)
        ended = executor.ended(_POLL_S if full else 0) if num_busy or full else []
        num_busy -= len(ended)
        progress.frames(executor.new_frames())
        for end in ended:
            progress.ended(_failed(end) if isinstance(end, Death) else end)


def _failed(death: Death) -> Outcome:
    remove_temporaries(files_written(death.job.recording.video))
    return death.job.failed(death.message)
