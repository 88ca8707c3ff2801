"""The assets of a class at a glance: one contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seldsynth.report.asset_check import AssetFacts
from seldsynth.report.sheet import Picture, captioned, write_sheet

MAX_PICTURES = 60
"""Of a class with more, evenly spread ones are shown."""

_SIDE = 160
_COLUMNS = 10
_CHECKS = 8
_FAULT_BGR = (200, 200, 235)


def shown(assets: Sequence[AssetFacts]) -> list[AssetFacts]:
    """The files that a sheet shows: all, or evenly spread ones of many."""
    count = min(len(assets), MAX_PICTURES)
    return [assets[index * len(assets) // count] for index in range(count)]


def write_class_sheet(
    assets: Sequence[AssetFacts], thumbnails: Mapping[Path, Picture], target: Path
) -> None:
    """Write the sheet of a class; transparency as a chequerboard, what is broken in red.

    thumbnails: by path, [h, w, 4] with sides up to 160. Raises MediaError if it cannot be written.
    """
    tiles = [captioned(_tile(thumbnails.get(one.path)), _caption(one)) for one in shown(assets)]
    write_sheet(tiles, target, columns=min(_COLUMNS, len(tiles)))


def _caption(asset: AssetFacts) -> str:
    mark = "broken: " if asset.fault else ""
    length = f"{float(asset.duration_s):.1f} s " if asset.duration_s is not None else ""
    return f"{mark}{length}{asset.path.name}"


def _tile(thumbnail: Picture | None) -> Picture:
    tile = np.full((_SIDE, _SIDE, 3), _FAULT_BGR, dtype=np.uint8)
    if thumbnail is None:
        return tile
    rows, columns = np.indices((_SIDE, _SIDE)) // _CHECKS
    tile[:] = np.where((rows + columns) % 2, 200, 235)[..., None]
    height, width = thumbnail.shape[:2]
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    area = tile[top : top + height, left : left + width]
    alpha = thumbnail[..., 3:].astype(np.float32) / 255
    area[:] = np.round(thumbnail[..., :3] * alpha + area * (1 - alpha)).astype(np.uint8)
    return tile
