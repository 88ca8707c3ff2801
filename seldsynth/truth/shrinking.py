"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from seldsynth.render.compositor import Cover, Outline
from seldsynth.render.projection import Rectangle

_STEPS = 1e4
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
        y0, down = self._averages(old.y0, old.height, self._height, self._new_height)
        x0, across = self._averages(old.x0, old.width, self._width, self._new_width)
        hidden = down @ (1 - outline.cover.kept) @ across.T
        if hidden.shape[1] > self._new_width:  # it meets itself behind the listener
            beyond = hidden[:, self._new_width :]
            hidden = hidden[:, : self._new_width].clone()
            hidden[:, : beyond.shape[1]] += beyond
        kept = 1 - hidden.mul_(_STEPS).round_().div_(_STEPS)
        rectangle = Rectangle(
            x0=x0 % self._new_width, y0=y0, width=kept.shape[1], height=kept.shape[0]
        )
        return Outline(rectangle, Cover(kept))

    def _averages(self, first: int, count: int, total: int, new_total: int) -> tuple[int, Tensor]:
        """(first new pixel, weights [new pixels, old pixels]) of a row of old pixels of `total`."""
        common = math.gcd(total, new_total)
        period, new_period = total // common, new_total // common
        periods, first = divmod(first, period)
        weights = _weights(first, count, period, new_period, self._device)
        return periods * new_period + first * new_period // period, weights


@lru_cache(maxsize=128)
def _weights(first: int, count: int, period: int, new_period: int, device: torch.device) -> Tensor:
    """How much of each new pixel each of `count` old ones is, where `period` are new_period."""
    scale = new_period / period
    end = math.ceil((first + count) * new_period / period)
    new_starts = np.arange(first * new_period // period, end)[:, None]
    starts = (first + np.arange(count)) * scale
    overlaps = np.minimum(starts + scale, new_starts + 1) - np.maximum(starts, new_starts)
    return torch.from_numpy(np.maximum(overlaps, 0).astype(np.float32)).to(device)
