"""`visual_synth.py`: label files into videos."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

import seldsynth
from seldsynth import demo
from seldsynth.assets import AssetLibrary, scan_library
from seldsynth.batch import Job, Look, Outcome, load_plans, make_all, plan_recordings
from seldsynth.choice import check_weights, folder_weight
from seldsynth.class_file import load_classes
from seldsynth.commands.options import add_common, num_workers, positive
from seldsynth.config import Config
from seldsynth.config_file import commented_config, load_config
from seldsynth.errors import ConfigError, MediaError, shown
from seldsynth.files import check_writable, remove_temporaries
from seldsynth.manifest import NAME, Books, Manifest, read_manifests, set_of
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
from seldsynth.run_lock import only_run
from seldsynth.run_log import RunLog
from seldsynth.sounds import SoundLibrary
from seldsynth.workers import run

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
    parser.add_argument("--plan-only", action="store_true", help="write the plans, make no video")
    parser.add_argument(
        "--from-plan",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="make the videos of saved plans again, each beside its plan; with --config, "
        "its input folders, device and workers are used",
    )
    parser.add_argument(
        "--resume", action="store_true", help="make what is missing, failed or changed; says why"
    )
    parser.add_argument("--retry-failed", action="store_true", help="make only what failed before")
    parser.add_argument(
        "--write-config", type=Path, metavar="FILE", help="write a commented config to start from"
    )


def _run(options: argparse.Namespace) -> int:
    if options.write_config is not None:
        return _write_config(options.write_config)
    if options.from_plan:
        return _from_plans(options)
    is_demo = options.config is None
    config_path = demo.prepare() if is_demo else options.config
    config = load_config(config_path, options.overrides)
    device = resolve_device(config.processing.device)
    _check_encoder(config, device)
    if config.canvas.width != 2 * config.canvas.height:
        size = f"{config.canvas.width}x{config.canvas.height}"
        _log.warning("canvas %s is not 2:1: players will show it distorted", size)
    recordings = find_recordings(config)[: options.limit]
    library = scan_library(
        dict(config.input),
        canvas_key=config.canvas_key,
        follow_symlinks=config.assets.follow_symlinks,
        classes=load_classes(config.assets.class_table),
        worth=lambda file: folder_weight(file, config.assets.weights),
    )
    check_weights(config.assets.weights, library)
    video_dir, log_file = config.output.video_dir, config.output.log_file
    assert log_file is not None
    _make_places(video_dir, log_file)
    with only_run(video_dir) as check_place:
        outcomes, all_recorded = _make_set(
            config, recordings, library, check_place, device=device, options=options
        )
    if not options.quiet:
        print(f"\nvideos and plans: {video_dir}")
        if log_file.is_file():
            print(f"log: {log_file}")
        if (video_dir / NAME).is_file():
            print(f"manifest: {video_dir / NAME}")
    if is_demo and not options.quiet and not options.plan_only:
        _show_demo(video_dir, recordings)
    return _exit_code(outcomes, all_recorded=all_recorded)


def _make_set(
    config: Config,
    recordings: list[Recording],
    library: AssetLibrary,
    check_place: Callable[[], None],
    *,
    device: torch.device,
    options: argparse.Namespace,
) -> tuple[list[Outcome], bool]:
    """Make recordings in a folder where nobody else writes.

    Returns their outcomes, and whether all of them could be written down.
    """
    video_dir, log_file = config.output.video_dir, config.output.log_file
    assert log_file is not None
    remove_temporaries(path for one in recordings for path in files_written(one.video))
    look: Look = make_all
    config_hash = config_sha256(config)
    if options.resume or options.retry_failed:
        manifests = read_manifests(video_dir)
        look = Finished(video_dir, manifests, config_sha256=config_hash)
        if options.retry_failed:
            num_all = len(recordings)
            recordings = failed_before(recordings, manifests.records)
            if not options.quiet:
                print(f"recordings that failed before: {len(recordings)} of {num_all}")
    jobs = plan_recordings(
        config,
        recordings,
        library,
        SoundLibrary(config) if config.input.audio_dir else None,
        device=device,
        look=look,
        check_place=check_place,
        plan_only=options.plan_only,
    )
    books = Books(
        {video_dir: Manifest(video_dir)},
        RunLog(log_file),
        config_sha256=config_hash,
        device=str(device),
    )
    workers = num_workers(config.processing.workers, num_recordings=len(recordings))
    return _run_jobs(jobs, len(recordings), workers=workers, books=books, options=options)


def _show_demo(video_dir: Path, recordings: list[Recording]) -> None:
    for recording in recordings:
        sheet = recording.video.with_suffix(".contact-sheet.png")
        if recording.video.is_file():
            write_contact_sheet(recording.video, sheet)
            print(f"video: {recording.video}\ncontact sheet: {sheet}")
    print(f"to look around in them: python -m seldsynth serve {video_dir} --open")


def _from_plans(options: argparse.Namespace) -> int:
    """Render saved plans; a config, if given, says where their folders are now."""
    if options.plan_only or options.resume or options.retry_failed:
        raise ConfigError(
            "--from-plan makes videos of plans: no --plan-only, no --resume, no --retry-failed "
            "with it"
        )
    if options.overrides and options.config is None:
        raise ConfigError("--set changes a config: with --from-plan it needs --config")
    for override in options.overrides:
        if not override.startswith(("input.", "processing.device=", "processing.workers=")):
            raise ConfigError(
                f"--set {shown(override)}: the plan has decided that; make a new plan"
            )
    config = load_config(options.config, options.overrides) if options.config else None
    device = resolve_device(config.processing.device if config else "auto")
    plans = list({path.resolve(): path for path in options.from_plan}.values())[: options.limit]
    for path in plans:
        if not path.is_file():
            raise ConfigError(f"--from-plan {path}: no such file")
    # What becomes of them is told to the set that they belong to, and nobody else works in it.
    roots = sorted({set_of(path) for path in plans})
    books = Books({root: Manifest(root) for root in roots}, None, device=str(device))
    workers = num_workers(
        config.processing.workers if config else "auto", num_recordings=len(plans)
    )
    with contextlib.ExitStack() as locks:
        for root in roots:
            check_writable(root)
            locks.enter_context(only_run(root))
        videos = [recording_of_plan(path).video for path in plans]
        remove_temporaries(path for video in videos for path in files_written(video))
        jobs = load_plans(plans, device=device, folders=dict(config.input) if config else {})
        outcomes, all_recorded = _run_jobs(
            jobs, len(plans), workers=workers, books=books, options=options
        )
    if not options.quiet and any(outcome.status == "done" for outcome in outcomes):
        print("the videos are beside their plans")
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
    workers: int,
    books: Books,
    options: argparse.Namespace,
) -> tuple[list[Outcome], bool]:
    """Their outcomes, and whether all of them could be written down."""
    start = time.perf_counter()
    all_recorded = False
    with logging_redirect_tqdm(), _Bars(total, books, quiet=options.quiet > 0) as bars:
        try:
            run(jobs, workers=workers, progress=bars)
        finally:
            bars.close()
            all_recorded = books.close()
            _print_summary(bars.outcomes, time.perf_counter() - start, quiet=options.quiet > 0)
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


def resolve_device(wish: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda` or `cuda:N` means here.

    Raises ConfigError for a GPU that is not there.
    """
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(wish)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"processing.device: {wish} is not there: torch sees {torch.cuda.device_count()} GPUs; "
            "use auto or cpu"
        )
    return device


