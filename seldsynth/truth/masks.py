"""Masks of what can be seen, at a rate and size of their own: COCO's format and DCASE's.

They are drawn from the plan at the times of video frames, so that they lie on the video's pixels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pycocotools import mask as rle
from torch import Tensor

from seldsynth.events import LABEL_RATE
from seldsynth.plan import ScenePlan, TilePlan
from seldsynth.render.scene import PaintOrder
from seldsynth.render.tile import Tile
from seldsynth.truth.visible import Box, Visibility, Visible, boxes_of, whole_mask

DCASE_WIDTH, DCASE_HEIGHT = 360, 180
DCASE_RATE = Fraction(LABEL_RATE)
# Edges of masks are those of the file, not of what is left of it at their few pixels.
_FINER = 3


@dataclass(frozen=True, eq=False)
class MaskFrame:
    """The masks of a moment. index: counts them; tiles: the places of the tiles in the plan."""

    index: int
    video_frame: int
    tiles: list[int]
    seen: list[Visible]


@torch.inference_mode()
def mask_frames(
    plan: ScenePlan,
    folders: Mapping[str, Path],
    *,
    width: int,
    height: int,
    masks_per_s: Fraction,
    device: torch.device,
) -> Iterator[MaskFrame]:
    """What can be seen at every moment, on a canvas of another size. Raises MediaError."""
    scene = replace(plan, width=width, height=height)
    tiles = [
        Tile(_with_blur(tile, width / plan.width), scene, folders, device, finer=_FINER)
        for tile in plan.tiles
    ]
    order, visibility = PaintOrder(tiles), Visibility(width=width, height=height, device=device)
    try:
        for index, video_frame in moments(plan, masks_per_s):
            time_s = video_frame / plan.frames_per_second
            shown = list(order(video_frame))
            outlines = [tiles[tile].outline(row, time_s) for tile, row in shown]
            seen = visibility.of(outlines)
            yield MaskFrame(index, video_frame, [tile for tile, _ in shown], seen)
            for tile in tiles:  # what is over needs no memory, and no open file
                if len(tile.video_frames) and tile.video_frames[-1] <= video_frame:
                    tile.close()
    finally:
        for tile in tiles:
            tile.close()


def _with_blur(tile: TilePlan, scale: float) -> TilePlan:
    """A tile whose blur is as wide on a canvas of another scale."""
    return replace(tile, look=replace(tile.look, blur_px=tile.look.blur_px * scale))


def moments(plan: ScenePlan, masks_per_s: Fraction) -> Iterator[tuple[int, int]]:
    """(index, video frame) of every mask.

    Of the video frames in [index, index + 1) / masks_per_s it is the one nearest to the middle;
    where there is none, there is no mask.
    """
    rate = plan.frames_per_second
    for index in range(math.ceil(plan.num_frames / rate * masks_per_s)):
        first = math.ceil(index / masks_per_s * rate)
        end = min(math.ceil((index + 1) / masks_per_s * rate), plan.num_frames)
        middle = (index + Fraction(1, 2)) / masks_per_s * rate
        if first < end:
            yield index, min(max(first, math.floor(middle + Fraction(1, 2))), end - 1)


class CocoFile:
    """All masks of a recording in one JSON file: an image per moment, an annotation per picture.

    width, height: of the masks. What cannot be seen at all has no annotation.
    """

    def __init__(self, plan: ScenePlan, *, width: int, height: int) -> None:
        self._plan = plan
        self._width, self._height = width, height
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, frame: MaskFrame) -> None:
        """Take in the masks of a moment."""
        name = Path(self._plan.recording_id).name
        image_id = len(self._images) + 1
        image = {
            "id": image_id,
            "video_id": 1,
            "frame_id": frame.index,
            "video_frame": frame.video_frame,
            "time_s": round(float(frame.video_frame / self._plan.frames_per_second), 6),
            "file_name": f"{name}.mp4",
            "width": self._width,
            "height": self._height,
        }
        self._images.append(image)
        for index, seen in zip(frame.tiles, frame.seen, strict=True):
            boxes = boxes_of(seen, width=self._width)
            if boxes:
                self._annotations.append(self._annotation(image_id, index, seen, boxes))

    def to_json(self) -> str:
        """The file: a line per image and annotation."""
        parts: dict[str, list[dict[str, Any]]] = {
            "info": [
                {
                    "description": "seldsynth: what can be seen of each picture",
                    "recording_id": self._plan.recording_id,
                    "plan_sha256": self._plan.sha256(),
                }
            ],
            "videos": [
                {
                    "id": 1,
                    "name": Path(self._plan.recording_id).name,
                    "width": self._plan.width,
                    "height": self._plan.height,
                    "frames": self._plan.num_frames,
                    "frame_rate": self._plan.frame_rate,
                }
            ],
            "categories": [
                {"id": class_id, "name": name}
                for class_id, name in enumerate(self._plan.class_names)
            ],
            "images": self._images,
            "annotations": self._annotations,
        }
        rows = []
        for key, values in parts.items():
            lines = ",\n".join("  " + json.dumps(one, ensure_ascii=False) for one in values)
            text = lines.strip() if key == "info" else f"[\n{lines}\n]" if values else "[]"
            rows.append(f"{json.dumps(key)}: {text}")
        return "{\n" + ",\n".join(rows) + "\n}\n"

    def _annotation(
        self, image_id: int, index: int, seen: Visible, boxes: list[Box]
    ) -> dict[str, Any]:
        tile = self._plan.tiles[index]
        mask = whole_mask(seen, width=self._width, height=self._height)
        code = rle.encode(np.asfortranarray(mask.numpy()))
        return {
            "id": len(self._annotations) + 1,
            "image_id": image_id,
            "video_id": 1,
            "category_id": tile.class_id,
            "instance_id": tile.event_index,
            "segmentation": {
                "size": [self._height, self._width],
                "counts": code["counts"].decode(),
            },
            "area": int(rle.area(code)),
            "bbox": [float(side) for side in rle.toBbox(code)],
            "boxes": [[box.x, box.y, box.width, box.height] for box in boxes],
            "visible": round(seen.fraction, 4),
            "silent": tile.silent,
            "iscrowd": 0,
        }


class DcaseFile:
    """Masks on 360x180 pixels, one per label frame and picture that sounds, as DCASE 2026 has them.

    The energy is 1 in what can be seen: it is geometry, nothing that was measured.
    """

    def __init__(self, plan: ScenePlan) -> None:
        self._plan = plan
        self._lines: list[str] = []

    def add(self, frame: MaskFrame) -> None:
        """Take in the masks of a label frame."""
        for index, seen in zip(frame.tiles, frame.seen, strict=True):
            tile = self._plan.tiles[index]
            pixels = _pixels(whole_mask(seen, width=DCASE_WIDTH, height=DCASE_HEIGHT))
            if tile.silent or not pixels:
                continue
            row = tile.track.label_frames.index(frame.index)
            self._lines.append(
                f'{{"metadata_frame_index": {frame.index}, "instance_id": {tile.event_index}, '
                f'"category_id": {tile.class_id}, '
                f'"distance": {distance_cm(tile.track.distance_m[row])}, '
                f'"segmentation": [[{",".join(pixels)}]]}}'
            )

    def to_json(self) -> str:
        """The file: a line per annotation."""
        info = '{"energy": "geometric: 1 where the picture can be seen", "distance": "cm"}'
        lines = ",\n".join(self._lines)
        return f'{{\n"info": {info},\n"annotations": [\n{lines}\n]\n}}\n'


def _pixels(mask: Tensor) -> list[str]:
    rows, columns = torch.nonzero(mask, as_tuple=True)
    return [f"[{x},{y},1]" for x, y in zip(columns.tolist(), rows.tolist(), strict=True)]


def distance_cm(distance_m: float) -> int:
    """A distance as label files have it: whole centimetres, halves up."""
    return math.floor(distance_m * 100 + 0.5)
