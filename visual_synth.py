"""Make 360° videos from sound event labels: `python visual_synth.py --config CONFIG`."""

import sys

from seldsynth.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["synth", *sys.argv[1:]], prog="visual_synth.py"))
