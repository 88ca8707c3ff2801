"""Layers onto the canvas: planar YUV frames of which only the touched rectangles are written.

Patches are in fixed point, 256ths in 16 bits: blending reads half of the memory that floats have.
Colours are unsigned, whatever sign torch gives them: of products and sums the lower 16 bits are the
same. What is rounded is how much of a pixel is covered, by a 512th at most, and again in a fade:
with the last rounding a level, or a level and a half. An opaque picture over its like is its like.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seldsynth.render.edges import ALL
from seldsynth.render.pictures import ALPHA_SCALE, COLOUR_SCALE
from seldsynth.render.projection import Rectangle, SamplingGrid
from seldsynth.render.textures import Texture, looked_at

_UNIFORMS = 4
WHOLE = 256
"""One, in fixed point: a power of two."""
# A little less than the half that rounds to the nearest: where all is white, what is kept of it and
# what is laid over it, each rounded, may come to 145 more than 255 times WHOLE, of which 16 bits
# have room for 255.
_ROUNDING = 110
_LEVEL = WHOLE // COLOUR_SCALE
_PART = ALPHA_SCALE // WHOLE
_SHIFT = WHOLE.bit_length() - 1
_COVERAGE_SHIFT = ALL.bit_length() - _SHIFT


@dataclass(frozen=True, eq=False)
class Cover:
    """How much of what is behind a picture shows: kept [h, w], 0..WHOLE.

    int16; float64 where it is an average of others. The same object wherever the same picture lies:
    what is found out about it is kept.
    """

    kept: Tensor


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
        return Patch(
            rectangle=Rectangle(
                x0=(old.x0 + columns) % width, y0=old.y0, width=old.width, height=old.height
            ),
            luma=self.luma,
            cover=self.cover,
            chroma=self.chroma,
            chroma_kept=self.chroma_kept,
        )

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
        return View([self.rectangles[index]], self.grid[index])

    @cached_property
    def opaque_kept(self) -> tuple[Tensor, Tensor]:
        """What opaque pictures keep of luma [n, h, w] and of chroma [n, h/2, w/2]."""
        return _kept_by_edges(self.grid.coverage), _kept_by_edges(self.grid.half_coverage)

    @cached_property
    def opaque_covers(self) -> list[Cover]:
        """What opaque pictures cover; the same objects every time."""
        return [Cover(kept) for kept in self.opaque_kept[0]]


def _kept_by_edges(coverage: Tensor | None) -> Tensor:
    if coverage is None:
        raise ValueError("the edges of opaque pictures are to be drawn")
    # To the nearest; ALL is one less than a power of two.
    shown = (coverage >> _COVERAGE_SHIFT - 1).add_(1).bitwise_right_shift_(1)
    return WHOLE - shown


def warp(textures: Sequence[Texture], view: View) -> list[Patch]:
    """What the pixels of n rectangles see of a texture each, all of one kind and size."""
    luma, chroma = looked_at(textures, view.grid)
    if textures[0].is_opaque:
        (kept, chroma_kept), covers = view.opaque_kept, view.opaque_covers
        luma, chroma = _by_what_is_kept(luma, kept), _by_what_is_kept(chroma, chroma_kept)
    else:
        luma, kept = _through_alpha(luma, view.grid.coverage)
        chroma, chroma_kept = _through_alpha(chroma, view.grid.half_coverage)
        covers = [Cover(one) for one in kept]
    return [
        Patch(
            rectangle=rectangle,
            luma=luma[0, index],
            cover=covers[index],
            chroma=chroma[:, index],
            chroma_kept=chroma_kept[index],
        )
        for index, rectangle in enumerate(view.rectangles)
    ]


def _by_what_is_kept(seen: Tensor, kept: Tensor) -> Tensor:
    """Colours [c, n, h, w] of patches, of those seen and what is kept [n, h, w]."""
    return torch.mul(seen, WHOLE - kept).add_(_ROUNDING)


def _through_alpha(seen: Tensor, coverage: Tensor | None) -> tuple[Tensor, Tensor]:
    """Colours [c, n, h, w] of patches and what they keep [n, h, w], of colours and alpha seen."""
    if coverage is not None:
        seen = torch.mul(seen, coverage.float().mul_(1 / ALL)).add_(0.5).to(torch.int16)
    less = (_PART * WHOLE + _PART // 2 - 1) - seen[-1]  # to the nearest
    kept = less.bitwise_right_shift_(_PART.bit_length() - 1)
    return seen[:-1].mul_(_LEVEL).add_(_ROUNDING), kept


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
    luma = luma.clamp_(16 * shown + _ROUNDING, 235 * shown + _ROUNDING)  # within 16 bits again
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
    faded = (_unsigned(colour) - _ROUNDING) * (less / shade.clamp(min=1))
    return _fixed(faded + _ROUNDING), (WHOLE - less).to(torch.int16)


def _unsigned(colour: Tensor) -> Tensor:
    """The numbers that 16 bits mean, as float32."""
    return (colour.to(torch.int32) & 0xFFFF).to(torch.float32)


def _fixed(values: Tensor) -> Tensor:
    """Float values, 0..65535, to the nearest whole ones, as 16 bits."""
    return values.add(0.5).to(torch.int32).to(torch.int16)


def _blend(below: Tensor, colour: Tensor, kept: Tensor) -> None:
    # The shift brings copies of the sign with it, which do not go into a byte.
    below.copy_(torch.mul(below, kept).add_(colour).bitwise_right_shift_(_SHIFT))


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

    def paint(self, patch: Patch) -> None:
        """Blend a patch over what is there."""
        for here, there, half_here, half_there in self._pieces(patch.rectangle):
            _blend(self.luma[here], patch.luma[there], patch.cover.kept[there])
            _blend(
                self.chroma[half_here], patch.chroma[half_there], patch.chroma_kept[half_there[1:]]
            )

    def restore(self, rectangle: Rectangle, background: Frame) -> None:
        """Copy a rectangle from another frame of the same size."""
        for here, _, half_here, _ in self._pieces(rectangle):
            self.luma[here].copy_(background.luma[here])
            self.chroma[half_here].copy_(background.chroma[half_here])

    def _pieces(
        self, rectangle: Rectangle
    ) -> Iterator[
        tuple[tuple[slice, ...], tuple[slice, ...], tuple[slice, ...], tuple[slice, ...]]
    ]:
        """Index pairs (canvas, patch) for luma and for chroma: one piece, two across the seam."""
        y0, y1 = rectangle.y0, rectangle.y0 + rectangle.height
        for x_canvas, x_patch, width in rectangle.pieces(self.width):
            yield (
                (slice(y0, y1), slice(x_canvas, x_canvas + width)),
                (slice(None), slice(x_patch, x_patch + width)),
                (
                    slice(None),
                    slice(y0 // 2, y1 // 2),
                    slice(x_canvas // 2, (x_canvas + width) // 2),
                ),
                (slice(None), slice(None), slice(x_patch // 2, (x_patch + width) // 2)),
            )
