"""Which pixels belong to which picture: the nearest one that hides at least half of a pixel.

No pixel belongs to two. What is in front hides what is behind, whatever shows through.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render.compositor import Outline, OwnPixels, count_own_pixels
from seldsynth.render.projection import Rectangle
from seldsynth.render.scene import SceneFrame

_Index = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class Box:
    """Canvas pixels x <= column < x + width, y <= row < y + height; never over the seam."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class FrameOutlines:
    """What lies where in a video frame, the farthest first. tiles: their places in the plan."""

    video_frame: int
    tiles: list[int]
    outlines: list[Outline]

    @property
    def nbytes(self) -> int:
        """Bytes of its covers; what was seen together with them may be kept as long."""
        return sum(outline.cover.kept.nbytes for outline in self.outlines)


def outlines_of(frame: SceneFrame) -> FrameOutlines:
    """What of a frame ground truth needs: not its colours."""
    outlines = [layer.patch.outline for layer in frame.layers]
    return FrameOutlines(frame.video_frame, [layer.tile for layer in frame.layers], outlines)


@dataclass(frozen=True, kw_only=True, eq=False)
class Visible:
    """What can be seen of a picture.

    own: its own pixels of a rectangle, which may go over the seam. fraction: the solid angle that
    can be seen, as a part of what could be if nothing were in front.
    """

    rectangle: Rectangle
    own: OwnPixels
    fraction: float


class Visibility:
    """Says what can be seen of the pictures in a frame. width, height: of the canvas."""

    def __init__(self, *, width: int, height: int, device: torch.device) -> None:
        self._width = width
        self._free = torch.ones((height, width), dtype=torch.uint8, device=device)
        elevation = (0.5 - (np.arange(height) + 0.5) / height) * math.pi
        self._solid_angle = np.cos(elevation)  # of a pixel of each row
        self._last: tuple[list[Outline], list[Visible]] = ([], [])

    def of(self, outlines: list[Outline]) -> list[Visible]:
        """What can be seen of each picture, in their order: the farthest first."""
        if not same_outlines(outlines, self._last[0]):
            self._last = (list(outlines), self._found(outlines))
        return self._last[1]

    def _found(self, outlines: list[Outline]) -> list[Visible]:
        count_own_pixels(outline.cover for outline in outlines)
        wholes = [outline.cover.own for outline in outlines if outline.cover.own is not None]
        masks = self._uncovered([whole.mask for whole in wholes], [o.rectangle for o in outlines])
        return [
            self._visible(outline.rectangle, mask, whole)
            for outline, mask, whole in zip(outlines, masks, wholes, strict=True)
        ]

    def _visible(self, rectangle: Rectangle, mask: Tensor, whole: OwnPixels) -> Visible:
        """What can be seen where a mask is left of all that would be."""
        if mask is whole.mask:
            is_there = bool(len(whole.rows_with_any))
            return Visible(rectangle=rectangle, own=whole, fraction=float(is_there))
        rows, columns = (mask.sum(side, dtype=torch.int32).cpu().numpy() for side in (1, 0))
        solid_angle = self._solid_angle[rectangle.y0 : rectangle.y0 + rectangle.height]
        could_be = float(whole.rows @ solid_angle)
        fraction = float(rows @ solid_angle) / could_be if could_be else 0.0
        return Visible(rectangle=rectangle, own=OwnPixels(mask, rows, columns), fraction=fraction)

    def _uncovered(self, owns: list[Tensor], rectangles: list[Rectangle]) -> list[Tensor]:
        """What of each picture's own pixels no nearer picture has."""
        masks = list(owns)
        taken: list[_Index] = []
        for index in reversed(range(len(owns))):
            own, rectangle = owns[index], rectangles[index]
            if self._meets(rectangle, rectangles[index + 1 :]):
                masks[index] = torch.empty_like(own)
                for here, there in self._pieces(rectangle):
                    torch.mul(own[there], self._free[here], out=masks[index][there])
            if self._meets(rectangle, rectangles[:index]):
                for here, there in self._pieces(rectangle):
                    self._free[here] -= masks[index][there]
                    taken.append(here)
        for here in taken:
            self._free[here] = 1
        return masks

    def _meets(self, rectangle: Rectangle, others: Sequence[Rectangle]) -> bool:
        return any(rectangle.meets(other, canvas_width=self._width) for other in others)

    def _pieces(self, rectangle: Rectangle) -> Iterator[tuple[_Index, _Index]]:
        """Index pairs (canvas, rectangle): one piece, two across the seam."""
        rows = slice(rectangle.y0, rectangle.y0 + rectangle.height)
        for x, x_own, width in rectangle.pieces(self._width):
            yield (rows, slice(x, x + width)), (slice(None), slice(x_own, x_own + width))


def same_outlines(outlines: list[Outline], before: list[Outline]) -> bool:
    """Whether all lie where they lay before."""
    return len(outlines) == len(before) and all(
        a.cover is b.cover and a.rectangle == b.rectangle
        for a, b in zip(outlines, before, strict=True)
    )


def boxes_of(visible: Visible, *, width: int) -> list[Box]:
    """The tight box of what can be seen: none if nothing can, two if it goes over the seam.

    width: of the canvas. Of all boxes around the sphere it is the one that leaves out the widest
    empty part.
    """
    rows, columns = visible.own.rows_with_any, visible.own.columns_with_any
    if not len(rows):
        return []
    y = visible.rectangle.y0 + rows.item(0)
    height = rows.item(-1) - rows.item(0) + 1
    first, span = _narrowest(columns + visible.rectangle.x0, width)
    if first + span <= width:
        return [Box(x=first, y=y, width=span, height=height)]
    right = width - first
    return [
        Box(x=first, y=y, width=right, height=height),
        Box(x=0, y=y, width=span - right, height=height),
    ]


def _narrowest(columns: NDArray[np.intp], width: int) -> tuple[int, int]:
    """First column and number of columns of the least part of a circle that has all of some.

    columns: in their order from left to right, counted on beyond the seam. Of gaps as wide as each
    other the first one of the canvas is left out.
    """
    span = columns.item(-1) - columns.item(0) + 1
    if 2 * span <= width:  # no gap within is as wide as what is left
        return columns.item(0) % width, span
    places = np.sort(columns % width)
    gaps = np.diff(places, append=places[0] + width)  # to the next column that is not empty
    widest = int(gaps.argmax())
    if gaps[widest] == 1:  # all around
        return 0, width
    return int(places[widest] + gaps[widest]) % width, width - int(gaps[widest]) + 1


def places_of(visible: Visible, *, width: int) -> NDArray[np.int64]:
    """Row · width + column of each pixel that is a picture's own, in their order."""
    there = visible.rectangle
    rows = np.arange(there.y0, there.y0 + there.height) * width
    columns = np.arange(there.x0, there.x0 + there.width) % width
    places: NDArray[np.int64] = (rows[:, None] + columns)[
        visible.own.mask.cpu().numpy().view(np.bool_)
    ]
    return places if there.x0 + there.width <= width else np.sort(places)


def whole_mask(visible: Visible, *, width: int, height: int) -> NDArray[np.uint8]:
    """A mask [height, width] of the whole canvas, 0 or 1, on the CPU, columns first in memory."""
    mask = np.zeros((height, width), np.uint8, order="F")
    own = visible.own.mask.cpu().numpy()
    rows = slice(visible.rectangle.y0, visible.rectangle.y0 + visible.rectangle.height)
    for x, x_own, count in visible.rectangle.pieces(width):
        mask[rows, x : x + count] = own[:, x_own : x_own + count]
    return mask
