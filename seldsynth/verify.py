"""A finished set of videos, read again against its manifests, byte by byte and number by number."""

from __future__ import annotations

import csv
import json
import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av

from seldsynth.asset_files import file_sha256
from seldsynth.errors import ConfigError, SeldsynthError
from seldsynth.events import LABEL_RATE, motion_of
from seldsynth.files import temporaries_in
from seldsynth.making import prepare_process, sound_track, video_format
from seldsynth.manifest import NAME, Manifests, Record, has_manifest, read_manifests
from seldsynth.media.encode import check_video
from seldsynth.media.sound_files import check_sound, read_comment
from seldsynth.media.spatial_mp4 import read_tags
from seldsynth.plan import ScenePlan, plan_from_json
from seldsynth.provenance import origin_of
from seldsynth.recordings import FileFacts, files_beside
from seldsynth.truth.files import PLAN_ENDING, mask_size, truth_path
from seldsynth.truth.masks import DCASE_RATE, moments
from seldsynth.truth.tables import TRACK_COLUMNS, label_lines

OTHER_CONTENT = "has another content than was written"
_NOT_UNDERSTOOD = (
    *(ValueError, LookupError, TypeError, AttributeError, RecursionError),
    csv.Error,
)
_FEW = 8  # recordings that are read sooner than a process is started

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A file that is not right. path: below the folder of the set. what: the end of a sentence."""

    path: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found of a recording, or of what belongs to none."""

    name: str
    status: str
    faults: tuple[Fault, ...]


def verify_set(
    root: Path,
    *,
    quick: bool,
    workers: int,
    on_recording: Callable[[int], object],
    at_work: bool = False,
) -> Iterator[Verdict]:
    """Check every recording that the manifests of a folder tell of, then what they do not tell of.

    quick: without hashes and without reading the files beside the videos through; sizes, plans,
    labels, and the videos' indices, are. on_recording is told how many there are, as each is done.
    at_work: a run is, and what is temporary is its own. Raises ConfigError if there is no manifest,
    or it cannot be read.
    """
    manifests = read_manifests(root)
    if not manifests.paths and (root / NAME).exists():
        raise ConfigError(f"{root / NAME}: is not a manifest of seldsynth; move it away")
    if not manifests.paths:
        raise ConfigError(
            f"{root}: no {NAME} in it; name the folder of a set of videos, or have a run "
            "with --resume write one of the videos there"
        )
    if manifests.cut_off:
        _log.info(
            "lines that killed runs left cut off, and that are passed over: %d", manifests.cut_off
        )
    records = sorted(manifests.records.values(), key=lambda record: record.recording_id)
    check = partial(verify_recording, root, quick=quick)
    for verdict in _spread(check, records, workers=workers):
        on_recording(len(records))
        yield verdict
    faults = tuple(_unrecorded(root, manifests, at_work=at_work))
    if faults:
        yield Verdict(name="", status="unrecorded", faults=faults)


def _spread(
    check: Callable[[Record], Verdict], records: list[Record], *, workers: int
) -> Iterator[Verdict]:
    """Check records in several processes, in their order."""
    if workers == 1 or len(records) < _FEW:
        yield from map(check, records)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=prepare_process) as pool:
        yield from pool.map(check, records, chunksize=4)


def verify_recording(root: Path, record: Record, *, quick: bool = False) -> Verdict:
    """Check all files of a recording against its line of the manifest, and against its plan."""
    faults: list[Fault] = []
    if record.status == "failed":
        faults.append(Fault(path=f"{record.recording_id}.mp4", what=f"failed: {record.error}"))
    elif record.status == "done":
        faults = list(_wrong_files(root, record, quick=quick))
        wrong = {fault.path for fault in faults}
        faults += wrong_content(root, record, wrong, quick=quick)
    return Verdict(name=record.recording_id, status=record.status, faults=tuple(faults))


