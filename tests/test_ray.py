"""Recordings over a real Ray cluster: two nodes on this machine, joined by the command line."""

from __future__ import annotations

import contextlib
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
import torch

from seldsynth.cli import main
from seldsynth.ray_workers import gpu_share
from seldsynth.run_lock import FOLDER as LOCKS
from tests.conftest import mock_image, mock_labels, mock_pixels, mock_project

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")

ROOT = Path(__file__).parents[1]
NAMES = ["deep/d", "mix1", "mix2", "mix3"]
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
TIMEOUT_S = 120
SYNTH = [sys.executable, "visual_synth.py", "--config"]
RAY = ["--set", "processing.executor=ray"]


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
    address = ["--set", f"ray.address={cluster.address}", "--set", "processing.workers=auto"]
    return [*SYNTH, str(config), *RAY, *address, *arguments]


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


def test_several_runs_share_a_cluster(project: Path, cluster: Any) -> None:
    """Each with its shard; neither ends what the other began."""
    assert main(["synth", "--config", str(project), "--set", "output.video_dir=local"]) == 0
    runs = [start(project, cluster, "--shard", f"{number}/2") for number in (1, 2)]
    for run in runs:
        said, _ = run.communicate(timeout=TIMEOUT_S)
        assert run.returncode == 0, said
        assert re.search(r"done +2 +20\nfailed +0", said)
    assert outputs(project.parent / "videos") == outputs(project.parent / "local")
    assert main(["verify", str(project.parent / "videos"), "-q"]) == 0


def test_what_changed_since_it_was_planned(project: Path, cluster: Any) -> None:
    """Saved plans go to the cluster too, and say where they fail."""
    assert main(["synth", "--config", str(project), "--plan-only", "--limit", "1"]) == 0
    plan = project.parent / "videos" / "deep" / "d.plan.json"
    mock_image(project.parent / "canvas" / "room.png", mock_pixels(128, 64, seed=9))
    code, said = synth(project, cluster, "--from-plan", str(plan))
    assert code == 1
    assert re.search(
        r"ERROR: deep/d failed: \S+room.png: has changed since plan deep/d was made "
        r"\(on \S+, Ray node [0-9a-f]{8}\)\n",
        said,
    )


@pytest.fixture
def long_project(tmp_path: Path) -> Path:
    """Four recordings of some seconds each."""
    return make_project(tmp_path, num_rows=100, width=1024)


def temporaries(config: Path) -> list[Path]:
    return sorted((config.parent / "videos").rglob(".*.mp4.*.tmp"))


