"""Whole recordings against the encoder alone: python benchmarks/bench_scene.py [--quick].

A recording is rendered and encoded with its ground truth, as the command does it; its floor is the
same encoder on the same frames, held in memory, and on the same sound, if it has one. Both are
measured in turn, on one core; the median of the rounds' ratios counts. With --config FILE the
recordings are those of a config, made in a temporary folder. With --crf N both encode by x264's
veryfast preset at that constant rate factor, B-frames and lookahead included, in place of what
seldsynth chooses, with --seconds N scenes last longer or shorter. All frames of a recording are in
memory: of a minute at 1920x960 they are 5 GB. Writes benchmarks/results/scene.json, of a config
recordings.json, at a rate scene_crf20.json, of a length scene_30s.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import write_results
from scenes import Scene, make_job, planned

from seldsynth.batch import Job
from seldsynth.making import prepare_process, render_recording, sound_track, video_format
from seldsynth.media import encode
from seldsynth.media.encode import write_video
from seldsynth.render.scene import render_frames

STILL, CLIP, LARGE = {"stills": 1}, {"clips": 1}, {"large_clips": 1}


def of(count: int, kind: dict[str, int], **more: Any) -> Scene:
    return Scene(**{name: count * one for name, one in kind.items()}, **more)


SCENES = [
    of(2, STILL, still=True),
    *(of(n, kind) for n in (1, 2, 4) for kind in (STILL, CLIP)),
    of(2, LARGE),
    *(of(2, kind, freely=True) for kind in (STILL, CLIP, LARGE)),
    *(of(n, kind, canvas_video=True) for n in (1, 2, 4) for kind in (STILL, CLIP)),
    *(of(2, kind, width=960) for kind in (STILL, CLIP)),
    *(of(2, kind, width=3840, seconds=3.0) for kind in (STILL, CLIP)),
]
QUICK = [of(2, kind, freely=freely) for kind in (STILL, CLIP) for freely in (False, True)]


def seconds_of_floor(job: Job, frames: list[np.ndarray], path: Path) -> float:
    form = video_format(job.plan, encoder="libx264")
    sound = sound_track(job.plan, job.folders)
    start = time.perf_counter()
    with write_video(path, form, sound) as writer:
        for frame in frames:
            writer.write(frame)
    return time.perf_counter() - start


def seconds_of_rendering(job: Job) -> float:
    start = time.perf_counter()
    for _ in render_frames(job.plan, job.folders, device=torch.device("cpu")):
        pass
    return time.perf_counter() - start


def seconds_of_all(job: Job) -> float:
    start = time.perf_counter()
    outcome = render_recording(job, on_frame=lambda: None)
    assert outcome.status == "done", outcome.message
    return time.perf_counter() - start


def measure(name: str, job: Job, rounds: int) -> dict[str, float | str]:
    device = torch.device("cpu")
    frames = [f.numpy().copy() for f in render_frames(job.plan, job.folders, device=device)]
    floors, alls, rendering = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            floors.append(seconds_of_floor(job, frames, Path(folder) / "floor.mp4"))
            alls.append(seconds_of_all(job))
            rendering.append(seconds_of_rendering(job))
    count = len(frames)
    return {
        "scene": name,
        "floor": count / statistics.median(floors),
        "all": count / statistics.median(alls),
        "rendering": count / statistics.median(rendering),
        "ratio": statistics.median(a / f for a, f in zip(alls, floors, strict=True)),
    }


def of_scenes(scenes: list[Scene], folder: Path) -> Iterator[tuple[str, Job]]:
    for scene in scenes:
        yield scene.name, make_job(scene, folder / scene.name.replace(" ", "_"))


def of_config(path: Path, folder: Path) -> Iterator[tuple[str, Job]]:
    """The recordings of a config, made in another folder."""
    for job in planned(path, [f"output.video_dir={folder}"]):
        yield job.recording.recording_id, job


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="four scenes only")
    parser.add_argument("--seconds", type=float, metavar="N", help="the length of scenes")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the recordings of a config")
    parser.add_argument("--crf", type=int, metavar="N", help="x264's veryfast preset at this rate")
    options = parser.parse_args()
    if options.config is not None and options.seconds is not None:
        parser.error("--seconds is the length of scenes; the recordings of --config have their own")
    if options.crf is not None:
        usual = {"preset": "veryfast", "crf": str(options.crf)}
        encode._OPTIONS["libx264"] = lambda form: usual
    prepare_process()
    found: list[dict[str, Any]] = []
    print("| scene | encoder alone | everything | rendering alone | everything / encoder |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        if options.config is None:
            scenes = QUICK if options.quick else SCENES
            if options.seconds is not None:
                scenes = [replace(scene, seconds=options.seconds) for scene in scenes]
            jobs = of_scenes(scenes, Path(folder))
        else:
            jobs = of_config(options.config, Path(folder))
        for name, job in jobs:
            one = measure(name, job, options.rounds)
            found.append(one)
            print(
                f"| {one['scene']} | {one['floor']:.0f} | {one['all']:.0f} | "
                f"{one['rendering']:.0f} | {one['ratio']:.2f} |",
                flush=True,
            )
    what = "scene" if options.config is None else "recordings"
    length = "" if options.seconds is None else f"_{options.seconds:g}s"
    rate = "" if options.crf is None else f"_crf{options.crf}"
    write_results(f"{what}{length}{rate}", found)


if __name__ == "__main__":
    main()
