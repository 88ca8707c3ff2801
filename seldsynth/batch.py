"""Recordings: found, planned, rendered; one that fails is reported, and the others go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import torch

from seldsynth.assets import AssetLibrary, folder_of
from seldsynth.config import Config
from seldsynth.errors import ConfigError, MediaError, PlanError, SeldsynthError
from seldsynth.events import events_of
from seldsynth.files import remove_leftovers, write_whole, written_whole
from seldsynth.folders import files_below
from seldsynth.media.encode import VideoFormat, choose_encoder, write_video
from seldsynth.media.sound_files import write_wav
from seldsynth.media.sound_tracks import SoundTrack
from seldsynth.metadata import LabelTable, read_labels
from seldsynth.plan import SOUND_FOLDER, ScenePlan, plan_from_json, resolve_folders
from seldsynth.planner import make_plan, notes_on, variant_id, warnings_on
from seldsynth.render.scene import check_assets, render_scene
from seldsynth.sounds import SoundLibrary
from seldsynth.truth.files import (
    ENDINGS,
    GroundTruth,
    check_labels_are_ours,
    truth_files,
    truth_path,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One label file (or saved plan) and what becomes of it: one video of possibly several.

    recording_id: with the variant, if there are several. label_id: without.
    """

    recording_id: str
    label_id: str
    variant: int
    source: Path
    video: Path
    plan: Path


