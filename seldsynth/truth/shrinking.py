"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render.compositor import Outline
from seldsynth.render.projection import Rectangle

_DECIMALS = 1e6
"""Averages are rounded: half of a pixel is half of it on every machine, whatever sums it up."""


class Shrinking:
    """Outlines of one canvas as they are on another one, smaller or not."""

    def __init__(
        self, width: int, height: int, new_width: int, new_height: int, device: torch.device
    ) -> None:
        self._width, self._height = width, height
        self._new_width, self._new_height = new_width, new_height
        self._device = device

    def __call__(self, outline: Outline) -> Outline:
        """Where the same picture lies, and how much of each pixel shows what is behind it."""
        if (self._width, self._height) == (self._new_width, self._new_height):
            return outline
        old = outline.rectangle
        y0, down = _averages(old.y0, old.height, self._height, self._new_height)
        x0, across = _averages(old.x0, old.width, self._width, self._new_width)
        if len(across) > self._new_width:  # it meets itself behind the listener
            folded = across[: self._new_width].copy()
            folded[: len(across) - self._new_width] += across[self._new_width :]
            across = folded
        hidden = self._on_device(down) @ (1 - outline.kept).double() @ self._on_device(across).T
        kept = 1 - (hidden * _DECIMALS).round() / _DECIMALS
        rectangle = Rectangle(
            x0=x0 % self._new_width, y0=y0, width=kept.shape[1], height=kept.shape[0]
        )
        return Outline(rectangle, kept.float())

    def _on_device(self, matrix: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(matrix).to(self._device)


def _averages(
    first: int, count: int, total: int, new_total: int
) -> tuple[int, NDArray[np.float64]]:
    """(first new pixel, weights [new pixels, old pixels]) of a row of old pixels of `total`."""
    scale = new_total / total
    new_first = math.floor(first * new_total / total)
    new_end = math.ceil((first + count) * new_total / total)
    starts = (first + np.arange(count)) * scale
    new_starts = np.arange(new_first, new_end)[:, None]
    ends = np.minimum(starts + scale, new_starts + 1)
    return new_first, np.maximum(ends - np.maximum(starts, new_starts), 0)
