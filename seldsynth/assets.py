"""Folders → AssetLibrary: which pictures and clips there are for each class, sorted.

Listing a folder opens no file but those that may be copies of others. A file is read, checked and
hashed when a plan first wants it, and never twice; one that cannot be used is left out with one
warning.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seldsynth.class_table import ClassTable
from seldsynth.classes import CLASSES, NUM_CLASSES
from seldsynth.errors import ConfigError, MediaError
from seldsynth.folders import files_below
from seldsynth.media.decode import MAX_CLIP_S, ClipReader, check_clip
from seldsynth.media.mattes import MASK_ENDING, grabcut, is_keyed, kept_share, mask_path, read_mask
from seldsynth.media.stills import check_still, read_still

AssetKind = Literal["image", "video"]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif"})
EXPECTED_FOLDERS = (
    f"expected folders Class_0 … Class_{NUM_CLASSES - 1}, or folders named like the classes"
)
_MAX_STILL_BYTES = 1 << 29
_CANVAS_CHECK_S = Fraction(10)  # canvas videos may be long and large

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AssetFile:
    """A file that may be used: its path below one of the input folders, not yet opened.

    folder: the key of the config's `input` section that names the folder. path: relative, with
    forward slashes. has_mask: a matte lies beside it.
    """

    folder: str
    path: str
    kind: AssetKind
    has_mask: bool = False


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file that was read and can be used.

    width, height: upright, in square pixels. duration_ms: of a clip, as far as it was read.
    has_alpha: something of it is transparent. mask_sha256: of the matte beside it, if there is one.
    """

    folder: str
    path: str
    kind: AssetKind
    sha256: str
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    duration_ms: Annotated[int, Field(ge=0)] = 0
    has_alpha: bool = False
    mask_sha256: str = ""

    @property
    def is_cut_out(self) -> bool:
        """Whether it brings its own outline."""
        return self.has_alpha or bool(self.mask_sha256)


