"""ScenePlan → frames. Draws no random number, reads no config: the plan is all there is."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple
from weakref import ref

import torch
from torch import Tensor

from seldsynth.asset_files import file_sha256
from seldsynth.cast import Cast
from seldsynth.errors import AssetError
from seldsynth.plan import CanvasPlan, ScenePlan, files_of
from seldsynth.render.canvas import BlackCanvas, Canvas, StillCanvas, VideoCanvas
from seldsynth.render.compositor import Frame, Patch, canvas_noise
from seldsynth.render.projection import Rectangle
from seldsynth.render.tile import Appearance, Tile

_FRAMES_AHEAD = 8
_BYTES_AHEAD = 16 << 20
_BYTES_OF_BUFFERS = 48 << 20


def check_assets(plan: ScenePlan, folders: Mapping[str, Path]) -> None:
    """See that the plan's assets and sound are the files it was made with.

    Raises AssetError for one that is missing or has changed.
    """
    for folder, name, sha256 in sorted(set(files_of(plan))):
        path = folders[folder] / name
        if not path.is_file():
            raise AssetError(
                f"{path}: not there, but plan {plan.recording_id} needs it; "
                f"--config FILE --set input.{folder}=FOLDER says where it is now"
            )
        if file_sha256(path) != sha256:
            raise AssetError(f"{path}: has changed since plan {plan.recording_id} was made")


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture in a frame: the place of its tile in the plan, and what is to be painted."""

    tile: int
    appearance: Appearance

    @property
    def patch(self) -> Patch:
        """The picture without its shadow."""
        return self.appearance.patch


@dataclass(frozen=True, eq=False)
class SceneFrame:
    """A frame of a recording, and the pictures in it, the farthest first.

    buffer: [height·3/2, width] uint8 on the device, planar YUV 4:2:0, BT.709 limited range. What is
    in it holds until as many frames more have been asked for as the scene has buffers.
    """

    video_frame: int
    buffer: Tensor
    layers: list[Layer]


def render_frames(
    plan: ScenePlan, folders: Mapping[str, Path], *, device: torch.device
) -> Iterator[Tensor]:
    """The buffers of `render_scene`, which has one."""
    return (frame.buffer for frame in render_scene(plan, folders, device=device))


