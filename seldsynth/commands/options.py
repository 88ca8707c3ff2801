"""What several commands take and print."""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import seldsynth
from seldsynth.assets import class_files
from seldsynth.class_table import ClassTable, SoundClass
from seldsynth.errors import ConfigError
from seldsynth.run_lock import Shard


def positive(text: str) -> int:
    """A number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


def shard_of(text: str) -> Shard:
    """One of several runs that share a set, such as 2/8, for argparse."""
    if match := re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text):
        index, count = int(match[1]), int(match[2])
        if 1 <= index <= count:
            return Shard(index=index, count=count)
    raise argparse.ArgumentTypeError(f"expected I/N with I from 1 to N, such as 2/8, got {text!r}")


def worker_count(text: str) -> int | Literal["auto"]:
    """A number of processes, or auto, for argparse."""
    return "auto" if text == "auto" else positive(text)


def num_workers(wish: int | Literal["auto"], *, num_recordings: int | None = None) -> int:
    """Processes to use: as wished, or one per core; never more than recordings."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = wish if isinstance(wish, int) else cores or 1
    return max(1, workers if num_recordings is None else min(workers, num_recordings))


def not_negative(text: str) -> float:
    """A number of at least 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return number


def require_folder(path: Path, option: str) -> None:
    """Raise ConfigError if an option names something that is no folder."""
    if not path.is_dir():
        what = "a file, not a folder" if path.exists() else "no such folder"
        raise ConfigError(f"{option} {path}: {what}")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Describe what every command takes, and let it be found by the parser of its faults."""
    version = f"seldsynth {seldsynth.__version__}"
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    parser.add_argument("-q", "--quiet", action="count", default=0, help="say less")
    parser.add_argument("--version", action="version", version=version)
    parser.set_defaults(parser=parser)


def add_class_table(parser: argparse.ArgumentParser) -> None:
    """Describe --class-table, which every command about assets has."""
    parser.add_argument(
        "--class-table",
        type=Path,
        metavar="FILE",
        help="what to change in the table of classes; configs/classes.yaml is one to start from",
    )


def print_classes(columns: Mapping[str, Mapping[int, int]], classes: Iterable[SoundClass]) -> None:
    """A table of the classes, with numbers."""
    print(f"{'class':26}" + "".join(f"{name:>12}" for name in columns))
    for one in classes:
        cells = "".join(f"{column.get(one.class_id, 0):>12}" for column in columns.values())
        print(f"{one.class_id:>2} {one.name:23}{cells}")


def assets_there(output_dir: Path, classes: ClassTable) -> Counter[int]:
    """How many pictures and clips a folder now has of each class."""
    if not output_dir.is_dir():
        return Counter()
    files = class_files(output_dir, "output", follow_symlinks=True, classes=classes)
    return Counter(class_id for class_id, _ in files)
