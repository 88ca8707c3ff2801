"""Search terms → videos that show the class, as YouTube finds them and its own words confirm.

    term ──search.list──▶ ids ──videos.list──▶ details ──judge──▶ Video or the reason why not

What was found, and where each search stopped, is kept in a state file, so that another run goes on.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seldsynth.class_table import SoundClass
from seldsynth.collect.clip_list import COLUMNS, read_list
from seldsynth.collect.youtube_api import PageTokenError, Quota, YouTube
from seldsynth.collect.youtube_videos import Video, Wishes, judge
from seldsynth.errors import ConfigError
from seldsynth.files import check_writable, refuse_foreign, write_csv, write_whole

_SHORT_S = 240  # what search.list calls short
_MORE_COLUMNS = ("title", "channel", "description", "license", "duration", "query")

_log = logging.getLogger(__name__)


class TermState(BaseModel):
    """How far the search for a term has come. next_page: None at the beginning."""

    model_config = ConfigDict(extra="forbid")

    next_page: str | None = None
    exhausted: bool = False
    pages: int = 0
    videos: list[Video] = Field(default_factory=list)


class SearchState(BaseModel):
    """What is known from all runs.

    wanted: how many videos, by class id. terms: by class id and term. listed: the links in the
    list; struck: those that a user took out of it.
    """

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    wishes: Wishes
    quota_day: str = ""
    quota_used: dict[str, int] = Field(default_factory=dict)
    wanted: dict[int, int] = Field(default_factory=dict)
    listed: list[str] = Field(default_factory=list)
    struck: set[str] = Field(default_factory=set)
    terms: dict[int, dict[str, TermState]] = Field(default_factory=dict)

    def term(self, class_id: int, term: str) -> TermState:
        """The state of a search, at its beginning if it is new."""
        return self.terms.setdefault(class_id, {}).setdefault(term, TermState())

    def ids(self) -> set[str]:
        """Every video found, for whatever class."""
        return {video.video_id for search in self._searches() for video in search.videos}

    @property
    def begun(self) -> bool:
        """Whether a page of any search is there."""
        return any(search.pages for search in self._searches())

    def _searches(self) -> Iterator[TermState]:
        return (search for of_class in self.terms.values() for search in of_class.values())

    def chosen(self, sound_class: SoundClass) -> list[tuple[Video, str]]:
        """As many videos of a class as are wanted, with their terms.

        The best of each term come first, then the next.
        """
        searches = self.terms.get(sound_class.class_id, {})
        by_term = [
            [(video, term) for video in searches[term].videos]
            for term in sound_class.search_terms
            if term in searches
        ]
        in_turn = chain.from_iterable(zip_longest(*by_term))
        found = [pair for pair in in_turn if pair is not None and pair[0].link not in self.struck]
        return found[: self.wanted.get(sound_class.class_id, 0)]


class Progress(Protocol):
    """What is told while searching."""

    def found(self, class_id: int, count: int) -> None:
        """How many videos a class now has."""

    def rejected(self, reason: str, count: int) -> None:
        """So many videos were passed over."""


class StateFile:
    """Where a search is kept from run to run: `state`, and what is left of today's `quota`.

    Without resume the search starts anew; the one before gives way, under another name, when the
    first page of the new one is there. Raises ConfigError for a file that cannot be used, or one of
    other wishes.
    """

    def __init__(
        self, path: Path, wishes: Wishes, limits: Mapping[str, int], *, resume: bool
    ) -> None:
        self.path = path
        self.quota = Quota.today(limits)
        before = self._read()
        if before is not None and before.quota_day == self.quota.day:
            left = {key: before.quota_used.get(key, 0) for key in self.quota.used}
            self.quota.used.update(left)
        if resume and before is not None and before.wishes != wishes:
            other = [key for key, value in before.wishes if getattr(wishes, key) != value]
            said = ", ".join(f"{key} {getattr(before.wishes, key)}" for key in other)
            raise ConfigError(
                f"{path}: was made with {said}; use the same, or another --output, with --resume"
            )
        self.state = before if resume and before is not None else SearchState(wishes=wishes)
        self._before = None if resume else before

    def save(self) -> None:
        """Write the file. Raises MediaError if it cannot be written."""
        kept = self.state
        if self._before is not None and not self.state.begun:
            kept = self._before  # nothing of the new search is there yet
        elif self._before is not None:
            old = self.path.with_suffix(".old.json")
            write_whole(old, self._before.model_dump_json(indent=1))
            _log.warning(
                "a new search; the one before is now %s: rename it to %s to go on with it",
                old,
                self.path.name,
            )
            self._before = None
        kept.quota_day, kept.quota_used = self.quota.day, dict(self.quota.used)
        write_whole(self.path, kept.model_dump_json(indent=1))

    def _read(self) -> SearchState | None:
        try:
            return SearchState.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            raise ConfigError(f"{self.path}: no state file of this program; remove it") from None
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from None


def find_videos(
    youtube: YouTube,
    state: SearchState,
    classes: Iterable[SoundClass],
    *,
    progress: Progress,
) -> Iterator[None]:
    """Search until classes have the videos that the state says are wanted, or there are no more.

    Yields after each page.

    Every term of a class gives its first page, so that not all videos are of one kind; further
    pages are asked for while there are too few. Raises QuotaError and CollectError; what was found
    until then is in the state.
    """
    for sound_class in classes:
        progress.found(sound_class.class_id, len(state.chosen(sound_class)))
        while (term := _next_term(state, sound_class)) is not None:
            _search_on(youtube, state, sound_class, term, progress)
            progress.found(sound_class.class_id, len(state.chosen(sound_class)))
            yield


def _next_term(state: SearchState, sound_class: SoundClass) -> str | None:
    """The term to be searched for next; None if there is enough, or no more."""
    wanted = state.wanted[sound_class.class_id]
    pages = {
        term: search.pages
        for term in sound_class.search_terms
        if not (search := state.term(sound_class.class_id, term)).exhausted
    }
    if len(state.chosen(sound_class)) >= wanted:
        pages = {term: pages[term] for term in sound_class.search_terms[:wanted] if term in pages}
        pages = {term: number for term, number in pages.items() if not number}
    return min(pages, key=lambda term: pages[term], default=None)


def _search_on(
    youtube: YouTube, state: SearchState, sound_class: SoundClass, term: str, progress: Progress
) -> None:
    """Ask for the next page of a term, and take in what is usable of it."""
    search = state.term(sound_class.class_id, term)
    try:
        page = youtube.search(term, page=search.next_page, **_parameters(state.wishes))
    except PageTokenError:
        if search.next_page is None:
            raise
        search.next_page = None  # from the beginning: what is known already is passed over
        page = youtube.search(term, page=None, **_parameters(state.wishes))
    found = [item.get("id", {}).get("videoId") for item in page.get("items", [])]
    known = state.ids()
    new = [video_id for video_id in dict.fromkeys(found) if video_id and video_id not in known]
    videos, reasons = [], Counter[str]()
    details = {item.get("id"): item for item in youtube.videos(new)}
    for video_id in new:
        verdict = judge(details.get(video_id), sound_class, state.wishes)
        if isinstance(verdict, Video):
            videos.append(verdict)
        else:
            reasons[verdict] += 1
    search.videos.extend(videos)
    search.pages += 1
    search.next_page = page.get("nextPageToken")
    search.exhausted = search.next_page is None
    for reason, count in reasons.items():
        progress.rejected(reason, count)


def _parameters(wishes: Wishes) -> dict[str, str]:
    """Parameters of search.list: as much as the service itself can sort out."""
    parameters = {"videoEmbeddable": "true"}
    if wishes.license != "any":
        parameters["videoLicense"] = wishes.license
    if wishes.region is not None:
        parameters["regionCode"] = wishes.region
    if wishes.max_duration_s <= _SHORT_S:
        parameters["videoDuration"] = "short"
    return parameters


class Lists:
    """The list for download.py, and the detailed one beside it.

    On going on with a search, what a user struck out of the list stays out, and what was changed in
    it stays as it is. Raises ConfigError for a path that is no place for a list.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self._resume = resume
        self.detailed = path.with_name(f"{path.stem}_detailed{path.suffix}")
        if path.is_dir() or not path.suffix or path.suffix == ".json":
            raise ConfigError(f"--output {path}: is no place for a list; name a file such as a.csv")
        refuse_foreign(self.path, COLUMNS)
        refuse_foreign(self.detailed, (*COLUMNS, *_MORE_COLUMNS))
        check_writable(path.parent)
        self._rows: dict[str, tuple[str, ...]] = {}
        if resume and path.is_file():
            self._rows = {row.link: row.cells for row in read_list(path)}

    def strike(self, state: SearchState) -> None:
        """Take note in the state of what a user took out of the list."""
        if self._rows:
            state.struck.update(set(state.listed) - set(self._rows))

    def write(self, state: SearchState, classes: Iterable[SoundClass], *, clip_s: int) -> None:
        """Write what is wanted from this run and, of other classes, from those before.

        Of every video, start and end are the middle part of at most clip_s seconds: beginnings and
        ends are titles. Raises MediaError if they cannot be written.
        """
        rows, details = [], []
        for one in classes:
            for video, term in state.chosen(one):
                start_s, end_s = _middle(video.duration_s, clip_s)
                made = (video.link, clock(start_s), clock(end_s), str(one.class_id))
                row = self._rows.get(video.link, made)
                said = (video.title, video.channel, video.description, video.license)
                rows.append(row)
                details.append((*row, *said, video.duration_s, term))
        if not self._resume and self.path.is_file():
            old = self.path.with_suffix(f".old{self.path.suffix}")
            os.replace(self.path, old)
            _log.warning("%s: the list before is now %s", self.path, old)
        write_csv(self.path, COLUMNS, rows)
        write_csv(self.detailed, (*COLUMNS, *_MORE_COLUMNS), details)
        state.listed = [row[0] for row in rows]


def _middle(duration_s: int, clip_s: int) -> tuple[int, int]:
    """Start and end of the middle part. YouTube rounds durations up: the last second may lack."""
    usable_s = max(1, duration_s - 1)
    length_s = min(usable_s, clip_s)
    start_s = (usable_s - length_s) // 2
    return start_s, start_s + length_s


def clock(seconds: int) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
