"""Recordings: which there are, and which files belong to each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seldsynth.asset_files import file_sha256
from seldsynth.config import Config
from seldsynth.errors import ConfigError
from seldsynth.folders import files_below
from seldsynth.plan import ScenePlan
from seldsynth.planner import variant_id
from seldsynth.truth.files import ENDINGS, PLAN_ENDING, truth_files, truth_path

_ALL_ENDINGS = (".mp4", ".mp4.untagged", PLAN_ENDING, ".wav", *ENDINGS)


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
class FileFacts:
    """Size and hash of a file that was written."""

    bytes: int
    sha256: str


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
                plan=video_dir / f"{recording_id}{PLAN_ENDING}",
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


def recording_of_plan(plan_file: Path) -> Recording:
    """The recording of a saved plan: all of it lies beside the plan, and is called like it."""
    name = plan_file.name.removesuffix(PLAN_ENDING)
    return Recording(
        recording_id=name,
        label_id=name,
        variant=0,
        source=plan_file,
        video=plan_file.with_name(f"{name}.mp4"),
        plan=plan_file,
    )


def _is_output(path: Path) -> bool:
    """Whether a CSV is the ground truth of a video, in a folder that a run wrote."""
    stem = path.name.removesuffix(".csv").removesuffix(".tracks")
    return os.path.isfile(path.with_name(f"{stem}{PLAN_ENDING}"))


def sound_beside(video: Path) -> Path:
    """Where sound lies that cannot go into a video."""
    return truth_path(video, ".wav")


def files_beside(plan: ScenePlan, video: Path) -> list[Path]:
    """The files beside a video that its plan asks for: ground truth, and sound if not in it."""
    sound = [sound_beside(video)] if plan.sound and plan.sound.is_kept_beside else []
    return [*truth_files(plan, video), *sound]


def files_written(video: Path) -> Iterator[Path]:
    """Every file that is ever written for a video, under its own name or a temporary one."""
    return (truth_path(video, ending) for ending in _ALL_ENDINGS)


def facts_of(path: Path) -> FileFacts:
    """Size and hash of a file. Raises MediaError if it cannot be read."""
    sha256 = file_sha256(path)
    return FileFacts(bytes=path.stat().st_size, sha256=sha256)
