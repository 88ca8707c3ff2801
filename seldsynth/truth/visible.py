"""Which pixels belong to which picture: the nearest one that hides at least half of a pixel.

No pixel belongs to two. What is in front hides what is behind, whatever shows through.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seldsynth.render.compositor import Outline
from seldsynth.render.projection import Rectangle

_Index = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class Box:
    """Canvas pixels x <= column < x + width, y <= row < y + height; never over the seam."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Visible:
    """What can be seen of a picture.

    mask [h, w] bool: its own pixels of a rectangle, which may go over the seam. fraction: the
    solid angle that can be seen, as a part of what could be if nothing were in front.
    """

    rectangle: Rectangle
    mask: Tensor
    fraction: float


class Visibility:
    """Says what can be seen of the pictures in a frame. width, height: of the canvas."""

    def __init__(self, *, width: int, height: int, device: torch.device) -> None:
        self._width = width
        self._taken = torch.zeros((height, width), dtype=torch.bool, device=device)
        elevation = (0.5 - (torch.arange(height, dtype=torch.float64) + 0.5) / height) * math.pi
        self._solid_angle = torch.cos(elevation).to(device, torch.float32)  # [h], of a pixel
        self._last: tuple[list[Outline], list[Visible]] = ([], [])

    def of(self, outlines: list[Outline]) -> list[Visible]:
        """What can be seen of each picture, in their order: the farthest first."""
        if _same(outlines, self._last[0]):
            return self._last[1]
        found = [self._take(outline) for outline in reversed(outlines)][::-1]
        for outline in outlines:
            for here, _ in self._pieces(outline.rectangle):
                self._taken[here] = False
        self._last = (list(outlines), found)
        return found

    def _take(self, outline: Outline) -> Visible:
        """The pixels of a picture that no nearer one has, which are taken from now on."""
        rectangle = outline.rectangle
        own = outline.kept <= 0.5
        mask = torch.empty_like(own)
        for here, there in self._pieces(rectangle):
            taken = self._taken[here]
            torch.logical_and(own[there], ~taken, out=mask[there])
            taken |= own[there]
        rows = self._solid_angle[rectangle.y0 : rectangle.y0 + rectangle.height]
        whole = float((own.sum(dim=1) * rows).sum())
        seen = float((mask.sum(dim=1) * rows).sum())
        return Visible(rectangle, mask, seen / whole if whole else 0.0)

    def _pieces(self, rectangle: Rectangle) -> Iterator[tuple[_Index, _Index]]:
        """Index pairs (canvas, rectangle): one piece, two across the seam."""
        rows = slice(rectangle.y0, rectangle.y0 + rectangle.height)
        for x, x_own, width in rectangle.pieces(self._width):
            yield (rows, slice(x, x + width)), (slice(None), slice(x_own, x_own + width))


def _same(outlines: list[Outline], before: list[Outline]) -> bool:
    return len(outlines) == len(before) and all(
        a.kept is b.kept for a, b in zip(outlines, before, strict=True)
    )


def boxes_of(visible: Visible, *, width: int) -> list[Box]:
    """The tight box of what can be seen: none if nothing can, two if it goes over the seam.

    width: of the canvas. Of all boxes around the sphere it is the one that leaves out the widest
    empty part.
    """
    rows = torch.nonzero(visible.mask.any(dim=1)).flatten()
    columns = torch.nonzero(visible.mask.any(dim=0)).flatten()
    if not len(rows):
        return []
    y = visible.rectangle.y0 + int(rows[0])
    height = int(rows[-1] - rows[0]) + 1
    places = ((columns + visible.rectangle.x0) % width).sort().values
    following = torch.cat((places[1:], places[:1] + width))
    gaps = following - places  # to the next column that is not empty
    widest = int(gaps.argmax())
    if int(gaps[widest]) == 1:  # all around
        return [Box(x=0, y=y, width=width, height=height)]
    first = int(following[widest]) % width
    span = width - int(gaps[widest]) + 1
    if first + span <= width:
        return [Box(x=first, y=y, width=span, height=height)]
    right = width - first
    return [
        Box(x=first, y=y, width=right, height=height),
        Box(x=0, y=y, width=span - right, height=height),
    ]


def whole_mask(visible: Visible, *, width: int, height: int) -> Tensor:
    """A mask [height, width] uint8 of the whole canvas, on the CPU."""
    mask = torch.zeros((height, width), dtype=torch.uint8)
    rectangle = visible.rectangle
    columns = torch.arange(rectangle.x0, rectangle.x0 + rectangle.width) % width
    mask[rectangle.y0 : rectangle.y0 + rectangle.height, columns] = visible.mask.cpu().to(
        torch.uint8
    )
    return mask
