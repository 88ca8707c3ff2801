"""Many recordings side by side: one process each, and what happens to it stays with it."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from seldsynth.batch import Job, Outcome
from seldsynth.files import remove_temporaries
from seldsynth.making import prepare_process, render_recording
from seldsynth.recordings import files_written

_log = logging.getLogger(__name__)

_POLL_S = 0.2
_SPAWN = multiprocessing.get_context("spawn")


class Progress(Protocol):
    """Who is told how a batch gets on."""

    def started(self, job: Job) -> None:
        """A recording's rendering begins."""

    def frames(self, count: int) -> None:
        """So many more frames are done, of whichever recordings are under way."""

    def ended(self, outcome: Outcome) -> None:
        """A recording is done with."""


def run(jobs: Iterable[Job | Outcome], *, workers: int, progress: Progress) -> None:
    """Render every job; with one worker in this process, else each in one of several.

    What is made does not depend on their number. Outcomes go to `progress` as they are reached.
    """
    if workers > 1:
        _run_in_processes(jobs, workers, progress)
        return
    prepare_process()
    for job in jobs:
        if isinstance(job, Outcome):
            progress.ended(job)
        else:
            progress.started(job)
            progress.ended(render_recording(job, on_frame=lambda: progress.frames(1)))


def _run_in_processes(jobs: Iterable[Job | Outcome], workers: int, progress: Progress) -> None:
    coming = iter(jobs)
    ready: deque[Job] = deque()
    busy: dict[Future[Outcome], _Worker] = {}
    with contextlib.ExitStack() as resources:
        # Without locks: a worker that is killed could never give one back.
        stop: ctypes.c_bool = _SPAWN.Value("b", False, lock=False)
        idle = [_Worker(stop) for _ in range(workers)]
        for worker in idle:
            resources.callback(worker.close)
        # Called first: whoever is at work ends at the next frame.
        resources.callback(setattr, stop, "value", True)
        more = True
        while more or ready or busy:
            while ready and idle:
                worker, job = idle.pop(), ready.popleft()
                busy[worker.submit(job)] = worker
                progress.started(job)
            if more and len(ready) < workers:  # plan ahead, so that no worker waits for a plan
                item = next(coming, None)
                if item is None:
                    more = False
                elif isinstance(item, Job):
                    ready.append(item)
                else:
                    progress.ended(item)
            full = not more or len(ready) == workers
            ended, _ = wait(busy, timeout=_POLL_S if full else 0, return_when=FIRST_COMPLETED)
            for future in ended:
                worker = busy.pop(future)
                idle.append(worker)
                progress.frames(worker.new_frames())
                progress.ended(worker.outcome(future))
            progress.frames(sum(worker.new_frames() for worker in busy.values()))


class _Worker:
    """One process. If it dies, its recording has failed and the next one gets a new process."""

    def __init__(self, stop: ctypes.c_bool) -> None:
        self._stop = stop
        self._frames: ctypes.c_longlong = _SPAWN.Value("q", 0, lock=False)
        self._counted = 0
        self._executor: ProcessPoolExecutor | None = None
        self._job: Job | None = None

    def submit(self, job: Job) -> Future[Outcome]:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                max_workers=1,
                mp_context=_SPAWN,
                initializer=_start_process,
                initargs=(self._frames, self._stop, _log.getEffectiveLevel()),
            )
        self._job = job
        with _deaf_to_interrupts():  # the new process inherits that: it is told to stop by us
            return self._executor.submit(_work, job)

    def outcome(self, future: Future[Outcome]) -> Outcome:
        assert self._job is not None
        try:
            return future.result()
        except BrokenProcessPool:
            self.close()
            remove_temporaries(files_written(self._job.recording.video))
            return self._job.failed("its worker process died (killed, or out of memory?)")

    def new_frames(self) -> int:
        total = int(self._frames.value)
        new, self._counted = total - self._counted, total
        return new

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


class _Stopped(BaseException):
    """The batch was interrupted; not an Exception, so that nothing takes it for a failure."""


_frame_counter: ctypes.c_longlong | None = None
_stop: ctypes.c_bool | None = None


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C for a moment; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start_process(frames: ctypes.c_longlong, stop: ctypes.c_bool, log_level: int) -> None:
    global _frame_counter, _stop
    _frame_counter, _stop = frames, stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=log_level, format="%(levelname)s: %(message)s")
    prepare_process()


def _end_with_parent() -> None:
    """A parent that was killed tells nobody: end when it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(job: Job) -> Outcome:
    def count() -> None:
        assert _frame_counter is not None
        assert _stop is not None
        _frame_counter.value += 1
        if _stop.value:
            raise _Stopped

    try:
        return render_recording(job, on_frame=count)
    except _Stopped:
        return job.failed("interrupted")
