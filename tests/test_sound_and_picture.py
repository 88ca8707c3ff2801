"""What is heard and what is seen are in one direction: measured on finished videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from seldsynth.cli import main
from seldsynth.metadata import LabelTable, read_labels
from seldsynth.sphere import angle_between_deg, angles_to_doa, canvas_to_angles, foa_gains
from tests.conftest import (
    decode_planes,
    decode_sound,
    mock_image,
    mock_labels,
    mock_project,
    mock_sound,
    plain,
)

FPS = 20  # so that every other video frame is in the middle of a label frame
WIDTH, HEIGHT = 640, 320
LOUD = 10.0  # times the energy of the quietest tenth: 10 dB


def heard(samples: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Direction [n, 3] of the sound in each 0.1 s: the active intensity, W times X, Y, Z."""
    size = sample_rate // 10
    count = len(samples) // size
    w, y, z, x = samples[: count * size].reshape(count, size, 4).transpose(2, 0, 1)
    intensity = np.stack([(w * one).mean(axis=1) for one in (x, y, z)], axis=-1)
    length = np.linalg.norm(intensity, axis=1, keepdims=True)
    found: NDArray[np.float64] = intensity / np.maximum(length, 1e-15)
    return found


def loudness(samples: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    size = sample_rate // 10
    count = len(samples) // size
    energy: NDArray[np.float64] = (samples[: count * size, 0] ** 2).reshape(count, size).mean(1)
    return energy


def seen(video: Path) -> NDArray[np.float64]:
    """Direction [n, 3] of what is bright in the middle of each 0.1 s: the centroid."""
    x, y = torch.arange(WIDTH) + 0.5, torch.arange(HEIGHT) + 0.5
    azimuth, elevation = canvas_to_angles(x[None, :], y[:, None], width=WIDTH, height=HEIGHT)
    rays = angles_to_doa(*torch.broadcast_tensors(azimuth, elevation)).numpy()
    solid_angle = np.cos(np.radians(elevation.numpy()))
    found = []
    for luma, _ in decode_planes(video):
        weights = np.clip(luma.astype(float) - 40, 0, None) * solid_angle
        total = (rays * weights[..., None]).sum(axis=(0, 1))
        found.append(total / max(np.linalg.norm(total), 1e-9))
    return np.array(found[1::2])


def apart_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = angle_between_deg(
        torch.from_numpy(a).double(), torch.from_numpy(b).double()
    ).numpy()
    return found


def labelled(table: LabelTable) -> dict[int, NDArray[np.float64]]:
    """The direction of each label frame that has one source."""
    doa = angles_to_doa(
        torch.from_numpy(table.azimuth_deg).double(), torch.from_numpy(table.elevation_deg).double()
    ).numpy()
    frames, counts = np.unique(table.label_frame, return_counts=True)
    alone = set(frames[counts == 1].tolist())
    return {int(n): doa[row] for row, n in enumerate(table.label_frame) if n in alone}


def white_project(folder: Path, **input_folders: str) -> Path:
    """White pictures of every class on black, all as large."""
    config = mock_project(
        folder,
        input=input_folders,
        processing={"fps": FPS, "device": "cpu", "workers": 1, "dark_background": True},
        canvas={"width": WIDTH, "height": HEIGHT},
        tiles={"size": "fixed", "fixed_deg": 20.0, "matte": "none", "mirror": 0.0},
    )
    for class_id in range(13):
        mock_image(folder / "images" / f"Class_{class_id}" / "a.png", plain((255, 255, 255)))
    return config


@pytest.mark.parametrize(("codec", "worst_deg"), [("aac", 1.0), ("flac", 0.5), ("opus", 3.0)])
def test_a_sound_that_goes_around_is_heard_where_it_is_seen(
    tmp_path: Path, codec: str, worst_deg: float
) -> None:
    """Noise along the labels, over both poles and the seam."""
    count = 60
    azimuth = (np.arange(count) * 11.0 + 180) % 360 - 180
    elevation = 75 * np.sin(np.arange(count) / 7)
    rows = [(n, 11, 0, azimuth[n], elevation[n], 200) for n in range(count)]
    mock_labels(
        tmp_path / "labels" / "mix.csv", [(*row[:3], *np.round(row[3:], 3)) for row in rows]
    )
    gains = foa_gains(angles_to_doa(torch.from_numpy(azimuth), torch.from_numpy(elevation))).numpy()
    noise = np.random.default_rng(0).normal(0, 0.1, (count, 2400, 1))
    mock_sound(tmp_path / "foa" / "mix.wav", (noise * gains[:, None]).reshape(-1, 4))
    config = white_project(tmp_path, audio_dir="foa")
    assert main(["synth", "--config", str(config), "-q", "--set", f"audio.codec={codec}"]) == 0
    video = tmp_path / "videos" / "mix.mp4"
    samples, rate = decode_sound(video)
    found, shown = heard(samples, rate)[:count], seen(video)
    wanted = np.array(list(labelled(read_labels(tmp_path / "labels" / "mix.csv")).values()))
    assert apart_deg(shown, wanted).max() < 1.0  # at 0.56° a pixel
    assert np.median(apart_deg(found, wanted)) < worst_deg
    assert np.median(apart_deg(found, shown)) < worst_deg + 0.5


@pytest.mark.slow
def test_real_recordings_are_heard_where_they_are_seen(shared_data: Path, tmp_path: Path) -> None:
    """Within what the WAV itself is off its labels, and 3 degrees; AAC as it is by default."""
    source = shared_data / "spatialscaper"
    config = white_project(tmp_path, audio_dir=str(source), metadata_dir=str(source / "labels"))
    assert main(["synth", "--config", str(config), "-q"]) == 0
    measured = 0
    for wav in sorted((source / "foa").glob("*.wav")):
        before, rate_before = soundfile.read(str(wav), always_2d=True)
        video = tmp_path / "videos" / f"{wav.stem}.mp4"
        after, rate_after = decode_sound(video)
        doa_before, doa_after, shown = (
            heard(before, rate_before),
            heard(after, rate_after),
            seen(video),
        )
        energy = loudness(before, rate_before)
        is_loud = energy > LOUD * np.quantile(energy, 0.1)
        wanted = labelled(read_labels(source / "labels" / f"{wav.stem}.csv"))
        frames = np.array([n for n in wanted if n < len(energy) and is_loud[n]])
        labels = np.array([wanted[n] for n in frames])
        own = np.median(apart_deg(doa_before[frames], labels))
        together = np.median(apart_deg(doa_after[frames], shown[frames]))
        kept = np.median(apart_deg(doa_after[frames], doa_before[frames]))
        print(
            f"\n{wav.stem}: {len(frames)} frames; WAV to labels {own:.2f}°, video's sound to its "
            f"picture {together:.2f}°, sound before and after {kept:.2f}°"
        )
        assert len(frames) > 10
        assert np.median(apart_deg(shown[frames], labels)) < 0.5
        assert together <= own + 3
        assert kept < 0.5
        measured += 1
    assert measured >= 5
