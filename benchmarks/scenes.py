"""Scenes to measure with: the demo's pictures, clips and rooms, moving as asked, planned anew."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml

from seldsynth import demo
from seldsynth.assets import scan_library
from seldsynth.batch import Job, plan_recordings
from seldsynth.config_file import load_config
from seldsynth.media.encode import VideoFormat, write_video
from seldsynth.recordings import find_recordings

RATE = 30
_STEP_DEG = 2.0  # that a source moves in 0.1 s


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Sources that go round, so many at a time, all the time."""

    sources: int
    clips: bool = False
    canvas_video: bool = False
    width: int = 1920
    seconds: float = 4.0

    @property
    def name(self) -> str:
        what = "clips" if self.clips else "stills"
        canvas = "video" if self.canvas_video else "still"
        return f"{self.width}x{self.width // 2}, {canvas} canvas, {self.sources} {what}"


def make_job(scene: Scene, folder: Path) -> Job:
    """A recording of a scene, planned with the default settings; its files lie in a folder."""
    places = demo.prepare().absolute().parents[1] / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    labels = folder / "labels"
    labels.mkdir(exist_ok=True)
    rows = [
        f"{frame},{source},{source},{_azimuth(source, frame)},{_elevation(source)},1.8\n"
        for frame in range(round(scene.seconds * 10))
        for source in range(scene.sources)
    ]
    (labels / "scene.csv").write_text("".join(rows))
    kind = "video_assets_dir" if scene.clips else "image_assets_dir"
    canvas = {"image_360_path": str(places / "canvas")}
    if scene.canvas_video:
        canvas = {"video_360_path": str(canvas_video(folder / "canvas", places / "canvas"))}
    config = {
        "input": {
            **canvas,
            kind: str(places / kind.removesuffix("_dir")),
            "metadata_dir": str(labels),
        },
        "output": {"video_dir": str(folder / "videos")},
        "processing": {"device": "cpu", "fps": RATE, "seed": 1},
        "canvas": {"width": scene.width, "height": scene.width // 2},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return planned(path)


def planned(config_file: Path) -> Job:
    """The first recording of a config, planned."""
    config = load_config(config_file)
    library = scan_library(dict(config.input), canvas_key=config.canvas_key, follow_symlinks=False)
    recordings = find_recordings(config)[:1]
    jobs = plan_recordings(config, recordings, library, None, device=torch.device("cpu"))
    job = next(iter(jobs))
    assert isinstance(job, Job), job
    return job


def canvas_video(folder: Path, rooms: Path) -> Path:
    """A folder with a clip of the demo's room, which slowly turns."""
    path = folder / "room.mp4"
    if path.is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    room = cv2.imread(str(sorted(rooms.iterdir())[0]))
    height, width = room.shape[:2]
    form = VideoFormat(
        width=width,
        height=height,
        frame_rate=Fraction(RATE),
        encoder="libx264",
        preset="ultrafast",
        quality=20,
        gop_s=1.0,
    )
    with write_video(path, form) as writer:
        for index in range(3 * RATE):
            turned = np.roll(room, 2 * index, axis=1)
            writer.write(cv2.cvtColor(turned, cv2.COLOR_BGR2YUV_I420))
    return folder


def _azimuth(source: int, frame: int) -> float:
    return round((source * 77.0 + _STEP_DEG * frame + 180) % 360 - 180, 3)


def _elevation(source: int) -> float:
    return (0.0, -20.0, 25.0, -5.0, 40.0, -35.0)[source % 6]
