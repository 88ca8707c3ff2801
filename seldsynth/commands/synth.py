"""`visual_synth.py`: label files into videos."""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from seldsynth import demo
from seldsynth.assets import scan_library
from seldsynth.batch import Job, Outcome, find_recordings, load_plans, plan_recordings
from seldsynth.choice import check_weights, folder_weight
from seldsynth.class_file import load_classes
from seldsynth.commands.options import add_common, positive
from seldsynth.config import Config
from seldsynth.config_file import commented_config, load_config
from seldsynth.errors import ConfigError, MediaError, shown
from seldsynth.files import check_writable
from seldsynth.media.encode import choose_encoder
from seldsynth.report.contact_sheet import write_contact_sheet
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
    parser.add_argument("--resume", action="store_true", help="skip what is finished")
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
    log_file = config.output.log_file
    assert log_file is not None
    _make_places(config.output.video_dir, log_file)
    run_log = RunLog(log_file)
    jobs = plan_recordings(
        config,
        recordings,
        library,
        SoundLibrary(config) if config.input.audio_dir else None,
        device=device,
        finished=run_log.is_finished if options.resume else lambda recording, plan: False,
        plan_only=options.plan_only,
    )
    workers = num_workers(config.processing.workers, num_recordings=len(recordings))
    outcomes = _run_jobs(jobs, len(recordings), workers=workers, run_log=run_log, options=options)
    if not options.quiet:
        print(f"\nvideos and plans: {config.output.video_dir}")
        if log_file.is_file():
            print(f"log: {log_file}")
    if is_demo and not options.quiet and not options.plan_only:
        for recording in recordings:
            sheet = recording.video.with_suffix(".contact-sheet.png")
            if recording.video.is_file():
                write_contact_sheet(recording.video, sheet)
                print(f"video: {recording.video}\ncontact sheet: {sheet}")
        print(f"to look around in them: python -m seldsynth serve {config.output.video_dir} --open")
    return _exit_code(outcomes)


def _from_plans(options: argparse.Namespace) -> int:
    """Render saved plans; a config, if given, says where their folders are now."""
    if options.plan_only or options.resume:
        raise ConfigError("--from-plan makes videos of plans: no --plan-only, no --resume with it")
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
    jobs = load_plans(plans, device=device, folders=dict(config.input) if config else {})
    outcomes = _run_jobs(
        jobs,
        len(plans),
        workers=num_workers(
            config.processing.workers if config else "auto", num_recordings=len(plans)
        ),
        run_log=None,
        options=options,
    )
    if not options.quiet and any(outcome.status == "done" for outcome in outcomes):
        print("the videos are beside their plans")
    return _exit_code(outcomes)


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
    run_log: RunLog | None,
    options: argparse.Namespace,
) -> list[Outcome]:
    start = time.perf_counter()
    with logging_redirect_tqdm(), _Bars(total, run_log, quiet=options.quiet > 0) as bars:
        try:
            run(jobs, workers=workers, progress=bars)
        finally:
            bars.close()
            _print_summary(bars.outcomes, time.perf_counter() - start, quiet=options.quiet > 0)
    return bars.outcomes


def _exit_code(outcomes: list[Outcome]) -> int:
    failed = any(outcome.status == "failed" for outcome in outcomes)
    return int(failed)


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


def num_workers(wish: int | Literal["auto"], *, num_recordings: int) -> int:
    """Processes to use: as wished, or one per core; never more than recordings."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(wish if isinstance(wish, int) else cores or 1, num_recordings))


def _make_places(video_dir: Path, log_file: Path) -> None:
    """Make the output folders, and see that they and the log can be written."""
    for folder in (video_dir, log_file.parent):
        check_writable(folder)
    if log_file.exists() and not os.access(log_file, os.W_OK):
        raise ConfigError(f"output.log_file: cannot write to {log_file}")


class _Bars:
    """Progress on a terminal, lines in the log, and the outcomes kept for the end."""

    def __init__(self, total: int, run_log: RunLog | None, *, quiet: bool) -> None:
        off = True if quiet else None  # None: off where there is no terminal
        self.outcomes: list[Outcome] = []
        self._run_log = run_log
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
        if self._run_log is not None:
            self._run_log.write(outcome)


def _print_summary(outcomes: list[Outcome], seconds: float, *, quiet: bool) -> None:
    if quiet:
        return
    frames = sum(outcome.frames for outcome in outcomes)
    print(f"{'':12}{'recordings':>10}{'frames':>10}")
    for status in ("done", "planned", "skipped", "failed"):
        of_status = [outcome for outcome in outcomes if outcome.status == status]
        if of_status or status in ("done", "failed"):
            made = sum(outcome.frames for outcome in of_status)
            print(f"{status:12}{len(of_status):>10}{made or '':>10}")
    print(f"{seconds:.1f} s" + (f", {frames / seconds:.0f} frames/s" if frames else ""))
