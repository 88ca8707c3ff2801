"""Command line → exit code.

0: all well, 1: something failed, 2: a config or usage fault, 130: interrupted.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

import seldsynth
from seldsynth.commands import assets, download, flickr30k, synth, youtube
from seldsynth.errors import ConfigError, SeldsynthError

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

_COMMANDS = {
    "synth": (
        synth,
        "make videos from label files",
        "Make 360° videos from sound event labels. Without --config: the demo.",
    ),
    "flickr30k": (
        flickr30k,
        "sort captioned pictures into the classes",
        "Sort captioned pictures (Flickr30k) into folders of the 13 classes.",
    ),
    "youtube": (
        youtube,
        "search YouTube for clips of the classes",
        "Search YouTube for videos of the 13 classes; the download command fetches them.",
    ),
    "download": (
        download,
        "fetch clips of the classes",
        "Fetch the clips of a list (link,start,end,class) into class folders.",
    ),
    "assets": (
        assets,
        "look after folders of pictures and clips",
        "Look after folders of pictures and clips.",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. arguments: without the program's name; None takes those of the process."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unknown: {' '.join(unknown)}")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    level = logging.WARNING - 10 * options.verbose + 10 * options.quiet
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s", force=True)
    try:
        code: int = options.command(options)
        return code
    except SeldsynthError as error:
        for line in str(error).splitlines():
            print(f"seldsynth: {line}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        print("seldsynth: interrupted; --resume goes on from here", file=sys.stderr)
        return EXIT_INTERRUPTED


def _interrupt(*_: object) -> None:
    """End as with Ctrl-C, so that workers and temporary files are not left behind."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seldsynth", description="Sound event labels in, labelled 360° video out."
    )
    version = f"seldsynth {seldsynth.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, brief, description) in _COMMANDS.items():
        command = commands.add_parser(name, help=brief, description=description)
        module.describe(command)
    return parser
