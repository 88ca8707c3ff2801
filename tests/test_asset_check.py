"""`python -m seldsynth assets check`: what it finds in folders made for it."""

import csv
import itertools
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from seldsynth.classes import CLASSES
from seldsynth.cli import main
from seldsynth.report.asset_check import AssetFacts, examine, find_assets, with_duplicates
from seldsynth.report.class_sheet import MAX_PICTURES, shown
from tests.conftest import (
    mock_alpha_clip,
    mock_clip,
    mock_image,
    mock_labels,
    mock_pixels,
    mock_project,
    plain,
)

ROOT = Path(__file__).parents[1]


def check(folder: Path, *arguments: str) -> int:
    output = ["--output", str(folder / "check")]
    return main(["assets", "check", *output, *arguments, str(folder / "assets")])


def facts(folder: Path, *names: str) -> dict[str, AssetFacts]:
    """What is found out about every file, by its name."""
    roots = [folder / name for name in names or ("assets",)]
    found = find_assets(roots, CLASSES, follow_symlinks=False)
    return {one.path.name: one for one in with_duplicates([examine(one)[0] for one in found])}


def test_what_a_good_file_is_like(tmp_path: Path) -> None:
    mock_image(tmp_path / "assets" / "Class_3" / "still.png", mock_pixels(40, 30))
    mock_clip(tmp_path / "assets" / "Class_3" / "clip.mp4", levels=range(40, 60))
    mock_alpha_clip(tmp_path / "assets" / "bell" / "alpha.webm")
    opaque, clear = mock_pixels(40, 30, channels=4), mock_pixels(40, 30, channels=4)
    opaque[..., 3], clear[:, :9, 3] = 255, 0
    mock_image(tmp_path / "assets" / "12" / "opaque.png", opaque)
    mock_image(tmp_path / "assets" / "12" / "clear.png", clear)
    found = facts(tmp_path)
    assert (found["still.png"].width, found["still.png"].height) == (40, 30)
    assert found["still.png"].duration_s is None
    assert float(found["clip.mp4"].duration_s or 0) == pytest.approx(2.0)
    assert {name: one.has_alpha for name, one in found.items()} == {
        "still.png": False,
        "clip.mp4": False,
        "alpha.webm": True,
        "opaque.png": False,
        "clear.png": True,
    }
    assert {name: one.class_id for name, one in found.items()}["alpha.webm"] == 11
    assert not any(one.fault or one.same_as or one.near for one in found.values())


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.jpg", b"", "cannot be read: not a picture"),
        ("a.jpg", b"\xff\xd8\xff", "cannot be read"),
        ("a.mp4", b"<html>", "cannot be opened"),
        ("a.tif", b"II*\0", ".tif files are not used; convert it to .jpg, .png or .mp4"),
        ("A.HEIC", b"x", ".heic files are not used"),
    ],
)
def test_faults_by_file(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    path = tmp_path / "assets" / "Class_3" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert facts(tmp_path)[name].fault.startswith(fault)


def test_pictures_that_show_nothing_and_clips_cut_off(tmp_path: Path) -> None:
    mock_image(tmp_path / "assets" / "3" / "a.png", np.zeros((8, 8, 4), np.uint8))
    clip = mock_clip(tmp_path / "assets" / "3" / "a.avi", codec="mjpeg", pix_fmt="yuvj420p")
    clip.write_bytes(clip.read_bytes()[:-3000])
    found = facts(tmp_path)
    assert found["a.png"].fault == "transparent: nothing of it is to be seen"
    assert found["a.avi"].fault


def test_other_files_are_no_faults(tmp_path: Path) -> None:
    mock_image(tmp_path / "assets" / "3" / "a.png")
    for name in ("report.csv", "3/notes.txt", "3/.hidden.tif", "3/a.json"):
        (tmp_path / "assets" / name).write_text("x")
    assert list(facts(tmp_path)) == ["a.png"]


def photograph(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return mock_pixels(320, 240, seed=seed)


def test_the_same_content_and_what_looks_alike(tmp_path: Path) -> None:
    first = photograph(1)
    mock_image(tmp_path / "assets" / "3" / "a.png", first)
    shutil.copy(tmp_path / "assets" / "3" / "a.png", tmp_path / "assets" / "3" / "b_copy.png")
    mock_image(tmp_path / "more" / "4" / "c_small.jpg", cv2.resize(first, (128, 96)))
    mock_image(tmp_path / "more" / "4" / "d_bright.png", cv2.convertScaleAbs(first, alpha=1.1))
    for seed in range(2, 20):
        mock_image(tmp_path / "more" / "5" / f"e{seed}.png", photograph(seed))
    found = facts(tmp_path, "assets", "more")
    original = tmp_path / "assets" / "3" / "a.png"
    assert {name: one.same_as for name, one in found.items() if one.same_as} == {
        "b_copy.png": original
    }
    assert {name: one.near for name, one in found.items() if one.near} == {
        "c_small.jpg": original,
        "d_bright.png": original,
    }


def test_clips_look_alike_only_if_they_do_all_along(tmp_path: Path) -> None:
    """Three clips that share their middle; the third ends otherwise."""
    for name, pictures in {"a": (1, 2, 3), "b": (1, 2, 3), "c": (1, 2, 4)}.items():
        path = tmp_path / "assets" / "3" / f"{name}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(
            str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10 if name == "a" else 12, (320, 240)
        )
        for seed in pictures:
            for _ in range(10):
                writer.write(photograph(seed))
        writer.release()
    found = facts(tmp_path)
    assert found["b.avi"].near == tmp_path / "assets" / "3" / "a.avi"
    assert found["c.avi"].near is None


def test_report_sheets_and_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assets = tmp_path / "assets"
    mock_image(assets / "Class_3" / "a_red.png", plain((0, 0, 255)))
    mock_image(assets / "Class_3" / "b.png", mock_pixels(seed=3))
    (assets / "Class_3" / "c.png").write_bytes(b"no")
    mock_clip(assets / "Class_7" / "d.mp4", levels=[200] * 20)
    mock_image(assets / "holiday" / "x.png")
    mock_labels(tmp_path / "labels" / "a.csv", [(0, 3, 0, 0, 0, 200), (0, 7, 0, 9, 0, 200)])
    mock_labels(tmp_path / "labels" / "deep" / "b.csv", [(0, 3, 0, 0, 0, 200)])
    mock_labels(tmp_path / "labels" / "bad.csv", [(0, 99, 0, 0, 0, 200)])
    assert check(tmp_path, "--metadata", str(tmp_path / "labels")) == 0
    said = capsys.readouterr()
    words = {line.split("  ")[0][3:]: line.split() for line in said.out.splitlines()}
    assert words["telephone"][2:8] == ["2", "2", "0", "0", "1", "0"]
    assert words["door"][2:8] == ["1", "0", "1", "0", "0", "0"]
    assert said.out.splitlines()[8].endswith("2.0 – 2.0 – 2.0")
    assert f"broken:\n  {assets}/Class_3/c.png: cannot be read: not a picture\n" in said.out
    assert f"{assets}/holiday: not the folder of a class; left out" in said.err
    assert "bad.csv:1: class 99 is not one of 0..12" in said.err
    with (tmp_path / "check" / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in rows] == ["a_red.png", "b.png", "c.png", "d.mp4"]
    assert [row["fault"] for row in rows] == ["", "", "cannot be read: not a picture", ""]
    assert rows[3]["duration_s"] == "2.000"
    names = sorted(path.name for path in (tmp_path / "check").iterdir())
    assert names == ["class_03_telephone.png", "class_07_door.png", "report.csv"]
    sheet = cv2.imread(str(tmp_path / "check" / "class_03_telephone.png"))
    assert sheet.shape == (8 + 182 + 8, 8 + 3 * 168, 3)
    middles = [sheet[8 + 22 + 80, 8 + 80 + 168 * column].tolist() for column in range(3)]
    assert middles[0] == [0, 0, 255]
    assert middles[2] == [200, 200, 235]  # broken


def test_a_class_that_is_needed_and_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_image(tmp_path / "assets" / "Class_3" / "a.png")
    (tmp_path / "assets" / "Class_10").mkdir()
    (tmp_path / "assets" / "Class_10" / "broken.png").write_bytes(b"")
    mock_labels(tmp_path / "labels" / "a.csv", [(0, 10, 0, 0, 0, 200), (0, 3, 1, 9, 0, 200)])
    assert check(tmp_path) == 0  # nothing said what is needed
    assert check(tmp_path, "--metadata", str(tmp_path / "labels"), "-q") == 1
    said = capsys.readouterr().err
    assert "ERROR: class 10 (water tap): needed for 1 events, and empty" in said
    assert "class 3" not in said


def test_the_message_of_visual_synth_is_a_command_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "with a blank"
    folder.mkdir()
    config = mock_project(folder, assets={"follow_symlinks": True})
    for class_id in (10, 12):
        shutil.rmtree(folder / "images" / f"Class_{class_id}")
    mock_labels(folder / "labels" / "a.csv", [(0, 10, 0, 0, 0, 200), (0, 12, 1, 9, 0, 200)])
    monkeypatch.chdir(tmp_path)
    assert main(["synth", "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert "no picture or clip for class 10 (water tap), 12 (knock) under" in said
    command = said.partition("to see which pictures and clips there are: ")[2].splitlines()[0]
    python = f"{shlex.quote(sys.executable)} "
    done = subprocess.run(
        command.replace("python ", python, 1) + f" --output {tmp_path / 'check'}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "class 10 (water tap): needed for 1 events, and empty" in done.stderr


def test_plain_pictures_of_other_colours_are_not_alike(tmp_path: Path) -> None:
    for name, colour in {"a": (0, 0, 255), "b": (255, 0, 0), "c": (0, 10, 250)}.items():
        mock_image(tmp_path / "assets" / "3" / f"{name}.png", plain(colour))
    found = facts(tmp_path)
    assert found["b.png"].near is None
    assert found["c.png"].near == tmp_path / "assets" / "3" / "a.png"


def test_a_second_look_at_other_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sheets of classes that are empty now go; what lies in the wrong place is warned of."""
    mock_image(tmp_path / "assets" / "Class_3" / "a\nb.png")
    assert check(tmp_path) == 0
    assert (tmp_path / "check" / "class_03_telephone.png").is_file()
    shutil.rmtree(tmp_path / "assets")
    mock_image(tmp_path / "assets" / "loose.png")
    (tmp_path / "check" / "mine.png").write_text("x")
    capsys.readouterr()
    assert check(tmp_path) == 0
    said = capsys.readouterr().err
    assert "no pictures or clips in it; expected folders Class_0 … Class_12" in said
    assert "1 files lie beside the class folders; left out" in said
    names = sorted(path.name for path in (tmp_path / "check").iterdir())
    assert names == ["mine.png", "report.csv"]


def test_names_that_a_terminal_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "assets" / "Class_3" / "猫.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    command = [sys.executable, "-m", "seldsynth", "assets", "check", str(tmp_path / "assets")]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "check")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0
    assert rb"\u732b.png: cannot be read" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metadata", "{}/bad_labels"], "no label file in it can be read"),
        (["--metadata", "none"], "--metadata none: no such folder"),
        (["--metadata", "{}/assets"], "no label CSV in it or below"),
        (["--output", "{}/assets/check"], "choose another folder"),
        (["{}/none"], "none: no such folder"),
    ],
)
def test_faults_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    mock_image(tmp_path / "assets" / "Class_3" / "a.png")
    mock_labels(tmp_path / "bad_labels" / "a.csv", [("x",)])
    assert check(tmp_path, *(one.format(tmp_path) for one in arguments)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "check").exists()


def test_empty_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "assets").mkdir()
    assert check(tmp_path) == 0
    assert " 0 female speech" in capsys.readouterr().out


def test_sheets_show_evenly_spread_ones_of_many() -> None:
    many = [
        AssetFacts(path=Path(f"{index:04d}.png"), class_id=0, kind="image") for index in range(1000)
    ]
    chosen = shown(many)
    assert len(chosen) == MAX_PICTURES
    gaps = {int(b.path.stem) - int(a.path.stem) for a, b in itertools.pairwise(chosen)}
    assert gaps <= {16, 17}
    assert shown(many[:7]) == many[:7]


def test_hostile_files_are_faults_and_nothing_else(shared_data: Path, tmp_path: Path) -> None:
    for kind in ("image", "video"):
        shutil.copytree(
            shared_data / "hostile" / kind, tmp_path / "assets" / "Class_3", dirs_exist_ok=True
        )
    assert check(tmp_path) == 0
    with (tmp_path / "check" / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 20
    assert any(row["fault"] for row in rows)
    assert any(not row["fault"] for row in rows)
