"""Command line → exit code.

0: all well, 1: something failed, 2: a config or usage fault, 130: interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

import seldsynth
from seldsynth.errors import ConfigError, SeldsynthError

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

# Their modules are imported when they are wanted: torch alone takes two seconds.
_COMMANDS = {
    "synth": (
        "make videos from label files",
        "Make 360° videos from sound event labels. Without --config: the demo.",
    ),
    "flickr30k": (
        "sort captioned pictures into the classes",
        "Sort captioned pictures (Flickr30k) into folders of the 13 classes.",
    ),
    "youtube": (
        "search YouTube for clips of the classes",
        "Search YouTube for videos of the 13 classes; the download command fetches them.",
    ),
    "download": (
        "fetch clips of the classes",
        "Fetch the clips of a list (link,start,end,class) into class folders.",
    ),
    "assets": (
        "look after folders of pictures and clips",
        "Look after folders of pictures and clips.",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. arguments: without the program's name; None takes those of the process."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
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


def _run(arguments: Sequence[str]) -> int:
    options, unknown = _parser(arguments).parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unknown: {' '.join(unknown)}")
    level = logging.WARNING - 10 * options.verbose + 10 * options.quiet
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s", force=True)
    code: int = options.command(options)
    return code


def _interrupt(*_: object) -> None:
    """End as with Ctrl-C, so that workers and temporary files are not left behind."""
    raise KeyboardInterrupt


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands, of which the wanted one is described in full."""
    parser = argparse.ArgumentParser(
        prog="seldsynth", description="Sound event labels in, labelled 360° video out."
    )
    version = f"seldsynth {seldsynth.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (brief, description) in _COMMANDS.items():
        command = commands.add_parser(name, help=brief, description=description)
        if name in arguments[:1]:
            importlib.import_module(f"seldsynth.commands.{name}").describe(command)
    return parser
