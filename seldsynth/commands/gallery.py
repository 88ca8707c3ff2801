"""`python -m seldsynth gallery`: a page over a folder of videos."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from seldsynth.commands.options import add_common, require_folder
from seldsynth.report.gallery import write_gallery


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the gallery command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a folder of videos with their plans")


def _run(options: argparse.Namespace) -> int:
    require_folder(options.dir, "DIR")
    page, count = make_gallery(options.dir, quiet=options.quiet > 0)
    if not options.quiet:
        print(f"{page}: recordings: {count}; open it in a browser")
        print(f"to look around in them: python -m seldsynth serve {options.dir}")
    return 0


def make_gallery(folder: Path, *, quiet: bool) -> tuple[Path, int]:
    """Write a folder's page, with a bar of progress; its path, and how many recordings it shows."""
    with tqdm(desc="gallery", unit="video", disable=True if quiet else None) as bar:

        def advance(total: int) -> None:
            bar.total = total
            bar.update(1)

        return write_gallery(folder, on_recording=advance)
