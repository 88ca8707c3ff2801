"""Blue-green-red → YUV, BT.709, limited range: luma 16..235, chroma 16..240 around 128."""

from __future__ import annotations

import torch
from torch import Tensor

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # luma weights; ITU-R BT.709-6, item 3.2


def separated(pixels: Tensor) -> Tensor:
    """Interleaved pixels [h, w, c] uint8 as contiguous planes [c, h, w] float32."""
    return pixels.permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format)


def bgr_to_yuv(bgr: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Luma and chroma of premultiplied colour; quantization as in BT.709-6, item 3.4, unrounded.

    bgr [3, h, w] and alpha [h, w], 0..255, bgr <= alpha. Returns luma [h, w] and chroma
    [2, h, w] (blue, red difference), premultiplied likewise: 16 and 128 times alpha for black.
    """
    blue, green, red = bgr.unbind(0)
    grey = _RED * red + _GREEN * green + _BLUE * blue
    opacity = alpha / 255
    luma = 16 * opacity + grey * (219 / 255)
    blue_difference = (blue - grey) * (224 / 255 / (2 * (1 - _BLUE)))
    red_difference = (red - grey) * (224 / 255 / (2 * (1 - _RED)))
    return luma, torch.stack((blue_difference, red_difference)) + 128 * opacity
