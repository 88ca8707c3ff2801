"""Runs that are killed at any moment: nothing half done, nothing lost, and the same in the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seldsynth.manifest import NAME, read_manifests
from seldsynth.media.spatial_mp4 import read_tags
from seldsynth.provenance import origin_of
from seldsynth.verify import verify_set
from tests.conftest import mock_image, mock_labels, mock_pixels, mock_project, mock_sound

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes"),
]

ROOT = Path(__file__).parents[1]
NAMES = ("a", "b", "deep/c", "deep/d")
NUM_MOMENTS = 50
BEFORE_MAIN = 70  # of fork_server, for a run that had not begun
Files = dict[str, bytes]
Answer = dict[str, Any]


class Runs:
    """Runs of one project in processes of their own, each into a folder of its own."""

    def __init__(self, config: Path, server: subprocess.Popen[str]) -> None:
        self.config = config
        self._server = server

    def __call__(self, folder: str, *arguments: str, **ends: float | None) -> Answer:
        """Run it; how it ended. ends: see fork_server."""
        log = self.config.parent / "said.txt"
        chosen = ["--config", str(self.config), "--set", f"output.video_dir={folder}"]
        request = {
            "arguments": ["synth", *chosen, *arguments],
            "log": str(log),
            "inside": str(self.config.parent / folder),
            **ends,
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer: Answer = json.loads(self._server.stdout.readline())
        return {**answer, "said": log.read_text()}

    def folder(self, name: str) -> Path:
        return self.config.parent / name


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Four recordings of a second: two with sound in them, two with sound beside them."""
    folder = tmp_path_factory.mktemp("killed")
    config = mock_project(folder, canvas={"width": 256, "height": 128}, input={"audio_dir": "wav"})
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (24000, 5))
    for index, name in enumerate(NAMES):
        rows = [(n, 3 + index % 2, 0, 10 * n, 5, 2.0) for n in range(10)]
        mock_labels(folder / "labels" / f"{name}.csv", rows)
        mock_sound(folder / "wav" / f"{name}.wav", noise if index % 2 else None)
    for class_id in (3, 4):
        for number in range(4):
            path = folder / "images" / f"Class_{class_id}" / f"more{number}.png"
            mock_image(path, mock_pixels(seed=100 * class_id + number))
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fork_server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        yield Runs(config, server)
    assert server.returncode == 0


@pytest.fixture(scope="module")
def whole(runs: Runs) -> tuple[Files, Files]:
    """What undisturbed runs make: with the config's seed, and with another one."""
    assert runs("whole")["code"] == 0
    assert runs("other", "--set", "processing.seed=1")["code"] == 0
    made, other = outputs(runs.folder("whole")), outputs(runs.folder("other"))
    assert len(made) == 4 * 6 + 2
    assert made.keys() == other.keys()
    assert all(made[f"{name}.mp4"] != other[f"{name}.mp4"] for name in NAMES)
    return made, other


