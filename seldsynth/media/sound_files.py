"""WAV and FLAC files: what is in one, its samples, and a part of one written as a WAV.

Every way a file can lie is met here: headers that announce more than there is, or nothing, and
samples that are no numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from pydantic import Field

from seldsynth.errors import MediaError

MOST_CHANNELS = 64
WHOLE_NUMBERS = {"PCM_16": "int16", "PCM_U8": "int16", "PCM_S8": "int16", "PCM_24": "int32"}
"""What samples of a file are read as where they are to stay as they are."""

_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"fLaC")
_OTHER_MAGIC = (b"riff", b"FORM", b"caff", b"OggS", b".snd")  # W64, AIFF …: to be called by name
_LEAST_RATE, _MOST_RATE = 1000, 655350
_BLOCK_SAMPLES = 1 << 15
_MAX_WAV_BYTES = 2**32 - 2**16
_UNKNOWN_SIZES = (0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_BYTES = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}


@dataclass(frozen=True, kw_only=True)
class SoundInfo:
    """What a sound file holds: num_samples of each channel, sample_rate a second.

    bits: of a sample, 16 or (for all that have more) 24. is_over: it goes beyond full scale, as
    floats may.
    """

    channels: Annotated[int, Field(ge=1, le=MOST_CHANNELS)]
    sample_rate: Annotated[int, Field(ge=1)]
    num_samples: Annotated[int, Field(ge=1)]
    bits: Literal[16, 24]
    is_over: bool = False

    @property
    def duration_s(self) -> Fraction:
        """Seconds."""
        return Fraction(self.num_samples, self.sample_rate)


def check_sound(path: Path) -> SoundInfo:
    """Read a sound file through and describe it.

    Raises MediaError for a file that cannot be read, is empty or cut off, or holds samples that are
    no numbers.
    """
    with open_sound(path) as file:
        if file.channels > MOST_CHANNELS:
            raise MediaError(f"{path}: {file.channels} channels are more than {MOST_CHANNELS}")
        if not _LEAST_RATE <= file.samplerate <= _MOST_RATE:
            wish = f"expected {_LEAST_RATE} to {_MOST_RATE}"
            raise MediaError(f"{path}: {file.samplerate} samples per second, {wish}")
        info = SoundInfo(
            channels=file.channels,
            sample_rate=file.samplerate,
            num_samples=file.frames,
            bits=16 if WHOLE_NUMBERS.get(file.subtype) == "int16" else 24,
        )
        if not info.num_samples:
            raise MediaError(f"{path}: holds no sound")
        read, peak = 0, 0.0
        while len(block := _read(path, file, _BLOCK_SAMPLES, "float32")):
            if not np.isfinite(block).all():
                raise MediaError(f"{path}: holds samples that are no numbers (nan or infinite)")
            read += len(block)
            peak = max(peak, float(np.abs(block).max()))
        if read != info.num_samples:
            announced_s, there_s = float(info.duration_s), read / info.sample_rate
            missing = f"{announced_s:.1f} s are announced, {there_s:.1f} s"
            raise MediaError(f"{path}: is cut off: {missing} are there")
    return replace(info, is_over=peak > 1)


def open_sound(path: Path) -> soundfile.SoundFile:
    """A sound file that is as long as it says. Raises MediaError."""
    _check_kind(path)
    try:
        file = soundfile.SoundFile(str(path))
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        raise MediaError(f"{path}: cannot be read as sound: {reason}") from None
    try:
        _check_length(path, file)
    except MediaError:
        file.close()
        raise
    return file


def _check_kind(path: Path) -> None:
    """Refuse what libsndfile would search for MPEG, and print what it thinks of it."""
    try:
        with path.open("rb") as file:
            start = file.read(10)
            if start[:3] == b"ID3":  # tags before a FLAC: seven bits of their size in a byte
                size = sum((byte & 127) << 7 * place for place, byte in enumerate(start[:5:-1]))
                file.seek(size + 10)
                start = file.read(4)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read as sound: {error.strerror}") from None
    if start[:4] not in _MAGIC + _OTHER_MAGIC:
        raise MediaError(f"{path}: cannot be read as sound: is no WAV or FLAC")


def _check_length(path: Path, file: soundfile.SoundFile) -> None:
    """Refuse a WAV that ends early: libsndfile takes it for a shorter one. Raises MediaError."""
    if file.format == "FLAC":
        return
    if file.format not in ("WAV", "WAVEX", "RF64"):
        raise MediaError(f"{path}: is no WAV or FLAC, but {file.format}")
    announced, there = _data_bytes(path)
    if announced is None:
        raise MediaError(f"{path}: its header does not tell its length; rewrite it, as with sox")
    if there < announced:
        raise MediaError(f"{path}: is cut off: {there} of {announced} bytes of sound are there")
    if there - announced >= 1 << 32:  # the header counts to 4 GiB, and began again
        raise MediaError(f"{path}: is longer than its header can tell; rewrite it as RF64")


def _data_bytes(path: Path) -> tuple[int | None, int]:
    """Bytes of sound that a WAV's header announces (None: it does not know), and that follow it."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(12)
        data_size: int | None = None
        while len(header := file.read(8)) == 8:
            kind, size = header[:4], int.from_bytes(header[4:], "little")
            if kind == b"ds64":
                data_size = int.from_bytes(file.read(16)[8:], "little")
                size -= 16
            elif kind == b"data":
                there = length - file.tell()
                if data_size is None and size in _UNKNOWN_SIZES:
                    return (None if there else 0), there
                return (size if data_size is None else data_size), there
            file.seek(size + size % 2, os.SEEK_CUR)
    raise MediaError(f"{path}: cannot be read as sound: it has no data")


