"""What is done to pictures before they become textures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from seldsynth.plan import LookPlan
from seldsynth.render.pictures import Picture, changed, level_for
from seldsynth.render.scales import ALPHA_SCALE, COLOUR_SCALE
from tests.render.test_textures import mock_picture

LEVELLED = LookPlan(
    luma_gain=1.3, luma_offset=-40, chroma_gain=0.6, blue_offset=9, red_offset=-3, blur_px=0
)


def with_alpha(picture: Picture, alpha: float = 1.0) -> Picture:
    """An opaque picture as one that is as opaque everywhere."""
    scale = COLOUR_SCALE * alpha
    luma, *chroma = (
        np.rint(plane * scale).astype(np.uint16) for plane in (*picture.luma, *picture.chroma)
    )
    of_luma, of_chroma = (
        np.full_like(plane, round(ALPHA_SCALE * alpha)) for plane in (luma, chroma[0])
    )
    return Picture(np.stack([luma, of_luma]), np.stack([*chroma, of_chroma]))


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("alpha", [1.0, 0.25])
def test_levels_are_those_of_plain_arithmetic(half: bool, alpha: float) -> None:
    """Premultiplied or not; cut off where video ends."""
    picture = mock_picture(alpha=False, half=half)
    grey = picture.luma[0] * 1.3 - 40
    colours = [
        (plane - 128.0) * 0.6 + 128 + offset
        for plane, offset in zip(picture.chroma, (9, -3), strict=True)
    ]
    expected = [grey.clip(16, 235), *(colour.clip(16, 240) for colour in colours)]
    assert (grey < 16).any()
    assert (grey > 235).any()
    look = LEVELLED
    opaque = changed(picture, look, texels_per_px=0)
    for plane, there in zip((*opaque.luma, *opaque.chroma), expected, strict=True):
        assert plane.dtype == np.uint8
        assert np.abs(plane - there).max() <= 0.5
    through = changed(with_alpha(picture, alpha), look, texels_per_px=0)
    found = (through.luma[0], *through.chroma[:2])
    for plane, there in zip(found, expected, strict=True):
        assert np.abs(plane / (COLOUR_SCALE * alpha) - there).max() <= 0.1
    for plane in (through.luma[1], through.chroma[2]):
        assert (plane == round(ALPHA_SCALE * alpha)).all()


@pytest.mark.parametrize("half", [False, True])
def test_blur_is_a_gaussian_in_canvas_pixels(half: bool) -> None:
    picture = mock_picture(60, 40, alpha=False, half=half)
    blurred = changed(picture, LookPlan(blur_px=1.5), texels_per_px=2)
    expected = cv2.GaussianBlur(
        picture.luma[0].astype(np.float64), (0, 0), 3, borderType=cv2.BORDER_REPLICATE
    )
    assert np.abs(blurred.luma[0] - expected).max() <= 1.5
    # Chroma as large as luma is averaged over the luma pixels of its own as well.
    across, down = (1.5, 1.5) if half else (np.sqrt(9 + 2), np.sqrt(9 + 1))
    for plane, there in zip(picture.chroma, blurred.chroma, strict=True):
        own = cv2.GaussianBlur(
            plane.astype(np.float64), (0, 0), across, sigmaY=down, borderType=cv2.BORDER_REPLICATE
        )
        assert np.abs(there - own).max() <= 1.5


def test_what_is_woven_is_not_averaged_for_chroma() -> None:
    """The compositor does that, from what luma's pixels see."""
    for picture in (mock_picture(), mock_picture(half=True), mock_picture(alpha=False, half=True)):
        same = changed(picture, LookPlan(), texels_per_px=2)
        assert same.luma is picture.luma
        assert same.chroma is picture.chroma


@pytest.mark.parametrize(
    ("seen", "level"), [(5000, 0), (1000, 0), (500, 0), (499, 1), (250, 1), (249, 2), (3, 8)]
)
def test_a_picture_has_at_most_two_texels_a_pixel(seen: float, level: int) -> None:
    found = level_for(width=1000, height=500, seen_width=seen, seen_height=seen / 2)
    assert found == level
