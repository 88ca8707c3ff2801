"""Pictures from files: upright, 8 bits, blue-green-red with alpha where the file has it."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401  registers itself; the other formats are always there
)

from seldsynth.errors import MediaError

MAX_PIXELS = 1 << 27
"""16384 x 8192. A larger picture is refused before it is decoded."""
MAX_PIXEL_BYTES = 3 * MAX_PIXELS
"""What a picture's pixels may take: with transparency, 16 bits or as WebP it must have fewer."""

_STDERR_LOCK = threading.Lock()
_PNG = b"\x89PNG\r\n\x1a\n"
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_EXIF_ORIENTATION = 0x0112
# What to do with the stored picture, by EXIF orientation: rotate, then flip around the vertical.
_UPRIGHT: dict[int, tuple[int | None, bool]] = {
    1: (None, False),
    2: (None, True),
    3: (cv2.ROTATE_180, False),
    4: (cv2.ROTATE_180, True),
    5: (cv2.ROTATE_90_CLOCKWISE, True),
    6: (cv2.ROTATE_90_CLOCKWISE, False),
    7: (cv2.ROTATE_90_COUNTERCLOCKWISE, True),
    8: (cv2.ROTATE_90_COUNTERCLOCKWISE, False),
}


def read_checked_still(content: bytes, *, name: str | Path) -> NDArray[np.uint8]:
    """The pixels of `read_still`, of a picture that was decoded strictly. Raises MediaError.

    Pillow does the checking: it reads the size before it decodes, and unlike OpenCV it refuses a
    file that was cut off.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which MAX_PIXELS decides, and of EXIF
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                pixels = image.width * image.height
                if pixels > MAX_PIXELS or pixels * _pixel_bytes(image) > MAX_PIXEL_BYTES:
                    size = f"{image.width}x{image.height}"
                    raise MediaError(f"{name}: {size} pixels are too many; reduce it")
                image.load()
    except Image.DecompressionBombError:
        raise MediaError(f"{name}: far too many pixels; reduce it") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        reason = "not a picture" if isinstance(error, UnidentifiedImageError) else error
        raise MediaError(f"{name}: cannot be read: {reason}") from None
    _check_chunks(content, name)
    return read_still(content, name=name)


def _check_chunks(content: bytes, name: str | Path) -> None:
    """Refuse a PNG whose chunks are longer than it is: OpenCV takes memory for all they claim."""
    if not content.startswith(_PNG):
        return
    place, kind = len(_PNG), b""
    while place + 8 <= len(content) and kind != b"IEND":
        size, kind = (
            int.from_bytes(content[place : place + 4], "big"),
            content[place + 4 : place + 8],
        )
        place += 12 + size
    if place > len(content):
        raise MediaError(f"{name}: cannot be read: image file is truncated")


def _pixel_bytes(image: Image.Image) -> int:
    """Bytes that a pixel takes once decoded."""
    raw_modes = (str(entry[3]) for entry in getattr(image, "tile", ()))  # "RGB;16B" and the like
    deep = image.mode.startswith(("I", "F")) or any(";16" in mode for mode in raw_modes)
    channels = max(3, len(image.getbands()), 4 * ("transparency" in image.info))
    # WebP's decoder holds two frames with alpha, however small a part of them is in the file.
    return channels * 2 if deep or image.format == "WEBP" else channels


def read_still(content: bytes, *, name: str | Path) -> NDArray[np.uint8]:
    """Decode a picture that `read_checked_still` accepts.

    Returns [height, width, 3 or 4] in the order blue, green, red, alpha (not premultiplied),
    upright by its EXIF orientation; 16-bit, grey, palette and CMYK files become 8-bit colour.
    Raises MediaError.
    """
    buffer = np.frombuffer(content, dtype=np.uint8)
    try:
        with _silence():
            decoded = cv2.imdecodeWithMetadata(buffer, flags=cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise MediaError(f"{name}: cannot be read: {error.err}") from None
    pixels: NDArray[Any] | None = decoded[0]
    if pixels is None or pixels.size == 0:
        raise MediaError(f"{name}: cannot be read: not a picture that OpenCV knows")
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
        pixels = _with_grey_transparency(pixels, content)
    if pixels.dtype != np.uint8 or pixels.shape[2] not in (3, 4):
        raise MediaError(
            f"{name}: {pixels.dtype} with {pixels.shape[2]} channels is not understood"
        )
    rotation, mirrored = _UPRIGHT[_orientation(decoded[1], decoded[2])]
    if rotation is not None:
        pixels = cv2.rotate(pixels, rotation)
    if mirrored:
        pixels = cv2.flip(pixels, 1)
    return np.ascontiguousarray(pixels)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing on standard error, where libjpeg and libpng complain of a file that they do not name.

    They do so below Python, and OpenCV has no switch for it.
    """
    with _STDERR_LOCK, contextlib.ExitStack() as resources:
        with contextlib.suppress(OSError):  # a process without standard error
            kept = os.dup(2)
            resources.callback(os.close, kept)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            resources.callback(os.close, nowhere)
            os.dup2(nowhere, 2)
            resources.callback(os.dup2, kept, 2)
        yield


def _with_grey_transparency(pixels: NDArray[Any], content: bytes) -> NDArray[Any]:
    """Alpha of a grey PNG that names one level as transparent, which OpenCV passes over."""
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        if "transparency" not in image.info:
            return pixels
        alpha = np.asarray(image.convert("LA"))[..., 1]
    return np.dstack((pixels, alpha))


def _orientation(kinds: Sequence[int], blobs: Sequence[Any]) -> int:
    for kind, blob in zip(kinds, blobs, strict=False):
        if int(kind) == cv2.IMAGE_METADATA_EXIF:
            exif = Image.Exif()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exif.load(bytes(blob))
                    orientation = exif.get(_EXIF_ORIENTATION, 1)
            except (OSError, ValueError, SyntaxError, KeyError, TypeError):
                return 1
            return orientation if orientation in _UPRIGHT else 1
    return 1
