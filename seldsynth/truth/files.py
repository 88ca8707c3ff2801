"""The ground truth files of a recording, written beside its video while that is made."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TextIO

import torch

from seldsynth.errors import MediaError
from seldsynth.files import FilesTogether
from seldsynth.plan import ScenePlan
from seldsynth.render.compositor import count_own_pixels
from seldsynth.render.scene import SceneFrame
from seldsynth.truth.masks import (
    DCASE_HEIGHT,
    DCASE_RATE,
    DCASE_WIDTH,
    CocoFile,
    DcaseFile,
    MaskStream,
)
from seldsynth.truth.tables import TrackTable, label_lines
from seldsynth.truth.visible import FrameOutlines, Visibility, boxes_of, outlines_of

ENDINGS = (".csv", ".tracks.csv", ".masks.json", ".dcase.json")
PLAN_ENDING = ".plan.json"

_FRAMES_TOGETHER = 8
_BYTES_TOGETHER = 8 << 20


class GroundTruth:
    """What a recording shows, as files beside its video: `see` every frame in order, then `finish`.

    The files that the plan asks for are written as the frames come; whoever made `files` gives them
    their names. Raises OSError where they cannot be written.
    """

    def __init__(
        self, plan: ScenePlan, video: Path, files: FilesTogether, *, device: torch.device
    ) -> None:
        self._plan = plan
        self._visibility = Visibility(width=plan.width, height=plan.height, device=device)
        self._files = {path: files.open(path) for path in truth_files(plan, video)}
        self._video = video
        tracks = self._file(".tracks.csv")
        self._tracks = TrackTable(plan, tracks) if tracks else None
        self._streams = list(self._mask_streams())
        self._unseen: list[FrameOutlines] = []
        self._unseen_bytes = 0

    def see(self, frame: SceneFrame) -> None:
        """Take note of what can be seen in a video frame: of a few together, which is faster."""
        self._unseen.append(outlines_of(frame))
        self._unseen_bytes += self._unseen[-1].nbytes
        if len(self._unseen) == _FRAMES_TOGETHER or self._unseen_bytes > _BYTES_TOGETHER:
            self._see_all()

    @torch.inference_mode()
    def _see_all(self) -> None:
        if self._tracks is not None:
            outlines = (outline for frame in self._unseen for outline in frame.outlines)
            count_own_pixels(outline.cover for outline in outlines)
        for frame in self._unseen:
            self._see(frame)
        self._unseen.clear()
        self._unseen_bytes = 0

    def _see(self, frame: FrameOutlines) -> None:
        for stream, files in self._streams:
            masks = stream.see(frame)
            if masks is not None:
                for file in files:
                    file.add(masks)
        if self._tracks is None:
            return
        found = zip(frame.tiles, self._visibility.of(frame.outlines), strict=True)
        width = self._plan.width
        self._tracks.tell(
            frame.video_frame,
            {tile: (boxes_of(seen, width=width), seen.fraction) for tile, seen in found},
        )

    def finish(self) -> None:
        """Write what closes the files."""
        self._see_all()
        if labels := self._file(".csv"):
            labels.write(label_lines(self._plan))
        for _, files in self._streams:
            for file in files:
                file.end()

    def _file(self, ending: str) -> TextIO | None:
        return self._files.get(truth_path(self._video, ending))

    def _mask_streams(self) -> Iterator[tuple[MaskStream, list[CocoFile | DcaseFile]]]:
        """Masks of every size and rate that is wanted, and the files that take them."""
        plan = self._plan
        drawn: dict[tuple[int, int, Fraction], list[CocoFile | DcaseFile]] = {}
        if masks := self._file(".masks.json"):
            width, height = mask_size(plan)
            rate = Fraction(str(plan.truth.masks_per_s))
            coco = CocoFile(plan, masks, width=width, height=height, masks_per_s=rate)
            drawn.setdefault((width, height, rate), []).append(coco)
        if dcase := self._file(".dcase.json"):
            form = (DCASE_WIDTH, DCASE_HEIGHT, DCASE_RATE)
            drawn.setdefault(form, []).append(DcaseFile(plan, dcase))
        for (width, height, rate), files in drawn.items():
            yield MaskStream(plan, width=width, height=height, masks_per_s=rate), files


def truth_path(video: Path, ending: str) -> Path:
    """Where a file beside a video lies: ground truth, its plan, its sound."""
    return video.with_name(f"{video.stem}{ending}")


def truth_files(plan: ScenePlan, video: Path) -> list[Path]:
    """The ground truth files that a plan asks for."""
    truth = plan.truth
    wanted = zip(ENDINGS, (truth.labels, truth.tracks, truth.masks, truth.dcase), strict=True)
    return [truth_path(video, ending) for ending, is_wanted in wanted if is_wanted]


def check_labels_are_ours(plan: ScenePlan, video: Path) -> None:
    """See that what lies where name.csv belongs was made from this plan, if anything is there.

    A saved plan may have been put beside a user's own labels. Raises MediaError.
    """
    path = truth_path(video, ".csv")
    try:
        is_ours = path.read_text(encoding="utf-8") == label_lines(plan)
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        is_ours = False
    if not is_ours:
        raise MediaError(
            f"{path}: not the labels of plan {plan.recording_id}, which would replace it; "
            "move the plan to a folder of its own"
        )


def mask_size(plan: ScenePlan) -> tuple[int, int]:
    """Width and height of a plan's masks."""
    if plan.truth.mask_size == "full":
        return plan.width, plan.height
    width, height = plan.truth.mask_size.split("x")
    return int(width), int(height)
