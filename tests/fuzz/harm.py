"""Bytes that come to harm, at random but always alike."""

from __future__ import annotations

import re
import zlib

import numpy as np

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 30000, 0xF4240, 10**9)
EXTREMES += (0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)


def harmed(
    content: bytes, rng: np.random.Generator, *, hot: re.Pattern[bytes] | None = None
) -> bytes:
    """A copy to which one or two things have happened.

    hot: what comes before numbers that mean something: half of what happens is near one of these.
    """
    for _ in range(int(rng.integers(1, 3))):
        places = [match.end() for match in hot.finditer(content)] if hot else []
        if places and rng.random() < 0.5:
            near = int(rng.choice(places)) + int(rng.integers(-8, 28))
            content = _with_extreme(content, max(0, near), rng)
        else:
            content = _HARM[int(rng.integers(len(_HARM)))](content, rng)
    return content


def _place(content: bytes, rng: np.random.Generator) -> int:
    """Somewhere; more often near the beginning, but seldom in the first bytes."""
    start = min(len(content), 12) if rng.random() < 0.9 else 0
    end = len(content) if rng.random() < 0.6 else min(len(content), 200)
    return int(rng.integers(start, end)) if end > start else 0


def _with_extreme(content: bytes, place: int, rng: np.random.Generator) -> bytes:
    width = int(rng.choice([1, 2, 4, 8], p=[0.1, 0.2, 0.6, 0.1]))
    value = int(rng.choice(np.array(EXTREMES, dtype=np.uint64))) & (256**width - 1)
    return (
        content[:place]
        + value.to_bytes(width, "big" if rng.random() < 0.5 else "little")
        + content[place + width :]
    )


def _extreme(content: bytes, rng: np.random.Generator) -> bytes:
    return _with_extreme(content, _place(content, rng), rng)


def _flipped(content: bytes, rng: np.random.Generator) -> bytes:
    harmed = bytearray(content)
    for _ in range(int(rng.integers(1, 9)) if content else 0):
        harmed[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(harmed)


def _cut_off(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _slice(content: bytes, rng: np.random.Generator) -> slice:
    start = _place(content, rng)
    return slice(start, start + int(rng.integers(1, 64)))


def _without(content: bytes, rng: np.random.Generator) -> bytes:
    gone = _slice(content, rng)
    return content[: gone.start] + content[gone.stop :]


def _doubled(content: bytes, rng: np.random.Generator) -> bytes:
    twice = _slice(content, rng)
    return content[: twice.stop] + content[twice] * int(rng.integers(1, 4)) + content[twice.stop :]


def _with_noise(content: bytes, rng: np.random.Generator) -> bytes:
    place = _place(content, rng)
    return content[:place] + rng.bytes(int(rng.integers(1, 33))) + content[place:]


def _blank(content: bytes, rng: np.random.Generator) -> bytes:
    gone = _slice(content, rng)
    filling = b"\0" if rng.random() < 0.5 else b"\xff"
    return content[: gone.start] + filling * len(content[gone]) + content[gone.stop :]


def _moved(content: bytes, rng: np.random.Generator) -> bytes:
    taken = _slice(content, rng)
    rest = content[: taken.start] + content[taken.stop :]
    place = _place(rest, rng)
    return rest[:place] + content[taken] + rest[place:]


_HARM = (_extreme, _flipped, _flipped, _cut_off, _without, _doubled, _with_noise, _blank, _moved)


def with_png_sums(content: bytes) -> bytes:
    """A PNG whose chunks all have the right checksum, as far as they can be followed."""
    mended, place = bytearray(content), 8
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        end = place + 8 + size
        if end + 4 > len(content):
            break
        mended[end : end + 4] = zlib.crc32(content[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(mended)
