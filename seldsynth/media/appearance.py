"""How a picture looks: its mean and spread in YUV, how sharp it is, and how noisy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Where = NDArray[np.bool_]

_REBLUR_PX = 1.5
_EDGES = 0.05  # of the pixels: the strongest gradients
_WEAKEST_EDGE = 4.0  # levels per pixel
_WELL_MEASURED_PX = 3.0  # a wider blur is measured on a smaller picture
_HALVINGS = 3
_SMALLEST = 16
_SOFTEST_PX = 6.0


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Means and standard deviations of luma and of both chroma differences, in levels.

    chroma_spread: of both, about their means.
    """

    luma_mean: float
    luma_spread: float
    blue_mean: float
    red_mean: float
    chroma_spread: float


def colours_of(luma: Plane, chroma: Plane, weight: Plane | None = None) -> Colours:
    """Of luma [h, w] and chroma [2, h, w]. weight [h, w]: how much each pixel counts."""
    weights = np.ones(luma.shape, np.float32) if weight is None else weight
    total = float(weights.sum()) or 1.0

    def mean(plane: Plane) -> float:
        return float((plane * weights).sum()) / total

    luma_mean, blue_mean, red_mean = mean(luma), mean(chroma[0]), mean(chroma[1])
    variance = mean((chroma[0] - blue_mean) ** 2) + mean((chroma[1] - red_mean) ** 2)
    return Colours(
        luma_mean=luma_mean,
        luma_spread=mean((luma - luma_mean) ** 2) ** 0.5,
        blue_mean=blue_mean,
        red_mean=red_mean,
        chroma_spread=(variance / 2) ** 0.5,
    )


def noise_of(luma: Plane, where: Where | None = None) -> float:
    """Standard deviation of the noise, in levels. where: the pixels that count, if not all do.

    By the median of what a mask that is blind to edges and slopes leaves: J. Immerkær, "Fast noise
    variance estimation", 1996, with the median in place of the mean, so that texture counts less.
    """
    if min(luma.shape) < 3:
        return 0.0
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    left = np.abs(cv2.filter2D(luma, cv2.CV_32F, mask))
    counted = left[_inside(luma, where, 1)]
    return float(np.median(counted)) / (6 * 0.6745) if counted.size else 0.0


def softness_of(luma: Plane, where: Where | None = None) -> float:
    """Width in pixels of the blur at the strongest edges, as the deviation of a Gaussian; 0..6.

    0 also if there is no edge, but shading at most. where: the pixels that count, if not all do. By
    how much the gradient falls when it is blurred once more: S. Zhuo and T. Sim, "Defocus map
    estimation from a single image", 2011; what is very soft is halved until it is measured well.
    """
    for halvings in range(_HALVINGS + 1):
        softness = _softness_here(luma, where)
        if 0 < softness <= _WELL_MEASURED_PX:
            return min((1 << halvings) * softness, _SOFTEST_PX)
        if min(luma.shape) < 2 * _SMALLEST:
            break
        half = (luma.shape[1] // 2, luma.shape[0] // 2)
        luma = np.asarray(cv2.resize(luma, half, interpolation=cv2.INTER_AREA), np.float32)
        if where is not None:
            kept = cv2.resize(where.astype(np.float32), half, interpolation=cv2.INTER_AREA)
            where = np.asarray(kept == 1)
    return 0.0


def _softness_here(luma: Plane, where: Where | None) -> float:
    """As `softness_of`, at this size; infinite if a blur more changes nothing."""
    blurred = np.asarray(cv2.GaussianBlur(luma, (0, 0), _REBLUR_PX), dtype=np.float32)
    inside = _inside(luma, where, math.ceil(2 * _REBLUR_PX))
    before, after = _gradient(luma)[inside], _gradient(blurred)[inside]
    if not before.size:
        return 0.0
    strong = before >= max(float(np.quantile(before, 1 - _EDGES)), _WEAKEST_EDGE)
    if not strong.any():
        return 0.0
    ratio = float(np.median(before[strong] / np.maximum(after[strong], 1e-3)))
    return _REBLUR_PX / math.sqrt(ratio**2 - 1) if ratio > 1 else math.inf


def _inside(luma: Plane, where: Where | None, margin: int) -> Where:
    """Which pixels are so far from what does not count, or from the border if all count."""
    if where is None:
        inside = np.zeros(luma.shape, dtype=bool)
        inside[1:-1, 1:-1] = True
        return inside
    around = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    inside = cv2.erode(
        where.astype(np.uint8), around, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(inside, dtype=bool)


def _gradient(luma: Plane) -> Plane:
    across = cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(np.hypot(across, down), dtype=np.float32)
