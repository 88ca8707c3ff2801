"""Weaving and looking at textures, against plain arithmetic; the GPU's way against the CPU's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seldsynth.render.pictures import ALPHA_SCALE, COLOUR_SCALE, Picture
from seldsynth.render.projection import SamplingGrid
from seldsynth.render.textures import (
    Planar,
    Woven,
    _look_on_cpu,
    _look_on_gpu,
    _woven_on_cpu,
    _woven_on_gpu,
    as_texture,
    looked_at,
    shadow_texture,
)

CPU = torch.device("cpu")
SCALES = np.array([COLOUR_SCALE] * 3 + [ALPHA_SCALE])


def mock_picture(
    width: int = 20, height: int = 14, *, alpha: bool = True, half: bool = False, seed: int = 3
) -> Picture:
    """Noise. half: as of a clip, with chroma at half of the size."""
    rng = np.random.default_rng(seed)
    size = (height // 2, width // 2) if half else (height, width)
    luma, chroma = rng.integers(16, 236, (1, height, width)), rng.integers(16, 241, (2, *size))
    if not alpha:
        return Picture([*luma.astype(np.uint8)], [*chroma.astype(np.uint8)])
    shown = rng.integers(0, ALPHA_SCALE + 1, (height, width))
    own = shown[::2, ::2] if half else shown
    return Picture(
        [*premultiplied(luma, shown), shown.astype(np.uint16)],
        [*premultiplied(chroma, own), own.astype(np.uint16)],
    )


def premultiplied(levels: NDArray[np.int64], alpha: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Levels in the parts of a picture with alpha, which is in its own."""
    return (levels * alpha * COLOUR_SCALE // ALPHA_SCALE).astype(np.uint16)


def mock_positions(count: int, height: int = 8, width: int = 10) -> torch.Tensor:
    """All over a texture of 20 x 14 texels, and beyond it: [2, n, h, w]."""
    generator = torch.Generator().manual_seed(count)
    places = torch.rand((2, count, height, width), generator=generator)
    return places * torch.tensor([26.0, 20.0])[:, None, None, None] - 3


def grid_of(luma: torch.Tensor, chroma: torch.Tensor | None = None) -> SamplingGrid:
    return SamplingGrid(luma=luma, chroma=chroma, coverage=None, half_coverage=None)


def bilinear(texels: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]):
    """Texels [h, w, c] at positions, and nothing outside."""
    padded = np.pad(texels, ((4, 5), (4, 5), (0, 0)))
    x, y = x + 4, y + 4
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    upper = padded[y0, x0] * (1 - fx) + padded[y0, x0 + 1] * fx
    lower = padded[y0 + 1, x0] * (1 - fx) + padded[y0 + 1, x0 + 1] * fx
    return upper * (1 - fy) + lower * fy


