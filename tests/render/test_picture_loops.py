"""Loops over pictures against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seldsynth.render import picture_loops
from seldsynth.render.scales import ALPHA_SCALE, COLOUR_SCALE


def test_loops_know_what_numbers_mean() -> None:
    assert (picture_loops._COLOUR_SCALE, picture_loops._ALPHA_SCALE) == (COLOUR_SCALE, ALPHA_SCALE)


def test_every_level_and_alpha() -> None:
    colour, alpha = np.indices((256, 256)).astype(np.uint8)
    found, again, parts = picture_loops.premultiplied([colour, colour], alpha)
    assert (again == found).all()
    exact = colour.astype(np.float64) * alpha * COLOUR_SCALE / 255
    assert np.abs(found - exact).max() <= 0.502
    assert np.abs(parts - alpha * (ALPHA_SCALE / 255)).max() <= 0.501
    assert set(parts[alpha == 255]) == {ALPHA_SCALE}
    assert not parts[alpha == 0].any()


def test_rows_may_lie_apart() -> None:
    """As the decoder has them, and as they are cropped."""
    rng = np.random.default_rng(1)
    wide, alpha = (rng.integers(0, 256, (9, 40), np.uint8)[2:, 3:24] for _ in range(2))
    packed = (np.ascontiguousarray(plane) for plane in (wide, alpha))
    found = picture_loops.premultiplied([wide], alpha)
    colour, its_alpha = packed
    assert (found == picture_loops.premultiplied([colour], its_alpha)).all()
    parts = np.repeat(found, 2, axis=2)[..., ::2]
    assert (picture_loops.blurred(parts, (1, 1)) == picture_loops.blurred(found, (1, 1))).all()


@given(
    seed=st.integers(0, 100),
    gain=st.floats(0, 3),
    offset=st.floats(-300, 300),
)
def test_levels(seed: int, gain: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    alpha = rng.integers(0, ALPHA_SCALE + 1, (5, 37)).astype(np.uint16)
    alpha[:, ::5] = 0
    shown = alpha / ALPHA_SCALE
    colours = np.floor(rng.uniform(0, 255, (2, 5, 37)) * shown * COLOUR_SCALE).astype(np.uint16)
    planes, offsets = np.stack([*colours, alpha]), (offset, offset / 2)
    *found, same = picture_loops.levelled(planes, gain=gain, offsets=offsets, bounds=(16, 235))
    assert (same == alpha).all()
    for colour, its_offset, levels in zip(colours, offsets, found, strict=True):
        level = colour * gain + its_offset * shown * COLOUR_SCALE
        expected = level.clip(16 * shown * COLOUR_SCALE, 235 * shown * COLOUR_SCALE)
        assert np.abs(levels - expected).max() <= 0.51
        assert not levels[alpha == 0].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 3), (30, 50)])
@pytest.mark.parametrize("sigmas", [(0.0, 0.7), (0.6, 0.0), (1.3, 1.3), (5.0, 2.5)])
def test_a_blur_is_a_gaussian(size: tuple[int, int], sigmas: tuple[float, float]) -> None:
    plane = np.random.default_rng(2).integers(0, 255 * COLOUR_SCALE, size).astype(np.uint16)
    expected = plane.astype(np.float64)
    for axis, sigma in ((1, sigmas[0]), (0, sigmas[1])):
        reach = int(np.ceil(3 * sigma))
        steps = np.arange(-reach, reach + 1)
        weights = np.exp(-0.5 * (steps / sigma) ** 2) if sigma else np.ones(1)
        places = np.arange(size[axis])
        shifted = (
            np.take(expected, (places + step).clip(0, size[axis] - 1), axis=axis) for step in steps
        )
        expected = sum(
            weight * there for weight, there in zip(weights / weights.sum(), shifted, strict=True)
        )
    for found in picture_loops.blurred(np.stack([plane, plane]), sigmas):
        assert np.abs(found - expected).max() <= 0.51


def test_what_is_even_stays_so() -> None:
    for level in (0, 1, 255 * COLOUR_SCALE):
        planes = np.full((1, 6, 9), level, np.uint16)
        assert (picture_loops.blurred(planes, (2.0, 0.5)) == planes).all()
