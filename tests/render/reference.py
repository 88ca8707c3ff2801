"""A slow, obvious renderer: float64, the whole canvas, RGB. The fast one is held to it.

It turns every pixel's ray into the billboard's own coordinates by two rotations, where the fast
one works with tangents; it mixes colours in RGB and converts whole pictures to YUV at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A picture [h, w, 4] (red, green, blue, alpha; 0..255) on the sphere."""

    pixels: Array
    azimuth_deg: float
    elevation_deg: float
    longer_side_deg: float
    feather: float


def plane_position(
    layer_azimuth_deg: float, layer_elevation_deg: float, *, width: int, height: int
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Where every pixel centre's ray meets the tangent plane: to the right, upwards, in front."""
    azimuth = np.radians(180 - (np.arange(width) + 0.5) / width * 360)[None, :]
    elevation = np.radians(90 - (np.arange(height) + 0.5) / height * 180)[:, None]
    x = np.cos(elevation) * np.cos(azimuth)
    y = np.cos(elevation) * np.sin(azimuth)
    z = np.sin(elevation) + 0 * azimuth
    turn, tilt = np.radians(layer_azimuth_deg), np.radians(layer_elevation_deg)
    front, left = np.cos(turn) * x + np.sin(turn) * y, -np.sin(turn) * x + np.cos(turn) * y
    ahead, above = (
        np.cos(tilt) * front + np.sin(tilt) * z,
        -np.sin(tilt) * front + np.cos(tilt) * z,
    )
    seen = ahead > 1e-3
    safe = np.where(seen, ahead, 1)
    return -left / safe, above / safe, seen


def half_sides(layer: Layer) -> tuple[float, float]:
    height, width = layer.pixels.shape[:2]
    longer = np.tan(np.radians(layer.longer_side_deg) / 2)
    return longer * min(1, width / height), longer * min(1, height / width)


def inside(layer: Layer, *, width: int, height: int, margin: float = 0.0) -> NDArray[np.bool_]:
    """Pixels whose centre the billboard hides, were it larger by a margin on every side."""
    right, up, seen = plane_position(
        layer.azimuth_deg, layer.elevation_deg, width=width, height=height
    )
    half_width, half_height = half_sides(layer)
    within_sides = np.abs(right) <= half_width + margin
    return seen & within_sides & (np.abs(up) <= half_height + margin)


def render(canvas_rgb: Array, layers: list[Layer]) -> Array:
    """Canvas [h, w, 3] with the layers painted over it in order."""
    out = canvas_rgb.copy()
    height, width = out.shape[:2]
    for layer in layers:
        right, up, seen = plane_position(
            layer.azimuth_deg, layer.elevation_deg, width=width, height=height
        )
        half_width, half_height = half_sides(layer)
        pixel = np.pi / height
        ramp = max(pixel, layer.feather * 2 * min(half_width, half_height))
        edge_x = np.clip((half_width - np.abs(right) + pixel / 2) / ramp, 0, 1)
        edge_y = np.clip((half_height - np.abs(up) + pixel / 2) / ramp, 0, 1)
        sampled = bilinear(layer.pixels, (right / half_width + 1) / 2, (1 - up / half_height) / 2)
        alpha = sampled[..., 3] / 255 * edge_x * edge_y * seen
        out = out * (1 - alpha[..., None]) + sampled[..., :3] * alpha[..., None]
    return out


def bilinear(pixels: Array, across: Array, down: Array) -> Array:
    """Straight-alpha picture at relative positions (0..1 from edge to edge), edges going on."""
    height, width = pixels.shape[:2]
    x = np.clip(across * width - 0.5, 0, width - 1)
    y = np.clip(down * height - 0.5, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    upper = pixels[y0, x0] * (1 - fx) + pixels[y0, x1] * fx
    lower = pixels[y1, x0] * (1 - fx) + pixels[y1, x1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def to_yuv(rgb: Array) -> tuple[Array, Array, Array]:
    """BT.709 limited range; chroma at half resolution, sited on the left luma column."""
    red, green, blue = (rgb[..., channel] / 255 for channel in range(3))
    grey = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    planes = [16 + 219 * grey]
    for difference in ((blue - grey) / 1.8556, (red - grey) / 1.5748):
        full = 128 + 224 * difference
        across = (np.roll(full, 1, axis=1) + 2 * full + np.roll(full, -1, axis=1))[:, ::2] / 4
        planes.append((across[::2] + across[1::2]) / 2)
    return planes[0], planes[1], planes[2]


def psnr_db(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Peak signal-to-noise ratio of 8-bit planes, in dB."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def owned(
    layers: list[Layer], *, width: int, height: int, fineness: int
) -> tuple[list[NDArray[np.bool_]], NDArray[np.bool_]]:
    """Which pixels are seen to be each layer's, the nearest being the last one; which are unsure.

    A layer hides a pixel if at least half of what is behind it does not show: on average over
    fineness x fineness pixels of a larger canvas. Where half is within a fiftieth, it is unsure.
    """
    taken = np.zeros((height, width), dtype=bool)
    unsure = np.zeros((height, width), dtype=bool)
    masks = []
    for layer in reversed(layers):
        canvas = np.zeros((height * fineness, width * fineness, 3))
        alone = render(canvas, [white(layer)])[..., 0]
        alone = alone.reshape(height, fineness, width, fineness).mean(axis=(1, 3))
        hides = alone >= 127.5
        unsure |= abs(alone - 127.5) < 255 / 50
        masks.append(hides & ~taken)
        taken |= hides
    return masks[::-1], unsure


def white(layer: Layer) -> Layer:
    """The layer in white, with its alpha."""
    pixels = layer.pixels.copy()
    pixels[..., :3] = 255
    return replace(layer, pixels=pixels)
