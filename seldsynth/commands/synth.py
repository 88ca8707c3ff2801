"""`visual_synth.py`: label files into videos."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from tqdm.contrib.logging import logging_redirect_tqdm

from seldsynth import demo
from seldsynth.assets import AssetLibrary
from seldsynth.batch import Job, Look, Outcome, load_plans, make_all, plan_recordings
from seldsynth.choice import library_of
from seldsynth.commands.machines import Machines, machines_of
from seldsynth.commands.options import add_common, positive, shard_of
from seldsynth.commands.progress import Bars, print_summary
from seldsynth.config import Config
from seldsynth.config_file import commented_config, load_config
from seldsynth.errors import ConfigError, MediaError, shown
from seldsynth.files import check_writable, remove_temporaries
from seldsynth.manifest import NAME, Books, Manifest, Manifests, read_manifests, set_of
from seldsynth.media.encode import choose_encoder
from seldsynth.provenance import config_sha256
from seldsynth.recordings import (
    Recording,
    files_written,
    find_recordings,
    recording_of_plan,
)
from seldsynth.report.contact_sheet import write_contact_sheet
from seldsynth.resume import Finished, failed_before
from seldsynth.run_lock import WHOLE, Place, Shard, only_run
from seldsynth.run_log import RunLog
from seldsynth.sounds import SoundLibrary
from seldsynth.truth.files import PLAN_ENDING
from seldsynth.workers import Executor, run

_NOT_IN_PLANS = (
    "input.",
    "processing.device=",
    "processing.workers=",
    "processing.executor=",
    "ray.address=",
)

_log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Describe the synth command."""
    parser.set_defaults(command=_run)
    add_common(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="what to make (YAML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="SECTION.KEY=VALUE",
        help="use this value instead of the config's (paths are relative to the config's folder); "
        "may be given many times",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N recordings")
    parser.add_argument(
        "--shard",
        type=shard_of,
        default=WHOLE,
        metavar="I/N",
        help="only share I of N (1/N to N/N) of the recordings, in sorted order every Nth; of the "
        "first ones, with --limit. All N runs may be at work at once, anywhere",
    )
    parser.add_argument("--plan-only", action="store_true", help="write the plans, make no video")
    parser.add_argument(
        "--from-plan",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="make the videos of saved plans again, each beside its plan; with --config, "
        "its input folders, device, workers and cluster are used",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--resume", action="store_true", help="make what is missing, failed or changed; says why"
    )
    which.add_argument("--retry-failed", action="store_true", help="make only what failed before")
    parser.add_argument(
        "--write-config", type=Path, metavar="FILE", help="write a commented config to start from"
    )


def _run(options: argparse.Namespace) -> int:
    if options.write_config is not None:
        return _write_config(options.write_config)
    if options.from_plan:
        return _from_plans(options)
    is_demo = options.config is None
    if is_demo and options.shard != WHOLE:
        raise ConfigError("--shard is a share of a config's recordings: it needs --config")
    if is_demo and not options.quiet:
        print("no --config: this is the demo")
    config_path = demo.prepare() if is_demo else options.config
    config = load_config(config_path, options.overrides)
    if config.canvas.width != 2 * config.canvas.height:
        size = f"{config.canvas.width}x{config.canvas.height}"
        _log.warning("canvas %s is not 2:1: players will show it distorted", size)
    asked_for = find_recordings(config)
    if not _share_of(asked_for, options):
        return _nothing_to_do(options)
    with machines_of(config) as machines:
        return _run_on(machines, config, asked_for, options)


def _share_of(asked_for: list[Recording], options: argparse.Namespace) -> list[Recording]:
    """Those of a config's recordings that this run is for."""
    shard: Shard = options.shard
    return shard.share_of(asked_for[: options.limit])


def _run_on(
    machines: Machines, config: Config, asked_for: list[Recording], options: argparse.Namespace
) -> int:
    device = machines.device(config.processing.device)
    if config.processing.executor == "local":
        _check_encoder(config, device)
    library = library_of(config)
    video_dir, log_file = config.output.video_dir, config.output.log_file
    assert log_file is not None
    log_file = options.shard.named(log_file)
    manifest = options.shard.named(video_dir / NAME)
    _make_places(video_dir, log_file, manifest)
    with only_run(video_dir, options.shard) as place:
        outcomes, all_recorded = _make_set(
            config, asked_for, library, machines, place, device=device, options=options
        )
    if not options.quiet:
        print(f"\nvideos and plans: {video_dir}")
        if log_file.is_file():
            print(f"log: {log_file}")
        if manifest.is_file() and not options.plan_only:
            print(f"manifest: {manifest}")
    if options.config is None and not options.quiet and not options.plan_only:
        _show_demo(video_dir, asked_for)
    return _exit_code(outcomes, all_recorded=all_recorded)


def _make_set(
    config: Config,
    asked_for: list[Recording],
    library: AssetLibrary,
    machines: Machines,
    place: Place,
    *,
    device: torch.device,
    options: argparse.Namespace,
) -> tuple[list[Outcome], bool]:
    """Make recordings in a folder where nobody else writes.

    Returns their outcomes, and whether all of them could be written down.
    """
    video_dir, log_file = config.output.video_dir, config.output.log_file
    assert log_file is not None
    recordings = _share_of(asked_for, options)
    sounds = SoundLibrary(config) if config.input.audio_dir else None
    remove_temporaries(path for one in recordings for path in files_written(one.video))
    look: Look = make_all
    config_hash = config_sha256(config)
    if options.resume or options.retry_failed:
        manifests = read_manifests(video_dir)
        look = Finished(video_dir, manifests, config_sha256=config_hash)
        if options.shard.index == 1 and not options.quiet:
            _tell_of_other_videos(asked_for, manifests, video_dir)
        if options.retry_failed:
            recordings = _failed_before(recordings, manifests, video_dir, quiet=options.quiet > 0)
    elif not (options.plan_only or options.quiet):
        _tell_of_videos_there(recordings)
    jobs = plan_recordings(
        config,
        recordings,
        library,
        sounds,
        device=device,
        look=look,
        place=place,
        plan_only=options.plan_only,
    )
    books = Books(
        {} if options.plan_only else {video_dir: Manifest(video_dir, shard=options.shard)},
        RunLog(options.shard.named(log_file)),
        config_sha256=config_hash,
        device=str(device),
    )
    executor = machines.executor(
        workers=config.processing.workers,
        num_recordings=len(recordings),
        device=device,
    )
    return _run_jobs(jobs, len(recordings), executor=executor, books=books, options=options)


def _failed_before(
    recordings: list[Recording], manifests: Manifests, video_dir: Path, *, quiet: bool
) -> list[Recording]:
    """Those that --retry-failed is for; says how many, and how many no run came to."""
    if not manifests.paths:
        raise ConfigError(
            f"--retry-failed: {video_dir} has no {NAME}, which tells what failed; use --resume"
        )
    failed = failed_before(recordings, manifests.records)
    if not quiet:
        print(f"recordings that failed before: {len(failed)} of {len(recordings)}")
    num_new = sum(one.recording_id not in manifests.records for one in recordings)
    if num_new:
        _log.warning("recordings that no run came to: %d; --resume makes them", num_new)
    return failed


def _tell_of_videos_there(recordings: list[Recording]) -> None:
    count = sum(os.path.isfile(recording.video) for recording in recordings)
    if count:
        print(
            f"videos that are there already and are made anew: {count} of {len(recordings)} "
            "(--resume keeps those that are finished)"
        )


def _tell_of_other_videos(
    asked_for: list[Recording], manifests: Manifests, video_dir: Path
) -> None:
    """Say which finished videos are none of the config's, as of labels that are gone."""
    others = sorted(manifests.done.keys() - {recording.recording_id for recording in asked_for})
    there = [name for name in others if os.path.isfile(video_dir / f"{name}.mp4")]
    if there:
        names = ", ".join(shown(name) for name in there[:3]) + (", …" if len(there) > 3 else "")
        print(f"videos there that the config does not ask for: {len(there)} ({names}); they stay")


def _nothing_to_do(options: argparse.Namespace) -> int:
    """A share without recordings is none the worse: a job array may be larger than its set."""
    if not options.quiet:
        print(f"--shard {options.shard.index}/{options.shard.count}: no recording for this share")
    return 0


def _show_demo(video_dir: Path, recordings: list[Recording]) -> None:
    for recording in recordings:
        sheet = recording.video.with_suffix(".contact-sheet.png")
        if recording.video.is_file():
            write_contact_sheet(recording.video, sheet)
            print(f"video: {recording.video}\ncontact sheet: {sheet}")
    print(f"to look around in them: python -m seldsynth serve {video_dir} --open")


def _from_plans(options: argparse.Namespace) -> int:
    """Render saved plans; a config, if given, says where their folders are now."""
    if options.plan_only or options.retry_failed:
        raise ConfigError(
            "--from-plan makes videos of the plans that it is given: no --plan-only, no "
            "--retry-failed with it; --resume leaves out what is finished"
        )
    if options.overrides and options.config is None:
        raise ConfigError("--set changes a config: with --from-plan it needs --config")
    for override in options.overrides:
        if not override.startswith(_NOT_IN_PLANS):
            raise ConfigError(
                f"--set {shown(override)}: the plan has decided that; make a new plan"
            )
    config = load_config(options.config, options.overrides) if options.config else None
    for path in options.from_plan:
        if not path.is_file():
            what = "a folder; name plan files" if path.is_dir() else "no such file"
            raise ConfigError(f"--from-plan {path}: {what}")
        if not path.name.endswith(PLAN_ENDING):
            raise ConfigError(f"--from-plan {path}: plans are called NAME{PLAN_ENDING}")
    # In an order that no shell decides, so that all shards deal them out alike.
    plans = options.shard.share_of(sorted(_one_spelling(options.from_plan))[: options.limit])
    if not plans:
        return _nothing_to_do(options)
    with machines_of(config) as machines:
        return _render_plans(plans, machines, config, options)


def _one_spelling(plans: Iterable[Path]) -> set[Path]:
    """Absolute paths, and of a set that is named in several ways one of them, the first."""
    roots: dict[Path, Path] = {}
    found: dict[Path, Path] = {}
    for path in plans:
        real, root = path.resolve(), set_of(path)
        root = roots.setdefault(root.resolve(), root)
        inside = real.is_relative_to(root.resolve())
        spelt = root / real.relative_to(root.resolve()) if inside else path.absolute()
        found.setdefault(real, spelt)
    return set(found.values())


def _render_plans(
    plans: list[Path], machines: Machines, config: Config | None, options: argparse.Namespace
) -> int:
    device = machines.device(config.processing.device if config else "auto")
    # What becomes of them is told to the set that they belong to, and nobody else works in it.
    roots = sorted({set_of(path) for path in plans})
    books = Books(
        {root: Manifest(root, shard=options.shard) for root in roots}, None, device=str(device)
    )
    with contextlib.ExitStack() as locks:
        places = {}
        for root in roots:
            check_writable(root)
            places[root] = locks.enter_context(only_run(root, options.shard))
        videos = [recording_of_plan(path).video for path in plans]
        remove_temporaries(path for video in videos for path in files_written(video))
        folders = dict(config.input) if config else {}
        looks = {}
        if options.resume:
            looks = {root: Finished(root, read_manifests(root), config_sha256="") for root in roots}
        jobs = load_plans(plans, device=device, folders=folders, places=places, looks=looks)
        executor = machines.executor(
            workers=config.processing.workers if config else "auto",
            num_recordings=len(plans),
            device=device,
        )
        outcomes, all_recorded = _run_jobs(
            jobs, len(plans), executor=executor, books=books, options=options
        )
    if not options.quiet:
        if any(outcome.status == "done" for outcome in outcomes):
            print("the videos are beside their plans")
        for manifest in (options.shard.named(root / NAME) for root in roots):
            if manifest.is_file():
                print(f"manifest: {manifest}")
    return _exit_code(outcomes, all_recorded=all_recorded)


def _check_encoder(config: Config, device: torch.device) -> None:
    try:
        choose_encoder(config.encoding.encoder, device_kind=device.type)
    except MediaError as error:
        raise ConfigError(str(error)) from None


def _run_jobs(
    jobs: Iterable[Job | Outcome],
    total: int,
    *,
    executor: Executor | None,
    books: Books,
    options: argparse.Namespace,
) -> tuple[list[Outcome], bool]:
    """Their outcomes, and whether all of them could be written down."""
    start = time.perf_counter()
    all_recorded = False
    with logging_redirect_tqdm(), Bars(total, books, quiet=options.quiet > 0) as bars:
        try:
            run(jobs, executor=executor, progress=bars)
        finally:
            bars.close()
            all_recorded = books.close()
            seconds = time.perf_counter() - start
            print_summary(bars.outcomes, total, seconds, quiet=options.quiet > 0)
    return bars.outcomes, all_recorded


def _exit_code(outcomes: list[Outcome], *, all_recorded: bool) -> int:
    failed = any(outcome.status == "failed" for outcome in outcomes)
    return int(failed or not all_recorded)


def _write_config(path: Path) -> int:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(commented_config())
    except FileExistsError:
        raise ConfigError(f"--write-config {path}: there already; not overwritten") from None
    except OSError as error:
        raise ConfigError(f"--write-config {path}: {error.strerror}") from None
    print(f"{path}: fill in the paths, then run with --config {path}")
    return 0


def _make_places(video_dir: Path, log_file: Path, manifest: Path) -> None:
    """Make the output folders, and see that they, the log and the manifest can be written."""
    for key, folder in (("output.video_dir", video_dir), ("output.log_file", log_file.parent)):
        try:
            check_writable(folder)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from None
    for path in (log_file, manifest):
        if path.exists() and not os.access(path, os.W_OK):
            raise ConfigError(f"cannot write to {path}")
