"""A folder of finished videos → what is in it, recording by recording and as a whole."""

from __future__ import annotations

import csv
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seldsynth.errors import ConfigError, MediaError, SeldsynthError
from seldsynth.events import LABEL_RATE, Track
from seldsynth.folders import files_below
from seldsynth.plan import OFF_SCREEN, ScenePlan, TilePlan, UnseenEvent, plan_from_json
from seldsynth.truth.files import PLAN_ENDING, truth_path

MAP_STEP_DEG = 10
DISTANCE_STEP_M = 0.5
VISIBLE_STEPS = 10
_FARTHEST_M = 10.0
_PATH_STEP = 5  # label frames between the points of a way that is drawn

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished recording: its video and its plan. name: the video's path without its ending."""

    name: str
    video: Path
    plan: ScenePlan


@dataclass
class Totals:
    """What all recordings have together; sounds are counted, silent pictures are not.

    by_class: events. seconds: of events, by class. places [18, 36]: label frames by elevation (the
    highest first) and azimuth (180 first, to -180). distances: label frames by half metres.
    polyphony: label frames by how many sounds there are. visible: video frames of pictures by how
    much of them can be seen. assets: events by picture.
    """

    by_class: list[int]
    seconds: list[float]
    places: list[list[int]] = field(
        default_factory=lambda: [[0] * (360 // MAP_STEP_DEG) for _ in range(180 // MAP_STEP_DEG)]
    )
    distances: list[int] = field(
        default_factory=lambda: [0] * (round(_FARTHEST_M / DISTANCE_STEP_M) + 1)
    )
    polyphony: Counter[int] = field(default_factory=Counter)
    visible: list[int] = field(default_factory=lambda: [0] * VISIBLE_STEPS)
    assets: Counter[str] = field(default_factory=Counter)

    def add(self, other: Totals) -> None:
        """Add what other recordings have."""
        self.by_class = [a + b for a, b in zip(self.by_class, other.by_class, strict=True)]
        self.seconds = [a + b for a, b in zip(self.seconds, other.seconds, strict=True)]
        self.places = (np.asarray(self.places) + np.asarray(other.places)).tolist()
        self.distances = [a + b for a, b in zip(self.distances, other.distances, strict=True)]
        self.visible = [a + b for a, b in zip(self.visible, other.visible, strict=True)]
        self.polyphony.update(other.polyphony)
        self.assets.update(other.assets)


def find_finished(root: Path) -> list[Path]:
    """The videos below a folder whose plans are there. Raises ConfigError if there is none."""
    videos = [
        path
        for path in files_below(root, follow_symlinks=False)
        if path.suffix == ".mp4" and truth_path(path, PLAN_ENDING).is_file()
    ]
    if not videos:
        raise ConfigError(f"{root}: no videos with their plans in it or below")
    return videos


def read_finished(root: Path, videos: Sequence[Path]) -> Iterator[Finished]:
    """The recordings of videos; those whose plans cannot be read are left out with a warning."""
    for video in videos:
        plan_file = truth_path(video, PLAN_ENDING)
        try:
            plan = plan_from_json(plan_file.read_bytes(), name=plan_file)
        except (SeldsynthError, OSError) as error:
            _log.warning("left out: %s", error)
            continue
        name = video.relative_to(root).with_suffix("").as_posix()
        yield Finished(name=name, video=video, plan=plan)


def count(one: Finished) -> tuple[Totals, dict[int, float]]:
    """What a recording has, and how much of each picture is seen on average, by event.

    Raises MediaError if its tracks are there and cannot be read.
    """
    plan, num_classes = one.plan, len(one.plan.class_names)
    totals = Totals(by_class=[0] * num_classes, seconds=[0.0] * num_classes)
    last = plan.num_frames / plan.frames_per_second * LABEL_RATE
    sounding: Counter[int] = Counter()
    for event in _sounds(plan):
        frames = [frame for frame in event.track.label_frames if frame < last]
        totals.by_class[event.class_id] += 1
        totals.seconds[event.class_id] += len(frames) / LABEL_RATE
        sounding.update(frames)
        _count_places(totals, event.track, len(frames))
    totals.polyphony = Counter(sounding.values())
    totals.polyphony[0] = int(np.ceil(float(last))) - len(sounding)
    totals.assets.update(f"{tile.asset.folder}/{tile.asset.path}" for tile in plan.tiles)
    return totals, _visible(totals, truth_path(one.video, ".tracks.csv"))


def _sounds(plan: ScenePlan) -> list[TilePlan | UnseenEvent]:
    return [*(tile for tile in plan.tiles if not tile.silent), *plan.unseen]


def _count_places(totals: Totals, track: Track, count: int) -> None:
    """Add where a track is in its first label frames."""
    azimuth = (180 - np.asarray(track.azimuth_deg[:count])) % 360
    columns = (azimuth // MAP_STEP_DEG).astype(int) % len(totals.places[0])
    rows = ((90 - np.asarray(track.elevation_deg[:count])) // MAP_STEP_DEG).astype(int)
    rows = np.minimum(rows, len(totals.places) - 1)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        totals.places[row][column] += 1
    steps = (np.asarray(track.distance_m[:count]) / DISTANCE_STEP_M).astype(int)
    for step in np.minimum(steps, len(totals.distances) - 1).tolist():
        totals.distances[step] += 1


def _visible(totals: Totals, tracks: Path) -> dict[int, float]:
    """How much of each event's picture is seen, on average."""
    sums: defaultdict[int, float] = defaultdict(float)
    counts: Counter[int] = Counter()
    if not tracks.is_file():
        return {}
    try:
        with tracks.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            event, visible, asset = (header.index(one) for one in ("event", "visible", "asset"))
            for row in reader:
                if row[asset]:
                    seen = float(row[visible])
                    sums[int(row[event])] += seen
                    counts[int(row[event])] += 1
                    totals.visible[min(int(seen * VISIBLE_STEPS), VISIBLE_STEPS - 1)] += 1
    except (OSError, ValueError, OverflowError, IndexError, csv.Error) as error:
        raise MediaError(f"{tracks}: cannot be read: {error}") from None
    return {event: sums[event] / counts[event] for event in counts}


def describe(one: Finished, visible: dict[int, float]) -> dict[str, Any]:
    """A recording as the gallery's page reads it."""
    plan = one.plan
    return {
        "name": one.name,
        "seconds": round(float(plan.num_frames / plan.frames_per_second), 3),
        "width": plan.width,
        "height": plan.height,
        "rate": round(float(plan.frames_per_second), 3),
        "sound": _sound(one.plan),
        "canvas": plan.canvas.asset.path if plan.canvas.asset else "",
        "events": [_event(event, visible) for event in plan.events],
    }


def _sound(plan: ScenePlan) -> str:
    """What sound a recording has, in words; nothing if it has none."""
    if plan.sound is None or not (plan.sound.track or plan.sound.is_kept_beside):
        return ""
    if plan.sound.is_kept_beside:
        return f"{plan.sound.info.channels} channels in a WAV"
    if plan.sound.track is not None and plan.sound.track.foa:
        return "FOA"
    return {1: "mono", 2: "stereo"}.get(plan.sound.info.channels, "4 microphones")


def _event(event: TilePlan | UnseenEvent, visible: dict[int, float]) -> dict[str, Any]:
    track = event.track
    rows = sorted({*range(0, len(track.label_frames), _PATH_STEP), len(track.label_frames) - 1})
    seen = visible.get(event.event_index)
    return {
        "class": event.class_id,
        "kind": _kind(event),
        "start": track.label_frames[0] / LABEL_RATE,
        "end": (track.label_frames[-1] + 1) / LABEL_RATE,
        "asset": event.asset.path if isinstance(event, TilePlan) else "",
        "visible": None if seen is None else round(seen, 3),
        "way": [
            [
                track.label_frames[row] / LABEL_RATE,
                round(track.azimuth_deg[row], 1),
                round(track.elevation_deg[row], 1),
                round(track.distance_m[row], 2),
            ]
            for row in rows
        ],
    }


def _kind(event: TilePlan | UnseenEvent) -> str:
    if isinstance(event, TilePlan):
        return "silent" if event.silent else "seen"
    return "offscreen" if event.reason == OFF_SCREEN else "no-picture"
