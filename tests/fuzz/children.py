"""Cases of bad input, carried through in child processes whose time and memory are measured.

`python -m tests.fuzz.children labels 1234` carries one case through again, here and now, and says
where its file is.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import logging
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from seldsynth.errors import ConfigError, SeldsynthError

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 30
MOST_KIB = 2 * 1024**2
MOST_CHARACTERS = 400
"""Of a message, beside the path that it names."""
MOST_WARNINGS = 3
"""That are logged about one file."""
_START_SECONDS = 120  # a child imports torch and writes its seeds before its first case
_SAFETY_NET_BYTES = 16 << 30  # of addresses, which are not memory


class Kind(Protocol):
    """What bad input of one kind is made of and goes through; a module of this folder has one."""

    def __init__(self, folder: Path) -> None:
        """Write what the cases are mutations of into a folder."""

    def write(self, index: int) -> Path:
        """Write the file of a case, always the same one."""

    def carry(self, path: Path, index: int) -> None:
        """Take it as far as the program would. Raises SeldsynthError where it is refused."""


@dataclass
class Report:
    """What became of cases: how many were accepted and refused; lines about those that broke."""

    accepted: int = 0
    refused: int = 0
    broken: list[str] = field(default_factory=list)
    peak_kib: int = 0
    slowest_s: float = 0.0
    messages: collections.Counter[str] = field(default_factory=collections.Counter)


def run_cases(kind: str, first: int, count: int, folder: Path) -> Report:
    """Carry cases through in a child process; a case that hangs or kills it is named.

    After a case that hung, crashed or took too much memory the next ones have a new child.
    """
    report = Report()
    folder.mkdir(parents=True, exist_ok=True)
    while first is not None and count:
        reached = _run_child(kind, first, count, folder, report)
        first, count = reached, count - (reached - first)
    return report


def _run_child(kind: str, first: int, count: int, folder: Path, report: Report) -> int:
    """Run a child over cases; returns the first one that it did not come to."""
    words = [sys.executable, "-W", "always", "-m", "tests.fuzz.children", kind, str(first)]
    with (folder / f"stderr_{kind}_{first}.txt").open("w+b") as stderr:
        child = subprocess.Popen(
            [*words, "--count", str(count), "--folder", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )
        assert child.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(child.stdout, lines))
        reader.start()
        under_way, reached = "before its first case", first
        try:
            for line in _lines(lines):
                if line is None:
                    report.broken.append(f"{under_way}: over {MOST_SECONDS} s")
                    return reached
                said = json.loads(line)
                if "starts" in said:
                    under_way, reached = said["starts"], said["index"] + 1
                elif "outcome" in said:
                    _note(said, under_way, report)
                    if said["peak_kib"] > MOST_KIB:  # the child ends itself
                        return reached
                elif said.get("ends"):
                    return first + count
        finally:
            child.kill()
            child.wait()
            reader.join()
            child.stdout.close()
        stderr.seek(0)
        last = stderr.read()[-2000:].decode(errors="replace")
        report.broken.append(f"{under_way}: its process died ({child.returncode}): {last}")
        return reached if reached > first else first + count


def _lines(lines: queue.Queue[str | None]) -> Iterator[str | None]:
    """Lines as they come; None, at last, if the next one does not come in time."""
    wait_s = _START_SECONDS
    while True:
        try:
            line = lines.get(timeout=wait_s)
        except queue.Empty:
            yield None
            return
        if line is None:
            return
        wait_s = MOST_SECONDS
        yield line


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """What a thread does: lines into a queue, and None after the last of them."""
    for line in stream:
        lines.put(line)
    lines.put(None)


def _note(said: dict[str, Any], case: str, report: Report) -> None:
    report.peak_kib = max(report.peak_kib, said["peak_kib"])
    report.slowest_s = max(report.slowest_s, said["seconds"])
    if said["outcome"] == "accepted":
        report.accepted += 1
    elif said["outcome"] == "refused":
        report.refused += 1
        report.messages[said["message"]] += 1
    else:
        report.broken.append(f"{case}: {said['message']}")


def _carry_all(kind: str, first: int, count: int, folder: Path) -> None:
    """What a child does: says what starts, and what became of it."""
    if count > 1:
        resource.setrlimit(resource.RLIMIT_AS, (_SAFETY_NET_BYTES, _SAFETY_NET_BYTES))
    cases: Kind = importlib.import_module(f"tests.fuzz.{kind}").Cases(folder / f"{kind}_seeds")
    os.chdir(folder)
    said, logged = sys.stdout, _Logged()
    logging.basicConfig(handlers=[logged], level=logging.WARNING, force=True)
    for index in range(first, first + count):
        path = cases.write(index)
        name = f"{kind} {index} ({path})"
        print(json.dumps({"starts": name, "index": index}), file=said, flush=True)
        stderr_bytes, start_s = os.fstat(2).st_size, time.perf_counter()
        logged.lines.clear()
        outcome, message = _outcome(cases, path, index)
        if (faults := [line for line in logged.lines if _is_no_line(line)]) or len(
            logged.lines
        ) > MOST_WARNINGS:
            outcome, message = "broken", f"{outcome}: {message}, but logs: {faults or logged.lines}"
        seconds = time.perf_counter() - start_s
        if count > 1 and os.fstat(2).st_size > stderr_bytes:
            written = os.pread(2, 1000, stderr_bytes).decode(errors="replace")
            outcome, message = "broken", f"{outcome}: {message}, but on stderr: {written}"
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak_kib > MOST_KIB:
            outcome, message = "broken", f"{peak_kib / 1024**2:.1f} GiB, {outcome}: {message}"
        if outcome != "broken":
            path.unlink()
        facts = {"outcome": outcome, "message": message, "seconds": seconds, "peak_kib": peak_kib}
        print(json.dumps(facts), file=said, flush=True)
        if peak_kib > MOST_KIB:  # what comes after could not be told from it
            os._exit(3)
    print(json.dumps({"ends": True}), file=said, flush=True)


class _Logged(logging.Handler):
    """Keeps what the program would say beside its outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _outcome(cases: Kind, path: Path, index: int) -> tuple[str, str]:
    try:
        cases.carry(path, index)
    except SeldsynthError as error:
        lines = error.faults if isinstance(error, ConfigError) else (str(error),)
        for line in lines:
            if fault := _message_fault(line, path):
                return "broken", f"{fault}: {line[:1000]!r}"
        return "refused", lines[0].replace(str(path), "FILE")
    except Exception:
        return "broken", traceback.format_exc()[-3000:]
    return "accepted", ""