@dataclass(frozen=True, kw_only=True)
class Job:
    """A recording with its plan, ready to be rendered anywhere.

    fresh: the plan was made just now: its assets need not be compared again, and it is saved when
    its video is there. A plan from a file stays as it is.
    """

    recording: Recording
    plan: ScenePlan
    folders: dict[str, Path]
    device: str
    fresh: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a recording.

    skipped: its video is there already, or the message says why there is none. seconds: time to
    render and encode. message: why it failed or was left out.
    """

    recording_id: str
    status: Literal["done", "planned", "skipped", "failed"]
    frames: int = 0
    seconds: float = 0.0
    video_bytes: int = 0
    plan_sha256: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_recordings(config: Config) -> list[Recording]:
    """Every label file below metadata_dir, sorted by path, once for each variant.

    Raises ConfigError if there is none. The id is the path below metadata_dir without its ending,
    with forward slashes. Links are followed: a label file can do no harm.
    """
    root, video_dir = config.input.metadata_dir, config.output.video_dir
    videos_inside = video_dir.is_relative_to(root)
    found: dict[str, Recording] = {}
    taken: dict[Path, Path] = {}  # what is written, wherever links lead: for which labels
    real_video_dir = video_dir.resolve()
    for path in files_below(root, follow_symlinks=True):
        if path.suffix.lower() != ".csv" or _is_output(path):
            continue
        if videos_inside and path.is_relative_to(video_dir):
            continue
        label_id = path.relative_to(root).with_suffix("").as_posix()
        for variant in range(config.processing.variants):
            recording_id = variant_id(label_id, variant, config.processing.variants)
            if recording_id in found:
                raise ConfigError(f"{path} and {found[recording_id].source} would be one video")
            video = video_dir / f"{recording_id}.mp4"
            real_video = real_video_dir / f"{recording_id}.mp4"
            for output in (truth_path(real_video, ending) for ending in ENDINGS):
                if output in taken:
                    raise ConfigError(f"{path} and {taken[output]} would both have {output}")
                taken[output] = path
            found[recording_id] = Recording(
                recording_id=recording_id,
                label_id=label_id,
                variant=variant,
                source=path,
                video=video,
                plan=video_dir / f"{recording_id}.plan.json",
            )
    if not found:
        raise ConfigError(f"input.metadata_dir: no label CSV in {root} or below")
    for recording in found.values():
        real_source = recording.source.resolve()
        if real_source in taken:
            raise ConfigError(
                f"output.video_dir: ground truth of {taken[real_source]} would replace the "
                f"labels {recording.source}; choose another folder"
            )
    return list(found.values())


def _is_output(path: Path) -> bool:
    """Whether a CSV is the ground truth of a video, in a folder that a run wrote."""
    stem = path.name.removesuffix(".csv").removesuffix(".tracks")
    return path.with_name(f"{stem}.plan.json").is_file()


def plan_recordings(
    config: Config,
    recordings: Iterable[Recording],
    library: AssetLibrary,
    sounds: SoundLibrary | None,
    *,
    device: torch.device,
    finished: Callable[[Recording, ScenePlan], bool] = lambda recording, plan: False,
    plan_only: bool = False,
) -> Iterator[Job | Outcome]:
    """Plan every recording; yields a Job for each that is to be rendered, or what became of it.

    sounds: None where there are none to be had. finished: says of a recording and its plan whether
    the video is there already. plan_only: the plans are saved, and nothing is rendered.
    """
    for recording in recordings:
        outcome = Outcome(recording_id=recording.recording_id, status="failed")
        try:
            table = read_labels(recording.source, distance_unit=config.labels.distance_unit)
            sound = sounds.plan(recording.label_id) if sounds else None
            if sounds and not sound and config.audio.missing == "skip":
                yield replace(outcome, status="skipped", message="no sound file")
                continue
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
            outcome = replace(
                outcome,
                warnings=warnings_on(plan, num_label_frames=table.num_label_frames),
                notes=(
                    *table.notes,
                    *(sounds.notes_on(sound) if sounds else ()),
                    *_notes_on(plan, table, config, library),
                ),
                plan_sha256=plan.sha256(),
            )
            if finished(recording, plan):
                yield replace(outcome, status="skipped")
                continue
            recording.plan.parent.mkdir(parents=True, exist_ok=True)
            if plan_only:
                yield _save_plan(recording, plan, outcome)
                continue
        except Exception as error:
            yield replace(outcome, message=_describe(error))
            continue
        yield Job(
            recording=recording,
            plan=plan,
            folders=resolve_folders(plan, recording.plan),
            device=str(device),
            fresh=True,
            warnings=outcome.warnings,
            notes=outcome.notes,
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


def _save_plan(recording: Recording, plan: ScenePlan, outcome: Outcome) -> Outcome:
    """Save a plan that is not to be rendered now; says so if a video of another one is there."""
    warnings = outcome.warnings
    if recording.video.is_file() and not holds_plan(recording.plan, plan):
        warnings = (*warnings, "its video is still that of another plan")
    write_whole(recording.plan, plan.to_json())
    return replace(outcome, status="planned", warnings=warnings)


def holds_plan(path: Path, plan: ScenePlan) -> bool:
    """Whether a file holds this very plan."""
    try:
        return path.read_text(encoding="utf-8") == plan.to_json()
    except (OSError, UnicodeDecodeError):
        return False


def load_plans(
    plan_files: Iterable[Path], *, device: torch.device, folders: Mapping[str, Path | None]
) -> Iterator[Job | Outcome]:
    """Saved plans to be rendered again, each beside its file.

    folders: where input folders are now, if not where the plan says.
    """
    for path in plan_files:
        name = path.name.removesuffix(".json").removesuffix(".plan")
        recording = Recording(
            recording_id=name,
            label_id=name,
            variant=0,
            source=path,
            video=path.with_name(f"{name}.mp4"),
            plan=path,
        )
        try:
            plan = plan_from_json(path.read_bytes(), name=path)
            moved = {
                key: folder_of(place)
                for key in plan.folders
                if (place := folders.get(key)) is not None
            }
            yield Job(
                recording=replace(recording, recording_id=plan.recording_id),
                plan=plan,
                folders={**resolve_folders(plan, path), **moved},
                device=str(device),
                fresh=False,
            )
        except Exception as error:
            yield Outcome(recording_id=name, status="failed", message=_describe(error))


def prepare_process() -> None:
    """One thread for everything: recordings are what runs side by side; and whole float32 sums."""
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # else a GPU blurs with 10 bits
    cv2.setNumThreads(1)


def render_recording(job: Job, *, on_frame: Callable[[], None]) -> Outcome:
    """Render and encode one recording; a failure is returned, not raised."""
    plan, recording = job.plan, job.recording
    outcome = Outcome(
        recording_id=recording.recording_id,
        status="failed",
        warnings=job.warnings,
        notes=job.notes,
    )
    start = time.perf_counter()
    try:
        outcome = replace(outcome, plan_sha256=plan.sha256())
        device = torch.device(job.device)
        encoding = plan.encoding
        form = VideoFormat(
            width=plan.width,
            height=plan.height,
            frame_rate=plan.frames_per_second,
            encoder=choose_encoder(encoding.encoder, device_kind=device.type),
            preset=encoding.preset,
            quality=encoding.quality,
            gop_s=encoding.gop_s,
        )
        if not job.fresh:
            check_assets(plan, job.folders)
            check_labels_are_ours(plan, recording.video)
        _check_place_beside(job)
        for ending in (".mp4", ".mp4.untagged", ".wav", *ENDINGS):
            remove_leftovers(truth_path(recording.video, ending))
        with GroundTruth(plan, recording.video, device=device) as truth:

            def write_beside() -> None:
                truth.write()
                _write_sound_beside(job)
                if job.fresh:
                    write_whole(recording.plan, plan.to_json())

            sound = _sound_track(job)
            with write_video(recording.video, form, sound, beside=write_beside) as writer:
                for frame in render_scene(plan, job.folders, device=device):
                    writer.write(frame.buffer.cpu().numpy())
                    truth.see(frame)
                    on_frame()
        video_bytes = recording.video.stat().st_size
    except Exception as error:
        return replace(outcome, message=_describe(error), seconds=time.perf_counter() - start)
    return replace(
        outcome,
        status="done",
        frames=plan.num_frames,
        seconds=time.perf_counter() - start,
        video_bytes=video_bytes,
    )


def _sound_track(job: Job) -> SoundTrack | None:
    sound = job.plan.sound
    if sound is None or sound.track is None:
        return None
    return SoundTrack(
        path=job.folders[SOUND_FOLDER] / sound.path,
        form=sound.track,
        num_samples=job.plan.num_samples(sound.track.sample_rate),
    )


def _write_sound_beside(job: Job) -> None:
    """Write the sound that cannot go into the video, as long as that is.

    What an earlier plan left there, and this one does not want, is removed.
    """
    sound, target = job.plan.sound, _sound_beside(job.recording.video)
    if sound is not None and sound.is_kept_beside:
        with written_whole(target) as temporary:
            write_wav(
                job.folders[SOUND_FOLDER] / sound.path,
                temporary,
                num_samples=job.plan.num_samples(sound.info.sample_rate),
            )
    elif job.fresh and _kept_beside_before(job.recording.plan):
        target.unlink(missing_ok=True)


def _kept_beside_before(plan_file: Path) -> bool:
    """Whether the plan of an earlier run, if there is one, kept sound beside its video."""
    try:
        before = plan_from_json(plan_file.read_bytes(), name=plan_file)
    except (PlanError, OSError):
        return False
    return before.sound is not None and before.sound.is_kept_beside


def _check_place_beside(job: Job) -> None:
    """See that sound beside the video replaces nobody's. Raises MediaError."""
    sound, video = job.plan.sound, job.recording.video
    target = _sound_beside(video)
    if sound is None or not sound.is_kept_beside or not target.exists():
        return
    source = job.folders[SOUND_FOLDER] / sound.path
    if not video.exists() or target.samefile(source):
        raise MediaError(
            f"{target}: there already, and not beside a video of ours; choose another folder"
        )


def _sound_beside(video: Path) -> Path:
    return truth_path(video, ".wav")


def files_beside(plan: ScenePlan, video: Path) -> list[Path]:
    """The files beside a video that its plan asks for: ground truth, and sound if not in it."""
    sound = [_sound_beside(video)] if plan.sound and plan.sound.is_kept_beside else []
    return [*truth_files(plan, video), *sound]


def _describe(error: Exception) -> str:
    """One line for a user's fault; for a fault of ours, one line here and the rest in the log."""
    if isinstance(error, SeldsynthError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    _log.error("unexpected fault; please report it with the plan", exc_info=error)
    return f"unexpected fault: {type(error).__name__}: {error}"
