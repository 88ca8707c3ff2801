"""What the work grows with: python benchmarks/bench_growth.py [--quick].

Time to render a frame, without the encoder, on one core, and peak memory of a process that makes
the whole recording: on canvases of other sizes with pictures of as many pixels, with more sources,
and with longer recordings. Every recording is made in a process of its own. Writes
benchmarks/results/growth.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from results import write_results
from scenes import Scene, make_job

from seldsynth.making import prepare_process, render_recording
from seldsynth.render.scene import render_frames

CANVASES = [
    Scene(stills=2, freely=True, width=width, side_deg=36 * 1920 / width)
    for width in (960, 1920, 3840)
]
SOURCES = [Scene(stills=count, freely=True) for count in (1, 2, 4, 8, 16)]
LENGTHS = [Scene(stills=12, clips=8, seconds=seconds) for seconds in (10.0, 60.0, 600.0)]
QUICK = [*CANVASES[1:], *SOURCES[:2], Scene(stills=12, clips=8, seconds=5.0)]


def child(scene: Scene) -> dict[str, float]:
    """Milliseconds per frame; MiB at the most, before and after the recording was made."""
    prepare_process()
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(scene, Path(folder))
        before = _peak_mib()
        outcome = render_recording(job, on_frame=lambda: None)
        assert outcome.status == "done", outcome.message
        peak = _peak_mib()
        frames = render_frames(job.plan, job.folders, device=torch.device("cpu"))
        next(frames)  # everything is open now
        start, count = time.process_time(), 0
        for _ in frames:
            count += 1
            if count == 600:
                break
        milliseconds = 1000 * (time.process_time() - start) / count
    return {"ms_per_frame": milliseconds, "before_mib": before, "peak_mib": peak}


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(scene: Scene) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", json.dumps(asdict(scene))],
        check=True,
        capture_output=True,
        text=True,
    )
    return {"scene": f"{scene.name}, {scene.seconds:.0f} s", **json.loads(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and short")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(Scene(**json.loads(options.child)))))
        return
    print("| recording | ms per frame, rendering alone | peak MiB |")
    print("| --- | ---: | ---: |")
    found = []
    for scene in QUICK if options.quick else [*CANVASES, *SOURCES, *LENGTHS]:
        one = measure(scene)
        found.append(one)
        line = f"| {one['scene']} | {one['ms_per_frame']:.2f} | {one['peak_mib']:.0f} |"
        print(line, flush=True)
    write_results("growth", found)


if __name__ == "__main__":
    main()
