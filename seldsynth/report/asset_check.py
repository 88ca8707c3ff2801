"""Asset folders → what of them is usable, what is not and why, and what is there twice."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seldsynth.asset_files import AssetKind, file_sha256, read_still_bytes
from seldsynth.assets import files_by_class, kind_of
from seldsynth.class_table import ClassTable
from seldsynth.errors import MediaError
from seldsynth.media.clips import check_clip
from seldsynth.media.decode import ClipReader
from seldsynth.media.stills import read_checked_still

NEAR_BITS = 6
"""Pictures whose 64-bit perceptual hashes differ in no more bits look alike."""
NEAR_LEVELS = 32
"""And whose mean colours differ by no more, of 255."""
LOOKS_AT = (Fraction(1, 6), Fraction(1, 2), Fraction(5, 6))
"""Where of its length a clip is looked at; it is like another one only if it is so each time."""

# Pictures and clips of kinds that are not used: worth a word, unlike a list or a licence.
_OTHER_KINDS = frozenset(
    {
        *(".avif", ".heic", ".heif", ".ico", ".jfif", ".jp2", ".jxl", ".psd", ".svg", ".tga"),
        *(".tif", ".tiff"),
        *(".3gp", ".flv", ".m2ts", ".m4v", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".wmv"),
    }
)
_THUMBNAIL = 160
_GREY = 128
_BLOCK = 1024

Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class AssetFacts:
    """What is known of a file. fault: why it cannot be used, or nothing.

    width, height: upright, in square pixels. duration_s: of a clip, as far as it is used.
    looks: perceptual hashes, of a clip at three times, of a still three times the same. colour: the
    mean blue, green and red. same_as, near: the first file of the same content, and the first that
    looks like it.
    """

    path: Path
    class_id: int
    kind: AssetKind
    fault: str = ""
    width: int = 0
    height: int = 0
    duration_s: Fraction | None = None
    has_alpha: bool = False
    sha256: str = ""
    looks: tuple[int, ...] = ()
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    same_as: Path | None = None
    near: Path | None = None


def find_assets(
    roots: Iterable[Path], classes: ClassTable, *, follow_symlinks: bool
) -> list[AssetFacts]:
    """Every picture and clip in class folders, not opened yet; of unused kinds with their fault."""
    found = []
    for root in roots:
        for class_id, path in files_by_class(
            root, follow_symlinks=follow_symlinks, classes=classes
        ):
            kind, suffix = kind_of(path), path.suffix.lower()
            if kind is not None:
                found.append(AssetFacts(path=path, class_id=class_id, kind=kind))
            elif suffix in _OTHER_KINDS:
                fault = f"{suffix} files are not used; convert it to .jpg, .png or .mp4"
                found.append(AssetFacts(path=path, class_id=class_id, kind="image", fault=fault))
    return found


def examine_all(
    assets: Sequence[AssetFacts], *, workers: int
) -> Iterator[tuple[AssetFacts, Picture | None]]:
    """Read every file through, several at a time; yields facts in order, with a thumbnail.

    A thumbnail is [h, w, 4], blue, green, red and alpha, its longer side 160 pixels.
    """
    with ThreadPoolExecutor(max_workers=workers) as executor:
        # Not all at once: thumbnails of thousands of files would wait to be taken.
        for start in range(0, len(assets), 4 * workers):
            yield from executor.map(examine, assets[start : start + 4 * workers])


def examine(asset: AssetFacts) -> tuple[AssetFacts, Picture | None]:
    """Read one file through."""
    if asset.fault:
        return asset, None
    try:
        known, seen = _examine_still(asset) if asset.kind == "image" else _examine_clip(asset)
    except MediaError as error:
        fault = str(error).removeprefix(f"{asset.path}: ")
        return replace(asset, fault=fault), None
    if not any(picture[..., 3].any() for picture in seen):
        return replace(known, fault="transparent: nothing of it is to be seen"), None
    flat = [_over_grey(picture) for picture in seen]
    blue, green, red = (float(mean) for mean in np.mean([one.mean(axis=(0, 1)) for one in flat], 0))
    looks = tuple(_look(picture) for picture in flat)
    return replace(known, looks=looks, colour=(blue, green, red)), seen[len(seen) // 2]


def _examine_still(asset: AssetFacts) -> tuple[AssetFacts, list[Picture]]:
    content = read_still_bytes(asset.path)
    pixels = read_checked_still(content, name=asset.path)
    height, width = pixels.shape[:2]
    has_alpha = pixels.shape[2] == 4 and bool(pixels[..., 3].min() < 255)
    if pixels.shape[2] == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2BGRA))
    small = cv2.resize(pixels, _thumbnail_size(width, height), interpolation=cv2.INTER_AREA)
    known = replace(
        asset,
        width=width,
        height=height,
        has_alpha=has_alpha,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return known, [np.asarray(small)] * len(LOOKS_AT)


def _examine_clip(asset: AssetFacts) -> tuple[AssetFacts, list[Picture]]:
    info = check_clip(asset.path)
    width, height = _thumbnail_size(info.width, info.height)
    with ClipReader(asset.path) as reader:
        seen = [
            reader.pixels(reader.frame_at(info.duration_s * part), width=width, height=height)
            for part in LOOKS_AT
        ]
    known = replace(
        asset,
        width=info.width,
        height=info.height,
        duration_s=info.duration_s,
        has_alpha=info.has_alpha,
        sha256=file_sha256(asset.path),
    )
    return known, seen


def _thumbnail_size(width: int, height: int) -> tuple[int, int]:
    scale = _THUMBNAIL / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _over_grey(thumbnail: Picture) -> Picture:
    """Blue, green and red, over mid grey where it is transparent."""
    alpha = thumbnail[..., 3:].astype(np.float32) / 255
    return np.round(thumbnail[..., :3] * alpha + _GREY * (1 - alpha)).astype(np.uint8)


def _look(picture: Picture) -> int:
    """A perceptual hash of 64 bits: ImageHash's phash."""
    return int(str(imagehash.phash(Image.fromarray(picture[..., ::-1]))), 16)


