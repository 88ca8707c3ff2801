"""One sound event's picture: where it stands and what it shows, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seldsynth.cast import Playhead
from seldsynth.events import LABEL_RATE, motion_of
from seldsynth.plan import ScenePlan, TilePlan
from seldsynth.render.compositor import Patch, faded
from seldsynth.render.memory import Memory
from seldsynth.render.pictures import ClipSource, Cutout, StillSource, changed, level_for
from seldsynth.render.placing import Placing
from seldsynth.render.projection import Billboard, appears_at, make_billboard
from seldsynth.render.textures import Texture, as_texture

# Textures of a still that comes nearer and goes away again: as many of any size, more if small.
_TEXTURES_KEPT, _KEPT_BYTES = 4, 6 << 20
_LOOP_BYTES = 16 << 20  # of textures of a clip that begins anew
_STEPS, _BLUR_STEPS = 2, 8  # of an octave of its size, that it may be off where it is averaged


class _Shown(NamedTuple):
    """What a texture is made of: a frame of a clip, 0 of a still, at a size."""

    frame: int
    level: int
    octaves: float

    @property
    def size(self) -> tuple[int, float]:
        """How often it was halved, and what else there is to a size in how it is blurred."""
        return self.level, self.octaves


@dataclass(frozen=True, eq=False)
class Appearance:
    """A picture in a video frame: its shadow, if it has one, and itself, to be painted so."""

    shadow: Patch | None
    patch: Patch

    @property
    def painted(self) -> list[Patch]:
        """What to paint, in this order."""
        return [self.patch] if self.shadow is None else [self.shadow, self.patch]


class Tile:
    """One sound event's picture through time: what has not changed since the last frame is kept.

    playhead: says which row of its motion a video frame is. distance_m [n]: how far it is in each.
    """

    def __init__(
        self,
        plan: TilePlan,
        scene: ScenePlan,
        folders: Mapping[str, Path],
        device: torch.device,
        *,
        noise: Tensor | None = None,
    ) -> None:
        """noise: what lies on the canvas, see `canvas_noise`; None for none."""
        motion = motion_of(
            plan.track,
            frame_rate=scene.frames_per_second,
            num_frames=scene.num_frames,
            interpolate=scene.interpolate,
        )
        self.playhead = Playhead(motion)
        self._num_rows = len(motion.video_frames)
        self.distance_m = motion.blend(plan.track.distance_m)
        self._azimuth_deg = motion.azimuth_deg
        self._elevation_deg = motion.elevation_deg
        self._longer_side_deg = motion.blend(plan.longer_side_deg)
        appears_s = Fraction(int(motion.video_frames[0])) / scene.frames_per_second
        self._clip_begins_s = appears_s - Fraction(plan.clip_start_ms, 1000)
        self._plan = plan
        self._path = folders[plan.asset.folder] / plan.asset.path
        self._scene = scene
        self._device = device
        self._folders = folders
        self._placing = Placing(
            plan, width=scene.width, height=scene.height, device=device, noise=noise
        )
        self._source: StillSource | ClipSource | None = None
        self._textures = _memory_of(plan)

    def appear(self, rows: Sequence[int], times_s: Sequence[Fraction]) -> list[Appearance]:
        """What to paint in some video frames; the same objects again while nothing changes.

        rows of its motion and their times must not go back, from one call to the next either.
        """
        if self._source is None:
            self._source = self._open()
        billboards = [self.billboard(row) for row in rows]
        textures = [
            self._texture(time_s, billboard)
            for time_s, billboard in zip(times_s, billboards, strict=True)
        ]
        patches = self._placing.show(textures, billboards)
        shadows: Sequence[Patch | None] = [None] * len(rows)
        if self._plan.look.shadow:
            shadows = self._placing.shadows(billboards)
        return [
            self._appearance(row, shadow, patch)
            for row, shadow, patch in zip(rows, shadows, patches, strict=True)
        ]

    def _appearance(self, row: int, shadow: Patch | None, patch: Patch) -> Appearance:
        shown = shown_part(self._plan, self._scene, row, self._num_rows)
        if shown == 1:
            return Appearance(shadow, patch)
        return Appearance(shadow and faded(shadow, shown), faded(patch, shown))

    def close(self) -> None:
        """Let go of the picture; files are closed."""
        if self._source is not None:
            self._source.close()
        self._source = None

    def _texture(self, time_s: Fraction, billboard: Billboard) -> Texture:
        """What it shows at a time, with the plan's look; the same object while it is the same."""
        source = self._source
        assert source is not None
        seen_width, seen_height = self._seen(billboard)
        level = self._level(seen_width, seen_height)
        # In steps: what comes nearer is not averaged anew in every frame.
        steps = 0
        if self._plan.look.blur_px:
            steps = _BLUR_STEPS
        elif isinstance(source, StillSource) and not source.has_alpha:
            steps = _STEPS
        texels_per_px = source.width_of(level) / seen_width
        octaves = round(steps * math.log2(texels_per_px)) / steps if steps else 0.0
        shown = _Shown(source.go_to(time_s), level, octaves)
        texture = self._textures.get(shown)
        if texture is None:
            look = changed(source.picture(level), self._plan.look, texels_per_px=2**octaves)
            texture = as_texture(look, device=self._device)
            if isinstance(source, ClipSource):  # it seldom has a size once more
                self._textures.keep_only(lambda one: one.size == shown.size)
            self._textures.put(shown, texture)
        return texture

    def billboard(self, row: int) -> Billboard:
        """How it stands."""
        return make_billboard(
            azimuth_deg=float(self._azimuth_deg[row]),
            elevation_deg=float(self._elevation_deg[row]),
            longer_side_deg=float(self._longer_side_deg[row]),
            aspect=self._plan.width / self._plan.height,
        )

    def _seen(self, billboard: Billboard) -> tuple[float, float]:
        """Width and height at which it appears, in pixels."""
        return appears_at(billboard, width=self._scene.width, height=self._scene.height)

    def _level(self, seen_width: float, seen_height: float) -> int:
        return level_for(
            width=self._plan.width,
            height=self._plan.height,
            seen_width=seen_width,
            seen_height=seen_height,
        )

    def _open(self) -> StillSource | ClipSource:
        asset = self._plan.asset
        cutout = tile_cutout(self._plan, self._folders)
        if asset.kind == "video":
            return ClipSource(
                self._path,
                width=asset.width,
                height=asset.height,
                begins_s=self._clip_begins_s,
                crop=self._plan.crop,
                cutout=cutout,
            )
        largest = int(np.argmax(self._longer_side_deg))
        return StillSource(
            self._path,
            sha256=asset.sha256,
            finest_level=self._level(*self._seen(self.billboard(largest))),
            crop=self._plan.crop,
            cutout=cutout,
        )


