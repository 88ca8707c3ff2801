"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import glob
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from seldsynth.errors import ConfigError, MediaError

_TEMPORARY = re.compile(r"\..+\.\d+\.tmp", re.DOTALL)


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


class FilesTogether:
    """Files that get their names together, when all of them are on the disk.

    A context manager: `temporary`, `open` or `write` each, `flush`, then `rename`; what has not got
    its name at the end is removed. That one of them cannot be written is raised as MediaError.
    """

    def __init__(self) -> None:
        self._temporaries: dict[Path, Path] = {}
        self._opened: list[TextIO] = []
        self._begun: Path | None = None

    def __enter__(self) -> FilesTogether:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for file in self._opened:
            with contextlib.suppress(OSError):
                file.close()
        for temporary in self._temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and (where := self._written_at(error)):
            raise MediaError(f"{where}: cannot be written: {error.strerror}") from None

    def _written_at(self, error: OSError) -> Path | None:
        """Which of them an error is about: a write names none, and any other name is not ours."""
        if error.filename is None:
            return self._begun
        names = {str(temporary): path for path, temporary in self._temporaries.items()}
        return names.get(str(error.filename))

    def temporary(self, path: Path) -> Path:
        """Where to write the file that will be at path. Makes the folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporaries[path] = temporary_beside(path)
        self._begun = path
        return self._temporaries[path]

    def open(self, path: Path) -> TextIO:
        """A UTF-8 file to write into, which will be at path."""
        file = self.temporary(path).open("w", encoding="utf-8", newline="")
        self._opened.append(file)
        return file

    def write(self, path: Path, text: str) -> None:
        """Write a small UTF-8 file that will be at path."""
        self.open(path).write(text)

    def flush(self) -> None:
        """Have all of them on the disk: after this, only names are missing."""
        for file in self._opened:
            file.close()
        for temporary in self._temporaries.values():
            flush_to_disk(temporary)

    def rename(self) -> None:
        """Give them their names, in the order they were begun."""
        for path in list(self._temporaries):
            os.replace(self._temporaries[path], path)
            del self._temporaries[path]


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
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"cannot write to {folder}: it, or what is above it, is a file") from None
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
    """Remove the temporary files of path that processes of this machine left which are no more.

    Where others are kept out by a lock, `remove_temporaries` knows better.
    """
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        process = leftover.name.split(".")[-2]
        if not (process.isdigit() and _is_alive(int(process))):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def remove_temporaries(paths: Iterable[Path]) -> None:
    """Remove the temporary files of paths, whichever process left them: nobody else writes there.

    A folder is read once, however many of its paths there are.
    """
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault(path.parent, set()).add(path.name)
    for folder, wanted in names.items():
        for temporary in temporaries_in(folder):
            if temporary.name[1:].rsplit(".", 2)[0] in wanted:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)


def temporaries_in(folder: Path) -> list[Path]:
    """The temporary files in a folder, as `temporary_beside` calls them; none if it is not there.

    One that another program is writing may be among them.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(one.path) for one in entries if _TEMPORARY.fullmatch(one.name))
    except OSError:
        return []


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
