"""A video with its ground truth drawn over it: boxes, names, directions, angles, the time."""

from __future__ import annotations

import colorsys
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seldsynth.errors import MediaError
from seldsynth.media.decode import ClipReader
from seldsynth.media.encode import VideoFormat, choose_encoder, write_video
from seldsynth.media.sound_tracks import SoundCopy
from seldsynth.media.spatial_mp4 import read_tags
from seldsynth.plan import ScenePlan, plan_from_json
from seldsynth.sphere import doa_to_canvas
from seldsynth.truth.files import PLAN_ENDING, truth_path
from seldsynth.truth.tables import TRACK_COLUMNS

Picture = NDArray[np.uint8]
Row = Mapping[str, str]
Colour = tuple[int, int, int]

_STEP_DEG = 30
_GRID = (150, 150, 150)
_NOTES = (255, 255, 255)
_LINE_PX = 26
_SMALL_TEXT = 0.65
_HIDDEN_SHARE = 0.3  # of the height
_DARK = (0, 0, 0)
_BOXES = (("x", "y", "width", "height"), ("x2", "y2", "width2", "height2"))


class TruthOf:
    """The plan of a video and its tracks, by video frame.

    Raises MediaError if they are not there, PlanError for a plan of another version.
    """

    def __init__(self, video: Path, *, with_tracks: bool = True) -> None:
        plan_file = truth_path(video, PLAN_ENDING)
        tracks = truth_path(video, ".tracks.csv")
        for path in (video, plan_file, tracks) if with_tracks else (video, plan_file):
            if not path.is_file():
                raise MediaError(
                    f"{path}: not there; an overlay needs a video, its plan and tracks "
                    "(ground_truth.tracks)"
                )
        self.plan: ScenePlan = plan_from_json(plan_file.read_bytes(), name=plan_file)
        self._tracks = tracks

    def frames(self) -> Iterator[tuple[int, list[Row]]]:
        """Video frames that have sources, with their rows. Raises MediaError."""
        try:
            with self._tracks.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                if tuple(reader.fieldnames or ()) != TRACK_COLUMNS:
                    raise MediaError(f"{self._tracks}: not a tracks file of this version")
                for frame, rows in groupby(reader, key=lambda row: int(row["video_frame"])):
                    yield frame, list(rows)
        except (OSError, UnicodeDecodeError, ValueError, TypeError, csv.Error) as error:
            raise MediaError(f"{self._tracks}: cannot be read: {error}") from None

    def fullest_frame(self) -> tuple[int, list[Row]]:
        """The video frame in which most sources can be seen, with their rows.

        Of several, the one in the middle.
        """
        seen = [(sum(float(row["visible"]) > 0 for row in rows), n) for n, rows in self.frames()]
        most = max(seen, default=(0, 0))[0]
        fullest = [frame for count, frame in seen if count == most]
        if not fullest:
            return self.plan.num_frames // 2, []
        wanted = fullest[len(fullest) // 2]
        return next(pair for pair in self.frames() if pair[0] == wanted)


def write_overlay(video: Path, target: Path, *, on_frame: Callable[[], object]) -> None:
    """Write a copy of a video, sound and all, with its ground truth drawn over it.

    Raises MediaError.
    """
    truth = TruthOf(video)
    plan, frames = truth.plan, truth.frames()
    upcoming = next(frames, None)
    form = VideoFormat(
        width=plan.width,
        height=plan.height,
        frame_rate=plan.frames_per_second,
        encoder=choose_encoder("libx264", device_kind="cpu"),
        preset="veryfast",
        quality=23,
        gop_s=2.0,
    )
    sound = SoundCopy(video, foa=read_tags(video).foa)
    kept = sound if sound.is_there else None
    with (
        ClipReader(video, max_duration_s=None) as reader,
        write_video(target, form, kept) as writer,
    ):
        for timed in reader.decode_all():
            rows: list[Row] = []
            if upcoming is not None and upcoming[0] == timed.index:
                rows, upcoming = upcoming[1], next(frames, None)
            pixels = reader.pixels(timed, width=plan.width, height=plan.height)
            drawn = draw_truth(np.ascontiguousarray(pixels[..., :3]), plan, timed.index, rows)
            writer.write(_planar(drawn))
            on_frame()


def frame_with_truth(video: Path, *, width: int) -> tuple[Picture, ScenePlan, int]:
    """The fullest frame of a video with its ground truth drawn over it, so wide, blue first.

    With it, the plan and which video frame it is.
    """
    truth = TruthOf(video)
    wanted, rows = truth.fullest_frame()
    plan = truth.plan
    with ClipReader(video, max_duration_s=None) as reader:
        time_s = Fraction(wanted) / plan.frames_per_second
        pixels = reader.pixels(reader.frame_at(time_s), width=plan.width, height=plan.height)
    unit = _SMALL_TEXT * plan.width / width  # to be read when it is as small as wished
    frame = np.ascontiguousarray(pixels[..., :3])
    drawn = draw_truth(frame, plan, wanted, rows, unit=max(1.0, unit))
    height = max(1, round(width * plan.height / plan.width))
    small = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), plan, wanted


