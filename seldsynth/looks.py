"""How a picture is made to belong to the scene: measured on both, and decided in the plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from seldsynth.asset_files import Asset, first_look
from seldsynth.config import Config
from seldsynth.media.appearance import Colours, colours_of, noise_of, softness_of
from seldsynth.media.mattes import Crop, cropped
from seldsynth.plan import CanvasPlan, LookPlan, TilePlan
from seldsynth.render.colour import bgr_to_yuv, separated
from seldsynth.render.compositor import Frame
from seldsynth.render.pictures import Cutout
from seldsynth.render.projection import appears_at, make_billboard, touched_rectangle
from seldsynth.render.scene import open_canvas
from seldsynth.render.tile import tile_cutout

_AROUND = 1.6  # times as large as the picture is what counts as around it
_GAINS = (0.6, 1.6)
_FARTHEST = 60.0  # levels that a mean is moved by at most
_FLATTEST = 8.0  # levels: a spread below it says nothing
_BLUR_PX = (0.3, 3.0)  # less is not seen, and costs as much
_NOISE = (0.4, 8.0)
_HIGHEST_SHADOW_DEG = 60.0  # nothing stands on the ceiling
_STEPS = 4  # of size, in every octave: pictures are not measured anew for every pixel of it
_OPAQUE = 250


class Surroundings:
    """The canvas of a scene, measured where pictures are put on it."""

    def __init__(
        self, canvas: CanvasPlan, folders: Mapping[str, Path], *, width: int, height: int
    ) -> None:
        """Draw the canvas as it is at the beginning. Raises MediaError."""
        frame = Frame(width=width, height=height, device=torch.device("cpu"))
        drawn = open_canvas(canvas, folders, frame)
        try:
            drawn.advance(Fraction(0))
        finally:
            drawn.close()
        self._width, self._height = width, height
        self._luma = frame.luma.numpy().astype(np.float32)
        self._chroma = frame.chroma.numpy().astype(np.float32)
        middle = self._luma[height // 4 : 3 * height // 4]  # the poles are stretched
        self.noise, self.softness_px = noise_of(middle), softness_of(middle)

    def colours(self, azimuth_deg: float, elevation_deg: float, side_deg: float) -> Colours:
        """Colours of the canvas around a direction."""
        billboard = make_billboard(
            azimuth_deg=azimuth_deg,
            elevation_deg=elevation_deg,
            longer_side_deg=min(120.0, side_deg * _AROUND),
            aspect=1.0,
        )
        there = touched_rectangle(billboard, width=self._width, height=self._height)
        rows = slice(there.y0, there.y0 + there.height)
        columns = np.arange(there.x0, there.x0 + there.width) % self._width
        half_rows = slice(rows.start // 2, rows.stop // 2)
        chroma = self._chroma[:, half_rows][:, :, columns[::2] // 2]
        luma = self._luma[rows][:, columns]
        small = cv2.resize(luma, chroma.shape[:0:-1], interpolation=cv2.INTER_AREA)
        return colours_of(np.asarray(small, dtype=np.float32), chroma)


def look_of(
    tile: TilePlan,
    folders: Mapping[str, Path],
    surroundings: Surroundings | None,
    chances: tuple[float, float, float, float],
    config: Config,
) -> LookPlan:
    """How a tile's picture is changed. Raises MediaError.

    surroundings: None where nothing is matched. chances: 0..1, for brightness, contrast, saturation
    and the shadow. Numbers are rounded, so that a plan does not depend on the last bits of a mean.
    """
    wishes = config.look
    row = len(tile.track.label_frames) // 2
    side_deg = tile.longer_side_deg[row]
    seen = _seen_of(tile, folders, side_deg, config)
    gain, offset, chroma_gain, blue_offset, red_offset = 1.0, 0.0, 1.0, 0.0, 0.0
    blur_px = noise = 0.0
    own = seen.colours
    if surroundings is not None and wishes.match_colour:
        around = surroundings.colours(
            tile.track.azimuth_deg[row], tile.track.elevation_deg[row], side_deg
        )
        strength = wishes.match_colour
        gain = _gain(own.luma_spread, around.luma_spread, strength)
        chroma_gain = _gain(own.chroma_spread, around.chroma_spread, strength)
        offset = own.luma_mean * (1 - gain) + _towards(own.luma_mean, around.luma_mean, strength)
        kept = 1 - chroma_gain
        blue_offset = (own.blue_mean - 128) * kept
        blue_offset += _towards(own.blue_mean, around.blue_mean, strength)
        red_offset = (own.red_mean - 128) * kept
        red_offset += _towards(own.red_mean, around.red_mean, strength)
    if surroundings is not None and wishes.match_blur:
        more = surroundings.softness_px**2 - seen.softness_px**2
        blur_px = _seen_amount(math.sqrt(max(0.0, more)), _BLUR_PX)
    if surroundings is not None and wishes.match_noise:
        more = surroundings.noise**2 - seen.noise**2
        noise = _seen_amount(math.sqrt(max(0.0, more)), _NOISE)
    brightness, contrast, saturation = (2 * chance - 1 for chance in chances[:3])
    contrast_gain = 1 + wishes.contrast * contrast
    mean = gain * own.luma_mean + offset  # contrast turns about what it has become
    offset = offset * contrast_gain + mean * (1 - contrast_gain)
    offset += wishes.brightness * brightness * 219
    stands = all(abs(one) <= _HIGHEST_SHADOW_DEG for one in tile.track.elevation_deg)
    vivid = 1 + wishes.saturation * saturation
    return LookPlan(
        luma_gain=round(gain * contrast_gain, 4),
        luma_offset=round(_within(offset, 255), 2),
        chroma_gain=round(chroma_gain * vivid, 4),
        blue_offset=round(_within(blue_offset * vivid, 128), 2),
        red_offset=round(_within(red_offset * vivid, 128), 2),
        blur_px=round(blur_px, 2),
        noise=round(noise, 2),
        shadow=wishes.shadow_strength if chances[3] < wishes.shadow and stands else 0.0,
    )


def _gain(own: float, around: float, strength: float) -> float:
    """A factor that brings a spread nearer to another one."""
    if own < _FLATTEST or around < _FLATTEST / 2:
        return 1.0
    return min(max(math.pow(around / own, strength), _GAINS[0]), _GAINS[1])


def _seen_amount(value: float, limits: tuple[float, float]) -> float:
    """A value between two limits; nothing if it is below."""
    return min(value, limits[1]) if value >= limits[0] else 0.0


def _within(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


def _towards(own: float, around: float, strength: float) -> float:
    return min(max((around - own) * strength, -_FARTHEST), _FARTHEST)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A picture by itself, measured at about the size at which it appears."""

    colours: Colours
    noise: float
    softness_px: float


