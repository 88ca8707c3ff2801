"""A list of clips → files by class: every video fetched once, its clips cut, checked and reported.

    rows ──by video──▶ fetch whole ──▶ cut each clip ──▶ decode it ──▶ Class_<n>/<id>_….mp4

Videos are fetched into .downloads/, where a part of one waits for the next run, and removed when
their clips are there.
"""

from __future__ import annotations

import contextlib
import csv
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from seldsynth.collect.clip_list import COLUMNS, Clip, Row
from seldsynth.collect.cut import EndsBeforeError, cut_clip
from seldsynth.collect.fetch import Again, Fetched, FetchError, FetchOptions, Reason, fetch
from seldsynth.errors import ConfigError, MediaError
from seldsynth.files import refuse_foreign, remove_leftovers, write_csv

Status = Literal["done", "there", "failed", "not tried"]
Mode = Literal["all", "resume", "retry-failed"]

REPORT = "report.csv"
ATTRIBUTION = "attribution.csv"
ATTEMPTS = 3
_REPORT_COLUMNS = (*COLUMNS, "status", "reason", "try_again", "file", "message")
_ATTRIBUTION_COLUMNS = ("file", "link", "title", "channel", "license", "fetched")
_DOWNLOADS = ".downloads"
_PAUSE_S = 4.0
_LONG_PAUSE_S = 30.0
_REPORT_EVERY_S = 5.0
_SHORTER_S = 0.5

_log = logging.getLogger(__name__)


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


def download(
    wishes: Sequence[tuple[Row, Clip | str]],
    output_dir: Path,
    options: FetchOptions,
    *,
    workers: int,
    mode: Mode,
    on_outcomes: Callable[[Sequence[Outcome]], None],
) -> list[Outcome]:
    """Fetch what is not there yet; a failure does not stop the others. Returns an outcome per row.

    mode: `all` tries everything that is not there; `resume` leaves out what the report calls
    failed for good; `retry-failed` tries only what it calls failed. on_outcomes: told as rows are
    done with, in any order. The report is written while going on and at the end, also when
    interrupted. Raises ConfigError for retry-failed without a report, MediaError if nothing can
    be written.
    """
    refuse_foreign(output_dir / REPORT, _REPORT_COLUMNS)
    before = _read_report(output_dir / REPORT)
    if mode == "retry-failed" and not before:
        raise ConfigError(f"--retry-failed: there is no {output_dir / REPORT} to go by")
    outcomes = [
        _before_trying(row, clip, output_dir, mode, before.get(row.cells)) for row, clip in wishes
    ]
    pending = [index for index, outcome in enumerate(outcomes) if outcome is None]
    settled = [outcome for outcome in outcomes if outcome is not None]
    on_outcomes(settled)
    videos = _Videos(output_dir, options)
    by_url: dict[str, list[int]] = {}
    for index in pending:
        clip = wishes[index][1]
        assert isinstance(clip, Clip)
        by_url.setdefault(clip.url, []).append(index)
    report = _Report(output_dir, [row for row, _ in wishes], outcomes, before)
    try:
        for url, made in _in_threads(videos, wishes, by_url, workers=workers):
            for index, outcome in zip(by_url[url], made, strict=True):
                report.outcomes[index] = outcome
            on_outcomes(made)
            report.write(at_once=False)
    finally:
        report.write(at_once=True)
        videos.tidy_up()
    return [outcome for outcome in report.outcomes if outcome is not None]


def _before_trying(
    row: Row, clip: Clip | str, output_dir: Path, mode: Mode, before: Mapping[str, str] | None
) -> Outcome | None:
    """What can be said of a row without asking anybody; None if it is to be tried."""
    if isinstance(clip, str):
        return Outcome(row=row, clip=None, status="failed", reason="list", message=clip)
    if clip.path(output_dir).is_file():
        return Outcome(row=row, clip=clip, status="there")
    failed = before is not None and before["status"] == "failed"
    if mode == "retry-failed" and not failed:
        return Outcome(row=row, clip=clip, status="not tried")
    if mode == "resume" and failed and before is not None and before["try_again"] != "yes":
        return Outcome(
            row=row, clip=clip, status="failed", reason=before["reason"], message=before["message"]
        )
    remove_leftovers(clip.path(output_dir))
    return None


