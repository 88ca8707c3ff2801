"""The gallery's page: what it says of a dataset."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from seldsynth.cli import main
from tests.conftest import mock_labels, mock_project, mock_sound


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of a second each, one of them in a folder and without sound."""
    folder = tmp_path_factory.mktemp("gallery")
    rows = [(n, 11, 0, 90, 0, 200) for n in range(10)] + [(n, 3, 1, 0, 45, 320) for n in range(5)]
    mock_labels(folder / "labels" / "mix.csv", sorted(rows))
    mock_labels(folder / "labels" / "room <b>" / "a & b.csv", [(0, 7, 0, 179, -90, 90)])
    mock_sound(folder / "foa" / "mix.wav")
    config = mock_project(folder, input={"audio_dir": "foa"}, audio={"missing": "silent"})
    assert main(["synth", "--config", str(config), "-q"]) == 0
    assert main(["gallery", str(folder / "videos"), "-q"]) == 0
    return folder / "videos"


def data_of(videos: Path) -> dict[str, Any]:
    text = (videos / "gallery" / "data.js").read_text()
    before, after = "window.SELDSYNTH = ", ";\n"
    assert text.startswith(before)
    assert text.endswith(after)
    found: dict[str, Any] = json.loads(text[len(before) : -len(after)])
    return found


def test_recordings(videos: Path) -> None:
    data = data_of(videos)
    mix, other = data["recordings"]
    assert (mix["name"], other["name"]) == ("mix", "room <b>/a & b")
    assert (mix["seconds"], mix["sound"], other["sound"]) == (1.0, "FOA", "")
    assert [event["class"] for event in mix["events"]] == [3, 11]
    phone, bell = mix["events"]
    assert (phone["start"], phone["end"], phone["kind"]) == (0.0, 0.5, "seen")
    assert bell["way"] == [[0, 90, 0, 2], [0.5, 90, 0, 2], [0.9, 90, 0, 2]]
    assert bell["visible"] == 1.0
    assert bell["asset"] == "Class_11/a.png"
    assert [one["name"] for one in data["classes"]][11] == "bell"


def test_totals(videos: Path) -> None:
    totals = data_of(videos)["totals"]
    assert [n for n, count in enumerate(totals["by_class"]) if count] == [3, 7, 11]
    assert totals["seconds"][11] == pytest.approx(1.0)
    assert totals["polyphony"] == [[0, 0], [1, 6], [2, 5]]
    places = np.array(totals["places"])
    assert places.shape == (18, 36)
    # 90° left in the first quarter, the front in the middle, the seam at the ends; up is first.
    assert (places[9, 9], places[4, 18], places[17, 0]) == (10, 5, 1)
    assert places.sum() == 16
    assert (totals["distances"][4], totals["distances"][6], totals["distances"][1]) == (10, 5, 1)
    assert sum(totals["visible"]) == 16
    assert totals["num_assets"] == 3


def test_posters(videos: Path) -> None:
    poster = videos / "gallery" / "posters" / "room <b>" / "a & b.jpg"
    assert cv2.imread(str(poster)).shape == (240, 480, 3)
    content = poster.read_bytes()
    stamp = poster.stat().st_mtime_ns
    poster.write_bytes(b"kept")
    os.utime(poster, ns=(stamp, stamp))
    assert main(["gallery", str(videos), "-q"]) == 0
    assert poster.read_bytes() == b"kept"
    os.utime(poster, ns=(stamp + 10**9, stamp + 10**9))  # its video is another one now
    assert main(["gallery", str(videos), "-q"]) == 0
    assert poster.read_bytes() == content


def test_the_page_names_files_that_are_there(videos: Path) -> None:
    page = (videos / "index.html").read_text()
    for name in ("gallery/gallery.css", "gallery/data.js", "gallery/gallery.js"):
        assert f'"{name}"' in page
        assert (videos / name).is_file()
    assert "http:" not in page + (videos / "gallery" / "gallery.js").read_text()


def test_broken_recordings_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = mock_project(tmp_path)
    for name in "abcde":
        mock_labels(tmp_path / "labels" / f"{name}.csv", [(0, 7, 0, 0, 0, 90)])
    assert main(["synth", "--config", str(config), "-q"]) == 0
    videos = tmp_path / "videos"
    (videos / "a.plan.json").write_text("{}")
    (videos / "b.tracks.csv").write_bytes(b"event,visible,asset\n1,inf,\xff\n")
    (videos / "c.tracks.csv").write_text("event,visible,asset\n1,inf,x\n")
    (videos / "d.mp4").write_bytes((videos / "d.mp4").read_bytes()[:900])
    assert main(["gallery", str(videos)]) == 0
    said = capsys.readouterr()
    for name in ("a.plan.json", "b.tracks.csv", "c.tracks.csv", "d.mp4"):
        assert f"{name}: " in said.err
    assert "recordings: 1; open it in a browser" in said.out
    data = data_of(videos)
    assert [one["name"] for one in data["recordings"]] == ["e"]
    assert sum(data["totals"]["by_class"]) == 1
    (videos / "e.plan.json").write_text("{}")
    assert main(["gallery", str(videos), "-q"]) == 2
    assert "none of its videos can be shown" in capsys.readouterr().err


def test_another_page_is_not_replaced(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (videos / "index.html").read_text()
    (videos / "index.html").write_text("<p>mine")
    assert main(["gallery", str(videos)]) == 2
    assert "index.html: is another page, which would be replaced" in capsys.readouterr().err
    assert (videos / "index.html").read_text() == "<p>mine"
    (videos / "index.html").write_text(page)


def test_a_folder_without_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery", str(tmp_path)]) == 2
    assert main(["serve", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().err
    assert "no videos with their plans in it or below" in said
    assert "no such folder" in said
