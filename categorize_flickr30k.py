"""Sort captioned pictures into the 13 classes: `python categorize_flickr30k.py --help`."""

import sys

from seldsynth.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["flickr30k", *sys.argv[1:]], prog="categorize_flickr30k.py"))
