"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from seldsynth.render.compositor import WHOLE, Cover, Outline
from seldsynth.render.projection import Rectangle


class Shrinking:
    """Outlines of one canvas as they are on another one, smaller or not; on the CPU.

    Everything is counted in whole parts that both canvases' pixels consist of: sums are exact, and
    half of a pixel is half of it on every machine.
    """

    def __init__(self, width: int, height: int, new_width: int, new_height: int) -> None:
        self._is_same = (width, height) == (new_width, new_height)
        self._new_width = new_width
        self._rows, self._columns = (height, new_height), (width, new_width)
        self._parts = width * height  # that a new pixel has

    def __call__(self, outline: Outline) -> Outline:
        """Where the same picture lies, and how much of each pixel shows what is behind it."""
        if self._is_same:
            return Outline(outline.rectangle, Cover(outline.cover.kept.cpu()))
        old = outline.rectangle
        y0, rows = _parts(old.y0, old.height, *self._rows)
        x0, columns = _parts(old.x0, old.width, *self._columns)
        # By torch, since NumPy takes more than one core. Whole numbers below 2^24, then below 2^53.
        hidden = (WHOLE - outline.cover.kept.cpu()).float()
        sums = (rows @ hidden).double() @ columns.T.double()
        if sums.shape[1] > self._new_width:  # it meets itself behind the listener
            sums, beyond = sums[:, : self._new_width], sums[:, self._new_width :]
            sums[:, : beyond.shape[1]] += beyond
        kept = WHOLE - sums / self._parts
        rectangle = Rectangle(
            x0=x0 % self._new_width, y0=y0, width=kept.shape[1], height=kept.shape[0]
        )
        return Outline(rectangle, Cover(kept))


@lru_cache(maxsize=64)  # what turns around the listener stays in its rows
def _parts(start: int, count: int, total: int, new_total: int) -> tuple[int, Tensor]:
    """(first new pixel, parts [n', n] of each old pixel in each new one) of n = count old pixels.

    start: the first of them. total, new_total: how many pixels a side of either canvas has; an old
    pixel has new_total parts.
    """
    first, end = start * new_total // total, start + count
    old = np.arange(start, end + 1) * new_total
    new = np.arange(first, -(-end * new_total // total) + 1)[:, None] * total
    return first, torch.from_numpy(np.diff(old.clip(new[:-1], new[1:])).astype(np.float32))
