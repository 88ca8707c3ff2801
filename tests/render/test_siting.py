"""Chroma's site among luma's pixels, against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seldsynth.render.siting import left_sited, left_sited_on_gpu


def plain(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    around = (np.roll(pixels, 1, axis=1) + 2 * pixels + np.roll(pixels, -1, axis=1)) / 4
    rows = (around[::2] + around[1::2]) / 2
    return rows[:, ::2]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(2, 2), (6, 10), (8, 12, 4), (64, 128)])
def test_chroma_is_on_the_left(dtype: type, shape: tuple[int, ...]) -> None:
    most = np.iinfo(dtype).max
    pixels = np.random.default_rng(1).integers(0, most + 1, shape).astype(dtype)
    found = left_sited(pixels)
    assert found.dtype == dtype
    assert np.abs(found - plain(pixels.astype(np.float64))).max() <= 1.01
    white = np.full(shape, most, dtype)
    assert (left_sited(white) == most).all()


def test_the_way_of_a_gpu_tells_the_same() -> None:
    planes = torch.rand((3, 8, 10), dtype=torch.float32)
    for plane, found in zip(planes, left_sited_on_gpu(planes), strict=True):
        assert np.abs(found.numpy() - plain(plane.numpy().astype(np.float64))).max() < 1e-6
