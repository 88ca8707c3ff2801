"""One run at a time in a folder, and who may share it; with real processes and real locks."""

import errno
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import filelock
import pytest

from seldsynth.errors import ConfigError, MediaError
from seldsynth.run_lock import FOLDER, WHOLE, Shard, only_run, run_in

ROOT = Path(__file__).parents[1]
HOLD = """
import sys
from pathlib import Path
from seldsynth.run_lock import Shard, only_run
with only_run(Path(sys.argv[1]), Shard(index=int(sys.argv[2]), count=int(sys.argv[3]))):
    print("held", flush=True)
    sys.stdin.read()
"""

LOOK = "import pickle, sys; pickle.loads(bytes.fromhex(sys.argv[1])).check_from_elsewhere()"


@contextmanager
def held(folder: Path, index: int = 1, count: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Another process that is at work in a folder."""
    command = [sys.executable, "-c", HOLD, str(folder), str(index), str(count)]
    other = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    try:
        yield other
    finally:
        other.communicate()


def test_the_second_run_is_told_who_is_there(tmp_path: Path) -> None:
    with held(tmp_path) as other:
        with pytest.raises(ConfigError) as caught, only_run(tmp_path):
            pass
        said = str(caught.value)
        assert f"{tmp_path}: a run (process {other.pid} on {socket.gethostname()}, since 20" in said
        assert "\n" not in said
        assert f"process {other.pid}" in run_in(tmp_path)
    assert run_in(tmp_path) == ""
    with only_run(tmp_path):
        assert f"process {os.getpid()}" in run_in(tmp_path)
    with only_run(tmp_path):
        pass
    assert not list((tmp_path / FOLDER).glob("*.json"))


def test_a_killed_run_keeps_nobody_out(tmp_path: Path) -> None:
    with held(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert list((tmp_path / FOLDER).glob("*.json"))  # it could not take that away
        assert run_in(tmp_path) == ""
        with only_run(tmp_path):
            pass


@pytest.mark.parametrize(
    ("there", "comes", "may"),
    [
        ((1, 1), (1, 1), False),
        ((1, 1), (2, 8), False),
        ((2, 8), (1, 1), False),
        ((2, 8), (2, 8), False),
        ((2, 8), (3, 8), True),
        ((2, 8), (2, 4), False),
        ((2, 8), (3, 4), False),
        ((1, 8), (1, 1), False),
    ],
)
def test_who_may_share_a_folder(
    tmp_path: Path, there: tuple[int, int], comes: tuple[int, int], may: bool
) -> None:
    shard = Shard(index=comes[0], count=comes[1])
    with held(tmp_path, *there):
        if may:
            with only_run(tmp_path, shard):
                pass
        else:
            name = "a run" if there == (1, 1) else f"shard {there[0]} of {there[1]}"
            with pytest.raises(ConfigError, match=name), only_run(tmp_path, shard):
                pass
    with only_run(tmp_path, shard):
        pass


def test_the_files_of_a_shard() -> None:
    log = Path("videos") / "log.txt"
    assert WHOLE.named(log) == log
    assert Shard(index=2, count=8).named(log) == Path("videos") / "log.2-of-8.txt"
    for index, count in ((0, 8), (9, 8), (1, 0)):
        with pytest.raises(ValueError, match="no shard"):
            Shard(index=index, count=count)


def test_a_folder_is_known_again_elsewhere(tmp_path: Path) -> None:
    """Another process of this machine sees it; a machine with other folders does not."""
    with only_run(tmp_path / "a") as place:
        seen = [sys.executable, "-c", LOOK, pickle.dumps(place).hex()]
        assert subprocess.run(seen, cwd=ROOT).returncode == 0
        for other in (tmp_path / "b", tmp_path / "c"):
            who = other / place.who.relative_to(tmp_path / "a")
            with pytest.raises(MediaError, match="does not see this folder of the run"):
                replace(place, folder=other, who=who).check_from_elsewhere(patience_s=0)
            with only_run(tmp_path / "c"):
                pass
            (tmp_path / "c" / FOLDER / who.name).write_text('{"host": "other"}')


@pytest.mark.parametrize("fault", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_lock_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(filelock._unix.fcntl, "flock", refuse)
    with only_run(tmp_path):
        (said,) = caplog.messages
    assert "its file system cannot lock" in said
    assert os.strerror(fault) in said


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file")
    with pytest.raises(ConfigError, match="cannot write to"), only_run(tmp_path / "videos"):
        pass
