"""`python -m seldsynth sheet`: many recordings on one picture."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from seldsynth.commands.options import add_common, positive, require_folder
from seldsynth.errors import ConfigError, SeldsynthError
from seldsynth.report.dataset import find_finished
from seldsynth.report.overlay import frame_with_truth
from seldsynth.report.sheet import captioned, write_sheet

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the sheet command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a folder of videos")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="a PNG; default: DIR/contact-sheet.png"
    )
    parser.add_argument(
        "--count",
        type=positive,
        default=24,
        metavar="N",
        help="of more, evenly spread (default 24)",
    )
    parser.add_argument("--columns", type=positive, default=3, metavar="N", help="default 3")
    parser.add_argument(
        "--width",
        type=_width,
        default=640,
        metavar="PIXELS",
        help="of each, at least 160 (default 640)",
    )


def _width(text: str) -> int:
    width = positive(text)
    if width < 160:
        raise argparse.ArgumentTypeError("at least 160, or nothing can be read")
    return width


def _run(options: argparse.Namespace) -> int:
    require_folder(options.dir, "DIR")
    target = options.output or options.dir / "contact-sheet.png"
    if target.suffix.lower() != ".png":
        raise ConfigError(f"--output {target}: a sheet is a PNG: call it something.png")
    videos = find_finished(options.dir)
    count = min(len(videos), options.count)
    chosen = [videos[index * len(videos) // count] for index in range(count)]
    pictures = []
    quiet = True if options.quiet else None
    for video in tqdm(chosen, desc="looking", unit="video", disable=quiet):
        try:
            picture, plan, frame = frame_with_truth(video, width=options.width)
        except SeldsynthError as error:
            _log.warning("left out: %s", error)
            continue
        time_s, length_s = (
            float(count / plan.frames_per_second) for count in (frame, plan.num_frames)
        )
        name = video.relative_to(options.dir).with_suffix("").as_posix()
        pictures.append(captioned(picture, f"{name}, {time_s:.1f} of {length_s:.1f} s"))
    if not pictures:
        raise ConfigError(f"{options.dir}: none of its videos can be shown")
    ((shape, _),) = Counter(picture.shape for picture in pictures).most_common(1)
    same = [picture for picture in pictures if picture.shape == shape]
    if len(same) < len(pictures):
        _log.warning("left out %d of another shape", len(pictures) - len(same))
    write_sheet(same, target, columns=min(options.columns, len(same)))
    if not options.quiet:
        print(target)
    return 0