def _in_threads(
    videos: _Videos,
    wishes: Sequence[tuple[Row, Clip | str]],
    by_url: Mapping[str, list[int]],
    *,
    workers: int,
) -> Iterator[tuple[str, list[Outcome]]]:
    """The outcomes of each video, as they come. When interrupted, downloads end at once."""
    executor = ThreadPoolExecutor(max_workers=workers)
    futures = {}
    try:
        for url, indices in by_url.items():
            clips = [(row, clip) for row, clip in (wishes[index] for index in indices)]
            futures[executor.submit(videos.make_clips, url, clips)] = url
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        videos.stopping.set()
        executor.shutdown(wait=True, cancel_futures=True)


class _Videos:
    """Fetches videos and cuts their clips; its methods run in several threads."""

    def __init__(self, output_dir: Path, options: FetchOptions) -> None:
        self.stopping = threading.Event()
        self._output_dir = output_dir
        self._downloads = output_dir / _DOWNLOADS
        self._options = options
        self._resting: dict[str, Reason] = {}  # hosts that want to be asked less
        self._attribution = _Attribution(output_dir)
        try:
            self._downloads.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError(f"{output_dir}: cannot be written: {error.strerror}") from None

    def make_clips(self, url: str, wishes: Sequence[tuple[Row, Clip | str]]) -> list[Outcome]:
        """Every clip that is wanted of a video."""
        clips = [(row, clip) for row, clip in wishes if isinstance(clip, Clip)]
        open_ = [Outcome(row=row, clip=clip, status="not tried") for row, clip in clips]
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            open_ = self._attempt(url, open_, last=last)
            if last or self.stopping.is_set() or not any(one.again == "now" for one in open_):
                break
            pause_s = _LONG_PAUSE_S if any(one.asked_less for one in open_) else _PAUSE_S
            self.stopping.wait(pause_s * 2**attempt)
        return open_

    def _attempt(self, url: str, outcomes: list[Outcome], *, last: bool) -> list[Outcome]:
        """Try once those that are not done and not failed for good."""
        clip, host = outcomes[0].clip, urlsplit(url).hostname or ""
        assert clip is not None
        try:
            if host in self._resting:
                words = f"not asked for: before, {host} said: {self._resting[host].words}"
                raise FetchError(replace(self._resting[host], words=words, again="later"))
            stem = self._downloads / clip.video_id
            fetched = fetch(url, stem, self._options, stopping=self.stopping)
        except InterruptedError:
            return outcomes
        except FetchError as error:
            if error.reason.asks_less and (last or error.reason.again != "now"):
                self._resting.setdefault(host, error.reason)
            return [_failed(one, error.reason) if _open(one) else one for one in outcomes]
        except Exception as error:
            reason = _unexpected(error)
            return [_failed(one, reason) if _open(one) else one for one in outcomes]
        made = [self._cut(one, fetched, url) if _open(one) else one for one in outcomes]
        # What is damaged must not be gone on with, and what is cut is not needed any more.
        if not self.stopping.is_set():
            with contextlib.suppress(OSError):
                fetched.path.unlink()
        return made

    def _cut(self, outcome: Outcome, fetched: Fetched, url: str) -> Outcome:
        clip = outcome.clip
        assert clip is not None
        if self.stopping.is_set():
            return outcome
        target = clip.path(self._output_dir)
        try:
            self._attribution.add(target, url, fetched)
            info = cut_clip(
                fetched.path,
                target,
                start_s=clip.start_s,
                end_s=clip.end_s,
                max_height=self._options.max_height,
                keep_audio=self._options.keep_audio,
            )
        except EndsBeforeError as error:
            return _failed(outcome, Reason(name="too short", words=str(error)))
        except MediaError as error:
            words = str(error).replace(str(fetched.path), "the download")
            return _failed(outcome, Reason(name="damaged", words=words, again="now"))
        except Exception as error:
            return _failed(outcome, _unexpected(error))
        reached_s = float(clip.start_s) + float(info.duration_s)
        short = float(clip.end_s) - reached_s > _SHORTER_S
        words = f"shorter than wished: the video ends at {reached_s:.1f} s" if short else ""
        return replace(outcome, status="done", reason="", message=words, again="never")

    def tidy_up(self) -> None:
        """Bring the attribution file in order, and remove the downloads' folder if it is empty."""
        self._attribution.tidy_up()
        with contextlib.suppress(OSError):
            self._downloads.rmdir()


