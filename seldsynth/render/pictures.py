"""Assets → pictures: planar YUV, premultiplied by alpha, area-averaged to what will be seen of it.

A picture has at most two of its pixels per canvas pixel: its levels are the file's size halved
again and again. They are made on the CPU, where files are decoded.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

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


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture at about the size at which it appears; float32 on the CPU, values 0..255.

    luma [1, h, w], or [2, h, w] with alpha (0..1) last; chroma [2, h, w] or [3, h, w] likewise, of
    clips half as high and wide. What comes with alpha is premultiplied by it.
    """

    luma: Tensor
    chroma: Tensor

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel of both is alpha."""
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
    """A picture with a plan's look: its levels and its blur. Noise and shadow lie on the canvas."""
    if look == LookPlan(noise=look.noise, shadow=look.shadow):
        return picture
    alpha = picture.luma[1] if picture.has_alpha else None
    half_alpha = picture.chroma[2] if picture.has_alpha else None
    greys = (128 + look.blue_offset, 128 + look.red_offset)
    offsets = [grey - 128 * look.chroma_gain for grey in greys]
    luma = _levelled(picture.luma, alpha, look.luma_gain, [look.luma_offset], 235)
    chroma = _levelled(picture.chroma, half_alpha, look.chroma_gain, offsets, 240)
    sigma = look.blur_px * texels_per_px
    chroma_sigma = sigma * chroma.shape[-1] / luma.shape[-1]
    return Picture(luma=_blurred(luma, sigma), chroma=_blurred(chroma, chroma_sigma))


def _levelled(
    planes: Tensor, alpha: Tensor | None, gain: float, offsets: Sequence[float], highest: int
) -> Tensor:
    """Gain · colour + offset, within 16..highest, of planes [c, h, w]; all times alpha [h, w]."""
    levelled = torch.empty_like(planes)
    for colour, plane, offset in zip(levelled, planes, offsets, strict=False):
        if alpha is None:
            torch.add(torch.tensor(offset), plane, alpha=gain, out=colour).clamp_(16, highest)
        else:
            torch.mul(alpha, offset, out=colour).add_(plane, alpha=gain)
            torch.maximum(colour, 16 * alpha, out=colour)
            torch.minimum(colour, highest * alpha, out=colour)
    if alpha is not None:
        levelled[-1] = alpha
    return levelled


def _blurred(planes: Tensor, sigma: float) -> Tensor:
    """Planes [c, h, w] under a Gaussian; their borders go on outwards."""
    if sigma < 0.2:
        return planes
    side = 2 * math.ceil(3 * sigma) + 1
    blurred = torch.empty_like(planes)
    for plane, target in zip(planes.numpy(), blurred.numpy(), strict=True):
        cv2.GaussianBlur(plane, (side, side), sigma, dst=target, borderType=cv2.BORDER_REPLICATE)
    return blurred


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

    def picture(self, time_s: Fraction, level: int) -> Picture:
        """The picture of a level, the same object every time."""
        if level not in self._pictures:
            self._pictures[level] = self._make(level)
        return self._pictures[level]

    def close(self) -> None:
        """Nothing is held open."""

    def _make(self, level: int) -> Picture:
        pixels = _shrunk(self._pixels, _level_size(self._width, self._height, level))
        planes = separated(torch.from_numpy(pixels))
        transparent = planes.shape[0] == 4
        alpha = planes[3] if transparent else torch.full_like(planes[0], 255)
        luma, chroma = bgr_to_yuv(planes[:3], alpha)
        if not transparent:
            return Picture(luma=luma[None], chroma=chroma)
        opacity = (alpha / 255)[None]
        return Picture(luma=torch.cat((luma[None], opacity)), chroma=torch.cat((chroma, opacity)))


@lru_cache(maxsize=24)  # events of all recordings show the same pictures again
def _still(
    path: Path, sha256: str, level: int, crop: Crop | None, cutout: Cutout
) -> tuple[NDArray[np.uint8], int, int]:
    """A picture cut out, cropped and shrunk to a level; its width and height before that.

    sha256: of the file, which is read once.
    """
    pixels = read_still(read_still_bytes(path), name=path)
    pixels = cropped(cutout.of_still(pixels), crop)
    height, width = pixels.shape[:2]
    return _shrunk(premultiplied(pixels), _level_size(width, height, level)), width, height


def _shrunk(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


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
        crop: Crop | None,
        cutout: Cutout,
    ) -> None:
        """width, height: of the upright clip in square pixels."""
        self._crop = crop
        self._matte = cutout.matte
        self._mask = cutout.read_mask()
        self.width = width
        self.height = height
        self._resources = contextlib.ExitStack()
        self._reader = self._resources.enter_context(ClipReader(path))
        self._shown: tuple[TimedFrame, int, Picture] | None = None

    def picture(self, time_s: Fraction, level: int) -> Picture:
        """The picture at a time from the clip's start, the same object while the frame is the same.

        time_s must not be less than in the call before. Raises MediaError for a damaged file.
        """
        timed = self._reader.frame_at(time_s)
        if self._shown is None or self._shown[0] is not timed or self._shown[1] != level:
            self._shown = (timed, level, self._make(timed, level))
        return self._shown[2]

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    def _make(self, timed: TimedFrame, level: int) -> Picture:
        shown = self._crop or self
        width, height = (_even(side) for side in _level_size(shown.width, shown.height, level))
        is_cut = self._mask is not None or self._matte.kind == "chroma"
        if self._crop or is_cut or has_alpha(timed.frame):
            # Transparent pixels have any colour: before averaging, alpha must weigh it.
            whole_width, whole_height = (_even(side) for side in (self.width, self.height))
            whole = self._reader.planes(timed, width=whole_width, height=whole_height)
            whole = _cropped(replace(whole, alpha=self._alpha_of(whole)), self._crop)
            return self._with_alpha(whole, width=width, height=height)
        planes = self._reader.planes(timed, width=width, height=height)
        luma, *chroma = (
            _floats(plane) for plane in (planes.luma, planes.chroma_blue, planes.chroma_red)
        )
        return Picture(luma=luma[None], chroma=torch.stack(chroma))

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
        assert planes.alpha is not None
        alpha = _floats(planes.alpha).div_(255)
        half_alpha = _averaged(alpha, width=alpha.shape[1] // 2, height=alpha.shape[0] // 2)
        luma = [_floats(planes.luma).mul_(alpha), alpha]
        chroma = [_floats(one).mul_(half_alpha) for one in (planes.chroma_blue, planes.chroma_red)]
        halves = {"width": width // 2, "height": height // 2}
        return Picture(
            luma=torch.stack([_averaged(one, width=width, height=height) for one in luma]),
            chroma=torch.stack([_averaged(one, **halves) for one in (*chroma, half_alpha)]),
        )


def _floats(plane: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(plane).to(torch.float32)


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


def _averaged(plane: Tensor, *, width: int, height: int) -> Tensor:
    """A plane [h, w] at another size, each pixel the mean of those that it covers."""
    if plane.shape == (height, width):
        return plane
    smaller = cv2.resize(plane.numpy(), (width, height), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.asarray(smaller, np.float32))
