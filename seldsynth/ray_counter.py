"""How many frames each recording has, kept where all processes of a Ray cluster can tell it.

A module of its own: its process need not load what renders.
"""

from __future__ import annotations


class Counter:
    """Runs as a Ray actor."""

    def __init__(self) -> None:
        self._frames: dict[int, int] = {}

    def tell(self, task: int, frames: int) -> None:
        """A recording now has so many frames."""
        self._frames[task] = frames

    def take(self) -> dict[int, int]:
        """What was told since this was last asked."""
        told, self._frames = self._frames, {}
        return told
