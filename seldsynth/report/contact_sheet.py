"""A video at a glance: frames from all over it, on one picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from seldsynth.media.clips import check_clip
from seldsynth.media.decode import ClipReader, TimedFrame
from seldsynth.report.sheet import Picture, captioned, write_sheet

_THUMB_WIDTH = 640


def write_contact_sheet(video: Path, target: Path, *, columns: int = 2, rows: int = 4) -> None:
    """Write a PNG of columns x rows frames, evenly spread over a video, each with its time.

    Raises MediaError if the video cannot be read or the picture not be written.
    """
    duration_s = check_clip(video, max_duration_s=None).duration_s
    count = columns * rows
    with ClipReader(video, max_duration_s=None) as reader:
        pictures = []
        for index in range(count):
            time_s = duration_s * Fraction(2 * index + 1, 2 * count)
            thumbnail = _thumbnail(reader, reader.frame_at(time_s))
            pictures.append(captioned(thumbnail, f"{float(time_s):.2f} s"))
    write_sheet(pictures, target, columns=columns)


def _thumbnail(reader: ClipReader, timed: TimedFrame) -> Picture:
    width, height = reader.display_size(timed.frame)
    scaled_height = max(1, round(_THUMB_WIDTH * height / width))
    return reader.pixels(timed, width=_THUMB_WIDTH, height=scaled_height)[..., :3]
