"""Values of a config: what a single one of them may be, and what to say of one that it may not."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from seldsynth.errors import quoted

X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)
DEFAULT_SAMPLE_RATE = 48000
FORMAT_FOLDER = re.compile(r"(foa|mic)($|[^a-z])", re.IGNORECASE)
"""Folders whose names say what the sound in them is."""
MATTES = ("none", "feather", "ellipse", "chroma", "grabcut")
MASK_SIZE = r"^(full|[1-9][0-9]{1,3}x[1-9][0-9]{1,3})$"
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9}|/[0-9]{1,9})?")
_NTSC_RATES = {23.976: 24, 23.98: 24, 29.97: 30, 47.952: 48, 59.94: 60, 119.88: 120}


def parse_frame_rate(value: object) -> Fraction:
    """Frames per second as an exact fraction: 30, 12.5, 29.97 and "30000/1001" are understood.

    Decimal NTSC rates mean what the industry means: 29.97 is 30000/1001. Raises ValueError.
    """
    wish = 'should be frames per second such as 30, 29.97 or "30000/1001"'
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError(wish)
    if isinstance(value, str) and not _RATE.fullmatch(value.strip()):
        raise ValueError(wish)  # as a fraction, 1e999999999 would fill the memory
    try:
        rate = value if isinstance(value, Fraction) else Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(wish) from None
    for decimal, nominal in _NTSC_RATES.items():
        if rate == Fraction(str(decimal)):
            rate = Fraction(nominal * 1000, 1001)
    if not 1 <= rate <= 240:
        raise ValueError("should be 1 to 240 frames per second")
    if rate.denominator > 1001:
        raise ValueError(f"{wish}; {value} has no exact small fraction")
    return rate


def _even(value: int) -> int:
    """An even number of pixels."""
    if value % 2:
        raise ValueError("should be even: colour is stored at half resolution")
    return value


def _workers(value: object) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value != "auto" and not (whole and isinstance(value, int) and value >= 1):
        raise ValueError("should be auto or a whole number of at least 1")
    return value


def _mattes(value: object) -> object:
    """One matte, or a list of them."""
    listed = [value] if isinstance(value, str) else value
    known = ", ".join(MATTES)
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"should be one of {known}, or a list of some")
    for one in listed:
        if one not in MATTES:
            raise ValueError(f"no matte is called {quoted(one)}; there are {known}")
    return listed


def _rgb(value: object) -> object:
    whole = isinstance(value, list) and all(type(one) is int and 0 <= one <= 255 for one in value)
    if not whole or len(value) != 3:  # type: ignore[arg-type]
        raise ValueError("should be red, green and blue from 0 to 255, such as [0, 255, 0]")
    return value


def _mask_size(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(MASK_SIZE, value):
        raise ValueError("should be width x height of 10 to 9999 pixels such as 360x180, or full")
    return value


def _folder_weights(value: object) -> object:
    """Weights by folder, however its name ends."""
    if not isinstance(value, dict):
        raise ValueError('should be weights by folder, such as {"Class_3/studio": 2}')
    return {str(name).strip("/"): weight for name, weight in value.items()}


def _shares(value: list[float]) -> list[float]:
    if len(value) != 3 or min(value) < 0 or abs(sum(value) - 1) > 1e-6:
        raise ValueError("should be three shares that make 1, such as [0.8, 0.1, 0.1]")
    return value


def _device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,4})?", value):
        raise ValueError("should be auto, cpu, cuda or cuda:N")
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"auto|([\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]):[0-9]{1,5}", value):
        raise ValueError("should be auto, host:port such as 10.0.0.1:6379, or null")
    return value


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("should be a path in quotes")
    try:
        os.fsencode(value)
        return Path(value).expanduser()
    except UnicodeEncodeError:
        raise ValueError("should be a path of letters that file names can have") from None
    except RuntimeError:
        raise ValueError("should be a path; there is no such user's folder") from None


FolderPath = Annotated[Path, BeforeValidator(_path)]
EvenPixels = Annotated[int, Field(ge=64, le=16384), AfterValidator(_even)]
FrameRate = Annotated[Fraction, PlainValidator(parse_frame_rate)]
Workers = Annotated[int | Literal["auto"], BeforeValidator(_workers)]
Device = Annotated[str, AfterValidator(_device)]
ClusterAddress = Annotated[str, AfterValidator(_address)]
Mattes = Annotated[list[str], BeforeValidator(_mattes)]
Colour = Annotated[list[int], BeforeValidator(_rgb)]
MaskSize = Annotated[str, BeforeValidator(_mask_size)]
FolderWeights = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=1e6)]], BeforeValidator(_folder_weights)
]
Shares = Annotated[list[float], AfterValidator(_shares)]
