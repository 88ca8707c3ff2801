"""Blending in fixed point against plain arithmetic: every level over every level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seldsynth.render.compositor import Frame, Patch, View, faded, noisy, warp
from seldsynth.render.pictures import Picture
from seldsynth.render.projection import Rectangle, SamplingGrid, in_steps
from seldsynth.render.textures import Texture, planar, woven

LEVELS = torch.arange(256.0)
COVERAGES = torch.cat((torch.linspace(0, 1, 513), torch.tensor([0.5, 0.999, 1.0])))
Weave = Callable[..., Texture]
CPU = torch.device("cpu")
WIDTH, HEIGHT = 512, 2 * len(COVERAGES)
SHOWN = [1 / 241, 0.1, 0.5, 10 / 11, 240 / 241]


@pytest.fixture(params=[woven, planar])
def texture_of(request: pytest.FixtureRequest) -> Weave:
    """Both kinds of textures."""
    made: Weave = request.param
    return made


def patch_of(texture_of: Weave, colour: torch.Tensor, alpha: torch.Tensor | None = None) -> Patch:
    """Colours [256] of pixels side by side, covering more and more from row to row."""
    planes = [colour[None]] if alpha is None else [(colour * alpha)[None], alpha[None]]
    luma = torch.stack(planes).repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    chroma = torch.stack([planes[0], *planes])
    if texture_of is woven:
        chroma = chroma.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    picture = Picture(luma=luma, chroma=chroma)
    rectangle = Rectangle(x0=0, y0=0, width=WIDTH, height=HEIGHT)
    return warp(
        [texture_of(picture, device=CPU)], View([rectangle], grid(is_opaque=alpha is None))
    )[0]


def grid(*, is_opaque: bool) -> SamplingGrid:
    """Looks at each texel, and once more to the left; two rows of each coverage."""
    x = torch.cat((torch.zeros(1), torch.arange(512.0)))
    coverage = COVERAGES.repeat_interleave(2)
    positions = torch.stack((x, torch.full((len(x),), 0.5)))[:, None].expand(-1, len(coverage), -1)
    shares = coverage[None, :, None].repeat(1, 1, len(x))
    return SamplingGrid(
        positions=positions[:, None].contiguous(),
        coverage=in_steps(shares) if is_opaque else shares,
        texels=(512, 2),
        is_opaque=is_opaque,
    )


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


def test_every_level_over_every_level(texture_of: Weave) -> None:
    check(patch_of(texture_of, LEVELS), LEVELS, COVERAGES[:, None].expand(-1, 256), most=1.35)


@pytest.mark.parametrize("level", [0, 16, 127, 235, 255])
def test_every_alpha_over_every_level(texture_of: Weave, level: int) -> None:
    colour, alpha = torch.full((256,), float(level)), LEVELS / 255
    patch = patch_of(texture_of, colour, alpha)
    for below in range(256):
        shade = COVERAGES[:, None] * alpha
        expected = (shade * colour + (1 - shade) * below).numpy()
        for found in blended(patch, below):
            assert np.abs(found - expected).max() <= 1.51, below


@pytest.mark.parametrize("shown", SHOWN)
def test_every_level_that_fades(texture_of: Weave, shown: float) -> None:
    shade = COVERAGES[:, None].expand(-1, 256) * shown
    check(faded(patch_of(texture_of, LEVELS), shown), LEVELS, shade, most=1.75)


@pytest.mark.parametrize("shown", [1.0, *SHOWN])
@pytest.mark.parametrize("level", [16, 128, 235, 255])
def test_a_picture_over_its_like_is_its_like(texture_of: Weave, level: int, shown: float) -> None:
    patch = faded(patch_of(texture_of, torch.full((256,), float(level))), shown)
    for found in blended(patch, level):
        assert (found == level).all()


@pytest.mark.parametrize("deviation", [0.4, 8.0, 64.0])
def test_noise_stays_within_the_range_of_video(texture_of: Weave, deviation: float) -> None:
    rng = np.random.default_rng(1)
    noise = torch.from_numpy(rng.uniform(-3.4, 3.4, (HEIGHT, WIDTH)).astype(np.float32))
    patch = noisy(patch_of(texture_of, LEVELS), noise, deviation)
    shade = COVERAGES[:, None].numpy()
    there = noise[::2, ::2].numpy()
    for below in (0, 16, 128, 235, 255):
        with_noise = np.clip(LEVELS.numpy() + deviation * there, 16, 235)
        expected = shade * with_noise + (1 - shade) * below
        # What is rounded, how much is hidden, weighs the noise as well as the level.
        assert np.abs(blended(patch, below)[0] - expected).max() <= 1.6 + deviation * 3.4 / 128
