"""How a picture looks: its mean and spread in YUV, how sharp it is, and how noisy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_REBLUR_PX = 1.5
_EDGES = 0.05  # of the pixels: the strongest gradients
_WEAKEST_EDGE = 4.0  # levels per pixel
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


def noise_of(luma: Plane) -> float:
    """Standard deviation of the noise, in levels.

    By the median of what a mask that is blind to edges and slopes leaves: J. Immerkær, "Fast noise
    variance estimation", 1996, with the median in place of the mean, so that texture counts less.
    """
    if min(luma.shape) < 3:
        return 0.0
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    left = cv2.filter2D(luma, cv2.CV_32F, mask)[1:-1, 1:-1]
    return float(np.median(np.abs(left))) / (6 * 0.6745)


def softness_of(luma: Plane) -> float:
    """Width in pixels of the blur at the strongest edges, as the deviation of a Gaussian; 0..6.

    By how much the gradient falls when it is blurred once more: S. Zhuo and T. Sim, "Defocus map
    estimation from a single image", 2011.
    """
    blurred = np.asarray(cv2.GaussianBlur(luma, (0, 0), _REBLUR_PX), dtype=np.float32)
    before, after = _gradient(luma), _gradient(blurred)
    strong = before >= max(float(np.quantile(before, 1 - _EDGES)), _WEAKEST_EDGE)
    if not strong.any():
        return 0.0
    ratio = float(np.median(before[strong] / np.maximum(after[strong], 1e-3)))
    if ratio <= 1.0:
        return _SOFTEST_PX
    return min(_REBLUR_PX / math.sqrt(ratio**2 - 1), _SOFTEST_PX)


def _gradient(luma: Plane) -> Plane:
    across = cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(np.hypot(across, down), dtype=np.float32)
