"""Pictures → textures, and what can be seen of them: bilinear, in 16 bits of fixed point.

Those of stills are woven: luma, blue and red difference and alpha of a texel lie side by side, so
that one look tells all of it. To weave takes as long as two looks, so that the pictures of clips,
which are seen once or twice each, stay planes. Looked at they are on the CPU by OpenCV's remap,
which is faster there than torch's grid_sample (what is woven more than twice), on a GPU by that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seldsynth.render.pictures import Picture
from seldsynth.render.projection import Billboard, SamplingGrid

COLOUR_SCALE = 64
"""A level of colour in a texture."""
ALPHA_SCALE = 8192
"""Opaque, in a texture."""
_UNSEEN = 1 / 512  # alpha below it is rounded to nothing
# Deviations of a shadow at a billboard's foot, as parts of half its width; how many of them it has.
_SHADOW_WIDTH, _SHADOW_HEIGHT, _SHADOW_REACH = 0.45, 0.1, 4
_SHADOW_TEXELS = 5  # for a deviation
_BLACK, _NO_COLOUR = 16.0, 128.0


@dataclass(frozen=True, eq=False)
class Woven:
    """A picture to be looked at again and again.

    texels [h, w, 4]: luma, blue and red difference in parts of COLOUR_SCALE, premultiplied by
    alpha, which is in parts of ALPHA_SCALE; int16, on a GPU the same as float32. reaches_edges:
    whether anything at its edges can be seen, so that they need to be drawn.
    """

    texels: Tensor
    reaches_edges: bool
    is_opaque: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, and how many channels."""
        height, width, channels = self.texels.shape
        return height, width, channels


