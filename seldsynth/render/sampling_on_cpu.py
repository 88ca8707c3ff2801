"""Where pixels look, and what they see of opaque textures, on a CPU: see `passes.Passes`.

These are bytes, in planes; OpenCV's remap looks at them. Others are in `woven_on_cpu`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.compiled import compiled
from seldsynth.render.rays import Rays

_Array = NDArray[Any]

_PIXELS_AT_A_TIME = 1 << 15
"""What is between two steps stays in the processor's cache."""

# What loops know of `rays` and `scales`, once more: one that is kept on the disk would not notice
# that another module has changed (a test does).
_HORIZON, _FAR_AWAY = np.float32(1e-3), np.float32(-1e6)
_WHOLE, _ROUNDING = 256, 110
_ONE = np.float32(1)


def see_opaque(planes: Sequence[Tensor], rays: Rays, kept: Tensor) -> Tensor:
    """See `Passes.see_opaque`; of bytes."""
    count, height, width = rays.shape
    found = torch.empty((count, len(planes[0]), height, width), dtype=torch.int16)
    colours, behind = found.numpy(), kept.numpy()
    levels = np.empty((height, width), np.uint8)
    for strip in strips(rays, inside=True):
        index, some = strip.rectangle, strip.rows
        for channel, plane in enumerate(planes[index].numpy()):
            seen = strip.look(plane, levels[some])
            _opaque(seen, behind[index, some], colours[index, channel, some])
    return found


class Strip(NamedTuple):
    """Some rows of a rectangle: x and y [rows, w] of their pixels, in texels."""

    rectangle: int
    rows: slice
    x: _Array
    y: _Array

    def look(self, plane: _Array, seen: _Array) -> _Array:
        """What they see of texels [h', w']."""
        how = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_CONSTANT}
        done = cv2.remap(plane, self.x, self.y, dst=seen, **how)
        assert np.may_share_memory(done, seen)
        return seen


def strips(rays: Rays, *, inside: bool) -> Iterator[Strip]:
    """All rows of all rectangles, some at a time, in the same memory.

    inside: x and y are brought to where there are texels, if the rays say so.
    """
    count, height, width = rays.shape
    most_rows = min(height, max(1, _PIXELS_AT_A_TIME // width))
    across, down = np.empty((2, most_rows, width), np.float32)
    columns, rows = rays.columns.numpy(), rays.rows.numpy()
    limits = rays.limits(outside=np.inf) if inside else (-np.inf, np.inf, np.inf)
    for index in range(count):
        for top in range(0, height, most_rows):
            some = slice(top, min(top + most_rows, height))
            x, y = across[: some.stop - top], down[: some.stop - top]
            _positions(columns, rows, index, top, *limits, x, y)
            yield Strip(index, some, x, y)


@compiled("void(f4[:,:,::1], f4[:,:,::1], i8, i8, f4, f4, f4, f4[:,::1], f4[:,::1])")
def _positions(
    columns: _Array,
    rows: _Array,
    index: int,
    top: int,
    least: Any,
    most_x: Any,
    most_y: Any,
    xs: _Array,
    ys: _Array,
) -> None:
    of_forward, of_x, of_y = columns[0, index], columns[1, index], columns[2, index]
    for row in range(len(xs)):
        row_forward = rows[0, index, top + row]
        row_x, row_y = rows[1, index, top + row], rows[2, index, top + row]
        x, y = xs[row], ys[row]
        for column in range(len(x)):
            forward = of_forward[column] + row_forward
            nearness = _ONE / max(forward, _HORIZON)
            is_ahead = forward > _HORIZON
            at_x = (of_x[column] + row_x) * nearness if is_ahead else _FAR_AWAY
            at_y = (of_y[column] + row_y) * nearness if is_ahead else _FAR_AWAY
            x[column] = min(max(at_x, least), most_x)
            y[column] = min(max(at_y, least), most_y)


@compiled("void(u1[:,::1], i2[:,::1], i2[:,::1])")
def _opaque(seen: _Array, kept: _Array, colours: _Array) -> None:
    for y in range(len(seen)):
        levels, behind, found = seen[y], kept[y], colours[y]
        for x in range(len(found)):
            found[x] = np.int16(np.int16(levels[x]) * np.int16(_WHOLE - behind[x]) + _ROUNDING)
