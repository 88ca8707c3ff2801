"""`python -m seldsynth assets matte`: a mask beside every picture."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from pathlib import Path

import cv2
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from seldsynth.asset_files import read_still_bytes
from seldsynth.assets import EXPECTED_FOLDERS, files_by_class, kind_of, masks_of
from seldsynth.class_file import load_classes
from seldsynth.commands.options import add_class_table, add_common, print_classes, require_folder
from seldsynth.errors import ConfigError, MediaError
from seldsynth.files import written_whole
from seldsynth.media.mattes import MASK_ENDING
from seldsynth.media.matting import DEFAULT_MODEL, Matting, matte_of, matting
from seldsynth.media.stills import read_checked_still
from seldsynth.report.asset_check import find_assets

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the matte command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a folder with class folders")
    parser.add_argument(
        "--backend",
        choices=("rembg", "grabcut"),
        default="rembg",
        help="rembg needs pip install -r requirements-matte.txt (default rembg)",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME",
        help="of rembg: a name, which it downloads, or an .onnx file of U-2-Net's form "
        f"(default {DEFAULT_MODEL})",
    )
    parser.add_argument("--overwrite", action="store_true", help="make masks that are there anew")
    parser.add_argument("--follow-symlinks", action="store_true", help="links that lead out, too")
    add_class_table(parser)


def _run(options: argparse.Namespace) -> int:
    require_folder(options.dir, "DIR")
    classes = load_classes(options.class_table)
    assets = [
        asset
        for asset in find_assets([options.dir], classes, follow_symlinks=options.follow_symlinks)
        if kind_of(asset.path) is not None
    ]
    if not assets:
        raise ConfigError(f"{options.dir}: no pictures or clips in it; {EXPECTED_FOLDERS}")
    files = files_by_class(options.dir, follow_symlinks=options.follow_symlinks, classes=classes)
    masks = masks_of([path for _, path in files])
    stems = Counter(asset.path.with_suffix("") for asset in assets)
    make = matting(options.backend, model=options.model)
    counts: dict[str, Counter[int]] = {}
    quiet = True if options.quiet else None
    with logging_redirect_tqdm():
        for asset in tqdm(assets, desc="cutting out", unit="file", disable=quiet):
            if asset.kind == "video":
                outcome = "clips"
            elif asset.path in masks and not options.overwrite:
                outcome = "was there"
            else:
                alone = stems[asset.path.with_suffix("")] == 1
                name = asset.path.stem if alone else asset.path.name
                default = asset.path.with_name(f"{name}{MASK_ENDING}")
                outcome = _cut(asset.path, masks.get(asset.path, default), make)
            counts.setdefault(outcome, Counter())[asset.class_id] += 1
    if not options.quiet:
        columns = ("made", "was there", "own alpha", "left out", "clips")
        print_classes({name: counts.get(name, Counter()) for name in columns}, classes)
        print("clips get no mask: what moves has no outline that stays")
    return 0


def _cut(path: Path, target: Path, make: Matting) -> str:
    """Write the mask of a picture; says what became of it."""
    try:
        pixels = read_checked_still(read_still_bytes(path), name=path)
        if pixels.shape[2] == 4 and pixels[..., 3].min() < 255:
            return "own alpha"
        mask = matte_of(pixels, make)
    except MediaError as error:
        said = str(error)
        _log.warning("left out: %s", said if said.startswith(str(path)) else f"{path}: {said}")
        return "left out"
    encoded, png = cv2.imencode(".png", mask)
    assert encoded
    with written_whole(target) as temporary:
        temporary.write_bytes(png.tobytes())
    return "made"
