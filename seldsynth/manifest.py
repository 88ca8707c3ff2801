"""manifest.jsonl: what became of each recording, a JSON line each, in the folder of the videos.

It lies with the videos, wherever the log is, because it speaks of them by their paths below that
folder and goes with them. Lines are only ever added: the last one of a recording counts. What a
file beside a video was made of stands in the plan, whose hash is among the outputs.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from seldsynth.batch import Outcome
from seldsynth.errors import ConfigError
from seldsynth.provenance import versions
from seldsynth.recordings import FileFacts
from seldsynth.run_lock import FOLDER as LOCKS
from seldsynth.run_lock import WHOLE, Shard
from seldsynth.run_log import RunLog

NAME = "manifest.jsonl"
_NAME = re.compile(r"manifest(\.\d+-of-\d+)?\.jsonl")
_BEGINNING = b'{"recording_id": '

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A line of a manifest.

    recording_id: the path of the video below the folder, without its ending. time: when the line
    was written, UTC. seconds: to render and encode. inputs: path and sha256 of the labels and the
    sound; those of the pictures are in the plan. config_sha256: see `provenance.config_sha256`;
    empty if a saved plan was rendered. outputs: by path below the folder. again: why it was made
    although it had been made before. error: why there is no video.
    """

    recording_id: str
    status: Literal["done", "failed", "skipped"]
    time: str
    seconds: float = 0.0
    frames: int = 0
    device: str = ""
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plan_sha256: str = ""
    config_sha256: str = ""
    outputs: Mapping[str, FileFacts] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    again: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""

    def to_json(self) -> str:
        """The line, without its end.

        Half a surrogate pair, from a file name that is no UTF-8, is written as it would be escaped.
        """
        text = json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)
        return _LONE_SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)


_RECORD = TypeAdapter(Record)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def record_of(
    outcome: Outcome, video_dir: Path, *, config_sha256: str, device: str
) -> Record | None:
    """The line of an outcome; None for one that leaves all as it was."""
    made_by = versions()
    status = outcome.status
    is_kept = status == "skipped" and not (outcome.message or outcome.outputs)
    if status == "planned" or is_kept or outcome.stands:
        return None
    if not (config_sha256 or outcome.plan_sha256):  # no plan, though it was given as one
        return None
    if status == "skipped" and outcome.outputs:  # finished, and never written down
        status, device, made_by = "done", "", {"seldsynth": outcome.made_by}
    return Record(
        recording_id=outcome.video.absolute().relative_to(video_dir).with_suffix("").as_posix(),
        status=status,
        time=datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        seconds=round(outcome.seconds, 3),
        frames=outcome.frames,
        device=device,
        inputs=outcome.inputs,
        plan_sha256=outcome.plan_sha256,
        config_sha256=config_sha256,
        outputs={
            path.absolute().relative_to(video_dir).as_posix(): facts
            for path, facts in outcome.outputs.items()
        },
        versions=made_by,
        again=outcome.again,
        warnings=outcome.warnings,
        notes=outcome.notes,
        error=outcome.message,
    )


class Manifest:
    """Appends to a manifest: a line is there whole, or not at all and told of at the end.

    What cannot be written, on a full disk say, is tried again with every line that follows. Raises
    ConfigError for a file of that name that is not ours.
    """

    def __init__(self, video_dir: Path, *, shard: Shard = WHOLE) -> None:
        self.path = shard.named(video_dir / NAME)
        self._waiting: list[bytes] = []
        self._is_there = self.path.exists()
        if self.path.exists() and not _is_ours(self.path):
            raise ConfigError(f"{self.path}: is not a manifest of seldsynth; move it away")

    def write(self, record: Record) -> None:
        """Append a line and have it on the disk."""
        line = record.to_json() + "\n"
        self._waiting.append(line.encode())
        was_in_trouble = len(self._waiting) > 1
        try:
            self._append()
        except OSError as error:
            if not was_in_trouble:
                _log.error(
                    "%s: cannot be written: %s; tried again after the next recording",
                    self.path,
                    error.strerror,
                )

    def close(self) -> int:
        """Try once more; returns how many lines could not be written."""
        if self._waiting:
            try:
                self._append()
            except OSError:
                _log.error(
                    "%s: %d lines could not be written; --resume finds these recordings by "
                    "their videos, and writes them down",
                    self.path,
                    len(self._waiting),
                )
        return len(self._waiting)

    def _append(self) -> None:
        _append(self.path, b"".join(self._waiting), may_begin=not self._is_there)
        self._waiting.clear()
        self._is_there = True