def test_a_worker_that_is_killed_fails_alone(
    long_project: Path, cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one whose labels cannot be read: each by itself; of Ray nothing is heard."""
    labels = long_project.parent / "labels" / "mix3.csv"
    right = labels.read_text()
    labels.write_text("0,13,0,0,0\n")
    run = start(long_project, cluster)
    temporary = wait_for(lambda: temporaries(long_project), run)[0]
    os.kill(int(temporary.name.split(".")[-2]), signal.SIGKILL)
    said, _ = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 1, said
    assert said.count("failed: its worker process died (killed, or out of memory?)") == 1
    assert re.search(r"ERROR: mix3 failed: \S+mix3.csv:1: class 13 is not one of 0..12\n", said)
    assert re.search(r"done +2 +200\nfailed +2", said)
    assert len(said.splitlines()) == 10, said
    assert not temporaries(long_project)
    labels.write_text(right)
    assert main(["synth", "--config", str(long_project), "--resume"]) == 0
    said = capsys.readouterr().out
    assert "is made again: failed before: its worker process died" in said
    assert re.search(r"done +2 +200\nkept +2", said)
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


def test_a_node_that_is_removed(tmp_path: Path, cluster: Any) -> None:
    """What it was making has failed; the rest is made by the other one."""
    project = make_project(tmp_path, num_rows=900, width=1024)  # it takes a while to be removed
    run = start(project, cluster, "-v")
    wait_for(lambda: len(temporaries(project)) == 2, run)
    (node,) = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    said, _ = run.communicate(timeout=TIMEOUT_S)
    cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    assert run.returncode == 1, said
    assert re.search(r"done +3 +2700\nfailed +1", said), said
    assert re.search(r"failed: its (Ray node died|worker process died)", said), said
    assert not temporaries(project)


def raylets() -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"raylet/raylet" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_cluster_of_its_own_ends_with_the_run(long_project: Path) -> None:
    """Interrupted as a terminal does it: all processes are told, those of Ray too."""
    before = raylets()
    own = [*SYNTH, str(long_project), *RAY, "--set", "processing.workers=2"]
    run = subprocess.Popen(own, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: len(temporaries(long_project)) == 2, run)
    assert raylets() - before
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=TIMEOUT_S)
    assert (run.returncode, said) == (
        130,
        "seldsynth: interrupted; --resume goes on from here\n",
    )
    assert not temporaries(long_project)
    assert not raylets() - before


def test_a_node_that_has_other_versions(project: Path, cluster: Any) -> None:
    """The run's own are pretended to be others: every node differs from it."""
    pretending = (
        "import sys, seldsynth.ray_workers as r; from seldsynth.cli import main;"
        "here = r.this_environment();"
        "r.this_environment = lambda: {**here, 'av': '1.2.3'};"
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = command(project, cluster, "--limit", "1")[2:]
    run = [sys.executable, "-c", pretending, "synth", *arguments]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1
    assert re.search(
        r"ERROR: deep/d failed: av is \S+ on this node, and 1.2.3 where the run began; install "
        r"the same on all nodes \(on ",
        done.stderr,
    )
    assert not outputs(project.parent / "videos")


@pytest.mark.skipif(torch.cuda.is_available(), reason="pretends to have GPUs")
def test_gpus_are_shared_out(project: Path, cluster: Any) -> None:
    """Ray believes in two; torch, in the tasks, does not, and says which one it was given."""
    node = cluster.add_node(**{**NODE, "num_cpus": 2, "num_gpus": 2})
    cluster.wait_for_nodes()
    code, said = synth(project, cluster, "--limit", "2", "--set", "processing.device=auto")
    cluster.remove_node(node)
    assert code == 1
    given = re.findall(r"torch sees no GPU there \(CUDA_VISIBLE_DEVICES: (\d)\)", said)
    assert sorted(given) == ["0", "1"]


def test_the_part_of_a_gpu() -> None:
    assert gpu_share(num_tasks=1, num_gpus=8) == 1
    assert gpu_share(num_tasks=8, num_gpus=8) == 1
    assert gpu_share(num_tasks=9, num_gpus=8) == 0.5
    for num_tasks in range(1, 101):
        for num_gpus in (1, 3, 8):
            share = gpu_share(num_tasks=num_tasks, num_gpus=num_gpus)
            on_each = int(1 / share + 1e-9)
            assert on_each * num_gpus >= num_tasks
            assert (on_each - 1) * num_gpus < num_tasks


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["ray.address=127.0.0.1:1"], "ray.address: 127.0.0.1:1 cannot be reached"),
        (["ray.address=nowhere.invalid:6379"], "ray.address: nowhere.invalid:6379 cannot be"),
        (["ray.address=ray://a:1"], "should be auto, host:port such as 10.0.0.1:6379, or null"),
        (["processing.executor=slurm"], "processing.executor"),
    ],
)
def test_clusters_that_are_none(
    project: Path, capsys: pytest.CaptureFixture[str], settings: list[str], expected: str
) -> None:
    arguments = [one for setting in settings for one in ("--set", setting)]
    assert main(["synth", "--config", str(project), *RAY, *arguments]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1


def test_a_device_that_ray_gives_out(project: Path, cluster: Any) -> None:
    code, said = synth(project, cluster, "--set", "processing.device=cuda:1")
    assert (code, said) == (
        2,
        "seldsynth: processing.device: cuda:1: Ray says which GPU a recording gets; use cuda or "
        "auto\n",
    )


def test_ray_that_is_not_installed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["synth", "--config", str(project), *RAY]) == 2
    assert capsys.readouterr().err == (
        "seldsynth: processing.executor: ray: ray is not installed: "
        "pip install -r requirements-ray.txt\n"
    )
