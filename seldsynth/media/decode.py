"""Clips from files: frames by time, upright, as planar YUV (BT.709, limited range).

Every way a file can lie is met here: no timestamps, timestamps that jump, alpha that only another
decoder sees, frames on their side, pixels that are not square, damage in the middle.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from seldsynth.errors import MediaError

MAX_CLIP_S = Fraction(120)
"""Of a longer clip the first two minutes are shown."""
MAX_CLIP_PIXELS = 1 << 26
"""11585 x 5792, of a frame. A clip of larger ones is refused before any is decoded."""
MAX_ALPHA_PIXELS = 1 << 24
"""4096 x 4096: likewise, of a frame with transparency, which is looked at in every pixel."""

# libavcodec's own VP8 and VP9 decoders drop the alpha that WebM keeps beside the picture.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_LAST_FRAME_S = Fraction(1, 10)
_LONGEST_TICK_S = Fraction(1, 1000)
_KEPT_BYTES = 16 << 20
# A file that calls itself a clip may be a playlist, which names other files or hosts: not opened.
SAFE_OPENING = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif",
}
_PLANAR_RGB = "gbrap"
_FULL_RANGE_FORMATS = ("yuvj", "gray", "rgb", "bgr", "gbr", "pal", "mono", "ya", "argb", "abgr")
_COLORSPACES: dict[int, int] = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: 9,  # BT.2020, for which PyAV has no name
}

Plane = NDArray[np.uint8]

av.logging.set_level(av.logging.PANIC)  # what goes wrong is raised and said once


@dataclass(frozen=True, kw_only=True)
class Planes:
    """One frame as planar YUV 4:2:0, BT.709 limited range.

    luma [h, w], chroma_blue and chroma_red [h/2, w/2], alpha [h, w] or None; all uint8, views
    that live as long as they are held.
    """

    luma: Plane
    chroma_blue: Plane
    chroma_red: Plane
    alpha: Plane | None


@dataclass(frozen=True, kw_only=True, eq=False)
class TimedFrame:
    """A frame: its number in the clip, its time from the first frame, how long it shows.

    decoded: gives what is in it, which a clip that begins anew decodes when somebody asks.
    """

    index: int
    start_s: Fraction
    duration_s: Fraction
    decoded: Callable[[], VideoFrame]

    @property
    def frame(self) -> VideoFrame:
        """What is in it, while its reader is open. Raises MediaError for a damaged file."""
        return self.decoded()

    @property
    def end_s(self) -> Fraction:
        """When the next frame is due."""
        return self.start_s + self.duration_s


class ClipReader:
    """Frames of a clip by time, looped: a context manager that opens the file once.

    max_duration_s: the clip ends there if it is longer; None reads it whole.
    """

    def __init__(self, path: Path, *, max_duration_s: Fraction | None = MAX_CLIP_S) -> None:
        self.path = path
        self._max_duration_s = max_duration_s
        self._resources = contextlib.ExitStack()
        self._container, self._stream = self._open()
        self._time_base = self._stream.time_base or Fraction(1, 1000)
        # Timestamps are rounded to the time base (Matroska's is 1 ms, AVI's a whole frame): a frame
        # that is due in no more than the rounding is due.
        self._slack_s = min(self._time_base, _LONGEST_TICK_S) / 2
        self._frames = self._decode()
        self._loop_start_s = Fraction(0)
        self._current: TimedFrame | None = None
        self._next: TimedFrame | None = None
        self._until_s = Fraction(0)
        self._is_closed = False
        self._starts_s: list[Fraction] = []  # of all that have been decoded: of a whole loop
        self._end_s = Fraction(0)
        self._kept: list[VideoFrame] | None = []  # what is in them, of a short clip
        self._again: tuple[Generator[VideoFrame, None, None], int, VideoFrame] | None = None
        self._reformatter = VideoReformatter()

    def __enter__(self) -> ClipReader:
        """Return the reader."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._is_closed = True
        self._current = self._next = self._kept = None
        self._forget_decoder()

    def frame_at(self, time_s: Fraction) -> TimedFrame:
        """The frame shown at a time from the clip's start, as it loops for ever.

        time_s must not be less than in the call before. Raises MediaError for a damaged file.
        """
        self._check_open()
        if self._current is None:
            self._start_loop(Fraction(0))
        while time_s >= self._until_s:
            if self._next is not None:
                self._show(self._next)
            else:
                self._rewind(time_s)
        assert self._current is not None
        return self._current

    def planes(self, timed: TimedFrame, *, width: int, height: int) -> Planes:
        """The frame, scaled (area average where it shrinks) and turned upright.

        width, height: of the upright result, both even.
        """
        frame = timed.frame
        turns = _quarter_turns(frame)
        name = "yuva420p" if has_alpha(frame) else "yuv420p"
        converted = self._convert(frame, name, turns, width=width, height=height)
        arrays = [_turned(_plane(plane), turns) for plane in converted.planes]
        return Planes(
            luma=arrays[0],
            chroma_blue=arrays[1],
            chroma_red=arrays[2],
            alpha=arrays[3] if len(arrays) > 3 else None,
        )

    def pixels(self, timed: TimedFrame, *, width: int, height: int) -> Plane:
        """The frame, scaled and turned upright, as [height, width, 4]: blue, green, red, alpha."""
        return self._pixels(timed.frame, width=width, height=height)

    def _pixels(self, frame: VideoFrame, *, width: int, height: int) -> Plane:
        turns = _quarter_turns(frame)
        # Not to bgra: swscale's short cut to it leaves the last columns of many widths unwritten.
        converted = self._convert(frame, _PLANAR_RGB, turns, width=width, height=height)
        green, blue, red, alpha = (_plane(plane) for plane in converted.planes)
        return _turned(np.dstack((blue, green, red, alpha)), turns)

    def seek_key_frame(self, time_s: Fraction, *, width: int, height: int) -> Plane:
        """Pixels of the last key frame before a time; nothing else can be read afterwards."""
        try:
            self._container.seek(int(time_s / self._time_base), stream=self._stream)
        except (av.FFmpegError, OSError):
            raise MediaError(f"{self.path}: cannot be read at {float(time_s):.2f} s") from None
        frame = next(self._raw_frames(), None)
        if frame is None:
            raise MediaError(f"{self.path}: holds no frame at {float(time_s):.2f} s")
        return self._pixels(frame, width=width, height=height)

    def decode_all(self) -> Iterator[TimedFrame]:
        """Every frame once, up to the maximum duration. Raises MediaError where it is damaged."""
        if self._current is not None:
            raise ValueError("frames have been taken from this reader already")
        yield from self._frames

    def display_size(self, frame: VideoFrame) -> tuple[int, int]:
        """Upright width and height of a frame in square pixels."""
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if not Fraction(1, 4) <= aspect <= 4:
            aspect = Fraction(1)
        width, height = max(1, round(frame.width * aspect)), frame.height
        return (height, width) if _quarter_turns(frame) % 2 else (width, height)

    def _open(self) -> tuple[InputContainer, VideoStream]:
        try:
            container = self._resources.enter_context(
                av.open(str(self.path), options=SAFE_OPENING, metadata_errors="replace")
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaError(f"{self.path}: cannot be opened: {_reason(error)}") from None
        if not container.streams.video:
            self._resources.close()
            raise MediaError(f"{self.path}: has no picture track")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            self._resources.close()
            raise MediaError(f"{self.path}: no decoder for its codec; convert it to H.264")
        alpha = stream.codec_context.format is not None and _has_alpha(stream.codec_context.format)
        try:
            self._check_size(stream.width, stream.height, alpha=alpha)
        except MediaError:
            self._resources.close()
            raise
        return container, stream

    def _check_size(self, width: int, height: int, *, alpha: bool) -> None:
        most = MAX_ALPHA_PIXELS if alpha else MAX_CLIP_PIXELS
        if width * height > most:
            kind = " with transparency" if alpha else ""
            raise MediaError(
                f"{self.path}: {width}x{height} pixels{kind}; at most {most} are read: reduce it"
            )

    def _decode(self) -> Generator[TimedFrame, None, None]:
        """Frames from where the container stands, numbered and timed from its first frame."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        gap_s = 1 / rate if rate else _LAST_FRAME_S
        held: tuple[VideoFrame, Fraction] | None = None
        first_s: Fraction | None = None
        index = 0
        for frame in self._raw_frames():
            if frame.pts is None:
                start_s = held[1] + gap_s if held else Fraction(0)
            else:
                first_s = frame.pts * self._time_base if first_s is None else first_s
                start_s = frame.pts * self._time_base - first_s
            start_s = max(start_s, held[1] if held else Fraction(0))
            if held is not None:
                gap_s = start_s - held[1] or gap_s
                yield self._timed(index, held, start_s - held[1])
                index += 1
            if self._max_duration_s is not None and start_s >= self._max_duration_s:
                return
            held = (frame, start_s)
        if held is None:
            raise MediaError(f"{self.path}: holds no frame")
        stated_s = (held[0].duration or 0) * self._time_base
        yield self._timed(index, held, stated_s if stated_s > 0 else gap_s)

    def _timed(
        self, index: int, held: tuple[VideoFrame, Fraction], duration_s: Fraction
    ) -> TimedFrame:
        frame, start_s = held
        if self._max_duration_s is not None:
            duration_s = min(duration_s, self._max_duration_s - start_s)
        timed = TimedFrame(
            index=index, start_s=start_s, duration_s=duration_s, decoded=lambda: frame
        )
        self._starts_s.append(start_s)
        self._end_s = timed.end_s
        self._keep(index, frame)
        return timed

    def _known(self) -> Generator[TimedFrame, None, None]:
        """All frames once more, when there has been a whole loop of them."""
        ends_s = itertools.chain(self._starts_s[1:], [self._end_s])
        for index, (start_s, end_s) in enumerate(zip(self._starts_s, ends_s, strict=True)):
            yield TimedFrame(
                index=index,
                start_s=start_s,
                duration_s=end_s - start_s,
                decoded=partial(self._decoded_again, index),
            )

    def _keep(self, index: int, frame: VideoFrame) -> None:
        """Remember a frame for the next loop, as long as the clip is short enough for that."""
        if self._kept is not None:
            frame_bytes = sum(plane.buffer_size for plane in frame.planes)
            if frame_bytes * (index + 1) <= _KEPT_BYTES:
                self._kept.append(frame)
            else:
                self._kept = None

    def _decoded_again(self, index: int) -> VideoFrame:
        """A frame of a loop after the first one: kept, or else decoded, with those before it."""
        self._check_open()
        if self._kept is not None:
            return self._kept[index]
        if self._again is None or index < self._again[1]:
            self._forget_decoder()
            self._container, self._stream = self._open()
            frames, place, frame = self._raw_frames(), -1, None
        else:
            frames, place, frame = self._again
        while frame is None or place < index:
            frame, place = next(frames, None), place + 1
            if frame is None:
                self._forget_decoder()
                raise MediaError(f"{self.path}: has become shorter while it was read")
        self._again = (frames, place, frame)
        return frame

    def _forget_decoder(self) -> None:
        """Close the file; who decodes from it must not go on."""
        if self._again is not None:
            self._again[0].close()
        self._again = None
        self._resources.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError(f"{self.path}: the reader is closed")

    def _raw_frames(self) -> Generator[VideoFrame, None, None]:
        codec = self._stream.codec_context
        name = _ALPHA_DECODERS.get(codec.name.removeprefix("libvpx-"))
        if name and self._stream.metadata.get("alpha_mode") == "1":
            plain, codec = codec, cast(av.VideoCodecContext, av.CodecContext.create(name, "r"))
            codec.extradata = plain.extradata
        codec.thread_count = 1
        last_pts: int | None = None
        try:
            for packet in self._container.demux(self._stream):
                for frame in codec.decode(packet):
                    if frame.is_corrupt:
                        raise MediaError(self._damage(last_pts))
                    last_pts = frame.pts
                    # What the file says of all frames need not hold for each.
                    self._check_size(frame.width, frame.height, alpha=has_alpha(frame))
                    yield frame
        except (av.FFmpegError, OSError, ValueError):
            raise MediaError(self._damage(last_pts)) from None

    def _damage(self, last_pts: int | None) -> str:
        if last_pts is None:
            return f"{self.path}: damaged: no frame can be decoded; replace or remove it"
        time_s = float((last_pts - (self._stream.start_time or 0)) * self._time_base)
        return f"{self.path}: damaged after {time_s:.2f} s; replace or remove it"

    def _start_loop(self, loop_start_s: Fraction) -> None:
        self._loop_start_s = loop_start_s
        self._show(next(self._frames))

    def _show(self, timed: TimedFrame) -> None:
        self._current, self._next = timed, next(self._frames, None)
        due_s = self._next.start_s if self._next else timed.end_s
        self._until_s = self._loop_start_s + due_s - self._slack_s

    def _rewind(self, time_s: Fraction) -> None:
        """Begin anew, in the last loop that starts before time_s."""
        assert self._current is not None
        duration_s = self._current.end_s
        loops = (time_s - self._loop_start_s) // duration_s
        loop_start_s = self._loop_start_s + max(1, loops) * duration_s
        self._frames.close()
        self._frames = self._known()
        self._start_loop(loop_start_s)

    def _convert(
        self, frame: VideoFrame, target: str, turns: int, *, width: int, height: int
    ) -> VideoFrame:
        """A frame in another format, not yet turned. width, height: of the upright result."""
        if turns % 2:
            width, height = height, width
        shrinks = width <= frame.width and height <= frame.height
        name = frame.format.name
        full = frame.color_range == ColorRange.JPEG or name.startswith(_FULL_RANGE_FORMATS)
        guess = Colorspace.ITU601 if frame.height < 720 else Colorspace.ITU709
        return self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=target,
            src_colorspace=_COLORSPACES.get(frame.colorspace, guess),
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if target == _PLANAR_RGB else ColorRange.MPEG,
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        )


def has_alpha(frame: VideoFrame) -> bool:
    """Whether a decoded frame brings its transparency with it."""
    return _has_alpha(frame.format)


def _has_alpha(format: VideoFormat) -> bool:
    return any(component.is_alpha for component in format.components)


def _quarter_turns(frame: VideoFrame) -> int:
    """Counter-clockwise quarter turns that make a frame upright."""
    return round(frame.rotation / 90) % 4


def _turned(plane: Plane, turns: int) -> Plane:
    return np.ascontiguousarray(np.rot90(plane, turns)) if turns else plane


def _plane(plane: av.video.plane.VideoPlane) -> Plane:
    rows: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8)
    rows = rows.reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
