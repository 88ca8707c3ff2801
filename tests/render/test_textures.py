"""Weaving and looking at textures, against plain arithmetic; the GPU's way against the CPU's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seldsynth.render.pictures import Picture
from seldsynth.render.projection import SamplingGrid
from seldsynth.render.textures import (
    ALPHA_SCALE,
    COLOUR_SCALE,
    _look_on_cpu,
    _look_on_gpu,
    _woven_on_cpu,
    _woven_on_gpu,
    planar,
    sampled,
    shadow_texture,
    woven,
)

CPU = torch.device("cpu")
SCALES = np.array([COLOUR_SCALE] * 3 + [ALPHA_SCALE])


def mock_picture(
    width: int = 20, height: int = 14, *, alpha: bool = True, half: bool = False
) -> Picture:
    """Noise. half: as of a clip, with chroma at half of the size."""
    generator = torch.Generator().manual_seed(3)
    luma = 16 + 219 * torch.rand((1, height, width), generator=generator)
    chroma = 16 + 224 * torch.rand((2, height, width), generator=generator)
    shown = torch.rand((1, height, width), generator=generator)
    own = shown
    if half:
        chroma, own = (torch.nn.functional.avg_pool2d(one, 2) for one in (chroma, shown))
    if not alpha:
        return Picture(luma=luma, chroma=chroma)
    return Picture(luma=torch.cat((luma * shown, shown)), chroma=torch.cat((chroma * own, own)))


def mock_positions(count: int, height: int = 8, width: int = 10) -> torch.Tensor:
    """All over a texture of 20 x 14 texels, and beyond it: [2, n, h, w + 1]."""
    generator = torch.Generator().manual_seed(count)
    places = torch.rand((2, count, height, width + 1), generator=generator)
    return places * torch.tensor([26.0, 20.0])[:, None, None, None] - 3


def grid_of(positions: torch.Tensor, coverage: torch.Tensor | None = None) -> SamplingGrid:
    return SamplingGrid(positions=positions, coverage=coverage, texels=(20, 14), is_opaque=True)


def bilinear(texels: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]):
    """Texels [h, w, 4] at positions, and nothing outside."""
    padded = np.pad(texels, ((4, 5), (4, 5), (0, 0)))
    x, y = x + 4, y + 4
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    upper = padded[y0, x0] * (1 - fx) + padded[y0, x0 + 1] * fx
    lower = padded[y0 + 1, x0] * (1 - fx) + padded[y0 + 1, x0 + 1] * fx
    return upper * (1 - fy) + lower * fy


@pytest.mark.parametrize("covered", [False, True])
def test_samples_are_those_of_plain_arithmetic(covered: bool) -> None:
    """Of other textures one after another, and of the same: in steps of a 64th of a level."""
    one, other = woven(mock_picture(), device=CPU), woven(mock_picture(alpha=False), device=CPU)
    textures = [one, one, other, one]
    positions = mock_positions(len(textures))
    coverage = torch.randint(0, 257, positions.shape[1:]) / 256 if covered else None
    found = sampled(textures, grid_of(positions, coverage))
    for index, texture in enumerate(textures):
        x, y = positions[:, index].numpy().astype(np.float64)
        seen = bilinear(texture.texels.numpy().astype(np.float64), x, y)
        share = np.ones(x.shape) if coverage is None else coverage[index].numpy()
        wholes = (seen * share[..., None])[:, 1:]
        assert found.alphas is not None
        assert np.abs(found.luma[index].numpy() - wholes[..., 0]).max() <= 1.01
        assert np.abs(found.alphas[0][index].numpy() - wholes[..., 3]).max() <= 1.01
        of_three = (2 * seen[:, 1::2] + seen[:, 0:-1:2] + seen[:, 2::2]) / 4
        halves = of_three[::2] + of_three[1::2]
        shares = (2 * share[:, 1::2] + share[:, 0:-1:2] + share[:, 2::2]) / 4
        half_share = np.round((shares[::2] + shares[1::2]) / 2 * 256) / 256
        halves *= half_share[..., None]
        for channel, there in ((1, found.chroma[0]), (2, found.chroma[1]), (3, found.alphas[1])):
            assert np.abs(there[index].numpy() - halves[..., channel]).max() <= 3


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("covered", [False, True])
def test_planes_are_seen_as_what_is_woven(alpha: bool, covered: bool) -> None:
    """Brightness and alpha to the last step; colour where it does not change."""
    pictures = [mock_picture(alpha=alpha, half=half) for half in (False, True)]
    for picture in pictures:
        picture.chroma[:2] = torch.tensor([60.0, 200.0])[:, None, None]
        if alpha:
            picture.luma[1] = 0.5
            picture.chroma[2] = 0.5
            picture.chroma[:2] *= 0.5
    # Away from the edges, but for where they are drawn.
    positions = mock_positions(3) if covered else mock_positions(3).clamp(1.5, 12)
    if covered:
        positions[0].clamp_(0, 18.99)
        positions[1].clamp_(0, 12.99)
    coverage = torch.randint(0, 257, positions.shape[1:]) / 256 if covered else None
    a = sampled([woven(pictures[0], device=CPU)] * 3, grid_of(positions, coverage))
    b = sampled([planar(pictures[1], device=CPU)] * 3, grid_of(positions, coverage))
    assert (a.luma.int() - b.luma.int()).abs().max() <= 2
    assert (a.chroma.int() - b.chroma.int()).abs().max() <= 4
    assert a.alphas is not None
    if not alpha:
        assert b.alphas is None
    else:
        assert b.alphas is not None
        for one, other, most in zip(a.alphas, b.alphas, (2, 4), strict=True):
            assert (one.int() - other.int()).abs().max() <= most


@pytest.mark.parametrize("covered", [False, True])
def test_the_gpu_looks_as_the_cpu_does(covered: bool) -> None:
    positions = mock_positions(3)
    coverage = torch.randint(0, 257, positions.shape[1:]) / 256 if covered else None
    grid = grid_of(positions, coverage)
    texels = [woven(mock_picture(), device=CPU).texels] * 3
    here = _woven_on_cpu(texels, positions)
    there = _woven_on_gpu([one.float() for one in texels], positions)
    for a, b in zip(here, there, strict=True):
        assert a.shape == b.shape
        assert (a.int() - b.int()).abs().max() <= 3  # 64ths, and 128ths, of a level
    for alpha in (False, True):
        picture = mock_picture(alpha=alpha, half=True)
        for planes, places in ((picture.luma, positions), (picture.chroma, grid.half_positions)):
            seen = _look_on_cpu([planes] * 3, places), _look_on_gpu([planes] * 3, places)
            assert seen[0].shape == seen[1].shape
            assert (seen[0] - seen[1]).abs().max() < 0.02


@pytest.mark.parametrize("alpha", [False, True])
def test_what_is_woven_is_the_picture(alpha: bool) -> None:
    picture = mock_picture(alpha=alpha)
    texels = woven(picture, device=CPU).texels.numpy() / SCALES
    for channel, plane in enumerate((picture.luma[0], *picture.chroma[:2])):
        assert np.abs(texels[..., channel] - plane.numpy()).max() <= 1 / COLOUR_SCALE
    shown = picture.luma[1].numpy() if alpha else 1.0
    assert np.abs(texels[..., 3] - shown).max() <= 1 / ALPHA_SCALE


@pytest.mark.parametrize("alpha_at_the_edge", [0.0, 0.001, 0.1, 1.0])
@pytest.mark.parametrize("edge", [(0, 5), (-1, 5), (5, 0), (5, -1)])
def test_edges_need_no_drawing_where_nothing_reaches_them(
    edge: tuple[int, int], alpha_at_the_edge: float
) -> None:
    shown = torch.zeros((1, 14, 20))
    shown[:, 3:-3, 3:-3] = 1
    shown[0, edge[0], edge[1]] = alpha_at_the_edge
    picture = Picture(luma=torch.cat((shown, shown)), chroma=torch.cat((shown, shown, shown)))
    for kind in (woven, planar):
        assert kind(picture, device=CPU).reaches_edges == (alpha_at_the_edge > 0.002)
        assert kind(mock_picture(alpha=False), device=CPU).reaches_edges


def test_kinds_of_textures_are_not_mixed() -> None:
    textures = woven(mock_picture(), device=CPU), planar(mock_picture(half=True), device=CPU)
    with pytest.raises(ValueError, match="two kinds"):
        sampled(textures, grid_of(mock_positions(2)))


@pytest.mark.parametrize("aspect", [0.3, 1.0, 4.0])
def test_a_shadow_lies_at_the_foot(aspect: float) -> None:
    """Black, darkest at the middle of the picture's lower edge, and nothing at its own edges."""
    texture = shadow_texture(0.5, aspect=aspect, device=CPU)
    texels = texture.texels.numpy() / SCALES
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
    white = Picture(luma=torch.full((1, 4, 4), 255.0), chroma=torch.full((2, 4, 4), 255.0))
    found = sampled(
        [woven(white, device=CPU)],
        grid_of(torch.full((2, 1, 2, 3), 1.5)),
    )
    assert found.alphas is not None
    assert (found.luma == 255 * COLOUR_SCALE).all()
    assert (found.chroma == 510 * COLOUR_SCALE).all()
    assert (found.alphas[0] == ALPHA_SCALE).all()
    assert (found.alphas[1] == 2 * ALPHA_SCALE).all()