def _seen_of(tile: TilePlan, folders: Mapping[str, Path], side_deg: float, config: Config) -> _Seen:
    asset = tile.asset
    billboard = make_billboard(
        azimuth_deg=0,
        elevation_deg=0,
        longer_side_deg=side_deg,
        aspect=tile.width / tile.height,
    )
    canvas = config.canvas
    width, height = appears_at(billboard, width=canvas.width, height=canvas.height)
    steps = round(_STEPS * math.log2(max(width, height)))
    path = folders[asset.folder] / asset.path
    return _measured(asset, path, tile_cutout(tile, folders), tile.crop, steps)


@lru_cache(maxsize=1 << 16)  # events of all recordings show the same pictures again and again
def _measured(asset: Asset, path: Path, cutout: Cutout, crop: Crop | None, steps: int) -> _Seen:
    """What is left of a picture. steps: its longer side in pixels, as a logarithm."""
    pixels = cropped(cutout.of_still(first_look(asset, path)), crop)
    height, width = pixels.shape[:2]
    scale = 2 ** (steps / _STEPS) / max(width, height)
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    how = cv2.INTER_AREA if scale <= 1 else cv2.INTER_LINEAR
    fitted = np.asarray(cv2.resize(pixels, size, interpolation=how), dtype=np.uint8)
    planes = separated(torch.from_numpy(np.ascontiguousarray(fitted[..., :3])))
    luma, chroma = (plane.numpy() for plane in bgr_to_yuv(planes, torch.full_like(planes[0], 255)))
    if fitted.shape[2] == 3:
        return _Seen(
            colours=colours_of(luma, chroma), noise=noise_of(luma), softness_px=softness_of(luma)
        )
    alpha = fitted[..., 3]
    opaque = alpha >= _OPAQUE
    return _Seen(
        colours=colours_of(luma, chroma, alpha.astype(np.float32)),
        noise=noise_of(luma, opaque),
        softness_px=softness_of(luma, opaque),
    )
