"""A recording as a task of a Ray cluster: what runs on its nodes."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from seldsynth.batch import Job, Outcome, describe_failure
from seldsynth.errors import MediaError, SeldsynthError
from seldsynth.making import prepare_process, render_recording
from seldsynth.provenance import code_sha256, versions
from seldsynth.render.scene import check_assets

COUNT_S = 0.5
"""How often frames are counted."""

_log = logging.getLogger(__name__)

Lines = list[tuple[int, str, str]]
"""What a task logged: level, name of the logger, words."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a task needs to know beside its recording; expected: what its node must be like."""

    task: int
    expected: Mapping[str, str]
    log_level: int


def this_environment() -> dict[str, str]:
    """What the bytes of a video depend on, of this process."""
    return {**versions(), "code": code_sha256()[:12]}


def work(job: Job, terms: Terms, counter: Any) -> tuple[Outcome, Lines]:
    """A task: its outcome, and what was logged along with it."""
    ray: Any = importlib.import_module("ray")
    node = f"{socket.gethostname()}, Ray node {ray.get_runtime_context().get_node_id()[:8]}"
    with _kept_lines(terms.log_level) as lines:
        try:
            count = _Count(ray, counter, terms.task)
            _check_node(job, terms)
            prepare_process()
            outcome = render_recording(job, on_frame=count)
        except SeldsynthError as error:
            outcome = job.failed(describe_failure(error))
        except _StoppedError:
            outcome = job.failed("its run has ended")
        _log.info("%s: on %s", job.recording.recording_id, node)
    if outcome.status == "failed":
        outcome = replace(outcome, message=f"{outcome.message} (on {node})")
    return outcome, lines


class _StoppedError(BaseException):
    """The run wants no more frames; no fault of a recording."""


class _Count:
    """Tells the run of frames, and hears whether to go on. Raises _StoppedError if not."""

    def __init__(self, ray: Any, counter: Any, task: int) -> None:
        self._ray, self._counter, self._task = ray, counter, task
        self._frames = 0
        self._told_at = time.monotonic()
        self._answer = counter.tell.remote(task, 0)  # not waited for: it may take Ray a while

    def __call__(self) -> None:
        """There is one frame more."""
        self._frames += 1
        if time.monotonic() - self._told_at >= COUNT_S:
            self._told_at = time.monotonic()
            self._check()
            self._answer = self._counter.tell.remote(self._task, self._frames)

    def _check(self) -> None:
        goes_on = True
        with contextlib.suppress(self._ray.exceptions.RayError):  # Ray ends what nobody waits for
            if self._ray.wait([self._answer], timeout=0)[0]:
                goes_on = self._ray.get(self._answer)
        if not goes_on:
            raise _StoppedError


def _check_node(job: Job, terms: Terms) -> None:
    """Raise SeldsynthError if a video made in this process would not be as on any other node."""
    for name, here in this_environment().items():
        if terms.expected[name] != here:
            raise MediaError(
                f"{name} is {here} on this node, and {terms.expected[name]} where the run began; "
                "install the same on all nodes"
            )
    if job.place is not None:
        job.place.check_from_elsewhere()
    if job.device == "cuda" and not torch.cuda.is_available():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        raise MediaError(f"torch sees no GPU there (CUDA_VISIBLE_DEVICES: {visible})")
    if job.fresh:  # else it is done along with the rendering
        check_assets(job.plan, job.folders)


class _Keeping(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: Lines = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.name, self.format(record)))


@contextlib.contextmanager
def _kept_lines(level: int) -> Iterator[Lines]:
    """What this package logs within the block, with tracebacks."""
    logger, keeping = logging.getLogger("seldsynth"), _Keeping()
    logger.setLevel(level)
    logger.addHandler(keeping)
    try:
        yield keeping.lines
    finally:
        logger.removeHandler(keeping)
