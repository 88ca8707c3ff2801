"""Pictures that make no sound: a model must learn that not all that is seen is heard."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch

from seldsynth.choice import AssetChooser, generator_of
from seldsynth.events import LABEL_RATE, SoundEvent, Track
from seldsynth.plan import TilePlan
from seldsynth.sphere import angle_between_deg, angles_to_doa
from seldsynth.tiles import TileMaker

_STREAM = 2**32 - 3
_SILENT_ELEVATION = 45.0
_AWAY_DEG = 40.0
_CORNER = 1.42  # the half diagonal of a square, in halves of its side
_TRIES = 50


def silent_tiles(
    maker: TileMaker, choose: AssetChooser, events: list[SoundEvent], tiles: list[TilePlan]
) -> list[TilePlan]:
    """Pictures that make no sound: they stand still where no labelled sound is at the time.

    events: all that the video has. tiles: those of them that are seen, which silent pictures do
    not touch either, nor each other.
    """
    config, classes = maker.config, list(maker.library.tiles)
    generator = generator_of(config, maker.recording_id, _STREAM)
    label_frames = math.ceil(maker.num_frames * LABEL_RATE / config.processing.fps)
    expected = config.tiles.silent_per_minute * label_frames / LABEL_RATE / 60
    taken = _Taken(events, tiles)
    first_index = 1 + max((event.event_index for event in events), default=-1)
    made: list[TilePlan] = []
    for index in range(int(expected + generator.random())):
        numbers = generator.random(8)
        length = min(label_frames, int(10 + 70 * numbers[0]))
        start = int(numbers[1] * (label_frames - length + 1))
        class_id = classes[int(numbers[2] * len(classes))]
        asset = choose.silent(class_id)
        track = _still_track(start, length, distance_m=round(1 + 3 * float(numbers[3]), 3))
        if asset is None or not maker.frames_shown(track):
            continue
        event_index = first_index + index
        event = SoundEvent(
            event_index=event_index,
            identity=event_index,
            class_id=class_id,
            source_id=-1,
            track=track,
        )
        tile = maker.make(event, track, asset, maker.chance(event_index))
        place = taken.find_free(generator, tile)
        if place is not None:
            tile = replace(tile, silent=True, track=_moved(track, *place))
            taken.add_picture(tile)
            made.append(tile)
    return made


def _still_track(start: int, length: int, *, distance_m: float) -> Track:
    return Track(
        label_frames=tuple(range(start, start + length)),
        azimuth_deg=(0.0,) * length,
        elevation_deg=(0.0,) * length,
        distance_m=(distance_m,) * length,
    )


def _moved(track: Track, azimuth_deg: float, elevation_deg: float) -> Track:
    length = len(track.label_frames)
    return replace(
        track, azimuth_deg=(azimuth_deg,) * length, elevation_deg=(elevation_deg,) * length
    )


class _Taken:
    """Where sounds and pictures are, and how far from each a picture must stay."""

    def __init__(self, events: Iterable[SoundEvent], tiles: Iterable[TilePlan]) -> None:
        self._tracks: list[Track] = []
        self._firsts, self._lasts = array("q"), array("q")
        self._apart: list[tuple[float, float]] = []  # degrees, and how many per degree of its side
        for event in events:
            self._add(event.track, _AWAY_DEG, 0.0)
        for tile in tiles:
            self.add_picture(tile)

    def add_picture(self, tile: TilePlan) -> None:
        """A picture that others must not touch."""
        self._add(tile.track, _CORNER * max(tile.longer_side_deg) / 2, _CORNER / 2)

    def _add(self, track: Track, apart_deg: float, per_deg: float) -> None:
        self._tracks.append(track)
        self._firsts.append(track.label_frames[0])
        self._lasts.append(track.label_frames[-1])
        self._apart.append((apart_deg, per_deg))

    def find_free(
        self, generator: np.random.Generator, tile: TilePlan
    ) -> tuple[float, float] | None:
        """A direction for a picture while it is seen; None if none was found."""
        taken = self._while_seen(tile)
        there = angles_to_doa(taken[:, 0], taken[:, 1])
        for _ in range(_TRIES):
            azimuth_deg = round(float(generator.uniform(-180, 180)), 3)
            elevation_deg = round(
                float(generator.uniform(-_SILENT_ELEVATION, _SILENT_ELEVATION)), 3
            )
            here = angles_to_doa(*torch.tensor((azimuth_deg, elevation_deg), dtype=torch.float64))
            if bool((angle_between_deg(here.expand_as(there), there) > taken[:, 2]).all()):
                return azimuth_deg, elevation_deg
        return None

    def _while_seen(self, tile: TilePlan) -> torch.Tensor:
        """[n, 3] float64: azimuth, elevation, least distance of all there is meanwhile."""
        first, last = tile.track.label_frames[0], tile.track.label_frames[-1]
        side_deg = max(tile.longer_side_deg)
        meanwhile = (np.asarray(self._firsts) <= last) & (np.asarray(self._lasts) >= first)
        rows = [np.zeros((0, 3))]
        for index in np.flatnonzero(meanwhile):
            track, (apart_deg, per_deg) = self._tracks[index], self._apart[index]
            begin, end = np.searchsorted(track.label_frames, (first, last + 1))
            least = np.full(end - begin, apart_deg + per_deg * side_deg)
            here = slice(begin, end)
            rows.append(
                np.column_stack((track.azimuth_deg[here], track.elevation_deg[here], least))
            )
        return torch.from_numpy(np.concatenate(rows))
