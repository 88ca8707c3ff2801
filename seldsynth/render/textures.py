"""Pictures → textures: woven so that one look at a texel tells all of it.

A texel is luma, blue and red difference and alpha side by side, in 16 bits of fixed point. What a
frame costs is to look at them, bilinearly: on the CPU by OpenCV's remap, which is several times as
fast as torch's grid_sample there; on a GPU by that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seldsynth.render.pictures import Picture
from seldsynth.render.projection import Billboard, SamplingGrid, in_steps

COLOUR_SCALE = 64
"""A level of colour in a texture."""
ALPHA_SCALE = 8192
"""Opaque, in a texture."""
_UNSEEN = 1 / 512  # alpha that is rounded to nothing
_LEAST_ALPHA = 1 / 1024
# Deviations of a shadow at a billboard's foot, as parts of half its width; how many of them it has.
_SHADOW_WIDTH, _SHADOW_HEIGHT, _SHADOW_REACH = 0.45, 0.1, 4
_SHADOW_TEXELS = 5  # for a deviation
_BLACK, _NO_COLOUR = 16.0, 128.0


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture ready to be looked at.

    texels [h, w, 4]: luma, blue and red difference in parts of COLOUR_SCALE, premultiplied by
    alpha, which is in parts of ALPHA_SCALE; int16, on a GPU the same as float32. reaches_edges:
    whether anything at its edges can be seen, so that they need to be drawn.
    """

    texels: Tensor
    reaches_edges: bool


@dataclass(frozen=True, eq=False)
class Samples:
    """What the pixels of n rectangles see of a texture each; int16.

    wholes [2, n, h, w]: luma and alpha, as a texture has them. halves [3, n, h/2, w/2]: blue and
    red difference and alpha, twice as much.
    """

    wholes: Tensor
    halves: Tensor


def woven(picture: Picture, *, device: torch.device) -> Texture:
    """A picture as a texture."""
    luma = picture.luma[0]
    if not picture.has_alpha:
        texels = _merged([*_fixed(luma, *_spread(picture.chroma, luma)), _opaque(*luma.shape)])
        return Texture(texels=_on(device, texels), reaches_edges=True)
    alpha = picture.luma[1]
    # Chroma comes at half of the resolution, with an alpha of its own.
    half_alpha = picture.chroma[2]
    differences = (one - _NO_COLOUR * half_alpha for one in picture.chroma[:2])
    own_alpha, *colours = _spread((half_alpha, *differences), luma)
    grey, ratio = _NO_COLOUR * alpha, alpha / own_alpha.clamp_min_(_LEAST_ALPHA)
    blue, red = (torch.addcmul(grey, colour, ratio) for colour in colours)
    return _texture(luma, blue, red, alpha, device)


def shadow_texture(strength: float, *, aspect: float, device: torch.device) -> Texture:
    """A soft dark ellipse at the foot of a picture. strength: 1 is black.

    aspect: width / height of the picture. For the billboard that `around_shadow` makes of its own.
    """
    # In halves of the picture's width.
    half_width = _SHADOW_REACH * _SHADOW_WIDTH
    half_height = 1 / aspect + _SHADOW_REACH * _SHADOW_HEIGHT
    width = 2 * math.ceil(half_width / _SHADOW_WIDTH * _SHADOW_TEXELS)
    height = 2 * math.ceil(half_height / _SHADOW_HEIGHT * _SHADOW_TEXELS)
    across = ((np.arange(width) + 0.5) / width * 2 - 1) * half_width
    down = ((np.arange(height) + 0.5) / height * 2 - 1) * half_height
    squares = (across / _SHADOW_WIDTH) ** 2 + ((down[:, None] - 1 / aspect) / _SHADOW_HEIGHT) ** 2
    alpha = torch.from_numpy((strength * np.exp(-0.5 * squares)).astype(np.float32))
    grey = _NO_COLOUR * alpha
    return _texture(_BLACK * alpha, grey, grey, alpha, device)


def around_shadow(billboard: Billboard) -> Billboard:
    """The billboard of a picture's `shadow_texture`, by that of the picture."""
    return replace(
        billboard,
        half_width=_SHADOW_REACH * _SHADOW_WIDTH * billboard.half_width,
        half_height=billboard.half_height + _SHADOW_REACH * _SHADOW_HEIGHT * billboard.half_width,
    )


