"""Recordings planned: jobs for those that are to be made, outcomes of the others."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import torch

from seldsynth.asset_files import file_sha256
from seldsynth.assets import AssetLibrary, folder_of
from seldsynth.config import Config
from seldsynth.errors import PlanError, SeldsynthError
from seldsynth.events import events_of
from seldsynth.files import write_whole
from seldsynth.metadata import LabelTable, read_labels
from seldsynth.plan import ScenePlan, plan_from_json, resolve_folders
from seldsynth.planner import make_plan, notes_on, warnings_on
from seldsynth.recordings import FileFacts, Recording, recording_of_plan
from seldsynth.run_lock import Place
from seldsynth.sounds import SoundLibrary

VIDEO_STAYS = "; its earlier video stays"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a recording.

    skipped: its video is there already, or the message says why there is none. seconds: time to
    render and encode. outputs: what was written; of a skipped one, what a run before had finished
    and not written down. made_by: of a skipped one, the version of seldsynth. message: why it
    failed or was left out. inputs: path and sha256 of labels and sound. again: why it is made
    although it was made before. stands: it failed, and its earlier video is of the same plan.
    """

    recording_id: str
    video: Path
    status: Literal["done", "planned", "skipped", "failed"]
    frames: int = 0
    seconds: float = 0.0
    plan_sha256: str = ""
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    outputs: Mapping[Path, FileFacts] = field(default_factory=dict)
    made_by: str = ""
    again: str = ""
    stands: bool = False
    message: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A recording with its plan, ready to be rendered anywhere.

    fresh: the plan was made just now: its assets need not be compared again, and it is saved when
    its video is there. A plan from a file stays as it is. place: the folder that the run began in.
    inputs, again: as in Outcome.
    """

    recording: Recording
    plan: ScenePlan
    folders: dict[str, Path]
    device: str
    fresh: bool
    place: Place | None = None
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    again: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def failed(self, message: str) -> Outcome:
        """Its outcome, if it failed."""
        return Outcome(
            recording_id=self.recording.recording_id,
            video=self.recording.video,
            status="failed",
            plan_sha256=self.plan.sha256(),
            inputs=self.inputs,
            again=self.again,
            message=message,
            warnings=self.warnings,
            notes=self.notes,
        )


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a recording stands before it is made.

    finished: it need not be made. made_by: by which version of seldsynth it was. unrecorded: what
    is there of it and was never written down. again: why it is to be made again; empty if it never
    was.
    """

    finished: bool = False
    made_by: str = ""
    unrecorded: Mapping[Path, FileFacts] = field(default_factory=dict)
    again: str = ""


class Look(Protocol):
    """Says how a recording stands; labels_sha256 is of its label file, or empty."""

    def __call__(self, recording: Recording, plan: ScenePlan, *, labels_sha256: str) -> Standing:
        """Look at what is there. Raises MediaError or OSError if that cannot be read."""


def make_all(recording: Recording, plan: ScenePlan, *, labels_sha256: str) -> Standing:
    """Look at nothing: all are to be made."""
    return Standing()


def plan_recordings(
    config: Config,
    recordings: Iterable[Recording],
    library: AssetLibrary,
    sounds: SoundLibrary | None,
    *,
    device: torch.device,
    look: Look = make_all,
    place: Place | None = None,
    plan_only: bool = False,
) -> Iterator[Job | Outcome]:
    """Plan every recording; yields a Job for each that is to be rendered, or what became of it.

    sounds: None where there are none to be had. look: says of a recording and its plan whether the
    video is there already; its warnings and notes are not said again then. place: the folder of the
    videos as the run found it. plan_only: the plans are saved, and nothing is rendered.
    """
    for recording in recordings:
        planned: Job | Outcome = _failed(recording)
        try:
            if place is not None:
                place.check()
            planned = _planned(config, recording, library, sounds, device=device, place=place)
            if isinstance(planned, Job):
                planned = _unless_finished(planned, look, plan_only=plan_only)
        except Exception as error:
            failed = planned.failed("") if isinstance(planned, Job) else planned
            left = "" if plan_only or not os.path.isfile(recording.video) else VIDEO_STAYS
            planned = replace(failed, status="failed", message=describe_failure(error) + left)
        yield planned


def _planned(
    config: Config,
    recording: Recording,
    library: AssetLibrary,
    sounds: SoundLibrary | None,
    *,
    device: torch.device,
    place: Place | None,
) -> Job | Outcome:
    """A recording's plan, as a job; an outcome if it has no sound and is left out."""
    labels_sha256 = file_sha256(recording.source)
    table = read_labels(recording.source, distance_unit=config.labels.distance_unit)
    sound = sounds.plan(recording.label_id) if sounds else None
    if sounds and not sound and config.audio.missing == "skip":
        return replace(_failed(recording), status="skipped", message="no sound file")
    plan = make_plan(
        config,
        events_of(table),
        library,
        recording_id=recording.label_id,
        variant=recording.variant,
        num_label_frames=table.num_label_frames,
        plan_file=recording.plan,
        sound=sound,
    )
    return Job(
        recording=recording,
        plan=plan,
        folders=resolve_folders(plan, recording.plan),
        device=str(device),
        fresh=True,
        place=place,
        inputs=_inputs(config, recording, plan, labels_sha256),
        warnings=warnings_on(plan, num_label_frames=table.num_label_frames),
        notes=(
            *table.notes,
            *(sounds.notes_on(sound) if sounds else ()),
            *_notes_on(plan, table, config, library),
        ),
    )


