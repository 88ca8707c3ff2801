"""Assets → pictures: planar YUV, premultiplied by alpha, area-averaged to what will be seen of it.

A plane has at most two of its pixels per pixel of the canvas's plane: its levels are the file's
size halved again and again. They are made on the CPU, where files are decoded.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.asset_files import read_still_bytes
from seldsynth.media.decode import ClipReader, Planes, TimedFrame, has_alpha
from seldsynth.media.mattes import (
    Crop,
    cropped,
    fitted_mask,
    grabcut,
    keyed,
    keyed_alpha,
    read_mask,
    with_mask,
)
from seldsynth.media.stills import read_still
from seldsynth.plan import LookPlan, MattePlan
from seldsynth.render.colour import bgr_to_yuv, separated
from seldsynth.render.scales import ALPHA_SCALE, COLOUR_SCALE

Parts = NDArray[np.uint16]
Pixels = NDArray[np.uint8] | Parts
_Pixels = TypeVar("_Pixels", bound=Pixels)

_BYTES = np.arange(256.0)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture at about the size at which it appears.

    luma: one plane [1, h, w]; chroma: two [2, h', w'], blue and red difference; uint8. With alpha
    it is one plane more of both, and all are uint16: colours are premultiplied by it, in parts of
    COLOUR_SCALE, and it is in parts of ALPHA_SCALE.
    """

    luma: Pixels
    chroma: Pixels

    @property
    def has_alpha(self) -> bool:
        """Whether the last planes of both are alpha."""
        return len(self.luma) == 2


def level_for(*, width: int, height: int, seen_width: float, seen_height: float) -> int:
    """How often a picture is to be halved to have at most two texels per pixel seen.

    width, height: of the picture; seen_width, seen_height: canvas pixels at which it appears.
    """
    texels_per_pixel = max(width / seen_width, height / seen_height)
    return max(0, math.ceil(math.log2(texels_per_pixel / 2)))


def _level_size(width: int, height: int, level: int) -> tuple[int, int]:
    return max(1, round(width / 2**level)), max(1, round(height / 2**level))


def changed(picture: Picture, look: LookPlan, *, texels_per_px: float) -> Picture:
    """A picture with a plan's look: its levels and its blur. Noise and shadow lie on the canvas.

    texels_per_px: of luma, at the horizon. A pixel of chroma is to show what a quarter, a half and
    a quarter of three of luma would, on the mean of two rows. Chroma that is looked at once for a
    pixel of its own, since there is no alpha, and is as large as luma, is blurred as much. Levels
    are those of bytes, or of the parts that colours with alpha have: a gain widens their steps.
    """
    luma, chroma = picture.luma, picture.chroma
    if (look.luma_gain, look.luma_offset) != (1, 0):
        luma = _levelled(luma, look.luma_gain, [look.luma_offset], 235)
    offsets = [look.blue_offset, look.red_offset]
    if [look.chroma_gain, *offsets] != [1, 0, 0]:
        greys = [128 * (1 - look.chroma_gain) + offset for offset in offsets]
        chroma = _levelled(chroma, look.chroma_gain, greys, 240)
    variance = (look.blur_px * texels_per_px) ** 2
    part = chroma.shape[2] / luma.shape[2]
    of_siting = texels_per_px**2 if part == 1 and not picture.has_alpha else 0.0
    across, down = (math.sqrt(variance * part**2 + share * of_siting) for share in (1 / 2, 1 / 4))
    sigma = math.sqrt(variance)
    return Picture(_blurred(luma, sigma, sigma), _blurred(chroma, across, down))


def _levelled(planes: Pixels, gain: float, offsets: Sequence[float], highest: int) -> Pixels:
    """Gain · colour + offset, within 16..highest, of planes that alpha may follow."""
    bounds = (16, highest)
    if len(planes) > len(offsets):
        # As late as `processors` imports its own: plans need no picture's pixels.
        from seldsynth.render.picture_loops import levelled

        parts = cast(Parts, planes)
        return levelled(parts, gain=gain, offsets=offsets, bounds=bounds)
    tables = ((gain * _BYTES + offset).clip(*bounds) for offset in offsets)
    return np.stack(
        [
            np.asarray(cv2.LUT(plane, np.rint(table).astype(np.uint8)), np.uint8)
            for plane, table in zip(planes, tables, strict=True)
        ]
    )


