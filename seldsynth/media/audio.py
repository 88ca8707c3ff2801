"""WAV and FLAC files → sound tracks: what is in a file, and its samples as an encoder takes them.

Channels are never mixed: a resampler changes rate and number format only, and the layout that
frames carry is the encoder's name for so many channels, not what they mean.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from numpy.typing import NDArray
from pydantic import Field

from seldsynth.errors import MediaError

SoundCodec = Literal["aac", "flac", "opus"]
_BLOCK_SAMPLES = 1 << 15
MOST_CHANNELS = 64
_MAX_WAV_BYTES = 2**32 - 2**16
_RESAMPLER_REACH = 256
_UNKNOWN_SIZES = (0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_BYTES = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}
_WHOLE_NUMBERS = {"PCM_16": "int16", "PCM_U8": "int16", "PCM_S8": "int16", "PCM_24": "int32"}
# 4.0 and not quad: from quad, Google's own tool reads no channels; 3.1 would lose one.
_LAYOUTS = {1: "mono", 2: "stereo", 4: "4.0"}
_ENCODERS = {"aac": "aac", "flac": "flac", "opus": "libopus"}
# Measured on real recordings (docs/sound.md): with noise substitution, intensity and mid/side
# coding, sound moves; without them and with the fast search, signal to noise is 6 dB better too.
_AAC_OPTIONS = {"aac_coder": "fast", "aac_pns": "0", "aac_is": "0", "aac_ms": "0"}


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


@dataclass(frozen=True, kw_only=True)
class SoundFormat:
    """What a sound track is to be.

    channels: 1, 2 or 4. bits_per_s: of all channels; flac takes what it needs. bits: of a sample,
    for flac. foa: the channels are ambisonic, W, Y, Z, X.
    """

    codec: SoundCodec
    channels: int
    sample_rate: Annotated[int, Field(ge=1000, le=655350)]
    bits_per_s: Annotated[int, Field(ge=1000)]
    bits: Literal[16, 24]
    foa: bool

    def __post_init__(self) -> None:
        """Check that an MP4 can have so many channels."""
        if self.channels not in _LAYOUTS or (self.foa and self.layout != _LAYOUTS[4]):
            raise ValueError("channels must be 1, 2 or 4, of foa 4")

    @property
    def layout(self) -> str:
        """FFmpeg's name for so many channels."""
        return _LAYOUTS[self.channels]

    @property
    def sample_format(self) -> str:
        """FFmpeg's name for the numbers that the encoder takes."""
        if self.codec == "flac":
            return "s16" if self.bits == 16 else "s32"
        return {"aac": "fltp", "opus": "flt"}[self.codec]


def can_be_a_track(channels: int) -> bool:
    """Whether so many channels can go into an MP4."""
    return channels in _LAYOUTS


