"""Two workers against one: python benchmarks/bench_workers.py [--rounds N].

The same recordings by the whole command, start and planning included, with one worker and with two,
in turn; the median of the rounds' ratios counts. On a machine with at least two idle cores. Writes
benchmarks/results/workers.json.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import write_results
from scenes import Scene, make_project

_RECORDINGS = 8


def seconds(config: Path, videos: Path, workers: int) -> float:
    shutil.rmtree(videos, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, "-m", "seldsynth", "synth", "-q", "--config", str(config)),
            *("--set", f"processing.workers={workers}"),
        ],
        check=True,
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    scene = Scene(stills=1, clips=1, freely=True, seconds=20.0)
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(scene, Path(folder))
        labels = Path(folder) / "labels" / "scene.csv"
        for index in range(1, _RECORDINGS):
            shutil.copy(labels, labels.with_name(f"scene{index}.csv"))
        ones, twos = [], []
        for _ in range(options.rounds):
            ones.append(seconds(project.config, Path(folder) / "videos", 1))
            twos.append(seconds(project.config, Path(folder) / "videos", 2))
    ratio = statistics.median(one / two for one, two in zip(ones, twos, strict=True))
    frames = _RECORDINGS * scene.seconds * 30
    print(f"{_RECORDINGS} recordings, {scene.name}, {scene.seconds:.0f} s")
    for workers, times in ((1, ones), (2, twos)):
        median = statistics.median(times)
        print(f"{workers} worker(s): {median:.1f} s, {frames / median:.0f} frames/s")
    print(f"two workers are {ratio:.2f} times as fast as one")
    write_results("workers", [{"one_s": ones, "two_s": twos, "ratio": ratio}])


if __name__ == "__main__":
    main()
