"""What pixels see of textures with alpha, on a CPU: see `passes.Passes`.

They are woven: colours and alpha lie side by side in one number of 64 bits, or of 32 where there is
one colour, and are interpolated together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.compiled import compiled
from seldsynth.render.rays import Rays

_Array = NDArray[Any]

_PIXELS_IN_A_LOOP = 1 << 11
"""What is between two steps stays in the processor's nearest cache."""
_LINE = 64  # bytes of memory, as processors fetch it

# What loops know of `rays` and `scales`, once more, as in `sampling_on_cpu`.
_HORIZON, _FAR_AWAY = np.float32(1e-3), np.float32(-1e6)
_ALL, _WHOLE, _WHOLE_BITS, _ROUNDING = 2**15 - 1, 256, 8, 110
_COLOUR_BITS, _ALPHA_SCALE = 4, 8192  # that colours have more than when they are woven

# Woven are four numbers of 16 bits, or two, of which 10 are used: colours in quarters of a level,
# alpha up to _OPAQUE. They are looked at in 64ths of a texel, and so are the four weights of a
# mean: it has 16 bits.
_OPAQUE = 1023
_STEPS, _STEP_BITS, _STEP_MASK = np.uint32(64), np.uint32(6), np.uint32(63)
_EACH = 0x0001_0001_0001_0001
_HALF_QUARTER, _FOURTEEN_BITS = np.uint64(2 * _EACH), np.uint64(0x3FFF * _EACH)
_FIFTEEN_BITS = np.uint64(0x7FFF * _EACH)

_ZERO, _HALF = np.float32(0), np.float32(0.5)
_PART = np.float32(1) / np.float32(_ALL)
_STEPS_OF_PADDING, _STEPS_PER_TEXEL = np.float32(64.5), np.float32(64)  # to the nearest


def woven_texture(planes: _Array) -> Tensor:
    """Planes [c, h, w] of which the last is alpha, woven: [h + 3, w + 3] int64.

    int32 if there are but two planes: half of the memory to go through. There is nothing around
    them: a texel before, two after, so that there is one after the first of them.
    """
    count, height, width = planes.shape
    unsigned, signed = (np.uint32, np.int32) if count == 2 else (np.uint64, np.int64)
    woven = np.zeros((height + 3, width + 3), unsigned)
    _weave(np.ascontiguousarray(planes), woven)
    return torch.from_numpy(woven.view(signed))


