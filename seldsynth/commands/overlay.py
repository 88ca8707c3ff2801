"""`python -m seldsynth overlay`: copies of videos with their ground truth drawn over them."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from tqdm import tqdm

from seldsynth.commands.options import add_common
from seldsynth.errors import ConfigError, SeldsynthError
from seldsynth.folders import files_below
from seldsynth.report.overlay import TruthOf, write_overlay
from seldsynth.truth.files import truth_path

_ENDING = ".overlay.mp4"

_log = logging.getLogger(__name__)


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
    targets: dict[Path, Path] = {}
    for place in options.videos:
        for video in _videos(place):
            if video.name.endswith(_ENDING):
                raise ConfigError(f"{video}: is an overlay already")
            target = _target(video, place, options.output)
            if targets.setdefault(target, video) != video:
                raise ConfigError(f"{video} and {targets[target]} would both become {target}")
    failed = False
    for target, video in targets.items():
        try:
            _draw(video, target, quiet=options.quiet > 0)
        except SeldsynthError as error:
            _log.error("%s", error)
            failed = True
    return int(failed)


def _draw(video: Path, target: Path, *, quiet: bool) -> None:
    total = TruthOf(video).plan.num_frames
    with tqdm(total=total, desc=video.stem, unit="frame", disable=quiet or None) as bar:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_overlay(video, target, on_frame=lambda: bar.update(1))
    if not quiet:
        print(target)


def _target(video: Path, place: Path, output: Path | None) -> Path:
    """Where a video's overlay goes; those of a folder keep the folders below it."""
    name = f"{video.stem}{_ENDING}"
    if output is None:
        return video.with_name(name)
    return output / (video.parent.relative_to(place) if place.is_dir() else "") / name


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
