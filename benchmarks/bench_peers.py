"""What a user could do instead, against this: python benchmarks/bench_peers.py [--quick].

The same moving sources on the same canvas, into an MP4 of the same size and rate, on one core:

- paste: flat 200x200 squares on OpenCV frames, one VideoCapture and one seek per clip and frame,
  mp4v; how the public tool works (without its blur, sound and ground truth: it has none).
- paste, reading on: the same, but each clip is opened once and read frame by frame.
- ffmpeg: v360 warps every picture onto a canvas of its own, overlay puts them together; directions
  are sent as commands, frame by frame. The same x264 settings as here.
- py360convert: each picture on a face of a cube, c2e, turned by columns: right at the horizon only.

Ratios are of this program's frames/s, measured in the same round. Needs requirements-bench.txt.
Writes benchmarks/results/peers.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import py360convert
import torch
from results import write_results
from scenes import RATE, Project, Scene, make_project, place, planned

from seldsynth.batch import Job
from seldsynth.making import prepare_process, render_recording
from seldsynth.render.processors import passes_on

SCENES = [
    Scene(stills=1),
    Scene(stills=2, freely=True),
    Scene(large_clips=1),
    Scene(stills=2, clips=1, large_clips=1, freely=True),
    Scene(stills=2, clips=1, large_clips=1, freely=True, canvas_video=True),
]
SIDE_PX = 200


class Paste:
    """The public tool's way. seek: it opens and seeks each clip for each frame."""

    def __init__(self, *, seek: bool) -> None:
        self._seek = seek

    def __call__(self, scene: Scene, project: Project, job: Job, frames: int, path: Path) -> None:
        height = scene.width // 2
        canvas = Reader(project.canvas, seek=self._seek)
        readers = [Reader(picture, seek=self._seek) for picture in project.pictures]
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(path), fourcc, RATE, (scene.width, height))
        for index in range(frames):
            frame = cv2.resize(canvas.frame(index), (scene.width, height))
            for source, reader in enumerate(readers):
                azimuth, elevation, _ = place(scene, source, index / RATE)
                square = cv2.resize(reader.frame(index), (SIDE_PX, SIDE_PX))
                x = min(int((180 - azimuth) / 360 * scene.width), scene.width - SIDE_PX)
                y = min(int((90 - elevation) / 180 * height), height - SIDE_PX)
                frame[y : y + SIDE_PX, x : x + SIDE_PX] = square
            writer.write(frame)
        writer.release()


class Reader:
    """Frames of a picture or a clip."""

    def __init__(self, path: Path, *, seek: bool) -> None:
        self._path, self._seek = path, seek
        is_still = path.suffix in (".png", ".jpg")
        self._still = cv2.imread(str(path)) if is_still else None
        self._capture = None if is_still else cv2.VideoCapture(str(path))

    def frame(self, index: int) -> Any:
        if self._still is not None:
            return self._still.copy()
        assert self._capture is not None
        if self._seek:
            self._capture.release()
            self._capture = cv2.VideoCapture(str(self._path))
            count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, index % max(1, count))
        there, frame = self._capture.read()
        if not there:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            there, frame = self._capture.read()
        assert there, self._path
        return frame


def ffmpeg(scene: Scene, project: Project, job: Job, frames: int, path: Path) -> None:
    """One process, one filter graph."""
    inputs = _input(project.canvas)
    size = f"{scene.width}x{scene.width // 2}"
    graph = [f"[0]scale={size},setsar=1,fps={RATE}[under0]"]
    for source, picture in enumerate(project.pictures):
        inputs += _input(picture)
        commands = path.with_name(f"commands{source}.txt")
        lines = []
        for index in range(frames):
            azimuth, elevation, _ = place(scene, source, index / RATE)
            lines.append(
                f"{index / RATE:.4f} v360@p{source} yaw {-azimuth:.3f}, "
                f"v360@p{source} pitch {elevation:.3f};\n"
            )
        commands.write_text("".join(lines))
        azimuth, elevation, _ = place(scene, source, 0.0)
        tile = job.plan.tiles[source]
        wide = tile.longer_side_deg[0] * min(1.0, tile.width / tile.height)
        high = tile.longer_side_deg[0] * min(1.0, tile.height / tile.width)
        graph.append(
            f"[{source + 1}]fps={RATE},format=yuva444p,sendcmd=f={commands},"
            f"v360@p{source}=input=flat:output=e:ih_fov={wide:.2f}:iv_fov={high:.2f}:"
            f"w={scene.width}:h={scene.width // 2}:yaw={-azimuth}:pitch={elevation}:"
            f"alpha_mask=1[over{source}]"
        )
        graph.append(f"[under{source}][over{source}]overlay=shortest=0[under{source + 1}]")
    x264 = [*("-preset", job.plan.encoding.preset, "-qp", str(job.plan.encoding.quality))]
    x264 += ["-x264-params", "bframes=0:rc-lookahead=0:scenecut=0:weightp=0", "-pix_fmt", "yuv420p"]
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-filter_threads", "1"),
            *inputs,
            *("-filter_complex", ";".join(graph), "-map", f"[under{len(project.pictures)}]"),
            *("-c:v", "libx264", "-threads", "1", *x264, "-frames:v", str(frames), str(path)),
        ],
        check=True,
    )


