"""LabelTable → SoundEvents: rows become continuous tracks, and tracks directions at any time.

Label frame n covers [0.1·n, 0.1·n + 0.1) s and its direction holds at the middle of it; between
middles the direction moves on the great circle; before the first and after the last it holds.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.metadata import LabelTable
from seldsynth.sphere import angle_between_deg, angles_to_doa, doa_to_angles, great_circle

LABEL_RATE = 10
"""Label frames per second."""
MAX_PAUSE_FRAMES = 5
"""A longer pause, in label frames, ends a track."""
MAX_STEP_DEG = 30.0
"""A larger step between neighbouring rows is a jump: the direction does not move through it."""
_ROUNDING_DEG = 1e-6


@dataclass(frozen=True, kw_only=True)
class Track:
    """Where one sound is, label frame by label frame; all tuples have the same length.

    label_frames rise and need not be contiguous: the sound is off in the gaps. azimuth_deg wraps,
    elevation_deg is in -90..90, distance_m is nan where it is unknown.
    """

    label_frames: tuple[int, ...]
    azimuth_deg: tuple[float, ...]
    elevation_deg: tuple[float, ...]
    distance_m: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the frames and lengths."""
        frames = self.label_frames
        if not frames or any(b <= a for a, b in itertools.pairwise(frames)):
            raise ValueError("label_frames must rise and not be empty")
        columns = (self.azimuth_deg, self.elevation_deg, self.distance_m)
        if any(len(column) != len(frames) for column in columns):
            raise ValueError("columns of different lengths")
        if frames[0] < 0 or not all(math.isfinite(azimuth) for azimuth in self.azimuth_deg):
            raise ValueError("label_frames must not be negative, azimuth_deg must be finite")
        if not all(-90 <= elevation <= 90 for elevation in self.elevation_deg):
            raise ValueError("elevation_deg must be in -90..90")

    @property
    def duration_ms(self) -> int:
        """From the start of its first label frame to the end of its last."""
        return (self.label_frames[-1] + 1 - self.label_frames[0]) * 1000 // LABEL_RATE


@dataclass(frozen=True, kw_only=True)
class SoundEvent:
    """One track of a class and source.

    `event_index` counts the events of a recording in order of their start. Events of one source
    that come back after a pause share an `identity`: the event_index of the first of them.
    """

    event_index: int
    identity: int
    class_id: int
    source_id: int
    track: Track


