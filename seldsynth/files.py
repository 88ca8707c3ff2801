"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import glob
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from seldsynth.errors import ConfigError, MediaError


def temporary_beside(path: Path) -> Path:
    """Where to write a file before it gets its name; the name tells which process does."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside path, which takes its place when all went well.

    Makes the folder. Raises MediaError if it cannot be written; nothing is left behind then.
    """
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a small UTF-8 file. Raises MediaError if it cannot be written."""
    with text_written_whole(path) as file:
        file.write(text)


@contextlib.contextmanager
def text_written_whole(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write into, which takes the place of path when all went well.

    Raises MediaError as `written_whole` does.
    """
    with (
        written_whole(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a UTF-8 CSV. Raises MediaError if it cannot be written."""
    with text_written_whole(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV that has these columns; none if it is not there.

    Cut-off lines are passed over. Raises MediaError if it cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [dict(row) for row in csv.DictReader(file) if None not in row]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MediaError(f"{path}: cannot be read: {error}") from None
    return [row for row in rows if all(row.get(column) is not None for column in columns)]


def check_writable(folder: Path) -> None:
    """Make a folder, and see that files can be written in it. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from None


def refuse_foreign(path: Path, header: Sequence[str]) -> None:
    """Raise ConfigError for a file of other columns, which write_csv would replace."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            found = next(csv.reader(file), [])
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise ConfigError(f"{path.parent}: is a file, not a folder") from None
    except (OSError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    if found and found != list(header):
        raise ConfigError(
            f"{path}: is of another command; choose another --output, or remove the file"
        )


def flush_to_disk(path: Path) -> None:
    """Have the operating system write a file's content out."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of path that processes left which are no more."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        process = leftover.name.split(".")[-2]
        if not (process.isdigit() and _is_alive(int(process))):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return process == os.getpid()  # asking means killing there
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
