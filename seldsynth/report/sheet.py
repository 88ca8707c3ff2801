"""Many small pictures with captions on one sheet, as a PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seldsynth.files import written_whole

PAPER, INK = 245, 40
_MARGIN = 8
_CAPTION = 22
_FONT_SIZE = 13

Picture = NDArray[np.uint8]


def captioned(picture: Picture, caption: str) -> Picture:
    """A picture [h, w, 3] with a line of text above it, cut off where it is too long."""
    width = picture.shape[1]
    caption = "".join(sign if sign.isprintable() else " " for sign in caption)
    strip = Image.new("RGB", (width, _CAPTION), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(_FONT_SIZE)
    while caption and draw.textlength(caption, font) > width - 8:
        caption = caption[:-1]
    draw.text((4, 3), caption, (INK,) * 3, font)
    return np.vstack((np.asarray(strip), picture))


def write_sheet(pictures: Sequence[Picture], target: Path, *, columns: int) -> None:
    """Write pictures [h, w, 3] of one size, blue-green-red, row by row. Raises MediaError."""
    height, width = pictures[0].shape[:2]
    rows = math.ceil(len(pictures) / columns)
    size = (_MARGIN + rows * (height + _MARGIN), _MARGIN + columns * (width + _MARGIN), 3)
    sheet = np.full(size, PAPER, dtype=np.uint8)
    for index, picture in enumerate(pictures):
        top = _MARGIN + index // columns * (height + _MARGIN)
        left = _MARGIN + index % columns * (width + _MARGIN)
        sheet[top : top + height, left : left + width] = picture
    encoded, png = cv2.imencode(".png", sheet)
    assert encoded
    with written_whole(target) as temporary:
        temporary.write_bytes(png.tobytes())
