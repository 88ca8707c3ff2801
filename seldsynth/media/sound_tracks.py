"""Sound tracks of videos: samples as an encoder takes them, or a track as another video has it.

Channels are never mixed: a resampler changes rate and number format only, and the layout that
frames carry is the encoder's name for so many channels, not what they mean.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
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
from seldsynth.media.sound_files import WHOLE_NUMBERS, open_sound, padded

SoundCodec = Literal["aac", "flac", "opus"]
_RESAMPLER_REACH = 256
# 4.0 and not quad: from quad, Google's own tool reads no channels; 3.1 would lose one.
_LAYOUTS = {1: "mono", 2: "stereo", 4: "4.0"}
_ENCODERS = {"aac": "aac", "flac": "flac", "opus": "libopus"}
# Measured on real recordings (docs/sound.md): with noise substitution, intensity and mid/side
# coding, sound moves; without them and with the fast search, signal to noise is 5 dB better too.
_AAC_OPTIONS = {"aac_coder": "fast", "aac_pns": "0", "aac_is": "0", "aac_ms": "0"}


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
    with open_sound(path) as file:
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
    dtype = WHOLE_NUMBERS.get(file.subtype, "float32") if whole else "float32"
    name = {"int16": "s16", "int32": "s32", "float32": "flt"}[dtype]
    needed = num_samples * file.samplerate // form.sample_rate + _RESAMPLER_REACH
    for block in padded(path, file, needed, dtype):
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
