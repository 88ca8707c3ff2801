"""Compiled loops, and where nothing can be kept of them."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path

import numpy as np
import pytest
from numba.core import caching
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError

from seldsynth.compiled import compiled
from seldsynth.render import passes_on_cpu, picture_loops, sampling_on_cpu, woven_on_cpu
from seldsynth.truth import shrinking_loop


def total_of(numbers: np.ndarray, total: np.ndarray) -> None:
    for n in range(len(numbers)):
        total[0] += numbers[n]


def check() -> None:
    loop, total = compiled("void(i4[::1], i4[::1])")(total_of), np.zeros(1, np.int32)
    loop(np.arange(5, dtype=np.int32), total)
    assert total[0] == 10
    with pytest.raises(TypeError):
        loop(np.arange(5.0), total)


def test_a_loop_is_compiled() -> None:
    check()


def test_no_folder_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    with pytest.warns(RuntimeWarning, match="RuntimeError"):
        check()


def test_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "load", lambda *_: None)
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    with pytest.warns(RuntimeWarning, match="OSError"):
        check()


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("size", [0, 10])
def test_what_was_kept_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, size: int
) -> None:
    """It is made anew, once."""
    monkeypatch.setattr(caching.config, "CACHE_DIR", str(tmp_path))
    check()
    (damaged,) = [path for path in tmp_path.rglob("*") if path.suffix == ending]
    before = damaged.read_bytes()
    damaged.write_bytes(before[:size])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check()
    assert damaged.stat().st_size > len(before) / 2


def test_loops_use_nothing_of_other_modules() -> None:
    """Numba would not notice that it has changed."""
    of_render = (passes_on_cpu, sampling_on_cpu, woven_on_cpu, picture_loops)
    for module in (*of_render, shrinking_loop):
        loops = [one for one in vars(module).values() if isinstance(one, Dispatcher)]
        assert loops
        for loop in loops:
            names = (getattr(module, name, None) for name in loop.py_func.__code__.co_names)
            for used in names:
                if isinstance(used, Dispatcher):
                    assert used.py_func.__module__ == module.__name__
        assert all(loop.py_func.__module__ == module.__name__ for loop in loops)


def test_a_fault_of_a_loop_is_said() -> None:
    def wrong(numbers: np.ndarray) -> None:
        numbers[0] = "a"

    with pytest.raises(TypingError):
        compiled("void(i4[::1])")(wrong)
