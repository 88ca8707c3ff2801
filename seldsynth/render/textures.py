"""Pictures → textures, and what can be seen of them: bilinear.

Those of stills with alpha are woven: luma, blue and red difference and alpha of a texel lie side by
side, so that one look tells all of it. To weave takes as long as two looks: the pictures of clips,
which are seen once or twice each, stay planes, as do those without alpha, which have fewer. Looked
at they are on the CPU by OpenCV's remap, which is many times as fast there as torch's grid_sample,
on a GPU by that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seldsynth.render.pictures import ALPHA_SCALE, COLOUR_SCALE, Picture
from seldsynth.render.projection import Billboard, SamplingGrid
from seldsynth.render.siting import left_sited, left_sited_on_gpu

_UNSEEN = ALPHA_SCALE // 512  # alpha below it is rounded to nothing
# Deviations of a shadow at a billboard's foot, as parts of half its width; how many of them it has.
_SHADOW_WIDTH, _SHADOW_HEIGHT, _SHADOW_REACH = 0.45, 0.1, 4
_SHADOW_TEXELS = 5  # for a deviation
_MOST_ROWS = 1 << 14  # OpenCV looks at up to 2^15
_BLACK, _NO_COLOUR = 16.0, 128.0


@dataclass(frozen=True, eq=False)
class Planar:
    """A picture as planes.

    luma [1, h, w], chroma [2, h', w'], uint8; with alpha after them, [2, h, w] and [3, h', w'],
    int16; see `Picture`. On a GPU they are float32. reaches_edges: whether anything at its edges
    can be seen, so that they need to be drawn.
    """

    luma: Tensor
    chroma: Tensor
    reaches_edges: bool

    @property
    def is_opaque(self) -> bool:
        """Whether it has no alpha."""
        return len(self.luma) == 1

    @property
    def texels(self) -> tuple[int, int]:
        """How many of luma lie across and down."""
        return self.luma.shape[2], self.luma.shape[1]

    @property
    def chroma_texels(self) -> tuple[int, int]:
        """How many of chroma lie across and down."""
        return self.chroma.shape[2], self.chroma.shape[1]


@dataclass(frozen=True, eq=False)
class Woven:
    """A picture with alpha.

    woven [h, w, 4]: luma, blue and red difference and alpha, int16; see `Picture`. On a GPU they
    are float32. reaches_edges: see `Planar`.
    """

    woven: Tensor
    reaches_edges: bool

    is_opaque = False
    chroma_texels = None

    @property
    def texels(self) -> tuple[int, int]:
        """How many lie across and down."""
        return self.woven.shape[1], self.woven.shape[0]


Texture = Planar | Woven


def as_texture(picture: Picture, *, device: torch.device) -> Texture:
    """A picture to be looked at on a device."""

    def on_device(pixels: NDArray[Any]) -> Tensor:
        signed = pixels if pixels.dtype == np.uint8 else pixels.view(np.int16)
        tensor = torch.from_numpy(signed)
        return tensor if device.type == "cpu" else tensor.to(device).float()

    luma, chroma = picture.luma, picture.chroma
    reaches_edges = not picture.has_alpha or _reaches_edges(luma[1])
    if picture.has_alpha and chroma[0].shape == luma[0].shape:
        woven = np.asarray(cv2.merge([luma[0], *chroma]))
        return Woven(on_device(woven), reaches_edges)
    planes = luma[0][None] if len(luma) == 1 else np.stack(luma)
    return Planar(on_device(planes), on_device(np.stack(chroma)), reaches_edges)


def _reaches_edges(alpha: NDArray[Any]) -> bool:
    sides = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
    return any(bool(side.max() >= _UNSEEN) for side in sides)


def shadow_texture(strength: float, *, aspect: float, device: torch.device) -> Texture:
    """A soft dark ellipse at the foot of a picture. strength: 1 is black.

    aspect: width / height of the picture. For the billboard that `around_shadow` makes of its own.
    """
    # In halves of the picture's width.
    half_width = _SHADOW_REACH * _SHADOW_WIDTH
    half_height = 1 / aspect + _SHADOW_REACH * _SHADOW_HEIGHT
    width = 2 * math.ceil(half_width / _SHADOW_WIDTH * _SHADOW_TEXELS)
    height = min(2 * math.ceil(half_height / _SHADOW_HEIGHT * _SHADOW_TEXELS), _MOST_ROWS)
    across = ((np.arange(width) + 0.5) / width * 2 - 1) * half_width
    down = ((np.arange(height) + 0.5) / height * 2 - 1) * half_height
    squares = (across / _SHADOW_WIDTH) ** 2 + ((down[:, None] - 1 / aspect) / _SHADOW_HEIGHT) ** 2
    alpha = strength * np.exp(-0.5 * squares)
    opacity, black, grey = (
        np.rint(part * alpha).astype(np.uint16)
        for part in (ALPHA_SCALE, _BLACK * COLOUR_SCALE, _NO_COLOUR * COLOUR_SCALE)
    )
    return as_texture(Picture([black, opacity], [grey, grey, opacity]), device=device)


def around_shadow(billboard: Billboard) -> Billboard:
    """The billboard of a picture's `shadow_texture`, by that of the picture."""
    return replace(
        billboard,
        half_width=_SHADOW_REACH * _SHADOW_WIDTH * billboard.half_width,
        half_height=billboard.half_height + _SHADOW_REACH * _SHADOW_HEIGHT * billboard.half_width,
    )


