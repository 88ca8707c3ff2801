"""Passes over pixels against plain arithmetic, on the CPU and as on a GPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render import (
    passes_by_torch,
    passes_on_cpu,
    processors,
    sampling_on_cpu,
    woven_on_cpu,
)
from seldsynth.render.passes import Passes, Planes
from seldsynth.render.pictures import Picture
from seldsynth.render.processors import passes_on
from seldsynth.render.rays import FAR_AWAY, HORIZON, Rays
from seldsynth.render.scales import ALL, ALPHA_SCALE, COLOUR_SCALE, ROUNDING, WHOLE
from seldsynth.render.textures import Planar, Woven, as_texture
from tests.conftest import WAYS, device_of
from tests.render.test_textures import mock_picture

Doubles = NDArray[np.float64]
TEXELS = (20, 14)
SIZE = (3, 8, 10)  # rectangles, rows, columns


@pytest.fixture(params=WAYS)
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    with device_of(request.param) as name:
        yield torch.device(name)


@pytest.fixture
def passes(device: torch.device) -> Passes:
    return passes_on(device)


def mock_rays(device: torch.device, *, size: tuple[int, int, int] = SIZE, ends: bool = False):
    """All over a texture of 20 x 14 texels, beyond it, and behind the listener."""
    rng = np.random.default_rng(size)
    count, height, width = size
    columns, rows = (
        rng.uniform(-0.2, 0.6, (3, count, width)),
        rng.uniform(0, 0.6, (3, count, height)),
    )
    columns[1:] *= 24
    rows[1:] *= 20
    parts = (torch.from_numpy(part.astype(np.float32)).to(device) for part in (columns, rows))
    most = (TEXELS[0] - 1 - 1 / 128, TEXELS[1] - 1 - 1 / 128) if ends else None
    return Rays(*parts, most)


def places_of(rays: Rays, *, steps: int | None = None) -> Doubles:
    """x and y [2, n, h, w]; in so many steps of a texel, computed as the loops do."""
    columns, rows = (part.cpu().numpy() for part in (rays.columns, rays.rows))
    sums = columns[:, :, None] + rows[..., None]
    nearness = np.float32(1) / sums[0].clip(min=np.float32(HORIZON))
    places = np.where(sums[0] > HORIZON, sums[1:] * nearness, np.float32(FAR_AWAY))
    if rays.most is not None:
        most = np.array(rays.most, np.float32)[:, None, None, None]
        places = places.clip(np.float32(0), most)
    if steps is not None:
        counted = places.clip(-2, 1000) * np.float32(steps) + np.float32(steps + 0.5)
        places = np.floor(counted) / steps - 1
    return places.astype(np.float64)


def bilinear(texels: Doubles, places: Doubles, *, steps: int | None = None) -> Doubles:
    """Texels [h', w', ...] at x and y [2, h, w], and nothing outside. steps: of the weights too."""
    x, y = places.clip(-2, 10_000)
    padded = np.pad(texels, ((2, 2), (2, 2), *[(0, 0)] * (texels.ndim - 2)))
    x, y = (x + 2).clip(0, padded.shape[1] - 1.001), (y + 2).clip(0, padded.shape[0] - 1.001)
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, low = (x - column)[..., None], (y - row)[..., None]
    both = right * low
    if steps is not None:
        both = np.floor(both * steps + 0.5) / steps
    padded = padded.reshape(*padded.shape[:2], -1)
    upper = padded[row, column] * (1 - right - low + both)
    upper += padded[row, column + 1] * (right - both)
    lower = padded[row + 1, column] * (low - both) + padded[row + 1, column + 1] * both
    return upper + lower


def sited(pixels: Doubles) -> Doubles:
    """What chroma has of pixels [h, w, ...]."""
    around = (np.roll(pixels, 1, axis=1) + 2 * pixels + np.roll(pixels, -1, axis=1)) / 4
    return ((around[::2] + around[1::2]) / 2)[:, ::2]


def mock_coverage(device: torch.device, shape: tuple[int, int, int]) -> Tensor:
    found = np.random.default_rng(4).integers(0, ALL + 1, shape).astype(np.int16)
    found[:, ::3] = ALL
    return torch.from_numpy(found).to(device)


def check_patch(found: Tensor, seen: Doubles, coverage: Tensor | None, index: int) -> None:
    """found [c + 1, h, w]; seen [h, w, c + 1]: colours, and alpha 0..1."""
    shown = 1.0 if coverage is None else coverage[index].cpu().numpy() / ALL
    numbers = found.cpu().numpy().astype(np.int64)
    colours = np.moveaxis(((numbers[:-1] & 0xFFFF) - ROUNDING) / WHOLE, 0, -1)
    off = np.abs(colours - seen[..., :-1] * np.expand_dims(shown, -1))
    less = np.abs(numbers[-1] - WHOLE * (1 - seen[..., -1] * shown))
    if processors.passes_on(found.device) is passes_by_torch:
        assert off.max() <= 0.04
        assert less.max() <= 0.6
    else:  # texels are in quarters of a level, and no colour is more than what is shown of it
        assert off.max() <= 0.5
        assert less.max() <= 0.9


def steps_of(passes: Passes) -> int | None:
    """Of a texel, in which loops look at what is woven."""
    return int(woven_on_cpu._STEPS) if passes is passes_on_cpu else None


def in_levels(planes: list[NDArray[np.uint16]]) -> Doubles:
    """Colours, and alpha 0..1, [h, w, c]."""
    scales = [COLOUR_SCALE] * (len(planes) - 1) + [ALPHA_SCALE]
    return np.dstack([plane / scale for plane, scale in zip(planes, scales, strict=True)])


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize("height", [8, 4000])  # more than are looked at at a time
def test_what_is_woven_is_seen(
    device: torch.device, passes: Passes, ends: bool, covered: bool, height: int
) -> None:
    pictures = [mock_picture(seed=seed) for seed in (1, 2)]
    shown = [pictures[0], pictures[0], pictures[1]]
    textures = {id(one): as_texture(one, device=device) for one in pictures}
    woven = []
    for one in shown:
        texture = textures[id(one)]
        assert isinstance(texture, Woven)
        woven.append(texture.woven)
    rays = mock_rays(device, ends=ends, size=(3, height, 10))
    coverage = mock_coverage(device, (3, height, 10)) if covered else None
    half_coverage = mock_coverage(device, (3, height // 2, 5)) if covered else None
    luma, chroma = passes.see_woven(woven, rays, coverage, half_coverage)
    places = places_of(rays, steps=steps_of(passes))
    for index, picture in enumerate(shown):
        planes = in_levels([picture.luma[0], *picture.chroma])
        seen = bilinear(planes, places[:, index], steps=steps_of(passes))
        check_patch(luma[index], seen[..., [0, 3]], coverage, index)
        check_patch(chroma[index], sited(seen)[..., 1:], half_coverage, index)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize("height", [8, 4000])
def test_planes_are_seen(
    device: torch.device, passes: Passes, ends: bool, covered: bool, height: int
) -> None:
    pictures = [mock_picture(seed=seed, half=True) for seed in (1, 2)]
    shown = [pictures[0], pictures[1], pictures[1]]
    rays = mock_rays(device, ends=ends, size=(3, height, 10))
    coverage = mock_coverage(device, (3, height, 10)) if covered else None
    luma = passes.see([_planar(one, device).luma for one in shown], rays, coverage, colours=1)
    chroma = passes.see([_planar(one, device).chroma for one in shown], rays, coverage, colours=2)
    places = places_of(rays, steps=steps_of(passes))
    for index, picture in enumerate(shown):
        for planes, found in ((picture.luma, luma), (picture.chroma, chroma)):
            seen = bilinear(in_levels([*planes]), places[:, index], steps=steps_of(passes))
            check_patch(found[index], seen, coverage, index)


@pytest.mark.parametrize("height", [8, 4000])
def test_what_is_opaque_is_seen(device: torch.device, passes: Passes, height: int) -> None:
    pictures = [mock_picture(seed=seed, alpha=False) for seed in (1, 2)]
    shown = [pictures[0], pictures[0], pictures[1]]
    rays = mock_rays(device, ends=True, size=(3, height, 10))
    kept = passes.kept_by_edges(mock_coverage(device, (3, height, 10)))
    luma = passes.see_opaque([_planar(one, device).luma for one in shown], rays, kept)
    chroma = passes.see_opaque([_planar(one, device).chroma for one in shown], rays, kept)
    for index, picture in enumerate(shown):
        part = 1 - kept[index].cpu().numpy() / WHOLE
        for planes, found in ((picture.luma, luma), (picture.chroma, chroma)):
            seen = bilinear(np.dstack(planes).astype(np.float64), places_of(rays)[:, index])
            for channel, numbers in enumerate(found[index].cpu().numpy().astype(np.int64)):
                level = ((numbers & 0xFFFF) - ROUNDING) / WHOLE
                assert np.abs(level - seen[..., channel] * part).max() <= 1.6


def _planar(picture: Picture, device: torch.device) -> Planar:
    texture = as_texture(picture, device=device)
    assert isinstance(texture, Planar)
    return texture


@pytest.mark.parametrize("sides", [(40.0, 30.0), (9.5, 0.4), (0.3, 0.2)])
@pytest.mark.parametrize("ramp_px", [1.0, 3.7])
def test_a_rectangle_covers(
    device: torch.device, passes: Passes, sides: tuple[float, float], ramp_px: float
) -> None:
    rays = mock_rays(device)
    found = passes.cover_rectangle(rays, TEXELS, [sides] * 3, [ramp_px] * 3).cpu().numpy()
    expected = np.ones(SIZE)
    for places, side, count in zip(places_of(rays), sides, TEXELS, strict=True):
        px = np.abs(places - (count - 1) / 2) * side / count
        expected *= (((side + 1) / 2 - px) / ramp_px).clip(0, min(1, side))
    assert np.abs(found / ALL - expected).max() < 1e-3


@pytest.mark.parametrize("sides", [(40.0, 30.0), (9.5, 0.4), (0.3, 0.2)])
@pytest.mark.parametrize("ramp_px", [1.0, 3.7])
def test_an_ellipse_covers(
    device: torch.device, passes: Passes, sides: tuple[float, float], ramp_px: float
) -> None:
    rays = mock_rays(device)
    found = passes.cover_ellipse(rays, TEXELS, [sides] * 3, [ramp_px] * 3).cpu().numpy()
    x, y = (
        (places - (count - 1) / 2) * side / count
        for places, side, count in zip(places_of(rays), sides, TEXELS, strict=True)
    )
    out = np.hypot(2 * x / sides[0], 2 * y / sides[1])
    radius = np.hypot(x, y)
    expected = ((radius / out - radius + 0.5) / ramp_px).clip(0, min(1, *sides))
    assert np.abs(found / ALL - expected).max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 6, 10), (2, 64, 128)])
def test_chroma_is_on_the_left(
    device: torch.device, passes: Passes, shape: tuple[int, int, int]
) -> None:
    pixels = np.random.default_rng(1).integers(0, ALL + 1, shape).astype(np.int16)
    found = passes.left_sited(torch.from_numpy(pixels).to(device)).cpu().numpy()
    for plane, its in zip(pixels, found, strict=True):
        assert np.abs(its - sited(plane.astype(np.float64))).max() <= 0.5
    everything = torch.full(shape, ALL, dtype=torch.int16, device=device)
    assert (passes.left_sited(everything) == ALL).all()


def test_edges_keep_to_the_nearest(device: torch.device, passes: Passes) -> None:
    coverage = torch.arange(ALL + 1, dtype=torch.int16, device=device).reshape(1, 128, 256)
    kept = passes.kept_by_edges(coverage).cpu().numpy()
    expected = WHOLE * (1 - coverage.cpu().numpy() / ALL)
    assert np.abs(kept - expected).max() <= 0.52
    assert kept.min() == 0
    assert kept.max() == WHOLE


def mock_canvases(rng: np.random.Generator, device: torch.device) -> tuple[Planes, Planes]:
    """Two canvases of 64 x 20 pixels."""
    sizes = ((20, 64), (2, 10, 32))
    one, other = (
        [torch.from_numpy(rng.integers(0, 256, size, np.uint8)).to(device) for size in sizes]
        for _ in range(2)
    )
    return (one[0], one[1]), (other[0], other[1])


@pytest.mark.parametrize("itself", [False, True])
@pytest.mark.parametrize("x0", [0, 4, 50, 62])
def test_patches_are_laid_around_the_seam(
    device: torch.device, passes: Passes, x0: int, itself: bool
) -> None:
    rng = np.random.default_rng(x0)
    canvas, other = mock_canvases(rng, device)
    below = canvas if itself else other
    before = [plane.cpu().numpy().astype(np.int64) for plane in canvas]
    behind = [plane.cpu().numpy().astype(np.int64) for plane in below]
    parts = []
    for size in ((10, 40), (2, 5, 20)):
        kept = rng.integers(0, WHOLE + 1, size[-2:], np.int16)
        colour = rng.integers(0, 256, size) * (WHOLE - kept) + ROUNDING
        parts.append((colour, kept))
    patch = [torch.from_numpy(one.astype(np.int16)).to(device) for part in parts for one in part]
    planes = (passes.planes(*canvas), passes.planes(*below))
    passes.blend(*planes, (patch[0], patch[1], patch[2], patch[3]), (x0, 6, 40, 10))
    for plane, expected, its, (colour, kept), pixel in zip(
        canvas, before, behind, parts, (1, 2), strict=True
    ):
        rows = slice(6 // pixel, 6 // pixel + kept.shape[0])
        columns = (x0 // pixel + np.arange(kept.shape[1])) % expected.shape[-1]
        expected[..., rows, columns] = (its[..., rows, columns] * kept + colour) >> 8
        assert (plane.cpu().numpy() == expected).all()


@given(st.data())
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("replaced", [False, True])
def test_what_is_below_comes_back(way: str, replaced: bool, data: st.DataObject) -> None:
    """All of a place, by itself or but for the patch that comes there; and nothing else."""

    def place() -> tuple[int, int, int, int]:
        width, height = (2 * data.draw(st.integers(1, side // 2)) for side in (64, 20))
        x0 = 2 * data.draw(st.integers(0, 31))
        return x0, 2 * data.draw(st.integers(0, (20 - height) // 2)), width, height

    old, new = place(), place()
    with device_of(way) as name:
        device = torch.device(name)
        canvas, below = mock_canvases(np.random.default_rng(1), device)
        before = [plane.clone() for plane in canvas]
        passes = passes_on(device)
        planes, behind = passes.planes(*canvas), passes.planes(*below)
        if replaced:  # by one that is even
            colour, kept = (
                torch.full((new[3], new[2]), number, dtype=torch.int16, device=device)
                for number in ((WHOLE // 2) * 200 + ROUNDING, WHOLE // 2)
            )
            half = kept[::2, ::2].contiguous()
            patch = (colour, kept, torch.stack([colour[::2, ::2]] * 2), half)
            passes.blend(planes, behind, patch, new, old)
        else:
            passes.restore(planes, behind, old)
    for plane, its, behind, pixel in zip(canvas, before, below, (1, 2), strict=True):
        expected = its.cpu().numpy().copy()
        for is_new, there in ((False, old), *([(True, new)] if replaced else [])):
            x0, y0, width, height = (number // pixel for number in there)
            columns = (x0 + np.arange(width)) % plane.shape[-1]
            own = behind.cpu().numpy()[..., y0 : y0 + height, columns]
            mixed = (own.astype(np.int64) * (WHOLE // 2) + (WHOLE // 2) * 200 + ROUNDING) >> 8
            expected[..., y0 : y0 + height, columns] = mixed if is_new else own
        assert (plane.cpu().numpy() == expected).all()


def test_loops_know_what_numbers_mean() -> None:
    for loops in (passes_on_cpu, woven_on_cpu):
        assert (loops._ALL, loops._WHOLE) == (ALL, WHOLE)
        assert WHOLE >> int(loops._WHOLE_BITS) == 1
    for loops in (sampling_on_cpu, woven_on_cpu):
        assert (np.float32(HORIZON), np.float32(FAR_AWAY)) == (loops._HORIZON, loops._FAR_AWAY)
        assert (loops._WHOLE, loops._ROUNDING) == (WHOLE, ROUNDING)
    assert WHOLE << passes_on_cpu._COVERAGE_BITS == ALL + 1
    loops = woven_on_cpu
    assert loops._ALPHA_SCALE == ALPHA_SCALE
    steps = int(loops._STEPS)
    assert (COLOUR_SCALE >> loops._COLOUR_BITS) * steps == WHOLE  # interpolated: a patch's
    assert steps == 1 << int(loops._STEP_BITS) == loops._STEPS_PER_TEXEL
    assert max(255 * (COLOUR_SCALE >> loops._COLOUR_BITS), loops._OPAQUE) * steps < 1 << 16


@given(st.integers(0, 100))
@pytest.mark.parametrize("way", WAYS)
def test_own_pixels_are_counted(way: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [*rng.integers(1, 40, (3, 2)), (5, 6), (5, 6)]
    kept = [rng.integers(WHOLE // 2 - 3, WHOLE // 2 + 3, size).astype(np.int16) for size in sizes]
    with device_of(way) as device:
        on_device = [torch.from_numpy(one).to(device) for one in kept]
        found = passes_on(on_device[0].device).own_pixels(on_device)
    for one, (own, rows, columns) in zip(kept, found, strict=True):
        expected = one <= WHOLE // 2
        assert (own.cpu().numpy() == expected).all()
        assert (rows == expected.sum(axis=1)).all()
        assert (columns == expected.sum(axis=0)).all()
