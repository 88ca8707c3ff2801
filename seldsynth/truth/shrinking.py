"""Outlines on a smaller canvas: every pixel of it is the average of those that it covers."""

from __future__ import annotations

import numpy as np
import torch

from seldsynth.render.compositor import Cover, Outline
from seldsynth.render.projection import Rectangle
from seldsynth.render.scales import WHOLE


class Shrinking:
    """Outlines of one canvas as they are on another one, smaller or not; on the CPU.

    Everything is counted in whole parts that both canvases' pixels consist of: half of a pixel is
    exactly half of it.
    """

    def __init__(self, width: int, height: int, new_width: int, new_height: int) -> None:
        from seldsynth.truth.shrinking_loop import add_up  # as late as `processors` imports loops

        self._add_up = add_up
        self._is_same = (width, height) == (new_width, new_height)
        self._new_width = new_width
        self._rows = _Axis(height, new_height)
        self._columns = _Axis(width, new_width)
        self._parts = width * height  # that a new pixel has

    def __call__(self, outline: Outline) -> Outline:
        """Where the same picture lies, and how much of each pixel shows what is behind it.

        This is rounded up: what keeps more than half of a pixel still does.
        """
        kept = outline.cover.kept.cpu()
        if self._is_same:
            return (
                outline if kept is outline.cover.kept else Outline(outline.rectangle, Cover(kept))
            )
        old = outline.rectangle
        y0, y1 = self._rows.met(old.y0, old.height)
        x0, x1 = self._columns.met(old.x0, old.width)
        hidden = np.empty((y1 - y0, x1 - x0), np.int64)
        rows, columns = self._rows, self._columns
        self._add_up(
            *(kept.numpy(), WHOLE, old.y0, old.x0),
            *(rows.old[y0:y1], rows.parts[y0:y1], columns.old[x0:x1], columns.parts[x0:x1]),
            hidden,
        )
        if x1 - x0 > self._new_width:  # it meets itself behind the listener
            hidden, beyond = hidden[:, : self._new_width], hidden[:, self._new_width :]
            hidden[:, : beyond.shape[1]] += beyond
        new_kept = (WHOLE - hidden // self._parts).astype(np.int16, order="C")
        height, width = new_kept.shape
        rectangle = Rectangle(x0=x0 % self._new_width, y0=y0, width=width, height=height)
        return Outline(rectangle, Cover(torch.from_numpy(new_kept)))


class _Axis:
    """The pixels of one side of a canvas, and those of another canvas that they lie in.

    An old pixel has as many parts as the new side has pixels. old, parts: of each new pixel, twice
    along the side, which old ones it meets, and how many parts of each, [2n', k].
    """

    def __init__(self, total: int, new_total: int) -> None:
        self._total, self._new_total = total, new_total
        borders = np.arange(2 * new_total + 1) * total  # in parts
        begins, ends = borders[:-1] // new_total, -(-borders[1:] // new_total)
        self.old = begins[:, None] + np.arange((ends - begins).max())
        overlap = np.minimum((self.old + 1) * new_total, borders[1:, None])
        overlap -= np.maximum(self.old * new_total, borders[:-1, None])
        self.parts = overlap.clip(0)

    def met(self, start: int, count: int) -> tuple[int, int]:
        """The first new pixel that meets `count` old ones from `start` on, and that after the last.

        They may go once over the end of the side and on.
        """
        first = start * self._new_total // self._total
        return first, -(-(start + count) * self._new_total // self._total)
