"""One recording made: rendered and encoded, with all that belongs beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import torch
from torch import Tensor

from seldsynth.batch import VIDEO_STAYS, Job, Outcome, describe_failure
from seldsynth.errors import MediaError
from seldsynth.files import FilesTogether
from seldsynth.media.encode import VideoFormat, choose_encoder, write_video
from seldsynth.media.sound_files import read_comment, write_wav
from seldsynth.media.sound_tracks import SoundTrack
from seldsynth.media.spatial_mp4 import read_tags
from seldsynth.plan import SOUND_FOLDER, ScenePlan
from seldsynth.provenance import comment_of, origin_of
from seldsynth.recordings import facts_of, files_beside, sound_beside
from seldsynth.render.scene import check_assets, frames_together, render_scene
from seldsynth.truth.files import ENDINGS, GroundTruth, check_labels_are_ours, truth_path


def prepare_process() -> None:
    """One thread for everything: recordings are what runs side by side."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def render_recording(job: Job, *, on_frame: Callable[[], None]) -> Outcome:
    """Render and encode one recording; a failure is returned, not raised."""
    plan, recording = job.plan, job.recording
    start = time.perf_counter()
    stands = not job.again and _comment_at(recording.video) == comment_of(plan.sha256())
    try:
        _check_place(job)
        device = torch.device(job.device)
        encoder = choose_encoder(plan.encoding.encoder, device_kind=device.type)
        if not job.fresh:
            check_assets(plan, job.folders)
            check_labels_are_ours(plan, recording.video)
        _check_place_beside(job)
        with FilesTogether() as files:
            if job.fresh:  # the first to get its name: labels without a plan are a user's
                files.write(recording.plan, plan.to_json())
            truth = GroundTruth(plan, recording.video, files, device=device)
            with write_video(
                recording.video,
                video_format(plan, encoder=encoder),
                sound_track(plan, job.folders),
                comment=comment_of(plan.sha256()),
                beside=lambda: _name_what_lies_beside(job, truth, files),
            ) as writer:
                for buffers in _rendered(job, truth, device=device):
                    for buffer in buffers:
                        writer.write(buffer.cpu().numpy())
                        on_frame()
        written = [recording.video, recording.plan, *files_beside(plan, recording.video)]
        outputs = {path: facts_of(path) for path in written}  # while they are in memory
    except Exception as error:
        seconds = time.perf_counter() - start
        message = describe_failure(error) + (VIDEO_STAYS if stands else "")
        return replace(job.failed(message), seconds=seconds, stands=stands)
    return replace(
        job.failed(""),
        status="done",
        frames=plan.num_frames,
        seconds=time.perf_counter() - start,
        outputs=outputs,
    )


def _rendered(job: Job, truth: GroundTruth, *, device: torch.device) -> Iterator[list[Tensor]]:
    """The frames of a recording, some together, seen by its ground truth."""
    most = frames_together(job.plan)
    together: list[Tensor] = []
    for frame in render_scene(job.plan, job.folders, device=device, num_buffers=most):
        truth.see(frame)
        together.append(frame.buffer)
        if len(together) == most:
            yield together
            together = []
    yield together


def _name_what_lies_beside(job: Job, truth: GroundTruth, files: FilesTogether) -> None:
    """Give what belongs to a video its names, just before that gets its own.

    A video under its name always lies beside its own ground truth and plan: one of another plan, or
    of another version of seldsynth, goes before theirs come.
    """
    plan, recording = job.plan, job.recording
    obsolete = _beside_before(job) - set(files_beside(plan, recording.video))
    truth.finish()
    _write_sound_beside(job, files)
    files.flush()
    _check_place(job)
    if _comment_at(recording.video) != comment_of(plan.sha256()):
        recording.video.unlink(missing_ok=True)
    files.rename()
    for path in obsolete:
        path.unlink(missing_ok=True)


def _check_place(job: Job) -> None:
    """See that the folder of the videos is still the one that the run began in."""
    if job.place is not None:
        job.place.check()


def _comment_at(video: Path) -> str:
    """What the video that has the name now says of itself, if anything."""
    try:
        return read_tags(video).comment
    except (MediaError, OSError):
        return ""


def video_format(plan: ScenePlan, *, encoder: str) -> VideoFormat:
    """What the video of a plan is to be, by an encoder."""
    encoding = plan.encoding
    return VideoFormat(
        width=plan.width,
        height=plan.height,
        frame_rate=plan.frames_per_second,
        encoder=encoder,
        preset=encoding.preset,
        quality=encoding.quality,
        gop_s=encoding.gop_s,
    )


def sound_track(plan: ScenePlan, folders: Mapping[str, Path]) -> SoundTrack | None:
    """The sound track of a plan's video; None if it has none.

    folders: where the sound lies. Without them the track can be compared, and not be written.
    """
    sound = plan.sound
    if sound is None or sound.track is None:
        return None
    return SoundTrack(
        path=folders.get(SOUND_FOLDER, Path()) / sound.path,
        form=sound.track,
        num_samples=plan.num_samples(sound.track.sample_rate),
    )


def _write_sound_beside(job: Job, files: FilesTogether) -> None:
    """Write the sound that cannot go into the video, as long as that is."""
    sound = job.plan.sound
    if sound is not None and sound.is_kept_beside:
        beside = sound_beside(job.recording.video)
        write_wav(
            job.folders[SOUND_FOLDER] / sound.path,
            files.temporary(beside),
            num_samples=job.plan.num_samples(sound.info.sample_rate),
            comment=comment_of(job.plan.sha256()),
            name=beside,
        )


def _beside_before(job: Job) -> set[Path]:
    """What earlier runs may have written beside a video, so that it may be removed."""
    recording = job.recording
    found = {truth_path(recording.video, ending) for ending in ENDINGS}
    sound = sound_beside(recording.video)
    return found | ({sound} if origin_of(read_comment(sound)) else set())


def _check_place_beside(job: Job) -> None:
    """See that sound beside the video replaces nobody's. Raises MediaError."""
    sound, video = job.plan.sound, job.recording.video
    target = sound_beside(video)
    if sound is None or not sound.is_kept_beside or not target.exists():
        return
    source = job.folders[SOUND_FOLDER] / sound.path
    is_ours = video.exists() or origin_of(read_comment(target)) is not None
    if not is_ours or target.samefile(source):
        raise MediaError(
            f"{target}: there already, and not beside a video of ours; choose another folder"
        )
