"""What of a picture is the thing itself: alpha from a mask file, a key colour, or GrabCut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seldsynth.errors import MediaError
from seldsynth.media.stills import read_checked_still

Plane = NDArray[np.uint8]

MASK_ENDING = ".mask.png"
"""name.mask.png is the matte of name.jpg or name.mp4."""
LEAST_KEPT, MOST_KEPT = 0.05, 0.95
"""Of a picture from which something is cut out: less, or more, is no outline."""

_SOFTNESS = 0.5  # of the tolerance: how far beyond it something is half there
_BORDER = 0.06  # of the sides
_KEYED_BORDER = 0.5
_LEAST_KEYED = 0.02
_GRABCUT_SIDE = 320
_GRABCUT_MARGIN = 0.03
_GRABCUT_ROUNDS = 5
_OPAQUE = 128
_GRABCUT_SPECK, _SPECK = 0.05, 0.005  # of the area of the largest part
_MARGIN = 0.01  # of the longer side
_LEAST_MARGIN_PX = 2
_KEY_REACH = 2.0  # tolerances from the wished key to that of the screen, at most


Sides = tuple[int, int, int, int]
"""Left, top, right, bottom of a box in pixels; the last two are the first ones outside."""


@dataclass(frozen=True, kw_only=True)
class Crop:
    """Pixels x <= column < x + width, y <= row < y + height of a picture; all even."""

    x: Annotated[int, Field(ge=0, multiple_of=2)]
    y: Annotated[int, Field(ge=0, multiple_of=2)]
    width: Annotated[int, Field(ge=2, multiple_of=2)]
    height: Annotated[int, Field(ge=2, multiple_of=2)]


def kept_box(alpha: Plane) -> Sides | None:
    """Where an alpha [h, w] keeps something: left, top, right, bottom; specks do not count.

    None if nothing is at least half there.
    """
    kept = (alpha >= _OPAQUE).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(kept, connectivity=8)
    parts = parts[1:]
    if not len(parts):
        return None
    areas = parts[:, cv2.CC_STAT_AREA]
    parts = parts[areas >= _SPECK * areas.max()]
    left, top = (int(parts[:, side].min()) for side in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP))
    right = int((parts[:, cv2.CC_STAT_LEFT] + parts[:, cv2.CC_STAT_WIDTH]).max())
    bottom = int((parts[:, cv2.CC_STAT_TOP] + parts[:, cv2.CC_STAT_HEIGHT]).max())
    return left, top, right, bottom


def joined(a: Sides | None, b: Sides | None) -> Sides | None:
    """The box around two boxes."""
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def overlap(a: Sides | None, b: Sides | None) -> Sides | None:
    """The box that two boxes share; None if they share nothing."""
    if a is None or b is None:
        return None
    left, top, right, bottom = (
        *(max(a[0], b[0]), max(a[1], b[1])),
        *(min(a[2], b[2]), min(a[3], b[3])),
    )
    return (left, top, right, bottom) if left < right and top < bottom else None


def crop_around(box: Sides, *, width: int, height: int) -> Crop | None:
    """A crop with a box of `kept_box` in its middle, and a margin; None for the whole picture.

    width, height: of the picture.
    """
    left, top, right, bottom = box
    margin = max(_LEAST_MARGIN_PX, round(_MARGIN * max(right - left, bottom - top)))
    across = min(margin, left, width - right)
    down = min(margin, top, height - bottom)
    x, y = (left - across) // 2 * 2, (top - down) // 2 * 2
    right = min(right + across + (right + across - x) % 2, width // 2 * 2)
    bottom = min(bottom + down + (bottom + down - y) % 2, height // 2 * 2)
    crop_width, crop_height = right - x, bottom - y
    if min(crop_width, crop_height) < 2 or (crop_width >= width - 1 and crop_height >= height - 1):
        return None
    return Crop(x=x, y=y, width=crop_width, height=crop_height)


def cropped(pixels: Plane, crop: Crop | None, *, step: int = 1) -> Plane:
    """A crop of a picture [h, w, ...], a view of it. step: 2 for planes of half its size."""
    if crop is None:
        return pixels
    left, top = crop.x // step, crop.y // step
    right, bottom = left + max(1, crop.width // step), top + max(1, crop.height // step)
    return pixels[top:bottom, left:right]


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


def screen_colour(
    pixels: Plane, key_rgb: tuple[int, int, int], tolerance: float
) -> tuple[int, int, int] | None:
    """The colour of the screen that a picture [h, w, 3 or 4] stands before: red, green, blue.

    Half of its border has it, within the tolerance, and not all of the picture; it is no farther
    from the wished key than twice the tolerance. None if there is no such screen.
    """
    height, width = pixels.shape[:2]
    across, down = max(1, round(width * _BORDER)), max(1, round(height * _BORDER))
    is_border = np.ones((height, width), dtype=bool)
    is_border[down:-down, across:-across] = False
    border = pixels[is_border][:, None, :3]
    near = keyed(border, key_rgb, _KEY_REACH * tolerance)[..., 3] == 0
    if float(near.mean()) < _KEYED_BORDER:
        return None
    blue, green, red = (int(one) for one in np.median(border[near], axis=0))
    screen = (red, green, blue)
    alpha = keyed(pixels[..., :3], screen, tolerance)[..., 3]
    kept = float((alpha >= _OPAQUE).mean())
    hidden = float((alpha[is_border] < _OPAQUE).mean())
    return screen if kept >= _LEAST_KEYED and hidden >= _KEYED_BORDER else None


def grabcut(pixels: Plane) -> Plane:
    """A picture with what GrabCut takes for its foreground, the border being background.

    Rother, Kolmogorov, Blake, "GrabCut", SIGGRAPH 2004; OpenCV's, at up to 320 pixels a side.
    Specks are left out.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _GRABCUT_SIDE / max(width, height))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(pixels[..., :3], size, interpolation=cv2.INTER_AREA)
    return with_mask(pixels, _foreground(small.tobytes(), *size))


@lru_cache(maxsize=128)  # a plan and its rendering ask for the same pictures
def _foreground(content: bytes, width: int, height: int) -> Plane:
    """GrabCut's mask [h, w] of a small picture, blue first."""
    small = np.frombuffer(content, np.uint8).reshape(height, width, 3)
    across, down = (max(1, round(side * _GRABCUT_MARGIN)) for side in (width, height))
    inner = (across, down, width - 2 * across, height - 2 * down)
    marks = np.zeros(small.shape[:2], dtype=np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its clusters begin at random
    cv2.grabCut(small, marks, inner, *models, _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_RECT)
    kept = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, places, parts, _ = cv2.connectedComponentsWithStats(kept, connectivity=8)
    areas = parts[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # what is around
    large = np.flatnonzero(areas >= max(1, _GRABCUT_SPECK * areas.max()))
    kept = np.isin(places, large).astype(np.uint8) * 255
    return np.asarray(cv2.GaussianBlur(kept, (3, 3), 0), dtype=np.uint8)


def kept_share(pixels: Plane) -> float:
    """How much of a picture [h, w, 4] its alpha keeps, 0..1."""
    return float(pixels[..., 3].mean()) / 255
