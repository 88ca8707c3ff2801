"""Where pixels look, what covers them, and what they see of opaque textures, on a CPU.

See `passes.Passes`. Opaque textures are bytes, in planes; OpenCV's remap looks at them. Others are
in `woven_on_cpu`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.compiled import compiled
from seldsynth.render.passes import Pair
from seldsynth.render.rays import Rays

_Array = NDArray[Any]

_PIXELS_AT_A_TIME, _PIXELS_IN_A_LOOP = 1 << 15, 1 << 11
"""What is between two steps stays in the processor's cache, or in the nearest one."""

# What loops know of `rays` and `scales`, once more: one that is kept on the disk would not notice
# that another module has changed (a test does).
_HORIZON, _FAR_AWAY = np.float32(1e-3), np.float32(-1e6)
_ALL, _WHOLE, _ROUNDING = 2**15 - 1, 256, 110
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_ENDLESS = np.float32(np.inf)
_EVERYTHING = np.float32(_ALL)
_IN_THE_MIDDLE = np.float32(1e-3)


def see_opaque(planes: Sequence[Tensor], rays: Rays, kept: Tensor) -> Tensor:
    """See `Passes.see_opaque`; of bytes."""
    count, height, width = rays.shape
    found = torch.empty((count, len(planes[0]), height, width), dtype=torch.int16)
    colours, behind = found.numpy(), kept.numpy()
    levels = np.empty((height, width), np.uint8)
    for strip in _strips(rays):
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


def _strips(rays: Rays) -> Iterator[Strip]:
    """All rows of all rectangles, some at a time, in the same memory."""
    count, height, width = rays.shape
    most_rows = min(height, max(1, _PIXELS_AT_A_TIME // width))
    across, down = np.empty((2, most_rows, width), np.float32)
    columns, rows = rays.columns.numpy(), rays.rows.numpy()
    limits = rays.limits(outside=np.inf)
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


def _covered(rays: Rays, loop: Callable[..., None], numbers: Iterable[Sequence[float]]) -> Tensor:
    """Coverage [n, h, w] by a loop; numbers: what it is told of each of the n."""
    coverage = np.empty(rays.shape, np.int16)
    columns, rows = rays.columns.numpy(), rays.rows.numpy()
    for index, its in enumerate(numbers):
        loop(columns, rows, index, *its, coverage[index])
    return torch.from_numpy(coverage)


def cover_rectangle(
    rays: Rays, texels: tuple[int, int], sides_px: Sequence[Pair], ramps_px: Sequence[float]
) -> Tensor:
    """See `Passes.cover_rectangle`."""
    # Of x and of y: the middle, how it falls from there and from where, and where it is cut.
    ramps = (
        [
            ((n - 1) / 2, -side / n / ramp_px, (side + 1) / 2 / ramp_px, min(1.0, side))
            for side, n in zip(sides, texels, strict=True)
        ]
        for sides, ramp_px in zip(sides_px, ramps_px, strict=True)
    )
    return _covered(rays, _cover_rectangle, ((*of_x, *of_y) for of_x, of_y in ramps))


_PLACES = "f4[:,:,::1], f4[:,:,::1], i8"


@compiled(f"void({_PLACES}, f4, f4, f4, f4, f4, f4, f4, f4, i2[:,::1])")
def _cover_rectangle(
    columns: _Array,
    rows: _Array,
    index: int,
    middle_x: Any,
    slope_x: Any,
    start_x: Any,
    most_x: Any,
    middle_y: Any,
    slope_y: Any,
    start_y: Any,
    most_y: Any,
    coverage: _Array,
) -> None:
    height, width = coverage.shape
    at_a_time = min(height, max(1, _PIXELS_IN_A_LOOP // width))
    xs, ys = np.empty((at_a_time, width), np.float32), np.empty((at_a_time, width), np.float32)
    for row in range(height):
        if row % at_a_time == 0:
            some = min(at_a_time, height - row)
            limits = (-_ENDLESS, _ENDLESS, _ENDLESS)
            _positions(columns, rows, index, row, *limits, xs[:some], ys[:some])
        x, y, covered = xs[row % at_a_time], ys[row % at_a_time], coverage[row]
        for column in range(width):
            across = min(max(abs(middle_x - x[column]) * slope_x + start_x, _ZERO), most_x)
            down = min(max(abs(middle_y - y[column]) * slope_y + start_y, _ZERO), most_y)
            covered[column] = np.int16(across * down * _EVERYTHING + _HALF)


def cover_ellipse(
    rays: Rays, texels: tuple[int, int], sides_px: Sequence[Pair], ramps_px: Sequence[float]
) -> Tensor:
    """See `Passes.cover_ellipse`."""
    numbers = []
    for sides, ramp_px in zip(sides_px, ramps_px, strict=True):
        # Of x and of y: the middle, pixels per texel, and parts of the radius per pixel.
        of_x, of_y = (
            ((n - 1) / 2, side / n, 2 / side) for side, n in zip(sides, texels, strict=True)
        )
        numbers.append((*of_x, *of_y, min(sides) / 2, ramp_px, min(1.0, *sides)))
    return _covered(rays, _cover_ellipse, numbers)


@compiled(f"void({_PLACES}, f4, f4, f4, f4, f4, f4, f4, f4, f4, i2[:,::1])")
def _cover_ellipse(
    columns: _Array,
    rows: _Array,
    index: int,
    middle_x: Any,
    px_x: Any,
    part_x: Any,
    middle_y: Any,
    px_y: Any,
    part_y: Any,
    least_radius: Any,
    ramp_px: Any,
    most: Any,
    coverage: _Array,
) -> None:
    height, width = coverage.shape
    xs, ys = np.empty((1, width), np.float32), np.empty((1, width), np.float32)
    for row in range(height):
        _positions(columns, rows, index, row, -_ENDLESS, _ENDLESS, _ENDLESS, xs, ys)
        covered = coverage[row]
        for column in range(width):
            x, y = (xs[0, column] - middle_x) * px_x, (ys[0, column] - middle_y) * px_y
            radius = np.sqrt(x * x + y * y)
            # How far out it is, 1 at the edge: of the radius there; in the middle, of the least.
            out = np.sqrt((x * part_x) * (x * part_x) + (y * part_y) * (y * part_y))
            edge = radius / out if out > _IN_THE_MIDDLE else least_radius
            inside = (edge - radius + _HALF) / ramp_px
            covered[column] = np.int16(min(max(inside, _ZERO), most) * _EVERYTHING + _HALF)
