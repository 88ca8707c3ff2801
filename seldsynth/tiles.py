"""One event's picture: how large it is, what is left of it, when it begins and how it fades."""

from __future__ import annotations

import math
from fractions import Fraction

from seldsynth.assets import Asset, AssetLibrary
from seldsynth.choice import generator_of
from seldsynth.config import Config
from seldsynth.events import SoundEvent, Track, motion_of
from seldsynth.plan import MattePlan, TilePlan


class Chance:
    """The random numbers of one event, 0..1.

    All are always drawn, so that a switch changes only what it names.
    """

    def __init__(self, config: Config, recording_id: str, key: int) -> None:
        numbers = generator_of(config, recording_id, key).random(16)
        self.size, self.mirror, self.clip_start = (float(n) for n in numbers[:3])
        self.offscreen, self.matte = (float(n) for n in numbers[3:5])


def frames_shown(track: Track, frame_rate: Fraction, num_frames: int) -> int:
    """In how many video frames a track is seen; at less than 10 frames/s that may be none."""
    motion = motion_of(track, frame_rate=frame_rate, num_frames=num_frames, interpolate=False)
    return len(motion.video_frames)


def make_tile(
    event: SoundEvent,
    track: Track,
    asset: Asset,
    chance: Chance,
    library: AssetLibrary,
    config: Config,
) -> TilePlan:
    """The picture of an event, by its chances; its look is decided once the canvas is known."""
    tiles = config.tiles
    return TilePlan(
        event_index=event.event_index,
        class_id=event.class_id,
        source_id=event.source_id,
        asset=asset,
        mirror=chance.mirror < tiles.mirror,
        clip_start_ms=int(chance.clip_start * asset.duration_ms)
        if tiles.clip_start == "random"
        else 0,
        fade_frames=tiles.fade_frames,
        matte=_matte(asset, chance.matte, library, config),
        track=track,
        longer_side_deg=tuple(
            _longer_side_deg(
                asset, library.classes[event.class_id].extent_m, distance_m, chance.size, config
            )
            for distance_m in track.distance_m
        ),
    )


def _matte(asset: Asset, chance: float, library: AssetLibrary, config: Config) -> MattePlan:
    """What is left of a picture: one of the listed mattes that can be had of it.

    Something with an outline of its own gets a soft border at most. What stands before the key
    colour is always keyed, if chroma is listed; nothing else is.
    """
    tiles = config.tiles
    key = (tiles.chroma_key[0], tiles.chroma_key[1], tiles.chroma_key[2])
    listed = list(tiles.matte)
    if asset.is_cut_out:
        listed = ["feather"] if "feather" in listed else ["none"]
    elif "chroma" in listed and library.is_keyed(asset, key, tiles.chroma_tolerance):
        listed = ["chroma"]
    else:
        listed = [kind for kind in listed if kind != "chroma"]
        if "grabcut" in listed and not library.can_be_cut(asset):
            listed = [kind for kind in listed if kind != "grabcut"]
    if not listed:
        library.warn_once(
            f"tiles.matte: {' and '.join(tiles.matte)} cannot be had of every picture or clip; "
            "nothing else is listed, so those stay whole"
        )
    kind = listed[int(chance * len(listed))] if listed else "none"
    return MattePlan(
        kind=kind, feather=tiles.feather, key_rgb=key, tolerance=tiles.chroma_tolerance
    )


def _longer_side_deg(
    asset: Asset, extent_m: float, distance_m: float, chance: float, config: Config
) -> float:
    """Angle that the longer side of a picture of that extent fills at a distance.

    chance: 0..1, from the smallest to the largest. Rounded to a millionth of a degree, so that a
    plan does not depend on the C library.
    """
    tiles = config.tiles
    if tiles.size == "fixed":
        return tiles.fixed_deg
    if tiles.size == "source":
        angle = max(asset.width, asset.height) * 360 / config.canvas.width
    else:
        extent_m *= 1 + tiles.size_jitter * (2 * chance - 1)
        angle = math.degrees(2 * math.atan2(extent_m / 2, distance_m))
    return round(min(max(angle, tiles.min_deg), tiles.max_deg), 6)
