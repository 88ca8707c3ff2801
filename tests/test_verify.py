"""verify: whatever is not right in a set is named, and nothing that is."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seldsynth.asset_files import file_sha256
from seldsynth.cli import main
from seldsynth.manifest import NAME, Record
from tests.conftest import mock_labels, mock_project, mock_sound
from tests.test_run_lock import held

MOVING = [(n, 3, 0, 10 * n, 5, 2.0) for n in range(10)]
Harm = Callable[[Path], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished set: a with sound in the video, deep/b with sound beside it."""
    folder = tmp_path_factory.mktemp("made")
    config = mock_project(folder, input={"audio_dir": "wav"})
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (24000, 5))
    for name in ("a", "deep/b"):
        mock_labels(folder / "labels" / f"{name}.csv", MOVING)
        mock_sound(folder / "wav" / f"{name}.wav", noise if name == "deep/b" else None)
    assert main(["synth", "--config", str(config), "-q"]) == 0
    return folder / "videos"


@pytest.fixture
def videos(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "videos")


def verify(videos: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["verify", str(videos), *options])
    return code, capsys.readouterr().out


def table(right: int, wrong: int = 0, failed: int = 0, left_out: int = 0, *, files: int = 0) -> str:
    rows = (("right", right), ("not right", wrong), ("failed", failed), ("left out", left_out))
    return (
        f"{'':12}recordings\n"
        + "".join(f"{name:12}{count:>10}\n" for name, count in rows)
        + f"files that are not right: {files}\n"
        + (
            "to mend a recording: delete what is named of it, then run with --resume\n"
            * (wrong > 0)
        )
        + (
            "what failed is tried again by --retry-failed, and by --resume; "
            "of what is no longer wanted, delete the line in manifest.jsonl\n"
        )
        * (failed > 0)
    )


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def other_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("options", [(), ("--quick",), ("--workers", "2")])
def test_a_set_that_is_right(
    videos: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert verify(videos, capsys, *options) == (0, table(2))


FILES = [f"a.{one}" for one in ("mp4", "csv", "tracks.csv", "masks.json", "dcase.json")]
FILES += ["a.plan.json", "deep/b.wav", "deep/b.mp4"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("harm", "said", "quick_sees"),
    [
        (Path.unlink, "is missing", True),
        (cut, r"has \d+ bytes, not \d+", True),
        (other_byte, "has another content than was written", False),
    ],
)
def test_every_file_that_is_harmed_is_named_once(
    videos: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    harm: Harm,
    said: str,
    quick_sees: bool,
) -> None:
    harm(videos / name)
    code, out = verify(videos, capsys)
    assert code == 1
    first, rest = out.split("\n", 1)
    assert re.fullmatch(f"{re.escape(name)} {said}", first)
    assert rest == table(1, 1, files=1)
    if quick_sees:
        assert verify(videos, capsys, "--quick") == (1, out)


def test_quick_sees_labels_and_plans_of_the_same_size(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, plan = videos / "a.csv", videos / "a.plan.json"
    labels.write_text(labels.read_text().replace("200", "201"))
    plan.write_text(plan.read_text().replace('"seed": 0', '"seed": 1'))
    _, out = verify(videos, capsys, "--quick")
    assert "a.csv is not the labels of the plan\n" in out or "a.csv" in out
    assert "a.plan.json is another plan than the manifest tells of\n" in out
    assert "a.mp4 was made of another plan than lies beside it\n" in out


def rehash(videos: Path, name: str) -> None:
    """Let the manifest believe that a file was written as it is now."""
    lines = [json.loads(line) for line in (videos / NAME).read_text().splitlines()]
    for line in lines:
        if name in line["outputs"]:
            path = videos / name
            facts = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
            line["outputs"][name] = facts
    (videos / NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))


def edited(old: str, new: str) -> Harm:
    def edit(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


def without_last_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("a.csv", without_last_line, "is not the labels of the plan"),
        ("a.tracks.csv", without_last_line, "has 9 rows that are not the 10 of the plan"),
        ("a.tracks.csv", edited("visible", "seen"), "has other columns"),
        ("a.tracks.csv", edited("\n3,", "\nx,"), "cannot be understood: invalid literal"),
        ("a.masks.json", edited('"frames": 10', '"frames": 11'), "speaks of 11 frames, not 10"),
        ("a.masks.json", cut, "cannot be understood: "),
        ("a.masks.json", edited('"videos"', '"films"'), "cannot be understood: 'videos'"),
        ("a.masks.json", edited('"video_frame": 3', '"video_frame": 4'), "has masks at other"),
        ("a.masks.json", edited('"category_id": 3', '"category_id": 4'), "has 1 masks that are"),
        ("a.dcase.json", edited('"instance_id": 0', '"instance_id": 7'), "has 1 masks that are"),
        ("a.dcase.json", edited('_index": 9', '_index": 10'), "has 1 masks that are not of"),
        ("a.mp4", cut, "is cut off or damaged: a box is larger than what it lies in"),
        ("a.mp4", lambda path: path.write_bytes(b"no video"), "is cut off"),
        ("deep/b.wav", cut, "is cut off: "),
    ],
)
def test_files_that_are_as_written_and_still_wrong(
    videos: Path, capsys: pytest.CaptureFixture[str], name: str, harm: Harm, said: str
) -> None:
    """The hashes agree, what is in the files does not: as a fault of ours would look."""
    harm(videos / name)
    rehash(videos, name)
    code, out = verify(videos, capsys)
    assert code == 1
    assert out.startswith(f"{name} {said}")
    assert out.endswith(table(1, 1, files=1))


