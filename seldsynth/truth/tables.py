"""The labels of a recording as DCASE has them, and each source in each video frame."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from io import StringIO
from typing import TextIO

import numpy as np

from seldsynth.cast import Cast, Playhead
from seldsynth.events import LABEL_RATE, motion_of
from seldsynth.metadata import label_line
from seldsynth.plan import OFF_SCREEN, ScenePlan, TilePlan, UnseenEvent
from seldsynth.render.projection import make_billboard
from seldsynth.render.tile import shown_part
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
    """name.tracks.csv: a row per video frame and source, written as the frames come."""

    def __init__(self, plan: ScenePlan, file: TextIO) -> None:
        events = plan.events
        self._courses = Cast(
            [one.track for one in events],
            lambda place: _Course(events[place], plan),
            frame_rate=plan.frames_per_second,
        )
        self._file = file
        self._file.write(_csv_line(TRACK_COLUMNS))

    def tell(self, video_frame: int, seen: Mapping[int, tuple[list[Box], float]]) -> None:
        """Write the rows of a video frame; frames come in order.

        seen: the boxes and the visible fraction of tiles, by their places in the plan. Of a source
        that is not in it nothing can be seen.
        """
        there = self._courses.at(video_frame)
        for place, course, row in sorted(there, key=lambda one: one[1].event_index):
            boxes, fraction = seen.get(place, ([], 0.0))
            self._file.write(course.line(video_frame, row, boxes, fraction))
        self._courses.leave()


def _csv_line(cells: Iterable[str]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


class _Course:
    """An event over the video frames that it lasts."""

    def __init__(self, one: TilePlan | UnseenEvent, plan: ScenePlan) -> None:
        self.event_index = one.event_index
        self._one = one
        self._plan = plan
        self._rate = plan.frames_per_second
        self._motion = motion_of(
            one.track,
            frame_rate=self._rate,
            num_frames=plan.num_frames,
            interpolate=plan.interpolate,
        )
        self.playhead = Playhead(self._motion)
        self._distance_m = self._motion.blend(one.track.distance_m)
        self._names = f"{one.event_index},{one.class_id},{one.source_id}"
        self._asset, self._longer_side_deg = "", np.empty(0)
        if isinstance(one, TilePlan):
            self._asset = _csv_line([f"{one.asset.folder}/{one.asset.path}"]).removesuffix("\n")
            self._longer_side_deg = self._motion.blend(one.longer_side_deg)

    def line(self, video_frame: int, row: int, boxes: list[Box], fraction: float) -> str:
        """The line of a video frame, which is a row of the motion.

        As `csv` would write it: numbers need no quotes, and the asset has got its own.
        """
        motion = self._motion
        time_s = video_frame * self._rate.denominator / self._rate.numerator
        azimuth_deg, elevation_deg = motion.azimuth_deg.item(row), motion.elevation_deg.item(row)
        sides = [f"{box.x},{box.y},{box.width},{box.height}" for box in boxes]
        sides += [",,,"] * (2 - len(boxes))
        return (
            f"{video_frame},{time_s:.6f},{self._names},{azimuth_deg:.3f},{elevation_deg:.3f},"
            f"{self._distance_m.item(row):.3f},{self._angles(row)},{','.join(sides)},"
            f"{fraction:.4f},{self._asset},{self._flags(row, crosses_seam=len(boxes) > 1)}\n"
        )

    def _angles(self, row: int) -> str:
        """The cells of angular width and height."""
        one = self._one
        if not isinstance(one, TilePlan):
            return ","
        return _angles_of(self._longer_side_deg.item(row), one.width / one.height)

    def _flags(self, row: int, *, crosses_seam: bool) -> str:
        one, flags = self._one, []
        if isinstance(one, UnseenEvent):
            flags.append("offscreen" if one.reason == OFF_SCREEN else "no-picture")
        else:
            if one.silent:
                flags.append("silent")
            if shown_part(one, self._plan, row, len(self._motion.video_frames)) < 1:
                flags.append("fading")
        if crosses_seam:
            flags.append("seam")
        return " ".join(flags)


@lru_cache(maxsize=256)  # what stays as far away stays as large
def _angles_of(longer_side_deg: float, aspect: float) -> str:
    billboard = make_billboard(
        azimuth_deg=0, elevation_deg=0, longer_side_deg=longer_side_deg, aspect=aspect
    )
    halves = (billboard.half_width, billboard.half_height)
    return ",".join(f"{math.degrees(2 * math.atan(half)):.3f}" for half in halves)
