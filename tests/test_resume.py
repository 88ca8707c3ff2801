"""What --resume and --retry-failed make again and say of it; what goes wrong meanwhile."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import seldsynth
from seldsynth import manifest
from seldsynth.cli import main
from seldsynth.errors import shown
from seldsynth.manifest import NAME, Record, read_manifests
from seldsynth.plan import plan_from_json
from seldsynth.run_lock import only_run
from seldsynth.run_log import RunLog
from tests.conftest import mock_image, mock_labels, mock_pixels, mock_project, mock_sound
from tests.test_run_lock import held

MOVING = [(n, 3, 0, 10 * n, 5, 2.0) for n in range(10)]
NAMES = ("deep/c", "a", "b")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config with three recordings: a, b with sound beside it, and deep/c."""
    config = mock_project(tmp_path, input={"audio_dir": "wav"})
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (24000, 5))
    for name in NAMES:
        mock_labels(tmp_path / "labels" / f"{name}.csv", MOVING)
        mock_sound(tmp_path / "wav" / f"{name}.wav", noise if name == "b" else None)
    for number in range(4):
        mock_image(tmp_path / "images" / "Class_3" / f"{number}.png", mock_pixels(seed=number))
    return config


def synth(config: Path, *arguments: str) -> int:
    return main(["synth", "--config", str(config), *arguments])


def videos(config: Path) -> Path:
    return config.parent / "videos"


def contents(config: Path, folder: str = "videos") -> dict[str, bytes]:
    """The files of the recordings, by their paths below the folder."""
    root = config.parent / folder
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*.*")
        if path.is_file() and path.suffix not in (".txt", ".jsonl", ".lock")
    }


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def other_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("b.mp4", Path.unlink, "the video is missing"),
        ("b.mp4", cut, "the video is damaged: is cut off or damaged: a box is larger than what"),
        ("b.mp4", lambda path: path.write_bytes(b""), "the video is damaged: is cut off"),
        ("b.plan.json", Path.unlink, "a file of it is not right: b.plan.json is missing"),
        ("b.plan.json", other_byte, "a file of it is not right: b.plan.json is that of another"),
        ("b.csv", other_byte, "a file of it is not right: b.csv is not the labels of the video"),
        ("b.tracks.csv", Path.unlink, "a file of it is not right: b.tracks.csv is missing"),
        ("b.masks.json", cut, "a file of it is not right: b.masks.json has "),
        ("b.dcase.json", Path.unlink, "a file of it is not right: b.dcase.json is missing"),
        ("b.wav", Path.unlink, "a file of it is not right: b.wav is missing"),
        ("b.wav", cut, "a file of it is not right: b.wav has "),
    ],
)
def test_what_is_harmed_is_made_again_and_said(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    harm: Callable[[Path], object],
    said: str,
) -> None:
    assert synth(project) == 0
    before = contents(project)
    harm(videos(project) / name)
    capsys.readouterr()
    assert synth(project, "--resume") == 0
    out = capsys.readouterr().out
    assert f"b is made again: {said}" in out
    assert out.count("is made again") == 1
    assert re.search(r"done +1 +10\nkept +2 *\nfailed +0", out)
    assert f"made again: 1 ({said.split(':')[0]}" in out
    assert contents(project) == before
    assert read_manifests(videos(project)).records["b"].again.startswith(said)


def test_why_a_plan_has_changed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(project) == 0
    mock_labels(project.parent / "labels" / "a.csv", MOVING[:5])
    mock_sound(project.parent / "wav" / "deep" / "c.wav", subtype="PCM_24")
    capsys.readouterr()
    assert synth(project, "--resume") == 0
    out = capsys.readouterr().out
    assert "a is made again: the plan has changed: the labels\n" in out
    assert "deep/c is made again: the plan has changed: assets, sound or seldsynth\n" in out
    assert "made again: 2 (the plan has changed)\n" in out
    assert synth(project, "--resume", "--set", "processing.seed=9") == 0
    assert "b is made again: the plan has changed: the config\n" in capsys.readouterr().out


def test_what_changes_nothing_makes_nothing_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project) == 0
    before = contents(project)
    capsys.readouterr()
    others = ("--set", "processing.workers=3", "--set", "output.log_file=elsewhere/log.txt")
    assert synth(project, "--resume", *others) == 0
    assert re.search(r"done +0 *\nkept +3 *\nfailed +0", capsys.readouterr().out)
    assert contents(project) == before


