"""Passes over pixels on a CPU, as compiled loops: see `passes.Passes`.

Numbers are float32 and whole ones of 16 bits throughout, so that many are worked on at a time. What
is seen of textures is in `sampling_on_cpu` and `woven_on_cpu`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.compiled import compiled
from seldsynth.render.passes import Counts, PatchPlanes, Place, Planes
from seldsynth.render.sampling_on_cpu import cover_ellipse, cover_rectangle, see_opaque
from seldsynth.render.woven_on_cpu import see, see_woven, woven_texture

__all__ = [
    "blend",
    "cover_ellipse",
    "cover_rectangle",
    "kept_by_edges",
    "left_sited",
    "own_pixels",
    "planes",
    "restore",
    "see",
    "see_opaque",
    "see_woven",
    "texture",
]

_Array = NDArray[Any]

# As in `sampling_on_cpu`, once more.
_ALL, _WHOLE, _WHOLE_BITS = 2**15 - 1, 256, np.uint16(8)
_COVERAGE_BITS = 7  # that coverage has more than what is kept

_LINE = np.uint64(64)  # of memory, as processors fetch it


def texture(planes: _Array, device: torch.device) -> Tensor:
    """See `Passes.texture`: opaque ones as they are."""
    return torch.from_numpy(planes) if planes.dtype == np.uint8 else woven_texture(planes)


def left_sited(planes: Tensor) -> Tensor:
    """See `Passes.left_sited`; of numbers that are not negative."""
    count, height, width = planes.shape
    sited = np.empty((count, height // 2, width // 2), np.int16)
    _left_sited(planes.numpy(), sited)
    return torch.from_numpy(sited)


@compiled("void(i4[::1], i2[::1])")
def _site_row(both: _Array, sited: _Array) -> None:
    """Of the sums of two rows, with one more to their left: what chroma has."""
    both[0] = both[len(both) - 1]
    for x in range(len(sited)):
        sited[x] = np.int16((both[2 * x] + 2 * both[2 * x + 1] + both[2 * x + 2] + 4) >> 3)


@compiled("void(i2[:,:,::1], i2[:,:,::1])")
def _left_sited(planes: _Array, sited: _Array) -> None:
    width = planes.shape[2]
    both = np.empty(width + 1, np.int32)
    for n in range(len(planes)):
        for y in range(sited.shape[1]):
            upper, lower = planes[n, 2 * y], planes[n, 2 * y + 1]
            for x in range(width):
                both[x + 1] = np.int32(upper[x]) + np.int32(lower[x])
            _site_row(both, sited[n, y])


def kept_by_edges(coverage: Tensor) -> Tensor:
    """See `Passes.kept_by_edges`."""
    kept = torch.empty(coverage.shape, dtype=torch.int16)
    _kept_by_edges(coverage.view(-1).numpy(), kept.view(-1).numpy())
    return kept


@compiled("void(i2[::1], i2[::1])")
def _kept_by_edges(coverage: _Array, kept: _Array) -> None:
    half = 1 << (_COVERAGE_BITS - 1)  # to the nearest
    for x in range(len(kept)):
        kept[x] = np.int16(_WHOLE - ((np.int32(coverage[x]) + half) >> _COVERAGE_BITS))


def planes(luma: Tensor, chroma: Tensor) -> Planes:
    """See `Passes.planes`: a tensor's array takes as long as a row of it."""
    return luma.numpy(), chroma.numpy()


def blend(
    canvas: Planes,
    below: Planes,
    patch: PatchPlanes,
    place: Place,
    instead_of: Place | None = None,
) -> None:
    """See `Passes.blend`."""
    colour, kept, half_colours, half_kept = patch
    parts = (colour.numpy(), kept.numpy(), half_colours.numpy(), half_kept.numpy())
    _blend(*canvas, *below, *parts, *place[:2], *(instead_of or _NOWHERE))


def restore(canvas: Planes, below: Planes, place: Place) -> None:
    """See `Passes.restore`."""
    _restore(*canvas, *below, *place)


_NOWHERE: Place = (0, 0, 0, 0)


# Rows of planes are parts of one long row, counted by numbers that cannot be negative: a view of
# each row, or a number that might count from the end, takes as long as what is done to the row.


@compiled("void(u1[::1], u1[::1], u8, u8)")
def _copy(pixels: _Array, below: _Array, at: int, count: int) -> None:
    for x in range(count):
        pixels[at + x] = below[at + x]


@compiled("void(u1[::1], u1[::1], u8, u8, u8, u8)")
def _restore_part(pixels: _Array, below: _Array, row: int, width: int, x: int, count: int) -> None:
    """Columns of a row from x on, counted on beyond its end."""
    x %= width
    before = min(count, width - x)
    _copy(pixels, below, row + x, before)
    _copy(pixels, below, row, count - before)


@compiled("void(u1[::1], u1[::1], i8, i8, i8, i8, i8, i8)")
def _restore_row(
    pixels: _Array,
    below: _Array,
    row: int,
    width: int,
    begin: int,
    end: int,
    but_begin: int,
    but_end: int,
) -> None:
    """All between two columns, but for what is between two others, of which there may be nothing.

    Both are counted on beyond the end of the row, which is the seam.
    """
    spared = but_end - but_begin
    # Counted from where that begins: between its end and its beginning once around, and beyond its
    # end there.
    first = (begin - but_begin) % width
    last = first + end - begin
    for one, other in ((max(first, spared), min(last, width)), (width + spared, last)):
        if one < other:
            _restore_part(pixels, below, row, width, but_begin + one, other - one)


