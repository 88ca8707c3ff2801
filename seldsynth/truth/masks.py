"""Masks of what can be seen, at a rate and size of their own: COCO's format and DCASE's.

They are the outlines of what a video frame shows, averaged over the pixels of a mask.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from pycocotools import mask as rle

from seldsynth.events import LABEL_RATE
from seldsynth.metadata import distance_cm
from seldsynth.plan import ScenePlan
from seldsynth.render.compositor import Outline
from seldsynth.truth.shrinking import Shrinking
from seldsynth.truth.visible import (
    Box,
    FrameOutlines,
    Visibility,
    Visible,
    boxes_of,
    places_of,
    same_outlines,
    whole_mask,
)

DCASE_WIDTH, DCASE_HEIGHT = 360, 180
DCASE_RATE = Fraction(LABEL_RATE)


@dataclass(frozen=True, eq=False)
class MaskFrame:
    """The masks of a moment. index: counts them; tiles: the places of the tiles in the plan."""

    index: int
    tiles: list[int]
    seen: list[Visible]


class MaskStream:
    """The masks of a recording, on a canvas of their own size, made of its frames as these come."""

    def __init__(
        self,
        plan: ScenePlan,
        *,
        width: int,
        height: int,
        masks_per_s: Fraction,
    ) -> None:
        self._shrinking = Shrinking(plan.width, plan.height, width, height)
        self._visibility = Visibility(width=width, height=height, device=torch.device("cpu"))
        self._coming = moments(plan, masks_per_s)
        self._next = next(self._coming, None)
        self._last: tuple[list[Outline], list[Outline]] = ([], [])

    def see(self, frame: FrameOutlines) -> MaskFrame | None:
        """The masks of a video frame, if it has a moment; frames come in order."""
        if self._next is None or self._next[1] != frame.video_frame:
            return None
        index = self._next[0]
        self._next = next(self._coming, None)
        if not same_outlines(frame.outlines, self._last[0]):
            self._last = (frame.outlines, [self._shrinking(one) for one in frame.outlines])
        return MaskFrame(index, frame.tiles, self._visibility.of(self._last[1]))


def moments(plan: ScenePlan, masks_per_s: Fraction) -> Iterator[tuple[int, int]]:
    """(index, video frame) of every mask.

    Of the video frames in [index, index + 1) / masks_per_s it is the one nearest to the middle;
    where there is none, there is no mask.
    """
    # Video frames per moment, in whole numbers: of fractions it would take long.
    step, parts = (plan.frames_per_second / masks_per_s).as_integer_ratio()
    for index in range(-(-plan.num_frames * parts // step)):
        first = -(-index * step // parts)
        end = min(-(-(index + 1) * step // parts), plan.num_frames)
        middle = ((2 * index + 1) * step + parts) // (2 * parts)
        if first < end:
            yield index, min(max(first, middle), end - 1)


_as_json = json.JSONEncoder(ensure_ascii=False).encode


class _JsonLines:
    """A JSON file of lists with a line per entry, written as its entries come."""

    def __init__(self, file: TextIO, *, info: Mapping[str, str]) -> None:
        self._file = file
        self._file.write(f'{{\n"info": {_as_json(info)}')
        self._before_next = ""

    def begin(self, key: str) -> None:
        """The entries that come now are those of `key`, until `end`."""
        self._file.write(f",\n{json.dumps(key)}: [")
        self._before_next = "\n"

    def add(self, entry: str) -> None:
        self._file.write(f"{self._before_next}  {entry}")
        self._before_next = ",\n"

    def end(self) -> None:
        self._file.write("\n]")

    def close(self) -> None:
        self._file.write("\n}\n")


class CocoFile:
    """All masks of a recording in one JSON file: an image per moment, an annotation per picture.

    width, height: of the masks. What cannot be seen at all has no annotation. It is written as it
    is made: `add` the masks of every moment, then `end`.
    """

    def __init__(
        self, plan: ScenePlan, file: TextIO, *, width: int, height: int, masks_per_s: Fraction
    ) -> None:
        self._plan = plan
        self._width, self._height = width, height
        self._num_annotations = 0
        info = {
            "description": "seldsynth: what can be seen of each picture",
            "recording_id": plan.recording_id,
            "plan_sha256": plan.sha256(),
        }
        self._lines = _JsonLines(file, info=info)
        self._write_list("videos", [self._video()])
        categories = enumerate(plan.class_names)
        self._write_list(
            "categories", [{"id": number, "name": name} for number, name in categories]
        )
        images = [
            self._image(image_id, index, video_frame)
            for image_id, (index, video_frame) in enumerate(moments(plan, masks_per_s), start=1)
        ]
        self._image_ids = {image["frame_id"]: image["id"] for image in images}
        self._write_list("images", images)
        self._lines.begin("annotations")

    def add(self, frame: MaskFrame) -> None:
        """Write the masks of a moment."""
        image_id = self._image_ids[frame.index]
        for index, seen in zip(frame.tiles, frame.seen, strict=True):
            boxes = boxes_of(seen, width=self._width)
            if boxes:
                self._lines.add(_as_json(self._annotation(image_id, index, seen, boxes)))

    def end(self) -> None:
        """Write what closes the file."""
        self._lines.end()
        self._lines.close()

    def _write_list(self, key: str, entries: list[dict[str, Any]]) -> None:
        self._lines.begin(key)
        for entry in entries:
            self._lines.add(_as_json(entry))
        self._lines.end()

    def _video(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "id": 1,
            "name": Path(plan.recording_id).name,
            "width": plan.width,
            "height": plan.height,
            "frames": plan.num_frames,
            "frame_rate": plan.frame_rate,
        }

    def _image(self, image_id: int, index: int, video_frame: int) -> dict[str, Any]:
        return {
            "id": image_id,
            "video_id": 1,
            "frame_id": index,
            "video_frame": video_frame,
            "time_s": round(float(video_frame / self._plan.frames_per_second), 6),
            "file_name": f"{Path(self._plan.recording_id).name}.mp4",
            "width": self._width,
            "height": self._height,
        }

    def _annotation(
        self, image_id: int, index: int, seen: Visible, boxes: list[Box]
    ) -> dict[str, Any]:
        self._num_annotations += 1
        tile = self._plan.tiles[index]
        code = rle.encode(whole_mask(seen, width=self._width, height=self._height))
        return {
            "id": self._num_annotations,
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

    The energy is 1 in what can be seen: it is geometry, nothing that was measured. It is written as
    it is made: `add` the masks of every label frame, then `end`.
    """

    def __init__(self, plan: ScenePlan, file: TextIO) -> None:
        self._plan = plan
        info = {"energy": "geometric: 1 where the picture can be seen", "distance": "cm"}
        self._lines = _JsonLines(file, info=info)
        self._lines.begin("annotations")

    def add(self, frame: MaskFrame) -> None:
        """Write the masks of a label frame."""
        for index, seen in zip(frame.tiles, frame.seen, strict=True):
            tile = self._plan.tiles[index]
            places = places_of(seen, width=DCASE_WIDTH)
            if tile.silent or not len(places):
                continue
            pixels = _PIXELS[places].tobytes().replace(b"\0", b"").decode()
            row = bisect_left(tile.track.label_frames, frame.index)
            self._lines.add(
                f'{{"metadata_frame_index": {frame.index}, "instance_id": {tile.event_index}, '
                f'"category_id": {tile.class_id}, '
                f'"distance": {distance_cm(tile.track.distance_m[row])}, '
                f'"segmentation": [[{pixels.removesuffix(",")}]]}}'
            )

    def end(self) -> None:
        """Write what closes the file."""
        self._lines.end()
        self._lines.close()


_PIXELS = np.array(
    [f"[{x},{y},1],".encode() for y in range(DCASE_HEIGHT) for x in range(DCASE_WIDTH)]
)
