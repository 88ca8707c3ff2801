"""A picture's place on the canvas from frame to frame: what lies there, made anew only if it must.

What turns around the listener at one elevation and in one size looks the same again and again, some
columns further: on an equirectangular canvas a grid depends on the azimuth by a shift alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from seldsynth.plan import TilePlan
from seldsynth.render.compositor import Patch, foot_shadow, noisy, warp
from seldsynth.render.projection import (
    Billboard,
    Rectangle,
    SamplingGrid,
    chroma_grid,
    sampling_grid,
    touched_rectangle,
)
from seldsynth.render.textures import Texture

_STEPS_PER_PX = 8
"""Directions and sizes are rounded to so many steps: what is off is a sixteenth of a pixel."""
_KEPT_BYTES = 12 << 20

_Kept = TypeVar("_Kept")


class Placing:
    """One picture's place: `move` it, then `show` its texture and its `shadow` there."""

    def __init__(
        self,
        plan: TilePlan,
        *,
        width: int,
        height: int,
        device: torch.device,
        noise: Tensor | None,
    ) -> None:
        """width, height: of the canvas. noise: what lies on it, see `canvas_noise`, or None."""
        self._plan = plan
        self._width, self._height, self._device = width, height, device
        self._noise = noise if plan.look.noise else None
        matte = plan.matte
        self._is_ellipse = matte.kind == "ellipse"
        self._feather = matte.feather if matte.kind in ("feather", "ellipse") else 0.0
        self._memory = _Memory(_KEPT_BYTES)
        self._billboard: Billboard | None = None  # as if it were at the left edge of the canvas
        self._columns = 0  # that it is to the right of there
        self._patch: tuple[Texture, Patch] | None = None
        self._shadow: Patch | None = None

    def move(self, billboard: Billboard) -> None:
        """Put it where a billboard is."""
        centre = (180 - billboard.azimuth_deg) / 360 * self._width
        # By an even number of columns, so that a column of chroma stays one.
        pairs, steps = divmod(round(centre * _STEPS_PER_PX), 2 * _STEPS_PER_PX)
        row_steps = self._height * _STEPS_PER_PX / 180
        left = Billboard(
            azimuth_deg=180 - 360 * steps / _STEPS_PER_PX / self._width,
            elevation_deg=round(billboard.elevation_deg * row_steps) / row_steps,
            half_width=self._rounded(billboard.half_width),
            half_height=self._rounded(billboard.half_height),
        )
        if (left, 2 * pairs) == (self._billboard, self._columns):
            return
        before = self._billboard
        if before is None or replace(before, azimuth_deg=left.azimuth_deg) != left:
            self._memory.clear()
        self._billboard, self._columns = left, 2 * pairs
        self._patch = self._shadow = None

    def show(self, texture: Texture) -> Patch:
        """A texture as it lies on the canvas; the same object while nothing changes."""
        if self._patch is None or self._patch[0] is not texture:
            patch = self._shifted(self._warped(texture))
            if self._noise is not None:
                patch = noisy(patch, self._noise, self._plan.look.noise)
            self._patch = (texture, patch)
        return self._patch[1]

    def shadow(self) -> Patch:
        """The soft shadow at its foot; the same object while nothing changes."""
        if self._shadow is None:
            billboard = self._left()
            shadow = self._memory.get(
                ("shadow", billboard),
                lambda: foot_shadow(
                    billboard,
                    self._plan.look.shadow,
                    width=self._width,
                    height=self._height,
                    device=self._device,
                ),
            )
            self._shadow = self._shifted(shadow)
        return self._shadow

    def forget(self) -> None:
        """Let go of everything that was made."""
        self._memory.clear()
        self._billboard = self._patch = self._shadow = None

    def _rounded(self, half: float) -> float:
        """Half of a side in steps, unless it is thinner than a pixel or two."""
        steps_per_unit = 2 * _STEPS_PER_PX * self._height / math.pi
        steps = round(half * steps_per_unit)
        return half if steps < 2 * _STEPS_PER_PX else steps / steps_per_unit

    def _warped(self, texture: Texture) -> Patch:
        if self._plan.asset.kind == "video":  # its next frame is another one: the grids are kept
            return warp(texture, *self._memory.get(("grids", self._left()), self._grids))
        return self._memory.get((texture, self._left()), lambda: warp(texture, *self._grids()))

    def _left(self) -> Billboard:
        if self._billboard is None:
            raise ValueError("a picture that has been put nowhere yet")
        return self._billboard

    def _shifted(self, patch: Patch) -> Patch:
        rectangle = patch.rectangle
        x0 = (rectangle.x0 + self._columns) % self._width
        return replace(patch, rectangle=replace(rectangle, x0=x0))

    def _grids(self) -> tuple[Rectangle, SamplingGrid, SamplingGrid]:
        """The canvas pixels of the billboard, and what luma and chroma samples there look at."""
        billboard = self._left()
        rectangle = touched_rectangle(billboard, width=self._width, height=self._height)
        luma = sampling_grid(
            billboard,
            rectangle,
            width=self._width,
            height=self._height,
            feather=self._feather,
            ellipse=self._is_ellipse,
            mirror=self._plan.mirror,
            device=self._device,
        )
        return rectangle, luma, chroma_grid(luma)


class _Memory:
    """What was made, by what it was made of: the newest, up to so many bytes of tensors."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: dict[object, tuple[object, int]] = {}

    def get(self, key: object, make: Callable[[], _Kept]) -> _Kept:
        """What was made under a key, or what `make` makes."""
        if key in self._kept:
            return self._kept[key][0]  # type: ignore[return-value]
        made = make()
        size = _bytes_of(made)
        self._kept[key] = (made, size)
        self._bytes += size
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._bytes -= self._kept.pop(oldest)[1]
        return made

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0


def _bytes_of(made: object) -> int:
    if isinstance(made, (Patch, Tensor)):
        return made.nbytes
    parts = made if isinstance(made, tuple) else vars(made).values()
    return sum(_bytes_of(part) for part in parts if isinstance(part, (Tensor, SamplingGrid)))