def draw_truth(
    pixels: Picture,
    plan: ScenePlan,
    video_frame: int,
    rows: Sequence[Row],
    *,
    unit: float | None = None,
) -> Picture:
    """A frame [h, w, 3], blue first, with its rows of the tracks drawn into it.

    unit: how large text and lines are; None: as fits the frame's width.
    """
    if unit is None:
        unit = max(1.0, plan.width / 1920)
    time_s = float(video_frame / plan.frames_per_second)
    step = round(_LINE_PX * unit)
    _draw_grid(pixels, unit)
    for row in rows:
        _draw_place(pixels, row, plan, unit)
    labels = _Labels(pixels, unit)
    labels.put(f"{time_s:.2f} s", _NOTES, (12, step))
    for row in rows:
        if row["x"]:
            foot = int(row["x"]) + 4, int(row["y"]) - 6
            labels.put(_name(row, plan.class_names), _colour(row, plan), foot)
    hidden = [row for row in rows if not row["x"]]
    room = max(1, round(_HIDDEN_SHARE * plan.height / step))
    shown = hidden if len(hidden) <= room else hidden[: room - 1]
    for row in shown:
        name = f"not to be seen: {_name(row, plan.class_names)}"
        labels.put(name, _colour(row, plan), (12, 2 * step))
    if len(shown) < len(hidden):
        more = f"not to be seen: {len(hidden) - len(shown)} more"
        labels.put(more, _NOTES, (12, 2 * step))
    return pixels


class _Labels:
    """Lines of text on dark, none over another."""

    def __init__(self, pixels: Picture, unit: float) -> None:
        self._pixels = pixels
        self._unit = unit
        self._taken: list[tuple[int, int, int, int]] = []

    def put(self, text: str, colour: Colour, foot: tuple[int, int]) -> None:
        """Write a line, its left lower end at foot, or as near above or below as is free."""
        label = _label(text, colour, round(15 * self._unit), rim=0)
        canvas_height, canvas_width = self._pixels.shape[:2]
        height, width = min(label.shape[0], canvas_height), min(label.shape[1], canvas_width)
        left = max(0, min(foot[0], canvas_width - width))
        wanted = max(0, min(foot[1] - height, canvas_height - height))
        step = height + 2
        tries = (wanted + sign * n * step for n in range(canvas_height // step) for sign in (1, -1))
        free = (top for top in tries if self._is_free(left, top, left + width, top + height))
        top = next(free, wanted)
        self._taken.append((left, top, left + width, top + height))
        area = self._pixels[top : top + height, left : left + width]
        label = label[:height, :width]
        alpha = label[..., 3:].astype(np.float32) / 255
        area[:] = np.round(label[..., :3] * alpha + (area // 4) * (1 - alpha)).astype(np.uint8)

    def _is_free(self, left: int, top: int, right: int, bottom: int) -> bool:
        inside = top >= 0 and bottom <= self._pixels.shape[0]
        return inside and not any(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
            for other in self._taken
        )


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


def _draw_place(pixels: Picture, row: Row, plan: ScenePlan, unit: float) -> None:
    """Draw a source's direction, and its box."""
    height, width = pixels.shape[:2]
    colour = _colour(row, plan)
    place = doa_to_canvas(
        torch.tensor(float(row["azimuth"])),
        torch.tensor(float(row["elevation"])),
        width=width,
        height=height,
    )
    middle = (int(place[0]), int(place[1]))
    thin = max(1, round(1.5 * unit))
    for line, wide in ((_DARK, 3 * thin), (colour, thin)):
        cv2.drawMarker(pixels, middle, line, cv2.MARKER_CROSS, round(12 * unit), wide)
    for four in _BOXES:
        if row[four[0]]:
            x, y, wide, high = (int(row[name]) for name in four)
            cv2.rectangle(pixels, (x, y), (x + wide - 1, y + high - 1), colour, thin)


def _colour(row: Row, plan: ScenePlan) -> Colour:
    return colour_of(int(row["class"]), len(plan.class_names))


def _name(row: Row, names: Sequence[str]) -> str:
    flags = f" ({row['flags']})" if row["flags"] else ""
    seen = f" {100 * float(row['visible']):.0f}%"
    angles = f"{round(float(row['azimuth']))},{round(float(row['elevation']))}"
    return f"{names[int(row['class'])]} {angles} {float(row['distance_m']):.1f}m{seen}{flags}"


def colour_of(class_id: int, num_classes: int) -> Colour:
    """A colour for each class, all of them light: blue, green, red."""
    red, green, blue = colorsys.hls_to_rgb(class_id / num_classes, 0.72, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


def css_colour(class_id: int, num_classes: int) -> str:
    """The colour of a class as web pages have it."""
    blue, green, red = colour_of(class_id, num_classes)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _write(pixels: Picture, text: str, where: tuple[int, int], colour: Colour, unit: float) -> None:
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
def _label(text: str, colour: Colour, size: int, *, rim: int = 2) -> Picture:
    """Text [h, w, 4], blue first, on nothing. rim: pixels of black around the letters."""
    font = ImageFont.load_default(size)
    space = max(0, 3 - rim)
    left, top, right, bottom = font.getbbox(text, stroke_width=rim)
    image = Image.new("RGBA", (round(right - left) + 2 * space, round(bottom - top) + 2 * space))
    ImageDraw.Draw(image).text(
        (space - left, space - top),
        text,
        (*colour, 255),
        font,
        stroke_width=rim,
        stroke_fill=(0, 0, 0, 255),
    )
    return np.asarray(image)


def _planar(pixels: Picture) -> NDArray[np.uint8]:
    """Planar YUV 4:2:0, BT.709 limited range, of a picture, blue first."""
    frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    return np.asarray(frame.to_ndarray(), dtype=np.uint8)
