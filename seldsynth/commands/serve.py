"""`python -m seldsynth serve`: the gallery with a player, on this machine alone."""

from __future__ import annotations

import argparse
import contextlib
import webbrowser
from pathlib import Path

from seldsynth.commands.gallery import make_gallery
from seldsynth.commands.options import add_common, require_folder
from seldsynth.errors import ConfigError
from seldsynth.serve import HOST, listening, serve

_PORT = 8360


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the serve command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a folder of videos with their plans")
    parser.add_argument(
        "--port",
        type=_port,
        default=_PORT,
        metavar="N",
        help=f"default {_PORT}; 0 is any that is free",
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number of 0 to 65535, got {text!r}")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    require_folder(options.dir, "DIR")
    with listening(options.port) as made:
        make_gallery(options.dir, quiet=options.quiet > 0)
        address = f"http://{HOST}:{made.getsockname()[1]}/"
        print(f"{address} until Ctrl-C; only this machine can reach it", flush=True)
        if options.open and not webbrowser.open(address):
            raise ConfigError("--open: no browser here")
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it
            serve(options.dir, made)
    return 0
