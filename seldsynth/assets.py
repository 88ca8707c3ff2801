"""Folders → AssetLibrary: which pictures and clips there are for each class, sorted.

Listing a folder opens no file but those that may be copies of others. A file is read, checked and
hashed when a plan first wants it, and never twice; one that cannot be used is left out with one
warning.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

from seldsynth.asset_files import Asset, AssetFile, AssetKind, file_sha256, read_asset
from seldsynth.class_table import ClassTable
from seldsynth.classes import CLASSES, NUM_CLASSES
from seldsynth.errors import AssetError, ConfigError, MediaError
from seldsynth.folders import files_below
from seldsynth.media.decode import MAX_CLIP_S
from seldsynth.media.mattes import MASK_ENDING

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif"})
EXPECTED_FOLDERS = (
    f"expected folders Class_0 … Class_{NUM_CLASSES - 1}, or folders named like the classes"
)
_CANVAS_CHECK_S = Fraction(10)  # canvas videos may be long and large

_log = logging.getLogger(__name__)


class AssetLibrary:
    """The pictures and clips for each class, and the canvases; copies of them, left out."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        *,
        tiles: Mapping[int, tuple[AssetFile, ...]],
        canvases: tuple[AssetFile, ...] = (),
        copies: tuple[AssetFile, ...] = (),
        classes: ClassTable = CLASSES,
    ) -> None:
        self.folders = dict(folders)
        self.classes = classes
        self.tiles = dict(tiles)
        self.canvases = canvases
        self.copies = copies
        self._checked: dict[AssetFile, Asset | None] = {}
        self._said: set[str] = set()

    def check(self, file: AssetFile) -> Asset | None:
        """Read a file through and describe it; None, and one warning, if it cannot be used.

        Stills and clips are decoded whole; of a canvas video the first ten seconds. Raises
        AssetError for a file that is not there any more: choosing another would be another plan
        than the one that is made where nothing vanishes.
        """
        if file not in self._checked:
            try:
                self._checked[file] = self._read(file)
            except MediaError as error:
                self._refuse_vanished(file)
                self.warn_once(f"left out: {error}")
                self._checked[file] = None
        return self._checked[file]

    def warn_once(self, message: str, *, once_for: str = "") -> None:
        """Log a warning about an asset, however many recordings use it.

        once_for: what is warned of only once, whatever the message; by default, the message.
        """
        if (once_for or message) not in self._said:
            self._said.add(once_for or message)
            _log.warning(message)

    def _refuse_vanished(self, file: AssetFile) -> None:
        root = self.folders[file.folder]
        for name in filter(None, (file.path, file.mask)):
            if not (root / name).is_file():
                raise AssetError(
                    f"{root / name}: was there when the run began, and is not there now; "
                    "bring it back, then --resume"
                )

    def _read(self, file: AssetFile) -> Asset:
        longest_s = _CANVAS_CHECK_S if file in self.canvases else MAX_CLIP_S
        return read_asset(file, self.folders[file.folder], longest_s=longest_s)


def folder_of(place: Path) -> Path:
    """The folder that assets are looked up in, where a folder or a single file is named."""
    return place if place.is_dir() else place.parent