def frames_together(plan: ScenePlan) -> int:
    """How many frames are best rendered before they are encoded.

    Both keep much in the processor's cache, and each drives out what the other one has there.
    """
    frame_bytes = plan.width * plan.height * 3 // 2
    return max(1, min(_FRAMES_AHEAD, _BYTES_OF_BUFFERS // frame_bytes))


@torch.inference_mode()
def render_scene(
    plan: ScenePlan,
    folders: Mapping[str, Path],
    *,
    device: torch.device,
    num_buffers: int = 1,
) -> Iterator[SceneFrame]:
    """The frames of a recording, in order, in so many buffers by turns.

    folders: where the plan's folders are. Raises AssetError and MediaError.
    """
    size = {"width": plan.width, "height": plan.height}
    buffers = [_Buffer(Frame(**size, device=device)) for _ in range(num_buffers)]
    background = Frame(width=plan.width, height=plan.height, device=device)
    with contextlib.ExitStack() as resources:
        canvas = open_canvas(plan.canvas, folders, background)
        resources.callback(canvas.close)
        noise = None
        if any(tile.look.noise for tile in plan.tiles):
            noise = canvas_noise(
                width=plan.width, height=plan.height, seed=plan.noise_seed, device=device
            )
        tiles = Cast(
            [tile.track for tile in plan.tiles],
            lambda index: Tile(plan.tiles[index], plan, folders, device, noise=noise),
            frame_rate=plan.frames_per_second,
        )
        resources.callback(lambda: _close(tiles.dismiss()))
        canvas_moves = 0
        for video_frame, time_s, layers in _layers(plan, tiles):
            canvas_moves += canvas.advance(time_s)
            patches = [patch for layer in layers for patch in layer.appearance.painted]
            buffer = buffers[video_frame % num_buffers]
            buffer.paint(patches, background, canvas_moves)
            yield SceneFrame(video_frame, buffer.frame.buffer, layers)


class _Buffer:
    """A frame, and what it shows."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._painted: list[_Painted] = []
        self._canvas_moves: int | None = None

    def paint(self, patches: list[Patch], background: Frame, canvas_moves: int) -> None:
        """Show patches on a background that has moved so often; touch only what is not so yet."""
        if self._canvas_moves != canvas_moves:
            self.frame.buffer.copy_(background.buffer)
            self._painted = []
        elif _are_painted(patches, self._painted):
            return
        steps = self._steps(patches)
        replaced = [index for index, step in enumerate(steps) if step.instead_of is not None]
        for index, old in enumerate(self._painted):
            if index not in replaced:
                self.frame.restore(old.rectangle, background)
        for step in steps:
            below = background if step.is_alone else None
            self.frame.paint(step.patch, below, instead_of=step.instead_of)
        self._painted = [_Painted(ref(patch), patch.rectangle) for patch in patches]
        self._canvas_moves = canvas_moves

    def _steps(self, patches: Sequence[Patch]) -> list[_Step]:
        """Patches in their order, each in place of the one that was, if neither meets one before.

        The other ones are to be gone before these steps.
        """
        steps: list[_Step] = []
        before: list[Rectangle] = []
        for index, patch in enumerate(patches):
            is_alone, instead_of = not self._meets(patch.rectangle, before), None
            if is_alone and index < len(self._painted):
                old = self._painted[index].rectangle
                instead_of = None if self._meets(old, before) else old
            steps.append(_Step(patch, is_alone, instead_of))
            before.append(patch.rectangle)
        return steps

    def _meets(self, place: Rectangle, others: Sequence[Rectangle]) -> bool:
        return any(place.meets(one, canvas_width=self.frame.width) for one in others)


class _Painted(NamedTuple):
    """A patch that a buffer shows, not kept for that: its memory is wanted by the next ones."""

    patch: ref[Patch]
    rectangle: Rectangle


class _Step(NamedTuple):
    """How a patch is painted: alone, it is laid on the background at once.

    instead_of: what the same step brings back the background for.
    """

    patch: Patch
    is_alone: bool
    instead_of: Rectangle | None


def _are_painted(patches: Sequence[Patch], painted: Sequence[_Painted]) -> bool:
    return len(patches) == len(painted) and all(
        patch is there.patch() for patch, there in zip(patches, painted, strict=True)
    )


def _layers(plan: ScenePlan, tiles: Cast[Tile]) -> Iterator[tuple[int, Fraction, list[Layer]]]:
    """Each video frame, its time and the pictures in it, made a few ahead, picture by picture.

    So there are fewer calls, and what a picture is made of is in the processor's cache, from which
    other pictures, painting and encoding drive it out.
    """
    frames, seconds = plan.frames_per_second.as_integer_ratio()
    video_frame, most, known = 0, 1, set[int]()
    while video_frame < plan.num_frames:
        shown: dict[int, list[_Shown]] = {}
        for frame in range(video_frame, min(video_frame + most, plan.num_frames)):
            shown[frame] = sorted(tiles.at(frame), key=_nearness)
            if not known.issuperset(index for index, _, _ in shown[frame]):
                break  # nobody knows yet how large it is
        times_s = {frame: Fraction(frame * seconds, frames) for frame in shown}
        layers = _made(shown, times_s)
        _close(tiles.leave())
        last: list[Layer] = []
        for frame, there in shown.items():
            last = [layers[frame, index] for index, _, _ in there]
            yield frame, times_s[frame], last
        patches = (patch for layer in last for patch in layer.appearance.painted)
        bytes_per_frame = sum(patch.nbytes for patch in patches)
        most = max(1, min(_FRAMES_AHEAD, _BYTES_AHEAD // max(1, bytes_per_frame)))
        known = {layer.tile for layer in last}
        video_frame += len(shown)


_Shown = tuple[int, Tile, int]  # its place in the plan, itself, the row of its motion


def _made(
    shown: Mapping[int, list[_Shown]], times_s: Mapping[int, Fraction]
) -> dict[tuple[int, int], Layer]:
    """The layers of some video frames, by frame and place in the plan."""
    tiles: dict[int, Tile] = {}
    rows: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for frame, there in shown.items():
        for index, tile, row in there:
            tiles[index] = tile
            rows[index].append((frame, row))
    layers = {}
    for index, its_rows in rows.items():
        its_times_s = [times_s[frame] for frame, _ in its_rows]
        appearances = tiles[index].appear([row for _, row in its_rows], its_times_s)
        for (frame, _), appearance in zip(its_rows, appearances, strict=True):
            layers[frame, index] = Layer(index, appearance)
    return layers


def _nearness(shown: _Shown) -> tuple[float, int]:
    """Far ones come first; of equally far ones the earlier event."""
    index, tile, row = shown
    return -float(tile.distance_m[row]), index


def _close(tiles: Iterable[Tile]) -> None:
    for tile in tiles:
        tile.close()


def open_canvas(plan: CanvasPlan, folders: Mapping[str, Path], frame: Frame) -> Canvas:
    """The background of a plan, drawn into a frame as time goes on. Raises MediaError."""
    if plan.asset is None:
        return BlackCanvas(frame, plan)
    path = folders[plan.asset.folder] / plan.asset.path
    if plan.asset.kind == "image":
        return StillCanvas(frame, plan, path)
    return VideoCanvas(frame, plan, path)
