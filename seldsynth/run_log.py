"""The processing log: a line per recording, for people; programs read the manifest.

2026-11-21T14:55:32 <tab> done <tab> fold1/mix001 <tab> frames=570 … plan=3f2a… <tab> notes
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from seldsynth.batch import Outcome

_log = logging.getLogger(__name__)


class RunLog:
    """Appends to a log file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, outcome: Outcome) -> None:
        """Append the line of a recording that was rendered, could not be, or was left out."""
        if outcome.status == "planned" or (outcome.status == "skipped" and not outcome.message):
            return
        video_bytes = outcome.outputs[outcome.video].bytes if outcome.outputs else 0
        facts = (
            f"frames={outcome.frames} seconds={outcome.seconds:.2f} "
            f"bytes={video_bytes} plan={outcome.plan_sha256}"
        )
        message = (outcome.message,) if outcome.message else ()
        again = (f"again: {outcome.again}",) if outcome.again else ()
        remarks = "; ".join((*message, *again, *outcome.warnings, *outcome.notes))
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
        except OSError as error:  # the videos matter more
            _log.error("%s: cannot be written: %s", self.path, error.strerror)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
