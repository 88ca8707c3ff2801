"""Processes of this machine, a recording each: what happens to it stays with it."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool

from seldsynth.batch import Job, Outcome
from seldsynth.making import prepare_process, render_recording
from seldsynth.workers import WORKER_DIED, Death

_log = logging.getLogger(__name__)

_SPAWN = multiprocessing.get_context("spawn")


class LocalProcesses:
    """So many processes of this machine; see `Executor`."""

    def __init__(self, workers: int) -> None:
        self.capacity = workers
        # Without locks: a worker that is killed could never give one back.
        self._stop: ctypes.c_bool = _SPAWN.Value("b", False, lock=False)
        self._workers = [_Worker(self._stop) for _ in range(workers)]
        self._idle = list(self._workers)
        self._busy: dict[Future[Outcome], _Worker] = {}

    def __enter__(self) -> LocalProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.value = True  # whoever is at work ends at the next frame
        with ThreadPoolExecutor(len(self._workers)) as closing:  # half a second each
            list(closing.map(_Worker.close, self._workers))

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        worker = self._idle.pop()
        self._busy[worker.submit(job)] = worker

    def ended(self, timeout_s: float) -> list[Outcome | Death]:
        """See `Executor`."""
        futures, _ = wait(self._busy, timeout=timeout_s, return_when=FIRST_COMPLETED)
        workers = [(self._busy.pop(future), future) for future in futures]
        self._idle.extend(worker for worker, _ in workers)
        return [worker.result(future) for worker, future in workers]

    def new_frames(self) -> int:
        """See `Executor`."""
        return sum(worker.new_frames() for worker in self._workers)


class _Worker:
    """One process. If it dies, the next recording gets a new process."""

    def __init__(self, stop: ctypes.c_bool) -> None:
        self._stop = stop
        self._frames: ctypes.c_longlong = _SPAWN.Value("q", 0, lock=False)
        self._counted = 0
        self._executor: ProcessPoolExecutor | None = None
        self._job: Job | None = None

    def submit(self, job: Job) -> Future[Outcome]:
        self._job = job
        with _deaf_to_interrupts():  # the new process inherits that: it is told to stop by us
            if self._executor is None:
                self._executor = self._start()
            try:
                return self._executor.submit(_work, job)
            except BrokenProcessPool:  # it died while it had nothing to do
                self.close()
                self._executor = self._start()
                return self._executor.submit(_work, job)

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            max_workers=1,
            mp_context=_SPAWN,
            initializer=_start_process,
            initargs=(self._frames, self._stop, _log.getEffectiveLevel()),
        )

    def result(self, future: Future[Outcome]) -> Outcome | Death:
        assert self._job is not None
        try:
            return future.result()
        except BrokenProcessPool:
            self.close()
            return Death(job=self._job, message=WORKER_DIED)

    def new_frames(self) -> int:
        total = int(self._frames.value)
        new, self._counted = total - self._counted, total
        return new

    def close(self) -> None:
        """Wait until the process has ended."""
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