class Books:
    """Writes down what becomes of recordings: in the manifests of their sets, and in the log.

    manifests: by the folder of the set; none if nothing is to be made. config_sha256: empty for
    saved plans.
    """

    def __init__(
        self,
        manifests: Mapping[Path, Manifest],
        run_log: RunLog | None,
        *,
        config_sha256: str = "",
        device: str,
    ) -> None:
        self._manifests = manifests
        self._run_log = run_log
        self._config_sha256 = config_sha256
        self._device = device

    def write(self, outcome: Outcome) -> None:
        """Write down an outcome; first where programs read it."""
        video = outcome.video.absolute()
        folder = next((folder for folder in video.parents if folder in self._manifests), None)
        if folder is not None:
            self._write_record(outcome, folder)
        if self._run_log is not None:
            self._run_log.write(outcome)

    def _write_record(self, outcome: Outcome, folder: Path) -> None:
        record = record_of(outcome, folder, config_sha256=self._config_sha256, device=self._device)
        if record is not None:
            self._manifests[folder].write(record)

    def close(self) -> bool:
        """Write what could not be written before; returns whether all is written now."""
        return not sum(manifest.close() for manifest in self._manifests.values())


def set_of(plan_file: Path) -> Path:
    """The folder of the set that a saved plan belongs to: the nearest above it that a run wrote in.

    Where there is none, the plan's own folder is one.
    """
    parents = Path(os.path.abspath(plan_file)).parents
    ran_in = (one for one in parents if _manifests_in(one) or (one / LOCKS).is_dir())
    return next(ran_in, parents[0])


def has_manifest(folder: Path) -> bool:
    """Whether a run wrote a set into a folder."""
    return bool(_manifests_in(folder))


def _manifests_in(folder: Path) -> list[Path]:
    """Our manifests in a folder, of all shards; others have files of that name too."""
    try:
        names = sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))
    except OSError:
        return []
    return [folder / name for name in names if _is_ours(folder / name)]


def _is_ours(path: Path) -> bool:
    """Whether a file begins as a manifest does, as far as it goes."""
    try:
        with path.open("rb") as file:
            beginning = file.read(len(_BEGINNING))
    except OSError:
        return True  # who reads it on will say what is wrong
    return _BEGINNING.startswith(beginning)


def _append(path: Path, lines: bytes, *, may_begin: bool) -> None:
    """Append whole lines, or nothing; a line that was cut off before is ended first.

    may_begin: else a file that is not there is an error, not a new one in the place of a lost one.
    """
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | (os.O_CREAT if may_begin else 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        if end:
            os.lseek(descriptor, end - 1, os.SEEK_SET)
            lines = lines if os.read(descriptor, 1) == b"\n" else b"\n" + lines
        try:
            written = 0
            while written < len(lines):
                written += os.write(descriptor, lines[written:])
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """What the manifests of a folder say. cut_off: lines that are none, as killed runs leave.

    records: the last word on every recording, by its id. done: the last one that says it was done,
    which also tells of files that a later failure left as they were.
    """

    paths: tuple[Path, ...]
    records: Mapping[str, Record]
    done: Mapping[str, Record]
    cut_off: int


def read_manifests(video_dir: Path) -> Manifests:
    """The last lines of every recording, by its id, from the manifests of all shards.

    Raises ConfigError for one that cannot be read.
    """
    paths = tuple(_manifests_in(video_dir))
    records: dict[str, Record] = {}
    done: dict[str, Record] = {}
    cut_off = 0
    for path in paths:
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        found = [_record(line) for line in lines if line.strip()]
        cut_off += found.count(None)
        known = [record for record in found if record is not None]
        _keep_last(records, known)
        _keep_last(done, (record for record in known if record.status == "done"))
    return Manifests(paths=paths, records=records, done=done, cut_off=cut_off)


def _keep_last(records: dict[str, Record], more: Iterable[Record]) -> None:
    """Within a file the order counts, between files the time."""
    last = {record.recording_id: record for record in more}
    for name, record in last.items():
        if name not in records or records[name].time <= record.time:
            records[name] = record


def _record(line: bytes) -> Record | None:
    try:
        return _RECORD.validate_json(line)
    except ValidationError:
        return None
