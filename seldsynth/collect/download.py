"""A list of clips → files by class: every video fetched once, its clips cut, checked and reported.

    rows ──by video──▶ fetch whole ──▶ cut each clip ──▶ decode it ──▶ Class_<n>/<id>_….mp4

Videos are fetched into .downloads/, where a part of one waits for the next run, and removed when
their clips are there.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from seldsynth.collect.clip_list import Clip, Row, told_apart
from seldsynth.collect.cut import EndsBeforeError, SourceError, cut_clip
from seldsynth.collect.fetch import Fetched, FetchError, FetchOptions, fetch
from seldsynth.collect.ledger import Attribution, Outcome, Report
from seldsynth.collect.refusals import Reason
from seldsynth.errors import ConfigError, MediaError
from seldsynth.files import remove_leftovers

Mode = Literal["all", "resume", "retry-failed"]

ATTEMPTS = 3
_DOWNLOADS = ".downloads"
_PAUSE_S = 4.0
_LONG_PAUSE_S = 30.0
_SHORTER_S = 0.5

_log = logging.getLogger(__name__)


def download(
    wishes: Sequence[tuple[Row, Clip | str]],
    output_dir: Path,
    options: FetchOptions,
    *,
    workers: int,
    mode: Mode,
    on_outcomes: Callable[[Sequence[Outcome]], None],
    on_bytes: Callable[[str, int, int | None], None] = lambda video_id, done, total: None,
) -> list[Outcome]:
    """Fetch what is not there yet; a failure does not stop the others. Returns an outcome per row.

    mode: `all` tries everything that is not there; `resume` leaves out what the report calls
    failed for good; `retry-failed` tries only what it calls failed. on_outcomes: told as rows are
    done with, in any order; on_bytes: how far a video is, in bytes, from any thread. The report is
    written while going on and at the end, also when interrupted. Raises ConfigError for
    retry-failed without a report, MediaError if something cannot be written here.
    """
    report, attribution = Report(output_dir), Attribution(output_dir)
    if mode == "retry-failed" and not len(report):
        raise ConfigError(f"--retry-failed: there is no {report.path} to go by")
    wishes = told_apart(wishes, attribution.owners())
    rows = [row for row, _ in wishes]
    outcomes = [
        _before_trying(row, clip, output_dir, mode, report.failure(row)) for row, clip in wishes
    ]
    on_outcomes([outcome for outcome in outcomes if outcome is not None])
    by_url: dict[str, list[int]] = {}
    for index, outcome in enumerate(outcomes):
        clip = wishes[index][1]
        if outcome is None and isinstance(clip, Clip):
            by_url.setdefault(clip.url, []).append(index)
    videos = _Videos(output_dir, options, attribution, on_bytes)
    tasks = {
        url: [Outcome(row=rows[i], clip=_clip(wishes[i]), status="not tried") for i in indices]
        for url, indices in by_url.items()
    }
    try:
        for url, made in _in_threads(videos, tasks, workers=workers):
            made = _once_done(made)
            for index, outcome in zip(by_url[url], made, strict=True):
                outcomes[index] = outcome
            on_outcomes(made)
            report.write(rows, outcomes, at_once=False)
    finally:
        report.write(rows, outcomes, at_once=True)
        videos.tidy_up()
    return [outcome for outcome in outcomes if outcome is not None]


def _once_done(outcomes: list[Outcome]) -> list[Outcome]:
    """Of several rows that ask for the same clip, the first made it."""
    clips: set[Clip | None] = set()
    counted = []
    for outcome in outcomes:
        again = outcome.status == "done" and outcome.clip in clips
        clips.add(outcome.clip)
        counted.append(replace(outcome, status="there") if again else outcome)
    return counted


def _clip(wish: tuple[Row, Clip | str]) -> Clip:
    assert isinstance(wish[1], Clip)
    return wish[1]


def _before_trying(
    row: Row, clip: Clip | str, output_dir: Path, mode: Mode, before: Mapping[str, str] | None
) -> Outcome | None:
    """What can be said of a row without asking anybody; None if it is to be tried.

    before: what the report says, if the row failed.
    """
    if isinstance(clip, str):
        return Outcome(row=row, clip=None, status="failed", reason="list", message=clip)
    if _is_there(clip.path(output_dir)):
        return Outcome(row=row, clip=clip, status="there")
    if mode == "retry-failed" and before is None:
        return Outcome(row=row, clip=clip, status="not tried")
    if mode == "resume" and before is not None and before["try_again"] != "yes":
        return Outcome(
            row=row, clip=clip, status="failed", reason=before["reason"], message=before["message"]
        )
    remove_leftovers(clip.path(output_dir))
    return None


def _is_there(path: Path) -> bool:
    """Whether a clip has its name, and something in it."""
    return path.is_file() and path.stat().st_size > 0


def _in_threads(
    videos: _Videos, tasks: Mapping[str, list[Outcome]], *, workers: int
) -> Iterator[tuple[str, list[Outcome]]]:
    """The outcomes of each video, as they come.

    When interrupted, downloads end at their next sign of life, or when there has been none for
    some 20 s.
    """
    executor = ThreadPoolExecutor(max_workers=workers)
    futures = {}
    try:
        for url, outcomes in tasks.items():
            futures[executor.submit(videos.make_clips, url, outcomes)] = url
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        videos.stopping.set()
        executor.shutdown(wait=True, cancel_futures=True)


@dataclass
class _Host:
    """A site.

    not_before: when it may be asked again. refusals: how often it wanted to be asked less, one
    after the other. resting: why it is not asked any more in this run.
    """

    not_before: float = 0.0
    refusals: int = 0
    resting: Reason | None = None


class _Videos:
    """Fetches videos and cuts their clips; its methods run in several threads."""

    def __init__(
        self,
        output_dir: Path,
        options: FetchOptions,
        attribution: Attribution,
        on_bytes: Callable[[str, int, int | None], None],
    ) -> None:
        self.stopping = threading.Event()
        self._output_dir = output_dir
        self._downloads = output_dir / _DOWNLOADS
        self._options = options
        self._attribution = attribution
        self._on_bytes = on_bytes
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()
        try:
            self._downloads.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError(f"{output_dir}: cannot be written: {error.strerror}") from None

    def make_clips(self, url: str, outcomes: list[Outcome]) -> list[Outcome]:
        """Every clip that is wanted of a video. Raises MediaError if it cannot be written here."""
        for attempt in range(ATTEMPTS):
            outcomes = self._attempt(url, outcomes)
            last = attempt == ATTEMPTS - 1
            if last or self.stopping.is_set() or not any(one.again == "now" for one in outcomes):
                break
            if not any(one.asked_less for one in outcomes):
                self.stopping.wait(_PAUSE_S * 2**attempt)
        return outcomes

    def _attempt(self, url: str, outcomes: list[Outcome]) -> list[Outcome]:
        """Try once those that are not done and not failed for good."""
        host = self._host_of(url)
        try:
            self._wait_for(host)
            if host.resting is not None:
                words = f"not asked for: before, the site said: {host.resting.words}"
                raise FetchError(replace(host.resting, words=words))
            digest = hashlib.sha256(url.encode()).hexdigest()[:8]
            video_id = outcomes[0].clip.video_id if outcomes[0].clip is not None else ""
            fetched = fetch(
                url,
                self._downloads / f"{video_id}-{digest}",
                self._options,
                stopping=self.stopping,
                on_bytes=lambda done, total: self._on_bytes(video_id, done, total),
            )
        except InterruptedError:
            return outcomes
        except FetchError as error:
            self._note(host, error.reason)
            return [_failed(one, error.reason) if _to_try(one) else one for one in outcomes]
        except MediaError:
            raise
        except Exception as error:
            reason = _unexpected(error)
            return [_failed(one, reason) if _to_try(one) else one for one in outcomes]
        self._note(host, None)
        made = [self._cut(one, fetched, url) if _to_try(one) else one for one in outcomes]
        # What is damaged must not be gone on with, and what is cut is not needed any more.
        if not self.stopping.is_set():
            with contextlib.suppress(OSError):
                fetched.path.unlink()
        return made

    def _host_of(self, url: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(urlsplit(url).hostname or "", _Host())

    def _wait_for(self, host: _Host) -> None:
        while host.resting is None and not self.stopping.is_set():
            pause_s = host.not_before - time.monotonic()
            if pause_s <= 0:
                return
            self.stopping.wait(pause_s)

    def _note(self, host: _Host, reason: Reason | None) -> None:
        """Take note of how a site answered; reason: why it refused."""
        with self._lock:
            if reason is None:
                host.refusals = 0
            elif reason.asks_less and host.resting is None:
                host.refusals += 1
                host.not_before = time.monotonic() + _LONG_PAUSE_S * 2 ** (host.refusals - 1)
                if reason.again != "now" or host.refusals >= ATTEMPTS:
                    host.resting = replace(reason, again="later")
                    _log.warning("a site is not asked any more in this run: %s", reason.words)
                else:
                    pause_s = host.not_before - time.monotonic()
                    _log.warning("a site wants to be asked less: waiting %.0f s", pause_s)

    def _cut(self, outcome: Outcome, fetched: Fetched, url: str) -> Outcome:
        clip = outcome.clip
        assert clip is not None
        if self.stopping.is_set():
            return outcome
        target = clip.path(self._output_dir)
        try:
            self._attribution.add(
                target, url, title=fetched.title, channel=fetched.channel, license=fetched.license
            )
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
        except SourceError as error:
            return _failed(outcome, Reason(name="damaged", words=str(error), again="now"))
        except MediaError:
            raise
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
    words = f"unexpected fault: {type(error).__name__}: {error}"
    return Reason(name="failed", words=words, again="later")


def _to_try(outcome: Outcome) -> bool:
    """Whether a row is to be tried, or tried again."""
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
