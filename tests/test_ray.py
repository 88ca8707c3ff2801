"""Recordings over a real Ray cluster: two nodes on this machine, joined by the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seldsynth.cli import main
from seldsynth.run_lock import FOLDER as LOCKS
from tests.conftest import mock_image, mock_labels, mock_pixels, mock_project

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")

ROOT = Path(__file__).parents[1]
NAMES = ["deep/d", "mix1", "mix2", "mix3"]
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of a CPU each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Four recordings, and more pictures than one to choose from."""
    return make_project(tmp_path, num_rows=10)


def make_project(folder: Path, *, num_rows: int, width: int = 128) -> Path:
    config = mock_project(folder, canvas={"width": width, "height": width // 2})
    for index, name in enumerate(NAMES):
        rows = [(n, 3 + index % 2, 0, 10 * n % 360, 5, 2.0) for n in range(num_rows)]
        mock_labels(folder / "labels" / f"{name}.csv", rows)
    for class_id in (3, 4):
        for number in range(3):
            path = folder / "images" / f"Class_{class_id}" / f"more{number}.png"
            mock_image(path, mock_pixels(seed=100 * class_id + number))
    return config


def command(config: Path, cluster: Any, *arguments: str) -> list[str]:
    places = ["--set", "processing.executor=ray", "--set", f"ray.address={cluster.address}"]
    workers = ["--set", "processing.workers=auto"]
    script = [sys.executable, "visual_synth.py", "--config", str(config)]
    return [*script, *places, *workers, *arguments]


def start(config: Path, cluster: Any, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(config, cluster, *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def synth(config: Path, cluster: Any, *arguments: str) -> tuple[int, str]:
    """Its exit code and all it said."""
    run = start(config, cluster, *arguments)
    said, _ = run.communicate(timeout=TIMEOUT_S)
    return run.returncode, said


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file of a recording; not the books of the runs."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and LOCKS not in path.parts
        and not path.name.startswith(("manifest", "processing_log"))
    }


def records(config: Path) -> dict[str, dict[str, Any]]:
    lines = (config.parent / "videos" / "manifest.jsonl").read_text().splitlines()
    return {record["recording_id"]: record for record in map(json.loads, lines)}


def wait_for(look: Callable[[], Any], run: subprocess.Popen[str] | None = None) -> Any:
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end and (run is None or run.poll() is None):
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came" if run is None else f"it never came: {run.communicate()}")


def test_the_same_bytes_on_both_nodes(project: Path, cluster: Any) -> None:
    assert main(["synth", "--config", str(project), "--set", "output.video_dir=local"]) == 0
    code, said = synth(project, cluster, "-v")
    assert code == 0, said
    nodes = re.findall(r"INFO: (\S+): on .*, Ray node ([0-9a-f]{8})\n", said)
    assert sorted(name for name, _ in nodes) == NAMES
    assert len({node for _, node in nodes}) == 2
    assert re.search(r"done +4 +40\nfailed +0", said)
    made, local = outputs(project.parent / "videos"), outputs(project.parent / "local")
    assert len([name for name in made if name.endswith(".mp4")]) == 4
    assert made == local
    assert main(["verify", str(project.parent / "videos"), "-q"]) == 0


def test_a_recording_that_fails_fails_alone(project: Path, cluster: Any) -> None:
    """One whose labels cannot be read, and one whose picture is another on its node."""
    mock_labels(project.parent / "labels" / "mix1.csv", [(0, 13, 0, 0, 0)])
    code, said = synth(project, cluster)
    assert code == 1
    assert "mix1 failed:" in said
    assert re.search(r"done +3 +30\nfailed +1", said)
    assert "ray" not in re.sub(r"/\S*", "", said).lower()  # of Ray nothing is heard
    plan = project.parent / "videos" / "mix2.plan.json"
    mock_image(project.parent / "canvas" / "room.png", mock_pixels(128, 64, seed=9))
    code, said = synth(project, cluster, "--from-plan", str(plan))
    assert code == 1
    assert re.search(
        r"ERROR: mix2 failed: \S+room.png: has changed since plan mix2 was made "
        r"\(on \S+, Ray node [0-9a-f]{8}\)\n",
        said,
    )


@pytest.fixture
def long_project(tmp_path: Path) -> Path:
    """Four recordings of some seconds each."""
    return make_project(tmp_path, num_rows=150, width=1024)


def temporaries(config: Path) -> list[Path]:
    return sorted((config.parent / "videos").rglob(".*.mp4.*.tmp"))


def test_a_worker_that_is_killed_fails_alone(
    long_project: Path, cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start(long_project, cluster)
    temporary = wait_for(lambda: temporaries(long_project), run)[0]
    os.kill(int(temporary.name.split(".")[-2]), signal.SIGKILL)
    said, _ = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 1, said
    assert said.count("failed: its worker process died (killed, or out of memory?)") == 1
    assert re.search(r"done +3 +450\nfailed +1", said)
    assert not temporaries(long_project)
    assert main(["synth", "--config", str(long_project), "--resume"]) == 0
    said = capsys.readouterr().out
    assert "is made again: failed before: its worker process died" in said
    assert re.search(r"done +1 +150\nskipped +3", said)
    assert main(["verify", str(long_project.parent / "videos"), "-q"]) == 0


def test_ctrl_c_leaves_nothing_half_done(long_project: Path, cluster: Any) -> None:
    run = start(long_project, cluster)
    wait_for(lambda: len(temporaries(long_project)) == 2, run)
    processes = [int(path.name.split(".")[-2]) for path in temporaries(long_project)]
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 130, said
    assert said.endswith("seldsynth: interrupted; --resume goes on from here\n")
    assert not temporaries(long_project)
    for process in processes:
        wait_for(lambda process=process: not is_running(process))
    assert main(["synth", "--config", str(long_project), "--resume"]) == 0
    assert main(["verify", str(long_project.parent / "videos"), "-q"]) == 0


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_node_that_is_removed(long_project: Path, cluster: Any) -> None:
    """What it was making has failed; the rest is made by the other one."""
    run = start(long_project, cluster, "-v")
    wait_for(lambda: len(temporaries(long_project)) == 2, run)
    (node,) = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    said, _ = run.communicate(timeout=TIMEOUT_S)
    cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    assert run.returncode == 1, said
    assert re.search(r"done +3 +450\nfailed +1", said), said
    assert re.search(r"failed: its (Ray node died|worker process died)", said), said
    assert not temporaries(long_project)
