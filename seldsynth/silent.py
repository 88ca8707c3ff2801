"""Pictures that make no sound: a model must learn that not all that is seen is heard."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from seldsynth.assets import AssetLibrary
from seldsynth.choice import AssetChooser, generator_of
from seldsynth.config import Config
from seldsynth.events import LABEL_RATE, SoundEvent, Track
from seldsynth.plan import TilePlan
from seldsynth.sphere import angle_between_deg, angles_to_doa
from seldsynth.tiles import Chance, frames_shown, make_tile

_STREAM = 2**32 - 3
_SILENT_ELEVATION = 45.0
_AWAY_DEG = 40.0
_CORNER = 1.42  # the half diagonal of a square, in halves of its side
_TRIES = 50


def silent_tiles(
    config: Config,
    events: tuple[SoundEvent, ...],
    tiles: list[TilePlan],
    library: AssetLibrary,
    choose: AssetChooser,
    recording_id: str,
    *,
    num_frames: int,
) -> list[TilePlan]:
    """Pictures that make no sound: they stand still where no labelled sound is at the time.

    tiles: those of the sounds, which they do not touch either, nor each other.
    """
    generator = generator_of(config, recording_id, _STREAM)
    label_frames = math.ceil(num_frames * LABEL_RATE / config.processing.fps)
    expected = config.tiles.silent_per_minute * label_frames / LABEL_RATE / 60
    count = int(expected + generator.random())
    classes = list(library.tiles)
    made: list[TilePlan] = []
    for index in range(count):
        numbers = generator.random(8)
        length = min(label_frames, int(10 + 70 * numbers[0]))
        start = int(numbers[1] * (label_frames - length + 1))
        class_id = classes[int(numbers[2] * len(classes))]
        asset = choose.silent(class_id)
        track = Track(
            label_frames=tuple(range(start, start + length)),
            azimuth_deg=(0.0,) * length,
            elevation_deg=(0.0,) * length,
            distance_m=(round(1 + 3 * float(numbers[3]), 3),) * length,
        )
        if asset is None or not frames_shown(track, config.processing.fps, num_frames):
            continue
        event_index = len(events) + index
        event = SoundEvent(
            event_index=event_index,
            identity=event_index,
            class_id=class_id,
            source_id=-1,
            track=track,
        )
        chance = Chance(config, recording_id, event_index)
        tile = replace(make_tile(event, track, asset, chance, library, config), silent=True)
        place = _free_place(generator, tile, events, [*tiles, *made])
        if place is None:
            continue
        azimuth_deg, elevation_deg = place
        track = replace(
            track,
            azimuth_deg=(azimuth_deg,) * length,
            elevation_deg=(elevation_deg,) * length,
        )
        made.append(replace(tile, track=track))
    return made


def _free_place(
    generator: np.random.Generator,
    tile: TilePlan,
    events: tuple[SoundEvent, ...],
    tiles: list[TilePlan],
) -> tuple[float, float] | None:
    """A direction for a silent picture; None if none was found.

    While it is seen, it is away from every sound, and clear of every other picture.
    """
    taken = [(*place, _AWAY_DEG) for event in events for place in _places(event.track, tile)]
    for other in tiles:
        apart_deg = _CORNER * (max(tile.longer_side_deg) + max(other.longer_side_deg)) / 2
        taken += [(*place, apart_deg) for place in _places(other.track, tile)]
    azimuths, elevations, least_deg = (
        torch.tensor(taken, dtype=torch.float64).reshape(-1, 3).unbind(1)
    )
    there = angles_to_doa(azimuths, elevations)
    for _ in range(_TRIES):
        azimuth_deg = round(float(generator.uniform(-180, 180)), 3)
        elevation_deg = round(float(generator.uniform(-_SILENT_ELEVATION, _SILENT_ELEVATION)), 3)
        here = angles_to_doa(*torch.tensor((azimuth_deg, elevation_deg), dtype=torch.float64))
        if bool((angle_between_deg(here.expand_as(there), there) > least_deg).all()):
            return azimuth_deg, elevation_deg
    return None


def _places(track: Track, tile: TilePlan) -> list[tuple[float, float]]:
    """Where a track is while a tile is seen."""
    first, last = tile.track.label_frames[0], tile.track.label_frames[-1]
    return [
        (track.azimuth_deg[row], track.elevation_deg[row])
        for row, frame in enumerate(track.label_frames)
        if first <= frame <= last
    ]
