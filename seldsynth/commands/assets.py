"""`python -m seldsynth assets check`: what of the asset folders is usable, and what is not."""

from __future__ import annotations

import argparse
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from tqdm import tqdm

from seldsynth.assets import EXPECTED_FOLDERS, kind_of
from seldsynth.class_file import load_classes
from seldsynth.class_table import ClassTable, SoundClass
from seldsynth.commands import matte
from seldsynth.commands.options import add_class_table, add_common, require_folder
from seldsynth.errors import ConfigError, LabelError
from seldsynth.events import events_of
from seldsynth.files import refuse_foreign, write_csv
from seldsynth.folders import files_below
from seldsynth.metadata import read_labels
from seldsynth.report.asset_check import (
    AssetFacts,
    Picture,
    by_class,
    examine_all,
    find_assets,
    with_duplicates,
)
from seldsynth.report.class_sheet import shown, write_class_sheet

REPORT = "report.csv"
_REPORT_COLUMNS = (
    *("file", "class", "kind", "fault", "width", "height", "duration_s", "alpha"),
    *("sha256", "looks", "same_as", "near"),
)
_LISTED = 20

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the assets command and what is below it."""
    below = parser.add_subparsers(required=True, metavar="WHAT")
    words = "say what of asset folders is usable, broken, there twice, and missing"
    check = below.add_parser("check", help=words, description=f"{words.capitalize()}.")
    check.set_defaults(command=_check)
    add_common(check)
    check.add_argument(
        "dirs", type=Path, nargs="+", metavar="DIR", help="a folder with class folders"
    )
    check.add_argument(
        "--metadata", type=Path, metavar="DIR", help="label files: which classes are needed"
    )
    check.add_argument(
        "--output",
        type=Path,
        default=Path("asset_check"),
        metavar="DIR",
        help="gets report.csv and a contact sheet per class (default asset_check)",
    )
    check.add_argument("--follow-symlinks", action="store_true", help="links that lead out, too")
    add_class_table(check)
    words = "write a name.mask.png beside every picture: what of it is the thing itself"
    matte.describe(below.add_parser("matte", help=words, description=f"{words.capitalize()}."))


def _check(options: argparse.Namespace) -> int:
    classes = load_classes(options.class_table)
    roots = list({path.resolve(): path for path in options.dirs}.values())
    for root in roots:
        require_folder(root, "DIR")
        if options.output.resolve().is_relative_to(root.resolve()):
            raise ConfigError(f"--output {options.output}: is in {root}; choose another folder")
    refuse_foreign(options.output / REPORT, _REPORT_COLUMNS)
    needed = _needed(options.metadata) if options.metadata else Counter[int]()
    assets = _find(roots, classes, follow_symlinks=options.follow_symlinks)
    on_sheets = {one.path for of_class in by_class(assets).values() for one in shown(of_class)}
    examined, thumbnails = [], {}
    results = examine_all(assets, workers=os.cpu_count() or 1)
    quiet = True if options.quiet else None
    for facts, thumbnail in tqdm(
        results, total=len(assets), desc="reading", unit="file", disable=quiet
    ):
        examined.append(facts)
        if thumbnail is not None and facts.path in on_sheets:
            thumbnails[facts.path] = thumbnail
    examined = with_duplicates(examined)
    _write(examined, thumbnails, classes, options.output)
    usable = Counter(one.class_id for one in examined if not one.fault)
    if not options.quiet:
        _print_table(examined, needed, classes)
        _print_faults(examined, classes)
        print(f"each file, and a sheet per class: {options.output}")
    missing = [one for one in classes if needed[one.class_id] and not usable[one.class_id]]
    for one in missing:
        count = needed[one.class_id]
        _log.error("class %d (%s): needed for %d events, and empty", one.class_id, one.name, count)
    return int(bool(missing))


def _find(roots: Sequence[Path], classes: ClassTable, *, follow_symlinks: bool) -> list[AssetFacts]:
    """Everything in class folders; folders without any, and files beside them, are warned of."""
    assets = []
    for root in roots:
        found = find_assets([root], classes, follow_symlinks=follow_symlinks)
        if not found:
            _log.warning("%s: no pictures or clips in it; %s", root, EXPECTED_FOLDERS)
        loose = [path for path in root.iterdir() if path.is_file() and kind_of(path) is not None]
        if loose:
            _log.warning("%s: %d files lie beside the class folders; left out", root, len(loose))
        assets += found
    return assets


def _needed(metadata_dir: Path) -> Counter[int]:
    """How many sound events of each class the label files hold; unreadable ones are warned of."""
    require_folder(metadata_dir, "--metadata")
    needed: Counter[int] = Counter()
    paths = [
        p for p in files_below(metadata_dir, follow_symlinks=True) if p.suffix.lower() == ".csv"
    ]
    if not paths:
        raise ConfigError(f"--metadata {metadata_dir}: no label CSV in it or below")
    read = 0
    for path in paths:
        try:
            table = read_labels(path, distance_unit="auto")
        except LabelError as error:
            _log.warning("left out: %s", error)
        else:
            needed.update(event.class_id for event in events_of(table))
            read += 1
    if not read:
        raise ConfigError(f"--metadata {metadata_dir}: no label file in it can be read")
    return needed


def _write(
    assets: Sequence[AssetFacts],
    thumbnails: Mapping[Path, Picture],
    classes: ClassTable,
    output_dir: Path,
) -> None:
    rows = (
        (
            one.path.as_posix(),
            one.class_id,
            one.kind,
            one.fault,
            *((one.width, one.height) if not one.fault else ("", "")),
            "" if one.duration_s is None else f"{float(one.duration_s):.3f}",
            "" if one.fault else int(one.has_alpha),
            one.sha256,
            " ".join(f"{look:016x}" for look in one.looks),
            one.same_as.as_posix() if one.same_as else "",
            one.near.as_posix() if one.near else "",
        )
        for one in assets
    )
    sheets = {one.class_id: output_dir / _sheet_name(one) for one in classes}
    for sheet in sheets.values():  # of classes that are empty now
        sheet.unlink(missing_ok=True)
    write_csv(output_dir / REPORT, _REPORT_COLUMNS, rows)
    for class_id, of_class in by_class(assets).items():
        write_class_sheet(of_class, thumbnails, sheets[class_id])


def _sheet_name(one: SoundClass) -> str:
    name = re.sub(r"\W+", "_", one.name)
    return f"class_{one.class_id:02d}_{name}.png"


def _print_table(
    assets: Sequence[AssetFacts], needed: Mapping[int, int], classes: ClassTable
) -> None:
    """A line per class: counts, then sizes and lengths as least – median – most."""
    grouped = by_class(assets)
    print(
        f"{'class':24}{'events':>7}{'stills':>7}{'clips':>6}{'alpha':>6}{'broken':>7}{'twice':>6}"
        f"{'alike':>6}  {'longer side, pixels':22}{'seconds':>20}"
    )
    for one in classes:
        of_class = grouped.get(one.class_id, [])
        good = [asset for asset in of_class if not asset.fault]
        kinds = Counter(asset.kind for asset in good)
        sides = [max(asset.width, asset.height) for asset in good]
        lengths = [float(asset.duration_s) for asset in good if asset.duration_s is not None]
        events = needed.get(one.class_id, "") if needed else ""
        print(
            f"{one.class_id:>2} {one.name:21}{events:>7}{kinds['image']:>7}{kinds['video']:>6}"
            f"{sum(asset.has_alpha for asset in good):>6}{len(of_class) - len(good):>7}"
            f"{sum(asset.same_as is not None for asset in good):>6}"
            f"{sum(asset.near is not None for asset in good):>6}"
            f"  {_spread(sides, '.0f'):22}{_spread(lengths, '.1f'):>20}"
        )


def _spread(numbers: Sequence[float], form: str) -> str:
    if not numbers:
        return ""
    return " – ".join(format(n, form) for n in (min(numbers), median(numbers), max(numbers)))


def _print_faults(assets: Sequence[AssetFacts], classes: ClassTable) -> None:
    class_of = {asset.path: asset.class_id for asset in assets}

    def beside(asset: AssetFacts, other: Path) -> str:
        elsewhere = class_of[other] != asset.class_id
        where = f", which is {classes[class_of[other]].name}" if elsewhere else ""
        return f"{asset.path} = {other}{where}"

    _print_list("broken", (f"{one.path}: {one.fault}" for one in assets if one.fault))
    same = (beside(one, one.same_as) for one in assets if one.same_as is not None)
    _print_list("the same content", same)
    near = (beside(one, one.near) for one in assets if one.near is not None)
    _print_list("alike", near)


def _print_list(title: str, lines: Iterable[str]) -> None:
    every = list(lines)
    if every:
        print(f"\n{title}:")
        print("\n".join(f"  {line}" for line in every[:_LISTED]))
        if len(every) > _LISTED:
            print(f"  … and {len(every) - _LISTED} more, in {REPORT}")
