"""The embedded default, from a bare checkout and from an installed package."""

import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from seldsynth.classes import CLASSES
from seldsynth.demo.pictures import draw
from seldsynth.demo.room import draw_room
from seldsynth.demo.scenes import _RECORDINGS, foa_of, label_table
from seldsynth.demo.sounds import SAMPLE_RATE, make_sound
from seldsynth.media.clips import check_clip
from tests.test_sound_and_picture import apart_deg, heard, labelled, loudness

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_first_command_of_the_readme_makes_the_demo(tmp_path: Path) -> None:
    for name in ("seldsynth", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "visual_synth.py", tmp_path)
    command = [sys.executable, "visual_synth.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
    for name, seconds in (("look_around", 18), ("hard_places", 10)):
        video = tmp_path / "demo" / "videos" / f"{name}.mp4"
        sheet = video.with_suffix(".contact-sheet.png")
        assert f"video: {video}\ncontact sheet: {sheet}" in run.stdout
        with av.open(str(video)) as container:
            assert container.streams.video[0].frames == 30 * seconds
            assert container.streams.audio[0].channels == 4
        assert cv2.imread(str(sheet)).shape[1] == 2 * 640 + 3 * 8
    for sound_class in CLASSES:
        folder = f"Class_{sound_class.class_id}"
        (picture,) = (tmp_path / "demo" / "image_assets" / folder).glob("*.png")
        (clip,) = (tmp_path / "demo" / "video_assets" / folder).glob("*.webm")
        assert cv2.imread(str(picture), cv2.IMREAD_UNCHANGED)[..., 3].min() == 0
        assert check_clip(clip).has_alpha


@pytest.mark.slow
def test_an_installed_package_has_the_demo_and_the_command(tmp_path: Path) -> None:
    """The wheel alone, unpacked where no checkout is near."""
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    shutil.unpack_archive(wheel, site, "zip")
    assert (site / "seldsynth" / "py.typed").is_file()
    work = tmp_path / "work"
    work.mkdir()
    arguments = ["-m", "seldsynth", "synth", "--plan-only", "-q"]
    run = subprocess.run(
        [sys.executable, *arguments],
        cwd=work,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    plans = sorted(path.name for path in (work / "seldsynth_demo" / "demo" / "videos").glob("*"))
    plans.remove(".seldsynth")  # of the lock
    assert plans == ["hard_places.plan.json", "look_around.plan.json"]


@pytest.mark.parametrize("class_id", range(13))
def test_pictures_loop_and_keep_their_size(class_id: int) -> None:
    start = draw(class_id, 0.0, height=96)
    assert start.shape[0] == 96
    assert start.shape[1] % 2 == 0
    assert np.array_equal(start, draw(class_id, 1.0, height=96))
    later = draw(class_id, 0.4, height=96)
    assert later.shape == start.shape
    assert not np.array_equal(later, start)
    assert not np.array_equal(draw(class_id, 0.0, variant=1, height=96), start)
    assert 0.1 < (start[..., 3] > 128).mean() < 0.95


def test_no_such_class() -> None:
    with pytest.raises(ValueError, match="13"):
        draw(13, 0.0)


def test_the_room_has_no_seam() -> None:
    room = draw_room(256, 128).astype(int)
    assert room.shape == (128, 256, 3)
    across_seam = np.abs(room[:, 0] - room[:, -1]).mean()
    beside_it = np.abs(room[:, 1] - room[:, 0]).mean() + np.abs(room[:, -1] - room[:, -2]).mean()
    assert across_seam < beside_it + 2


def test_labels_hold_at_the_middle_of_their_frame() -> None:
    from seldsynth.demo.scenes import Sound

    sound = Sound(class_id=3, from_s=1.0, to_s=2.0, start=(0, 0, 1.0), end=(10, 0, 2.0))
    table = label_table((sound,))
    assert table.label_frame.tolist() == list(range(10, 20))
    assert table.azimuth_deg == pytest.approx(np.arange(0.5, 10))


def test_every_class_has_a_sound_of_its_own() -> None:
    """Of about the same loudness, without clicks at its ends, and not like another's."""
    spectra = []
    for class_id in range(13):
        samples = make_sound(class_id, duration_s=2.0, seed=0)
        assert len(samples) == 2 * SAMPLE_RATE
        assert np.abs(samples).max() <= 0.9
        power = (samples**2).reshape(20, -1).mean(axis=1)
        assert 0.03 < np.sqrt(power.max()) < 0.15
        assert np.abs(samples[[0, -1]]).max() < 1e-3
        energy = np.abs(np.fft.rfft(samples)) ** 2
        bands = energy[: len(energy) // 400 * 400].reshape(-1, 400).sum(axis=1)  # 200 Hz each
        spectra.append(bands / bands.sum())
    apart = np.abs(np.array(spectra)[:, None] - np.array(spectra)[None]).max(axis=-1)
    assert (apart + np.eye(13)).min() > 0.02
    assert np.array_equal(make_sound(12, duration_s=2.0, seed=0), samples)


@pytest.mark.parametrize("recording", ["look_around", "hard_places"])
def test_the_demo_is_heard_where_its_labels_are(recording: str) -> None:
    assert np.abs(foa_of(_RECORDINGS[recording])).max() < 1
    for sound in _RECORDINGS[recording]:
        samples, wanted = foa_of((sound,)), labelled(label_table((sound,)))
        energy = loudness(samples, SAMPLE_RATE)
        frames = [n for n in wanted if energy[n] > 0.01 * energy.max()]
        directions = np.array([wanted[n] for n in frames])
        found = heard(samples, SAMPLE_RATE)[frames]
        assert len(frames) > 4
        assert np.median(apart_deg(found, directions)) < 0.5
        assert apart_deg(found, directions).max() < 4