def test_files_of_another_recording(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ("mp4", "masks.json"):
        shutil.copyfile(videos / "deep" / f"b.{ending}", videos / f"a.{ending}")
        rehash(videos, f"a.{ending}")
    _, out = verify(videos, capsys)
    assert "a.mp4 was made of another plan than lies beside it\n" in out
    assert "a.masks.json was made of another plan\n" in out


def test_a_video_that_is_not_what_its_plan_says(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The frame count of the sample table, and nothing else, is one less."""
    path = videos / "a.mp4"
    content = bytearray(path.read_bytes())
    place = content.find(b"stsz") + 12
    assert int.from_bytes(content[place : place + 4], "big") == 10
    content[place : place + 4] = (9).to_bytes(4, "big")
    path.write_bytes(content)
    rehash(videos, "a.mp4")
    code, out = verify(videos, capsys)
    assert code == 1
    assert out.startswith("a.mp4 ")


def test_what_the_manifest_does_not_tell_of(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(videos / "a.mp4", videos / "deep" / "more.mp4")
    (videos / "deep" / ".c.mp4.untagged.77.tmp").write_text("half")
    (videos / "theirs.mp4").write_text("not ours, and nobody said it was")
    (videos / "a.overlay.csv").write_text("")
    code, out = verify(videos, capsys)
    assert code == 1
    assert out == (
        "deep/more.mp4 is a video that no manifest tells of; --resume writes it down, if labels "
        "have its name\n"
        "deep/.c.mp4.untagged.77.tmp was left by a run that was killed; --resume removes it\n"
        + table(2, files=2)
    )


def test_what_failed_and_what_was_left_out(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        Record(recording_id="c", status="failed", time="2027", error="c.csv:1: no"),
        Record(recording_id="d", status="skipped", time="2027", error="no sound file"),
    ]
    with (videos / NAME).open("a") as file:
        file.writelines(line.to_json() + "\n" for line in lines)
    code, out = verify(videos, capsys)
    assert code == 1
    assert out == "c.mp4 failed: c.csv:1: no\n" + table(2, 0, 1, 1, files=1)


def test_folders_that_are_no_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"seldsynth: {tmp_path}: no {NAME} in it; name the folder of a set of videos, "
        "or have a run with --resume write one of the videos there\n"
    )
    assert main(["verify", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_run_that_is_at_work_is_said(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (videos / ".c.mp4.77.tmp").write_text("what it is writing")
    with held(videos) as other:
        capsys.readouterr()
        assert main(["verify", str(videos), "-v"]) == 0
        err = capsys.readouterr().err
    assert f"a run (process {other.pid} on {socket.gethostname()}" in err
    assert "is at work there" in err


@pytest.mark.slow
def test_many_recordings_in_processes(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dozen copies of the recordings, one of them harmed; the order is that of their names."""
    lines = (videos / NAME).read_text().splitlines()
    line = next(one for one in lines if json.loads(one)["recording_id"] == "a")
    for number in range(10):
        folder = videos / f"copy{number}"
        folder.mkdir()
        for path in videos.glob("a.*"):
            shutil.copyfile(path, folder / path.name)
        copied = line.replace('"a.', f'"copy{number}/a.').replace('"a"', f'"copy{number}/a"')
        with (videos / NAME).open("a") as file:
            file.write(copied + "\n")
    other_byte(videos / "copy3" / "a.tracks.csv")
    (videos / "copy7" / "a.mp4").unlink()
    code, out = verify(videos, capsys, "--workers", "2")
    assert code == 1
    assert out == (
        "copy3/a.tracks.csv has another content than was written\n"
        "copy7/a.mp4 is missing\n" + table(10, 2, files=2)
    )
