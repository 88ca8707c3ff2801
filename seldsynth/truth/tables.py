"""The labels of a recording as DCASE has them, and each source in each video frame."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator

from seldsynth.events import LABEL_RATE, Motion, Track, motion_of
from seldsynth.plan import OFF_SCREEN, ScenePlan, TilePlan, UnseenEvent
from seldsynth.render.projection import make_billboard
from seldsynth.truth.masks import distance_cm
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
        (frame, one.event_index, one.class_id, one.source_id, *_rounded(one.track, row))
        for one in sounds
        for row, frame in enumerate(one.track.label_frames)
        if frame < end
    ]
    lines = (",".join(map(str, (frame, *cells))) for frame, _, *cells in sorted(rows))
    return "".join(f"{line}\n" for line in lines)


def _rounded(track: Track, row: int) -> tuple[int, int, int]:
    """Azimuth -180..180, elevation, distance of a row as whole numbers."""
    azimuth = round(track.azimuth_deg[row])
    if not -180 <= azimuth <= 180:
        azimuth = (azimuth + 180) % 360 - 180
    return azimuth, round(track.elevation_deg[row]), distance_cm(track.distance_m[row])


class TrackTable:
    """name.tracks.csv: a row per video frame and source.

    Boxes and visible fractions are told frame by frame; what is not told cannot be seen.
    """

    def __init__(self, plan: ScenePlan) -> None:
        self._plan = plan
        self._seen: dict[tuple[int, int], tuple[list[Box], float]] = {}

    def tell(self, video_frame: int, tile: int, boxes: list[Box], fraction: float) -> None:
        """What can be seen of a tile, by its place in the plan, in a video frame."""
        self._seen[video_frame, self._plan.tiles[tile].event_index] = (boxes, fraction)

    def to_csv(self) -> str:
        """The file, sorted by video frame and event."""
        every: list[TilePlan | UnseenEvent] = [*self._plan.tiles, *self._plan.unseen]
        rows = [row for one in every for row in self._rows(one)]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(TRACK_COLUMNS)
        writer.writerows(cells for _, _, cells in sorted(rows, key=lambda row: row[:2]))
        return text.getvalue()

    def _rows(self, one: TilePlan | UnseenEvent) -> Iterator[tuple[int, int, tuple[object, ...]]]:
        plan = self._plan
        motion = motion_of(
            one.track,
            frame_rate=plan.frames_per_second,
            num_frames=plan.num_frames,
            interpolate=plan.interpolate,
        )
        distances = motion.blend(one.track.distance_m)
        sizes = _sizes(one, motion)
        for row, video_frame in enumerate(motion.video_frames.tolist()):
            boxes, fraction = self._seen.get((video_frame, one.event_index), ([], 0.0))
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
                *_box_cells(boxes),
                f"{fraction:.4f}",
                f"{one.asset.folder}/{one.asset.path}" if isinstance(one, TilePlan) else "",
                " ".join(_flags(one, boxes, edge=min(row, len(motion.video_frames) - 1 - row))),
            )
            yield video_frame, one.event_index, cells


def _sizes(one: TilePlan | UnseenEvent, motion: Motion) -> Callable[[int], tuple[str, str]]:
    """Angular width and height of each row of a motion, as cells."""
    if not isinstance(one, TilePlan):
        return lambda row: ("", "")
    longer = motion.blend(one.longer_side_deg)
    aspect = one.asset.width / one.asset.height

    def cells(row: int) -> tuple[str, str]:
        billboard = make_billboard(
            azimuth_deg=0, elevation_deg=0, longer_side_deg=float(longer[row]), aspect=aspect
        )
        halves = (billboard.half_width, billboard.half_height)
        width, height = (f"{math.degrees(2 * math.atan(half)):.3f}" for half in halves)
        return width, height

    return cells


def _box_cells(boxes: list[Box]) -> tuple[object, ...]:
    cells: list[object] = []
    for box in boxes:
        cells += [box.x, box.y, box.width, box.height]
    return (*cells, *[""] * (8 - len(cells)))


def _flags(one: TilePlan | UnseenEvent, boxes: list[Box], *, edge: int) -> Iterator[str]:
    """edge: how many frames it is from the first or the last that shows it."""
    if isinstance(one, UnseenEvent):
        yield "offscreen" if one.reason == OFF_SCREEN else "no-picture"
    else:
        if one.silent:
            yield "silent"
        if edge < one.fade_frames:
            yield "fading"
    if len(boxes) > 1:
        yield "seam"
