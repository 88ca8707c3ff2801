"""Scenes to measure with: the demo's pictures, clips and rooms, moving as asked, planned anew."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from seldsynth import demo
from seldsynth.batch import Job, plan_recordings
from seldsynth.choice import library_of
from seldsynth.config_file import load_config
from seldsynth.media.encode import VideoFormat, write_video
from seldsynth.recordings import find_recordings
from seldsynth.sounds import SoundLibrary

RATE = 30
_STEP_DEG = 2.0  # that a source moves in 0.1 s
_CLIP_S = 5.0  # the length of a large clip, and the time between its key frames


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Sources that go round, all the time.

    stills, clips: how many, cut out and small as the demo's are. large_clips: opaque 720p. freely:
    they rise and fall, come and go as well, so that nothing looks the same again. still: they stay
    where they are. side_deg: how large each appears; None for what its class and distance say.
    """

    stills: int = 0
    clips: int = 0
    large_clips: int = 0
    canvas_video: bool = False
    freely: bool = False
    still: bool = False
    side_deg: float | None = None
    width: int = 1920
    seconds: float = 10.0

    @property
    def num_sources(self) -> int:
        return self.stills + self.clips + self.large_clips

    @property
    def name(self) -> str:
        canvas = "video" if self.canvas_video else "still"
        counts = {"still": self.stills, "clip": self.clips, "720p clip": self.large_clips}
        parts = [f"{n} {what}{'s' * (n > 1)}" for what, n in counts.items() if n]
        how = ", at rest" if self.still else ", freely" if self.freely else ""
        return f"{self.width}x{self.width // 2}, {canvas} canvas, {', '.join(parts)}{how}"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A scene as files. config: to be loaded; canvas, pictures: what it shows, by source."""

    config: Path
    canvas: Path
    pictures: list[Path]


def make_project(scene: Scene, folder: Path) -> Project:
    """Labels, assets and a config of the default settings."""
    places = demo.prepare().absolute().parents[1] / "demo"
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    rows = [
        f"{frame},{source % 13},{source},{','.join(map(str, place(scene, source, frame / 10)))}\n"
        for frame in range(round(scene.seconds * 10))
        for source in range(scene.num_sources)
    ]
    (folder / "labels" / "scene.csv").write_text("".join(rows))
    pictures = []
    for source in range(scene.num_sources):
        class_folder = folder / "assets" / f"Class_{source % 13}"
        class_folder.mkdir(parents=True, exist_ok=True)
        pictures.append(_picture(scene, source, places, class_folder))
    canvas = sorted((places / "canvas").iterdir())[0]
    if scene.canvas_video:
        canvas = _canvas_video(folder / "canvas", canvas)
    key = "video_360_path" if scene.canvas_video else "image_360_path"
    config: dict[str, dict[str, object]] = {
        "input": {
            key: str(canvas.parent),
            "image_assets_dir": str(folder / "assets"),
            "metadata_dir": str(folder / "labels"),
        },
        "output": {"video_dir": str(folder / "videos")},
        "processing": {"device": "cpu", "fps": RATE, "seed": 1},
        "canvas": {"width": scene.width, "height": scene.width // 2},
    }
    if scene.side_deg is not None:
        config["tiles"] = {"size": "fixed", "fixed_deg": scene.side_deg}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return Project(config=path, canvas=canvas, pictures=pictures)


def make_job(scene: Scene, folder: Path) -> Job:
    """A recording of a scene, planned; its files lie in a folder."""
    return next(planned(make_project(scene, folder).config))


def planned(config_file: Path, overrides: Sequence[str] = ()) -> Iterator[Job]:
    """The recordings of a config, planned. overrides: `section.key=value`."""
    config = load_config(config_file, overrides)
    library = library_of(config)
    sounds = SoundLibrary(config) if config.input.audio_dir else None
    recordings = find_recordings(config)
    device = torch.device("cpu")
    for job in plan_recordings(config, recordings, library, sounds, device=device):
        if isinstance(job, Job):
            yield job
        else:
            print(f"{job.recording_id} {job.status}: {job.message}", file=sys.stderr)


def place(scene: Scene, source: int, time_s: float) -> tuple[float, float, float]:
    """Azimuth and elevation in degrees, distance in metres."""
    turned = 0.0 if scene.still else _STEP_DEG * 10 * time_s
    azimuth = round((source * 77.0 + turned + 180) % 360 - 180, 3)
    elevation = (0.0, -20.0, 25.0, -5.0, 40.0, -35.0)[source % 6]
    if not scene.freely:
        return azimuth, elevation, 1.8
    swing = math.sin(time_s / 0.9 + source)
    return azimuth, round(elevation + 15 * swing, 3), round(1.8 * 1.2**swing, 3)


def _picture(scene: Scene, source: int, places: Path, folder: Path) -> Path:
    if source >= scene.stills + scene.clips:
        room = sorted((places / "canvas").iterdir())[0]
        return _large_clip(folder / "clip.mp4", room, source)
    kind = "image_assets" if source < scene.stills else "video_assets"
    found = sorted((places / kind / folder.name).iterdir())[0]
    return Path(shutil.copy(found, folder))


def _large_clip(path: Path, room: Path, source: int) -> Path:
    """720p: a camera that pans over a room, and a disc that swings before it."""
    wide = cv2.resize(np.asarray(cv2.imread(str(room)), np.uint8), (3840, 1920))
    first = 400 * source

    def frame(index: int) -> NDArray[np.uint8]:
        left = (first + 3 * index) % 2560
        pixels = wide[600:1320, left : left + 1280].copy()
        middle = (640 + round(300 * math.sin(index / 9)), 360)
        return np.asarray(cv2.circle(pixels, middle, 120, (40, 60, 220), -1, cv2.LINE_AA), np.uint8)

    frames = (frame(index) for index in range(round(_CLIP_S * RATE)))
    return _write(path, frames, width=1280, height=720, gop_s=_CLIP_S)


def _canvas_video(folder: Path, room: Path) -> Path:
    """A clip of the demo's room, which slowly turns."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(cv2.imread(str(room)), np.uint8)
    frames = (np.roll(pixels, 2 * index, axis=1) for index in range(3 * RATE))
    height, width = pixels.shape[:2]
    return _write(folder / "room.mp4", frames, width=width, height=height, gop_s=1.0)


def _write(
    path: Path, frames: Iterable[NDArray[np.uint8]], *, width: int, height: int, gop_s: float
) -> Path:
    form = VideoFormat(
        width=width,
        height=height,
        frame_rate=Fraction(RATE),
        encoder="libx264",
        preset="veryfast",
        quality=20,
        gop_s=gop_s,
    )
    with write_video(path, form) as writer:
        for pixels in frames:
            writer.write(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420))
    return path
