"""Search YouTube for videos of the 13 classes: `python scrape_yt.py --help`."""

import sys

from seldsynth.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["youtube", *sys.argv[1:]], prog="scrape_yt.py"))
