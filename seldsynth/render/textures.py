"""Pictures → textures, which pixels look at.

Those of stills with alpha are woven: luma, blue and red difference and alpha of a texel lie side by
side, so that one look tells all of it. To weave takes as long as two looks: the pictures of clips,
which are seen once or twice each, stay planes, as do those without alpha, which have fewer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render.pictures import Picture
from seldsynth.render.processors import passes_on
from seldsynth.render.projection import Billboard
from seldsynth.render.scales import ALPHA_SCALE, COLOUR_SCALE

_UNSEEN = ALPHA_SCALE // 512  # alpha below it is rounded to nothing
# Deviations of a shadow at a billboard's foot, as parts of half its width; how many of them it has.
_SHADOW_WIDTH, _SHADOW_HEIGHT, _SHADOW_REACH = 0.45, 0.1, 4
_SHADOW_TEXELS = 5  # for a deviation
_MOST_ROWS = 1 << 14  # OpenCV looks at up to 2^15
_BLACK, _NO_COLOUR = 16.0, 128.0


@dataclass(frozen=True, eq=False)
class Planar:
    """A picture whose luma and chroma are looked at by themselves, each as passes take it.

    texels, chroma_texels: how many lie across and down. reaches_edges: whether anything at its
    edges can be seen, so that they need to be drawn.
    """

    luma: Tensor
    chroma: Tensor
    texels: tuple[int, int]
    chroma_texels: tuple[int, int]
    is_opaque: bool
    reaches_edges: bool

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        return self.luma.nbytes + self.chroma.nbytes


@dataclass(frozen=True, eq=False)
class Woven:
    """A picture with alpha of which one look tells all. texels, reaches_edges: see `Planar`."""

    woven: Tensor
    texels: tuple[int, int]
    reaches_edges: bool

    is_opaque = False
    chroma_texels = None

    @property
    def nbytes(self) -> int:
        """Bytes of its tensor."""
        return self.woven.nbytes


Texture = Planar | Woven


def as_texture(picture: Picture, *, device: torch.device) -> Texture:
    """A picture to be looked at on a device."""
    texture = passes_on(device).texture
    luma, chroma = picture.luma, picture.chroma
    reaches_edges = not picture.has_alpha or _reaches_edges(luma[1])
    if picture.has_alpha and chroma[0].shape == luma[0].shape:
        together = np.concatenate((luma[:1], chroma))
        return Woven(texture(together, device), _texels(luma), reaches_edges)
    return Planar(
        luma=texture(luma, device),
        chroma=texture(chroma, device),
        texels=_texels(luma),
        chroma_texels=_texels(chroma),
        is_opaque=not picture.has_alpha,
        reaches_edges=reaches_edges,
    )


def _texels(planes: NDArray[Any]) -> tuple[int, int]:
    _, height, width = planes.shape
    return width, height


def _reaches_edges(alpha: NDArray[Any]) -> bool:
    sides = np.concatenate((alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
    return bool(sides.max() >= _UNSEEN)


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
    picture = Picture(np.stack((black, opacity)), np.stack((grey, grey, opacity)))
    return as_texture(picture, device=device)


def around_shadow(billboard: Billboard) -> Billboard:
    """The billboard of a picture's `shadow_texture`, by that of the picture."""
    return billboard._replace(
        half_width=_SHADOW_REACH * _SHADOW_WIDTH * billboard.half_width,
        half_height=billboard.half_height + _SHADOW_REACH * _SHADOW_HEIGHT * billboard.half_width,
    )
