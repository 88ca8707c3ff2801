"""Two workers against one: python benchmarks/bench_workers.py [--rounds N].

The same recordings by the whole command, start and planning included, with one worker and with two,
in turn; and recordings of a tenth of a second, which are all start: less these, it is how fast
recordings are made from then on. What two cores of this machine have for each other is measured in
the same rounds: the encoder alone on frames in memory, in one process and in two at once. Medians
of the rounds' ratios count. Writes benchmarks/results/workers.json.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bench_scene import seconds_of_floor
from results import write_results
from scenes import Scene, make_job, make_project

from seldsynth.making import prepare_process
from seldsynth.render.scene import render_frames

_RECORDINGS = 8
_SCENE = Scene(stills=1, clips=1, freely=True, seconds=40.0)
_START_SCENE = replace(_SCENE, seconds=0.1)
_FLOOR_SCENE = Scene(stills=1, clips=1, freely=True, seconds=4.0)
_FLOOR_REPEATS = 10


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


def project_of(scene: Scene, folder: Path) -> Path:
    """The config of a project with so many recordings of a scene."""
    project = make_project(scene, folder)
    labels = folder / "labels" / "scene.csv"
    for index in range(1, _RECORDINGS):
        shutil.copy(labels, labels.with_name(f"scene{index}.csv"))
    return project.config


def floor(folder: Path) -> float:
    """Seconds in which this process encodes the same frames again and again."""
    job = make_job(_FLOOR_SCENE, folder)
    device = torch.device("cpu")
    frames: list[np.ndarray] = [
        frame.numpy().copy() for frame in render_frames(job.plan, job.folders, device=device)
    ]
    return sum(seconds_of_floor(job, frames, folder / "a.mp4") for _ in range(_FLOOR_REPEATS))


def seconds_of_floors(folder: Path, processes: int) -> float:
    """Seconds in which so many processes encode at once, each as much as one alone."""
    folders = [folder / str(index) for index in range(processes)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=prepare_process) as pool:
        return max(pool.map(floor, folders))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ones, twos, ceilings, later = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long, short = (
            project_of(_SCENE, folder / "long"),
            project_of(_START_SCENE, folder / "short"),
        )
        for _ in range(options.rounds):
            ones.append(seconds(long, folder / "long" / "videos", 1))
            twos.append(seconds(long, folder / "long" / "videos", 2))
            starts = [seconds(short, folder / "short" / "videos", n) for n in (1, 2)]
            later.append((ones[-1] - starts[0]) / (twos[-1] - starts[1]))
            floors = [seconds_of_floors(folder / f"floor{n}", n) for n in (1, 2)]
            ceilings.append(2 * floors[0] / floors[1])
    ratio = statistics.median(one / two for one, two in zip(ones, twos, strict=True))
    frames = _RECORDINGS * _SCENE.seconds * 30
    print(f"{_RECORDINGS} recordings, {_SCENE.name}, {_SCENE.seconds:.0f} s")
    for workers, times in ((1, ones), (2, twos)):
        median = statistics.median(times)
        print(f"{workers} worker(s): {median:.1f} s, {frames / median:.0f} frames/s")
    print(f"two workers are {ratio:.2f} times as fast as one")
    print(f"less what a start takes, {statistics.median(later):.2f} times")
    print(f"two encoders alone are {statistics.median(ceilings):.2f} times as fast as one")
    found = {"one_s": ones, "two_s": twos, "ratio": ratio, "later": later, "encoders": ceilings}
    write_results("workers", [found])


if __name__ == "__main__":
    main()