@compiled("void(u1[::1], u1[::1], i2[::1], i2[::1], u8, u8, u8, u1[::1])")
def _mix(
    pixels: _Array,
    below: _Array,
    colours: _Array,
    kept: _Array,
    at: int,
    first: int,
    count: int,
    mixed: _Array,
) -> None:
    """Pixels from `at` on, by those of a patch from its first on.

    mixed: memory, since what is written may be what is read.
    """
    for x in range(count):
        behind = np.uint16(np.uint16(below[at + x]) * np.uint16(kept[first + x]))
        mixed[x] = np.uint8(np.uint16(behind + np.uint16(colours[first + x])) >> _WHOLE_BITS)
    for x in range(count):
        pixels[at + x] = mixed[x]


@compiled("u8(u1[::1], u1[::1], u8, u8)")
def _fetch(pixels: _Array, below: _Array, at: int, end: int) -> Any:
    """Look at each of the processor's lines of memory: the sum matters to nobody."""
    total = np.uint64(0)
    for x in range(at - at % _LINE, end, _LINE):
        total += np.uint64(pixels[x]) + np.uint64(below[x])
    return total


@compiled("void(u1[:,::1], u1[:,::1], i2[:,::1], i2[:,::1], i8, i8, i8, i8, i8, i8)")
def _blend_plane(
    plane: _Array,
    below: _Array,
    colour: _Array,
    kept: _Array,
    x0: int,
    y0: int,
    old_x0: int,
    old_y0: int,
    old_width: int,
    old_height: int,
) -> None:
    """The old one goes row by row, just before the new one comes: each row is fetched once."""
    width, (patch_height, patch_width) = plane.shape[1], colour.shape
    pixels, behind = plane.reshape(-1), below.reshape(-1)
    patch = (colour.reshape(-1), kept.reshape(-1))
    mixed = np.empty(patch_width, np.uint8)
    before = min(patch_width, width - x0)  # the seam
    # Rows lie far apart. Asked for all at once, they come sooner than one by one.
    fetched = np.uint64(0)
    for y in range(y0, y0 + patch_height):
        fetched += _fetch(pixels, behind, y * width + x0, y * width + x0 + before)
    mixed[0] = np.uint8(fetched)
    top, bottom = y0, y0 + patch_height
    if old_height:
        top, bottom = min(top, old_y0), max(bottom, old_y0 + old_height)
    for y in range(top, bottom):
        row, its = y * width, (y - y0) * patch_width
        is_there = y0 <= y < y0 + patch_height
        if old_y0 <= y < old_y0 + old_height:
            new = (x0, x0 + patch_width) if is_there else (x0, x0)
            _restore_row(pixels, behind, row, width, old_x0, old_x0 + old_width, *new)
        if is_there:
            _mix(pixels, behind, *patch, row + x0, its, before, mixed)
            _mix(pixels, behind, *patch, row, its + before, patch_width - before, mixed)


@compiled(
    "void(u1[:,::1], u1[:,:,::1], u1[:,::1], u1[:,:,::1], i2[:,::1], i2[:,::1], i2[:,:,::1],"
    " i2[:,::1], i8, i8, i8, i8, i8, i8)"
)
def _blend(
    luma: _Array,
    chroma: _Array,
    luma_below: _Array,
    chroma_below: _Array,
    colour: _Array,
    kept: _Array,
    half_colours: _Array,
    half_kept: _Array,
    x0: int,
    y0: int,
    old_x0: int,
    old_y0: int,
    old_width: int,
    old_height: int,
) -> None:
    old = (old_x0, old_y0, old_width, old_height)
    _blend_plane(luma, luma_below, colour, kept, x0, y0, *old)
    half, half_old = (x0 // 2, y0 // 2), (old_x0 // 2, old_y0 // 2, old_width // 2, old_height // 2)
    for n in range(2):
        _blend_plane(chroma[n], chroma_below[n], half_colours[n], half_kept, *half, *half_old)


@compiled("void(u1[:,::1], u1[:,::1], i8, i8, i8, i8)")
def _restore_plane(plane: _Array, below: _Array, x0: int, y0: int, width: int, height: int) -> None:
    pixels, behind, whole = plane.reshape(-1), below.reshape(-1), plane.shape[1]
    for y in range(y0, y0 + height):
        _restore_part(pixels, behind, y * whole, whole, x0, width)


@compiled("void(u1[:,::1], u1[:,:,::1], u1[:,::1], u1[:,:,::1], i8, i8, i8, i8)")
def _restore(
    luma: _Array,
    chroma: _Array,
    luma_below: _Array,
    chroma_below: _Array,
    x0: int,
    y0: int,
    width: int,
    height: int,
) -> None:
    _restore_plane(luma, luma_below, x0, y0, width, height)
    half = (x0 // 2, y0 // 2, width // 2, height // 2)
    for n in range(2):
        _restore_plane(chroma[n], chroma_below[n], *half)


def own_pixels(kept: Sequence[Tensor]) -> list[tuple[Tensor, Counts, Counts]]:
    """See `Passes.own_pixels`."""
    found = []
    for behind in kept:
        height, width = behind.shape
        own = np.empty((height, width), np.uint8)
        rows, columns = np.empty(height, np.int32), np.zeros(width, np.int32)
        _own_pixels(behind.numpy(), own, rows, columns)
        found.append((torch.from_numpy(own), rows, columns))
    return found


@compiled("void(i2[:,::1], u1[:,::1], i4[::1], i4[::1])")
def _own_pixels(kept: _Array, own: _Array, rows: _Array, columns: _Array) -> None:
    for y in range(len(kept)):
        behind, ours = kept[y], own[y]
        count = np.int32(0)
        for x in range(len(ours)):
            is_ours = np.uint8(behind[x] <= _WHOLE // 2)
            ours[x] = is_ours
            count += np.int32(is_ours)
            columns[x] += np.int32(is_ours)
        rows[y] = count