def test_warnings_of_what_is_finished_are_not_said_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_labels(project.parent / "labels" / "a.csv", [*MOVING, (40, 3, 0, 0, 0, 2.0)])
    assert synth(project) == 0
    assert "a: labels go on to 4.1 s" in capsys.readouterr().err
    assert synth(project, "--resume", "-v") == 0
    assert "labels go on" not in capsys.readouterr().err


def test_a_video_of_another_recording(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(project) == 0
    before = contents(project)
    (videos(project) / "a.mp4").write_bytes((videos(project) / "b.mp4").read_bytes())
    capsys.readouterr()
    assert synth(project, "--resume") == 0
    said = "a is made again: the video is not the one that was made of this plan\n"
    assert said in capsys.readouterr().out
    assert contents(project) == before


def test_retry_failed_wants_a_manifest(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(project, "--retry-failed") == 2
    said = capsys.readouterr().err
    assert said == (
        f"seldsynth: --retry-failed: {videos(project)} has no {NAME}, which tells what failed; "
        "use --resume\n"
    )


def test_failures_are_tried_again_by_both_and_by_one_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = project.parent / "labels" / "a.csv"
    mock_labels(labels, [(0, 13, 0, 0, 0)])
    assert synth(project) == 1
    capsys.readouterr()
    assert synth(project, "--retry-failed") == 1
    out = capsys.readouterr().out
    assert "recordings that failed before: 1 of 3\n" in out
    mock_labels(labels, MOVING)
    (videos(project) / "b.mp4").unlink()
    assert synth(project, "--retry-failed") == 0
    out = capsys.readouterr().out
    assert "a is made again: failed before: " in out
    assert "a.csv:1: class 13 is not one of 0..12" in out
    assert re.search(r"done +1 ", out)
    assert not (videos(project) / "b.mp4").exists()
    assert synth(project, "--retry-failed") == 0
    assert "recordings that failed before: 0 of 3\n" in capsys.readouterr().out
    assert synth(project, "--resume") == 0
    assert "b is made again: the video is missing\n" in capsys.readouterr().out


def test_what_another_version_finished_is_kept(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(seldsynth, "__version__", "0.0.9")
        assert synth(project, "--limit", "2") == 0
    before = contents(project)
    capsys.readouterr()
    assert synth(project, "--resume") == 0
    out = capsys.readouterr().out
    assert "finished by seldsynth 0.0.9 and kept: 2\n" in out
    assert re.search(r"done +1 +10\nkept +2 ", out)
    assert before.items() <= contents(project).items()


def test_a_video_without_its_line_gets_it(project: Path) -> None:
    assert synth(project) == 0
    path = videos(project) / NAME
    before = read_manifests(videos(project)).records
    made = contents(project)
    path.unlink()
    assert synth(project, "--resume") == 0
    assert contents(project) == made
    after = read_manifests(videos(project)).records
    assert after.keys() == before.keys()
    for name, record in after.items():
        assert record.outputs == before[name].outputs
        assert record.inputs == before[name].inputs
        assert record.plan_sha256 == before[name].plan_sha256
        assert record.versions == {"seldsynth": seldsynth.__version__}
        assert "finished by a run that did not come to write it down" in record.notes
    content = path.read_bytes()
    assert synth(project, "--resume") == 0  # once is enough
    assert path.read_bytes() == content


def test_what_was_done_before_a_failure_is_compared(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last line says that it failed; an earlier one still knows what was written."""
    assert synth(project) == 0
    before = contents(project)
    labels = project.parent / "labels" / "b.csv"
    right = labels.read_bytes()
    labels.write_text("what")
    assert synth(project, "--resume") == 1
    labels.write_bytes(right)
    tracks = videos(project) / "b.tracks.csv"
    tracks.write_bytes(before["b.tracks.csv"].replace(b",3,0,", b",4,0,", 1))
    assert tracks.stat().st_size == len(before["b.tracks.csv"])
    capsys.readouterr()
    assert synth(project, "--resume") == 0
    said = "b is made again: a file of it is not right: b.tracks.csv has another content than was"
    assert said in capsys.readouterr().out
    assert contents(project) == before


def test_a_file_that_is_nested_too_deep_is_made_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project) == 0
    before = contents(project)
    (videos(project) / "b.masks.json").write_text("[" * 200_000)
    (videos(project) / NAME).unlink()
    assert synth(project, "--resume") == 0
    said = "b is made again: a file of it is not right: b.masks.json cannot be understood"
    assert said in capsys.readouterr().out
    assert contents(project) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("b.mp4", "b.mp4 cannot be decoded"),
        ("b.masks.json", "b.masks.json cannot be understood"),
        ("b.wav", "b.wav is not the sound of the plan"),
    ],
)
def test_what_no_line_tells_of_is_read_through(
    project: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    assert synth(project) == 0
    before = contents(project)
    path = videos(project) / name
    content = path.read_bytes()
    landmark, size = {
        "b.mp4": (b"mdat", 1500),
        "b.masks.json": (b"annotations", 50),
        "b.wav": (b"plan ", 50),
    }[name]
    start = content.index(landmark) + len(landmark)
    path.write_bytes(content[:start] + bytes(size) + content[start + size :])
    assert synth(project, "--resume") == 0
    assert contents(project) != before  # what has its size is believed
    (videos(project) / NAME).unlink()
    capsys.readouterr()
    assert synth(project, "--resume") == 0
    assert f"b is made again: a file of it is not right: {said}" in capsys.readouterr().out
    assert contents(project) == before


def test_what_stands_in_a_line(project: Path) -> None:
    assert synth(project) == 0
    assert main(["verify", str(videos(project)), "-q"]) == 0
    lines = (videos(project) / NAME).read_text().splitlines()
    assert len(lines) == 3
    line = next(one for one in map(json.loads, lines) if one["recording_id"] == "deep/c")
    assert line["status"] == "done"
    assert line["time"].endswith("+00:00")
    assert (line["frames"], line["device"], line["error"]) == (10, "cpu", "")
    assert line["inputs"]["labels"]["path"] == "deep/c.csv"
    assert line["inputs"]["sound"]["path"] == "deep/c.wav"
    assert set(line["outputs"]) == {
        f"deep/c.{ending}"
        for ending in ("mp4", "plan.json", "csv", "tracks.csv", "masks.json", "dcase.json")
    }
    saved = videos(project) / "deep" / "c.plan.json"
    assert plan_from_json(saved.read_bytes(), name=saved).sha256() == line["plan_sha256"]
    libraries = {"python", "torch", "numpy", "av", "opencv", "numba"}
    assert set(line["versions"]) == {"seldsynth", *libraries}
    assert len({json.loads(one)["config_sha256"] for one in lines}) == 1


def test_either_all_that_is_missing_or_what_failed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        synth(project, "--resume", "--retry-failed")
    assert "not allowed with" in capsys.readouterr().err


def test_a_line_that_was_cut_off(project: Path) -> None:
    assert synth(project) == 0
    path = videos(project) / NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    lost = json.loads(whole.splitlines()[-1])["recording_id"]
    assert read_manifests(videos(project)).records.keys() == set(NAMES) - {lost}
    assert synth(project, "--resume") == 0
    found = read_manifests(videos(project))
    assert found.records.keys() == set(NAMES)
    assert found.cut_off == 1
    assert path.read_bytes().startswith(whole[:-40] + b"\n{")
    assert main(["verify", str(videos(project)), "-q"]) == 0


def test_lines_of_shards_are_read_together(tmp_path: Path) -> None:
    def line(name: str, time: str, status: str) -> str:
        return Record(recording_id=name, time=time, status=status).to_json() + "\n"  # type: ignore[arg-type]

    (tmp_path / "manifest.2-of-8.jsonl").write_text(
        line("a", "2026-01-02T", "done") + line("b", "2026-01-01T", "failed")
    )
    (tmp_path / NAME).write_text(
        line("a", "2026-01-01T", "failed") + line("b", "2026-01-03T", "done")
    )
    found = read_manifests(tmp_path)
    assert [path.name for path in found.paths] == ["manifest.2-of-8.jsonl", NAME]
    assert {name: one.status for name, one in found.records.items()} == {"a": "done", "b": "done"}


def test_a_manifest_of_another_program_stays_as_it_is(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = '{"audio_filepath": "a.wav", "duration": 1.0}\n'
    for folder in (project.parent, videos(project)):
        folder.mkdir(exist_ok=True)
        (folder / NAME).write_text(theirs)
    assert synth(project) == 2
    assert capsys.readouterr().err == (
        f"seldsynth: {videos(project) / NAME}: is not a manifest of seldsynth; move it away\n"
    )
    assert not list(videos(project).rglob("*.mp4"))
    (videos(project) / NAME).unlink()
    assert synth(project, "--plan-only") == 0
    assert main(["synth", "--from-plan", str(videos(project) / "deep" / "c.plan.json")]) == 0
    assert read_manifests(videos(project)).records.keys() == {"deep/c"}
    assert (project.parent / NAME).read_text() == theirs


def test_two_runs_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(project, "--plan-only") == 0
    plan = str(videos(project) / "deep" / "c.plan.json")
    (videos(project) / NAME).touch()
    capsys.readouterr()
    with held(videos(project)) as other:
        for arguments in ([], ["--resume"], ["--plan-only"], ["--from-plan", plan]):
            assert synth(project, *arguments) == 2
            said = capsys.readouterr()
            assert said.err.count("\n") == 1
            assert f"{videos(project)}: a run (process {other.pid} on " in said.err
            assert said.out == ""
    assert not list(videos(project).rglob("*.mp4"))
    assert synth(project) == 0


def test_saved_plans_are_written_down_in_the_manifest_of_their_set(project: Path) -> None:
    assert synth(project) == 0
    plan = videos(project) / "deep" / "c.plan.json"
    assert main(["synth", "--from-plan", str(plan)]) == 0
    lines = [json.loads(one) for one in (videos(project) / NAME).read_text().splitlines()]
    assert [line["recording_id"] for line in lines] == ["a", "b", "deep/c", "deep/c"]
    assert lines[-1]["outputs"] == lines[-2]["outputs"]
    assert main(["verify", str(videos(project)), "-q"]) == 0
    elsewhere = project.parent / "plans" / "c.plan.json"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(plan.read_bytes())
    moved = ("--config", str(project), "--from-plan", str(elsewhere))
    assert main(["synth", *moved]) == 0
    assert read_manifests(elsewhere.parent).records.keys() == {"c"}
    assert main(["verify", str(elsewhere.parent), "-q"]) == 0


def test_saved_plans_are_resumed(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever they are named from: what is finished is kept, the rest says why it is made."""
    assert synth(project, "--plan-only") == 0
    monkeypatch.chdir(videos(project))
    (project.parent / "elsewhere").symlink_to(videos(project), target_is_directory=True)
    plans = [
        *("a.plan.json", str(project.parent / "elsewhere" / "b.plan.json")),
        *(str(videos(project) / "deep" / "c.plan.json"), "deep/../a.plan.json"),
    ]
    assert main(["synth", "--from-plan", plans[0], plans[2], "--resume"]) == 0
    (videos(project) / "a.tracks.csv").unlink()
    capsys.readouterr()
    assert main(["synth", "--from-plan", *plans, "--resume"]) == 0
    said = capsys.readouterr()
    assert "a is made again: a file of it is not right: a.tracks.csv is missing" in said.out
    assert re.search(r"done +2 .*\nkept +1", said.out), said.out
    assert main(["synth", "--from-plan", *plans, "--resume", "-q"]) == 0
    lines = [json.loads(one) for one in (videos(project) / NAME).read_text().splitlines()]
    assert sorted(line["recording_id"] for line in lines) == ["a", "a", "b", "deep/c"]
    assert main(["verify", str(videos(project)), "-q"]) == 0


def test_a_set_that_moved(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it lies, and wherever its assets do, it is the same set."""
    assert synth(project) == 0
    for name in ("moved", "deeper/moved"):
        shutil.copytree(videos(project), project.parent / name)
        assert synth(project, "--set", f"output.video_dir={name}", "--resume") == 0
        assert re.search(r"kept +3", capsys.readouterr().out)
    (project.parent / "images").rename(project.parent / "pictures")
    elsewhere = ("--set", f"input.image_assets_dir={project.parent}/pictures")
    assert synth(project, *elsewhere, "--resume") == 0
    assert re.search(r"kept +3", capsys.readouterr().out)
    assert synth(project, *elsewhere, "--plan-only") == 0
    assert main(["verify", str(videos(project)), "-q"]) == 0
    made = (videos(project) / "a.mp4").read_bytes()
    assert synth(project, *elsewhere) == 0
    assert (videos(project) / "a.mp4").read_bytes() == made


def test_a_run_killed_after_the_assets_moved(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan has its name, the video not yet: it is not what the manifest tells of."""
    assert synth(project) == 0
    (project.parent / "images").rename(project.parent / "things")
    moved = ("--set", "input.image_assets_dir=things")
    saved = videos(project) / "a.plan.json"
    plan = json.loads(saved.read_bytes())
    plan["folders"]["image_assets_dir"] = "../things"
    saved.write_text(plan_from_json(json.dumps(plan), name=saved).to_json())
    assert synth(project, *moved, "--resume") == 0
    said = capsys.readouterr().out
    assert "a is made again: a file of it is not right: a.plan.json has another content" in said
    assert re.search(r"kept +2", said)
    assert main(["verify", str(videos(project)), "-q"]) == 0


def test_videos_that_are_not_asked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(project) == 0
    assert synth(project, "--limit", "1", "--resume") == 0
    assert "ask for" not in capsys.readouterr().out
    (project.parent / "labels" / "deep" / "c.csv").unlink()
    assert synth(project, "--resume") == 0
    said = capsys.readouterr().out
    assert "videos there that the config does not ask for: 1 (deep/c); they stay" in said
    (videos(project) / "deep" / "c.mp4").unlink()
    assert synth(project, "--resume") == 0
    assert "ask for" not in capsys.readouterr().out


def test_what_fails_leaves_the_video_of_before(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project, "--limit", "1") == 0
    before = (videos(project) / "a.mp4").read_bytes()
    for name in ("a", "b"):
        (project.parent / "labels" / f"{name}.csv").write_text("nonsense\n")
    assert synth(project) == 1
    said = capsys.readouterr().err.splitlines()
    lines = {name: next(line for line in said if f"{name} failed" in line) for name in "ab"}
    assert lines["a"].endswith("; its earlier video stays")
    assert "stays" not in lines["b"]
    assert (videos(project) / "a.mp4").read_bytes() == before


def test_what_is_whole_has_not_failed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A video is still that of its plan, if the plan cannot be followed once more."""
    assert synth(project) == 0
    (project.parent / "images").rename(project.parent / "things")
    capsys.readouterr()
    assert main(["synth", "--from-plan", str(videos(project) / "a.plan.json")]) == 1
    said = capsys.readouterr().err
    assert "--config FILE --set input.image_assets_dir=FOLDER says where it is now" in said
    assert said.rstrip().endswith("; its earlier video stays")
    assert main(["verify", str(videos(project)), "-q"]) == 0
    (videos(project) / "a.mp4").unlink()
    assert main(["synth", "--from-plan", str(videos(project) / "a.plan.json")]) == 1
    assert "stays" not in capsys.readouterr().err
    assert main(["verify", str(videos(project)), "-q"]) == 1


def test_pictures_that_are_gone_are_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project) == 0
    plan = json.loads((videos(project) / "a.plan.json").read_bytes())
    gone = project.parent / "images" / plan["tiles"][0]["asset"]["path"]
    gone.unlink()
    assert synth(project, "--resume") == 0
    why = f"the plan has changed: {shown(str(gone))}, which it had, is gone"
    assert f"a is made again: {why}" in capsys.readouterr().out
    shutil.rmtree(project.parent / "images")
    (project.parent / "images").mkdir()
    assert synth(project, "--resume") == 2
    assert "input.image_assets_dir: no pictures or clips in" in capsys.readouterr().err


def test_a_name_that_is_too_long(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot even be looked for fails alone."""
    name = 250 * "x"
    shutil.copy(project.parent / "labels" / "a.csv", project.parent / "labels" / f"{name}.csv")
    for arguments in ((), ("--resume",)):
        assert synth(project, *arguments) == 1
        said = capsys.readouterr()
        assert f"{name} failed: " in said.err
        assert re.search(r"(done|kept) +3", said.out)


def test_leftovers_go_whoever_left_them(project: Path) -> None:
    """Process numbers come again, in containers above all: the lock knows that nobody is there."""
    assert synth(project) == 0
    kept = videos(project) / f".foreign.mp4.{os.getpid()}.tmp"
    leftovers = [
        videos(project) / f".a.mp4.{os.getpid()}.tmp",
        videos(project) / ".a.mp4.untagged.1.tmp",
        videos(project) / "deep" / ".c.masks.json.1.tmp",
        videos(project) / ".b.wav.1.tmp",
        videos(project) / ".b.plan.json.1.tmp",
    ]
    for path in (kept, *leftovers):
        path.write_text("half")
    assert synth(project, "--resume") == 0
    assert not any(path.exists() for path in leftovers)
    assert kept.exists()
    leftovers[0].write_text("half")
    assert main(["synth", "--from-plan", str(videos(project) / "a.plan.json")]) == 0
    assert not leftovers[0].exists()


def test_a_video_of_another_version_goes_before_its_ground_truth(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the run ends in between, no video lies beside what another version wrote."""
    with monkeypatch.context() as patch:
        patch.setattr(seldsynth, "__version__", "0.0.9")
        assert synth(project, "--limit", "1") == 0
    before = (videos(project) / "a.mp4").read_bytes()
    seen = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        seen.append((Path(target).name, (videos(project) / "a.mp4").exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    assert synth(project, "--limit", "1") == 0
    assert [name for name, _ in seen[:1]] == ["a.plan.json"]
    assert seen[-1][0] == "a.mp4"
    assert not any(there for _, there in seen)
    assert (videos(project) / "a.mp4").read_bytes() != before


class FullDisk:
    """Writes of the manifest that find the disk full after some bytes, as long as it is so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
        self.left = times
        self._write = os.write
        monkeypatch.setattr(manifest.os, "write", self.write)

    def write(self, descriptor: int, content: bytes) -> int:
        if not self.left:
            return self._write(descriptor, content)
        if len(content) < 20:
            self.left -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(descriptor, content[: len(content) - 19])


def test_a_manifest_on_a_full_disk(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    FullDisk(monkeypatch, times=2)
    assert synth(project) == 0
    said = capsys.readouterr().err
    assert said.count("cannot be written: No space left on device") == 1
    found = read_manifests(videos(project))
    assert found.records.keys() == set(NAMES)
    assert found.cut_off == 0


def test_a_manifest_that_cannot_be_written_at_all(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        FullDisk(patch, times=99)
        assert synth(project) == 1
    assert "3 lines could not be written; --resume finds these" in capsys.readouterr().err
    assert (videos(project) / NAME).read_bytes() == b""
    made = contents(project)
    assert synth(project, "--resume") == 0
    assert contents(project) == made
    assert main(["verify", str(videos(project)), "-q"]) == 0


@contextmanager
def mounted(folder: Path, *, size_kib: int) -> Iterator[None]:
    """A small file system at a folder; skips where this user may not mount one."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a file system here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_disk_that_is_really_full(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Full at any file: recordings fail, nothing half done is left, --resume goes on."""
    assert synth(project, "--set", "output.video_dir=whole") == 0
    whole = contents(project, "whole")
    total_kib = sum(map(len, whole.values())) // 1024
    num_failed = set()
    for size_kib in range(24, total_kib, total_kib // 12):
        with mounted(videos(project), size_kib=size_kib):
            capsys.readouterr()
            assert synth(project) == 1
            said = capsys.readouterr()
            assert "No space left on device" in said.err
            assert "unexpected" not in said.err
            num_failed.add(int(re.findall(r"failed +(\d)", said.out)[-1]))
            assert not list(videos(project).rglob(".*.tmp"))
            assert contents(project).items() <= whole.items()
            remount = ["mount", "-o", "remount,size=64m", str(videos(project))]
            subprocess.run(remount, check=True)
            assert synth(project, "--resume") == 0
            assert contents(project) == whole
            assert main(["verify", str(videos(project)), "-q"]) == 0
    assert num_failed >= {1, 2, 3}


def after_the_first(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once the first recording is done."""
    write, acted = RunLog.write, []

    def and_act(self: RunLog, outcome: object) -> None:
        write(self, outcome)  # type: ignore[arg-type]
        if not acted:
            acted.append(act())

    monkeypatch.setattr(RunLog, "write", and_act)


def test_a_folder_of_pictures_that_vanishes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What could be read is no reason to take other pictures: the recordings fail."""
    assert synth(project, "--set", "output.video_dir=whole") == 0
    whole = {
        path.relative_to(project.parent / "whole").as_posix(): path.read_bytes()
        for path in (project.parent / "whole").rglob("*.mp4")
    }
    images, away = project.parent / "images", project.parent / "away"
    # Others are left: a class with a picture less, not one without any.
    vanished = [images / "Class_3" / f"{number}.png" for number in range(4)]

    def vanish() -> None:
        away.mkdir()
        for path in vanished:
            path.rename(away / path.name)

    with monkeypatch.context() as patch:
        after_the_first(patch, vanish)
        assert synth(project) == 1
    err = capsys.readouterr().err
    assert "was there when the run began, and is not there now" in err or "not there" in err
    made = {name: content for name, content in contents(project).items() if name in whole}
    assert made.items() <= whole.items()
    assert 1 <= len(made) < 3
    for path in vanished:
        (away / path.name).rename(path)
    assert synth(project, "--resume") == 0
    assert {name: contents(project)[name] for name in whole} == whole


def test_the_disk_of_the_videos_vanishes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder in its place is not filled; what was done is still written down, once."""
    gone = project.parent / "gone"

    def vanish() -> None:
        videos(project).rename(gone)
        videos(project).mkdir()

    with monkeypatch.context() as patch:
        after_the_first(patch, vanish)
        assert synth(project) == 1
    err = capsys.readouterr().err
    assert err.count("is not the folder any more in which the run began") == 2
    assert f"{videos(project) / NAME}: 2 lines could not be written" in err
    assert [path.name for path in videos(project).rglob("*")] == ["processing_log.txt"]
    (videos(project) / "processing_log.txt").unlink()
    videos(project).rmdir()
    gone.rename(videos(project))
    assert synth(project, "--resume") == 0
    assert main(["verify", str(videos(project)), "-q"]) == 0


def test_a_lock_that_is_held_here_is_held_for_us_too(project: Path) -> None:
    videos(project).mkdir()
    with only_run(videos(project)):
        assert synth(project) == 2
    assert synth(project) == 0


def test_the_disk_vanishes_under_two_workers(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was planned before is not made in the empty folder either; nor is a new manifest."""
    for number in range(6):
        mock_labels(project.parent / "labels" / f"more{number}.csv", MOVING)
        mock_sound(project.parent / "wav" / f"more{number}.wav")
    assert synth(project, "-q", "--limit", "1") == 0

    def vanish() -> None:
        videos(project).rename(project.parent / "gone")
        videos(project).mkdir()

    with monkeypatch.context() as patch:
        after_the_first(patch, vanish)
        assert synth(project, "-q", "--resume", "--set", "processing.workers=2") == 1
    left = {path.name for path in videos(project).rglob("*") if path.is_file()}
    assert left <= {"processing_log.txt"}


def test_a_worker_that_dies_with_nothing_to_do_is_replaced(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two recordings: none of them fails, and the batch goes on."""
    from seldsynth import local_workers

    result = local_workers._Worker.result
    killed: list[int] = []

    def and_then_killed(worker: local_workers._Worker, future: object) -> object:
        outcome = result(worker, future)  # type: ignore[arg-type]
        if not killed and worker._executor is not None:
            (process,) = worker._executor._processes.values()
            killed.append(process.pid)
            process.kill()
            process.join()
            time.sleep(0.5)  # until its pool has noticed
        return outcome

    monkeypatch.setattr(local_workers._Worker, "result", and_then_killed)
    assert synth(project, "-q", "--set", "processing.workers=2") == 0
    assert len(killed) == 1
    assert main(["verify", str(videos(project)), "-q"]) == 0


def test_what_was_done_is_known_through_a_later_failure(project: Path) -> None:
    """The sizes of a finished recording count, also after its labels could not be read once."""
    assert synth(project, "-q") == 0
    labels = project.parent / "labels" / "a.csv"
    before = labels.read_bytes()
    labels.write_text("x")
    assert synth(project, "-q", "--resume") == 1
    labels.write_bytes(before)
    cut(videos(project) / "a.tracks.csv")
    assert synth(project, "-q", "--resume") == 0
    assert "a.tracks.csv has" in read_manifests(videos(project)).records["a"].again
    assert main(["verify", str(videos(project)), "-q"]) == 0


def test_a_set_in_a_folder_of_a_set_is_another_one(project: Path) -> None:
    assert synth(project, "-q") == 0
    assert synth(project, "-q", "--set", "output.video_dir=videos/night") == 0
    assert main(["verify", str(videos(project)), "-q"]) == 0


def test_a_line_with_half_a_surrogate_can_be_read_again(tmp_path: Path) -> None:
    record = Record(recording_id="a", status="failed", time="1", error="no folder \udcff here")
    (tmp_path / NAME).write_text(record.to_json() + "\n")
    assert read_manifests(tmp_path).records["a"].error == "no folder \\udcff here"