def outputs(folder: Path) -> Files:
    """Every file of a recording under its own name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.name not in (NAME, "processing_log.txt")
    }


def check_nothing_is_half_done(folder: Path, whole: tuple[Files, Files]) -> None:
    """Every file is whole, and whatever video is there lies beside its own ground truth."""
    found = outputs(folder)
    for name, content in found.items():
        assert content in (whole[0][name], whole[1][name]), f"{name} is half done"
    for name in NAMES:
        if f"{name}.mp4" in found:
            made = whole[0] if found[f"{name}.mp4"] == whole[0][f"{name}.mp4"] else whole[1]
            stem = f"{name}."
            own = {one: content for one, content in made.items() if one.startswith(stem)}
            assert {one: found.get(one) for one in own} == own, name
            assert origin_of(read_tags(folder / f"{name}.mp4").comment) is not None


def manifest_lines(folder: Path) -> list[bytes]:
    path = folder / NAME
    return path.read_bytes().split(b"\n") if path.is_file() else [b""]


def check_nothing_is_lost(before: list[bytes], after: list[bytes]) -> None:
    """What was written down stays, and all but a last line that was cut off can be read."""
    assert after[: len(before) - 1] == before[:-1]
    torn = [line for line in after if line and not _is_json(line)]
    assert len(torn) <= 1 + sum(bool(line) and not _is_json(line) for line in before)


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def check_in_the_end(folder: Path, whole: Files) -> None:
    """As if nothing had happened, to the byte; and the manifest knows."""
    assert outputs(folder) == whole
    assert not list(folder.rglob(".*.tmp"))
    records = read_manifests(folder).records
    assert {name: record.status for name, record in records.items()} == dict.fromkeys(NAMES, "done")
    verdicts = list(verify_set(folder, quick=False, workers=1, on_recording=lambda total: None))
    assert [verdict.faults for verdict in verdicts] == [()] * len(NAMES)


def moments(undisturbed: Answer, count: int) -> list[dict[str, float]]:
    """Half of them times, half of them file operations, all over a run of a set."""
    random = np.random.default_rng(20261121)
    times = random.uniform(0, undisturbed["seconds"], count // 2)
    steps = random.choice(undisturbed["steps"], count - count // 2, replace=False) + 1
    return [
        *({"seconds": float(time_s), "signal": signal.SIGKILL} for time_s in times),
        *({"step": int(step)} for step in steps),
    ]


def test_killed_at_50_random_moments(runs: Runs, whole: tuple[Files, Files]) -> None:
    """New sets, and sets that replace one of another seed; each killed, some of them twice."""
    undisturbed = runs("measured")
    ways_to_end = moments(undisturbed, NUM_MOMENTS)
    num_killed = 0
    for number, end in enumerate(ways_to_end):
        name = f"killed{number}"
        folder = runs.folder(name)
        if number % 2:
            shutil.copytree(runs.folder("other"), folder)
        lines = manifest_lines(folder)
        killed = [end]
        if number % 5 == 0:  # and the run that was to mend it
            killed.append(ways_to_end[-1 - number])
        for again, moment in enumerate(killed):
            arguments = ["--resume"] if again else []
            answer = runs(name, *arguments, **moment)
            if answer["code"] == 0 and "seconds" in moment:  # faster than what was measured
                answer = runs(name, *arguments, **{**moment, "seconds": moment["seconds"] / 4})
            num_killed += answer["code"] == -signal.SIGKILL
            assert answer["code"] in (-signal.SIGKILL, 0), answer["said"]
            check_nothing_is_half_done(folder, whole)
            check_nothing_is_lost(lines, manifest_lines(folder))
            lines = manifest_lines(folder)
        answer = runs(name, "--resume")
        assert answer["code"] == 0, answer["said"]
        check_in_the_end(folder, whole[0])
        shutil.rmtree(folder)
    assert num_killed >= NUM_MOMENTS


def test_every_file_operation_of_a_recording(runs: Runs, whole: tuple[Files, Files]) -> None:
    """Killed before each of them, of the first recording that replaces another one."""
    for step in range(1, 200):
        name = f"step{step}"
        folder = runs.folder(name)
        shutil.copytree(runs.folder("other"), folder)
        before = manifest_lines(folder)
        answer = runs(name, "--limit", "1", step=step)
        if answer["code"] == 0:
            break
        assert answer["code"] == -signal.SIGKILL, answer["said"]
        check_nothing_is_half_done(folder, whole)
        check_nothing_is_lost(before, manifest_lines(folder))
        shutil.rmtree(folder)
    assert 30 < step < 199


def test_interrupted_at_random_moments(runs: Runs, whole: tuple[Files, Files]) -> None:
    undisturbed = runs("interrupted")
    random = np.random.default_rng(3)
    for number, time_s in enumerate(random.uniform(0.02, undisturbed["seconds"], 8)):
        name = f"interrupted{number}"
        answer = runs(name, seconds=float(time_s), signal=int(signal.SIGINT))
        assert answer["code"] in (130, 0, BEFORE_MAIN), answer["said"]
        check_nothing_is_half_done(runs.folder(name), whole)
        assert runs(name, "--resume")["code"] == 0
        check_in_the_end(runs.folder(name), whole[0])


@pytest.mark.parametrize("victim", ["the run", "a worker"])
def test_two_workers(runs: Runs, whole: tuple[Files, Files], victim: str) -> None:
    """Real processes: one of them is killed once it has begun to write a video."""
    name = victim.replace(" ", "_")
    folder = runs.folder(name)
    command = [sys.executable, "visual_synth.py", "--config", str(runs.config)]
    command += ["--set", f"output.video_dir={name}", "--set", "processing.workers=2"]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    temporary = wait_for(lambda: next(iter(folder.rglob(".*.mp4*.tmp")), None), run)
    worker = int(temporary.name.split(".")[-2])
    os.kill(run.pid if victim == "the run" else worker, signal.SIGKILL)
    _, said = run.communicate(timeout=60)
    if victim == "the run":
        assert run.returncode == -signal.SIGKILL
        wait_for(lambda: None if is_running(worker) else folder)
    else:
        assert run.returncode == 1
        assert said.count("its worker process died") == 1
        assert len([one for one in outputs(folder) if one.endswith(".mp4")]) == 3
    check_nothing_is_half_done(folder, whole)
    answer = runs(name, "--resume")
    assert answer["code"] == 0
    if victim == "a worker":
        assert "is made again: failed before: its worker process died" in answer["said"]
    check_in_the_end(folder, whole[0])


def wait_for(look: Callable[[], Path | None], run: subprocess.Popen[str] | None = None) -> Path:
    end = time.monotonic() + 60
    while time.monotonic() < end and (run is None or run.poll() is None):
        found = look()
        if found is not None:
            return found
        time.sleep(0.002)
    raise AssertionError("it never came")


def is_running(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rsplit(")")[-1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
