"""What everything is put on: a still, a looped video or black, fitted, turned and blurred."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from seldsynth.asset_files import read_still_bytes
from seldsynth.media.decode import ClipReader
from seldsynth.media.stills import read_still
from seldsynth.plan import CanvasPlan
from seldsynth.render.colour import bgr_to_yuv, separated
from seldsynth.render.compositor import Frame
from seldsynth.render.passes_by_torch import left_sited
from seldsynth.render.pictures import premultiplied

Plane = NDArray[np.uint8]

_BLACK = (16, 128)


class Canvas:
    """The background of every frame: `frame` holds it, `advance` moves it on in time."""

    def __init__(self, frame: Frame, plan: CanvasPlan) -> None:
        self.frame = frame
        self._plan = plan

    def advance(self, time_s: Fraction) -> bool:
        """Show the canvas of a time, not less than before; True if it is another picture."""
        return False

    def close(self) -> None:
        """Close what is open."""

    def _fill(self, planes: tuple[Plane, Plane, Plane]) -> None:
        """Turn and blur three planes, and take them over."""
        columns = 2 * round(self._plan.yaw_deg / 360 * self.frame.width / 2)
        targets = (self.frame.luma, self.frame.chroma[0], self.frame.chroma[1])
        for plane, target in zip(planes, targets, strict=True):
            halvings = self.frame.width // plane.shape[1]
            # The content moves to the left for a turn to the left; the labels stay.
            turned = np.roll(plane, -columns // halvings, axis=1) if columns else plane
            blurred = _blurred(turned, self._plan.blur_px, halvings=halvings)
            target.copy_(torch.from_numpy(np.ascontiguousarray(blurred)))


class BlackCanvas(Canvas):
    """No light at all: luma 16, chroma 128."""

    def __init__(self, frame: Frame, plan: CanvasPlan) -> None:
        super().__init__(frame, plan)
        frame.luma.fill_(_BLACK[0])
        frame.chroma.fill_(_BLACK[1])


class StillCanvas(Canvas):
    """A picture, the same in every frame."""

    def __init__(self, frame: Frame, plan: CanvasPlan, path: Path) -> None:
        super().__init__(frame, plan)
        assert plan.asset is not None
        sha256, crops = plan.asset.sha256, plan.fit == "crop"
        self._fill(_still_planes(path, sha256, crops, frame.width, frame.height))


@lru_cache(maxsize=4)  # many recordings have the same few canvases
def _still_planes(
    path: Path, sha256: str, crops: bool, width: int, height: int
) -> tuple[Plane, Plane, Plane]:
    """A picture as planes of a canvas's size. sha256: of the file, which is read once."""
    pixels = read_still(read_still_bytes(path), name=path)
    pixels = premultiplied(pixels)[..., :3]  # black shines through
    if crops:
        pixels = _middle(pixels, *_crop_to_2_1(pixels.shape[1], pixels.shape[0]))
    return _to_planes(_resized(pixels, width=width, height=height))


class VideoCanvas(Canvas):
    """A video, looped at its own speed."""

    def __init__(self, frame: Frame, plan: CanvasPlan, path: Path) -> None:
        super().__init__(frame, plan)
        assert plan.asset is not None
        self._width, self._height = frame.width, frame.height
        if plan.fit == "crop":
            kept_width, kept_height = _crop_to_2_1(plan.asset.width, plan.asset.height)
            self._width = 2 * round(frame.width * plan.asset.width / kept_width / 2)
            self._height = 2 * round(frame.height * plan.asset.height / kept_height / 2)
        self._resources = contextlib.ExitStack()
        self._reader = self._resources.enter_context(ClipReader(path, max_duration_s=None))
        self._shown: int | None = None

    def advance(self, time_s: Fraction) -> bool:
        """Show the video's frame of a time, not less than before; True if it is another one."""
        timed = self._reader.frame_at(time_s)
        if timed.index == self._shown:
            return False
        self._shown = timed.index
        planes = self._reader.planes(timed, width=self._width, height=self._height)
        width, height = self.frame.width, self.frame.height
        self._fill(
            (
                _middle(planes.luma, width, height),
                _middle(planes.chroma_blue, width // 2, height // 2),
                _middle(planes.chroma_red, width // 2, height // 2),
            )
        )
        return True

    def close(self) -> None:
        """Close the file."""
        self._resources.close()


def _crop_to_2_1(width: int, height: int) -> tuple[int, int]:
    """Size of the largest 2:1 rectangle in a picture."""
    return min(width, 2 * height), min(height, max(1, width // 2))


def _middle(pixels: Plane, width: int, height: int) -> Plane:
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def _resized(pixels: Plane, *, width: int, height: int) -> Plane:
    shrinks = pixels.shape[1] >= width and pixels.shape[0] >= height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), dtype=np.uint8)


def _to_planes(pixels: Plane) -> tuple[Plane, Plane, Plane]:
    """YUV 4:2:0 of blue-green-red pixels."""
    bgr = separated(torch.from_numpy(pixels))
    luma, chroma = bgr_to_yuv(bgr, torch.full_like(bgr[0], 255))
    nearest = (plane.add(0.5).to(torch.uint8).numpy() for plane in (luma, *left_sited(chroma)))
    luma_plane, blue, red = nearest
    return luma_plane, blue, red


def _blurred(plane: Plane, blur_px: int, *, halvings: int) -> Plane:
    """Gaussian blur that goes round the seam. blur_px: odd kernel width in luma pixels.

    The deviation goes with the kernel as in OpenCV (and so in the public tool).
    """
    if blur_px <= 1:
        return plane
    deviation = (0.3 * ((blur_px - 1) * 0.5 - 1) + 0.8) / halvings
    reach = min(max(1, round(blur_px / 2 / halvings)), plane.shape[1])
    wrapped = cv2.copyMakeBorder(plane, 0, 0, reach, reach, cv2.BORDER_WRAP)
    kernel = (2 * reach + 1, 2 * reach + 1)
    blurred = cv2.GaussianBlur(wrapped, kernel, deviation, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred[:, reach:-reach], dtype=np.uint8)