def _make_places(video_dir: Path, log_file: Path) -> None:
    """Make the output folders, and see that they and the log can be written."""
    for folder in (video_dir, log_file.parent):
        check_writable(folder)
    for path in (log_file, Manifest(video_dir).path):
        if path.exists() and not os.access(path, os.W_OK):
            raise ConfigError(f"cannot write to {path}")


class _Bars:
    """Progress on a terminal, lines in the log, and the outcomes kept for the end."""

    def __init__(self, total: int, books: Books, *, quiet: bool) -> None:
        off = True if quiet else None  # None: off where there is no terminal
        self.outcomes: list[Outcome] = []
        self._books = books
        self._quiet = quiet
        self._recordings = tqdm(total=total, unit="rec", desc="recordings", disable=off, position=0)
        self._frames = tqdm(unit="frame", disable=off, position=1, leave=False)
        self._under_way: dict[str, int] = {}

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._frames.close()
        self._recordings.close()

    def started(self, job: Job) -> None:
        name = job.recording.recording_id
        if job.again and not self._quiet:
            tqdm.write(f"{name} is made again: {job.again}")
        if not self._under_way:
            self._frames.reset(total=0)
        self._under_way[name] = job.plan.num_frames
        self._frames.total = (self._frames.total or 0) + job.plan.num_frames
        others = len(self._under_way) - 1
        self._frames.set_description(f"{name} and {others} more" if others else name)

    def frames(self, count: int) -> None:
        self._frames.update(count)

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._under_way.pop(outcome.recording_id, None)
        self._recordings.update(1)
        for warning in outcome.warnings:
            _log.warning("%s: %s", outcome.recording_id, warning)
        for note in outcome.notes:
            _log.info("%s: %s", outcome.recording_id, note)
        if outcome.status == "skipped" and outcome.message:
            _log.info("%s left out: %s", outcome.recording_id, outcome.message)
        if outcome.status == "failed":
            _log.error("%s failed: %s", outcome.recording_id, outcome.message)
        self._books.write(outcome)


def _print_summary(outcomes: list[Outcome], seconds: float, *, quiet: bool) -> None:
    if quiet:
        return
    frames = sum(outcome.frames for outcome in outcomes if outcome.status == "done")
    print(f"{'':12}{'recordings':>10}{'frames':>10}")
    for status in ("done", "planned", "skipped", "failed"):
        of_status = [outcome for outcome in outcomes if outcome.status == status]
        if of_status or status in ("done", "failed"):
            made = sum(outcome.frames for outcome in of_status if status != "skipped")
            print(f"{status:12}{len(of_status):>10}{made or '':>10}")
    reasons = Counter(outcome.again.split(":")[0] for outcome in outcomes if outcome.again)
    if reasons:
        words = (f"{count} ({reason})" for reason, count in reasons.most_common())
        print(f"made again: {', '.join(words)}")
    made_by = Counter(outcome.made_by for outcome in outcomes if outcome.made_by)
    for version, count in sorted(made_by.items()):
        if version != seldsynth.__version__:
            print(f"finished by seldsynth {version} and kept: {count}")
    print(f"{seconds:.1f} s" + (f", {frames / seconds:.0f} frames/s" if frames else ""))
