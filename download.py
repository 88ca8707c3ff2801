"""Fetch the clips of a list into class folders: `python download.py --help`."""

import sys

from seldsynth.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["download", *sys.argv[1:]], prog="download.py"))
