"""Imports seldsynth once, then forks for every run it is asked for, and kills it where told.

A request is a line of JSON: the `arguments` of the command line, a `log` for what is said, and
where it is to end: after so many `seconds`, by the signal of that number; or at a `step`, by
SIGKILL. A step is a file operation that Python makes below `inside`: opened, renamed, removed,
written, flushed. A write is cut in half. The answer is a line of JSON: `code`, and of a run that
was not killed `steps` and `seconds`.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from typing import Any

from seldsynth.cli import main

_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}


class Steps:
    """Counts file operations, and kills this very process before one of them."""

    def __init__(self, inside: str, last: int | None) -> None:
        self.count = 0
        self._inside = inside
        self._last = last
        self._write, self._fsync = os.write, os.fsync

    def watch(self) -> None:
        sys.addaudithook(self._hear)
        os.write, os.fsync = self._counted_write, self._counted_fsync

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EVENTS and self._inside in str(arguments[0]):
            self._step()

    def _step(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def _counted_write(self, descriptor: int, content: bytes) -> int:
        if self.count + 1 == self._last:
            self._write(descriptor, content[: len(content) // 2])
        self._step()
        return self._write(descriptor, content)

    def _counted_fsync(self, descriptor: int) -> None:
        self._step()
        self._fsync(descriptor)


def run(request: dict[str, Any], answers: int) -> None:
    """The forked process: never returns."""
    said = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    steps = Steps(request["inside"], request.get("step"))
    start = time.perf_counter()
    steps.watch()
    code = 70
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        code = main(request["arguments"])
    finally:
        sys.stdout.flush()
        seconds = time.perf_counter() - start
        steps._write(answers, json.dumps({"steps": steps.count, "seconds": seconds}).encode())
        os._exit(code)


def serve() -> None:
    for name in ("synth", "verify"):
        importlib.import_module(f"seldsynth.commands.{name}")
    for line in sys.stdin:
        request = json.loads(line)
        reading, writing = os.pipe()
        # An interrupt that comes before all is set up waits until it is.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        child = os.fork()
        if child == 0:
            run(request, writing)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.close(writing)
        if request.get("seconds") is not None:
            time.sleep(request["seconds"])
            os.kill(child, request["signal"])
        _, status = os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            told = json.loads(answer.read() or "{}")
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), **told}), flush=True)


if __name__ == "__main__":
    serve()
