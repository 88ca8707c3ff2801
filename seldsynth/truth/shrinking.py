"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from seldsynth.render.compositor import WHOLE, Cover, Outline
from seldsynth.render.projection import Rectangle

_TOGETHER = 32


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
        y0, hidden = self._rows.summed((WHOLE - kept).float(), old.y0)
        x0, hidden = self._columns.summed(hidden.T.double(), old.x0)
        if len(hidden) > self._new_width:  # it meets itself behind the listener
            hidden, beyond = hidden[: self._new_width], hidden[self._new_width :]
            hidden[: len(beyond)] += beyond
        rectangle = Rectangle(
            x0=x0 % self._new_width, y0=y0, width=len(hidden), height=hidden.shape[1]
        )
        return Outline(rectangle, Cover(WHOLE - hidden.T / self._parts))


class _Axis:
    """The pixels of one side of a canvas, and those of another canvas that they lie in.

    An old pixel has as many parts as the new side has pixels. Sums are matrix products, which torch
    takes on one core as it is told, for a few new pixels each: a matrix for all would be large.
    """

    def __init__(self, total: int, new_total: int, *, dtype: torch.dtype) -> None:
        self._total, self._new_total, self._dtype = total, new_total, dtype
        self._block = cache(self._made_block)

    def summed(self, values: Tensor, start: int) -> tuple[int, Tensor]:
        """(first new pixel, sums over parts [n', m]) of pixels [n, m], the first being `start`.

        They may go once over the end of the side and on.
        """
        end = start + len(values)
        first, stop = self._new_of(start), -(-end * self._new_total // self._total)
        sums = []
        for new in range(first - first % _TOGETHER, stop, _TOGETHER):
            begin, parts = self._block(new)
            old = slice(max(start, begin), min(end, begin + parts.shape[1]))
            rows = slice(max(0, first - new), stop - new)
            of_these = parts[rows, old.start - begin : old.stop - begin]
            sums.append(of_these @ values[old.start - start : old.stop - start])
        return first, torch.cat(sums)

    def _new_of(self, old: int) -> int:
        return old * self._new_total // self._total

    def _made_block(self, new: int) -> tuple[int, Tensor]:
        """(first old pixel, parts [n', n]) of each old pixel in each of some new ones."""
        borders = np.arange(new, new + _TOGETHER + 1)[:, None] * self._total
        begin = int(borders[0, 0]) // self._new_total
        end = -(-int(borders[-1, 0]) // self._new_total)
        old = np.arange(begin, end + 1) * self._new_total
        parts = np.diff(old.clip(borders[:-1], borders[1:]))
        return begin, torch.from_numpy(parts).to(self._dtype)
