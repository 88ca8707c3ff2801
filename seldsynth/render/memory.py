"""What was made and may be wanted again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class _Made(Protocol):
    @property
    def nbytes(self) -> int: ...


_Key = TypeVar("_Key", bound=Hashable)
_Anything = TypeVar("_Anything", bound=_Made)


class Memory(Generic[_Key, _Anything]):
    """Things by what they were made of: up to so many bytes, but the last one whatever its size.

    What was made together lies together, and goes when the last of it does.
    """

    def __init__(self, most_bytes: int, *, least: int = 1, comes_round: bool = False) -> None:
        """least: so many stay, however large they are.

        comes_round: things are asked for in a circle. Where not all of it has room, the newest
        makes some, so that the others are found again; the oldest would go just before its turn.
        """
        self._most_bytes = most_bytes
        self._least = least
        self._comes_round = comes_round
        self._bytes = 0
        self._kept: dict[_Key, _Anything] = {}

    def get(self, key: _Key) -> _Anything | None:
        """What was put there, if it still is."""
        return self._kept.get(key)

    def put(self, key: _Key, made: _Anything) -> None:
        """Keep something, in place of others if it must be."""
        if key in self._kept:
            self._drop(key)
        size = made.nbytes
        while self._bytes + size > self._most_bytes and len(self._kept) >= self._least:
            self._drop(next(reversed(self._kept) if self._comes_round else iter(self._kept)))
        self._kept[key] = made
        self._bytes += size

    def keep_only(self, is_wanted: Callable[[_Key], bool]) -> None:
        """Drop all that is not wanted."""
        for key in [key for key in self._kept if not is_wanted(key)]:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        self._bytes -= self._kept.pop(key).nbytes