def _message_fault(line: str, path: Path) -> str:
    """What is wrong with a message, if anything is."""
    if _is_no_line(line):
        return "a message of several lines, or with control characters"
    if len(line.replace(str(path.parent), "")) > MOST_CHARACTERS:
        return f"a message of {len(line)} characters"
    if path.name not in line and "--set" not in line:
        return "a message that does not name the file"
    return ""


def _is_no_line(text: str) -> bool:
    return not text or not text.isprintable()


def run_measured(words: list[str]) -> tuple[int | None, float, int, str]:
    """Run a command; returns its exit code, seconds, peak memory in KiB, and all that it said.

    The peak is that of the largest of its processes. None: it was killed after 30 s.
    """
    with tempfile.TemporaryFile() as output:
        start_s = time.perf_counter()
        child = subprocess.Popen(words, cwd=ROOT, stdout=output, stderr=output)
        timer = threading.Timer(MOST_SECONDS, child.kill)
        timer.start()
        _, status, used = os.wait4(child.pid, 0)
        timer.cancel()
        seconds = time.perf_counter() - start_s
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    code = None if child.returncode == -9 else child.returncode
    return code, seconds, used.ru_maxrss, said


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("labels", "configs", "media", "selftest"))
    parser.add_argument("first", type=int)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    place = options.folder or Path(tempfile.mkdtemp(prefix="seldsynth_fuzz_"))
    _carry_all(options.kind, options.first, options.count, place.absolute())