def _wrong_files(root: Path, record: Record, *, quick: bool) -> Iterator[Fault]:
    """Files that are not there, or not as the manifest says."""
    for name, facts in record.outputs.items():
        what = _wrong_bytes(root / name, facts, quick=quick)
        if what:
            yield Fault(path=name, what=what)


def _wrong_bytes(path: Path, facts: FileFacts, *, quick: bool) -> str:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if size != facts.bytes:
        return f"has {size} bytes, not {facts.bytes}"
    try:
        if not quick and file_sha256(path) != facts.sha256:
            return OTHER_CONTENT
    except SeldsynthError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""


def wrong_content(
    root: Path, record: Record, known: Collection[str] = (), *, quick: bool = False
) -> Iterator[Fault]:
    """Files that do not hold what the plan says, beside those that are known to be wrong."""
    video = root / f"{record.recording_id}.mp4"
    plan_file = truth_path(video, PLAN_ENDING)

    def name(path: Path) -> str:
        return path.relative_to(root).as_posix()

    try:
        plan = plan_from_json(plan_file.read_bytes(), name=plan_file)
    except (SeldsynthError, OSError) as error:
        if name(plan_file) not in known:
            yield Fault(path=name(plan_file), what=_words(error, plan_file))
        return
    if plan.sha256() != record.plan_sha256 and name(plan_file) not in known:
        yield Fault(path=name(plan_file), what="is another plan than the manifest tells of")
    wanted = {video, plan_file, *files_beside(plan, video)}
    for path in sorted(wanted):
        if name(path) not in record.outputs:
            yield Fault(
                path=name(path),
                what="belongs to the recording, and the manifest does not tell of it",
            )
    checks: dict[Path, Callable[[], str]] = {
        video: lambda: _wrong_video(video, plan, quick=quick),
        truth_path(video, ".csv"): lambda: _wrong_labels(truth_path(video, ".csv"), plan),
    }
    if not quick:
        checks |= {
            truth_path(video, ending): partial(check, truth_path(video, ending), plan)
            for ending, check in _SLOW_CHECKS.items()
        }
    for path, check in checks.items():
        if path in wanted and name(path) not in known and (what := _told(check, path)):
            yield Fault(path=name(path), what=what)


def _told(check: Callable[[], str], path: Path) -> str:
    """What a check says; a file that it cannot read is a fault too."""
    try:
        return check()
    except (SeldsynthError, OSError, av.FFmpegError) as error:
        return _words(error, path)
    except _NOT_UNDERSTOOD as error:
        return f"cannot be understood: {error}"


def _words(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, av.FFmpegError):
        return f"cannot be decoded: {error.strerror}"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return str(error).removeprefix(f"{path}: ")


def _wrong_video(video: Path, plan: ScenePlan, *, quick: bool) -> str:
    tags = read_tags(video)
    origin = origin_of(tags.comment)
    if origin is None:
        return "does not say of which plan it is"
    if origin.plan_sha256 != plan.sha256():
        return "was made of another plan than lies beside it"
    if not quick:
        check_video(
            video,
            video_format(plan, encoder="libx264"),
            sound_track(plan, {}),
            num_frames=plan.num_frames,
            comment=tags.comment,
            name=video,
        )
    return ""


def _wrong_labels(path: Path, plan: ScenePlan) -> str:
    if path.read_bytes() != label_lines(plan).encode():
        return "is not the labels of the plan"
    return ""


def _wrong_tracks(path: Path, plan: ScenePlan) -> str:
    """A row for each video frame in which a source is there, in their order."""
    expected = sorted(
        (frame, one.event_index)
        for one in plan.events
        for frame in motion_of(
            one.track,
            frame_rate=plan.frames_per_second,
            num_frames=plan.num_frames,
            interpolate=False,
        ).video_frames.tolist()
    )
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        if tuple(next(reader, ())) != TRACK_COLUMNS:
            return "has other columns"
        event = TRACK_COLUMNS.index("event")
        found = [(int(row[0]), int(row[event])) for row in reader]
    if found != expected:
        return f"has {len(found)} rows that are not the {len(expected)} of the plan"
    return ""


