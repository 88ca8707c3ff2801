"""Pictures as textures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seldsynth.render.pictures import Picture
from seldsynth.render.scales import ALPHA_SCALE, COLOUR_SCALE
from seldsynth.render.textures import Texture, Woven, as_texture, shadow_texture
from tests.conftest import device_of

CPU = torch.device("cpu")


def mock_picture(
    width: int = 20, height: int = 14, *, alpha: bool = True, half: bool = False, seed: int = 3
) -> Picture:
    """Noise. half: as of a clip, with chroma at half of the size."""
    rng = np.random.default_rng(seed)
    size = (height // 2, width // 2) if half else (height, width)
    luma, chroma = rng.integers(16, 236, (1, height, width)), rng.integers(16, 241, (2, *size))
    if not alpha:
        return Picture(luma.astype(np.uint8), chroma.astype(np.uint8))
    shown = rng.integers(0, ALPHA_SCALE + 1, (height, width))
    own = shown[::2, ::2] if half else shown
    return Picture(
        np.stack([*premultiplied(luma, shown), shown.astype(np.uint16)]),
        np.stack([*premultiplied(chroma, own), own.astype(np.uint16)]),
    )


def premultiplied(levels: NDArray[np.int64], alpha: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Levels in the parts of a picture with alpha, which is in its own."""
    return (levels * alpha * COLOUR_SCALE // ALPHA_SCALE).astype(np.uint16)


def texels_of(texture: Texture) -> NDArray[np.float64]:
    """Levels, and alpha 0..1, [h, w, 4]."""
    assert isinstance(texture, Woven)
    numbers = texture.woven.numpy().view(np.uint64)
    assert not numbers[[0, -2, -1]].any()
    assert not numbers[:, [0, -2, -1]].any()
    channels = (numbers[1:-2, 1:-2, None] >> np.array([0, 16, 32, 48], np.uint64)) & 0xFFFF
    return channels / np.array([4, 4, 4, 1023])


def test_what_is_woven_is_the_picture() -> None:
    """In quarters of a level."""
    picture = mock_picture()
    texture = as_texture(picture, device=CPU)
    assert texture.texels == (20, 14)
    found = texels_of(texture)
    for channel, plane in enumerate((picture.luma[0], *picture.chroma)):
        scale, step = (COLOUR_SCALE, 1 / 4) if channel < 3 else (ALPHA_SCALE, 1 / 1023)
        assert np.abs(found[..., channel] - plane / scale).max() <= step / 2 + 1e-9


@pytest.mark.parametrize("alpha_at_the_edge", [0.0, 0.001, 0.1, 1.0])
@pytest.mark.parametrize("edge", [(0, 5), (-1, 5), (5, 0), (5, -1)])
def test_edges_need_no_drawing_where_nothing_reaches_them(
    edge: tuple[int, int], alpha_at_the_edge: float
) -> None:
    shown = np.zeros((14, 20), np.uint16)
    shown[3:-3, 3:-3] = ALPHA_SCALE
    shown[edge] = round(ALPHA_SCALE * alpha_at_the_edge)
    for own in (shown, shown[::2, ::2]):
        picture = Picture(np.stack([shown] * 2), np.stack([own] * 3))
        texture = as_texture(picture, device=CPU)
        assert texture.reaches_edges == (alpha_at_the_edge > 0.002)
    for half in (False, True):
        assert as_texture(mock_picture(alpha=False, half=half), device=CPU).reaches_edges


def test_a_pole_has_a_shadow() -> None:
    """A picture of one column and 400 rows."""
    texture = shadow_texture(0.5, aspect=1 / 400, device=CPU)
    alpha = texels_of(texture)[..., 3]
    foot = alpha[round(texture.texels[1] * (400 / 400.4 + 1) / 2)]
    assert foot.max() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("aspect", [0.3, 1.0, 4.0])
def test_a_shadow_lies_at_the_foot(aspect: float) -> None:
    """Black, darkest at the middle of the picture's lower edge, and nothing at its own edges."""
    with device_of("torch"):  # whose texels are as fine as a picture's
        texture = shadow_texture(0.5, aspect=aspect, device=CPU)
    assert isinstance(texture, Woven)
    scales = np.array([COLOUR_SCALE] * 3 + [ALPHA_SCALE])
    texels = np.moveaxis(texture.woven.numpy(), 0, -1) / scales
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
