import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seldsynth.cast import Cast, Playhead
from seldsynth.events import (
    Motion,
    SoundEvent,
    Track,
    events_of,
    motion_of,
    num_video_frames,
)
from seldsynth.metadata import LabelTable
from seldsynth.sphere import angle_between_deg, angles_to_doa

RATES = st.sampled_from(
    [Fraction(text) for text in ("30", "10", "25", "60", "30000/1001", "25/2", "5", "1", "7/2")]
)


def events(*rows: tuple[float, ...]) -> tuple[SoundEvent, ...]:
    """Events of rows (label_frame, class, source, azimuth, elevation)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    table = table[np.argsort(table[:, 0], kind="stable")]
    whole = table[:, :3].astype(np.int64)
    return events_of(
        LabelTable(
            label_frame=whole[:, 0],
            class_id=whole[:, 1],
            source_id=whole[:, 2],
            azimuth_deg=table[:, 3],
            elevation_deg=table[:, 4],
            distance_m=np.full(len(table), 2.0),
        )
    )


def track(*places: tuple[float, float], first: int = 0) -> Track:
    return Track(
        label_frames=tuple(range(first, first + len(places))),
        azimuth_deg=tuple(azimuth for azimuth, _ in places),
        elevation_deg=tuple(elevation for _, elevation in places),
        distance_m=(2.0,) * len(places),
    )


def motion(
    of: Track, rate: float | Fraction = 20, *, num_frames: int = 10**6, interpolate: bool = True
) -> Motion:
    return motion_of(of, frame_rate=Fraction(rate), num_frames=num_frames, interpolate=interpolate)


def test_a_source_is_one_event() -> None:
    (event,) = events(*((n, 3, 0, 10 * n, 0) for n in range(5)))
    assert event.track.label_frames == (0, 1, 2, 3, 4)
    assert event.track.azimuth_deg == (0, 10, 20, 30, 40)
    assert (event.class_id, event.source_id, event.event_index) == (3, 0, 0)


def test_a_crowd_of_one_class_and_source_keeps_its_places() -> None:
    """A hundred in each frame, all of one pair: each goes on where it is."""
    places = [(36 * (n % 10) - 180, 16 * (n // 10) - 80) for n in range(100)]
    rows = [(frame, 3, 0, az + frame, el) for frame in range(9) for az, el in places]
    found = events(*rows)
    assert len(found) == 100
    assert sorted(
        (one.track.azimuth_deg[0], one.track.elevation_deg[0]) for one in found
    ) == sorted(places)
    for one in found:
        assert len(one.track.label_frames) == 9
        assert set(np.diff(one.track.azimuth_deg)) == {1}
        assert len(set(one.track.elevation_deg)) == 1


def test_a_jump_ends_nothing() -> None:
    (event,) = events((0, 3, 0, 0, 0), (1, 3, 0, 46, 0), (2, 3, 0, -100, 0))
    assert event.track.azimuth_deg == (0, 46, -100)


@pytest.mark.parametrize(("pause", "count"), [(1, 1), (5, 1), (6, 2), (50, 2)])
def test_a_pause_of_more_than_half_a_second_ends_a_track(pause: int, count: int) -> None:
    found = events((0, 3, 0, 0, 0), (pause + 1, 3, 0, 0, 0))
    assert len(found) == count
    assert {event.identity for event in found} == {0}


def test_rows_that_share_a_pair_go_to_the_nearest_track() -> None:
    rows = []
    for n in range(10):
        rows += [(n, 5, 0, 10 + n, 0), (n, 5, 0, -170 - n, 0)]
    left, back = sorted(events(*rows), key=lambda event: event.track.azimuth_deg[0], reverse=True)
    assert left.track.azimuth_deg == tuple(range(10, 20))
    assert back.track.azimuth_deg == tuple(range(-170, -180, -1))
    assert left.identity != back.identity


def test_a_second_sound_of_a_pair_opens_a_track_of_its_own() -> None:
    first, second = events((0, 5, 0, 0, 0), (1, 5, 0, 1, 0), (1, 5, 0, 100, 0), (2, 5, 0, 99, 0))
    assert first.track.azimuth_deg == (0, 1)
    assert second.track.azimuth_deg == (100, 99)


def test_who_comes_back_is_the_nearest_of_those_who_left() -> None:
    rows = [(0, 5, 0, 0, 0), (0, 5, 0, 90, 0), (20, 5, 0, 80, 0), (20, 5, 0, 5, 0)]
    found = events(*rows)
    first_place = {event.event_index: event.track.azimuth_deg[0] for event in found}
    for event in found[2:]:
        assert abs(first_place[event.identity] - event.track.azimuth_deg[0]) <= 10


def test_actors_are_told_apart_by_class_and_source() -> None:
    found = events((0, 0, 1, 0, 0), (0, 4, 1, 0, 0), (0, 0, 2, 0, 0))
    assert len(found) == 3
    assert len({event.identity for event in found}) == 3


def test_no_rows_no_events() -> None:
    assert events() == ()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.integers(0, 1),
            st.integers(0, 1),
            st.integers(-180, 179),
            st.integers(-90, 90),
        ),
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_every_row_is_in_one_event_whatever_their_order(
    rows: list[tuple[int, ...]], random: object
) -> None:
    found = events(*rows)
    again = list(rows)
    random.shuffle(again)  # type: ignore[attr-defined]
    assert events(*again) == found
    taken = sorted(
        (frame, event.class_id, event.source_id, azimuth, elevation)
        for event in found
        for frame, azimuth, elevation in zip(
            event.track.label_frames,
            event.track.azimuth_deg,
            event.track.elevation_deg,
            strict=True,
        )
    )
    assert taken == sorted(map(tuple, rows))
    assert [event.event_index for event in found] == list(range(len(found)))
    for event in found:
        assert np.diff(event.track.label_frames).max(initial=1) <= 6


def test_the_label_holds_at_the_middle_of_its_frame() -> None:
    moving = motion(track((0, 0), (10, 0), (20, 0)), 20)
    assert moving.video_frames.tolist() == [0, 1, 2, 3, 4, 5]
    assert moving.azimuth_deg == pytest.approx([0, 0, 5, 10, 15, 20])


def test_before_the_first_and_after_the_last_it_holds() -> None:
    moving = motion(track((0, 0), (10, 0)), 100)
    assert moving.azimuth_deg[:6] == pytest.approx([0] * 6)
    assert moving.azimuth_deg[15:] == pytest.approx([10] * 5)
    assert moving.azimuth_deg[10] == pytest.approx(5)


def test_motion_goes_over_the_seam_and_the_pole() -> None:
    seam = motion(track((175, 0), (-175, 0)), 20)
    assert abs(seam.azimuth_deg[2]) == pytest.approx(180)
    pole = motion(track((0, 80), (180, 80)), 20)
    assert pole.elevation_deg[2] == pytest.approx(90)


def test_a_jump_stops_the_interpolation() -> None:
    moving = motion(track((0, 0), (31, 0), (32, 0)), 100)
    assert set(moving.azimuth_deg[:10]) == {0}
    assert set(moving.azimuth_deg[10:16]) == {31}
    assert moving.azimuth_deg[20] == pytest.approx(31.5)


@pytest.mark.parametrize(("step", "moves"), [(30, True), (-30, True), (31, False)])
def test_what_is_a_jump_does_not_depend_on_the_azimuth(step: int, moves: bool) -> None:
    for azimuth in range(-180, 180):
        moving = motion(track((azimuth, 0), (azimuth + step, 0)), 20)
        halfway = abs(math.remainder(moving.azimuth_deg[2] - azimuth - step / 2, 360)) < 1e-6
        assert halfway == moves


def test_equally_near_tracks_are_told_apart_by_their_order() -> None:
    for azimuth in range(-180, 180, 7):
        for apart in (5, 10, 15):
            rows = [(0, 5, 0, azimuth - apart, 0), (0, 5, 0, azimuth + apart, 0)]
            first, _ = events(*rows, (1, 5, 0, azimuth, 0))
            assert len(first.track.label_frames) == 2


def test_without_interpolation_it_moves_in_steps() -> None:
    moving = motion(track((0, 0), (10, 0)), 20, interpolate=False)
    assert moving.azimuth_deg.tolist() == [0, 0, 10, 10]


def test_the_azimuth_at_a_pole_is_kept() -> None:
    still = motion(track((77, 90), (77, 90)), 30)
    assert set(still.azimuth_deg) == {77}
    assert set(still.elevation_deg) == {90}


def test_it_is_invisible_while_it_pauses() -> None:
    paused = Track(
        label_frames=(0, 3), azimuth_deg=(0, 6), elevation_deg=(0, 0), distance_m=(1.0, 4.0)
    )
    moving = motion(paused, 20)
    assert moving.video_frames.tolist() == [0, 1, 6, 7]
    assert moving.azimuth_deg == pytest.approx([0, 0, 5, 6])
    assert moving.blend(paused.distance_m) == pytest.approx([1, 1, 3.5, 4])


@given(RATES, st.lists(st.integers(0, 200), min_size=1, max_size=20, unique=True))
def test_it_is_visible_exactly_when_the_time_lies_in_one_of_its_label_frames(
    rate: Fraction, label_frames: list[int]
) -> None:
    label_frames = sorted(label_frames)
    zeros = (0.0,) * len(label_frames)
    of = Track(
        label_frames=tuple(label_frames), azimuth_deg=zeros, elevation_deg=zeros, distance_m=zeros
    )
    moving = motion(of, rate, num_frames=450)
    visible = set(moving.video_frames.tolist())
    playhead = Playhead(moving)
    rows = []
    for video_frame in range(450):
        rows.append(playhead.row_at(video_frame))
        assert (rows[-1] is not None) == (video_frame in visible)
        assert playhead.is_over == (not visible or video_frame >= max(visible))
        time = Fraction(video_frame) / rate
        inside = any(Fraction(n, 10) <= time < Fraction(n + 1, 10) for n in label_frames)
        assert (video_frame in visible) == inside
    assert [row for row in rows if row is not None] == list(range(len(visible)))


@given(
    RATES,
    st.lists(
        st.lists(st.integers(0, 30), min_size=1, max_size=5, unique=True), min_size=1, max_size=5
    ),
)
def test_who_is_there(rate: Fraction, all_label_frames: list[list[int]]) -> None:
    """Each is made once, when it comes, and let go when it has gone."""
    tracks = [
        Track(
            label_frames=tuple(sorted(frames)),
            azimuth_deg=(0.0,) * len(frames),
            elevation_deg=(0.0,) * len(frames),
            distance_m=(1.0,) * len(frames),
        )
        for frames in all_label_frames
    ]
    motions = [motion(track, rate, num_frames=100) for track in tracks]
    made: list[int] = []
    gone: list[Player] = []

    def make(place: int) -> Player:
        made.append(place)
        return Player(motions[place])

    cast = Cast(tracks, make, frame_rate=rate)
    for video_frame in range(100):
        found = [(place, row) for place, _, row in cast.at(video_frame)]
        expected = [
            (place, one.video_frames.tolist().index(video_frame))
            for place, one in enumerate(motions)
            if video_frame in one.video_frames
        ]
        assert found == expected
        gone += cast.leave()
        left = [one for one in gone if len(one.motion.video_frames)]
        assert all(one.motion.video_frames[-1] <= video_frame for one in left)
    assert len(set(made)) == len(made)
    assert len(gone) + len(cast.dismiss()) == len(made)


class Player:
    def __init__(self, motion: Motion) -> None:
        self.motion = motion
        self.playhead = Playhead(motion)


@given(
    RATES,
    st.lists(st.tuples(st.integers(-180, 180), st.integers(-90, 90)), min_size=1, max_size=8),
)
def test_between_middles_it_is_on_the_way(
    rate: Fraction, places: list[tuple[float, float]]
) -> None:
    of = track(*places, first=7)
    moving = motion(of, rate)
    doa = angles_to_doa(torch.tensor(moving.azimuth_deg), torch.tensor(moving.elevation_deg))
    labels = angles_to_doa(
        torch.tensor(of.azimuth_deg, dtype=torch.float64),
        torch.tensor(of.elevation_deg, dtype=torch.float64),
    )
    for index, video_frame in enumerate(moving.video_frames):
        position = 10 * video_frame / float(rate) - 7.5
        before = int(np.clip(np.floor(position), 0, len(places) - 1))
        after = int(np.clip(before + 1, 0, len(places) - 1))
        a, b = labels[before], labels[after]
        detour = (
            angle_between_deg(a, doa[index])
            + angle_between_deg(doa[index], b)
            - angle_between_deg(a, b)
        )
        assert detour < 1e-5


@pytest.mark.parametrize(
    ("duration_s", "rate", "frames"),
    [
        (Fraction(60), Fraction(30), 1800),
        (Fraction(60), Fraction(30000, 1001), 1799),
        (Fraction(1, 10), Fraction(30), 3),
        (Fraction(1, 10), Fraction(25), 3),
        (Fraction(0), Fraction(25), 0),
    ],
)
def test_frames_in_a_duration(duration_s: Fraction, rate: Fraction, frames: int) -> None:
    assert num_video_frames(duration_s, rate) == frames
    assert Fraction(frames) / rate >= duration_s > Fraction(frames - 1) / rate


def test_a_track_checks_itself() -> None:
    with pytest.raises(ValueError, match="must rise"):
        Track(label_frames=(1, 1), azimuth_deg=(0, 0), elevation_deg=(0, 0), distance_m=(1, 1))
    with pytest.raises(ValueError, match="different lengths"):
        Track(label_frames=(1, 2), azimuth_deg=(0,), elevation_deg=(0, 0), distance_m=(1, 1))
