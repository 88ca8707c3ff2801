"""Shards of a set: every recording in one of them, the same bytes, and each its own books."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seldsynth.cli import main
from seldsynth.manifest import read_manifests
from seldsynth.report.dataset import find_finished
from seldsynth.run_lock import FOLDER as LOCKS
from seldsynth.run_lock import Shard
from tests.conftest import mock_image, mock_labels, mock_pixels, mock_project
from tests.test_run_lock import held

ROOT = Path(__file__).parents[1]
NAMES = ["deep/d", "deep/e", "mix1", "mix2", "mix3"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Five recordings of half a second, and more pictures than one to choose from."""
    config = mock_project(tmp_path)
    for index, name in enumerate(NAMES):
        rows = [(n, 3 + index % 2, 0, 10 * n, 5, 2.0) for n in range(5)]
        mock_labels(tmp_path / "labels" / f"{name}.csv", rows)
    for class_id in (3, 4):
        for number in range(3):
            path = tmp_path / "images" / f"Class_{class_id}" / f"more{number}.png"
            mock_image(path, mock_pixels(seed=100 * class_id + number))
    return config


def synth(config: Path, *arguments: str) -> int:
    return main(["synth", "--config", str(config), *arguments])


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file of a recording; not the books of the runs."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and LOCKS not in path.parts and not is_book(path)
    }


def is_book(path: Path) -> bool:
    return path.name.startswith(("manifest", "processing_log"))


def ids(manifest: Path) -> list[str]:
    return [json.loads(line)["recording_id"] for line in manifest.read_text().splitlines()]


@pytest.mark.parametrize("num_items", [0, 1, 5, 100])
@pytest.mark.parametrize("count", [1, 2, 7, 101])
def test_each_item_falls_to_one_shard(num_items: int, count: int) -> None:
    items = list(range(num_items))
    shares = [Shard(index=index, count=count).share_of(items) for index in range(1, count + 1)]
    assert sorted(one for share in shares for one in share) == items
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("variants", [1, 2])
def test_all_shards_together_are_one_run(
    project: Path, capsys: pytest.CaptureFixture[str], variants: int
) -> None:
    several = ("--set", f"processing.variants={variants}")
    assert synth(project, *several, "--set", "output.video_dir=whole") == 0
    for index in (3, 1, 2):  # in whatever order
        assert synth(project, *several, "--shard", f"{index}/3") == 0
    videos = project.parent / "videos"
    whole = outputs(project.parent / "whole")
    assert len([name for name in whole if name.endswith(".mp4")]) == 5 * variants
    assert outputs(videos) == whole
    ends = [f".{index}-of-3." for index in (1, 2, 3)]
    assert sorted(path.name for path in videos.iterdir() if is_book(path)) == sorted(
        [f"manifest{end}jsonl" for end in ends] + [f"processing_log{end}txt" for end in ends]
    )
    of_shards = [ids(videos / f"manifest{end}jsonl") for end in ends]
    if variants == 1:
        assert of_shards == [["deep/d", "mix2"], ["deep/e", "mix3"], ["mix1"]]
    made = [one for names in of_shards for one in names]
    assert sorted(made) == sorted(ids(project.parent / "whole" / "manifest.jsonl"))
    said = capsys.readouterr().out
    assert f"manifest: {videos / 'manifest.2-of-3.jsonl'}" in said

    assert main(["verify", str(videos)]) == 0
    assert re.search(rf"\nright +{5 * variants}\n", capsys.readouterr().out)
    assert len(find_finished(videos)) == 5 * variants


