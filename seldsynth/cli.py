"""Command line → exit code.

0: all well, 1: something failed, 2: a config or usage fault, 130: interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

import seldsynth
from seldsynth.errors import ConfigError, SeldsynthError

_log = logging.getLogger("seldsynth")

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
    "verify": (
        "check a finished set of videos against its manifest",
        "Read a finished set of videos again, and name every file that is not right.",
    ),
    "overlay": (
        "draw the ground truth over copies of videos",
        "Draw boxes, names, directions, a grid of angles and the time over copies of videos.",
    ),
    "sheet": (
        "show many recordings on one picture",
        "Show many recordings, with their ground truth, on one picture.",
    ),
    "gallery": (
        "write a page over a folder of videos",
        "Write a page over a folder of videos: a card for each, charts of all.",
    ),
    "serve": (
        "look around in videos, in a browser",
        "Serve a folder of videos to this machine's browser: the gallery, and a player.",
    ),
    "assets": (
        "look after folders of pictures and clips",
        "Look after folders of pictures and clips.",
    ),
}


def main(arguments: Sequence[str] | None = None, *, prog: str | None = None) -> int:
    """Run a command.

    arguments: without the program's name; None takes those of the process. prog: what a script that
    stands for a single command is called.
    """
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no terminals that hang up
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as by nohup
                signal.signal(number, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may not know every letter
        sys.stdout.reconfigure(errors="backslashreplace")
    resumable = False
    try:
        options = _options(sys.argv[1:] if arguments is None else list(arguments), prog=prog)
        resumable = hasattr(options, "resume")
        code: int = options.command(options)
        return code
    except SeldsynthError as error:
        for line in str(error).splitlines():
            print(f"seldsynth: {line}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "seldsynth":
            raise
        print(
            f"seldsynth: {error.name} is not installed: pip install -r requirements.txt",
            file=sys.stderr,
        )
        return EXIT_USAGE
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        hint = "; --resume goes on from here" if resumable else ""
        print(f"seldsynth: interrupted{hint}", file=sys.stderr)
        return EXIT_INTERRUPTED


def _options(arguments: Sequence[str], *, prog: str | None) -> argparse.Namespace:
    """What the command line says; ends the program where it is not understood."""
    options, unknown = _parser(arguments, prog=prog).parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unknown: {' '.join(unknown)}")
    # Other libraries speak of addresses and logins at these levels: they keep to warnings.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", force=True)
    _log.setLevel(logging.WARNING - 10 * options.verbose + 10 * options.quiet)
    return options


def _interrupt(*_: object) -> None:
    """End as with Ctrl-C, so that workers and temporary files are not left behind."""
    raise KeyboardInterrupt


class _Parser(argparse.ArgumentParser):
    """Takes options by their whole names: what --re means would change with every new one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)


def _parser(arguments: Sequence[str], *, prog: str | None) -> argparse.ArgumentParser:
    """The parser of all commands, of which the wanted one is described in full."""
    parser = _Parser(
        prog="seldsynth", description="Sound event labels in, labelled 360° video out."
    )
    version = f"seldsynth {seldsynth.__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.set_defaults(parser=parser)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (brief, description) in _COMMANDS.items():
        command = commands.add_parser(name, help=brief, description=description)
        if name == wanted:
            command.prog = prog or command.prog
            importlib.import_module(f"seldsynth.commands.{name}").describe(command)
    return parser