def with_duplicates(assets: Sequence[AssetFacts]) -> list[AssetFacts]:
    """The same, each with the first file that has its content, or else that looks like it."""
    first_of: dict[str, Path] = {}
    same = [
        asset
        if asset.fault or (first := first_of.setdefault(asset.sha256, asset.path)) == asset.path
        else replace(asset, same_as=first)
        for asset in assets
    ]
    distinct = [asset for asset in same if not asset.fault and asset.same_as is None]
    near = {
        distinct[index].path: distinct[first].path for index, first in _near_pairs(distinct).items()
    }
    return [
        replace(asset, near=near[asset.path]) if asset.path in near else asset for asset in same
    ]


def _near_pairs(assets: Sequence[AssetFacts]) -> dict[int, int]:
    """Of everything that looks like something earlier, the first of that, by their places.

    Where there is nothing but one colour, hashes agree: the colour must, too.
    """
    hashes = np.array([one.looks for one in assets], dtype=np.uint64)
    colours = np.array([one.colour for one in assets], dtype=np.float32)
    first: dict[int, int] = {}
    for start in range(0, len(assets), _BLOCK):
        end = min(start + _BLOCK, len(assets))
        near = np.tri(end - start, end, start - 1, dtype=bool)  # earlier ones only
        for look in range(len(LOOKS_AT)):
            distance = np.bitwise_count(hashes[start:end, None, look] ^ hashes[:end, look])
            near &= distance <= NEAR_BITS
        for channel in range(3):
            away = np.abs(colours[start:end, None, channel] - colours[:end, channel])
            near &= away <= NEAR_LEVELS
        for row in np.flatnonzero(near.any(axis=1)):
            first[int(start + row)] = int(near[row].argmax())
    return first


def by_class(assets: Iterable[AssetFacts]) -> dict[int, list[AssetFacts]]:
    """The files of every class that has any."""
    grouped: dict[int, list[AssetFacts]] = defaultdict(list)
    for asset in assets:
        grouped[asset.class_id].append(asset)
    return grouped
