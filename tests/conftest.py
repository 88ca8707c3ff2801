"""Factories: any fixture in a line, made by code; and the real data beside the repository."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile
import torch
import yaml
from hypothesis import settings
from numpy.typing import NDArray

from seldsynth.media.encode import write_alpha_clip
from seldsynth.render import passes_by_torch, processors

torch.set_num_threads(1)
# No deadlines: these machines are shared. In CI the same examples every time: a red run means a
# change, not a new example; run without CI=true to look for those.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

SHARED_DATA = Path(
    os.environ.get("SELDSYNTH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
)
WAYS = [
    "cpu",
    "torch",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
    ),
]
"""How pixels are worked on: on the CPU; on it, but as on a GPU; on a GPU."""


@contextmanager
def device_of(way: str) -> Iterator[str]:
    """The device to ask for while pixels are worked on in one of these ways."""
    with pytest.MonkeyPatch.context() as patch:
        if way == "torch":
            patch.setattr(processors, "_loops", lambda: passes_by_torch)
            processors.passes_on.cache_clear()
        yield "cuda" if way == "cuda" else "cpu"
    processors.passes_on.cache_clear()


def lacks(*programs: str) -> bool:
    """Whether a program that a test needs is not here; in CI they all are."""
    if os.environ.get("SELDSYNTH_PROGRAMS") == "required":
        return False
    return any(shutil.which(program) is None for program in programs)


@pytest.fixture(autouse=True)
def everything_is_logged() -> None:
    """Whatever -q a test before gave to the command line."""
    logging.getLogger("seldsynth").setLevel(logging.NOTSET)


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data is not at {SHARED_DATA} (SELDSYNTH_TEST_DATA says where)")
    return SHARED_DATA


def mock_labels(path: Path, rows: Iterable[tuple[object, ...]]) -> Path:
    """A label file: a line per row, cells as they print."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def mock_pixels(
    width: int = 64, height: int = 48, *, seed: int = 0, channels: int = 3
) -> NDArray[np.uint8]:
    """Soft colourful noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, channels), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))


def mock_image(path: Path, pixels: NDArray[np.uint8] | None = None) -> Path:
    """A picture file of the kind its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mock_pixels() if pixels is None else pixels)
    return path


def plain(colour_bgr: tuple[int, int, int], width: int = 40, height: int = 40) -> NDArray[np.uint8]:
    """One colour all over."""
    return np.full((height, width, 3), colour_bgr, dtype=np.uint8)


def mock_clip(
    path: Path,
    *,
    levels: Iterable[int] = range(40, 240, 20),
    pts: Iterable[int] | None = None,
    rate: Fraction = Fraction(10),
    width: int = 64,
    height: int = 48,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    noise: int = 0,
) -> Path:
    """A clip whose frames are plain greys of the given levels (luma), so that each can be told.

    noise: how far the pixels of a frame are from its level, whose mean they keep; it makes large
    files.
    """
    speckles = np.random.default_rng(0).integers(-noise, noise + 1, (2048, 2048))
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"qp": "1", "bf": "0"} if options is None and codec == "libx264" else options
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = 1 / rate
        times = iter(pts) if pts is not None else iter(range(10**6))
        for level in levels:
            planes = np.full(((height + height % 2) * 3 // 2, width + width % 2), 128, np.uint8)
            planes[: height + height % 2] = level
            if noise:
                planes[:height] = np.clip(level + speckles[:height, : planes.shape[1]], 0, 255)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            if (width, height, pix_fmt) != (frame.width, frame.height, "yuv420p"):
                frame = frame.reformat(
                    width=width,
                    height=height,
                    format=pix_fmt,
                    src_color_range="MPEG",
                    dst_color_range="JPEG" if pix_fmt == "gray" else "MPEG",
                )
            frame.pts, frame.time_base = next(times), 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def mock_alpha_clip(path: Path, *, num_frames: int = 4, side: int = 64) -> Path:
    """A WebM clip: a red disc that grows, on transparent green."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = []
    for index in range(num_frames):
        pixels = np.zeros((side, side, 4), dtype=np.uint8)
        pixels[..., 1] = 255
        cv2.circle(pixels, (side // 2, side // 2), side // 8 * (index + 1), (0, 0, 255, 255), -1)
        frames.append(pixels)
    write_alpha_clip(path, frames, frame_rate=Fraction(10))
    return path


def mock_tones(
    *frequencies_hz: float, duration_s: float = 1.0, sample_rate: int = 24000
) -> NDArray[np.float64]:
    """A tone for each channel: [samples, channels]."""
    times = np.arange(round(duration_s * sample_rate)) / sample_rate
    return 0.25 * np.sin(2 * np.pi * np.outer(times, frequencies_hz))


def mock_sound(
    path: Path,
    samples: NDArray[np.float64] | None = None,
    *,
    sample_rate: int = 24000,
    subtype: str = "PCM_16",
) -> Path:
    """A WAV or FLAC, of four tones unless told: samples are [samples, channels]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (
        mock_tones(300, 500, 800, 1300, sample_rate=sample_rate) if samples is None else samples
    )
    soundfile.write(str(path), samples, sample_rate, subtype=subtype)
    return path


def decode_sound(path: Path) -> tuple[NDArray[np.float64], int]:
    """The sound of a video, [samples, channels] in -1..1, and its sample rate."""
    scale = {"s16": 2**15, "s16p": 2**15, "s32": 2**31, "flt": 1, "fltp": 1}
    with av.open(str(path)) as container:
        blocks = []
        for frame in container.decode(audio=0):
            values = frame.to_ndarray().astype(np.float64) / scale[frame.format.name]
            channels = frame.layout.nb_channels
            blocks.append(values.T if frame.format.is_planar else values.reshape(-1, channels))
        return np.concatenate(blocks), container.streams.audio[0].rate


def mock_project(folder: Path, **sections: dict[str, object]) -> Path:
    """A folder with a canvas, a picture for every class and a config; returns the config's path.

    The labels are for the test to add, under labels/. sections: keys to add or to change.
    """
    mock_image(folder / "canvas" / "room.png", mock_pixels(128, 64, seed=1))
    for class_id in range(13):
        mock_image(folder / "images" / f"Class_{class_id}" / "a.png", mock_pixels(seed=class_id))
    (folder / "labels").mkdir(exist_ok=True)
    config: dict[str, dict[str, object]] = {
        "input": {
            "image_360_path": "canvas",
            "image_assets_dir": "images",
            "metadata_dir": "labels",
        },
        "output": {"video_dir": "videos"},
        "processing": {"fps": 10, "device": "cpu", "workers": 1},
        "canvas": {"width": 128, "height": 64},
        # Nothing by chance but what a test asks for.
        "tiles": {"mirror": 0.0, "size_jitter": 0.0, "clip_start": "first", "matte": "feather"},
        "look": {
            **{"match_colour": 0.0, "match_blur": False, "match_noise": False},
            **{"brightness": 0.0, "contrast": 0.0, "saturation": 0.0},
        },
        "encoding": {"preset": "ultrafast"},
    }
    for section, values in sections.items():
        config[section] = {**config.get(section, {}), **values}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def decode_planes(path: Path) -> Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Luma [h, w] and chroma [2, h/2, w/2] of every frame of a video."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            packed = frame.to_ndarray(format="yuv420p")
            height, width = frame.height, frame.width
            chroma = packed[height:].reshape(2, height // 2, width // 2)
            yield packed[:height], chroma