def _blurred(planes: Pixels, across: float, down: float) -> Pixels:
    """Planes under a Gaussian of some deviations; their borders go on outwards."""
    if max(across, down) < 0.2:
        return planes
    from seldsynth.render.picture_loops import blurred  # see `_levelled`

    found = blurred(planes.astype(np.uint16, copy=False), (across, down))
    return cast(Pixels, found.astype(planes.dtype, copy=False))


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """What takes parts of a picture away: a mask file beside it, with its hash, or a matte."""

    mask: Path | None
    mask_sha256: str
    matte: MattePlan

    def read_mask(self) -> NDArray[np.uint8] | None:
        """The mask, of its own size. Raises MediaError."""
        if self.mask is None:
            return None
        return read_mask(read_still_bytes(self.mask), name=self.mask)

    def of_still(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture [h, w, 3 or 4] with what is left of it."""
        mask = self.read_mask()
        if mask is not None:
            return with_mask(pixels, mask)
        if self.matte.kind == "chroma":
            return keyed(pixels, self.matte.key_rgb, self.matte.tolerance)
        return grabcut(pixels) if self.matte.kind == "grabcut" else pixels


class StillSource:
    """Pictures of a still, by level."""

    def __init__(
        self,
        path: Path,
        *,
        sha256: str,
        finest_level: int,
        crop: Crop | None,
        cutout: Cutout,
    ) -> None:
        """Read a picture; finest_level: nothing finer will be asked for. Raises MediaError."""
        self._pixels, self._width, self._height = _still(path, sha256, finest_level, crop, cutout)
        self._pictures: dict[int, Picture] = {}

    @property
    def has_alpha(self) -> bool:
        """Whether its pictures have."""
        return bool(self._pixels.shape[2] == 4)

    def width_of(self, level: int) -> int:
        """How wide the picture of a level is, in pixels."""
        return _level_size(self._width, self._height, level)[0]

    def go_to(self, time_s: Fraction) -> int:
        """The number of the frame that is shown at a time."""
        return 0

    def picture(self, level: int) -> Picture:
        """The picture of a level, the same object every time."""
        if level not in self._pictures:
            self._pictures[level] = self._make(level)
        return self._pictures[level]

    def close(self) -> None:
        """Nothing is held open."""

    def _make(self, level: int) -> Picture:
        pixels = _averaged(self._pixels, _level_size(self._width, self._height, level))
        planes = separated(torch.from_numpy(pixels))
        alpha = planes[3] if self.has_alpha else torch.full_like(planes[0], 255)
        luma, chroma = bgr_to_yuv(planes[:3], alpha)
        if not self.has_alpha:
            return Picture(_to_nearest(luma[None], np.uint8), _to_nearest(chroma, np.uint8))
        opacity = alpha * (ALPHA_SCALE / 255)
        colours = (luma[None], chroma)
        of_luma, of_chroma = (torch.cat((one * COLOUR_SCALE, opacity[None])) for one in colours)
        return Picture(_to_nearest(of_luma, np.uint16), _to_nearest(of_chroma, np.uint16))


def _to_nearest(values: Tensor, dtype: type[np.uint8] | type[np.uint16]) -> Pixels:
    """Values, none of them negative, as whole numbers."""
    return cast(Pixels, values.add(0.5).numpy().astype(dtype))


@lru_cache(maxsize=24)  # events of all recordings show the same pictures again
def _still(
    path: Path, sha256: str, level: int, crop: Crop | None, cutout: Cutout
) -> tuple[NDArray[np.uint8], int, int]:
    """A picture cut out, cropped and shrunk to a level; its width and height before that.

    sha256: of the file, which is read once.
    """
    pixels = read_still(read_still_bytes(path), name=path)
    pixels = np.ascontiguousarray(cropped(cutout.of_still(pixels), crop))
    height, width = pixels.shape[:2]
    return _averaged(premultiplied(pixels), _level_size(width, height, level)), width, height


def premultiplied(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour times alpha; a picture that is opaque everywhere loses its alpha channel."""
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3]
    if alpha.min() == 255:
        return np.ascontiguousarray(pixels[..., :3])
    opacity = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    colour = cv2.multiply(pixels[..., :3], opacity, scale=1 / 255)
    return np.dstack((colour, alpha))


