"""Layers onto the canvas: planar YUV frames of which only the touched rectangles are written.

Patches are in fixed point, 256ths in 16 bits: blending reads half of the memory that floats have.
Colours are unsigned, whatever sign torch gives them: of products and sums the lower 16 bits are the
same. What is rounded is how much of a pixel is covered, by a 512th at most, and again in a fade:
with the last rounding a level, or a level and a half. An opaque picture over its like is its like.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render.passes import Counts
from seldsynth.render.processors import passes_on
from seldsynth.render.projection import Rectangle, SamplingGrid, joined_grids
from seldsynth.render.scales import ROUNDING, WHOLE
from seldsynth.render.textures import Planar, Texture, Woven

_UNIFORMS = 4


@dataclass(frozen=True, eq=False)
class OwnPixels:
    """Which pixels are a picture's own: mask [h, w] uint8, 0 or 1.

    rows [h], columns [w]: how many there are in each, on the CPU.
    """

    mask: Tensor
    rows: Counts
    columns: Counts

    @cached_property
    def rows_with_any(self) -> NDArray[np.intp]:
        """The rows that have any, in their order."""
        return self.rows.nonzero()[0]

    @cached_property
    def columns_with_any(self) -> NDArray[np.intp]:
        """The columns that have any, in their order."""
        return self.columns.nonzero()[0]


@dataclass(eq=False)
class Cover:
    """How much of what is behind a picture shows: kept [h, w], 0..WHOLE, int16.

    The same object wherever the same picture lies. own: the pixels that show at least as much of it
    as of what is behind, once `count_own_pixels` has found them.
    """

    kept: Tensor
    own: OwnPixels | None = None


def count_own_pixels(covers: Iterable[Cover]) -> None:
    """Find the own pixels of all that do not know theirs: of many at once, it is faster."""
    new = [cover for cover in dict.fromkeys(covers) if cover.own is None]
    if new:
        found = passes_on(new[0].kept.device).own_pixels([cover.kept for cover in new])
        for cover, its in zip(new, found, strict=True):
            cover.own = OwnPixels(*its)


@dataclass(frozen=True, eq=False)
class Outline:
    """Where a picture lies, and what it covers there."""

    rectangle: Rectangle
    cover: Cover


@dataclass(frozen=True, eq=False)
class Patch:
    """A billboard as it lies on the canvas, ready to be blended: (colour + kept · below) / WHOLE.

    luma and its cover [h, w]; chroma [2, h/2, w/2], chroma_kept [h/2, w/2]; int16. luma and chroma
    are premultiplied, unsigned, and hold the part that makes the division round.
    """

    rectangle: Rectangle
    luma: Tensor
    cover: Cover
    chroma: Tensor
    chroma_kept: Tensor

    @property
    def outline(self) -> Outline:
        """Where it lies."""
        return Outline(self.rectangle, self.cover)

    def further(self, columns: int, *, width: int) -> Patch:
        """The same so many columns further, an even number, on a canvas of a width."""
        old = self.rectangle
        there = Rectangle(
            x0=(old.x0 + columns) % width, y0=old.y0, width=old.width, height=old.height
        )
        return Patch(there, self.luma, self.cover, self.chroma, self.chroma_kept)

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        parts = (self.luma, self.cover.kept, self.chroma, self.chroma_kept)
        return sum(part.nbytes for part in parts)


@dataclass(frozen=True, eq=False)
class View:
    """n rectangles, all of one size, and where their pixels look."""

    rectangles: Sequence[Rectangle]
    grid: SamplingGrid

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors, with all that is found out from them."""
        coverage = self.grid.coverage
        return self.grid.nbytes + (0 if coverage is None else coverage.nbytes * 5 // 4)

    def __getitem__(self, index: int) -> View:
        """The view of one of them."""
        if len(self.rectangles) == 1:
            return self
        return View([self.rectangles[index]], self.grid[index])

    @staticmethod
    def joined(views: Sequence[View]) -> View:
        """The view of all their rectangles, of one size; of one kind, without coverage."""
        if len(views) == 1:
            return views[0]
        rectangles = [rectangle for view in views for rectangle in view.rectangles]
        return View(rectangles, joined_grids([view.grid for view in views]))

    @cached_property
    def opaque_kept(self) -> tuple[Tensor, Tensor]:
        """What opaque pictures keep of luma [n, h, w] and of chroma [n, h/2, w/2]."""
        coverage, half_coverage = self.grid.coverage, self.grid.half_coverage
        if coverage is None or half_coverage is None:
            raise ValueError("the edges of opaque pictures are to be drawn")
        kept_by_edges = passes_on(coverage.device).kept_by_edges
        return kept_by_edges(coverage), kept_by_edges(half_coverage)

    @cached_property
    def opaque_covers(self) -> list[Cover]:
        """What opaque pictures cover; the same objects every time."""
        return [Cover(kept) for kept in self.opaque_kept[0]]


def warp(textures: Sequence[Texture], view: View) -> list[Patch]:
    """What the pixels of n rectangles see of a texture each, all of one kind and size."""
    planar = [texture for texture in textures if isinstance(texture, Planar)]
    woven = [texture.woven for texture in textures if isinstance(texture, Woven)]
    if planar and woven:
        raise ValueError("textures of two kinds")
    grid = view.grid
    passes = passes_on(grid.luma.columns.device)
    covered, half_covered = grid.coverage, grid.half_coverage
    if woven:
        luma, chroma = passes.see_woven(woven, grid.luma, covered, half_covered)
        return _patches(luma, chroma, view)
    if grid.chroma is None:
        raise ValueError("nobody says where chroma looks")
    planes, half_planes = [one.luma for one in planar], [one.chroma for one in planar]
    if textures[0].is_opaque:
        kept, half_kept = view.opaque_kept
        luma = passes.see_opaque(planes, grid.luma, kept)
        chroma = passes.see_opaque(half_planes, grid.chroma, half_kept)
        return _opaque_patches(luma, chroma, view)
    luma = passes.see(planes, grid.luma, covered, colours=1)
    chroma = passes.see(half_planes, grid.chroma, half_covered, colours=2)
    return _patches(luma, chroma, view)


def _patches(luma: Tensor, chroma: Tensor, view: View) -> list[Patch]:
    """Of luma [n, 2, h, w] and chroma [n, 3, h/2, w/2], each with what is kept."""
    return [
        Patch(
            rectangle=rectangle,
            luma=luma[index, 0],
            cover=Cover(luma[index, 1]),
            chroma=chroma[index, :2],
            chroma_kept=chroma[index, 2],
        )
        for index, rectangle in enumerate(view.rectangles)
    ]


def _opaque_patches(luma: Tensor, chroma: Tensor, view: View) -> list[Patch]:
    """Of luma [n, 1, h, w] and chroma [n, 2, h/2, w/2]."""
    _, half_kept = view.opaque_kept
    return [
        Patch(
            rectangle=rectangle,
            luma=luma[index, 0],
            cover=view.opaque_covers[index],
            chroma=chroma[index],
            chroma_kept=half_kept[index],
        )
        for index, rectangle in enumerate(view.rectangles)
    ]


def canvas_noise(*, width: int, height: int, seed: int, device: torch.device) -> Tensor:
    """Noise [height, width] of mean 0 and deviation 1, the same on every device and machine.

    Near to Gaussian as the sum of four uniform numbers is, and made of whole numbers: no last bit
    depends on a processor.
    """
    generator = np.random.default_rng(seed)
    total = np.zeros((height, width), np.int32)
    for _ in range(_UNIFORMS):
        total += generator.integers(0, 1 << 16, (height, width), dtype=np.uint16)
    mean, deviation = _UNIFORMS * (2**16 - 1) / 2, math.sqrt(_UNIFORMS * (2**32 - 1) / 12)
    return torch.from_numpy(((total - mean) / deviation).astype(np.float32)).to(device)


def noisy(patch: Patch, noise: Tensor, deviation: float) -> Patch:
    """A patch with the canvas's noise on it, in levels of luma."""
    shown = (WHOLE - patch.cover.kept).to(torch.float32)
    clean = _unsigned(patch.luma)
    luma = torch.addcmul(clean, _cut(noise, patch.rectangle), shown, value=deviation)
    luma = luma.clamp_(16 * shown + ROUNDING, 235 * shown + ROUNDING)  # within 16 bits again
    return replace(patch, luma=_fixed(luma))


def _cut(plane: Tensor, rectangle: Rectangle) -> Tensor:
    """What lies in a rectangle of a canvas plane [height, width]."""
    rows = plane[rectangle.y0 : rectangle.y0 + rectangle.height]
    pieces = rectangle.pieces(plane.shape[1])
    columns = [rows[:, x : x + width] for x, _, width in pieces]
    return columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)


