"""The labels of a recording as DCASE has them, and each source in each video frame."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from typing import TextIO

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
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(TRACK_COLUMNS)

    def tell(self, video_frame: int, seen: Mapping[int, tuple[list[Box], float]]) -> None:
        """Write the rows of a video frame; frames come in order.

        seen: the boxes and the visible fraction of tiles, by their places in the plan. Of a source
        that is not in it nothing can be seen.
        """
        there = self._courses.at(video_frame)
        for place, course, row in sorted(there, key=lambda one: one[1].event_index):
            boxes, fraction = seen.get(place, ([], 0.0))
            self._writer.writerow(course.cells(video_frame, row, boxes, fraction))
        self._courses.leave()


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

    def cells(
        self, video_frame: int, row: int, boxes: list[Box], fraction: float
    ) -> tuple[object, ...]:
        """The cells of a video frame, which is a row of the motion."""
        one, motion = self._one, self._motion
        shown = 1.0
        if isinstance(one, TilePlan):
            shown = shown_part(one, self._plan, row, len(motion.video_frames))
        sides = [side for box in boxes for side in (box.x, box.y, box.width, box.height)]
        return (
            video_frame,
            f"{video_frame * self._rate.denominator / self._rate.numerator:.6f}",
            one.event_index,
            one.class_id,
            one.source_id,
            f"{motion.azimuth_deg[row]:.3f}",
            f"{motion.elevation_deg[row]:.3f}",
            f"{motion.blend_at(row, one.track.distance_m):.3f}",
            *self._angles(row),
            *sides,
            *[""] * (8 - len(sides)),
            f"{fraction:.4f}",
            f"{one.asset.folder}/{one.asset.path}" if isinstance(one, TilePlan) else "",
            " ".join(_flags(one, crosses_seam=len(boxes) > 1, is_fading=shown < 1)),
        )

    def _angles(self, row: int) -> tuple[str, str]:
        """Angular width and height, as cells."""
        one = self._one
        if not isinstance(one, TilePlan):
            return ("", "")
        billboard = make_billboard(
            azimuth_deg=0,
            elevation_deg=0,
            longer_side_deg=self._motion.blend_at(row, one.longer_side_deg),
            aspect=one.width / one.height,
        )
        halves = (billboard.half_width, billboard.half_height)
        width, height = (f"{math.degrees(2 * math.atan(half)):.3f}" for half in halves)
        return width, height


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
