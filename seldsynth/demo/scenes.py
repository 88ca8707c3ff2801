"""The demo's files: two rooms, a picture and a clip for each class, labels that move, and sound."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import soundfile
import torch
import yaml
from numpy.typing import NDArray
from tqdm import tqdm

import seldsynth
from seldsynth.classes import CLASSES
from seldsynth.demo.pictures import draw
from seldsynth.demo.room import draw_room
from seldsynth.demo.sounds import SAMPLE_RATE, make_sound
from seldsynth.errors import MediaError
from seldsynth.events import LABEL_RATE
from seldsynth.media.encode import write_alpha_clip
from seldsynth.metadata import LabelTable, write_labels
from seldsynth.sphere import angles_to_doa, foa_gains

_CONFIG = "demo.yaml"
_PICTURE_HEIGHT = 300
_CLIP_HEIGHT = 240
_CLIP_FRAMES = 16
_CLIP_RATE = Fraction(16)
_STEPS_PER_S = 100  # of the way of a sound


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sound that goes steadily from one place to another.

    start, end: azimuth_deg (it may go past ±180), elevation_deg, distance_m.
    """

    class_id: int
    from_s: float
    to_s: float
    start: tuple[float, float, float]
    end: tuple[float, float, float]


def _still(class_id: int, from_s: float, to_s: float, place: tuple[float, float, float]) -> Sound:
    return Sound(class_id=class_id, from_s=from_s, to_s=to_s, start=place, end=place)


# A look around: every class once, most of them where such a thing would be.
_AROUND = (
    _still(7, 0.0, 4.0, (100, -6, 3.0)),
    Sound(class_id=6, from_s=0.5, to_s=6.5, start=(95, -12, 2.8), end=(15, -12, 2.4)),
    _still(3, 1.5, 5.0, (-60, -18, 1.2)),
    Sound(class_id=0, from_s=3.0, to_s=9.0, start=(-35, 2, 1.8), end=(-5, 0, 1.5)),
    Sound(class_id=1, from_s=5.5, to_s=11.0, start=(70, 4, 2.2), end=(40, 2, 1.6)),
    _still(8, 7.0, 13.0, (-115, -12, 2.2)),
    _still(9, 8.5, 14.0, (150, -10, 2.0)),
    Sound(class_id=4, from_s=9.5, to_s=13.0, start=(10, 4, 1.8), end=(-15, 4, 1.8)),
    _still(2, 11.5, 15.0, (-45, -6, 1.7)),
    Sound(class_id=5, from_s=12.0, to_s=17.0, start=(60, -22, 2.2), end=(100, -22, 2.0)),
    _still(10, 13.5, 17.5, (-150, -14, 1.4)),
    _still(12, 15.0, 18.0, (20, 0, 1.9)),
    _still(11, 15.5, 18.0, (-20, 24, 1.6)),
)

# Where other tools go wrong: the seam, the poles, one before the other, fast and far.
_HARD = (
    Sound(class_id=6, from_s=0.0, to_s=6.0, start=(140, -10, 2.4), end=(225, -10, 2.4)),
    Sound(class_id=11, from_s=0.5, to_s=7.0, start=(-80, 50, 1.5), end=(80, 86, 1.2)),
    Sound(class_id=5, from_s=2.0, to_s=8.0, start=(60, -60, 1.6), end=(-60, -84, 1.4)),
    _still(0, 3.0, 9.0, (20, 0, 2.6)),
    Sound(class_id=1, from_s=4.0, to_s=9.0, start=(55, 0, 1.5), end=(-15, 0, 1.5)),
    Sound(class_id=3, from_s=6.0, to_s=10.0, start=(-100, -10, 1.0), end=(-40, 20, 5.0)),
    Sound(class_id=9, from_s=6.5, to_s=10.0, start=(-170, 10, 1.6), end=(-195, -20, 2.5)),
)
_RECORDINGS = {"look_around": _AROUND, "hard_places": _HARD}


def prepare() -> Path:
    """Make the demo's files, where they are not there yet; returns its config file.

    In a source checkout that is configs/demo.yaml; for an installed package it is a copy below the
    current folder. Raises MediaError if the files cannot be written.
    """
    in_checkout = Path(__file__).absolute().parents[2] / "configs" / _CONFIG
    config = in_checkout
    try:
        if not in_checkout.is_file():
            config = Path("seldsynth_demo") / "configs" / _CONFIG
            config.parent.mkdir(parents=True, exist_ok=True)
            packaged = resources.files("seldsynth") / "configs" / _CONFIG
            config.write_text(packaged.read_text(encoding="utf-8"), encoding="utf-8")
        folders = yaml.safe_load(config.read_text(encoding="utf-8"))["input"]
        base = config.absolute().parent
        _make_files({key: Path(os.path.normpath(base / place)) for key, place in folders.items()})
    except OSError as error:
        raise MediaError(
            f"the demo cannot be made: {error.filename}: {error.strerror}; "
            "it needs a copy of this project that can be written, or `pip install .`"
        ) from None
    return config


