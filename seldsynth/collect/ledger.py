"""What is written down of downloads: what became of each row, and whose each clip is."""

from __future__ import annotations

import csv
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seldsynth.collect.clip_list import COLUMNS, Clip, Row
from seldsynth.collect.refusals import Again
from seldsynth.errors import MediaError
from seldsynth.files import read_csv, refuse_foreign, write_csv

Status = Literal["done", "there", "failed", "not tried"]

REPORT = "report.csv"
ATTRIBUTION = "attribution.csv"
_REPORT_COLUMNS = (*COLUMNS, "status", "reason", "try_again", "file", "message")
_ATTRIBUTION_COLUMNS = ("file", "link", "title", "channel", "license", "fetched")
_REPORT_EVERY_S = 5.0
_TIMES = re.compile(r"_[0-9.]+-[0-9.]+\.mp4")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a row. again: when another attempt may succeed; asked_less: and slower."""

    row: Row
    clip: Clip | None
    status: Status
    reason: str = ""
    message: str = ""
    again: Again = "never"
    asked_less: bool = False


class Report:
    """report.csv: a line per row, first those of the list, then those of earlier lists.

    Raises ConfigError if there is a report of another command.
    """

    def __init__(self, output_dir: Path) -> None:
        self.path = output_dir / REPORT
        refuse_foreign(self.path, _REPORT_COLUMNS)
        before = read_csv(self.path, _REPORT_COLUMNS)
        self._output_dir = output_dir
        self._before = {tuple(row[column] for column in COLUMNS): row for row in before}
        self._written = 0.0

    def __len__(self) -> int:
        """How many rows it had at the beginning."""
        return len(self._before)

    def failure(self, row: Row) -> Mapping[str, str] | None:
        """What it said of a row at the beginning, if that was a failure."""
        before = self._before.get(row.cells)
        return before if before is not None and before["status"] == "failed" else None

    def write(
        self, rows: Sequence[Row], outcomes: Sequence[Outcome | None], *, at_once: bool
    ) -> None:
        """Write the file; unless at_once, not more often than every few seconds."""
        if not at_once and time.monotonic() - self._written < _REPORT_EVERY_S:
            return
        lines = [self._line(*pair) for pair in zip(rows, outcomes, strict=True)]
        listed = {row.cells for row in rows}
        others = (line for cells, line in self._before.items() if cells not in listed)
        lines += [tuple(line[column] for column in _REPORT_COLUMNS) for line in others]
        write_csv(self.path, _REPORT_COLUMNS, lines)
        self._written = time.monotonic()

    def _line(self, row: Row, outcome: Outcome | None) -> tuple[str, ...]:
        if outcome is None or outcome.status == "not tried":
            before = self.failure(row)
            if before is not None:
                return tuple(before[column] for column in _REPORT_COLUMNS)
            return (*row.cells, "not tried", "", "yes", "", "")
        there = outcome.status in ("done", "there")
        name = ""
        if there and outcome.clip is not None:
            name = outcome.clip.path(self._output_dir).relative_to(self._output_dir).as_posix()
        again = "no" if outcome.again == "never" else "yes"
        status = "done" if there else outcome.status
        return (*row.cells, status, outcome.reason, again, name, outcome.message)


class Attribution:
    """attribution.csv: whose each clip is. A line is there before its clip is.

    Its methods may be called in several threads. Raises ConfigError if there is a file of that
    name that is not ours.
    """

    def __init__(self, output_dir: Path) -> None:
        self._path = output_dir / ATTRIBUTION
        self._output_dir = output_dir
        self._lock = threading.Lock()
        self._added: set[str] = set()
        refuse_foreign(self._path, _ATTRIBUTION_COLUMNS)

    def owners(self) -> dict[str, str]:
        """The links that video ids in file names stand for."""
        rows = read_csv(self._path, _ATTRIBUTION_COLUMNS)
        return {_TIMES.sub("", Path(row["file"]).name): row["link"] for row in rows}

    def add(self, target: Path, url: str, *, title: str, channel: str, license: str) -> None:
        """Append a line. Raises MediaError if it cannot be written."""
        name = target.relative_to(self._output_dir).as_posix()
        row = (name, url, title, channel, license, time.strftime("%Y-%m-%d"))
        with self._lock:
            self._added.add(name)
            try:
                new = not self._path.exists()
                with self._path.open("a", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    writer.writerows([_ATTRIBUTION_COLUMNS, row] if new else [row])
            except OSError as error:
                raise MediaError(f"{self._path}: cannot be written: {error.strerror}") from None

    def tidy_up(self) -> None:
        """One line for each clip, sorted; none for those that came to nothing in this run."""
        rows = {row["file"]: row for row in read_csv(self._path, _ATTRIBUTION_COLUMNS)}
        kept = [row for row in map(self._located, rows.values()) if row is not None]
        if rows:
            lines = sorted([row[column] for column in _ATTRIBUTION_COLUMNS] for row in kept)
            write_csv(self._path, _ATTRIBUTION_COLUMNS, lines)

    def _located(self, row: dict[str, str]) -> dict[str, str] | None:
        """A row with the place where its clip is now: people move clips to other classes."""
        path = self._output_dir / row["file"]
        if path.is_file():
            return row
        elsewhere = [folder / path.name for folder in self._folders() if folder != path.parent]
        found = [one for one in elsewhere if one.is_file()]
        if len(found) == 1:
            return {**row, "file": found[0].relative_to(self._output_dir).as_posix()}
        return None if row["file"] in self._added else row

    def _folders(self) -> Iterator[Path]:
        return (path for path in self._output_dir.iterdir() if path.is_dir())