def _input(path: Path) -> list[str]:
    if path.suffix in (".png", ".jpg"):
        return ["-loop", "1", "-framerate", str(RATE), "-i", str(path)]
    decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    return ["-stream_loop", "-1", *decoder, "-i", str(path)]


def cubes(scene: Scene, project: Project, job: Job, frames: int, path: Path) -> None:
    """py360convert warps the whole canvas for every picture and frame."""
    height = scene.width // 2
    face = scene.width // 4
    canvas = Reader(project.canvas, seek=False)
    readers = [Reader(picture, seek=False) for picture in project.pictures]
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), fourcc, RATE, (scene.width, height))
    for index in range(frames):
        frame = cv2.resize(canvas.frame(index), (scene.width, height))
        for source, reader in enumerate(readers):
            azimuth, _, _ = place(scene, source, index / RATE)
            cube = {side: np.zeros((face, face, 4), np.uint8) for side in "FRBLUD"}
            half = SIDE_PX // 2
            square = cv2.resize(reader.frame(index), (2 * half, 2 * half))
            there = slice(face // 2 - half, face // 2 + half)
            cube["F"][there, there, :3] = square
            cube["F"][there, there, 3] = 255
            over = py360convert.c2e(cube, height, scene.width, cube_format="dict")
            over = np.roll(over, -round(azimuth / 360 * scene.width), axis=1)
            frame = np.where(over[..., 3:] > 127, over[..., :3], frame).astype(np.uint8)
        writer.write(frame)
    writer.release()


def ours(scene: Scene, project: Project, job: Job, frames: int, path: Path) -> None:
    outcome = render_recording(job, on_frame=lambda: None)
    assert outcome.status == "done", outcome.message


Way = Callable[[Scene, Project, Job, int, Path], None]
WAYS: dict[str, tuple[Way, float]] = {  # and which part of the frames is enough to measure it
    "seldsynth": (ours, 1.0),
    "paste": (Paste(seek=True), 0.5),
    "paste, reading on": (Paste(seek=False), 1.0),
    "ffmpeg": (ffmpeg, 0.2),
    "py360convert": (cubes, 0.05),
}


def measure(scene: Scene, folder: Path, rounds: int) -> dict[str, Any]:
    project = make_project(scene, folder / scene.name.replace(" ", "_"))
    job = next(planned(project.config))
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, (way, part) in WAYS.items():
            frames = round(job.plan.num_frames * part)
            start = time.perf_counter()
            way(scene, project, job, frames, folder / "peer.mp4")
            found[name].append(frames / (time.perf_counter() - start))
    ratios = {
        name: statistics.median(a / b for a, b in zip(found["seldsynth"], rates, strict=True))
        for name, rates in found.items()
    }
    return {
        "scene": scene.name,
        "frames_per_s": {name: statistics.median(rates) for name, rates in found.items()},
        "times_as_fast": ratios,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round")
    options = parser.parse_args()
    prepare_process()
    passes_on(torch.device("cpu"))  # a process loads its compiled loops once
    if hasattr(os, "sched_setaffinity"):  # ffmpeg and OpenCV's encoder start threads of their own
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = []
    names = [name for name in WAYS if name != "seldsynth"]
    print("| frames/s (seldsynth: times as fast) | seldsynth | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(WAYS))
    with tempfile.TemporaryDirectory() as folder:
        for scene in SCENES:
            one = measure(scene, Path(folder), 1 if options.quick else options.rounds)
            found.append(one)
            cells = [
                f"{one['frames_per_s'][name]:.1f} ({one['times_as_fast'][name]:.1f} ×)"
                for name in names
            ]
            ours_rate = f"{one['frames_per_s']['seldsynth']:.0f}"
            print(f"| {one['scene']} | {ours_rate} | {' | '.join(cells)} |", flush=True)
    write_results("peers", found)


if __name__ == "__main__":
    main()