def at(positions: torch.Tensor, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = positions[:, index].numpy().astype(np.float64)
    return x, y


def test_what_is_woven_is_seen_as_by_plain_arithmetic() -> None:
    """Of other textures one after another, and of the same: in steps of a 64th of a level."""
    one, other = (as_texture(mock_picture(seed=seed), device=CPU) for seed in (1, 2))
    assert isinstance(one, Woven)
    assert isinstance(other, Woven)
    textures = [one, one, other, one]
    positions = mock_positions(len(textures))
    luma, chroma = looked_at(textures, grid_of(positions))
    for index, texture in enumerate(textures):
        seen = bilinear(texture.woven.numpy().astype(np.float64), *at(positions, index))
        assert np.abs(luma[0, index].numpy() - seen[..., 0]).max() <= 1.01
        assert np.abs(luma[1, index].numpy() - seen[..., 3]).max() <= 1.01
        around = np.roll(seen, 1, axis=1)[:, ::2]
        of_three = (2 * seen[:, ::2] + around + seen[:, 1::2]) / 4
        halves = (of_three[::2] + of_three[1::2]) / 2
        for channel, found in enumerate(chroma[:, index], start=1):
            assert np.abs(found.numpy() - halves[..., channel]).max() <= 2


@pytest.mark.parametrize(("alpha", "half"), [(False, False), (False, True), (True, True)])
def test_planes_are_seen_as_by_plain_arithmetic(alpha: bool, half: bool) -> None:
    """To the nearest of their steps."""
    pictures = [mock_picture(alpha=alpha, half=half, seed=seed) for seed in (1, 2)]
    one, other = (as_texture(picture, device=CPU) for picture in pictures)
    shown = [pictures[0], pictures[0], pictures[1]]
    positions, half_positions = mock_positions(3), mock_positions(3, 4, 5) / (1 + half)
    found = looked_at([one, one, other], grid_of(positions, half_positions))
    for index, picture in enumerate(shown):
        for planes, places, seen in zip(
            (picture.luma, picture.chroma), (positions, half_positions), found, strict=True
        ):
            assert len(planes) == len(seen)
            expected = bilinear(np.dstack(planes).astype(np.float64), *at(places, index))
            for channel, plane in enumerate(seen[:, index]):
                assert np.abs(plane.numpy() - expected[..., channel]).max() <= 0.51


def test_the_way_of_a_gpu_tells_the_same() -> None:
    positions = mock_positions(3)
    texture = as_texture(mock_picture(), device=CPU)
    assert isinstance(texture, Woven)
    here = _woven_on_cpu([texture.woven] * 3, positions)
    there = _woven_on_gpu([texture.woven.float()] * 3, positions)
    for a, b in zip(here, there, strict=True):
        assert a.shape == b.shape
        assert (a.int() - b.int()).abs().max() <= 2  # 64ths of a level
    for alpha in (False, True):
        texture = as_texture(mock_picture(alpha=alpha, half=True), device=CPU)
        assert isinstance(texture, Planar)
        for planes in (texture.luma, texture.chroma):
            cpu = _look_on_cpu([planes] * 3, positions)
            gpu = _look_on_gpu([planes.float()] * 3, positions)
            assert cpu.shape == gpu.shape
            assert (cpu.int() - gpu.int()).abs().max() <= 1


def test_what_is_woven_is_the_picture() -> None:
    picture = mock_picture()
    texture = as_texture(picture, device=CPU)
    assert isinstance(texture, Woven)
    assert texture.texels == (20, 14)
    for channel, plane in enumerate((picture.luma[0], *picture.chroma)):
        assert np.array_equal(texture.woven[..., channel], plane)


@pytest.mark.parametrize("alpha_at_the_edge", [0.0, 0.001, 0.1, 1.0])
@pytest.mark.parametrize("edge", [(0, 5), (-1, 5), (5, 0), (5, -1)])
def test_edges_need_no_drawing_where_nothing_reaches_them(
    edge: tuple[int, int], alpha_at_the_edge: float
) -> None:
    shown = np.zeros((14, 20), np.uint16)
    shown[3:-3, 3:-3] = ALPHA_SCALE
    shown[edge] = round(ALPHA_SCALE * alpha_at_the_edge)
    for own in (shown, shown[::2, ::2]):
        texture = as_texture(Picture([shown, shown], [own, own, own]), device=CPU)
        assert texture.reaches_edges == (alpha_at_the_edge > 0.002)
    for half in (False, True):
        assert as_texture(mock_picture(alpha=False, half=half), device=CPU).reaches_edges


def test_kinds_of_textures_are_not_mixed() -> None:
    textures = [as_texture(mock_picture(half=half), device=CPU) for half in (False, True)]
    with pytest.raises(ValueError, match="two kinds"):
        looked_at(textures, grid_of(mock_positions(2)))


def test_a_pole_has_a_shadow() -> None:
    """A picture of one column and 400 rows."""
    texture = shadow_texture(0.5, aspect=1 / 400, device=CPU)
    positions = torch.full((2, 1, 2, 2), 20.0)
    positions[1] = texture.texels[1] * (400 / 400.4 + 1) / 2  # at its foot
    luma, _ = looked_at([texture], grid_of(positions))
    assert luma[1].max() == pytest.approx(0.5 * ALPHA_SCALE, rel=0.1)


@pytest.mark.parametrize("aspect", [0.3, 1.0, 4.0])
def test_a_shadow_lies_at_the_foot(aspect: float) -> None:
    """Black, darkest at the middle of the picture's lower edge, and nothing at its own edges."""
    texture = shadow_texture(0.5, aspect=aspect, device=CPU)
    assert isinstance(texture, Woven)
    texels = texture.woven.numpy() / SCALES
    alpha = texels[..., 3]
    assert not texture.reaches_edges
    assert alpha.max() == pytest.approx(0.5, abs=0.01)
    height, width = alpha.shape
    row, column = np.unravel_index(alpha.argmax(), alpha.shape)
    assert column == pytest.approx(width / 2, abs=1)
    half_height = 1 / aspect + 0.4  # of the billboard, in halves of the picture's width
    assert (row + 0.5) / height * 2 - 1 == pytest.approx(1 / aspect / half_height, abs=0.02)
    for channel, level in enumerate((16, 128, 128)):
        assert texels[..., channel] == pytest.approx(level * alpha, abs=0.02)


def test_samples_are_sixteen_bits() -> None:
    """White that hides all: the largest numbers that there are."""
    white = np.full((4, 4), 255 * COLOUR_SCALE, np.uint16)
    opaque = np.full((4, 4), ALPHA_SCALE, np.uint16)
    texture = as_texture(Picture([white, opaque], [white, white, opaque]), device=CPU)
    luma, chroma = looked_at([texture], grid_of(torch.full((2, 1, 2, 2), 1.5)))
    for seen in (luma, chroma):
        assert (seen[:-1] == 255 * COLOUR_SCALE).all()
        assert (seen[-1] == ALPHA_SCALE).all()
