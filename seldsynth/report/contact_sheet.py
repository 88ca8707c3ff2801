"""A video at a glance: frames from all over it, on one picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from seldsynth.errors import MediaError
from seldsynth.media.decode import ClipReader, TimedFrame, check_clip

_THUMB_WIDTH = 640
_MARGIN = 8
_CAPTION = 26
_PAPER = 245


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
            pictures.append(_thumbnail(reader, reader.frame_at(time_s), time_s))
    height, width = pictures[0].shape[:2]
    sheet = np.full(
        (_MARGIN + rows * (height + _MARGIN), _MARGIN + columns * (width + _MARGIN), 3),
        _PAPER,
        dtype=np.uint8,
    )
    for index, picture in enumerate(pictures):
        top = _MARGIN + index // columns * (height + _MARGIN)
        left = _MARGIN + index % columns * (width + _MARGIN)
        sheet[top : top + height, left : left + width] = picture
    encoded, png = cv2.imencode(".png", sheet)
    assert encoded
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(png.tobytes())
    except OSError as error:
        raise MediaError(f"{target}: cannot be written: {error.strerror}") from None


def _thumbnail(reader: ClipReader, timed: TimedFrame, time_s: Fraction) -> NDArray[np.uint8]:
    width, height = reader.display_size(timed.frame)
    scaled_height = round(_THUMB_WIDTH * height / width)
    small = timed.frame.reformat(
        width=_THUMB_WIDTH, height=scaled_height, format="bgr24", interpolation=Interpolation.AREA
    )
    caption = np.full((_CAPTION, _THUMB_WIDTH, 3), _PAPER, dtype=np.uint8)
    cv2.putText(
        caption,
        f"{float(time_s):.2f} s",
        (4, _CAPTION - 8),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.5,
        (40, 40, 40),
        1,
        cv2.LINE_AA,
    )
    return np.vstack((caption, small.to_ndarray()))