def _unless_finished(job: Job, look: Look, *, plan_only: bool) -> Job | Outcome:
    """A job that is to be rendered; else what became of it."""
    standing = look(job.recording, job.plan, labels_sha256=job.inputs["labels"]["sha256"])
    if standing.finished:
        return _skipped(job.failed(""), standing, job.plan)
    job = replace(job, again=standing.again)
    job.recording.plan.parent.mkdir(parents=True, exist_ok=True)
    return _save_plan(job) if plan_only else job


def _failed(recording: Recording) -> Outcome:
    return Outcome(recording_id=recording.recording_id, video=recording.video, status="failed")


def _inputs(
    config: Config, recording: Recording, plan: ScenePlan, labels_sha256: str
) -> dict[str, dict[str, str]]:
    path = recording.source.relative_to(config.input.metadata_dir).as_posix()
    inputs = {"labels": {"path": path, "sha256": labels_sha256}}
    return inputs | _sound_input(plan)


def _sound_input(plan: ScenePlan) -> dict[str, dict[str, str]]:
    sound = plan.sound
    return {"sound": {"path": sound.path, "sha256": sound.sha256}} if sound else {}


def _skipped(outcome: Outcome, standing: Standing, plan: ScenePlan) -> Outcome:
    """A recording that is finished; if that was not written down, with all there is to write."""
    outcome = replace(outcome, status="skipped", made_by=standing.made_by)
    if not standing.unrecorded:
        return replace(outcome, warnings=(), notes=())
    note = "finished by a run that did not come to write it down"
    return replace(
        outcome,
        frames=plan.num_frames,
        outputs=standing.unrecorded,
        notes=(*outcome.notes, note),
    )


def _notes_on(
    plan: ScenePlan, table: LabelTable, config: Config, library: AssetLibrary
) -> tuple[str, ...]:
    return notes_on(
        plan,
        num_label_frames=table.num_label_frames,
        silent_per_minute=config.tiles.silent_per_minute,
        classes=library.classes,
    )


def _save_plan(job: Job) -> Outcome:
    """Save a plan that is not to be rendered now, unless a video of another one is there."""
    recording = job.recording
    if not recording.video.is_file():
        write_whole(recording.plan, job.plan.to_json())
    elif not holds_plan(recording.plan, job.plan):
        return job.failed(
            f"{recording.video}: a video of another plan, which would be parted from its own; "
            "plan into another output.video_dir, or delete the video"
        )
    return replace(job.failed(""), status="planned")


def holds_plan(path: Path, plan: ScenePlan) -> bool:
    """Whether a file holds this plan, wherever it says that the assets lie."""
    try:
        text = path.read_bytes()
        if text == plan.to_json().encode():
            return True
        return plan_from_json(text, name=path).sha256() == plan.sha256()
    except (OSError, PlanError):
        return False


def load_plans(
    plan_files: Iterable[Path],
    *,
    device: torch.device,
    folders: Mapping[str, Path | None],
    places: Mapping[Path, Place],
    looks: Mapping[Path, Look],
) -> Iterator[Job | Outcome]:
    """Saved plans to be rendered again, each beside its file.

    folders: where input folders are now, if not where the plan says. places, looks: of the sets
    that the plans belong to, by folder; without a look, all of a set are rendered.
    """
    for path in plan_files:
        recording = recording_of_plan(path)
        try:
            plan = plan_from_json(path.read_bytes(), name=path)
            recording = replace(recording, recording_id=plan.recording_id)
            moved = {
                key: folder_of(there)
                for key in plan.folders
                if (there := folders.get(key)) is not None
            }
            root = next((one for one in path.absolute().parents if one in places), None)
            job = Job(
                recording=recording,
                plan=plan,
                folders={**resolve_folders(plan, path), **moved},
                device=str(device),
                fresh=False,
                inputs=_sound_input(plan),
                place=None if root is None else places[root],
            )
            look = make_all if root is None else looks.get(root, make_all)
            standing = look(recording, plan, labels_sha256="")
            if standing.finished:
                yield _skipped(job.failed(""), standing, plan)
            else:
                yield replace(job, again=standing.again)
        except Exception as error:
            yield replace(_failed(recording), message=describe_failure(error))


def describe_failure(error: Exception) -> str:
    """One line for a user's fault; for a fault of ours, one line here and the rest in the log."""
    if isinstance(error, SeldsynthError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    _log.error("unexpected fault; please report it with the plan", exc_info=error)
    return f"unexpected fault: {type(error).__name__}: {error}"
