"""A video with its ground truth drawn over it: boxes, names, directions, angles, the time."""

from __future__ import annotations

import colorsys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seldsynth.errors import MediaError
from seldsynth.files import read_csv
from seldsynth.media.decode import ClipReader
from seldsynth.media.encode import VideoFormat, choose_encoder, write_video
from seldsynth.plan import ScenePlan, plan_from_json
from seldsynth.sphere import doa_to_canvas
from seldsynth.truth.tables import TRACK_COLUMNS

Picture = NDArray[np.uint8]
Row = Mapping[str, str]

_STEP_DEG = 30
_GRID = (150, 150, 150)
_NOTES = (255, 255, 255)
_LINE_PX = 26
_SMALL_TEXT = 0.65
_NOTES_SHARE = 0.4  # of the height
_BOXES = (("x", "y", "width", "height"), ("x2", "y2", "width2", "height2"))


class TruthOf:
    """The plan of a video and its tracks, by video frame.

    Raises MediaError if they are not there, PlanError for a plan of another version.
    """

    def __init__(self, video: Path) -> None:
        plan_file = video.with_name(f"{video.stem}.plan.json")
        tracks = video.with_name(f"{video.stem}.tracks.csv")
        for path in (video, plan_file, tracks):
            if not path.is_file():
                raise MediaError(
                    f"{path}: not there; an overlay needs a video, its plan and tracks"
                )
        self.plan: ScenePlan = plan_from_json(plan_file.read_bytes(), name=plan_file)
        self.rows: dict[int, list[Row]] = defaultdict(list)
        for row in read_csv(tracks, TRACK_COLUMNS):
            self.rows[int(row["video_frame"])].append(row)

    def fullest_frame(self) -> int:
        """The video frame in which most sources can be seen; of several, the one in the middle."""
        seen = {
            frame: sum(float(row["visible"]) > 0 for row in rows)
            for frame, rows in self.rows.items()
        }
        most = [frame for frame, count in seen.items() if count == max(seen.values())]
        return most[len(most) // 2] if most else self.plan.num_frames // 2


def write_overlay(video: Path, target: Path, *, on_frame: Callable[[], None]) -> None:
    """Write a copy of a video with its ground truth drawn over it. Raises MediaError."""
    truth = TruthOf(video)
    plan = truth.plan
    form = VideoFormat(
        width=plan.width,
        height=plan.height,
        frame_rate=plan.frames_per_second,
        encoder=choose_encoder("libx264", device_kind="cpu"),
        preset="veryfast",
        quality=23,
        gop_s=2.0,
    )
    with ClipReader(video, max_duration_s=None) as reader, write_video(target, form) as writer:
        for timed in reader.decode_all():
            pixels = reader.pixels(timed, width=plan.width, height=plan.height)
            drawn = draw_truth(np.ascontiguousarray(pixels[..., :3]), truth, timed.index)
            writer.write(_planar(drawn))
            on_frame()


def frame_with_truth(video: Path, *, width: int) -> tuple[Picture, TruthOf, int]:
    """The fullest frame of a video with its ground truth drawn over it, so wide, blue first.

    With it, the ground truth and which video frame it is.
    """
    truth = TruthOf(video)
    wanted = truth.fullest_frame()
    plan = truth.plan
    with ClipReader(video, max_duration_s=None) as reader:
        time_s = Fraction(wanted) / plan.frames_per_second
        pixels = reader.pixels(reader.frame_at(time_s), width=plan.width, height=plan.height)
    unit = _SMALL_TEXT * plan.width / width  # to be read when it is as small as wished
    drawn = draw_truth(np.ascontiguousarray(pixels[..., :3]), truth, wanted, unit=max(1.0, unit))
    height = round(width * plan.height / plan.width)
    small = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), truth, wanted


def draw_truth(
    pixels: Picture, truth: TruthOf, video_frame: int, *, unit: float | None = None
) -> Picture:
    """A frame [h, w, 3], blue first, with the ground truth drawn into it.

    unit: how large text and lines are; None: as fits the frame's width.
    """
    plan = truth.plan
    if unit is None:
        unit = max(1.0, plan.width / 1920)
    rows = truth.rows.get(video_frame, [])
    time_s = float(video_frame / plan.frames_per_second)
    hidden = [f"not to be seen: {_name(row, plan.class_names)}" for row in rows if not row["x"]]
    room = max(1, round(_NOTES_SHARE * plan.height / (_LINE_PX * unit)) - 1)
    if len(hidden) > room:
        hidden[room - 1 :] = [f"not to be seen: {len(hidden) - room + 1} more"]
    _draw_grid(pixels, unit)
    notes_end = _write_notes(pixels, [f"{time_s:.2f} s", *hidden], unit)
    for row in rows:
        _draw_source(pixels, row, plan.class_names, unit, notes_end)
    return pixels


