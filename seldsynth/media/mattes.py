"""What of a picture is the thing itself: alpha from a mask file, a key colour, or GrabCut."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from seldsynth.errors import MediaError
from seldsynth.media.stills import read_checked_still

Plane = NDArray[np.uint8]

MASK_ENDING = ".mask.png"
"""name.mask.png is the matte of name.jpg or name.mp4."""

_SOFTNESS = 0.5  # of the tolerance: how far beyond it something is half there
_BORDER = 0.06  # of the sides
_KEYED_BORDER = 0.5
_LEAST_KEPT = 0.02
_GRABCUT_SIDE = 320
_GRABCUT_MARGIN = 0.03
_GRABCUT_ROUNDS = 5


def mask_path(path: Path) -> Path:
    """Where the matte of a picture or clip would be."""
    return path.with_name(f"{path.stem}{MASK_ENDING}")


def read_mask(content: bytes, *, name: str | Path) -> Plane:
    """A matte [h, w]: white is kept. Raises MediaError if it cannot be read, or keeps nothing.

    Of a file with alpha, the alpha counts; of others, the brightness.
    """
    pixels = read_checked_still(content, name=name)
    if pixels.shape[2] == 4 and pixels[..., 3].min() < 255:
        mask = np.ascontiguousarray(pixels[..., 3])
    else:
        mask = np.asarray(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    if not mask.any():
        raise MediaError(f"{name}: a mask that keeps nothing; white is what is kept")
    return mask


def with_mask(pixels: Plane, mask: Plane) -> Plane:
    """A picture [h, w, 3 or 4] with its alpha times a matte of any size."""
    height, width = pixels.shape[:2]
    fitted = fitted_mask(mask, width=width, height=height)
    if pixels.shape[2] == 4:
        fitted = np.asarray(cv2.multiply(fitted, pixels[..., 3], scale=1 / 255), dtype=np.uint8)
    return np.dstack((pixels[..., :3], fitted))


def fitted_mask(mask: Plane, *, width: int, height: int) -> Plane:
    """A matte at another size."""
    if mask.shape == (height, width):
        return mask
    shrinks = mask.shape[1] >= width and mask.shape[0] >= height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (width, height), interpolation=how), dtype=np.uint8)


def key_chroma(key_rgb: tuple[int, int, int]) -> tuple[float, float]:
    """Blue and red difference (BT.709, limited range, 128 is none) of a key colour."""
    red, green, blue = key_rgb
    grey = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    scale = 224 / 255
    return 128 + (blue - grey) * scale / 1.8556, 128 + (red - grey) * scale / 1.5748


def keyed_alpha(
    chroma_blue: NDArray[np.generic],
    chroma_red: NDArray[np.generic],
    key_rgb: tuple[int, int, int],
    tolerance: float,
) -> Plane:
    """Alpha of every chroma sample by its distance from the key: 0 within the tolerance.

    tolerance: in levels of chroma; half as much beyond it everything is kept.
    """
    blue, red = key_chroma(key_rgb)
    distance = np.hypot(chroma_blue.astype(np.float32) - blue, chroma_red.astype(np.float32) - red)
    kept = (distance - tolerance) / (tolerance * _SOFTNESS)
    return np.asarray(np.clip(kept, 0, 1) * 255 + 0.5, dtype=np.uint8)


def keyed(pixels: Plane, key_rgb: tuple[int, int, int], tolerance: float) -> Plane:
    """A picture [h, w, 3 or 4], blue first, without what has the key colour."""
    blue, green, red = (pixels[..., channel].astype(np.float32) for channel in range(3))
    grey = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    scale = 224 / 255
    alpha = keyed_alpha(
        128 + (blue - grey) * (scale / 1.8556),
        128 + (red - grey) * (scale / 1.5748),
        key_rgb,
        tolerance,
    )
    return with_mask(pixels, alpha)


def is_keyed(pixels: Plane, key_rgb: tuple[int, int, int], tolerance: float) -> bool:
    """Whether a picture stands before the key colour: half of its border has it, and not all."""
    height, width = pixels.shape[:2]
    across, down = max(1, round(width * _BORDER)), max(1, round(height * _BORDER))
    alpha = keyed(pixels[..., :3], key_rgb, tolerance)[..., 3]
    border = np.ones((height, width), dtype=bool)
    border[down:-down, across:-across] = False
    if float((alpha >= 128).mean()) < _LEAST_KEPT:
        return False
    return float((alpha[border] < 128).mean()) >= _KEYED_BORDER


def grabcut(pixels: Plane) -> Plane:
    """A picture with what GrabCut takes for its foreground, the border being background.

    Rother, Kolmogorov, Blake, "GrabCut", SIGGRAPH 2004; OpenCV's, at up to 320 pixels a side.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _GRABCUT_SIDE / max(width, height))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(pixels[..., :3], size, interpolation=cv2.INTER_AREA)
    across, down = (max(1, round(side * _GRABCUT_MARGIN)) for side in size)
    inner = (across, down, size[0] - 2 * across, size[1] - 2 * down)
    marks = np.zeros(small.shape[:2], dtype=np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its clusters begin at random
    cv2.grabCut(small, marks, inner, *models, _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_RECT)
    kept = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    soft = np.asarray(cv2.GaussianBlur(kept, (3, 3), 0), dtype=np.uint8)
    return with_mask(pixels, soft)


def kept_share(pixels: Plane) -> float:
    """How much of a picture [h, w, 4] its alpha keeps, 0..1."""
    return float(pixels[..., 3].mean()) / 255
