"""What is done to every pixel of a picture's planes, as compiled loops; see `pictures`.

In float32, rounded to the nearest once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seldsynth.compiled import compiled

Bytes = NDArray[np.uint8]
Parts = NDArray[np.uint16]
_Array = NDArray[Any]

# What loops know of `scales`, once more, as in `passes_on_cpu`.
_COLOUR_SCALE, _ALPHA_SCALE = 64, 8192
_HALF = np.float32(0.5)
_PER_PRODUCT = np.float32(_COLOUR_SCALE / 255)
_PER_BYTE = np.float32(_ALPHA_SCALE / 255)


def premultiplied(colours: Sequence[Bytes], alpha: Bytes) -> Parts:
    """Colours [h, w] times alpha, in parts of COLOUR_SCALE, and it in parts of ALPHA_SCALE."""
    planes = np.stack([*colours, alpha])
    found = np.empty(planes.shape, np.uint16)
    _premultiply(planes.reshape(len(planes), -1), found.reshape(len(planes), -1))
    return found


def levelled(
    planes: Parts, *, gain: float, offsets: Sequence[float], bounds: tuple[float, float]
) -> Parts:
    """Gain · colour + offset, within two bounds, of planes [c, h, w] of which the last is alpha.

    offsets, bounds: in levels; an offset for each colour.
    """
    found = np.empty(planes.shape, np.uint16)
    per_part = _COLOUR_SCALE / _ALPHA_SCALE
    least, most = (bound * per_part for bound in bounds)
    more = np.array(offsets, np.float32) * np.float32(per_part)
    before, after = (one.reshape(len(planes), -1) for one in (np.ascontiguousarray(planes), found))
    _set_levels(before, after, gain, more, least, most)
    return found


def blurred(planes: Parts, sigmas: tuple[float, float]) -> Parts:
    """Planes [c, h, w] under a Gaussian; their borders go on outwards.

    sigmas: its deviations across and down, in pixels; it ends at three of them.
    """
    found = np.empty(planes.shape, np.uint16)
    across, down = (_half_kernel(sigma) for sigma in sigmas)
    _blur(np.ascontiguousarray(planes), across, down, found)
    return found


@lru_cache(maxsize=64)
def _half_kernel(sigma: float) -> _Array:
    """From the middle on."""
    beside = math.ceil(3 * sigma)
    whole = cv2.getGaussianKernel(2 * beside + 1, sigma, cv2.CV_64F)
    return np.asarray(whole[beside:, 0], np.float32)


@compiled("void(u1[:,::1], u2[:,::1])")
def _premultiply(planes: _Array, found: _Array) -> None:
    alpha = planes[len(planes) - 1]
    for channel in range(len(planes) - 1):
        colour, parts = planes[channel], found[channel]
        for x in range(len(parts)):
            product = np.float32(np.int32(colour[x]) * np.int32(alpha[x]))
            parts[x] = np.uint16(np.int32(product * _PER_PRODUCT + _HALF))
    parts = found[len(planes) - 1]
    for x in range(len(parts)):
        parts[x] = np.uint16(np.int32(np.float32(alpha[x]) * _PER_BYTE + _HALF))


@compiled("void(u2[:,::1], u2[:,::1], f4, f4[::1], f4, f4)")
def _set_levels(
    planes: _Array, found: _Array, gain: Any, offsets: _Array, least: Any, most: Any
) -> None:
    alpha = planes[len(planes) - 1]
    for channel in range(len(planes) - 1):
        colour, levels, offset = planes[channel], found[channel], offsets[channel]
        for x in range(len(levels)):
            part = np.float32(alpha[x])
            level = np.float32(colour[x]) * gain + part * offset
            levels[x] = np.uint16(np.int32(min(max(level, part * least), part * most) + _HALF))
    levels = found[len(planes) - 1]
    for x in range(len(levels)):
        levels[x] = alpha[x]


@compiled("void(u2[:,::1], f4[::1], f4[::1], u2[:,::1])")
def _blur_plane(plane: _Array, across: _Array, down: _Array, found: _Array) -> None:
    height, width = plane.shape
    beside = len(across) - 1
    padded, total = np.empty(width + 2 * beside, np.float32), np.empty(width, np.float32)
    inside = padded[beside : beside + width]
    for y in range(height):
        row = plane[y]
        for x in range(width):
            inside[x] = np.float32(row[x]) * down[0]
        for k in range(1, len(down)):
            above, below, weight = plane[max(y - k, 0)], plane[min(y + k, height - 1)], down[k]
            for x in range(width):
                inside[x] += np.float32(np.int32(above[x]) + np.int32(below[x])) * weight
        for k in range(beside):
            padded[k], padded[beside + width + k] = inside[0], inside[width - 1]
        for x in range(width):
            total[x] = inside[x] * across[0]
        for k in range(1, beside + 1):
            before, after, weight = padded[beside - k :], padded[beside + k :], across[k]
            for x in range(width):
                total[x] += (before[x] + after[x]) * weight
        blurred = found[y]
        for x in range(width):
            blurred[x] = np.uint16(np.int32(total[x] + _HALF))


@compiled("void(u2[:,:,::1], f4[::1], f4[::1], u2[:,:,::1])")
def _blur(planes: _Array, across: _Array, down: _Array, found: _Array) -> None:
    for channel in range(len(planes)):
        _blur_plane(planes[channel], across, down, found[channel])
