"""`python -m seldsynth`."""

from seldsynth.cli import main

raise SystemExit(main())