@dataclass(frozen=True, kw_only=True)
class Motion:
    """A track at video frame times. `video_frames` [n] int64 are those in which it is visible.

    azimuth_deg [n] -180..180, elevation_deg [n] float64. before, after [n] int64 and weight [n]
    float64: a value that goes with the track's rows is (1 - weight)·row[before] +
    weight·row[after] then.
    """

    video_frames: NDArray[np.int64]
    azimuth_deg: NDArray[np.float64]
    elevation_deg: NDArray[np.float64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    weight: NDArray[np.float64]

    def blend(self, row_values: tuple[float, ...]) -> NDArray[np.float64]:
        """Values [n] at these times of something known for every row of the track."""
        values = np.asarray(row_values, dtype=np.float64)
        start: NDArray[np.float64] = values[self.before]
        return start + self.weight * (values[self.after] - start)  # exact where nothing changes


def label_frame_of(video_frames: NDArray[np.int64], frame_rate: Fraction) -> NDArray[np.int64]:
    """Label frame in which each video frame's time i / frame_rate lies, in whole numbers."""
    ticks: NDArray[np.int64] = LABEL_RATE * frame_rate.denominator * video_frames
    return ticks // frame_rate.numerator


def num_video_frames(duration_s: Fraction, frame_rate: Fraction) -> int:
    """Number of video frames whose time lies in [0, duration_s)."""
    frames = duration_s * frame_rate
    return -(-frames.numerator // frames.denominator)


def motion_of(track: Track, *, frame_rate: Fraction, num_frames: int, interpolate: bool) -> Motion:
    """Where the track is at the time of every video frame below num_frames that shows it.

    interpolate: move on the great circle between the middles of neighbouring rows (unless they
    are a jump), or hold every row's direction for its label frame.
    """
    label_frames = np.asarray(track.label_frames, dtype=np.int64)
    end_s = Fraction(int(label_frames[-1]) + 1, LABEL_RATE)
    start_s = Fraction(int(label_frames[0]), LABEL_RATE)
    frames = np.arange(
        min(num_video_frames(start_s, frame_rate), num_frames),
        min(num_video_frames(end_s, frame_rate), num_frames),
        dtype=np.int64,
    )
    wanted = label_frame_of(frames, frame_rate)
    row = np.minimum(np.searchsorted(label_frames, wanted), len(label_frames) - 1)
    visible = label_frames[row] == wanted
    frames, row = frames[visible], row[visible]

    doa = angles_to_doa(
        torch.tensor(track.azimuth_deg, dtype=torch.float64),
        torch.tensor(track.elevation_deg, dtype=torch.float64),
    )
    before, after, weight = row, row, np.zeros(len(row))
    if interpolate and len(label_frames) > 1:
        before, after, weight = _neighbours(label_frames, frames, row, doa, frame_rate)
    azimuth_deg, elevation_deg = _directions(track, doa, before, after, weight)
    outside = np.abs(azimuth_deg) > 180
    azimuth_deg[outside] = (azimuth_deg[outside] + 180) % 360 - 180
    return Motion(
        video_frames=frames,
        azimuth_deg=azimuth_deg,
        elevation_deg=elevation_deg,
        before=before,
        after=after,
        weight=weight,
    )


def _neighbours(
    label_frames: NDArray[np.int64],
    frames: NDArray[np.int64],
    row: NDArray[np.int64],
    doa: Tensor,
    frame_rate: Fraction,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The two rows whose middles a time lies between, and how far it is from the first."""
    # Time in label frames, measured from the middle of its own, exact until the last division.
    ticks = 2 * LABEL_RATE * frames * frame_rate.denominator
    offset = ticks / frame_rate.numerator / 2 - (label_frames[row] + 0.5)
    other = np.clip(row + np.where(offset < 0, -1, 1), 0, len(label_frames) - 1)
    before, after = np.minimum(row, other), np.maximum(row, other)
    step_deg = angle_between_deg(doa[:-1], doa[1:]).numpy()
    moves = (before != after) & (
        step_deg[np.minimum(before, len(step_deg) - 1)] <= MAX_STEP_DEG + _ROUNDING_DEG
    )
    before, after = np.where(moves, before, row), np.where(moves, after, row)
    span = np.maximum(label_frames[after] - label_frames[before], 1)
    weight = (label_frames[row] + offset + 0.5 - (label_frames[before] + 0.5)) / span
    return before, after, np.where(moves, weight, 0.0)


def _directions(
    track: Track,
    doa: Tensor,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    azimuths, elevations = np.asarray(track.azimuth_deg), np.asarray(track.elevation_deg)
    moved = great_circle(doa[before], doa[after], torch.from_numpy(weight))
    azimuth_deg, elevation_deg = (angle.numpy() for angle in doa_to_angles(moved))
    # Where it stands still its labels hold to the bit, the azimuth at a pole included.
    still = (azimuths[before] == azimuths[after]) & (elevations[before] == elevations[after])
    return (
        np.where(still, azimuths[before], azimuth_deg),
        np.where(still, elevations[before], elevation_deg),
    )


def events_of(table: LabelTable) -> tuple[SoundEvent, ...]:
    """Follow the sounds of a label table through its frames.

    (class, source) is no track: sources that are no actors may share an id. Rows of one frame that
    share a pair are given to the nearest open track of that pair; a pause of more than 0.5 s ends
    a track; a jump does not. A track that starts is taken for the return of an ended one of its
    pair, the nearest first. Returned in order of start, then class, source, azimuth, elevation.
    """
    sources: dict[tuple[int, int], _Source] = {}
    tracks: list[_OpenTrack] = []
    doa = angles_to_doa(
        torch.from_numpy(table.azimuth_deg), torch.from_numpy(table.elevation_deg)
    ).numpy()
    for rows in _rows_by_frame_and_pair(table):
        pair = (int(table.class_id[rows[0]]), int(table.source_id[rows[0]]))
        source = sources.setdefault(pair, _Source())
        tracks += source.take(rows, int(table.label_frame[rows[0]]), doa[rows])
    return _sound_events(table, tracks)


class _OpenTrack:
    """Rows of one sound, while they are being collected."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.label_frame = -1
        self.doa: NDArray[np.float64] = np.zeros(3)
        self.first_appearance = self


class _Source:
    """The tracks of one (class, source) pair: those going on, and the last of each that ended."""

    def __init__(self) -> None:
        self.open: list[_OpenTrack] = []
        self.ended: list[_OpenTrack] = []

    def take(
        self, rows: NDArray[np.int64], label_frame: int, doas: NDArray[np.float64]
    ) -> list[_OpenTrack]:
        """Add the rows of one label frame to their tracks; returns the tracks that start."""
        earliest = label_frame - MAX_PAUSE_FRAMES - 1
        self.ended += [track for track in self.open if track.label_frame < earliest]
        self.open = [track for track in self.open if track.label_frame >= earliest]
        tracks = _nearest_pairs(self.open, doas)
        new_rows = [index for index in range(len(rows)) if index not in tracks]
        returning = _nearest_pairs(self.ended, doas[new_rows])
        started = []
        for position, index in enumerate(new_rows):
            track = _OpenTrack()
            if position in returning:
                track.first_appearance = returning[position].first_appearance
                self.ended.remove(returning[position])
            tracks[index] = track
            started.append(track)
        self.open += started
        for index, track in tracks.items():
            track.rows.append(int(rows[index]))
            track.label_frame = label_frame
            track.doa = doas[index]
        return started


def _rows_by_frame_and_pair(table: LabelTable) -> list[NDArray[np.int64]]:
    """Row numbers grouped by (frame, class, source), in that order, directions sorted within."""
    keys = (
        table.elevation_deg,
        table.azimuth_deg,
        table.source_id,
        table.class_id,
        table.label_frame,
    )
    order = np.lexsort(keys)
    if not len(order):
        return []
    group = np.stack([column[order] for column in keys[2:]])
    starts = np.flatnonzero((np.diff(group, axis=1) != 0).any(axis=0)) + 1
    return np.split(order, starts)


def _nearest_pairs(tracks: list[_OpenTrack], doas: NDArray[np.float64]) -> dict[int, _OpenTrack]:
    """Row index → track, the nearest two first; rows without a track are left out."""
    if not tracks or not len(doas):
        return {}
    if len(tracks) == len(doas) == 1:  # as nearly always
        return {0: tracks[0]}
    # Rounded, so that equally near ones are told apart by their order and not by the last bit.
    closeness = np.round(np.stack([track.doa for track in tracks]) @ doas.T, 9)  # [tracks, rows]
    order = np.argsort(-closeness, axis=None, kind="stable")
    wanted = min(closeness.shape)
    assigned: dict[int, _OpenTrack] = {}
    taken: set[int] = set()
    for place in order:
        track_index, row_index = divmod(int(place), len(doas))
        if track_index not in taken and row_index not in assigned:
            assigned[row_index] = tracks[track_index]
            taken.add(track_index)
            if len(taken) == wanted:
                break
    return assigned


def _sound_events(table: LabelTable, tracks: list[_OpenTrack]) -> tuple[SoundEvent, ...]:
    index_of = {id(track): index for index, track in enumerate(tracks)}
    events = []
    for index, track in enumerate(tracks):
        rows = np.asarray(track.rows)
        events.append(
            SoundEvent(
                event_index=index,
                identity=index_of[id(track.first_appearance)],
                class_id=int(table.class_id[rows[0]]),
                source_id=int(table.source_id[rows[0]]),
                track=Track(
                    label_frames=tuple(table.label_frame[rows].tolist()),
                    azimuth_deg=tuple(table.azimuth_deg[rows].tolist()),
                    elevation_deg=tuple(table.elevation_deg[rows].tolist()),
                    distance_m=tuple(table.distance_m[rows].tolist()),
                ),
            )
        )
    return tuple(events)