def _memory_of(plan: TilePlan) -> Memory[_Shown, Texture]:
    """Of a tile's textures. A clip that does not begin anew shows none again."""
    if plan.asset.kind == "image":
        return Memory(_KEPT_BYTES, least=_TEXTURES_KEPT)
    return Memory(_LOOP_BYTES if plan.begins_anew else 0, comes_round=True)


def tile_cutout(plan: TilePlan, folders: Mapping[str, Path]) -> Cutout:
    """What is taken away of a tile's picture."""
    asset = plan.asset
    mask = folders[asset.folder] / asset.mask if asset.mask else None
    return Cutout(mask=mask, mask_sha256=asset.mask_sha256, matte=plan.matte)


def shown_part(plan: TilePlan, scene: ScenePlan, row: int, count: int) -> float:
    """How much of a tile shows in a row of the `count` video frames that have it.

    A ramp at either end, never 0. Where its sound goes on after the video, it does not fade.
    """
    steps = plan.fade_frames + 1
    rising, falling = (row + 1) / steps, (count - row) / steps
    if falling < 1:
        end_s = Fraction(plan.track.label_frames[-1] + 1, LABEL_RATE)
        if end_s > scene.num_frames / scene.frames_per_second:
            falling = 1.0
    return min(1.0, rising, falling)
