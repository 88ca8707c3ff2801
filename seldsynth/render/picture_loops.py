"""What is done to every pixel of a picture's planes, as compiled loops; see `pictures`.

In float32, rounded to the nearest once.
"""

from __future__ import annotations

import math
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


def premultiplied(colour: Bytes, alpha: Bytes) -> Parts:
    """Colour times alpha [h, w], in parts of COLOUR_SCALE."""
    found = np.empty(colour.shape, np.uint16)
    _premultiply(_flat(colour), _flat(alpha), _flat(found))
    return found


def in_parts(alpha: Bytes) -> Parts:
    """Alpha [h, w] in parts of ALPHA_SCALE."""
    found = np.empty(alpha.shape, np.uint16)
    _to_parts(_flat(alpha), _flat(found))
    return found


def levelled(
    colour: Parts, alpha: Parts, *, gain: float, offset: float, bounds: tuple[float, float]
) -> Parts:
    """Gain · colour + offset, within two bounds, of colour premultiplied by alpha [h, w].

    offset, bounds: in levels.
    """
    found = np.empty_like(colour)
    per_part = _COLOUR_SCALE / _ALPHA_SCALE
    more, least, most = (level * per_part for level in (offset, *bounds))
    _set_levels(_flat(colour), _flat(alpha), gain, more, least, most, _flat(found))
    return found


def blurred(plane: Parts, sigmas: tuple[float, float]) -> Parts:
    """A plane [h, w] under a Gaussian; its borders go on outwards.

    sigmas: its deviations across and down, in pixels; it ends at three of them.
    """
    found = np.empty_like(plane)
    across, down = (_half_kernel(sigma) for sigma in sigmas)
    _blur(np.ascontiguousarray(plane), across, down, found)
    return found


@lru_cache(maxsize=64)
def _half_kernel(sigma: float) -> _Array:
    """From the middle on."""
    beside = math.ceil(3 * sigma)
    whole = cv2.getGaussianKernel(2 * beside + 1, sigma, cv2.CV_64F)
    return np.asarray(whole[beside:, 0], np.float32)


def _flat(plane: _Array) -> _Array:
    return np.ascontiguousarray(plane).reshape(-1)


@compiled("void(u1[::1], u1[::1], u2[::1])")
def _premultiply(colour: _Array, alpha: _Array, found: _Array) -> None:
    for x in range(len(found)):
        product = np.float32(np.int32(colour[x]) * np.int32(alpha[x]))
        found[x] = np.uint16(np.int32(product * _PER_PRODUCT + _HALF))


@compiled("void(u1[::1], u2[::1])")
def _to_parts(alpha: _Array, found: _Array) -> None:
    for x in range(len(found)):
        found[x] = np.uint16(np.int32(np.float32(alpha[x]) * _PER_BYTE + _HALF))


@compiled("void(u2[::1], u2[::1], f4, f4, f4, f4, u2[::1])")
def _set_levels(
    colour: _Array, alpha: _Array, gain: Any, offset: Any, least: Any, most: Any, found: _Array
) -> None:
    for x in range(len(found)):
        part = np.float32(alpha[x])
        level = np.float32(colour[x]) * gain + part * offset
        found[x] = np.uint16(np.int32(min(max(level, part * least), part * most) + _HALF))


@compiled("void(u2[:,::1], f4[::1], f4[::1], u2[:,::1])")
def _blur(plane: _Array, across: _Array, down: _Array, found: _Array) -> None:
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