def _texture(
    luma: Tensor, blue: Tensor, red: Tensor, alpha: Tensor, device: torch.device
) -> Texture:
    """Planes [h, w] side by side: luma, blue and red difference 0..255, alpha 0..1."""
    texels = _merged([*_fixed(luma, blue, red), *_fixed(alpha, scale=ALPHA_SCALE)])
    border = torch.cat((alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
    return Texture(texels=_on(device, texels), reaches_edges=bool(border.max() > _UNSEEN))


def _fixed(*planes: Tensor, scale: int = COLOUR_SCALE) -> Iterator[NDArray[np.int16]]:
    half = torch.tensor(0.5)
    for plane in planes:
        yield torch.add(half, plane, alpha=scale).to(torch.int16).numpy()


@lru_cache(maxsize=8)  # frames of a clip are of one size
def _opaque(height: int, width: int) -> NDArray[np.int16]:
    return np.full((height, width), ALPHA_SCALE, np.int16)


def _merged(planes: list[NDArray[np.int16]]) -> Tensor:
    return torch.from_numpy(np.asarray(cv2.merge(planes), np.int16))


def _on(device: torch.device, texels: Tensor) -> Tensor:
    return texels if device.type == "cpu" else texels.to(device).float()


def _spread(halves: Iterable[Tensor], whole: Tensor) -> Iterator[Tensor]:
    """Planes of chroma as large as one of luma."""
    size = whole.shape[::-1]
    for half in halves:
        plane = cv2.resize(half.numpy(), size, interpolation=cv2.INTER_LINEAR)
        yield torch.from_numpy(np.asarray(plane, np.float32))


def sampled(textures: Sequence[Texture], grid: SamplingGrid) -> Samples:
    """What pixels see of n textures of one size: bilinear, and nothing outside.

    Chroma samples sit on the left one of two luma pixels and between two rows (H.264's default
    siting): they see a quarter, a half and a quarter of three pixels, on the mean of two rows.
    """
    on_cpu = grid.positions.is_cpu
    seen = (_sampled_on_cpu if on_cpu else _sampled_on_gpu)(textures, grid.positions)
    if grid.coverage is None:
        return seen
    coverage = grid.coverage
    half_sums = _half_sums_on_cpu if on_cpu else _half_sums_on_gpu
    return Samples(
        wholes=_part(seen.wholes, coverage[..., 1:]),
        halves=_part(seen.halves, in_steps(half_sums(coverage).mul_(0.5))),
    )


def _part(values: Tensor, share: Tensor) -> Tensor:
    return torch.mul(values, share).add_(0.5).to(torch.int16)


def _sampled_on_cpu(textures: Sequence[Texture], positions: Tensor) -> Samples:
    _, count, height, width = positions.shape
    x, y = positions.view(2, count * height, width).numpy()
    seen = np.empty((count * height, width, 4), np.uint16)
    first = 0
    for texture, same in groupby(textures):  # what shows the same is looked at at once
        rows = slice(first, first + height * len(list(same)))
        cv2.remap(
            texture.texels.numpy().view(np.uint16),
            *(x[rows], y[rows]),
            cv2.INTER_LINEAR,
            dst=seen[rows],
            borderMode=cv2.BORDER_CONSTANT,
        )
        first = rows.stop
    wholes = np.empty((2, count * height, width - 1), np.uint16)
    cv2.mixChannels([seen[:, 1:]], [*wholes], [0, 0, 3, 1])
    means = _half_sums(seen)
    halves = np.empty((3, *means.shape[:2]), np.uint16)
    cv2.mixChannels([means], [*halves], [1, 0, 2, 1, 3, 2])
    return Samples(
        wholes=torch.from_numpy(wholes.view(np.int16)).view(2, count, height, -1),
        halves=torch.from_numpy(halves.view(np.int16)).view(3, count, height // 2, -1),
    )


def _half_sums(pixels: NDArray[Any]) -> NDArray[Any]:
    """Twice what chroma sees of pixels [h, w + 1, ...]: [h/2, w/2, ...]."""
    size = (pixels.shape[1] // 2, pixels.shape[0] // 2)
    return cv2.add(
        cv2.resize(pixels[:, 1:], size, interpolation=cv2.INTER_AREA),
        cv2.resize(pixels[:, :-1], size, interpolation=cv2.INTER_AREA),
    )


def _half_sums_on_cpu(planes: Tensor) -> Tensor:
    count, height, width = planes.shape
    sums = _half_sums(planes.view(count * height, width).numpy())
    return torch.from_numpy(sums).view(count, height // 2, -1)


def _sampled_on_gpu(textures: Sequence[Texture], positions: Tensor) -> Samples:
    texels = torch.stack([texture.texels for texture in textures]).permute(0, 3, 1, 2)
    sides = positions.new_tensor((texels.shape[3], texels.shape[2]))
    grid = (positions.permute(1, 2, 3, 0) + 0.5) * (2 / sides) - 1  # [n, h, w + 1, 2], -1..1
    seen = functional.grid_sample(texels, grid, padding_mode="zeros", align_corners=False)
    luma, *others = seen.round_().unbind(1)
    halves = torch.stack([_half_sums_on_gpu(plane) for plane in others]).round_()
    wholes = torch.stack((luma, others[-1]))[..., 1:]
    return Samples(wholes=wholes.to(torch.int16), halves=halves.to(torch.int16))


def _half_sums_on_gpu(planes: Tensor) -> Tensor:
    """Twice what chroma sees of planes [n, h, w + 1]: [n, h/2, w/2]."""
    return functional.avg_pool2d(planes[..., 1:], 2) + functional.avg_pool2d(planes[..., :-1], 2)
