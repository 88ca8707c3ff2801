"""Blending in fixed point against plain arithmetic: every level over every level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seldsynth.render.compositor import Frame, Patch, View, faded, noisy, warp
from seldsynth.render.pictures import Picture
from seldsynth.render.projection import Rectangle, SamplingGrid
from seldsynth.render.rays import Rays
from seldsynth.render.scales import ALL, ALPHA_SCALE, COLOUR_SCALE
from seldsynth.render.textures import as_texture
from tests.render.test_textures import mock_picture

LEVELS = torch.arange(256.0)
COVERAGES = torch.cat((torch.linspace(0, 1, 513), torch.tensor([0.5, 0.999, 1.0])))
CPU = torch.device("cpu")
WIDTH, HEIGHT = 512, 2 * len(COVERAGES)
SHOWN = [1 / 241, 0.1, 0.5, 10 / 11, 240 / 241]


def patch_of(
    colour: torch.Tensor, alpha: torch.Tensor | None = None, *, half: bool = True
) -> Patch:
    """Colours [256] of pixels side by side, covering more and more from row to row.

    half: chroma is half as large as luma, as that of clips is.
    """
    if alpha is None:
        planes = [colour.numpy().astype(np.uint8)]
    else:
        parts = (colour * alpha * COLOUR_SCALE, alpha * ALPHA_SCALE)
        planes = [np.rint(part.numpy()).astype(np.uint16) for part in parts]
    large = [np.repeat(plane[None], 2, axis=0).repeat(2, axis=1) for plane in planes]
    small = [plane[None] for plane in planes] if half else large
    picture = Picture(np.stack(large), np.stack([small[0], *small]))
    rectangle = Rectangle(x0=0, y0=0, width=WIDTH, height=HEIGHT)
    return warp([as_texture(picture, device=CPU)], View([rectangle], grid(half=half)))[0]


def grid(*, half: bool) -> SamplingGrid:
    """Looks at each texel; two rows of each coverage."""
    coverage = COVERAGES.repeat_interleave(2)
    x = torch.arange(512.0)
    of_chroma = torch.arange(256.0) if half else 2 * torch.arange(256.0) + 0.5
    return SamplingGrid(
        luma=straight(x, len(coverage), 0.5),
        chroma=straight(of_chroma, len(COVERAGES), 0.0 if half else 0.5),
        coverage=in_parts(coverage)[None, :, None].repeat(1, 1, 512),
        half_coverage=in_parts(COVERAGES)[None, :, None].repeat(1, 1, 256),
    )


def in_parts(coverage: torch.Tensor) -> torch.Tensor:
    return (coverage * ALL).round().to(torch.int16)


def straight(x: torch.Tensor, rows: int, y: float) -> Rays:
    """Looks at the same texels in every row."""
    columns = torch.stack((torch.ones_like(x), x, torch.full_like(x, y)))
    return Rays(columns[:, None].contiguous(), torch.zeros((3, 1, rows)), None)


def blended(patch: Patch, below: int) -> list[NDArray[np.float64]]:
    """Luma and a plane of chroma over one level: a row per coverage, a column per texel."""
    frame = Frame(width=WIDTH, height=HEIGHT, device=CPU)
    frame.buffer.fill_(below)
    frame.paint(patch)
    return [plane.numpy().astype(np.float64) for plane in (frame.luma[::2, ::2], frame.chroma[1])]


def check(patch: Patch, colour: torch.Tensor, shade: torch.Tensor, *, most: float) -> None:
    """Over all levels below. shade: how much of them is hidden, [rows, 256]."""
    for below in range(256):
        expected = (shade * colour + (1 - shade) * below).numpy()
        for found in blended(patch, below):
            assert np.abs(found - expected).max() <= most, below
            if (colour == colour[0]).all() and below == colour[0]:
                assert (found == below).all()


def test_every_level_over_every_level() -> None:
    check(patch_of(LEVELS), LEVELS, COVERAGES[:, None].expand(-1, 256), most=1.35)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("level", [0, 16, 127, 235, 255])
def test_every_alpha_over_every_level(level: int, half: bool) -> None:
    colour, alpha = torch.full((256,), float(level)), LEVELS / 255
    patch = patch_of(colour, alpha, half=half)
    for below in range(256):
        shade = COVERAGES[:, None] * alpha
        expected = (shade * colour + (1 - shade) * below).numpy()
        # Woven, the first one of chroma sees a quarter of the last one, all around.
        for found, first in zip(blended(patch, below), (0, 0 if half else 1), strict=True):
            assert np.abs(found - expected)[:, first:].max() <= 1.51, below


@pytest.mark.parametrize("shown", SHOWN)
def test_every_level_that_fades(shown: float) -> None:
    shade = COVERAGES[:, None].expand(-1, 256) * shown
    check(faded(patch_of(LEVELS), shown), LEVELS, shade, most=1.75)


@pytest.mark.parametrize("shown", [1.0, *SHOWN])
@pytest.mark.parametrize("level", [16, 128, 235, 255])
def test_a_picture_over_its_like_is_its_like(level: int, shown: float) -> None:
    patch = faded(patch_of(torch.full((256,), float(level))), shown)
    for found in blended(patch, level):
        assert (found == level).all()


@pytest.mark.parametrize("deviation", [0.4, 8.0, 64.0])
def test_noise_stays_within_the_range_of_video(deviation: float) -> None:
    rng = np.random.default_rng(1)
    noise = torch.from_numpy(rng.uniform(-3.4, 3.4, (HEIGHT, WIDTH)).astype(np.float32))
    patch = noisy(patch_of(LEVELS), noise, deviation)
    shade = COVERAGES[:, None].numpy()
    there = noise[::2, ::2].numpy()
    for below in (0, 16, 128, 235, 255):
        with_noise = np.clip(LEVELS.numpy() + deviation * there, 16, 235)
        expected = shade * with_noise + (1 - shade) * below
        # What is rounded, how much is hidden, weighs the noise as well as the level.
        assert np.abs(blended(patch, below)[0] - expected).max() <= 1.6 + deviation * 3.4 / 128


def test_kinds_of_textures_are_not_mixed() -> None:
    textures = [as_texture(mock_picture(half=half), device=CPU) for half in (False, True)]
    rectangle = Rectangle(x0=0, y0=0, width=WIDTH, height=HEIGHT)
    with pytest.raises(ValueError, match="two kinds"):
        warp(textures, View([rectangle] * 2, grid(half=True)))