def looked_at(textures: Sequence[Texture], grid: SamplingGrid) -> tuple[Tensor, Tensor]:
    """What luma and chroma of n rectangles see of n textures of one kind and size.

    Bilinear, and nothing outside. Returns luma [c, n, h, w] and chroma [c', n, h/2, w/2], with the
    planes of a picture: int16, those of opaque ones uint8.
    """
    planar = [texture for texture in textures if isinstance(texture, Planar)]
    woven = [texture.woven for texture in textures if isinstance(texture, Woven)]
    if planar and woven:
        raise ValueError("textures of two kinds")
    on_cpu = grid.luma.is_cpu
    if woven:
        return (_woven_on_cpu if on_cpu else _woven_on_gpu)(woven, grid.luma)
    if grid.chroma is None:
        raise ValueError("nobody says where chroma looks")
    look = _look_on_cpu if on_cpu else _look_on_gpu
    luma, chroma = [one.luma for one in planar], [one.chroma for one in planar]
    return look(luma, grid.luma), look(chroma, grid.chroma)


def _look_on_cpu(planes: Sequence[Tensor], positions: Tensor) -> Tensor:
    """What pixels see of n times c planes [h, w]: [c, n, h, w]."""
    seen = torch.empty((len(planes[0]), *positions.shape[1:]), dtype=planes[0].dtype)
    for some, rows in _runs(planes):
        for plane, target in zip(some, seen[:, rows], strict=True):
            _remap(plane, positions[:, rows], target)
    return seen


def _runs(textures: Sequence[Tensor]) -> Iterator[tuple[Tensor, slice]]:
    """Neighbours that are the same, which are looked at at once: it, and which they are."""
    first = 0
    for _, same in groupby(textures, id):
        some = list(same)
        yield some[0], slice(first, first + len(some))
        first += len(some)


def _remap(texels: Tensor, positions: Tensor, seen: Tensor) -> None:
    """Texels [h, w, ...] at positions [2, n, h', w'], into [n, h', w', ...]."""
    x, y = positions.flatten(1, 2).numpy()
    target = _unsigned(seen.flatten(0, 1))
    how = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_CONSTANT}
    done = cv2.remap(_unsigned(texels), x, y, dst=target, **how)
    assert np.shares_memory(done, target)


def _unsigned(pixels: Tensor) -> NDArray[Any]:
    """As OpenCV takes them."""
    array = pixels.numpy()
    return array if array.dtype == np.uint8 else array.view(np.uint16)


def _look_on_gpu(planes: Sequence[Tensor], positions: Tensor) -> Tensor:
    seen = _grid_sampled(torch.stack([*planes]), positions)
    return seen.transpose(0, 1).round_().to(torch.int16)


def _grid_sampled(texels: Tensor, positions: Tensor) -> Tensor:
    """Texels [n, c, h, w] at positions [2, n, h', w']: [n, c, h', w']."""
    sides = positions.new_tensor((texels.shape[3], texels.shape[2]))
    places = (positions.permute(1, 2, 3, 0) + 0.5) * (2 / sides) - 1  # -1..1, from edge to edge
    return functional.grid_sample(texels, places, padding_mode="zeros", align_corners=False)


def _woven_on_cpu(texels: Sequence[Tensor], positions: Tensor) -> tuple[Tensor, Tensor]:
    """Luma and alpha [2, n, h, w]; blue and red difference and alpha [3, n, h/2, w/2]."""
    _, count, height, width = positions.shape
    seen = torch.empty((count, height, width, 4), dtype=torch.int16)
    for some, rows in _runs(texels):
        _remap(some, positions[:, rows], seen[rows])
    pixels = _unsigned(seen.flatten(0, 1))
    wholes = np.empty((2, count * height, width), np.uint16)
    cv2.mixChannels([pixels], [*wholes], [0, 0, 3, 1])
    sited = left_sited(pixels)
    halves = np.empty((3, *sited.shape[:2]), np.uint16)
    cv2.mixChannels([sited], [*halves], [1, 0, 2, 1, 3, 2])
    return (
        torch.from_numpy(wholes.view(np.int16)).view(2, count, height, width),
        torch.from_numpy(halves.view(np.int16)).view(3, count, height // 2, width // 2),
    )


def _woven_on_gpu(texels: Sequence[Tensor], positions: Tensor) -> tuple[Tensor, Tensor]:
    seen = _grid_sampled(torch.stack([*texels]).permute(0, 3, 1, 2), positions).round_()
    luma, *others = seen.unbind(1)
    halves = torch.stack([left_sited_on_gpu(plane) for plane in others]).round_()
    return torch.stack((luma, others[-1])).to(torch.int16), halves.to(torch.int16)