class AssetLibrary:
    """The pictures and clips for each class, and the canvases."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        *,
        tiles: Mapping[int, tuple[AssetFile, ...]],
        canvases: tuple[AssetFile, ...] = (),
        classes: ClassTable = CLASSES,
    ) -> None:
        self.folders = dict(folders)
        self.classes = classes
        self.tiles = dict(tiles)
        self.canvases = canvases
        self._checked: dict[AssetFile, Asset | None] = {}
        self._said: set[str] = set()
        self._can_be_cut: dict[Asset, bool] = {}
        self._is_keyed: dict[tuple[Asset, tuple[int, int, int], float], bool] = {}

    def check(self, file: AssetFile) -> Asset | None:
        """Read a file through and describe it; None, and one warning, if it cannot be used.

        Stills and clips are decoded whole; of a canvas video the first ten seconds.
        """
        if file not in self._checked:
            try:
                self._checked[file] = self._read(file)
            except MediaError as error:
                self.warn_once(f"left out: {error}")
                self._checked[file] = None
        return self._checked[file]

    def warn_once(self, message: str) -> None:
        """Log a warning about an asset, however many recordings use it."""
        if message not in self._said:
            self._said.add(message)
            _log.warning(message)

    def is_keyed(self, asset: Asset, key_rgb: tuple[int, int, int], tolerance: float) -> bool:
        """Whether a picture or clip stands before a key colour; of a clip, its first frame."""
        wish = (asset, key_rgb, tolerance)
        if wish not in self._is_keyed:
            self._is_keyed[wish] = is_keyed(self._first_look(asset), key_rgb, tolerance)
        return self._is_keyed[wish]

    def can_be_cut(self, asset: Asset) -> bool:
        """Whether GrabCut leaves something of a picture, and not all of it; clips cannot be cut."""
        if asset.kind == "video":
            self.warn_once(
                "tiles.matte: grabcut is for pictures: clips get another of the list, or stay whole"
            )
            return False
        if asset not in self._can_be_cut:
            share = kept_share(grabcut(self._first_look(asset)))
            self._can_be_cut[asset] = 0.05 <= share <= 0.95
        return self._can_be_cut[asset]

    def _first_look(self, asset: Asset) -> NDArray[np.uint8]:
        return first_look(asset, self.folders[asset.folder] / asset.path)

    def _read(self, file: AssetFile) -> Asset:
        path = self.folders[file.folder] / file.path
        mask_sha256 = ""
        if file.has_mask:
            mask = read_still_bytes(mask_path(path))
            read_mask(mask, name=mask_path(path))
            mask_sha256 = hashlib.sha256(mask).hexdigest()
        if file.kind == "image":
            content = read_still_bytes(path)
            info = check_still(content, name=path)
            if not info.max_alpha:
                raise MediaError(f"{path}: fully transparent: there is nothing to see")
            width, height, duration_ms = info.width, info.height, 0
            has_alpha = info.has_alpha
            sha256 = hashlib.sha256(content).hexdigest()
        else:
            longest_s = _CANVAS_CHECK_S if file in self.canvases else MAX_CLIP_S
            clip = check_clip(path, max_duration_s=longest_s)
            width, height = clip.width, clip.height
            duration_ms = int(clip.duration_s * 1000)
            has_alpha = clip.has_alpha
            sha256 = file_sha256(path)
        return Asset(
            folder=file.folder,
            path=file.path,
            kind=file.kind,
            sha256=sha256,
            width=width,
            height=height,
            duration_ms=duration_ms,
            has_alpha=has_alpha,
            mask_sha256=mask_sha256,
        )


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


def folder_of(place: Path) -> Path:
    """The folder that assets are looked up in, where a folder or a single file is named."""
    return place if place.is_dir() else place.parent


def scan_library(
    folders: Mapping[str, Path | None],
    *,
    canvas_key: Literal["image_360_path", "video_360_path"] | None,
    follow_symlinks: bool,
    classes: ClassTable = CLASSES,
) -> AssetLibrary:
    """List the usable files below the input folders, copies once.

    folders: `image_assets_dir`, `video_assets_dir`, `image_360_path` and `video_360_path`, where
    given. What a file is goes by its name's ending, whichever folder it lies in. Links that lead
    out of a folder are left out with a warning, unless follow_symlinks. Raises ConfigError where
    there is no asset or no canvas at all.
    """
    roots: dict[str, Path] = {}
    tiles: dict[int, list[AssetFile]] = {one.class_id: [] for one in classes}
    for key in ("image_assets_dir", "video_assets_dir"):
        root = folders.get(key)
        if root is None or any(root.resolve() == other.resolve() for other in roots.values()):
            continue
        roots[key] = root
        found = list(class_files(root, key, follow_symlinks=follow_symlinks, classes=classes))
        if not found:
            _log.warning("input.%s: no pictures or clips in class folders of %s", key, root)
        for class_id, file in found:
            tiles[class_id].append(file)
    for class_id, files in tiles.items():
        tiles[class_id] = _distinct(files, roots)
    if not any(tiles.values()):
        places = " or ".join(str(root) for root in roots.values())
        raise ConfigError(f"no pictures or clips in {places}; {EXPECTED_FOLDERS}")
    canvases: list[AssetFile] = []
    if canvas_key is not None:
        place = folders[canvas_key]
        assert place is not None
        roots[canvas_key] = folder_of(place)
        canvases = _canvas_files(place, canvas_key, follow_symlinks=follow_symlinks)
    return AssetLibrary(
        roots,
        tiles={class_id: tuple(files) for class_id, files in tiles.items() if files},
        canvases=tuple(canvases),
        classes=classes,
    )


def _distinct(files: list[AssetFile], roots: Mapping[str, Path]) -> list[AssetFile]:
    """The files without copies of another: of the same content, one that has a matte, or the first.

    Only files of the same size are read. What cannot be read is left to be complained of later.
    """
    by_size: dict[int, list[AssetFile]] = {}
    for file in files:
        with contextlib.suppress(OSError):
            by_size.setdefault((roots[file.folder] / file.path).stat().st_size, []).append(file)
    copies: set[AssetFile] = set()
    for size, alike in by_size.items():
        seen: dict[str, AssetFile] = {}
        for file in alike if size and len(alike) > 1 else ():
            with contextlib.suppress(MediaError):
                sha256 = file_sha256(roots[file.folder] / file.path)
                first = seen.setdefault(sha256, file)
                if first is not file:
                    kept, copy = (file, first) if file.has_mask > first.has_mask else (first, file)
                    seen[sha256] = kept
                    copies.add(copy)
    return [file for file in files if file not in copies]


def class_files(
    root: Path, key: str, *, follow_symlinks: bool, classes: ClassTable = CLASSES
) -> Iterator[tuple[int, AssetFile]]:
    """The pictures and clips in the class folders of an asset folder, with their class ids.

    key: what the folder is called in an AssetFile. One warning about each folder of no class.
    """
    found = list(files_by_class(root, follow_symlinks=follow_symlinks, classes=classes))
    masks = {path for _, path in found if path.name.endswith(MASK_ENDING)}
    for class_id, path in found:
        kind = kind_of(path)
        if kind is not None:
            relative = path.relative_to(root).as_posix()
            has_mask = mask_path(path) in masks
            yield class_id, AssetFile(folder=key, path=relative, kind=kind, has_mask=has_mask)


def files_by_class(
    root: Path, *, follow_symlinks: bool, classes: ClassTable = CLASSES
) -> Iterator[tuple[int, Path]]:
    """Every file in the class folders of an asset folder, of whatever kind, with its class id.

    One warning about each folder of no class that holds pictures or clips.
    """
    strangers: set[str] = set()
    for path in files_below(root, follow_symlinks=follow_symlinks):
        relative = path.relative_to(root)
        if len(relative.parts) < 2:
            continue
        class_id = classes.id_of_folder(relative.parts[0])
        if class_id is not None:
            yield class_id, path
        elif kind_of(path) is not None:
            strangers.add(relative.parts[0])
    for name in sorted(strangers):
        _log.warning("%s: not the folder of a class; left out", root / name)


def _canvas_files(
    place: Path, key: Literal["image_360_path", "video_360_path"], *, follow_symlinks: bool
) -> list[AssetFile]:
    wanted: AssetKind = "image" if key == "image_360_path" else "video"
    root = folder_of(place)
    paths = files_below(root, follow_symlinks=follow_symlinks) if place.is_dir() else [place]
    files = [
        AssetFile(folder=key, path=path.relative_to(root).as_posix(), kind=wanted)
        for path in paths
        if kind_of(path) == wanted
    ]
    if not files:
        names = {"image": "picture", "video": "video"}
        other: AssetKind = "video" if wanted == "image" else "image"
        hint = ""
        if any(kind_of(path) == other for path in paths):
            hint = f"; {names[other]}s go to input.{other}_360_path"
        raise ConfigError(f"input.{key}: no {names[wanted]} to use as canvas in {place}{hint}")
    return files


def kind_of(path: Path) -> AssetKind | None:
    """Whether a file is a picture or a clip, by its ending; None if it is neither, or a matte."""
    suffix = path.suffix.lower()
    if path.name.endswith(MASK_ENDING):
        return None
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "video" if suffix in VIDEO_SUFFIXES else None
