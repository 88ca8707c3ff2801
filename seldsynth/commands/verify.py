"""`python -m seldsynth verify`: a finished set of videos against its manifest."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from seldsynth.commands.options import add_common, num_workers, require_folder, worker_count
from seldsynth.manifest import NAME
from seldsynth.run_lock import run_in
from seldsynth.verify import Verdict, verify_set

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the verify command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a folder of videos, with manifest")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="sizes, plans, labels and indices of videos only, without reading all through",
    )
    parser.add_argument(
        "--workers",
        type=worker_count,
        default="auto",
        metavar="N",
        help="processes to read with: auto (one per core) or a number",
    )


def _run(options: argparse.Namespace) -> int:
    require_folder(options.dir, "DIR")
    if at_work := run_in(options.dir):
        _log.warning(
            "%s: %s is at work there: what it makes now may be named", options.dir, at_work
        )
    counts: Counter[str] = Counter()
    num_faults = 0
    with tqdm(desc="verify", unit="rec", disable=True if options.quiet else None) as bar:

        def advance(total: int) -> None:
            bar.total = total
            bar.update(1)

        workers = num_workers(options.workers)
        for verdict in verify_set(
            options.dir,
            quick=options.quick,
            workers=workers,
            on_recording=advance,
            at_work=bool(at_work),
        ):
            counts[_kind(verdict)] += 1
            num_faults += len(verdict.faults)
            for fault in verdict.faults:
                tqdm.write(f"{fault.path} {fault.what}")
    if not options.quiet:
        print(f"{'':12}{'recordings':>10}")
        for kind in ("right", "not right", "failed", "left out"):
            print(f"{kind:12}{counts[kind]:>10}")
        print(f"files that are not right: {num_faults}")
        if counts["not right"]:
            print("to mend a recording: delete what is named of it, then run with --resume")
        if counts["failed"]:
            print(
                "what failed is tried again by --retry-failed, and by --resume; "
                f"of what is no longer wanted, delete the line in {NAME}"
            )
    return int(num_faults > 0)


def _kind(verdict: Verdict) -> str:
    if verdict.status == "done":
        return "not right" if verdict.faults else "right"
    return {"failed": "failed", "skipped": "left out"}.get(verdict.status, verdict.status)
