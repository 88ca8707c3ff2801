"""The ground truth files of a recording, written beside its video while that is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import torch

from seldsynth.files import write_whole
from seldsynth.plan import ScenePlan
from seldsynth.render.scene import SceneFrame
from seldsynth.truth.masks import (
    DCASE_HEIGHT,
    DCASE_RATE,
    DCASE_WIDTH,
    CocoFile,
    DcaseFile,
    mask_frames,
)
from seldsynth.truth.tables import TrackTable, label_lines
from seldsynth.truth.visible import Visibility, boxes_of

ENDINGS = (".csv", ".tracks.csv", ".masks.json", ".dcase.json")


class GroundTruth:
    """What a recording shows, as files beside its video: `see` every frame, then `write`."""

    def __init__(
        self, plan: ScenePlan, folders: Mapping[str, Path], video: Path, *, device: torch.device
    ) -> None:
        self._plan = plan
        self._folders = folders
        self._video = video
        self._device = device
        self._tracks = TrackTable(plan) if plan.truth.tracks else None
        self._visibility = Visibility(width=plan.width, height=plan.height, device=device)

    @torch.inference_mode()
    def see(self, frame: SceneFrame) -> None:
        """Take note of what can be seen in a video frame."""
        if self._tracks is None:
            return
        seen = self._visibility.of([layer.patch.outline for layer in frame.layers])
        for layer, visible in zip(frame.layers, seen, strict=True):
            boxes = boxes_of(visible, width=self._plan.width)
            self._tracks.tell(frame.video_frame, layer.tile, boxes, visible.fraction)

    def write(self) -> None:
        """Write the files that the plan asks for, and remove those of an earlier run it does not.

        Raises MediaError.
        """
        texts = dict(self._texts())  # all of them first: that takes time
        for ending in ENDINGS:
            path = truth_path(self._video, ending)
            if ending in texts:
                write_whole(path, texts[ending])
            else:
                path.unlink(missing_ok=True)

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Ending and content of each file."""
        truth = self._plan.truth
        if truth.labels:
            yield ".csv", label_lines(self._plan)
        if self._tracks is not None:
            yield ".tracks.csv", self._tracks.to_csv()
        dcase = DcaseFile(self._plan) if truth.dcase else None
        width, height = mask_size(self._plan)
        rate = Fraction(str(truth.masks_per_s))
        shared = truth.masks and (width, height, rate) == (DCASE_WIDTH, DCASE_HEIGHT, DCASE_RATE)
        if truth.masks:
            coco = CocoFile(self._plan, width=width, height=height)
            self._draw(width, height, rate, [coco, dcase if shared else None])
            yield ".masks.json", coco.to_json()
        if dcase is not None:
            if not shared:
                self._draw(DCASE_WIDTH, DCASE_HEIGHT, DCASE_RATE, [dcase])
            yield ".dcase.json", dcase.to_json()

    def _draw(
        self, width: int, height: int, rate: Fraction, files: list[CocoFile | DcaseFile | None]
    ) -> None:
        frames = mask_frames(
            self._plan,
            self._folders,
            width=width,
            height=height,
            masks_per_s=rate,
            device=self._device,
        )
        for frame in frames:
            for file in files:
                if file is not None:
                    file.add(frame)


def truth_path(video: Path, ending: str) -> Path:
    """Where a ground truth file of a video lies."""
    return video.with_name(f"{video.stem}{ending}")


def truth_files(plan: ScenePlan, video: Path) -> list[Path]:
    """The ground truth files that a plan asks for."""
    truth = plan.truth
    wanted = zip(ENDINGS, (truth.labels, truth.tracks, truth.masks, truth.dcase), strict=True)
    return [truth_path(video, ending) for ending, is_wanted in wanted if is_wanted]


def mask_size(plan: ScenePlan) -> tuple[int, int]:
    """Width and height of a plan's masks."""
    if plan.truth.mask_size == "full":
        return plan.width, plan.height
    width, height = plan.truth.mask_size.split("x")
    return int(width), int(height)
