"""`python -m seldsynth overlay`: copies of videos with their ground truth drawn over them."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from seldsynth.commands.options import add_common
from seldsynth.errors import ConfigError
from seldsynth.folders import files_below
from seldsynth.report.overlay import TruthOf, write_overlay
from seldsynth.truth.files import truth_path


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the overlay command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument(
        "videos",
        type=Path,
        nargs="+",
        metavar="NAME.mp4",
        help="with its plan and tracks beside it; of a folder, all such videos in it and below",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="gets NAME.overlay.mp4; default: beside the video",
    )


def _run(options: argparse.Namespace) -> int:
    for video in [one for place in options.videos for one in _videos(place)]:
        if video.name.endswith(".overlay.mp4"):
            raise ConfigError(f"{video}: is an overlay already")
        target = (options.output or video.parent) / f"{video.stem}.overlay.mp4"
        total = TruthOf(video).plan.num_frames
        quiet = True if options.quiet else None
        with tqdm(total=total, desc=video.stem, unit="frame", disable=quiet) as bar:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_overlay(video, target, on_frame=lambda bar=bar: bar.update(1))  # type: ignore[misc]
        if not options.quiet:
            print(target)
    return 0


def _videos(place: Path) -> list[Path]:
    """A video, or those of a folder that have their ground truth beside them."""
    if not place.is_dir():
        return [place]
    found = [
        path
        for path in files_below(place, follow_symlinks=False)
        if path.suffix == ".mp4" and truth_path(path, ".tracks.csv").is_file()
    ]
    if not found:
        raise ConfigError(f"{place}: no videos with their tracks in it or below")
    return found
