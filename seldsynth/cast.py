"""Who is there in a video frame, made when it comes and let go when it is over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from seldsynth.events import LABEL_RATE, Motion, Track, num_video_frames


class Playhead:
    """Goes along a motion, video frame by video frame, never back."""

    def __init__(self, motion: Motion) -> None:
        self._frames = motion.video_frames
        self._row = 0
        self._asked = -1

    def row_at(self, video_frame: int) -> int | None:
        """Which row of the motion a video frame is; None if it does not show it."""
        self._asked = video_frame
        while self._row < len(self._frames) and self._frames[self._row] < video_frame:
            self._row += 1
        is_there = self._row < len(self._frames) and self._frames[self._row] == video_frame
        return self._row if is_there else None

    @property
    def is_over(self) -> bool:
        """Whether no frame after the one asked for last shows it."""
        return not len(self._frames) or self._asked >= self._frames[-1]


class _Player(Protocol):
    """Something that is there for the frames of a motion."""

    playhead: Playhead


_Anyone = TypeVar("_Anyone", bound=_Player)


class Cast(Generic[_Anyone]):
    """Who is there in a video frame: each made for the first that shows it, kept until the last.

    What is made does not pile up, however long a recording is.
    """

    def __init__(
        self, tracks: Iterable[Track], make: Callable[[int], _Anyone], *, frame_rate: Fraction
    ) -> None:
        """make: makes who has a track, by the track's place among all."""
        entrances = (
            (num_video_frames(Fraction(track.label_frames[0], LABEL_RATE), frame_rate), place)
            for place, track in enumerate(tracks)
        )
        self._coming = deque(sorted(entrances))
        self._make = make
        self._there: dict[int, _Anyone] = {}

    def at(self, video_frame: int) -> list[tuple[int, _Anyone, int]]:
        """Place, player and the row of its motion, of all that a frame shows, by their places.

        Frames must not go back.
        """
        while self._coming and self._coming[0][0] <= video_frame:
            place = self._coming.popleft()[1]
            self._there[place] = self._make(place)
        rows = (
            (place, player, player.playhead.row_at(video_frame))
            for place, player in sorted(self._there.items())
        )
        return [(place, player, row) for place, player, row in rows if row is not None]

    def leave(self) -> list[_Anyone]:
        """Let go of those that no frame after the one asked for last shows; returns them."""
        gone = [place for place, player in self._there.items() if player.playhead.is_over]
        return [self._there.pop(place) for place in gone]

    def dismiss(self) -> list[_Anyone]:
        """Let go of all; returns them."""
        left = list(self._there.values())
        self._there.clear()
        return left