def check_sound(path: Path) -> SoundInfo:
    """Read a sound file through and describe it.

    Raises MediaError for a file that cannot be read, is empty or cut off, or holds samples that are
    no numbers.
    """
    with _open(path) as file:
        if file.channels > MOST_CHANNELS:
            raise MediaError(f"{path}: {file.channels} channels are more than {MOST_CHANNELS}")
        info = SoundInfo(
            channels=file.channels,
            sample_rate=file.samplerate,
            num_samples=file.frames,
            bits=16 if _WHOLE_NUMBERS.get(file.subtype) == "int16" else 24,
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
            missing = f"{info.duration_s:.1f} s are announced, {read / info.sample_rate:.1f} s"
            raise MediaError(f"{path}: is cut off: {missing} are there")
    return replace(info, is_over=peak > 1)


def _open(path: Path) -> soundfile.SoundFile:
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


def _check_length(path: Path, file: soundfile.SoundFile) -> None:
    """Refuse a WAV that ends early: libsndfile takes it for a shorter one. Raises MediaError."""
    if file.format == "FLAC":
        return
    if file.format not in ("WAV", "WAVEX", "RF64"):
        raise MediaError(f"{path}: is no WAV or FLAC, but {file.format}")
    announced, there = _data_bytes(path)
    if announced is None and not there:
        announced = 0
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
                unknown = size in _UNKNOWN_SIZES and data_size is None
                return None if unknown else data_size or size, length - file.tell()
            file.seek(size + size % 2, os.SEEK_CUR)
    raise MediaError(f"{path}: cannot be read as sound: it has no data")


def _read(path: Path, file: soundfile.SoundFile, samples: int, dtype: str) -> NDArray[Any]:
    """The next samples, [samples, channels]; fewer at the end of the file."""
    try:
        block: NDArray[Any] = file.read(samples, dtype=dtype, always_2d=True)
    except RuntimeError as error:
        raise MediaError(f"{path}: cannot be read as sound: {error}") from None
    return block


def write_wav(source: Path, target: Path, *, num_samples: int) -> None:
    """Write the first samples of a sound file as a WAV, silence after its end.

    Samples keep their format, FLAC's too. Raises MediaError.
    """
    with _open(source) as file:
        subtype = file.subtype if file.format in ("WAV", "WAVEX", "RF64", "FLAC") else "FLOAT"
        dtype = _WHOLE_NUMBERS.get(subtype, "float64")
        width = _BYTES.get(subtype, 8) * file.channels
        try:
            with soundfile.SoundFile(
                str(target),
                "w",
                samplerate=file.samplerate,
                channels=file.channels,
                subtype=subtype,
                format="WAV" if num_samples * width < _MAX_WAV_BYTES else "RF64",
            ) as out:
                for block in _padded(source, file, num_samples, dtype):
                    out.write(block)
            _forget_the_time(target)
        except (OSError, RuntimeError) as error:
            raise MediaError(f"{target}: cannot be written: {error}") from None


def _forget_the_time(wav: Path) -> None:
    """Take out when a WAV was made, which libsndfile writes beside the peaks of floats."""
    with wav.open("rb+") as file:
        place = file.read(4096).find(b"PEAK")
        if place >= 0:
            file.seek(place + 12)  # after its name, its size and its version
            file.write(bytes(4))


def _padded(
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


def add_sound_stream(container: OutputContainer, form: SoundFormat) -> AudioStream:
    """A sound track of a container that is written."""
    options = dict(_AAC_OPTIONS) if form.codec == "aac" else {}
    if form.codec == "opus" and form.channels > 2:
        # Family 2 is ambisonics; 255 are channels that mean nothing in particular (RFC 8486).
        options = {"mapping_family": "2" if form.foa else "255"}
    stream = container.add_stream(
        _ENCODERS[form.codec],
        rate=form.sample_rate,
        options=options,
        layout=form.layout,
        format=form.sample_format,
    )
    assert isinstance(stream, AudioStream)
    stream.codec_context.thread_count = 1
    if form.codec != "flac":
        stream.bit_rate = form.bits_per_s
    return stream


def sound_frames(track: SoundTrack) -> Generator[AudioFrame, None, None]:
    """The sound of a track as its encoder takes it, in order. Raises MediaError."""
    path, form, num_samples = track.path, track.form, track.num_samples
    position = 0
    with _open(path) as file:
        if file.channels != form.channels:
            raise MediaError(f"{path}: {file.channels} channels, expected {form.channels}")
        for frame in _resampled(path, file, form, num_samples):
            kept = min(frame.samples, num_samples - position)
            if kept:
                yield _at(position, frame, kept)
                position += kept
    if position != num_samples:
        raise MediaError(f"{path}: gave {position} samples of {num_samples}")


def _resampled(
    path: Path, file: soundfile.SoundFile, form: SoundFormat, num_samples: int
) -> Iterator[AudioFrame]:
    """At least so many samples of a file, in the encoder's rate and number format."""
    resampler = AudioResampler(format=form.sample_format, layout=form.layout, rate=form.sample_rate)
    # Whole numbers stay as they are; as floats they would keep 24 bits.
    whole = form.codec == "flac" and file.samplerate == form.sample_rate
    dtype = _WHOLE_NUMBERS.get(file.subtype, "float32") if whole else "float32"
    name = {"int16": "s16", "int32": "s32", "float32": "flt"}[dtype]
    needed = num_samples * file.samplerate // form.sample_rate + _RESAMPLER_REACH
    for block in _padded(path, file, needed, dtype):
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), format=name, layout=form.layout)
        frame.sample_rate = file.samplerate
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _at(position: int, frame: AudioFrame, samples: int) -> AudioFrame:
    """A frame that begins at a sample of the track and has only so many."""
    if samples < frame.samples:
        values: NDArray[Any] = frame.to_ndarray()
        per_sample = 1 if frame.format.is_planar else frame.layout.nb_channels
        shorter: NDArray[Any] = np.ascontiguousarray(values[:, : samples * per_sample])
        cut = AudioFrame.from_ndarray(shorter, format=frame.format.name, layout=frame.layout.name)
        cut.sample_rate = frame.sample_rate
        frame = cut
    frame.pts, frame.time_base = position, Fraction(1, frame.sample_rate)
    return frame


