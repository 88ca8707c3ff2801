"""The labels of a recording as DCASE has them, and each source in each video frame."""

from __future__ import annotations

import csv
import heapq
import math
from collections.abc import Callable, Iterator
from typing import TextIO

import numpy as np

from seldsynth.events import LABEL_RATE, Motion, motion_of
from seldsynth.metadata import label_line
from seldsynth.plan import OFF_SCREEN, ScenePlan, TilePlan, UnseenEvent
from seldsynth.render.projection import make_billboard
from seldsynth.render.tile import shown_parts
from seldsynth.truth.visible import Box

TRACK_COLUMNS = (
    *("video_frame", "time_s", "event", "class", "source"),
    *("azimuth", "elevation", "distance_m", "width_deg", "height_deg"),
    *("x", "y", "width", "height", "x2", "y2", "width2", "height2"),
    *("visible", "asset", "flags"),
)


def label_lines(plan: ScenePlan) -> str:
    """name.csv: `frame,class,source,azimuth,elevation,distance`, whole degrees and centimetres.

    A line per sound and label frame that the video reaches, in their order; what makes no sound has
    none.
    """
    end = math.ceil(plan.num_frames * LABEL_RATE / plan.frames_per_second)
    sounds: list[TilePlan | UnseenEvent] = [one for one in plan.tiles if not one.silent]
    sounds += plan.unseen
    rows = [
        (frame, one.event_index, row, one)
        for one in sounds
        for row, frame in enumerate(one.track.label_frames)
        if frame < end
    ]
    rows.sort(key=lambda row: row[:2])
    return "".join(
        label_line(
            frame,
            one.class_id,
            one.source_id,
            *(one.track.azimuth_deg[row], one.track.elevation_deg[row], one.track.distance_m[row]),
        )
        for frame, _, row, one in rows
    )


class TrackTable:
    """name.tracks.csv: a row per video frame and source.

    Boxes and visible fractions are told frame by frame; what is not told cannot be seen.
    """

    def __init__(self, plan: ScenePlan) -> None:
        self._plan = plan
        self._tiles = [_Course(one, plan) for one in plan.tiles]
        self._unseen = [_Course(one, plan) for one in plan.unseen]

    def tell(self, video_frame: int, tile: int, boxes: list[Box], fraction: float) -> None:
        """What can be seen of a tile, by its place in the plan, in a video frame."""
        self._tiles[tile].tell(video_frame, boxes, fraction)

    def write(self, file: TextIO) -> None:
        """Write the file, sorted by video frame and event."""
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(TRACK_COLUMNS)
        courses = [course.rows(self._plan) for course in (*self._tiles, *self._unseen)]
        writer.writerows(cells for _, _, cells in heapq.merge(*courses, key=lambda row: row[:2]))


class _Course:
    """An event over the video frames that it lasts: few bytes for each, as there may be many."""

    def __init__(self, one: TilePlan | UnseenEvent, plan: ScenePlan) -> None:
        self._one = one
        self._motion = motion_of(
            one.track,
            frame_rate=plan.frames_per_second,
            num_frames=plan.num_frames,
            interpolate=plan.interpolate,
        )
        count = len(self._motion.video_frames)
        self._boxes = np.zeros((count, 8), np.int32)  # x, y, width, height; twice
        self._visible = np.zeros(count)

    def tell(self, video_frame: int, boxes: list[Box], fraction: float) -> None:
        row = int(np.searchsorted(self._motion.video_frames, video_frame))
        sides = [side for box in boxes for side in (box.x, box.y, box.width, box.height)]
        self._boxes[row, : len(sides)] = sides
        self._visible[row] = fraction

    def rows(self, plan: ScenePlan) -> Iterator[tuple[int, int, tuple[object, ...]]]:
        """(video frame, event, cells), one after the other."""
        one, motion = self._one, self._motion
        distances = motion.blend(one.track.distance_m)
        sizes = _sizes(one, motion)
        shown = [1.0] * len(motion.video_frames)
        if isinstance(one, TilePlan):
            shown = shown_parts(one, plan, motion.video_frames)
        for row, video_frame in enumerate(motion.video_frames.tolist()):
            boxes = [box for box in self._boxes[row].reshape(2, 4).tolist() if any(box)]
            cells = (
                video_frame,
                f"{float(video_frame / plan.frames_per_second):.6f}",
                one.event_index,
                one.class_id,
                one.source_id,
                f"{motion.azimuth_deg[row]:.3f}",
                f"{motion.elevation_deg[row]:.3f}",
                f"{distances[row]:.3f}",
                *sizes(row),
                *(side for box in boxes for side in box),
                *[""] * (8 - 4 * len(boxes)),
                f"{self._visible[row]:.4f}",
                f"{one.asset.folder}/{one.asset.path}" if isinstance(one, TilePlan) else "",
                " ".join(
                    _flags(
                        one,
                        crosses_seam=len(boxes) > 1,
                        is_fading=shown[row] < 1,
                    )
                ),
            )
            yield video_frame, one.event_index, cells


def _sizes(one: TilePlan | UnseenEvent, motion: Motion) -> Callable[[int], tuple[str, str]]:
    """Angular width and height of each row of a motion, as cells."""
    if not isinstance(one, TilePlan):
        return lambda row: ("", "")
    longer = motion.blend(one.longer_side_deg)
    aspect = one.width / one.height

    def cells(row: int) -> tuple[str, str]:
        billboard = make_billboard(
            azimuth_deg=0, elevation_deg=0, longer_side_deg=float(longer[row]), aspect=aspect
        )
        halves = (billboard.half_width, billboard.half_height)
        width, height = (f"{math.degrees(2 * math.atan(half)):.3f}" for half in halves)
        return width, height

    return cells


def _flags(one: TilePlan | UnseenEvent, *, crosses_seam: bool, is_fading: bool) -> Iterator[str]:
    if isinstance(one, UnseenEvent):
        yield "offscreen" if one.reason == OFF_SCREEN else "no-picture"
    else:
        if one.silent:
            yield "silent"
        if is_fading:
            yield "fading"
    if crosses_seam:
        yield "seam"