def _write_notes(pixels: Picture, lines: Sequence[str], unit: float) -> tuple[int, int]:
    """Write lines into the upper left corner, on dark; returns where they end: x, y."""
    step, right = round(_LINE_PX * unit), 0
    labels = [_label(line, _NOTES, round(17 * unit)) for line in lines]
    right = 24 + max(label.shape[1] for label in labels)
    bottom = 12 + step * len(lines)
    corner = pixels[:bottom, :right]
    corner[:] = corner // 3
    for index, line in enumerate(lines):
        _write(pixels, line, (12, 6 + step * (index + 1)), _NOTES, unit)
    return right, bottom


def _draw_grid(pixels: Picture, unit: float) -> None:
    height, width = pixels.shape[:2]
    overlay = pixels.copy()
    for azimuth in range(-180 + _STEP_DEG, 180, _STEP_DEG):
        x = round((180 - azimuth) / 360 * width)
        cv2.line(overlay, (x, 0), (x, height), _GRID, 1)
        _write(overlay, f"{azimuth}", (x + 4, height - 8), _GRID, 0.8 * unit)
    for elevation in range(-90 + _STEP_DEG, 90, _STEP_DEG):
        y = round((90 - elevation) / 180 * height)
        cv2.line(overlay, (0, y), (width, y), _GRID, 1)
        _write(overlay, f"{elevation}", (width - 48, y - 4), _GRID, 0.8 * unit)
    cv2.addWeighted(overlay, 0.5, pixels, 0.5, 0, dst=pixels)


def _draw_source(
    pixels: Picture, row: Row, names: Sequence[str], unit: float, notes_end: tuple[int, int]
) -> None:
    """Draw a source; its name keeps out of the notes in the corner."""
    height, width = pixels.shape[:2]
    colour = colour_of(int(row["class"]), len(names))
    place = doa_to_canvas(
        torch.tensor(float(row["azimuth"])),
        torch.tensor(float(row["elevation"])),
        width=width,
        height=height,
    )
    middle = (int(place[0]), int(place[1]))
    cv2.drawMarker(pixels, middle, colour, cv2.MARKER_CROSS, round(18 * unit), round(2 * unit))
    boxes = [[int(row[name]) for name in four] for four in _BOXES if row[four[0]]]
    for x, y, wide, high in boxes:
        cv2.rectangle(pixels, (x, y), (x + wide - 1, y + high - 1), colour, max(1, round(2 * unit)))
    if boxes:
        x, y = boxes[0][0] + 4, boxes[0][1] - 6
        lowest = round(_LINE_PX * unit) + (notes_end[1] if x < notes_end[0] else 0)
        _write(pixels, _name(row, names), (x, max(lowest, y)), colour, 0.9 * unit)


def _name(row: Row, names: Sequence[str]) -> str:
    flags = f" ({row['flags']})" if row["flags"] else ""
    seen = f" {100 * float(row['visible']):.0f}%"
    angles = f"{float(row['azimuth']):.0f},{float(row['elevation']):.0f}"
    return f"{names[int(row['class'])]} {angles} {float(row['distance_m']):.1f}m{seen}{flags}"


def colour_of(class_id: int, num_classes: int) -> tuple[int, int, int]:
    """A bright colour for each class: blue, green, red."""
    red, green, blue = colorsys.hsv_to_rgb(class_id / num_classes, 0.75, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


def _write(
    pixels: Picture, text: str, where: tuple[int, int], colour: tuple[int, int, int], unit: float
) -> None:
    """A line of text with a dark rim; where: left end of its foot. What leaves the frame is cut."""
    label = _label(text, colour, round(17 * unit))
    height, width = label.shape[:2]
    left = max(0, min(where[0], pixels.shape[1] - width))
    top = max(0, min(where[1] - height, pixels.shape[0] - height))
    area = pixels[top : top + height, left : left + width]
    label = label[: area.shape[0], : area.shape[1]]
    alpha = label[..., 3:].astype(np.float32) / 255
    area[:] = np.round(label[..., :3] * alpha + area * (1 - alpha)).astype(np.uint8)


@lru_cache(maxsize=512)
def _label(text: str, colour: tuple[int, int, int], size: int) -> Picture:
    """Text [h, w, 4], blue first, on nothing."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text, stroke_width=2)
    image = Image.new("RGBA", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(image).text(
        (-left, -top), text, (*colour, 255), font, stroke_width=2, stroke_fill=(0, 0, 0, 255)
    )
    return np.asarray(image)


def _planar(pixels: Picture) -> NDArray[np.uint8]:
    """Planar YUV 4:2:0, BT.709 limited range, of a picture, blue first."""
    frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    return np.asarray(frame.to_ndarray(), dtype=np.uint8)
