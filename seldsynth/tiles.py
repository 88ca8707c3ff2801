"""One event's picture: how large it is, what is left of it, when it begins and how it fades."""

from __future__ import annotations

import math

from seldsynth.asset_files import Asset
from seldsynth.assets import AssetLibrary
from seldsynth.choice import generator_of
from seldsynth.config import Config
from seldsynth.events import SoundEvent, Track, motion_of
from seldsynth.media.mattes import Crop
from seldsynth.outlines import choose_matte, crop_of
from seldsynth.plan import TilePlan

_LEAST_WHOLE = 3  # of a picture's time it is whole in one part, and fades in at most in one


class Chance:
    """The random numbers of one event, 0..1.

    All are always drawn, so that a switch changes only what it names.
    """

    def __init__(self, config: Config, recording_id: str, key: int) -> None:
        numbers = generator_of(config, recording_id, key).random(16)
        self.size, self.mirror, self.clip_start = (float(n) for n in numbers[:3])
        self.offscreen, self.matte = (float(n) for n in numbers[3:5])


class TileMaker:
    """Makes the pictures of one video. num_frames: of the video."""

    def __init__(
        self, config: Config, library: AssetLibrary, recording_id: str, *, num_frames: int
    ) -> None:
        self.config = config
        self.library = library
        self.recording_id = recording_id
        self.num_frames = num_frames

    def chance(self, key: int) -> Chance:
        """The random numbers of the events of one key."""
        return Chance(self.config, self.recording_id, key)

    def frames_shown(self, track: Track) -> int:
        """In how many video frames a track is seen; at less than 10 frames/s that may be none."""
        motion = motion_of(
            track,
            frame_rate=self.config.processing.fps,
            num_frames=self.num_frames,
            interpolate=False,
        )
        return len(motion.video_frames)

    def make(self, event: SoundEvent, track: Track, asset: Asset, chance: Chance) -> TilePlan:
        """The picture of an event; its look is decided once the canvas is known.

        track: the event's, with distances. Raises AssetError and MediaError.
        """
        tiles = self.config.tiles
        matte = choose_matte(asset, chance.matte, self.library, self.config)
        crop = crop_of(asset, matte, self.library)
        extent_m = self.library.classes[event.class_id].extent_m
        clip_start = chance.clip_start if tiles.clip_start == "random" else 0.0
        latest_start_ms = max(0, asset.duration_ms - track.duration_ms)
        return TilePlan(
            event_index=event.event_index,
            class_id=event.class_id,
            source_id=event.source_id,
            asset=asset,
            crop=crop,
            mirror=chance.mirror < tiles.mirror,
            clip_start_ms=int(clip_start * latest_start_ms),
            fade_frames=min(tiles.fade_frames, self.frames_shown(track) // _LEAST_WHOLE),
            matte=matte,
            track=track,
            longer_side_deg=tuple(
                _longer_side_deg(crop or asset, extent_m, distance_m, chance.size, self.config)
                for distance_m in track.distance_m
            ),
        )


def _longer_side_deg(
    shown: Asset | Crop, extent_m: float, distance_m: float, chance: float, config: Config
) -> float:
    """Angle that the longer side of what is shown fills at a distance, if it has that extent.

    chance: 0..1, from the smallest to the largest. Rounded to a millionth of a degree, so that a
    plan does not depend on the C library.
    """
    tiles = config.tiles
    if tiles.size == "fixed":
        return tiles.fixed_deg
    if tiles.size == "source":
        angle = max(shown.width, shown.height) * 360 / config.canvas.width
    else:
        extent_m *= 1 + tiles.size_jitter * (2 * chance - 1)
        angle = math.degrees(2 * math.atan2(extent_m / 2, distance_m))
    return round(min(max(angle, tiles.min_deg), tiles.max_deg), 6)
