"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from seldsynth.render.compositor import WHOLE, Cover, Outline
from seldsynth.render.projection import Rectangle


class Shrinking:
    """Outlines of one canvas as they are on another one, smaller or not.

    Everything is counted in whole parts that both canvases' pixels consist of: sums are exact, and
    half of a pixel is half of it on every machine, in whatever order it adds.
    """

    def __init__(
        self, width: int, height: int, new_width: int, new_height: int, *, device: torch.device
    ) -> None:
        self._is_same = (width, height) == (new_width, new_height)
        self._new_width = new_width
        self._parts = width * height  # that a new pixel has
        self._rows = _Axis(height, new_height, device=device)
        self._columns = _Axis(width, new_width, times=2, device=device)  # over the seam and on

    def __call__(self, outline: Outline) -> Outline:
        """Where the same picture lies, and how much of each pixel shows what is behind it."""
        if self._is_same:
            return outline
        old = outline.rectangle
        hidden = (WHOLE - outline.cover.kept).double()  # up to 2^53 parts are exact
        y0, hidden = self._rows.summed(hidden, old.y0)
        x0, hidden = self._columns.summed(hidden.T, old.x0)
        if len(hidden) > self._new_width:  # it meets itself behind the listener
            beyond = hidden[self._new_width :]
            hidden = hidden[: self._new_width].clone()
            hidden[: len(beyond)] += beyond
        kept = WHOLE - hidden.T / self._parts
        rectangle = Rectangle(
            x0=x0 % self._new_width, y0=y0, width=kept.shape[1], height=kept.shape[0]
        )
        return Outline(rectangle, Cover(kept))


class _Axis:
    """The pixels of one side of a canvas, and those of another canvas that they lie in.

    An old pixel counts as being in the first new one that it touches, but for its parts in others,
    which are listed: of a smaller canvas's pixels there is one such part at each edge.
    """

    def __init__(self, total: int, new_total: int, *, times: int = 1, device: torch.device) -> None:
        """times: for how often that many pixels."""
        begins = np.arange(times * total) * new_total  # in units that both have a whole number of
        self._first = begins // total
        self._last = (begins + new_total - 1) // total
        more = self._last - self._first
        old = np.repeat(np.arange(times * total), more)
        self._num_parts = np.concatenate(([0], np.cumsum(more)))  # of all pixels before one
        new = self._first[old] + 1 + np.arange(len(old)) - self._num_parts[old]
        ends = np.minimum(begins[old] + new_total, (new + 1) * total)
        self._whole = new_total  # parts of an old pixel
        self._new_of, self._old, self._new, self._part = (
            torch.from_numpy(values).to(device)
            for values in (self._first, old, new, ends - new * total)
        )

    def summed(self, values: Tensor, start: int) -> tuple[int, Tensor]:
        """(first new pixel, sums over parts [n', m]) of pixels [n, m], the first being `start`."""
        end = start + len(values)
        first, last = int(self._first[start]), int(self._last[end - 1])
        sums = values.new_zeros((last - first + 1, values.shape[1]))
        sums.index_add_(0, self._new_of[start:end] - first, values).mul_(self._whole)
        parts = slice(int(self._num_parts[start]), int(self._num_parts[end]))
        old = self._old[parts]
        elsewhere = values[old - start] * self._part[parts, None]
        sums.index_add_(0, self._new[parts] - first, elsewhere)
        sums.index_add_(0, self._new_of[old] - first, elsewhere, alpha=-1)
        return first, sums