def _read(path: Path, file: soundfile.SoundFile, samples: int, dtype: str) -> NDArray[Any]:
    """The next samples, [samples, channels]; fewer at the end of the file."""
    try:
        block: NDArray[Any] = file.read(samples, dtype=dtype, always_2d=True)
    except RuntimeError as error:
        raise MediaError(f"{path}: cannot be read as sound: {error}") from None
    return block


def write_wav(
    source: Path, target: Path, *, num_samples: int, comment: str = "", name: Path | None = None
) -> None:
    """Write the first samples of a sound file as a WAV, silence after its end.

    Samples keep their format, FLAC's too. comment: a line that it says of itself. Raises
    MediaError, under `name` if target is a temporary file.
    """
    with open_sound(source) as file:
        dtype = WHOLE_NUMBERS.get(file.subtype, "float64")
        width = _BYTES.get(file.subtype, 8) * file.channels
        try:
            with soundfile.SoundFile(
                str(target),
                "w",
                samplerate=file.samplerate,
                channels=file.channels,
                subtype=file.subtype,
                format="WAV" if num_samples * width < _MAX_WAV_BYTES else "RF64",
            ) as out:
                if comment:
                    out.comment = comment
                for block in padded(source, file, num_samples, dtype):
                    out.write(block)
            _forget_the_time(target)
        except (OSError, RuntimeError) as error:
            reason = _why_not_written(target) or error
            raise MediaError(f"{name or target}: cannot be written: {reason}") from None


def _why_not_written(path: Path) -> str:
    """What the operating system says of more in a file; libsndfile keeps that to itself."""
    try:
        with path.open("ab") as file:
            file.write(bytes(1 << 20))
    except OSError as error:
        return error.strerror or ""
    return ""


def read_comment(path: Path) -> str:
    """The line that a sound file says of itself; nothing if it says none, or cannot be read."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            return str(file.comment)
    except (OSError, RuntimeError):
        return ""


def _forget_the_time(wav: Path) -> None:
    """Take out when a WAV was made, which libsndfile writes beside the peaks of floats."""
    with wav.open("rb+") as file:
        place = file.read(4096).find(b"PEAK")
        if place >= 0:
            file.seek(place + 12)  # after its name, its size and its version
            file.write(bytes(4))


def padded(
    path: Path, file: soundfile.SoundFile, num_samples: int, dtype: str
) -> Iterator[NDArray[Any]]:
    """The first samples of a file, [samples, channels] a block, silence after its end."""
    left = num_samples
    while left:
        block = _read(path, file, min(left, _BLOCK_SAMPLES), dtype)
        if not len(block):
            block = np.zeros((min(left, _BLOCK_SAMPLES), file.channels), dtype)
        left -= len(block)
        yield block