def scan_library(
    folders: Mapping[str, Path | None],
    *,
    canvas_key: Literal["image_360_path", "video_360_path"] | None,
    follow_symlinks: bool,
    classes: ClassTable = CLASSES,
    worth: Callable[[AssetFile], float] = lambda file: 1.0,
) -> AssetLibrary:
    """List the usable files below the input folders, copies once: those of most `worth`.

    folders: `image_assets_dir`, `video_assets_dir`, `image_360_path` and `video_360_path`, where
    given. What a file is goes by its name's ending, whichever folder it lies in. Links that lead
    out of a folder are left out with a warning, unless follow_symlinks. Raises ConfigError where
    a folder has no asset at all, as that of a disk that is not there, or there is no canvas.
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
            raise ConfigError(
                f"input.{key}: no pictures or clips in {root}; {EXPECTED_FOLDERS}; "
                "null, if you have none"
            )
        for class_id, file in found:
            tiles[class_id].append(file)
    copies: list[AssetFile] = []
    for class_id, files in tiles.items():
        tiles[class_id], others = _distinct(files, roots, worth)
        copies += others
    canvases: list[AssetFile] = []
    if canvas_key is not None:
        place = folders[canvas_key]
        assert place is not None
        roots[canvas_key] = folder_of(place)
        canvases = _canvas_files(place, canvas_key, follow_symlinks=follow_symlinks)
        canvases, others = _distinct(canvases, roots, worth)
        copies += others
    return AssetLibrary(
        roots,
        tiles={class_id: tuple(files) for class_id, files in tiles.items() if files},
        canvases=tuple(canvases),
        copies=tuple(copies),
        classes=classes,
    )


def _distinct(
    files: list[AssetFile], roots: Mapping[str, Path], worth: Callable[[AssetFile], float]
) -> tuple[list[AssetFile], list[AssetFile]]:
    """The files without copies of another, and those copies.

    Of the same content, that of most worth stays; of those one that has a mask, or the first. Only
    files of the same size are read. What cannot be read is left to be complained of later.
    """
    by_size: dict[int, list[AssetFile]] = {}
    for file in files:
        with contextlib.suppress(OSError):
            by_size.setdefault((roots[file.folder] / file.path).stat().st_size, []).append(file)
    are_copies: set[AssetFile] = set()
    for size, alike in by_size.items():
        seen: dict[str, AssetFile] = {}
        for file in alike if size and len(alike) > 1 else ():
            with contextlib.suppress(MediaError):
                sha256 = file_sha256(roots[file.folder] / file.path)
                first = seen.setdefault(sha256, file)
                if first is not file:
                    kept = max(first, file, key=lambda one: (worth(one), bool(one.mask)))
                    seen[sha256] = kept
                    are_copies.add(first if kept is file else file)
    distinct = [file for file in files if file not in are_copies]
    return distinct, [file for file in files if file in are_copies]


def class_files(
    root: Path, key: str, *, follow_symlinks: bool, classes: ClassTable = CLASSES
) -> Iterator[tuple[int, AssetFile]]:
    """The pictures and clips in the class folders of an asset folder, with their class ids.

    key: what the folder is called in an AssetFile. One warning about each folder of no class, and
    each mask that is nobody's.
    """
    found = list(files_by_class(root, follow_symlinks=follow_symlinks, classes=classes))
    masks = masks_of([path for _, path in found])
    for class_id, path in found:
        kind = kind_of(path)
        if kind is not None:
            mask = masks.get(path)
            yield (
                class_id,
                AssetFile(
                    folder=key,
                    path=path.relative_to(root).as_posix(),
                    kind=kind,
                    mask=mask.relative_to(root).as_posix() if mask else "",
                ),
            )


def masks_of(paths: Sequence[Path]) -> dict[Path, Path]:
    """The mask of each picture or clip that has one.

    name.jpg has name.jpg.mask.png, or else name.mask.png if nothing else in its folder is called
    name. One warning about each mask that is nobody's.
    """
    masks = {path for path in paths if _is_mask(path)}
    found = {}
    alike: dict[Path, list[Path]] = {}
    for path in paths:
        if kind_of(path) is not None:
            alike.setdefault(path.with_suffix(""), []).append(path)
    for same_stem in alike.values():
        for path in same_stem:
            own = path.with_name(f"{path.name}{MASK_ENDING}")
            shared = path.with_name(f"{path.stem}{MASK_ENDING}")
            if own in masks:
                found[path] = own
            elif shared in masks and len(same_stem) == 1:
                found[path] = shared
    for mask in sorted(masks - set(found.values())):
        _log.warning(
            "%s: not used: a mask is called NAME%s for the only NAME there, or NAME.jpg%s",
            *(mask, MASK_ENDING, MASK_ENDING),
        )
    return found


def _is_mask(path: Path) -> bool:
    """Whether a picture is meant as a mask, rightly called or not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.stem.lower().endswith(".mask")


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
    if _is_mask(path):
        return None
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "video" if suffix in VIDEO_SUFFIXES else None
