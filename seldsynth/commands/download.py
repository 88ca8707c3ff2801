"""`download.py`: the clips of a list into class folders."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from seldsynth.class_file import load_classes
from seldsynth.class_table import ClassTable
from seldsynth.collect.clip_list import clips_of, read_list
from seldsynth.collect.download import Mode, download
from seldsynth.collect.fetch import FetchOptions, read_cookies
from seldsynth.collect.ledger import ATTRIBUTION, REPORT, Outcome
from seldsynth.commands.options import (
    add_class_table,
    add_common,
    assets_there,
    not_negative,
    positive,
    print_classes,
)

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the download command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument(
        "--csv",
        type=Path,
        default=Path("youtube_sound_events.csv"),
        metavar="FILE",
        help="the list: link,start,end,class (default youtube_sound_events.csv)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("downloaded_video_assets"),
        metavar="DIR",
        help="gets Class_0/ … Class_12/ (default downloaded_video_assets)",
    )
    parser.add_argument(
        "--max-height", type=positive, default=720, metavar="PIXELS", help="default 720"
    )
    parser.add_argument(
        "--workers", type=positive, default=2, metavar="N", help="videos at a time (default 2)"
    )
    parser.add_argument(
        "--max-seconds",
        type=positive,
        default=20,
        metavar="SECONDS",
        help="longer parts end after these (default 20)",
    )
    parser.add_argument("--keep-audio", action="store_true", help="clips with their sound")
    parser.add_argument(
        "--cookies", type=Path, metavar="FILE", help="cookies.txt of a browser that is logged in"
    )
    parser.add_argument(
        "--sleep",
        type=not_negative,
        default=2.0,
        metavar="SECONDS",
        help="pause before each video, half of it before each request (default 2)",
    )
    parser.add_argument(
        "--rate-limit",
        type=not_negative,
        default=4.0,
        metavar="MIB",
        help="at most so many MiB/s for each worker; 0: as fast as it goes (default 4)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--resume", action="store_true", help="leave out what report.csv calls failed for good"
    )
    how.add_argument(
        "--retry-failed", action="store_true", help="try only what report.csv calls failed"
    )
    add_class_table(parser)


def _run(options: argparse.Namespace) -> int:
    classes = load_classes(options.class_table)
    wishes = clips_of(read_list(options.csv), classes, max_s=options.max_seconds)
    fetch_options = FetchOptions(
        max_height=options.max_height,
        keep_audio=options.keep_audio,
        cookies=read_cookies(options.cookies) if options.cookies else None,
        bytes_per_s=options.rate_limit * 2**20 or None,
        sleep_s=options.sleep,
    )
    mode: Mode = "resume" if options.resume else "all"
    mode = "retry-failed" if options.retry_failed else mode
    with (
        logging_redirect_tqdm(),
        tqdm(
            total=len(wishes), desc="clips", unit="clip", disable=options.quiet > 0 or None
        ) as bar,
    ):
        outcomes = download(
            wishes,
            options.output,
            fetch_options,
            workers=options.workers,
            mode=mode,
            on_outcomes=lambda some: _tell(some, bar),
            on_bytes=lambda video_id, done, total: bar.set_postfix_str(_far(video_id, done, total)),
        )
    if not options.quiet:
        _print_downloads(outcomes, options.output, classes)
    if not wishes:
        _log.warning("%s: holds no rows", options.csv)
    return int(any(outcome.status == "failed" for outcome in outcomes))


def _far(video_id: str, done: int, total: int | None) -> str:
    of_total = f" of {total / 2**20:.1f}" if total else ""
    return f"{video_id}: {done / 2**20:.1f}{of_total} MiB"


def _tell(outcomes: Sequence[Outcome], bar: tqdm[NoReturn]) -> None:
    for outcome in outcomes:
        if outcome.status == "failed":
            row = outcome.row
            _log.error("line %d: %s: %s", row.line, row.link, outcome.message)
    bar.update(len(outcomes))


def _print_downloads(outcomes: Sequence[Outcome], output_dir: Path, classes: ClassTable) -> None:
    columns: dict[str, Counter[int]] = {"done": Counter(), "was there": Counter()}
    columns["failed"] = Counter()
    names = {"done": "done", "there": "was there", "failed": "failed"}
    for outcome in outcomes:
        if outcome.clip is not None and outcome.status in names:
            columns[names[outcome.status]][outcome.clip.class_id] += 1
    print_classes({**columns, "there now": assets_there(output_dir, classes)}, classes)
    reasons = Counter(outcome.reason for outcome in outcomes if outcome.status == "failed")
    for reason, count in reasons.most_common():
        print(f"failed: {count:>5} {reason}")
    print(f"what became of each row: {output_dir / REPORT}")
    if (output_dir / ATTRIBUTION).is_file():
        print(f"whose the clips are:     {output_dir / ATTRIBUTION}")