@compiled("void(u2[:,:,::1], u8[:,::1])", "void(u2[:,:,::1], u4[:,::1])")
def _weave(planes: _Array, woven: _Array) -> None:
    last, height, width = len(planes) - 1, planes.shape[1], planes.shape[2]
    for y in range(height):
        row = woven[y + 1, 1 : width + 1]
        alpha = planes[last, y]
        for x in range(len(row)):
            part = np.uint32(alpha[x]) * np.uint32(_OPAQUE) + np.uint32(_ALPHA_SCALE // 2)
            row[x] = np.uint64(part // np.uint32(_ALPHA_SCALE))
        for channel in range(last - 1, -1, -1):  # each before those that are there
            levels = planes[channel, y]
            for x in range(len(row)):
                level = np.uint32(levels[x]) + np.uint32(1 << (_COLOUR_BITS - 1))
                more = np.uint64(row[x]) << np.uint64(16)
                row[x] = more | np.uint64(level >> np.uint32(_COLOUR_BITS))


def see(textures: Sequence[Tensor], rays: Rays, coverage: Tensor | None, *, colours: int) -> Tensor:
    """See `Passes.see`."""
    count, height, width = rays.shape
    found = np.empty((count, colours + 1, height * width), np.int16)
    columns, rows, covered = rays.columns.numpy(), rays.rows.numpy(), _flat(coverage, count)
    limits = rays.limits(outside=2.0**20)
    for index, texels in enumerate(textures):
        _see(texels.numpy(), columns, rows, index, *limits, covered[index], found[index])
    return torch.from_numpy(found.reshape(count, colours + 1, height, width))


def see_woven(
    textures: Sequence[Tensor],
    rays: Rays,
    coverage: Tensor | None,
    half_coverage: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """See `Passes.see_woven`."""
    count, height, width = rays.shape
    luma = np.empty((count, 2, height * width), np.int16)
    chroma = np.empty((count, 3, height * width // 4), np.int16)
    columns, rows = rays.columns.numpy(), rays.rows.numpy()
    covered, half_covered = _flat(coverage, count), _flat(half_coverage, count)
    limits = rays.limits(outside=2.0**20)
    for index, texels in enumerate(textures):
        covers = (covered[index], half_covered[index])
        look = (texels.numpy(), columns, rows, index, *limits)
        _see_woven(*look, *covers, luma[index], chroma[index])
    luma_shape, chroma_shape = (count, 2, height, width), (count, 3, height // 2, width // 2)
    return (
        torch.from_numpy(luma.reshape(luma_shape)),
        torch.from_numpy(chroma.reshape(chroma_shape)),
    )


def _flat(coverage: Tensor | None, count: int) -> _Array:
    """Coverage [n, h, w] as [n, h · w], or as [n, 0] where all is covered."""
    found = np.empty((count, 0), np.int16) if coverage is None else coverage.numpy()
    return found.reshape(count, -1)


_RAYS = "f4[:,:,::1], f4[:,:,::1], i8"
_LIMITS = "f4, f4, f4"


def _of_both(rest: str) -> tuple[str, str]:
    """Signatures of a loop that takes woven textures of either size, and the rest."""
    return f"void(i8[:,::1], {rest})", f"void(i4[:,::1], {rest})"


@compiled(*_of_both(f"{_RAYS}, i8, {_LIMITS}, u4[::1], u4[::1]"))
def _aim(
    woven: _Array,
    columns: _Array,
    rows: _Array,
    index: int,
    row: int,
    least: Any,
    most_x: Any,
    most_y: Any,
    corners: _Array,
    weights: _Array,
) -> None:
    """Where a row looks: the first of four texels, and the weights of these, a byte each."""
    height, width = woven.shape
    # In steps from the first texel, which is one of those around the texture.
    first_x = first_y = max(least * _STEPS_PER_TEXEL + _STEPS_OF_PADDING, _ZERO)
    last_x = _STEPS_PER_TEXEL * np.float32(width - 2)
    last_y = _STEPS_PER_TEXEL * np.float32(height - 2)
    last_x = min(most_x * _STEPS_PER_TEXEL + _STEPS_OF_PADDING, last_x)
    last_y = min(most_y * _STEPS_PER_TEXEL + _STEPS_OF_PADDING, last_y)
    of_forward, of_x, of_y = columns[0, index], columns[1, index], columns[2, index]
    row_forward, row_x, row_y = rows[0, index, row], rows[1, index, row], rows[2, index, row]
    for column in range(len(corners)):
        forward = of_forward[column] + row_forward
        steps = _STEPS_PER_TEXEL / max(forward, _HORIZON)
        is_ahead = forward > _HORIZON
        # Far away in steps, too: that is before the first one.
        x = (of_x[column] + row_x) * steps if is_ahead else _FAR_AWAY
        y = (of_y[column] + row_y) * steps if is_ahead else _FAR_AWAY
        x = min(max(x + _STEPS_OF_PADDING, first_x), last_x)
        y = min(max(y + _STEPS_OF_PADDING, first_y), last_y)
        right, down = np.uint32(np.int32(x)), np.uint32(np.int32(y))
        corners[column] = (down >> _STEP_BITS) * np.uint32(width) + (right >> _STEP_BITS)
        right, down = right & _STEP_MASK, down & _STEP_MASK
        shared = (right * down + _STEPS // np.uint32(2)) >> _STEP_BITS
        first = _STEPS + shared - right - down
        weights[column] = (
            first
            | (right - shared) << np.uint32(8)
            | (down - shared) << np.uint32(16)
            | shared << np.uint32(24)
        )


@compiled("u8(i8[:,::1], u4[::1])", "u8(i4[:,::1], u4[::1])")
def _fetch(woven: _Array, corners: _Array) -> Any:
    """Look at each of the processor's lines of memory that some corners are in, and those between.

    Asked for all at once, they come sooner than one by one. The sum matters to nobody. Not where
    rows are curves across the texture, near a pole: there, most of it would lie between.
    """
    first = last = corners[0]
    for x in range(len(corners)):
        first, last = min(first, corners[x]), max(last, corners[x])
    texels, total = woven.reshape(-1), np.uint64(0)
    end = np.uint64(last) + np.uint64(woven.shape[1] + 2)  # those below and to the right
    if end - np.uint64(first) > np.uint64(4 * (len(corners) + woven.shape[1])):
        return total
    for x in range(np.uint64(first), end, np.uint64(_LINE // woven.itemsize)):
        total += np.uint64(texels[x])
    return total


@compiled(*_of_both("u4[::1], u4[::1], u8[::1]"))
def _mix(woven: _Array, corners: _Array, weights: _Array, seen: _Array) -> None:
    texels, pitch = woven.reshape(-1), np.uint64(woven.shape[1])
    one, parts = np.uint64(1), weights.view(np.uint8)
    for x in range(len(seen)):
        upper = np.uint64(corners[x])
        lower = upper + pitch
        seen[x] = (
            np.uint64(texels[upper]) * np.uint64(parts[4 * x])
            + np.uint64(texels[upper + one]) * np.uint64(parts[4 * x + 1])
            + np.uint64(texels[lower]) * np.uint64(parts[4 * x + 2])
            + np.uint64(texels[lower + one]) * np.uint64(parts[4 * x + 3])
        )


@compiled(*_of_both(f"{_RAYS}, i8, {_LIMITS}, u4[::1], u4[::1], u8[::1]"))
def _look(
    woven: _Array,
    columns: _Array,
    rows: _Array,
    index: int,
    top: int,
    least: Any,
    most_x: Any,
    most_y: Any,
    corners: _Array,
    weights: _Array,
    seen: _Array,
) -> None:
    """What the pixels of some whole rows see; corners, weights: memory to work in."""
    width = columns.shape[2]
    for y in range(len(seen) // width):
        row = slice(y * width, (y + 1) * width)
        limits = (least, most_x, most_y)
        _aim(woven, columns, rows, index, top + y, *limits, corners[row], weights[row])
    seen[0] = _fetch(woven, corners)
    _mix(woven, corners, weights, seen)


@compiled("void(u8[::1], i8, u2[::1])")
def _one_of_four(numbers: _Array, channel: int, found: _Array) -> None:
    bits = np.uint64(16) * np.uint64(channel)
    for x in range(len(found)):
        found[x] = np.uint16(numbers[x] >> bits)


@compiled("void(u2[::1], i2[::1])")
def _cover(values: _Array, coverage: _Array) -> None:
    for x in range(len(values)):
        shown = np.float32(values[x]) * (np.float32(coverage[x]) * _PART)
        values[x] = np.uint16(np.int32(shown + _HALF))


@compiled("void(u2[::1], i2[::1])")
def _kept(alpha: _Array, found: _Array) -> None:
    half = np.int32(1 << (_WHOLE_BITS - 1))  # to the nearest
    for x in range(len(alpha)):
        # Of 1023 parts, not of 1024.
        exact = np.int32(alpha[x]) + (np.int32(alpha[x]) >> 10)
        found[x] = np.int16(_WHOLE - ((exact + half) >> _WHOLE_BITS))


@compiled("void(u2[::1], i2[::1], i2[::1])")
def _colours(values: _Array, kept: _Array, found: _Array) -> None:
    for x in range(len(values)):  # not more than white, however alpha was rounded
        white = np.uint16(255) * np.uint16(_WHOLE - kept[x])
        found[x] = np.int16(min(np.uint16(values[x]), np.uint16(white)) + np.uint16(_ROUNDING))


@compiled("void(u8[::1], i8, i8, i2[::1], i8, u2[::1], i2[:,::1])")
def _finish(
    seen: _Array,
    first: int,
    last: int,
    coverage: _Array,
    begin: int,
    values: _Array,
    patch: _Array,
) -> None:
    """Pixels of a patch [c, m] from `begin` on, of the first … last of four numbers.

    The last is alpha. coverage [m], empty where all is covered; values: memory to work in.
    """
    here = slice(begin, begin + len(seen))
    kept = patch[len(patch) - 1, here]
    _one_of_four(seen, last, values)
    if len(coverage):
        _cover(values, coverage[here])
    _kept(values, kept)
    for channel in range(len(patch) - 1):
        _one_of_four(seen, first + channel, values)
        if len(coverage):
            _cover(values, coverage[here])
        _colours(values, kept, patch[channel, here])


@compiled(*_of_both(f"{_RAYS}, {_LIMITS}, i2[::1], i2[:,::1]"))
def _see(
    woven: _Array,
    columns: _Array,
    rows: _Array,
    index: int,
    least: Any,
    most_x: Any,
    most_y: Any,
    coverage: _Array,
    patch: _Array,
) -> None:
    height, width = rows.shape[2], columns.shape[2]
    at_a_time = min(height, max(1, _PIXELS_IN_A_LOOP // width))
    most = at_a_time * width
    corners, weights = np.empty(most, np.uint32), np.empty(most, np.uint32)
    seen, values = np.empty(most, np.uint64), np.empty(most, np.uint16)
    for top in range(0, height, at_a_time):
        pixels = slice(0, min(at_a_time, height - top) * width)
        limits = (least, most_x, most_y)
        memory = (corners[pixels], weights[pixels], seen[pixels])
        _look(woven, columns, rows, index, top, *limits, *memory)
        last = len(patch) - 1
        _finish(seen[pixels], 0, last, coverage, top * width, values[pixels], patch)


@compiled("void(u8[::1], u8[::1], u8[::1], u8[::1])")
def _site(upper: _Array, lower: _Array, both: _Array, sited: _Array) -> None:
    """What chroma has of two rows of four numbers each; both: memory, one longer than these."""
    for x in range(len(upper)):
        above = ((upper[x] + _HALF_QUARTER) >> np.uint64(2)) & _FOURTEEN_BITS
        below = ((lower[x] + _HALF_QUARTER) >> np.uint64(2)) & _FOURTEEN_BITS
        both[x + 1] = above + below
    both[0] = both[len(upper)]
    for x in range(len(sited)):
        beside = ((both[2 * x] + both[2 * x + 2]) >> np.uint64(1)) & _FIFTEEN_BITS
        sited[x] = beside + both[2 * x + 1]


@compiled(f"void(i8[:,::1], {_RAYS}, {_LIMITS}, i2[::1], i2[::1], i2[:,::1], i2[:,::1])")
def _see_woven(
    woven: _Array,
    columns: _Array,
    rows: _Array,
    index: int,
    least: Any,
    most_x: Any,
    most_y: Any,
    coverage: _Array,
    half_coverage: _Array,
    patch: _Array,
    half_patch: _Array,
) -> None:
    height, width = rows.shape[2], columns.shape[2]
    at_a_time = min(height, max(1, _PIXELS_IN_A_LOOP // 2 // width) * 2)
    most = at_a_time * width
    corners, weights = np.empty(most, np.uint32), np.empty(most, np.uint32)
    seen, values = np.empty(most, np.uint64), np.empty(most, np.uint16)
    both, sited = np.empty(width + 1, np.uint64), np.empty(most // 4, np.uint64)
    for top in range(0, height, at_a_time):
        count = min(at_a_time, height - top)
        pixels, half_pixels = slice(0, count * width), slice(0, count * width // 4)
        limits = (least, most_x, most_y)
        memory = (corners[pixels], weights[pixels], seen[pixels])
        _look(woven, columns, rows, index, top, *limits, *memory)
        _finish(seen[pixels], 0, 3, coverage, top * width, values[pixels], patch)
        for y in range(count // 2):
            upper, lower = 2 * y * width, (2 * y + 1) * width
            its = slice(y * width // 2, (y + 1) * width // 2)
            _site(seen[upper:lower], seen[lower : lower + width], both, sited[its])
        begin, half_values = top * width // 4, values[half_pixels]
        _finish(sited[half_pixels], 1, 3, half_coverage, begin, half_values, half_patch)
