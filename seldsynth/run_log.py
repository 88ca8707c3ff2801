"""The processing log: a line per recording, readable by a person and by `--resume`.

2026-11-21T14:55:32 <tab> done <tab> fold1/mix001 <tab> frames=570 … plan=3f2a… <tab> notes
"""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path

from seldsynth.batch import Outcome, Recording, files_beside, holds_plan
from seldsynth.plan import ScenePlan

_log = logging.getLogger(__name__)


class RunLog:
    """Appends to a log file, and knows what an earlier run has finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._finished = _read_finished(path)

    def is_finished(self, recording: Recording, plan: ScenePlan) -> bool:
        """Whether the video was made of this very plan, and both are there as written."""
        facts = self._finished.get(_escape(recording.recording_id))
        if facts is None or facts.get("plan") != plan.sha256():
            return False
        try:
            if recording.video.stat().st_size != int(facts["bytes"]):
                return False
        except OSError:
            return False
        is_whole = all(path.is_file() for path in files_beside(plan, recording.video))
        return is_whole and holds_plan(recording.plan, plan)

    def write(self, outcome: Outcome) -> None:
        """Append the line of a recording that was rendered, could not be, or was left out."""
        if outcome.status == "planned" or (outcome.status == "skipped" and not outcome.message):
            return
        facts = (
            f"frames={outcome.frames} seconds={outcome.seconds:.2f} "
            f"bytes={outcome.video_bytes} plan={outcome.plan_sha256}"
        )
        message = (outcome.message,) if outcome.message else ()
        remarks = "; ".join((*message, *outcome.warnings, *outcome.notes))
        cells = (
            time.strftime("%Y-%m-%dT%H:%M:%S"),
            outcome.status,
            _escape(outcome.recording_id),
            facts,
            _escape(remarks),
        )
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("\t".join(cells) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:  # the videos matter more; --resume will make this one again
            _log.error("%s: cannot be written: %s", self.path, error.strerror)


def _read_finished(path: Path) -> dict[str, dict[str, str]]:
    """The facts of the last line of every recording, if that line says done."""
    finished: dict[str, dict[str, str]] = {}
    if not path.is_file():
        return finished
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        cells = line.split("\t")
        if len(cells) < 4:  # a line of another program, or one cut off
            continue
        _, status, recording_id, facts = cells[:4]
        finished.pop(recording_id, None)
        known = dict(re.findall(r"(\w+)=(\S+)", facts))
        if status == "done" and {"plan", "bytes"} <= known.keys() and known["bytes"].isdigit():
            finished[recording_id] = known
    return finished


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