def test_resume_sees_what_all_shards_finished(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = project.parent / "labels" / "mix1.csv"
    right = labels.read_text()
    labels.write_text("0,13,0,0,0\n")
    assert [synth(project, "--shard", f"{index}/2") for index in (1, 2)] == [1, 0]
    labels.write_text(right)
    capsys.readouterr()

    # Dealt out otherwise: it is shard 1 of 2 that wrote of it down, and shard 3 of 3 that mends it.
    assert [synth(project, "--resume", "--shard", f"{index}/3") for index in (1, 2)] == [0, 0]
    assert len(re.findall(r"done +0 *\n", (said := capsys.readouterr().out))) == 2, said
    assert synth(project, "--retry-failed", "--shard", "3/3") == 0
    assert "recordings that failed before: 1 of 1" in capsys.readouterr().out
    assert synth(project, "--resume") == 0
    assert re.search(r"done +0.*\nkept +5", capsys.readouterr().out)
    assert read_manifests(project.parent / "videos").records["mix1"].status == "done"
    (project.parent / "videos" / "mix3.mp4").unlink()
    assert synth(project, "--resume", "--shard", "5/5") == 0
    assert "mix3 is made again: the video is missing" in capsys.readouterr().out
    assert main(["verify", str(project.parent / "videos")]) == 0


def test_the_limit_comes_first(project: Path) -> None:
    assert synth(project, "--limit", "3", "--shard", "1/2") == 0
    videos = project.parent / "videos"
    assert ids(videos / "manifest.1-of-2.jsonl") == ["deep/d", "mix1"]


def test_a_shard_with_nothing_to_do_is_no_failure(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project, "--shard", "6/9") == 0
    assert capsys.readouterr().out == "--shard 6/9: no recording for this share\n"
    assert not (project.parent / "videos").exists()
    assert synth(project, "-q", "--shard", "6/9") == 0
    assert capsys.readouterr().out == ""


def test_saved_plans_are_shared_out_too(project: Path) -> None:
    assert synth(project, "--plan-only") == 0
    videos = project.parent / "videos"
    plans = [str(path) for path in videos.rglob("*.plan.json")]
    for share, order in (("1/2", plans), ("2/2", plans[::-1])):  # as shells here and there sort
        assert main(["synth", "--from-plan", *order, "--shard", share]) == 0
    assert main(["synth", "--from-plan", *plans, "--shard", "6/6"]) == 0
    made = [ids(videos / f"manifest.{index}-of-2.jsonl") for index in (1, 2)]
    assert sorted(made[0] + made[1]) == NAMES
    assert len(list(videos.rglob("*.mp4"))) == 5


@pytest.mark.parametrize("shard", ["0/4", "5/4", "x", "1", "1/0", "-1/2", "2/8/1", "1/2 ", "²/3"])
def test_shares_that_are_none(
    project: Path, capsys: pytest.CaptureFixture[str], shard: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        synth(project, f"--shard={shard}")
    assert caught.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"--shard: expected I/N with I from 1 to N, such as 2/8, got {shard!r}" in said
    assert not (project.parent / "videos").exists()


def test_the_demo_is_not_shared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "--shard", "1/2"]) == 2
    assert "--shard is a share of a config's recordings: it needs --config" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("there", "comes", "may"),
    [
        ((1, 2), "2/2", True),
        ((1, 2), "1/2", False),
        ((1, 2), "2/3", False),
        ((1, 2), "1/1", False),
        ((1, 1), "1/2", False),
    ],
)
def test_who_may_be_at_work_beside_a_shard(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    there: tuple[int, int],
    comes: str,
    may: bool,
) -> None:
    videos = project.parent / "videos"
    videos.mkdir()
    with held(videos, *there):
        assert synth(project, "--shard", comes) == (0 if may else 2)
    said = capsys.readouterr().err
    assert ("is at work there; wait for it" in said) != may
    assert bool(list(videos.rglob("*.mp4"))) == may


@pytest.mark.slow
def test_shards_at_the_same_time(project: Path) -> None:
    """Three processes at once on one folder, one of them killed and begun again."""
    command = [sys.executable, "visual_synth.py", "--config", str(project), "--resume", "--shard"]
    runs = [subprocess.Popen([*command, f"{index}/3"], cwd=ROOT) for index in (1, 2, 3)]
    runs[1].kill()
    assert [run.wait() for run in runs][::2] == [0, 0]
    assert subprocess.run([*command, "2/3"], cwd=ROOT).returncode == 0
    assert synth(project, "--set", "output.video_dir=whole") == 0
    assert outputs(project.parent / "videos") == outputs(project.parent / "whole")
    assert main(["verify", str(project.parent / "videos")]) == 0
