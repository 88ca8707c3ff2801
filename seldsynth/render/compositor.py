"""Layers onto the canvas: planar YUV frames of which only the touched rectangles are written.

Patches are in fixed point, 128ths in 16 bits: blending reads half of the memory that floats have.
A picture's colour and what it keeps of what is below always make WHOLE together, so that nothing
overflows and a picture over its like is its like. What is rounded is how much a border hides, by a
256th at most and in a fade twice: with the last rounding a level and a half, or two and a half.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from seldsynth.render.projection import (
    Billboard,
    Rectangle,
    SamplingGrid,
    chroma_grid,
    sampling_grid,
    touched_rectangle,
)
from seldsynth.render.textures import Texture

# Deviations of a shadow at a billboard's foot, as parts of half its width.
_SHADOW_WIDTH, _SHADOW_HEIGHT = 0.45, 0.1
_UNIFORMS = 4
_SHIFT = 7
WHOLE = 1 << _SHIFT
"""One, in fixed point: 255 times it fits into 16 bits, and so does the ½ for rounding."""
_ROUNDING = WHOLE // 2


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
    are premultiplied, at most 255 · (WHOLE - kept), and hold the ½ that makes the division round.
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

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        parts = (self.luma, self.cover.kept, self.chroma, self.chroma_kept)
        return sum(part.nbytes for part in parts)


def warp(
    texture: Texture, rectangle: Rectangle, luma_grid: SamplingGrid, chroma_grid: SamplingGrid
) -> Patch:
    """Sample a texture at every pixel of a rectangle (bilinear, its border goes on outwards)."""
    luma, luma_kept = _sampled(texture.luma, luma_grid, has_alpha=texture.has_alpha)
    chroma, chroma_kept = _sampled(texture.chroma, chroma_grid, has_alpha=texture.has_alpha)
    return Patch(
        rectangle=rectangle,
        luma=luma[0],
        cover=Cover(luma_kept),
        chroma=chroma,
        chroma_kept=chroma_kept,
    )


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
    clean = patch.luma.to(torch.float32)
    luma = torch.addcmul(clean, _cut(noise, patch.rectangle), shown, value=deviation)
    luma = luma.clamp_(16 * shown + _ROUNDING, 235 * shown + _ROUNDING)  # within 16 bits again
    return replace(patch, luma=luma.to(torch.int16))


def _cut(plane: Tensor, rectangle: Rectangle) -> Tensor:
    """What lies in a rectangle of a canvas plane [height, width]."""
    rows = plane[rectangle.y0 : rectangle.y0 + rectangle.height]
    pieces = rectangle.pieces(plane.shape[1])
    columns = [rows[:, x : x + width] for x, _, width in pieces]
    return columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)


def foot_shadow(
    billboard: Billboard, strength: float, *, width: int, height: int, device: torch.device
) -> Patch:
    """A soft dark ellipse at a billboard's lower edge, on its plane. strength: 1 is black."""
    across, down = _SHADOW_WIDTH * billboard.half_width, _SHADOW_HEIGHT * billboard.half_width
    around = replace(
        billboard,
        half_width=4 * across,
        half_height=billboard.half_height + 4 * down,
    )
    rectangle = touched_rectangle(around, width=width, height=height)
    shades = []
    luma_grid = sampling_grid(
        around, rectangle, width=width, height=height, feather=0.0, device=device
    )
    for grid in (luma_grid, chroma_grid(luma_grid)):
        right = grid.positions[..., 0] * around.half_width / across
        up = -grid.positions[..., 1] * around.half_height
        above_foot = (up + billboard.half_height) / down
        falloff = torch.exp(-0.5 * (right**2 + above_foot**2))
        shades.append(_fixed(WHOLE * strength * falloff * grid.coverage))
    luma_shade, chroma_shade = shades
    return Patch(
        rectangle=rectangle,
        luma=16 * luma_shade + _ROUNDING,
        cover=Cover(WHOLE - luma_shade),
        chroma=(128 * chroma_shade + _ROUNDING).expand(2, -1, -1),
        chroma_kept=WHOLE - chroma_shade,
    )


def faded(patch: Patch, shown: float) -> Patch:
    """A patch of which only a part shows, 0..1."""
    luma, kept = _faded(patch.luma, patch.cover.kept, shown)
    chroma, chroma_kept = _faded(patch.chroma, patch.chroma_kept, shown)
    return replace(patch, luma=luma, cover=Cover(kept), chroma=chroma, chroma_kept=chroma_kept)


def _faded(colour: Tensor, kept: Tensor, shown: float) -> tuple[Tensor, Tensor]:
    shade = WHOLE - kept
    less = _fixed(shade * shown)
    faded = (colour - _ROUNDING) * (less / shade.clamp(min=1))
    return _fixed(faded) + _ROUNDING, WHOLE - less


def _fixed(values: Tensor) -> Tensor:
    """Float values, none of them negative, to the nearest whole ones."""
    return values.add(0.5).to(torch.int16)


def _sampled(planes: Tensor, grid: SamplingGrid, *, has_alpha: bool) -> tuple[Tensor, Tensor]:
    """Colour [c, h, w] and what is kept [h, w], as a patch has them."""
    if planes.is_cpu:
        planes.sum()  # to have it in the cache: gathered from memory it would take twice as long
    sampled = functional.grid_sample(
        planes,
        grid.positions.unsqueeze(0),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )[0]
    rounding = torch.full((), _ROUNDING + 0.5, device=planes.device)
    if has_alpha:
        scaled = torch.addcmul(rounding, sampled, grid.coverage, value=WHOLE, out=sampled)
        fixed = scaled.to(torch.int16)
        shade = fixed[-1] - _ROUNDING
        return torch.minimum(fixed[:-1], 255 * shade + _ROUNDING), WHOLE - shade
    shade = torch.mul(grid.coverage, WHOLE).round_()
    colour = torch.addcmul(rounding, sampled, shade, out=sampled).to(torch.int16)
    return colour, (WHOLE - shade).to(torch.int16)


def _blend(below: Tensor, colour: Tensor, kept: Tensor) -> None:
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