def _unexpected(error: Exception) -> Reason:
    _log.error("unexpected fault; please report it", exc_info=error)
    return Reason(name="failed", words=f"unexpected fault: {type(error).__name__}: {error}")


def _open(outcome: Outcome) -> bool:
    """Whether a row is to be tried (again)."""
    return outcome.status == "not tried" or outcome.again == "now"


def _failed(outcome: Outcome, reason: Reason) -> Outcome:
    return replace(
        outcome,
        status="failed",
        reason=reason.name,
        message=reason.words,
        again=reason.again,
        asked_less=reason.asks_less,
    )


class _Attribution:
    """attribution.csv: whose each clip is. A line is there before its clip is."""

    def __init__(self, output_dir: Path) -> None:
        self._path = output_dir / ATTRIBUTION
        self._output_dir = output_dir
        self._lock = threading.Lock()

    def add(self, target: Path, url: str, fetched: Fetched) -> None:
        """Append a line. Raises MediaError if it cannot be written."""
        name = target.relative_to(self._output_dir).as_posix()
        day = time.strftime("%Y-%m-%d")
        row = (name, url, fetched.title, fetched.channel, fetched.license, day)
        with self._lock:
            try:
                new = not self._path.exists()
                with self._path.open("a", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    writer.writerows([_ATTRIBUTION_COLUMNS, row] if new else [row])
            except OSError as error:
                raise MediaError(f"{self._path}: cannot be written: {error.strerror}") from None

    def tidy_up(self) -> None:
        """One line, the last, for every clip that is there; sorted."""
        rows = {row["file"]: row for row in _read_csv(self._path, _ATTRIBUTION_COLUMNS)}
        there = [rows[name] for name in sorted(rows) if (self._output_dir / name).is_file()]
        if there:
            lines = ([row[column] for column in _ATTRIBUTION_COLUMNS] for row in there)
            write_csv(self._path, _ATTRIBUTION_COLUMNS, lines)
        else:
            self._path.unlink(missing_ok=True)


class _Report:
    """report.csv: a line per row of the list, in its order."""

    def __init__(
        self,
        output_dir: Path,
        rows: Sequence[Row],
        outcomes: Iterable[Outcome | None],
        before: Mapping[tuple[str, ...], Mapping[str, str]],
    ) -> None:
        self.outcomes = list(outcomes)
        self._output_dir = output_dir
        self._rows = rows
        self._before = before
        self._written = 0.0

    def write(self, *, at_once: bool) -> None:
        """Write the file; unless at_once, not more often than every few seconds."""
        if not at_once and time.monotonic() - self._written < _REPORT_EVERY_S:
            return
        lines = [self._line(*pair) for pair in zip(self._rows, self.outcomes, strict=True)]
        write_csv(self._output_dir / REPORT, _REPORT_COLUMNS, lines)
        self._written = time.monotonic()

    def _line(self, row: Row, outcome: Outcome | None) -> tuple[str, ...]:
        if outcome is None or outcome.status == "not tried":
            before = self._before.get(row.cells)
            if before is not None:
                return tuple(before[column] for column in _REPORT_COLUMNS)
            return (*row.cells, "not tried", "", "yes", "", "")
        there = outcome.status in ("done", "there")
        name = ""
        if there and outcome.clip is not None:
            path = outcome.clip.path(self._output_dir)
            name = path.relative_to(self._output_dir).as_posix()
        again = "no" if outcome.again == "never" else "yes"
        status = "done" if there else outcome.status
        return (*row.cells, status, outcome.reason, again, name, outcome.message)


def _read_report(path: Path) -> dict[tuple[str, ...], dict[str, str]]:
    """The lines of a report, by the cells of their rows."""
    rows = _read_csv(path, _REPORT_COLUMNS)
    return {tuple(row[column] for column in COLUMNS): row for row in rows}


def _read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a file of ours; none if it is not there or not ours."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != tuple(columns):
                return []
            return [row for row in reader if None not in row and None not in row.values()]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MediaError(f"{path}: cannot be read: {error}") from None
