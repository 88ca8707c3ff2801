"""One picture or clip: what it is called, and what is in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seldsynth.errors import MediaError
from seldsynth.media.clips import check_clip
from seldsynth.media.decode import ClipReader
from seldsynth.media.mattes import (
    Crop,
    Sides,
    crop_around,
    fitted_mask,
    kept_box,
    overlap,
    read_mask,
    with_mask,
)
from seldsynth.media.stills import read_checked_still, read_still

AssetKind = Literal["image", "video"]

_MAX_STILL_BYTES = 1 << 29


@dataclass(frozen=True, kw_only=True)
class AssetFile:
    """A file that may be used: its path below one of the input folders, not yet opened.

    folder: the key of the config's `input` section that names the folder. path: relative, with
    forward slashes. mask: likewise, of the matte beside it, if there is one.
    """

    folder: str
    path: str
    kind: AssetKind
    mask: str = ""


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file that was read and can be used.

    width, height: upright, in square pixels. duration_ms: of a clip, as far as it was read.
    has_alpha: something of it is transparent. mask: path of the matte beside it, if there is one.
    crop: where something of it shows, if its alpha or mask leave borders empty.
    """

    folder: str
    path: str
    kind: AssetKind
    sha256: str
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    duration_ms: Annotated[int, Field(ge=0)] = 0
    has_alpha: bool = False
    mask: str = ""
    mask_sha256: str = ""
    crop: Crop | None = None

    @property
    def is_cut_out(self) -> bool:
        """Whether it brings its own outline."""
        return self.has_alpha or bool(self.mask)


def read_asset(file: AssetFile, root: Path, *, longest_s: Fraction) -> Asset:
    """Read a file below a folder through, and describe it. Raises MediaError.

    longest_s: of a clip so much is read.
    """
    mask = _read_mask(root / file.mask) if file.mask else None
    if file.kind == "image":
        return _read_image(file, root / file.path, mask)
    return _read_clip(file, root / file.path, mask, longest_s=longest_s)


@dataclass(frozen=True, eq=False)
class _Mask:
    """A matte [h, w] that was read from a file, and the hash of that."""

    path: Path
    kept: NDArray[np.uint8]
    sha256: str


def _read_mask(path: Path) -> _Mask:
    content = read_still_bytes(path)
    kept = read_mask(content, name=path)
    return _Mask(path, kept, hashlib.sha256(content).hexdigest())


def _read_image(file: AssetFile, path: Path, mask: _Mask | None) -> Asset:
    content = read_still_bytes(path)
    pixels = read_checked_still(content, name=path)
    height, width = pixels.shape[:2]
    has_alpha = pixels.shape[2] == 4 and int(pixels[..., 3].min()) < 255
    crop = None
    if has_alpha or mask:
        alpha = (with_mask(pixels, mask.kept) if mask else pixels)[..., 3]
        crop = _crop(kept_box(alpha), path, mask, width=width, height=height)
    return Asset(
        folder=file.folder,
        path=file.path,
        kind=file.kind,
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        has_alpha=has_alpha,
        mask=file.mask,
        mask_sha256=mask.sha256 if mask else "",
        crop=crop,
    )


def _read_clip(file: AssetFile, path: Path, mask: _Mask | None, *, longest_s: Fraction) -> Asset:
    clip = check_clip(path, max_duration_s=longest_s)
    kept: Sides | None = clip.kept
    if mask:
        kept = kept_box(fitted_mask(mask.kept, width=clip.width, height=clip.height))
        kept = overlap(kept, clip.kept)
    return Asset(
        folder=file.folder,
        path=file.path,
        kind=file.kind,
        sha256=file_sha256(path),
        width=clip.width,
        height=clip.height,
        duration_ms=int(clip.duration_s * 1000),
        has_alpha=clip.has_alpha,
        mask=file.mask,
        mask_sha256=mask.sha256 if mask else "",
        crop=_crop(kept, path, mask, width=clip.width, height=clip.height),
    )


def _crop(
    kept: Sides | None, path: Path, mask: _Mask | None, *, width: int, height: int
) -> Crop | None:
    """The crop around what is kept. Raises MediaError if nothing is at least half there."""
    if kept is None:
        by = f" under its mask {mask.path.name}" if mask else ""
        raise MediaError(f"{path}: transparent{by}: nothing of it is to be seen")
    return crop_around(kept, width=width, height=height)


def first_look(asset: Asset, path: Path) -> NDArray[np.uint8]:
    """A picture [h, w, 3 or 4], or a clip's first frame. Raises MediaError."""
    if asset.kind == "image":
        return read_still(read_still_bytes(path), name=path)
    with ClipReader(path) as reader:
        return reader.pixels(reader.frame_at(Fraction(0)), width=asset.width, height=asset.height)


def read_still_bytes(path: Path) -> bytes:
    """Content of a picture file. Raises MediaError if it cannot be read or is no picture's size."""
    try:
        if path.stat().st_size > _MAX_STILL_BYTES:
            raise MediaError(f"{path}: larger than 512 MiB, which no picture is")
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from None


def file_sha256(path: Path) -> str:
    """Hash of a file's content, in hexadecimal. Raises MediaError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()
