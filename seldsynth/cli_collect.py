"""The commands that collect assets: what they take, and what they say at the end."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from seldsynth.assets import class_files
from seldsynth.class_file import load_classes
from seldsynth.class_table import ClassTable
from seldsynth.collect.flickr30k import (
    Sorting,
    place_pictures,
    read_captions,
    sort_pictures,
    write_report,
)
from seldsynth.errors import ConfigError

_log = logging.getLogger(__name__)


def add_flickr30k(parser: argparse.ArgumentParser) -> None:
    """Describe the flickr30k command."""
    parser.set_defaults(command=_flickr30k, parser=parser)
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


def add_class_table(parser: argparse.ArgumentParser) -> None:
    """Describe --class-table, which every collecting command has."""
    parser.add_argument(
        "--class-table",
        type=Path,
        metavar="FILE",
        help="what to change in the table of classes; configs/classes.yaml is one to start from",
    )


def positive(text: str) -> int:
    """A number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


def _flickr30k(options: argparse.Namespace) -> int:
    if not options.images.is_dir():
        raise ConfigError(f"--images {options.images}: no such folder")
    quiet = True if options.quiet else None
    classes = load_classes(options.class_table)
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
    print_classes({"chosen": chosen}, output_dir, classes)
    print(f"left out, as who speaks is ambiguous: {sorting.ambiguous} pictures")


def print_classes(
    columns: Mapping[str, Mapping[int, int]], output_dir: Path, classes: ClassTable
) -> None:
    """A table of the classes: the columns given, and what the folder now has of each."""
    there: Counter[int] = Counter()
    if output_dir.is_dir():
        there.update(
            class_id
            for class_id, _ in class_files(
                output_dir, "output", follow_symlinks=True, classes=classes
            )
        )
    print(f"{'class':26}" + "".join(f"{name:>12}" for name in columns) + f"{'there now':>12}")
    for one in classes:
        cells = "".join(f"{column.get(one.class_id, 0):>12}" for column in columns.values())
        print(f"{one.class_id:>2} {one.name:23}{cells}{there[one.class_id]:>12}")
