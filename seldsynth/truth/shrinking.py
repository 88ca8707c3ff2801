"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from seldsynth.render.compositor import Cover, Outline
from seldsynth.render.projection import Rectangle

_STEPS = 1e4
"""Averages are rounded: half of a pixel is half of it on every machine, whatever sums it up."""


class Shrinking:
    """Outlines of one canvas as they are on another one, smaller or not."""

    def __init__(self, width: int, height: int, new_width: int, new_height: int) -> None:
        self._width, self._height = width, height
        self._new_width, self._new_height = new_width, new_height

    def __call__(self, outline: Outline) -> Outline:
        """Where the same picture lies, and how much of each pixel shows what is behind it."""
        if (self._width, self._height) == (self._new_width, self._new_height):
            return outline
        old = outline.rectangle
        hidden = 1 - outline.cover.kept.double()  # exact enough to be added up
        y0, hidden = _averaged(hidden, old.y0, self._height, self._new_height)
        x0, hidden = _averaged(hidden.T, old.x0, self._width, self._new_width)
        if len(hidden) > self._new_width:  # it meets itself behind the listener
            beyond = hidden[self._new_width :]
            hidden = hidden[: self._new_width].clone()
            hidden[: len(beyond)] += beyond
        kept = 1 - hidden.T.mul(_STEPS).round_().div_(_STEPS)
        rectangle = Rectangle(
            x0=x0 % self._new_width, y0=y0, width=kept.shape[1], height=kept.shape[0]
        )
        return Outline(rectangle, Cover(kept.float()))


def _averaged(values: Tensor, first: int, total: int, new_total: int) -> tuple[int, Tensor]:
    """(first new row, their values [n', m]) of rows [n, m] that are row `first` and on of `total`.

    By the running sum up to the new rows' edges, of which some lie within an old row.
    """
    count, scale = len(values), total / new_total
    new_first = first * new_total // total
    new_end = math.ceil((first + count) * new_total / total)
    edges = np.clip(np.arange(new_first, new_end + 1) * scale - first, 0, count)
    row = np.minimum(edges.astype(np.int64), count - 1)
    within = torch.from_numpy(edges - row).to(values.device)[:, None]
    index = torch.from_numpy(row).to(values.device)
    before = values.cumsum(0) - values
    sums = before[index] + within * values[index]
    return new_first, sums.diff(dim=0).div_(scale)
