"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

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
        # Sums of rows are whole numbers below 2^24, those of columns below 2^53.
        self._rows = _Axis(height, new_height, dtype=torch.float32)
        self._columns = _Axis(width, new_width, dtype=torch.float64)
        self._parts = width * height  # that a new pixel has

    def __call__(self, outline: Outline) -> Outline:
        """Where the same picture lies, and how much of each pixel shows what is behind it."""
        kept = outline.cover.kept.cpu()
        if self._is_same:
            return (
                outline if kept is outline.cover.kept else Outline(outline.rectangle, Cover(kept))
            )
        old = outline.rectangle
        y0, hidden = self._rows.summed(WHOLE - kept, old.y0)
        x0, hidden = self._columns.summed(hidden.T, old.x0)
        if len(hidden) > self._new_width:  # it meets itself behind the listener
            hidden, beyond = hidden[: self._new_width], hidden[self._new_width :]
            hidden[: len(beyond)] += beyond
        rectangle = Rectangle(
            x0=x0 % self._new_width, y0=y0, width=len(hidden), height=hidden.shape[1]
        )
        return Outline(rectangle, Cover(WHOLE - hidden.T / self._parts))


class _Axis:
    """The pixels of one side of a canvas, and those of another canvas that they lie in.

    An old pixel has as many parts as the new side has pixels.
    """

    def __init__(self, total: int, new_total: int, *, dtype: torch.dtype) -> None:
        self._total, self._new_total, self._dtype = total, new_total, dtype
        borders = np.arange(2 * new_total + 1) * total  # in parts, twice along the side
        begins, ends = borders[:-1] // new_total, -(-borders[1:] // new_total)
        # Of each new pixel, the old ones that it meets, and how many parts of each: [2n', k].
        self._old = begins[:, None] + np.arange((ends - begins).max())
        overlap = np.minimum((self._old + 1) * new_total, borders[1:, None])
        overlap -= np.maximum(self._old * new_total, borders[:-1, None])
        self._parts = torch.from_numpy(overlap.clip(0)).to(dtype)

    def summed(self, values: Tensor, start: int) -> tuple[int, Tensor]:
        """(first new pixel, sums over parts [n', m]) of pixels [n, m], the first being `start`.

        They may go once over the end of the side and on.
        """
        count, others = values.shape
        first = start * self._new_total // self._total
        stop = -(-(start + count) * self._new_total // self._total)
        around = torch.empty((count + 2, others), dtype=self._dtype)  # with nothing on either side
        around[0] = around[-1] = 0
        around[1:-1] = values
        rows = np.minimum(np.maximum(self._old[first:stop] - (start - 1), 0), count + 1)
        sums = embedding_bag(
            torch.from_numpy(rows), around, per_sample_weights=self._parts[first:stop], mode="sum"
        )
        return first, sums
