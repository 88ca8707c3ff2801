"""What of a picture shows: which matte it gets, and where what is left of it lies."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seldsynth.asset_files import Asset, first_look
from seldsynth.assets import AssetLibrary
from seldsynth.config import Config
from seldsynth.errors import AssetError
from seldsynth.media.decode import ClipReader
from seldsynth.media.mattes import (
    LEAST_KEPT,
    MOST_KEPT,
    Crop,
    Sides,
    crop_around,
    grabcut,
    joined,
    kept_box,
    kept_share,
    keyed,
    screen_colour,
)
from seldsynth.plan import MattePlan

_CACHED = 1 << 16  # events of all recordings show the same pictures again and again
_CLIP_SIDE = 320  # pixels: clips are searched for their outlines at that size

_Rgb = tuple[int, int, int]


def choose_matte(asset: Asset, chance: float, library: AssetLibrary, config: Config) -> MattePlan:
    """What is left of a picture: one of the listed mattes that can be had of it.

    Something with an outline of its own keeps that. What stands before a screen of the key colour
    is always keyed, if chroma is listed; nothing else is. chance: 0..1.
    """
    tiles = config.tiles
    if asset.is_cut_out:
        return MattePlan(kind="none")
    path = library.folders[asset.folder] / asset.path
    listed = list(tiles.matte)
    if "chroma" in listed:
        wish = (tiles.chroma_key[0], tiles.chroma_key[1], tiles.chroma_key[2])
        screen = _screen_of(asset, path, wish, tiles.chroma_tolerance)
        if screen is not None:
            return MattePlan(kind="chroma", key_rgb=screen, tolerance=tiles.chroma_tolerance)
        listed = [kind for kind in listed if kind != "chroma"]
    if "grabcut" in listed and not (asset.kind == "image" and _can_be_cut(asset, path)):
        listed = [kind for kind in listed if kind != "grabcut"]
    if not listed:
        library.warn_once(
            f"{path}: stays whole, and so do others like it: of tiles.matte, "
            f"{' and '.join(tiles.matte)} cannot be had of it, and nothing else is listed",
            once_for="tiles.matte",
        )
        return MattePlan(kind="none")
    kind = listed[int(chance * len(listed))]
    soft = tiles.feather if kind in ("feather", "ellipse") else 0.0
    return MattePlan(kind=kind, feather=soft)


def crop_of(asset: Asset, matte: MattePlan, library: AssetLibrary) -> Crop | None:
    """Where what a matte leaves of a picture lies, so that it is put there; None for all of it.

    Raises AssetError if nothing is left.
    """
    if asset.is_cut_out or not matte.is_cut_out:
        return asset.crop
    path = library.folders[asset.folder] / asset.path
    return _crop_of(asset, path, matte)


@lru_cache(maxsize=_CACHED)
def _screen_of(asset: Asset, path: Path, wish: _Rgb, tolerance: float) -> _Rgb | None:
    """The colour of the screen behind a picture, or behind a clip's first frame."""
    return screen_colour(first_look(asset, path), wish, tolerance)


@lru_cache(maxsize=_CACHED)
def _can_be_cut(asset: Asset, path: Path) -> bool:
    """Whether GrabCut leaves something of a picture, and not all of it."""
    return LEAST_KEPT <= kept_share(grabcut(first_look(asset, path))) <= MOST_KEPT


@lru_cache(maxsize=_CACHED)
def _crop_of(asset: Asset, path: Path, matte: MattePlan) -> Crop | None:
    kept: Sides | None = None
    if asset.kind == "image":
        kept = kept_box(_cut(first_look(asset, path), matte)[..., 3])
    else:
        scale = max(1.0, max(asset.width, asset.height) / _CLIP_SIDE)
        width, height = (max(1, round(side / scale)) for side in (asset.width, asset.height))
        with ClipReader(path) as reader:
            for timed in reader.decode_all():
                pixels = reader.pixels(timed, width=width, height=height)
                kept = joined(kept, kept_box(_cut(pixels, matte)[..., 3]))
        kept = kept and _scaled(kept, asset.width / width, asset.height / height)
    if kept is None:
        raise AssetError(f"{path}: nothing is left of it by tiles.matte: {matte.kind}")
    return crop_around(kept, width=asset.width, height=asset.height)


def _scaled(sides: Sides, across: float, down: float) -> Sides:
    left, top, right, bottom = sides
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def _cut(pixels: NDArray[np.uint8], matte: MattePlan) -> NDArray[np.uint8]:
    if matte.kind == "grabcut":
        return grabcut(pixels)
    return keyed(pixels, matte.key_rgb, matte.tolerance)
