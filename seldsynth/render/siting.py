"""Chroma's pixels: one for two columns and rows of luma, sited on the left one, as H.264 has it.

Of what is known of luma's pixels it has a quarter, a half and a quarter of three, on the mean of
two rows. Left of the first is the last: next to it all around, and elsewhere as empty as it, where
there is a pixel to spare around a picture.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def left_sited(pixels: NDArray[Any]) -> NDArray[Any]:
    """What chroma has of pixels [h, w, ...], to the nearest: [h/2, w/2, ...]."""
    # Of two by two there are those that begin with its own column, and those that end with it.
    begun = _halved(pixels)
    ended = np.empty_like(begun)
    ended[:, :1] = _halved(pixels[:, [-1, 0]])
    if len(ended[0]) > 1:
        ended[:, 1:] = _halved(pixels[:, 1:-1])
    return np.asarray(cv2.addWeighted(begun, 0.5, ended, 0.5, 0, dst=begun))


def _halved(pixels: NDArray[Any]) -> NDArray[Any]:
    size = (pixels.shape[1] // 2, pixels.shape[0] // 2)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def left_sited_on_gpu(planes: Tensor) -> Tensor:
    """The same of float32 planes [n, h, w], not rounded."""
    begun, ended = functional.avg_pool2d(planes, 2), functional.avg_pool2d(planes.roll(1, -1), 2)
    return begun.add_(ended).mul_(0.5)
