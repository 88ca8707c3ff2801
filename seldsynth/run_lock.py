"""One run at a time in a folder of videos; or several shards of one set.

The operating system holds the lock and lets go of it when a process ends, however it ends. Who has
it stands in a file beside it, for people.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from seldsynth.errors import ConfigError, MediaError

FOLDER = ".seldsynth"
"""The folder of the locks, in the folder of the videos."""

_NAME = re.compile(r"(\d+)-of-(\d+)\.lock")
_GUARD_TIMEOUT_S = 30.0
_CANNOT_LOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)

_log = logging.getLogger(__name__)

_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of several runs that share the recordings of a set: index 1 … count."""

    index: int
    count: int

    def __post_init__(self) -> None:
        """Check that it is one of them."""
        if not 1 <= self.index <= self.count:
            raise ValueError(f"no shard {self.index} of {self.count}")

    def __str__(self) -> str:
        return f"{self.index}-of-{self.count}"

    def share_of(self, items: Sequence[_Item]) -> list[_Item]:
        """What of a list falls to this shard: every count-th, so that neighbours are spread.

        All that is in the list falls to one shard each, whatever the others do.
        """
        return list(items[self.index - 1 :: self.count])

    def named(self, path: Path) -> Path:
        """The file of this shard where a whole run has path: log.txt, log.2-of-8.txt."""
        return path.with_name(f"{path.stem}.{self}{path.suffix}") if self.count > 1 else path


WHOLE = Shard(index=1, count=1)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder of videos as a run found it. mark: a file that is there as long as the folder is.

    who, words: the file in which the run says who it is, and what stands in it.
    """

    folder: Path
    mark: Path
    who: Path
    words: str

    def check(self) -> None:
        """Raise MediaError once the folder is gone, or another one in its place.

        Where a mount vanishes, an empty folder is left, which would be filled.
        """
        if not self.mark.exists():
            raise MediaError(
                f"{self.folder}: is not the folder any more in which the run began (is its disk "
                "gone?); bring it back, then --resume"
            )

    def check_from_elsewhere(self, *, patience_s: float = 10.0) -> None:
        """Raise MediaError on a machine that does not see this very folder.

        It may be late to see what another one wrote: it is given some seconds.
        """
        end = time.monotonic() + patience_s
        while True:
            with contextlib.suppress(OSError):
                if self.who.read_text(encoding="utf-8") == self.words:
                    return
            if time.monotonic() > end:
                raise MediaError(
                    f"{self.folder}: {socket.gethostname()} does not see this folder of the run; "
                    "all nodes need the same folders at the same paths"
                )
            time.sleep(1)


@contextlib.contextmanager
def only_run(folder: Path, shard: Shard = WHOLE) -> Iterator[Place]:
    """Keep others out of a folder of videos while the block runs. Yields what it was at first.

    Shards of the same count may be at work in it at once, each only once; else there is one run.
    Raises ConfigError, which says who is at work there, or that the folder cannot be written. Where
    the file system cannot lock, a warning says so and nobody is kept out.
    """
    locks = folder / FOLDER
    own = _lock(locks / f"{shard}.lock")
    who, words = _who(locks, shard), _own_words()
    is_locked = True
    try:
        locks.mkdir(parents=True, exist_ok=True)
        # Between the look at the others and the own lock nobody may come in.
        with _lock(locks / "guard.lock").acquire(timeout=_GUARD_TIMEOUT_S):
            for other in _others(locks, shard):
                if not _is_free(locks, other):
                    raise _occupied(folder, locks, other)
            own.acquire(timeout=0)
            _say_who(who, words)
    except Timeout as timeout:
        if Path(timeout.lock_file).name != f"{shard}.lock":
            raise ConfigError(f"{folder}: other runs are just starting in it; try again") from None
        raise _occupied(folder, locks, shard) from None
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise ConfigError(f"cannot write to {locks}: {error.strerror}") from None
        _log.warning(
            "%s: its file system cannot lock (%s): see to it yourself that no second run is at "
            "work there",
            folder,
            error.strerror,
        )
        is_locked = False
        try:
            who.write_text(words, encoding="utf-8")
        except OSError as fault:
            raise ConfigError(f"cannot write to {locks}: {fault.strerror}") from None
    try:
        mark = locks / f"{shard}.lock" if is_locked else who
        yield Place(folder=folder, mark=mark, who=who, words=words)
    finally:
        with contextlib.suppress(OSError):
            who.unlink(missing_ok=True)
        own.release()


def run_in(folder: Path) -> str:
    """Who is at work in a folder of videos, in words; nothing if nobody is."""
    locks = folder / FOLDER
    if not locks.is_dir():
        return ""
    try:
        # To ask is to take a lock for a moment: a run that begins just now has to wait for it.
        with _lock(locks / "guard.lock").acquire(timeout=_GUARD_TIMEOUT_S):
            busy = [shard for shard in _shards(locks) if not _is_free(locks, shard)]
    except OSError:  # Timeout is one
        return ""
    return "; ".join(_words(locks, shard) for shard in busy)


def _lock(path: Path) -> FileLock:
    # For all users of a shared folder; and rather no lock than one that outlives its process.
    return FileLock(path, mode=0o666, fallback_to_soft=False)


def _shards(locks: Path) -> list[Shard]:
    """The shards that ever were at work."""
    found = []
    for name in sorted(os.listdir(locks)) if locks.is_dir() else []:
        if match := _NAME.fullmatch(name):
            found.append(Shard(index=int(match[1]), count=int(match[2])))
    return found


def _others(locks: Path, shard: Shard) -> list[Shard]:
    """Those that must not be at work beside a shard; not that shard itself."""
    return [one for one in _shards(locks) if one.count != shard.count]


def _is_free(locks: Path, shard: Shard) -> bool:
    lock = _lock(locks / f"{shard}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


def _who(locks: Path, shard: Shard) -> Path:
    return locks / f"{shard}.json"


def _own_words() -> str:
    since = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    who = {"host": socket.gethostname(), "process": os.getpid(), "since": since}
    return json.dumps(who) + "\n"


def _say_who(who: Path, words: str) -> None:
    with contextlib.suppress(OSError):  # the lock holds all the same
        who.write_text(words, encoding="utf-8")


def _occupied(folder: Path, locks: Path, shard: Shard) -> ConfigError:
    return ConfigError(
        f"{folder}: {_words(locks, shard)} is at work there; wait for it, or choose another "
        "output.video_dir"
    )


def _words(locks: Path, shard: Shard) -> str:
    """Who a run is, as far as it has said so."""
    what = "a run" if shard == WHOLE else f"shard {shard.index} of {shard.count}"
    try:
        who = json.loads(_who(locks, shard).read_text(encoding="utf-8"))
        return f"{what} (process {who['process']} on {who['host']}, since {who['since']})"
    except (OSError, ValueError, LookupError, TypeError):
        return what