def _wrong_masks(path: Path, plan: ScenePlan) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["info"]["plan_sha256"] != plan.sha256():
        return "was made of another plan"
    (video,) = content["videos"]
    if video["frames"] != plan.num_frames:
        return f"speaks of {video['frames']} frames, not {plan.num_frames}"
    found = [(one["frame_id"], one["video_frame"]) for one in content["images"]]
    if found != list(moments(plan, Fraction(str(plan.truth.masks_per_s)))):
        return "has masks at other moments than the plan"
    images = {one["id"] for one in content["images"]}
    size = list(reversed(mask_size(plan)))
    return _wrong_annotations(
        content["annotations"],
        plan,
        lambda one: one["image_id"] in images and one["segmentation"]["size"] == size,
    )


def _wrong_dcase(path: Path, plan: ScenePlan) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    frames = {index for index, _ in moments(plan, DCASE_RATE)}
    assert DCASE_RATE == LABEL_RATE
    return _wrong_annotations(
        content["annotations"], plan, lambda one: one["metadata_frame_index"] in frames
    )


def _wrong_annotations(
    annotations: list[dict[str, Any]], plan: ScenePlan, is_in_place: Callable[[Any], bool]
) -> str:
    """Whether masks are of pictures that the plan has, and of moments that there are."""
    classes = {tile.event_index: tile.class_id for tile in plan.tiles}
    wrong = Counter(
        classes.get(one["instance_id"]) != one["category_id"] or not is_in_place(one)
        for one in annotations
    )
    return f"has {wrong[True]} masks that are not of the plan" if wrong[True] else ""


def _wrong_sound(path: Path, plan: ScenePlan) -> str:
    assert plan.sound is not None
    found, meant = check_sound(path), plan.sound.info
    num_samples = plan.num_samples(meant.sample_rate)
    if (found.channels, found.num_samples) != (meant.channels, num_samples):
        return (
            f"has {found.channels} channels of {found.num_samples} samples, "
            f"not {meant.channels} of {num_samples}"
        )
    origin = origin_of(read_comment(path))
    if origin is None or origin.plan_sha256 != plan.sha256():
        return "is not the sound of the plan"
    return ""


_SLOW_CHECKS: Mapping[str, Callable[[Path, ScenePlan], str]] = {
    ".tracks.csv": _wrong_tracks,
    ".masks.json": _wrong_masks,
    ".dcase.json": _wrong_dcase,
    ".wav": _wrong_sound,
}


def _unrecorded(root: Path, manifests: Manifests, *, at_work: bool) -> Iterator[Fault]:
    """Videos of ours that no manifest tells of, and what killed runs left."""
    known = {root / name for record in manifests.records.values() for name in record.outputs} | {
        root / f"{name}.mp4" for name in manifests.records
    }
    for folder, below, names in os.walk(root):
        # A folder with a manifest of its own is another set.
        below[:] = sorted(name for name in below if not has_manifest(Path(folder) / name))
        for path in (Path(folder) / name for name in sorted(names)):
            if path.suffix == ".mp4" and path not in known and _is_ours(path):
                yield Fault(
                    path=path.relative_to(root).as_posix(),
                    what="is a video that no manifest tells of; --resume writes it down, "
                    "if labels have its name",
                )
        for path in [] if at_work else temporaries_in(Path(folder)):
            yield Fault(
                path=path.relative_to(root).as_posix(),
                what="was left by a run that was killed; --resume removes it",
            )


def _is_ours(video: Path) -> bool:
    if video.name.startswith("."):
        return False
    try:
        return origin_of(read_tags(video).comment) is not None
    except (SeldsynthError, OSError):
        return truth_path(video, PLAN_ENDING).is_file()