class ClipSource:
    """Pictures of a clip by time, looped; the file is open from the first picture to `close`."""

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        begins_s: Fraction,
        crop: Crop | None,
        cutout: Cutout,
    ) -> None:
        """width, height: of the upright clip in square pixels. begins_s: when it would begin."""
        self._begins_s = begins_s
        self._crop = crop
        self._matte = cutout.matte
        self._mask = cutout.read_mask()
        self.width = width
        self.height = height
        self._resources = contextlib.ExitStack()
        self._reader = self._resources.enter_context(ClipReader(path))
        self._timed: TimedFrame | None = None
        self._last: tuple[int, int, Picture] | None = None

    def width_of(self, level: int) -> int:
        """How wide the picture of a level is, in pixels."""
        return self._size(level)[0]

    def go_to(self, time_s: Fraction) -> int:
        """The number of the frame that is shown at a time.

        time_s must not be less than in the call before. Raises MediaError for a damaged file.
        """
        self._timed = self._reader.frame_at(time_s - self._begins_s)
        return self._timed.index

    def picture(self, level: int) -> Picture:
        """What the frame shows, the same object while it is the same and so is the level.

        Its chroma is half as high and wide as its luma. Raises MediaError for a damaged file.
        """
        timed = self._timed
        if timed is None:
            raise ValueError("nobody has said when")
        if self._last is None or self._last[:2] != (timed.index, level):
            self._last = (timed.index, level, self._make(timed, level))
        return self._last[2]

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    def _size(self, level: int) -> tuple[int, int]:
        shown = self._crop or self
        width, height = _level_size(shown.width, shown.height, level)
        return _even(width), _even(height)

    def _make(self, timed: TimedFrame, level: int) -> Picture:
        width, height = self._size(level)
        is_cut = self._mask is not None or self._matte.kind == "chroma"
        if self._crop or is_cut or has_alpha(timed.frame):
            # Transparent pixels have any colour: before averaging, alpha must weigh it.
            whole_width, whole_height = (_even(side) for side in (self.width, self.height))
            whole = self._reader.planes(timed, width=whole_width, height=whole_height)
            whole = _cropped(replace(whole, alpha=self._alpha_of(whole)), self._crop)
            return self._with_alpha(whole, width=width, height=height)
        planes = self._reader.planes(timed, width=width, height=height)
        return Picture(planes.luma[None], np.stack((planes.chroma_blue, planes.chroma_red)))

    def _alpha_of(self, planes: Planes) -> NDArray[np.uint8]:
        """The frame's own alpha, and what is left of it."""
        height, width = planes.luma.shape
        alpha = planes.alpha if planes.alpha is not None else np.full_like(planes.luma, 255)
        if self._mask is not None:
            kept = fitted_mask(self._mask, width=width, height=height)
        elif self._matte.kind == "chroma":
            matte = self._matte
            half = keyed_alpha(
                planes.chroma_blue, planes.chroma_red, matte.key_rgb, matte.tolerance
            )
            kept = fitted_mask(half, width=width, height=height)
        else:
            return alpha
        return np.asarray(cv2.multiply(alpha, kept, scale=1 / 255), dtype=np.uint8)

    def _with_alpha(self, planes: Planes, *, width: int, height: int) -> Picture:
        from seldsynth.render.picture_loops import premultiplied  # see `_levelled`

        alpha = planes.alpha
        assert alpha is not None
        half_alpha = _averaged(alpha, planes.chroma_blue.shape[::-1])
        of_luma = premultiplied([planes.luma], alpha)
        of_chroma = premultiplied([planes.chroma_blue, planes.chroma_red], half_alpha)
        return Picture(
            luma=_each_averaged(of_luma, (width, height)),
            chroma=_each_averaged(of_chroma, (width // 2, height // 2)),
        )


def _cropped(planes: Planes, crop: Crop | None) -> Planes:
    if crop is None:
        return planes
    assert planes.alpha is not None
    return Planes(
        luma=cropped(planes.luma, crop),
        chroma_blue=cropped(planes.chroma_blue, crop, step=2),
        chroma_red=cropped(planes.chroma_red, crop, step=2),
        alpha=cropped(planes.alpha, crop),
    )


def _even(side: int) -> int:
    return 2 * max(1, round(side / 2))


def _averaged(pixels: _Pixels, size: tuple[int, int]) -> _Pixels:
    """Pixels [h, w, ...] at another width and height, each the mean of those that it covers."""
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return cast(_Pixels, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _each_averaged(planes: _Pixels, size: tuple[int, int]) -> _Pixels:
    """Likewise, each of planes [c, h, w]."""
    if size == planes.shape[:0:-1]:
        return planes
    return cast(_Pixels, np.stack([_averaged(plane, size) for plane in planes]))
