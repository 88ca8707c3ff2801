"""Ground truth drawn over videos, and many of them on one sheet."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from seldsynth.cli import main
from seldsynth.report.overlay import TruthOf, colour_of
from tests.conftest import mock_image, mock_labels, mock_project, plain


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two recordings on black: a grey bell in front, one over the seam, one without a picture."""
    config = mock_project(
        tmp_path,
        processing={"fps": 10, "device": "cpu", "workers": 1, "dark_background": True},
        canvas={"width": 960, "height": 480},
        tiles={"size": "fixed", "feather": 0.0, "missing": "skip", "mirror": 0.0},
    )
    for class_id in (3, 11):
        mock_image(tmp_path / "images" / f"Class_{class_id}" / "a.png", plain((90, 90, 90), 60, 60))
    (tmp_path / "images" / "Class_7" / "a.png").unlink()
    rows = [(n, 11, 0, 0, 0, 200) for n in range(4)]
    mock_labels(tmp_path / "labels" / "mix.csv", rows)
    rows = [(n, c, c, 180 if c == 3 else 60, 0, 200) for n in range(6) for c in (3, 7)]
    mock_labels(tmp_path / "labels" / "deep" / "other.csv", rows)
    assert main(["synth", "--config", str(config), "-q"]) == 0
    return tmp_path / "videos"


def frames(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def is_drawn(pixels: NDArray[np.uint8], x: int, y: int, colour: tuple[int, int, int]) -> bool:
    """Whether something near a pixel has about that colour."""
    area = pixels[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].astype(int)
    return bool((np.abs(area - colour).max(axis=-1) < 90).any())


def test_boxes_and_directions_are_drawn_where_they_are(videos: Path) -> None:
    assert main(["overlay", str(videos / "mix.mp4"), "-q"]) == 0
    drawn, plain_frames = frames(videos / "mix.overlay.mp4"), frames(videos / "mix.mp4")
    assert len(drawn) == len(plain_frames) == 4
    assert drawn[0].shape == plain_frames[0].shape
    row = dict(TruthOf(videos / "mix.mp4").frames())[2][0]
    x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
    bell = colour_of(11, 13)
    for column, line in ((x, y), (x + width - 1, y), (x, y + height - 1), (480, 240)):
        assert is_drawn(drawn[2], column, line, bell)
    assert not is_drawn(drawn[2], x + 20, y + 20, bell)
    assert np.abs(drawn[2][240, 300].astype(int) - plain_frames[2][240, 300]).max() > 40  # grid


def test_both_boxes_over_the_seam_and_the_names_of_what_cannot_be_seen(videos: Path) -> None:
    target = videos.parent / "overlays"
    assert main(["overlay", str(videos / "deep" / "other.mp4"), "-q", "--output", str(target)]) == 0
    drawn = frames(target / "other.overlay.mp4")
    phone = colour_of(3, 13)
    row = dict(TruthOf(videos / "deep" / "other.mp4").frames())[0][0]
    assert row["x2"] == "0"
    for x, y in ((int(row["x"]), int(row["y"])), (int(row["width2"]) - 1, int(row["y2"]))):
        assert is_drawn(drawn[0], x, y, phone)
    corner = drawn[0][34:64, :220]
    assert corner.max() > 180  # "not to be seen: door …"
    assert frames(videos / "deep" / "other.mp4")[0][34:64, :220].max() < 60


def test_every_class_has_a_colour_of_its_own() -> None:
    colours = np.array([colour_of(class_id, 13) for class_id in range(13)])
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=-1) + 999 * np.eye(13)
    assert apart.min() > 40


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("mix.tracks.csv", "mix.tracks.csv: not there; an overlay needs a video, its plan and"),
        ("mix.plan.json", "mix.plan.json: not there"),
        ("mix.mp4", "mix.mp4: not there"),
    ],
)
def test_what_an_overlay_needs(
    videos: Path, capsys: pytest.CaptureFixture[str], missing: str, said: str
) -> None:
    (videos / missing).unlink()
    assert main(["overlay", str(videos / "mix.mp4"), "-q"]) == 1
    assert said in capsys.readouterr().err
    assert not (videos / "mix.overlay.mp4").exists()


def test_overlays_of_a_folder(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # of those that were made the first time none is made again
        assert main(["overlay", str(videos)]) == 0
        made = [str(path) for path in sorted(videos.rglob("*.overlay.mp4"))]
        assert capsys.readouterr().out.split() == made
        assert len(made) == 2
    assert main(["overlay", str(videos.parent / "labels")]) == 2
    assert "no videos with their tracks in it or below" in capsys.readouterr().err


def test_overlays_of_one_name(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of a folder keep its folders; others must not replace each other."""
    target = videos.parent / "overlays"
    for path in list((videos / "deep").iterdir()):
        path.rename(path.with_name(path.name.replace("other", "mix")))
    assert main(["overlay", str(videos), "-q", "--output", str(target)]) == 0
    found = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.mp4"))
    assert found == ["deep/mix.overlay.mp4", "mix.overlay.mp4"]
    both = [str(videos / "mix.mp4"), str(videos / "deep" / "mix.mp4")]
    assert main(["overlay", *both, "--output", str(target)]) == 2
    assert "would both become" in capsys.readouterr().err


def test_a_video_without_its_plan_does_not_stop_the_others(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "deep" / "other.plan.json").write_text("{}")
    assert main(["overlay", str(videos), "-q"]) == 1
    assert "other.plan.json: not a plan" in capsys.readouterr().err
    assert (videos / "mix.overlay.mp4").is_file()
    tracks = videos / "mix.tracks.csv"
    tracks.write_text(tracks.read_text().replace("event", "evnt", 1))
    assert main(["overlay", str(videos / "mix.mp4"), "-q"]) == 1
    assert "mix.tracks.csv: not a tracks file of this version" in capsys.readouterr().err


def test_an_overlay_of_an_overlay(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlay", str(videos / "mix.overlay.mp4"), "-q"]) == 2
    assert "is an overlay already" in capsys.readouterr().err


def test_many_recordings_on_one_sheet(videos: Path) -> None:
    assert main(["overlay", str(videos / "mix.mp4"), "-q"]) == 0
    assert main(["sheet", str(videos), "-q", "--width", "320", "--columns", "2"]) == 0
    sheet = cv2.imread(str(videos / "contact-sheet.png"))
    assert sheet.shape == (8 + 22 + 160 + 8, 8 + 2 * (320 + 8), 3)
    # deep/other is first: its picture is at the seam; that of mix is in the middle.
    bell, phone = colour_of(11, 13), colour_of(3, 13)
    assert is_drawn(sheet, 8 + 320 + 8 + 160, 8 + 22 + 80, bell)
    assert is_drawn(sheet, 8 + 2, 8 + 22 + 80, phone)
    assert (
        main(["sheet", str(videos), "-q", "--count", "1", "--output", str(videos / "a.png")]) == 0
    )
    assert cv2.imread(str(videos / "a.png")).shape[1] == 16 + 640


def test_sheets_of_nothing(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sheet", str(tmp_path / "labels")]) == 2
    assert "no videos with their plans in it or below" in capsys.readouterr().err
    assert main(["sheet", str(tmp_path / "none")]) == 2
    assert "DIR " in capsys.readouterr().err
    for path in videos.rglob("*.tracks.csv"):
        path.unlink()
    assert main(["sheet", str(videos)]) == 2
    assert "none of its videos can be shown" in capsys.readouterr().err
