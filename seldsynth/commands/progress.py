"""How a batch gets on, as a terminal, the log and the manifest are told."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections import Counter
from datetime import timedelta

from tqdm import tqdm

import seldsynth
from seldsynth.batch import Job, Outcome
from seldsynth.manifest import Books

_LINE_S = 30.0

_log = logging.getLogger(__name__)


class Bars:
    """Progress on a terminal, lines in the log, and the outcomes kept for the end."""

    def __init__(self, total: int, books: Books, *, quiet: bool) -> None:
        off = quiet or not _is_watched()
        self.outcomes: list[Outcome] = []
        self._books = books
        self._total = total
        self._quiet = quiet
        self._recordings = tqdm(total=total, unit="rec", desc="recordings", disable=off, position=0)
        self._frames = tqdm(unit="frame", disable=off, position=1, leave=False)
        self._under_way: dict[str, int] = {}
        # Where nobody watches bars, as under Slurm, a line now and then says that it goes on.
        self._tells_in_lines = off and not quiet
        self._start = self._told_at = time.monotonic()

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bars off the terminal."""
        self._frames.close()
        self._recordings.close()

    def started(self, job: Job) -> None:
        """See `Progress`."""
        name = job.recording.recording_id
        if job.again and not self._quiet:
            _say(f"{name} is made again: {job.again}")
        if not self._under_way:
            self._frames.reset(total=0)
        self._under_way[name] = job.plan.num_frames
        self._frames.total = (self._frames.total or 0) + job.plan.num_frames
        others = len(self._under_way) - 1
        self._frames.set_description(f"{name} and {others} more" if others else name)

    def frames(self, count: int) -> None:
        """See `Progress`."""
        self._frames.update(count)

    def ended(self, outcome: Outcome) -> None:
        """See `Progress`."""
        self.outcomes.append(outcome)
        self._under_way.pop(outcome.recording_id, None)
        self._recordings.update(1)
        for warning in outcome.warnings:
            _log.warning("%s: %s", outcome.recording_id, warning)
        for note in outcome.notes:
            _log.info("%s: %s", outcome.recording_id, note)
        if outcome.status == "skipped" and outcome.message:
            _log.info("%s left out: %s", outcome.recording_id, outcome.message)
        if outcome.status == "failed":
            _log.error("%s failed: %s", outcome.recording_id, outcome.message)
        self._books.write(outcome)
        self._tell_in_lines()

    def _tell_in_lines(self) -> None:
        now = time.monotonic()
        left = self._total - len(self.outcomes)
        if not self._tells_in_lines or not left or now - self._told_at < _LINE_S:
            return
        self._told_at = now
        made = sum(outcome.status != "skipped" for outcome in self.outcomes)
        rest = timedelta(seconds=round((now - self._start) / made * left)) if made else "unknown"
        _say(f"{len(self.outcomes)} of {self._total} recordings; time left, at most: {rest}")


def _is_watched() -> bool:
    """Whether bars can be seen: on a terminal, unless that has no width, as in some containers."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        return False


def _say(line: str) -> None:
    """Print a line that nothing depends on: the output may lie on a full disk, or be closed."""
    with contextlib.suppress(OSError):
        tqdm.write(line)
        sys.stdout.flush()


def _kind(outcome: Outcome) -> str:
    """What a person would call its status."""
    if outcome.status == "skipped":
        return "left out" if outcome.message else "kept"
    return outcome.status


def print_summary(outcomes: list[Outcome], total: int, seconds: float, *, quiet: bool) -> None:
    """Print how many recordings of all ended how, in how many seconds."""
    if quiet:
        return
    frames = sum(outcome.frames for outcome in outcomes if outcome.status == "done")
    print(f"{'':12}{'recordings':>10}{'frames':>10}")
    for kind in ("done", "planned", "kept", "left out", "failed"):
        of_kind = [outcome for outcome in outcomes if _kind(outcome) == kind]
        if of_kind or kind in ("done", "failed"):
            made = sum(outcome.frames for outcome in of_kind if kind != "kept")
            print(f"{kind:12}{len(of_kind):>10}{made or '':>10}")
    if len(outcomes) < total:
        print(f"{'not ended':12}{total - len(outcomes):>10}")
    reasons = Counter(outcome.again.split(":")[0] for outcome in outcomes if outcome.again)
    if reasons:
        words = (f"{count} ({reason})" for reason, count in reasons.most_common())
        print(f"made again: {', '.join(words)}")
    made_by = Counter(outcome.made_by for outcome in outcomes if outcome.made_by)
    for version, count in sorted(made_by.items()):
        if version != seldsynth.__version__:
            print(f"finished by seldsynth {version} and kept: {count}")
    print(f"{seconds:.1f} s" + (f", {frames / seconds:.0f} frames/s" if frames else ""))
