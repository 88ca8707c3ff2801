"""The command line as a user has it: files, exit codes, what is said."""

import contextlib
import multiprocessing
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

import seldsynth
from seldsynth.assets import scan_library
from seldsynth.cli import main
from seldsynth.commands import progress
from seldsynth.commands.options import num_workers
from seldsynth.media.clips import check_clip
from seldsynth.run_lock import FOLDER as LOCKS
from seldsynth.truth.files import ENDINGS
from tests.conftest import decode_planes, mock_clip, mock_labels, mock_project

ROOT = Path(__file__).parents[1]
MOVING = [(n, 3, 0, 10 * n, 5, 2.0) for n in range(10)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config with three recordings: mix1, mix2 and deep/mix3."""
    config = mock_project(tmp_path)
    for name in ("mix1", "mix2", "deep/mix3"):
        mock_labels(tmp_path / "labels" / f"{name}.csv", MOVING)
    return config


def synth(config: Path, *arguments: str) -> int:
    return main(["synth", "--config", str(config), *arguments])


def made(config: Path) -> list[str]:
    videos = config.parent / "videos"
    names = sorted(
        path.relative_to(videos).as_posix()
        for path in videos.rglob("*.*")
        if not path.relative_to(videos).as_posix().startswith(LOCKS)
    )
    return [name for name in names if not name.endswith(ENDINGS)]  # ground truth has its own tests


ALL = ["deep/mix3.mp4", "deep/mix3.plan.json", "manifest.jsonl", "mix1.mp4", "mix1.plan.json"]
ALL += ["mix2.mp4", "mix2.plan.json", "processing_log.txt"]


def test_every_label_file_becomes_a_video(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project) == 0
    assert made(project) == ALL
    with av.open(str(project.parent / "videos" / "deep" / "mix3.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.width, stream.height) == (10, 128, 64)
    said = capsys.readouterr()
    assert re.search(r"done +3 +30\nfailed +0", said.out)
    assert said.err == ""  # no bars where there is no terminal
    log = (project.parent / "videos" / "processing_log.txt").read_text().splitlines()
    assert [line.split("\t")[1:3] for line in log] == [
        ["done", "deep/mix3"],
        ["done", "mix1"],
        ["done", "mix2"],
    ]


def test_a_recording_that_fails_leaves_the_others_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = project.parent / "labels"
    mock_labels(labels / "mix1.csv", [(0, 13, 0, 0, 0)])
    assert synth(project) == 1
    assert made(project) == [name for name in ALL if not name.startswith("mix1")]
    said = capsys.readouterr()
    assert re.search(r"done +2 +20\nfailed +1", said.out)
    fault = f"{labels}/mix1.csv:1: class 13 is not one of 0..12"
    assert said.err == f"ERROR: mix1 failed: {fault}\n"


def test_resume_makes_what_is_missing_or_changed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project) == 0
    videos = project.parent / "videos"
    before = {name: (videos / name).stat().st_mtime_ns for name in ALL if name.endswith(".mp4")}
    (videos / "mix1.mp4").unlink()
    mock_labels(project.parent / "labels" / "deep" / "mix3.csv", MOVING[:5])
    capsys.readouterr()
    assert synth(project, "--resume") == 0
    assert re.search(r"done +2 +15\nkept +1", capsys.readouterr().out)
    changed = [name for name, then in before.items() if (videos / name).stat().st_mtime_ns != then]
    assert changed == ["deep/mix3.mp4", "mix1.mp4"]
    assert synth(project, "--resume", "--set", "processing.seed=1") == 0
    assert re.search(r"done +3 ", capsys.readouterr().out)
    assert synth(project, "--resume", "--set", "processing.seed=1") == 0
    assert re.search(r"kept +3", capsys.readouterr().out)


def test_resume_makes_a_damaged_video_again(project: Path) -> None:
    assert synth(project, "--limit", "1") == 0
    video = project.parent / "videos" / "deep" / "mix3.mp4"
    whole = video.read_bytes()
    video.write_bytes(whole[:-5])
    assert synth(project, "--limit", "1", "--resume") == 0
    assert len(video.read_bytes()) == len(whole)


def test_resume_survives_a_strange_log(project: Path) -> None:
    log = project.parent / "videos" / "processing_log.txt"
    log.parent.mkdir()
    log.write_bytes(
        b"Processed mix1 - 2025-01-01 10:00:00 - Duration: 3.2s\n\xff\xfe\x00\ta\tb\tc\n"
    )
    assert synth(project, "--resume") == 0
    assert made(project) == ALL


def test_plan_only_and_from_plan(project: Path) -> None:
    assert synth(project, "--plan-only") == 0
    assert made(project) == [name for name in ALL if name.endswith(".plan.json")]
    plans = [str(project.parent / "videos" / name) for name in ALL if name.endswith(".plan.json")]
    assert main(["synth", "--from-plan", *plans]) == 0
    assert [name for name in made(project) if name.endswith(".mp4")] == [
        name for name in ALL if name.endswith(".mp4")
    ]


def test_from_plan_gives_the_same_frames(project: Path) -> None:
    assert synth(project, "--limit", "1") == 0
    video = project.parent / "videos" / "deep" / "mix3.mp4"
    before = [luma for luma, _ in decode_planes(video)]
    video.unlink()
    plan = video.with_name("mix3.plan.json")
    assert main(["synth", "--from-plan", str(plan)]) == 0
    for a, (b, _) in zip(before, decode_planes(video), strict=True):
        assert np.array_equal(a, b)


def test_from_plan_with_assets_elsewhere(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(project, "--plan-only", "--limit", "1") == 0
    (project.parent / "images").rename(project.parent / "pictures")
    plan = str(project.parent / "videos" / "deep" / "mix3.plan.json")
    assert main(["synth", "--from-plan", plan]) == 1
    assert "not there, but plan deep/mix3 needs it" in capsys.readouterr().err
    moved = ("--set", "input.image_assets_dir=pictures", "--from-plan", plan)
    assert synth(project, *moved) == 0


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    results = []
    for workers in ("1", "3"):
        config = mock_project(tmp_path / workers)
        mock_clip(tmp_path / workers / "images" / "Class_3" / "b.mp4")
        for index in range(5):
            mock_labels(tmp_path / workers / "labels" / f"mix{index}.csv", MOVING)
        assert synth(config, "--set", f"processing.workers={workers}") == 0
        assert not multiprocessing.active_children()
        videos = tmp_path / workers / "videos"
        results.append(
            {
                path.name: path.read_bytes()
                for path in videos.iterdir()
                if path.suffix in (".mp4", ".json")
            }
        )
    assert results[0] == results[1]


def test_another_recording_changes_no_plan(project: Path) -> None:
    assert synth(project, "--plan-only") == 0
    videos = project.parent / "videos"
    before = {path.name: path.read_bytes() for path in videos.rglob("*.json")}
    mock_labels(project.parent / "labels" / "another.csv", MOVING)
    assert synth(project, "--plan-only") == 0
    after = {path.name: path.read_bytes() for path in videos.rglob("*.json")}
    assert {name: after[name] for name in before} == before
    assert "another.plan.json" in after


def test_workers_are_never_more_than_recordings(project: Path) -> None:
    assert num_workers(64, num_recordings=3) == 3
    assert num_workers(2, num_recordings=3) == 2
    assert num_workers("auto", num_recordings=1) == 1
    assert 1 <= num_workers("auto", num_recordings=10**6) <= (os.cpu_count() or 1)


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_alone(tmp_path: Path) -> None:
    config = mock_project(tmp_path, canvas={"width": 1024, "height": 512})
    long = [(n, 3, 0, n % 180, 5, 2.0) for n in range(1500)]
    for name in ("a_long", "b", "c", "d"):
        rows = long if name == "a_long" else MOVING
        mock_labels(tmp_path / "labels" / f"{name}.csv", rows)
    command = [sys.executable, "visual_synth.py", "--config", str(config)]
    command += ["--set", "processing.workers=2"]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    temporary = _wait_for(lambda: next((tmp_path / "videos").glob(".a_long.mp4.*.tmp"), None))
    os.kill(int(temporary.name.split(".")[-2]), signal.SIGKILL)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "a_long failed: its worker process died" in said
    assert not list((tmp_path / "videos").glob(".*.tmp"))
    assert sorted(path.name for path in (tmp_path / "videos").glob("*.mp4")) == [
        "b.mp4",
        "c.mp4",
        "d.mp4",
    ]
    assert synth(config, "--resume", "--set", "processing.video_duration=1") == 0
    assert not list((tmp_path / "videos").glob(".*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "times"), [(1, 1), (2, 1), (2, 2)])
def test_an_interrupted_run_leaves_nothing_half_done(
    tmp_path: Path, workers: int, times: int
) -> None:
    """However often it is told; nobody is at work any more when it has ended."""
    config = mock_project(tmp_path, canvas={"width": 1024, "height": 512})
    for name in ("a", "b"):
        rows = [(n, 3, 0, n % 180, 5, 2.0) for n in range(1500)]
        mock_labels(tmp_path / "labels" / f"{name}.csv", rows)
    command = [sys.executable, "visual_synth.py", "--config", str(config)]
    command += ["--set", f"processing.workers={workers}"]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: next((tmp_path / "videos").glob(".*.mp4.*.tmp"), None))
    for _ in range(times):
        run.send_signal(signal.SIGINT)
        time.sleep(0.2)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert said == "seldsynth: interrupted; --resume goes on from here\n"
    assert not list((tmp_path / "videos").glob(".*.tmp"))
    assert not list((tmp_path / "videos").glob("*.mp4"))


def _wait_for(look: object, timeout_s: float = 60) -> Path:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = look()  # type: ignore[operator]
        if found is not None:
            return Path(found)
        time.sleep(0.02)
    raise AssertionError("it never came")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "processing.fsp=1"], "unknown key; did you mean processing.fps?"),
        (["--set", "processing.device=cuda:99"], "torch sees"),
        (["--set", "input.metadata_dir=images"], "no label CSV in"),
        (["--from-plan", "none.plan.json"], "no such file"),
        (["--from-plan", __file__], "plans are called NAME.plan.json"),
        (["--from-plan", "config.yaml", "--set", "canvas.width=64"], "the plan has decided that"),
        (
            ["--from-plan", "config.yaml", "--plan-only"],
            "no --plan-only, no --retry-failed",
        ),
        (["--set", "output.log_file=labels"], "is no place for a log"),
        (["--set", "output.log_file=labels/mix1.csv"], "is no place for a log"),
        (["--set", "output.log_file=config.yaml"], "is no place for a log"),
        (["--set", "output.log_file=videos/mix1.mp4"], "is no place for a log"),
        (["--set", "input.metadata_dir=labels/mix1.csv"], "a file, not a folder"),
        (["--set", "output.video_dir=images/Class_0"], "is in input.image_assets_dir"),
        (["--set", "tiles.default_distance_m=.inf"], "should be a finite number"),
        (["--set", "canvas.width=abc"], "should be a valid integer, got 'abc'"),
        (["--set", "canvas.width=null"], "should be a valid integer, got None"),
        (["--set", "input.metadata_dir=~nobody_of_that_name/x"], "no such user's folder"),
        (["--set", "encoding.quality=0"], "should be greater than or equal to 1"),
        (["--set", "input.image_360_path=labels"], "no picture to use as canvas in"),
    ],
)
def test_a_usage_fault_writes_nothing_and_says_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert synth(project, *arguments) == 2
    said = capsys.readouterr()
    assert expected in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (project.parent / "videos").exists()


def test_plans_belong_to_their_videos(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    videos = project.parent / "videos"
    assert synth(project, "--limit", "1") == 0
    plan = videos / "deep" / "mix3.plan.json"
    ours, when = plan.read_bytes(), (videos / "deep" / "mix3.mp4").stat().st_mtime_ns
    manifest = (videos / "manifest.jsonl").read_bytes()
    assert synth(project, "--plan-only") == 0  # the same one may be saved again
    capsys.readouterr()
    assert synth(project, "--limit", "1", "--plan-only", "--set", "processing.seed=5") == 1
    assert "deep/mix3.mp4: a video of another plan, which" in capsys.readouterr().err
    assert plan.read_bytes() == ours
    assert (videos / "manifest.jsonl").read_bytes() == manifest  # nothing was tried
    assert synth(project, "--limit", "1", "--resume") == 0
    assert (videos / "deep" / "mix3.mp4").stat().st_mtime_ns == when


def test_a_plan_is_not_left_without_its_video(project: Path) -> None:
    assert synth(project, "--limit", "1") == 0
    plan = project.parent / "videos" / "deep" / "mix3.plan.json"
    ours = plan.read_bytes()
    clip = mock_clip(project.parent / "images" / "Class_3" / "z.mp4", levels=range(20, 220))
    (project.parent / "images" / "Class_3" / "a.png").unlink()
    arguments = ("--limit", "1", "--set", "processing.seed=2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seldsynth.asset_files.check_clip", lambda path, **_: check_clip(clip))
        content = clip.read_bytes()
        original = scan_library

        def damaged_after_planning(*a: object, **k: object) -> object:
            library = original(*a, **k)  # type: ignore[arg-type]
            for file in library.tiles[3]:
                library.check(file)
            clip.write_bytes(content[: len(content) // 9])
            return library

        patch.setattr("seldsynth.choice.scan_library", damaged_after_planning)
        assert synth(project, *arguments) == 1
    assert plan.read_bytes() == ours


def test_hidden_label_files_are_no_recordings(project: Path) -> None:
    labels = project.parent / "labels"
    for name in ("._mix1.csv", ".ipynb_checkpoints/mix1-checkpoint.csv"):
        mock_labels(labels / name, MOVING)
    (labels / "linked").symlink_to(labels / "deep")
    (labels / os.fsdecode(b"caf\xe9.csv")).write_text("0,0,0,0,0\n")
    assert synth(project, "--plan-only") == 0
    linked = ["linked/mix3.plan.json"]
    assert made(project) == sorted([name for name in ALL if name.endswith(".plan.json")] + linked)


def test_videos_beside_or_above_the_labels(project: Path) -> None:
    assert synth(project, "--plan-only", "--set", "output.video_dir=.") == 0
    assert (project.parent / "mix1.plan.json").is_file()
    assert synth(project, "--plan-only", "--set", "output.video_dir=labels/videos") == 0
    mock_labels(project.parent / "labels" / "videos" / "mix9.csv", MOVING)
    assert synth(project, "--plan-only", "--set", "output.video_dir=labels/videos") == 0
    assert not (project.parent / "labels" / "videos" / "videos").exists()


def test_from_plan_where_the_canvas_is_one_file(project: Path) -> None:
    one = ("--set", "input.image_360_path=canvas/room.png", "--limit", "1")
    assert synth(project, *one) == 0
    plan = str(project.parent / "videos" / "deep" / "mix3.plan.json")
    assert synth(project, *one, "--from-plan", plan, plan) == 0


def test_a_canvas_of_another_shape_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project, "--plan-only", "--set", "canvas.height=128") == 0
    assert "WARNING: canvas 128x128 is not 2:1" in capsys.readouterr().err


def test_a_missing_class_is_said_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project.parent / "images" / "Class_3" / "a.png").unlink()
    assert synth(project, "--set", "tiles.missing=skip") == 0
    said = capsys.readouterr().err
    assert said == "WARNING: no picture or clip for telephone: its events are left out\n"
    log = (project.parent / "videos" / "processing_log.txt").read_text()
    assert log.count("events left out: 1 (telephone): no picture or clip for its class") == 3


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    config = mock_project(tmp_path, canvas={"width": 1024, "height": 512})
    for name in ("a", "b"):
        rows = [(n, 3, 0, n % 180, 5, 2.0) for n in range(3000)]
        mock_labels(tmp_path / "labels" / f"{name}.csv", rows)
    command = [sys.executable, "visual_synth.py", "--config", str(config)]
    command += ["--set", "processing.workers=2"]
    for kind, code in (
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGTERM, 130),
        (signal.SIGHUP, 130),
    ):
        run = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # as in a terminal
        )
        temporary = _wait_for(lambda: next((tmp_path / "videos").glob(".*.mp4.*.tmp"), None))
        worker = int(temporary.name.split(".")[-2])
        run.send_signal(kind)
        assert run.wait(timeout=60) == code
        _wait_for(lambda process=worker: None if _is_running(process) else tmp_path)
        for leftover in (tmp_path / "videos").glob(".*.tmp"):
            leftover.unlink()


def _is_running(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rsplit(")")[-1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_bars_on_a_terminal(project: Path) -> None:
    pty, fcntl = pytest.importorskip("pty"), pytest.importorskip("fcntl")
    termios = pytest.importorskip("termios")
    main_end, terminal = pty.openpty()
    rows_and_columns = struct.pack("HHHH", 40, 100, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, rows_and_columns)
    run = subprocess.Popen(
        [sys.executable, "visual_synth.py", "--config", str(project)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # it says so when the other end is closed
        while part := os.read(main_end, 65536):
            shown += part
    os.close(main_end)
    assert run.wait(timeout=60) == 0
    text = shown.decode()
    assert "recordings: 100%" in text
    assert "3/3" in text
    assert "deep/mix3" in text
    assert "frame/s" in text


def test_a_folder_that_cannot_be_made(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project.parent / "videos").write_text("a file")
    assert synth(project) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"seldsynth: output.video_dir: cannot write to {project.parent}")


TELLING_ALL = (
    "import sys\n"
    "from seldsynth.commands import progress\n"
    "progress._LINE_S = 0.0\n"
    "from seldsynth.cli import main\n"
    "raise SystemExit(main(sys.argv[1:]))\n"
)


def test_progress_where_there_is_no_terminal(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    assert synth(project) == 0
    said = capsys.readouterr().out
    told = r"recordings; time left, at most: \d+:\d\d:\d\d\n"
    assert re.match(f"1 of 3 {told}2 of 3 {told}", said)
    assert "3 of 3" not in said
    assert synth(project, "-q") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("columns", "sees_bars"), [(100, True), (0, False)])
def test_progress_on_a_terminal(project: Path, columns: int, sees_bars: bool) -> None:
    """One without a width, as some containers have, shows no bars: it gets lines."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))
    command = [sys.executable, "-c", TELLING_ALL, "synth", "--config", str(project)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, cwd=ROOT)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # so ends what nobody writes to any more
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    told, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert (b"recordings:" in shown) is sees_bars
    assert (b" of 3 recordings; time left" in told) is not sees_bars


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.slow
def test_output_on_a_full_disk_stops_nothing(project: Path) -> None:
    command = [sys.executable, "-c", TELLING_ALL, "synth", "--config", str(project)]
    with open("/dev/full", "w") as full:
        subprocess.run(command, stdout=full, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert made(project) == ALL
    assert main(["verify", str(project.parent / "videos"), "-q"]) == 0


def test_a_finished_set_that_is_made_anew_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(project, "--limit", "2") == 0
    assert "made anew" not in capsys.readouterr().out
    assert synth(project) == 0
    said = capsys.readouterr().out
    assert said.startswith("videos that are there already and are made anew: 2 of 3 (--resume ")
    assert synth(project, "--resume") == 0
    assert "made anew" not in capsys.readouterr().out


def test_a_requirement_that_is_not_installed() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from seldsynth.cli import main\n"
        "raise SystemExit(main(['synth', '--config', 'x.yaml']))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr == "seldsynth: torch is not installed: pip install -r requirements.txt\n"


@pytest.mark.parametrize(
    "script", ["visual_synth.py", "categorize_flickr30k.py", "scrape_yt.py", "download.py"]
)
def test_a_script_calls_itself_by_its_name(script: str) -> None:
    run = subprocess.run(
        [sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith(f"usage: {script} [")


@pytest.mark.parametrize(
    "arguments", [["--limit", "0"], ["--limit", "x"], ["--nonsense"], ["--resum"]]
)
def test_arguments_that_are_none(project: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        synth(project, *arguments)
    assert caught.value.code == 2


def test_write_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mine.yaml"
    assert main(["synth", "--write-config", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == (
        ROOT / "configs" / "visual_config.yaml"
    ).read_text(encoding="utf-8")
    assert main(["synth", "--write-config", str(target)]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert main(["synth", "--config", str(target)]) == 2
    assert "no such folder: /path/to/metadata" in capsys.readouterr().err


def test_quiet_and_verbose(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(project, "-q") == 0
    assert capsys.readouterr() == ("", "")
    assert synth(project, "-v", "--limit", "1") == 0
    assert "INFO: deep/mix3: distances taken for metres" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["visual_synth.py", "--version"],
        ["-m", "seldsynth", "--version"],
        ["-m", "seldsynth", "synth", "--version"],
    ],
)
def test_version(command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == f"seldsynth {seldsynth.__version__}\n"


def test_collecting_commands_do_not_wait_for_torch() -> None:
    code = (
        "import sys; sys.argv = ['x', 'download', '--help']\n"
        "from seldsynth.cli import main\n"
        "try: main()\n"
        "except SystemExit: assert 'torch' not in sys.modules and 'yt_dlp' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("arguments", [["-v", "synth"], ["--what"], ["nothing"], []])
def test_words_before_the_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: seldsynth" in capsys.readouterr().err