def _make_files(folders: dict[str, Path]) -> None:
    """Draw what is not there, or was drawn by another version."""
    mark = folders["metadata_dir"].parent / ".made_by"
    up_to_date = mark.is_file() and mark.read_text() == seldsynth.__version__
    tasks: list[tuple[Path, Callable[[Path], None]]] = []
    for variant, room in enumerate(("room_by_day.jpg", "room_by_night.jpg")):
        tasks.append((folders["image_360_path"] / room, _room_writer(variant)))
    for sound_class in CLASSES:
        stem = f"Class_{sound_class.class_id}/{sound_class.name.replace(' ', '_')}"
        picture = folders["image_assets_dir"] / f"{stem}.png"
        clip = folders["video_assets_dir"] / f"{stem}.webm"
        tasks.append((picture, _picture_writer(sound_class.class_id)))
        tasks.append((clip, _clip_writer(sound_class.class_id)))
    for recording, sounds in _RECORDINGS.items():
        tasks.append((folders["metadata_dir"] / f"{recording}.csv", _label_writer(sounds)))
        tasks.append((folders["audio_dir"] / f"{recording}.wav", _sound_writer(sounds)))
    missing = [task for task in tasks if not (up_to_date and task[0].is_file())]
    for path, write in tqdm(missing, desc="drawing the demo", unit="file", disable=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".unfinished{path.suffix}")
        write(unfinished)
        os.replace(unfinished, path)
    mark.write_text(seldsynth.__version__)


def _room_writer(variant: int) -> Callable[[Path], None]:
    return lambda path: _write_picture(path, draw_room(1920, 960, variant=variant))


def _picture_writer(class_id: int) -> Callable[[Path], None]:
    # A quarter of the way through its movement each thing shows best what it does.
    return lambda path: _write_picture(
        path, draw(class_id, 0.25, variant=0, height=_PICTURE_HEIGHT)
    )


def _clip_writer(class_id: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        frames = (
            draw(class_id, index / _CLIP_FRAMES, variant=1, height=_CLIP_HEIGHT)
            for index in range(_CLIP_FRAMES)
        )
        write_alpha_clip(path, frames, frame_rate=_CLIP_RATE)

    return write


def _label_writer(sounds: tuple[Sound, ...]) -> Callable[[Path], None]:
    return lambda path: write_labels(label_table(sounds), path)


def _sound_writer(sounds: tuple[Sound, ...]) -> Callable[[Path], None]:
    return lambda path: soundfile.write(
        str(path), foa_of(sounds), SAMPLE_RATE, subtype="PCM_16", format="WAV"
    )


def foa_of(sounds: tuple[Sound, ...]) -> NDArray[np.float64]:
    """What is heard of sounds on their ways: [samples, 4] of W, Y, Z, X (ACN, SN3D).

    Plane waves in an open field, as loud as they are near.
    """
    length_s = max(sound.to_s for sound in sounds)
    heard = np.zeros((round(length_s * SAMPLE_RATE), 4))
    for seed, sound in enumerate(sounds):
        duration_s = sound.to_s - sound.from_s
        samples = make_sound(sound.class_id, duration_s=duration_s, seed=seed)
        steps = np.linspace(0, 1, round(duration_s * _STEPS_PER_S) + 1)
        azimuth, elevation, distance_m = torch.from_numpy(_places(sound, steps)).unbind(1)
        gains = foa_gains(angles_to_doa(azimuth, elevation)) / distance_m[:, None]
        at = np.linspace(0, 1, len(samples))
        first = round(sound.from_s * SAMPLE_RATE)
        for channel in range(4):
            gain = np.interp(at, steps, gains[:, channel].numpy())
            heard[first : first + len(samples), channel] += samples * gain
    return heard


def _places(sound: Sound, way: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 3] azimuth, elevation, distance at parts 0..1 of a sound's way."""
    places: NDArray[np.float64] = np.outer(1 - way, sound.start) + np.outer(way, sound.end)
    return places


def _write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    encoded, content = cv2.imencode(path.suffix, pixels)
    assert encoded
    path.write_bytes(content.tobytes())


def label_table(sounds: tuple[Sound, ...]) -> LabelTable:
    """Labels of sounds, ten rows a second; a row holds the place at the middle of its 0.1 s."""
    columns = []
    for source_id, sound in enumerate(sounds):
        frames = np.arange(round(sound.from_s * LABEL_RATE), round(sound.to_s * LABEL_RATE))
        way = ((frames + 0.5) / LABEL_RATE - sound.from_s) / (sound.to_s - sound.from_s)
        places = _places(sound, way)
        ids = np.full((len(frames), 2), (sound.class_id, source_id)).T
        columns.append(np.vstack((frames, ids, places.T)))
    table = np.concatenate(columns, axis=1)
    table = table[:, np.argsort(table[0], kind="stable")]
    return LabelTable(
        label_frame=table[0].astype(np.int64),
        class_id=table[1].astype(np.int64),
        source_id=table[2].astype(np.int64),
        azimuth_deg=table[3],
        elevation_deg=table[4],
        distance_m=table[5],
    )