@dataclass(frozen=True, eq=False)
class Planar:
    """A picture to be looked at once, on a device; otherwise as it was; see `Picture`."""

    picture: Picture
    reaches_edges: bool

    @property
    def is_opaque(self) -> bool:
        """Whether it has no alpha."""
        return not self.picture.has_alpha

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, and how many channels."""
        channels, height, width = self.picture.luma.shape
        return height, width, channels + 2


Texture = Woven | Planar


@dataclass(frozen=True, eq=False)
class Samples:
    """What the pixels of n rectangles see of a texture each, as far as they are covered; int16.

    luma and alpha [n, h, w], as a texture has them; chroma [2, n, h/2, w/2] and its alpha
    [n, h/2, w/2] are twice as much. alphas: None of planes that are opaque.
    """

    luma: Tensor
    chroma: Tensor
    alphas: tuple[Tensor, Tensor] | None


def woven(picture: Picture, *, device: torch.device) -> Woven:
    """A picture with chroma as large as luma as a texture for many frames."""
    luma = picture.luma[0]
    alpha = picture.luma[1] if picture.has_alpha else torch.ones_like(luma)
    made = _texture(luma, picture.chroma[0], picture.chroma[1], alpha, device)
    return replace(made, is_opaque=not picture.has_alpha)


def planar(picture: Picture, *, device: torch.device) -> Planar:
    """A picture as a texture for a frame or two."""
    reaches_edges = not picture.has_alpha or _reaches_edges(picture.luma[1])
    on_device = Picture(luma=picture.luma.to(device), chroma=picture.chroma.to(device))
    return Planar(on_device, reaches_edges)


def shadow_texture(strength: float, *, aspect: float, device: torch.device) -> Woven:
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


def _texture(luma: Tensor, blue: Tensor, red: Tensor, alpha: Tensor, device: torch.device) -> Woven:
    """Planes [h, w] side by side: luma, blue and red difference 0..255, alpha 0..1."""
    scales = (COLOUR_SCALE, COLOUR_SCALE, COLOUR_SCALE, ALPHA_SCALE)
    planes = zip((luma, blue, red, alpha), scales, strict=True)
    fixed = [_fixed(plane, scale).numpy() for plane, scale in planes]
    texels = torch.from_numpy(np.asarray(cv2.merge(fixed), np.int16))
    on_device = texels if device.type == "cpu" else texels.to(device).float()
    return Woven(on_device, reaches_edges=_reaches_edges(alpha), is_opaque=False)


def _fixed(values: Tensor, scale: int) -> Tensor:
    """Values, none of them negative, in parts of scale."""
    return torch.add(values.new_full((), 0.5), values, alpha=scale).to(torch.int16)


def _reaches_edges(alpha: Tensor) -> bool:
    border = torch.cat((alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
    return bool(border.max() >= _UNSEEN)


def sampled(textures: Sequence[Texture], grid: SamplingGrid) -> Samples:
    """What pixels see of n textures of one kind and size: bilinear, and nothing outside.

    Chroma samples sit on the left one of two luma pixels and between two rows (H.264's default
    siting). Of what is woven they see a quarter, a half and a quarter of three pixels, on the mean
    of two rows; of planes, the one place in their midst.
    """
    on_cpu = grid.positions.is_cpu
    pictures = [texture.picture for texture in textures if isinstance(texture, Planar)]
    if len(pictures) == len(textures):
        return _planar(pictures, grid, on_cpu=on_cpu)
    texels = [texture.texels for texture in textures if isinstance(texture, Woven)]
    if len(texels) != len(textures):
        raise ValueError("textures of two kinds")
    wholes, halves = (_woven_on_cpu if on_cpu else _woven_on_gpu)(texels, grid.positions)
    if grid.coverage is not None and grid.half_coverage is not None:
        wholes = torch.mul(wholes, grid.coverage[..., 1:]).add_(0.5).to(torch.int16)
        halves = torch.mul(halves, grid.half_coverage).add_(0.5).to(torch.int16)
    return Samples(luma=wholes[0], chroma=halves[:2], alphas=(wholes[1], halves[2]))


def _planar(pictures: Sequence[Picture], grid: SamplingGrid, *, on_cpu: bool) -> Samples:
    look = _look_on_cpu if on_cpu else _look_on_gpu
    wholes = look([picture.luma for picture in pictures], grid.positions[..., 1:])
    halves = look([picture.chroma for picture in pictures], grid.half_positions)
    if grid.coverage is not None and grid.half_coverage is not None:
        wholes.mul_(grid.coverage[..., 1:])
        halves.mul_(grid.half_coverage)
    alphas = None
    if pictures[0].has_alpha:
        alphas = _fixed(wholes[1], ALPHA_SCALE), _fixed(halves[2], 2 * ALPHA_SCALE)
    return Samples(
        luma=_fixed(wholes[0], COLOUR_SCALE),
        chroma=_fixed(halves[:2], 2 * COLOUR_SCALE),
        alphas=alphas,
    )


def _look_on_cpu(planes: Sequence[Tensor], positions: Tensor) -> Tensor:
    """What pixels see of n times c planes [h, w]: [c, n, h, w]."""
    _, count, height, width = positions.shape
    x, y = positions.numpy()
    seen = np.empty((len(planes[0]), count, height, width), np.float32)
    for index, some in enumerate(planes):
        for plane, target in zip(some.numpy(), seen[:, index], strict=True):
            _remap(plane, x[index], y[index], target)
    return torch.from_numpy(seen)


def _look_on_gpu(planes: Sequence[Tensor], positions: Tensor) -> Tensor:
    return _grid_sampled(torch.stack([*planes]), positions).transpose(0, 1)


def _remap(
    texels: NDArray[Any], x: NDArray[np.float32], y: NDArray[np.float32], seen: NDArray[Any]
) -> None:
    done = cv2.remap(texels, x, y, cv2.INTER_LINEAR, dst=seen, borderMode=cv2.BORDER_CONSTANT)
    assert np.shares_memory(done, seen)


def _grid_sampled(texels: Tensor, positions: Tensor) -> Tensor:
    """Texels [n, c, h, w] at positions [2, n, h', w']: [n, c, h', w']."""
    sides = positions.new_tensor((texels.shape[3], texels.shape[2]))
    places = (positions.permute(1, 2, 3, 0) + 0.5) * (2 / sides) - 1  # -1..1, from edge to edge
    return functional.grid_sample(texels, places, padding_mode="zeros", align_corners=False)


def _woven_on_cpu(texels: Sequence[Tensor], positions: Tensor) -> tuple[Tensor, Tensor]:
    """Luma and alpha [2, n, h, w]; twice blue and red difference and alpha [3, n, h/2, w/2]."""
    _, count, height, width = positions.shape
    x, y = positions.view(2, count * height, width).numpy()
    seen = np.empty((count * height, width, 4), np.uint16)
    first = 0
    for _, same in groupby(texels, id):  # what shows the same is looked at at once
        some = list(same)
        rows = slice(first, first + height * len(some))
        _remap(some[0].numpy().view(np.uint16), x[rows], y[rows], seen[rows])
        first = rows.stop
    wholes = np.empty((2, count * height, width - 1), np.uint16)
    cv2.mixChannels([seen[:, 1:]], [*wholes], [0, 0, 3, 1])
    means = _half_sums(seen)
    halves = np.empty((3, *means.shape[:2]), np.uint16)
    cv2.mixChannels([means], [*halves], [1, 0, 2, 1, 3, 2])
    return (
        torch.from_numpy(wholes.view(np.int16)).view(2, count, height, -1),
        torch.from_numpy(halves.view(np.int16)).view(3, count, height // 2, -1),
    )


def _woven_on_gpu(texels: Sequence[Tensor], positions: Tensor) -> tuple[Tensor, Tensor]:
    seen = _grid_sampled(torch.stack([*texels]).permute(0, 3, 1, 2), positions).round_()
    luma, *others = seen.unbind(1)
    halves = torch.stack([_half_sums_on_gpu(plane) for plane in others]).round_()
    wholes = torch.stack((luma, others[-1]))[..., 1:]
    return wholes.to(torch.int16), halves.to(torch.int16)


def _half_sums(pixels: NDArray[Any]) -> NDArray[Any]:
    """Twice what chroma sees of pixels [h, w + 1, ...]: [h/2, w/2, ...]."""
    size = (pixels.shape[1] // 2, pixels.shape[0] // 2)
    return cv2.add(
        cv2.resize(pixels[:, 1:], size, interpolation=cv2.INTER_AREA),
        cv2.resize(pixels[:, :-1], size, interpolation=cv2.INTER_AREA),
    )


def _half_sums_on_gpu(planes: Tensor) -> Tensor:
    """Twice what chroma sees of planes [n, h, w + 1]: [n, h/2, w/2]."""
    return functional.avg_pool2d(planes[..., 1:], 2) + functional.avg_pool2d(planes[..., :-1], 2)