def faded(patch: Patch, shown: float) -> Patch:
    """A patch of which only a part shows, 0..1."""
    luma, kept = _faded(patch.luma, patch.cover.kept, shown)
    chroma, chroma_kept = _faded(patch.chroma, patch.chroma_kept, shown)
    return replace(patch, luma=luma, cover=Cover(kept), chroma=chroma, chroma_kept=chroma_kept)


def _faded(colour: Tensor, kept: Tensor, shown: float) -> tuple[Tensor, Tensor]:
    shade = WHOLE - kept
    less = (shade * shown).add_(0.5).floor_()
    faded = (_unsigned(colour) - ROUNDING) * (less / shade.clamp(min=1))
    return _fixed(faded + ROUNDING), (WHOLE - less).to(torch.int16)


def _unsigned(colour: Tensor) -> Tensor:
    """The numbers that 16 bits mean, as float32."""
    return (colour.to(torch.int32) & 0xFFFF).to(torch.float32)


def _fixed(values: Tensor) -> Tensor:
    """Float values, 0..65535, to the nearest whole ones, as 16 bits."""
    return values.add(0.5).to(torch.int32).to(torch.int16)


class Frame:
    """One planar YUV 4:2:0 picture on a device.

    buffer [height·3/2, width] uint8 is what an encoder takes; luma [height, width] and chroma
    [2, height/2, width/2] are views of it.
    """

    def __init__(self, *, width: int, height: int, device: torch.device) -> None:
        self.width = width
        self.height = height
        self.buffer = torch.empty((height * 3 // 2, width), dtype=torch.uint8, device=device)
        flat = self.buffer.view(-1)
        self.luma = flat[: width * height].view(height, width)
        self.chroma = flat[width * height :].view(2, height // 2, width // 2)
        self._passes = passes_on(device)
        self._planes = self._passes.planes(self.luma, self.chroma)

    def paint(
        self, patch: Patch, below: Frame | None = None, *, instead_of: Rectangle | None = None
    ) -> None:
        """Blend a patch over what is there, or over what is there in another frame of the size.

        instead_of: what is below comes back where another patch was.
        """
        parts = (patch.luma, patch.cover.kept, patch.chroma, patch.chroma_kept)
        behind = (below or self)._planes
        self._passes.blend(self._planes, behind, parts, patch.rectangle, instead_of)

    def restore(self, rectangle: Rectangle, background: Frame) -> None:
        """Copy a rectangle from another frame of the same size."""
        self._passes.restore(self._planes, background._planes, rectangle)