def describe_sound(container: InputContainer) -> dict[str, object]:
    """What sound a container has, and where it ends: what encoders add to it is not played."""
    if not container.streams.audio:
        return {"sound": None}
    stream = container.streams.audio[0]
    container.seek(0, stream=stream)
    packets = (packet for packet in container.demux(stream) if packet.pts is not None)
    end = max(((one.pts or 0) + (one.duration or 0) for one in packets), default=0)
    return {
        "sound": stream.codec_context.codec.canonical_name,
        "channels": stream.channels,
        "sample rate": stream.rate,
        "samples": end * (stream.time_base or 0) * stream.rate,
    }


class SoundWriter(Protocol):
    """Writes a sound track beside the pictures of the same time."""

    def write_until(self, time_s: Fraction | None) -> None:
        """Write what comes before a time; None: all that is left."""

    def close(self) -> None:
        """Let go of the file."""


@dataclass(frozen=True, kw_only=True)
class SoundTrack:
    """A sound track to be encoded: the first samples of a file, silence after its end.

    num_samples: of each channel, at form.sample_rate.
    """

    path: Path
    form: SoundFormat
    num_samples: int

    @property
    def foa(self) -> bool:
        """Whether it is first-order ambisonics."""
        return self.form.foa

    @property
    def description(self) -> dict[str, object]:
        """As `describe_sound` finds it in what was written."""
        return {
            "sound": self.form.codec,
            "channels": self.form.channels,
            "sample rate": self.form.sample_rate,
            "samples": self.num_samples,
        }

    def write_into(self, container: OutputContainer) -> SoundWriter:
        """Begin to write it."""
        return _Encoder(container, self)


class _Encoder:
    def __init__(self, container: OutputContainer, track: SoundTrack) -> None:
        self._container = container
        self._stream = add_sound_stream(container, track.form)
        self._frames = sound_frames(track)
        self._rate = track.form.sample_rate
        self._written = 0

    def write_until(self, time_s: Fraction | None) -> None:
        while time_s is None or self._written < time_s * self._rate:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._written += frame.samples
            self._container.mux(self._stream.encode(frame))
        if time_s is None:
            self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        self._frames.close()


class SoundCopy:
    """The sound track of a video, as it is, for a copy of that. Raises MediaError."""

    def __init__(self, video: Path, *, foa: bool) -> None:
        self.video = video
        self.foa = foa
        with _opened_video(video) as container:
            self.description = describe_sound(container)

    @property
    def is_there(self) -> bool:
        """Whether the video has sound."""
        return self.description["sound"] is not None

    def write_into(self, container: OutputContainer) -> SoundWriter:
        """Begin to write it."""
        return _Copier(container, self.video)


@contextlib.contextmanager
def _opened_video(path: Path) -> Iterator[InputContainer]:
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: cannot be opened: {error}") from None
    with container:
        yield container


class _Copier:
    def __init__(self, container: OutputContainer, video: Path) -> None:
        self._resources = contextlib.ExitStack()
        self._container = container
        source = self._resources.enter_context(_opened_video(video))
        try:
            self._stream = container.add_stream_from_template(source.streams.audio[0])
        except Exception:
            self.close()
            raise
        self._packets = source.demux(source.streams.audio[0])

    def write_until(self, time_s: Fraction | None) -> None:
        for packet in self._packets:
            if packet.dts is None:
                continue
            starts_s = packet.dts * packet.time_base
            packet.stream = self._stream
            self._container.mux(packet)
            if time_s is not None and starts_s >= time_s:
                break

    def close(self) -> None:
        self._resources.close()
