"""`categorize_flickr30k.py`: captioned pictures into class folders."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from tqdm import tqdm

from seldsynth.class_file import load_classes
from seldsynth.class_table import ClassTable
from seldsynth.collect.flickr30k import (
    REPORT,
    REPORT_COLUMNS,
    Sorting,
    place_pictures,
    read_captions,
    sort_pictures,
    write_report,
)
from seldsynth.commands.options import (
    add_class_table,
    add_common,
    assets_there,
    positive,
    print_classes,
    require_folder,
)
from seldsynth.errors import ConfigError
from seldsynth.files import refuse_foreign

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the flickr30k command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument(
        "--captions",
        type=Path,
        required=True,
        metavar="FILE",
        help="results.csv of the Kaggle collection, or results_20130124.token",
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="the pictures")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="gets Class_0/ … Class_12/"
    )
    parser.add_argument(
        "--mode",
        choices=("copy", "link", "symlink"),
        default="copy",
        help="how pictures get there (default copy; symlinks need assets.follow_symlinks: true)",
    )
    parser.add_argument(
        "--min-captions",
        type=positive,
        default=1,
        metavar="K",
        help="how many of a picture's captions must agree (default 1)",
    )
    parser.add_argument("--max-per-class", type=positive, metavar="N", help="the N best of each")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="decides among equally good ones"
    )
    add_class_table(parser)


def _run(options: argparse.Namespace) -> int:
    require_folder(options.images, "--images")
    if options.output.resolve() == options.images.resolve():
        raise ConfigError(f"--output {options.output}: is the folder of the pictures; name another")
    quiet = True if options.quiet else None
    classes = load_classes(options.class_table)
    refuse_foreign(options.output / REPORT, REPORT_COLUMNS)
    read = read_captions(options.captions)
    sorting = sort_pictures(
        read.captions,
        options.images,
        min_captions=options.min_captions,
        max_per_class=options.max_per_class,
        seed=options.seed,
        classes=classes,
        progress=tqdm(read.captions, desc="reading captions", unit="image", disable=quiet),
    )
    if not options.dry_run:
        total = sum(len(candidates) for candidates in sorting.chosen.values())
        placed = place_pictures(sorting.chosen, options.images, options.output, mode=options.mode)
        for _ in tqdm(placed, desc="placing", total=total, unit="image", disable=quiet):
            pass
        report = write_report(sorting.chosen, options.output)
    if read.damaged_lines:
        lines = ", ".join(map(str, read.damaged_lines[:5]))
        more = " …" if len(read.damaged_lines) > 5 else ""
        _log.warning("%d damaged lines left out: %s%s", len(read.damaged_lines), lines, more)
    if sorting.missing:
        names = ", ".join(sorting.missing[:3]) + (" …" if len(sorting.missing) > 3 else "")
        place = options.images
        _log.warning("%d pictures are not in %s: %s", len(sorting.missing), place, names)
    if not options.quiet:
        _print_sorting(sorting, options.output, classes)
        print("nothing written: --dry-run" if options.dry_run else f"why each: {report}")
    return 0


def _print_sorting(sorting: Sorting, output_dir: Path, classes: ClassTable) -> None:
    chosen = {class_id: len(candidates) for class_id, candidates in sorting.chosen.items()}
    there = assets_there(output_dir, classes)
    print_classes({"chosen": chosen, "there now": there}, classes)
    print(f"left out, as who speaks is ambiguous: {sorting.ambiguous} pictures")
