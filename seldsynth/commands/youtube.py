"""`scrape_yt.py`: YouTube searches for clips of the classes."""

from __future__ import annotations

import argparse
import logging
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from seldsynth.class_file import load_classes
from seldsynth.class_table import ClassTable, SoundClass
from seldsynth.collect.youtube import Lists, StateFile, find_videos
from seldsynth.collect.youtube_api import (
    DAILY_QUOTA,
    SEARCH,
    YouTube,
    key_credentials,
    oauth_credentials,
)
from seldsynth.collect.youtube_videos import Wishes
from seldsynth.commands.options import add_class_table, add_common, positive, print_classes
from seldsynth.errors import CollectError, ConfigError

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the youtube command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument(
        "--api_key",
        "--api-key",
        metavar="KEY",
        help="of the YouTube Data API; better in the environment, as YOUTUBE_API_KEY",
    )
    parser.add_argument(
        "--client-secret",
        type=Path,
        default=Path("client_secret.json"),
        metavar="FILE",
        help="OAuth client secret, used where there is no key (default client_secret.json)",
    )
    parser.add_argument(
        "--results", type=positive, default=5, metavar="N", help="videos per class (default 5)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("youtube_sound_events.csv"),
        metavar="FILE",
        help="gets link,start,end,class; FILE_detailed.csv gets the rest "
        "(default youtube_sound_events.csv)",
    )
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="ids or names; default all")
    parser.add_argument(
        "--license", choices=("any", "creativeCommon"), default="any", help="default any"
    )
    parser.add_argument(
        "--region", type=_region, metavar="CC", help="only what can be seen there, such as DE"
    )
    parser.add_argument(
        "--max-duration",
        type=positive,
        default=600,
        metavar="SECONDS",
        help="no longer videos (default 600)",
    )
    parser.add_argument(
        "--clip-seconds",
        type=positive,
        default=20,
        metavar="SECONDS",
        help="start and end are the middle part of this length (default 20)",
    )
    parser.add_argument(
        "--budget",
        type=positive,
        default=DAILY_QUOTA[SEARCH],
        metavar="N",
        help=f"searches a day (default {DAILY_QUOTA[SEARCH]}, which is what YouTube grants)",
    )
    parser.add_argument("--resume", action="store_true", help="go on where the last run stopped")
    parser.add_argument(
        "--api-endpoint", type=_address, metavar="URL", help="another server that speaks the API"
    )
    add_class_table(parser)


def _region(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", text):
        raise argparse.ArgumentTypeError(f"expected two letters such as DE, got {text!r}")
    return text.upper()


def _address(text: str) -> str:
    if not re.match(r"https?://[^/]", text):
        raise argparse.ArgumentTypeError(f"expected http://… or https://…, got {text!r}")
    return text


def _run(options: argparse.Namespace) -> int:
    classes = load_classes(options.class_table)
    chosen = _classes_called(options.classes, classes)
    wishes = Wishes(
        license=options.license, region=options.region, max_duration_s=options.max_duration
    )
    limits = {**DAILY_QUOTA, SEARCH: options.budget}
    lists = Lists(options.output, resume=options.resume)
    file = StateFile(
        options.output.with_suffix(".state.json"), wishes, limits, resume=options.resume
    )
    state = file.state
    lists.strike(state)
    state.wanted.update({one.class_id: options.results for one in chosen})
    key = options.api_key or os.environ.get("YOUTUBE_API_KEY")
    credentials = key_credentials(key) if key else oauth_credentials(options.client_secret)
    stopped: CollectError | KeyboardInterrupt | None = None
    bar = _SearchBar(len(chosen) * options.results, quiet=options.quiet > 0)
    try:
        with bar, YouTube(credentials, file.quota, api_endpoint=options.api_endpoint) as youtube:
            for _ in find_videos(youtube, state, chosen, progress=bar):
                file.save()
    except (CollectError, KeyboardInterrupt) as error:
        stopped = error  # what was found is written down first
    if stopped is None or state.ids():
        lists.write(state, classes, clip_s=options.clip_seconds)
    file.save()
    counts = {one.class_id: len(state.chosen(one)) for one in classes}
    if stopped is None and not any(counts.values()):
        _log.warning("no video was found: the lists hold nothing but their headers")
    if not options.quiet:
        print_classes({"found": counts, "wanted": state.wanted}, classes)
        for reason, count in bar.reasons.most_common():
            print(f"passed over: {count:>5} {reason}")
        print(f"searches today for this list: {file.quota.used[SEARCH]} of {options.budget}")
        print(f"{lists.path}\n{lists.detailed}")
    if stopped is not None:
        raise stopped
    return 0


def _classes_called(names: Sequence[str] | None, classes: ClassTable) -> list[SoundClass]:
    """The classes of --classes, each once, in the order of their ids; all if none are named."""
    if names is None:
        return list(classes)
    ids = {name: classes.id_of(name) for part in names for name in part.split(";") if name}
    for name, class_id in ids.items():
        if class_id is None:
            raise ConfigError(f"--classes {name}: no such class{classes.nearest(name)}")
    return [one for one in classes if one.class_id in ids.values()]


class _SearchBar:
    """Shows how many videos were found, and counts why others were passed over."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self.reasons: Counter[str] = Counter()
        self._counts: dict[int, int] = {}
        self._bar = tqdm(total=total, desc="searching", unit="video", disable=quiet or None)

    def __enter__(self) -> _SearchBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def found(self, class_id: int, count: int) -> None:
        self._bar.update(count - self._counts.get(class_id, 0))
        self._counts[class_id] = count

    def rejected(self, reason: str, count: int) -> None:
        self.reasons[reason] += count
