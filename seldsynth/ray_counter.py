"""What a run and its tasks tell each other, kept where all processes of a Ray cluster reach it.

A module of its own: its process need not load what renders.
"""

from __future__ import annotations


class Counter:
    """How many frames each recording has, and whether to go on. Runs as a Ray actor."""

    def __init__(self) -> None:
        self._frames: dict[int, int] = {}
        self._begun: set[int] = set()
        self._goes_on = True

    def tell(self, task: int, frames: int) -> bool:
        """A recording now has so many frames. Returns whether to go on with it."""
        self._begun.add(task)
        self._frames[task] = frames
        return self._goes_on

    def take(self) -> dict[int, int]:
        """What was told since this was last asked."""
        told, self._frames = self._frames, {}
        return told

    def stop(self) -> set[int]:
        """From now on all are told to stop. Returns which of them have begun."""
        self._goes_on = False
        return self._begun
