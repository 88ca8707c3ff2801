"""Planar YUV frames and sound → a tagged 360° MP4.

It is written under a temporary name, read back, then renamed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from seldsynth.errors import MediaError
from seldsynth.files import flush_to_disk, temporary_beside
from seldsynth.media.sound_tracks import SoundCopy, SoundTrack, describe_sound
from seldsynth.media.spatial_mp4 import SpatialTags, read_tags, write_tagged

_NVENC_PRESETS = {"ultrafast": "p1", "superfast": "p2", "veryfast": "p3", "faster": "p4"} | {
    "fast": "p4",
    "medium": "p5",
    "slow": "p6",
    "slower": "p7",
    "veryslow": "p7",
}


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """What a video file is to be: frame_rate in frames/s, width and height in pixels, both even.

    encoder: libx264 or h264_nvenc. preset: x264's name for it, ultrafast … veryslow.
    quality: the quantizer, 1..51; 0 would be lossless, in a profile that few players know.
    gop_s: seconds between key frames.
    """

    width: int
    height: int
    frame_rate: Fraction
    encoder: str
    preset: str
    quality: int
    gop_s: float


def choose_encoder(wish: str, *, device_kind: str) -> str:
    """The encoder for `auto`, libx264 or h264_nvenc.

    auto is h264_nvenc where frames are made on a GPU that has an encoder (an H200 has none), else
    libx264. Raises MediaError for h264_nvenc where it cannot be opened.
    """
    if wish == "libx264" or (wish == "auto" and device_kind != "cuda"):
        return "libx264"
    if _nvenc_opens():
        return "h264_nvenc"
    if wish == "auto":
        return "libx264"
    raise MediaError("encoding.encoder: h264_nvenc cannot be opened here; use auto or libx264")


def _nvenc_opens() -> bool:
    try:
        context = cast(av.VideoCodecContext, av.CodecContext.create("h264_nvenc", "w"))
        context.width, context.height, context.pix_fmt = 256, 256, "yuv420p"
        context.time_base = Fraction(1, 30)
        context.open()
    except (av.FFmpegError, OSError, ValueError):
        return False
    return True


class VideoWriter:
    """Takes frames of exactly the stated format, in order; the sound goes along by itself."""

    def __init__(
        self,
        path: Path,
        container: OutputContainer,
        form: VideoFormat,
        sound: SoundTrack | SoundCopy | None,
    ) -> None:
        self._path = path
        self._container = container
        self._format = form
        with _write_faults(path):
            self._stream = _add_stream(container, form)
            self._sound = sound.write_into(container) if sound else None
        self.num_frames = 0

    def write(self, planes: NDArray[np.uint8]) -> None:
        """Encode one frame, planar YUV 4:2:0: [height·3/2, width] uint8, C-contiguous.

        The array may be changed once this returns. Raises ValueError for another shape:
        the encoder would rescale it in silence.
        """
        shape = (self._format.height * 3 // 2, self._format.width)
        if planes.shape != shape or planes.dtype != np.uint8:
            raise ValueError(f"expected {shape} uint8, got {planes.shape} {planes.dtype}")
        frame = VideoFrame.from_numpy_buffer(planes, "yuv420p")
        frame.pts = self.num_frames
        frame.time_base = 1 / self._format.frame_rate
        frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
        with _write_faults(self._path):
            self._container.mux(self._stream.encode(frame))
            self.num_frames += 1
            if self._sound is not None:
                self._sound.write_until(self.num_frames / self._format.frame_rate)

    def finish(self) -> None:
        """Encode the rest of the sound, and what the encoders still hold."""
        with _write_faults(self._path):
            self._container.mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.write_until(None)

    def close(self) -> None:
        """Let go of the sound's file."""
        if self._sound is not None:
            self._sound.close()


@contextlib.contextmanager
def _write_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{path}: cannot be written: {reason}") from error


@contextlib.contextmanager
def write_video(
    path: Path,
    form: VideoFormat,
    sound: SoundTrack | SoundCopy | None = None,
    *,
    comment: str = "",
    beside: Callable[[], object] = lambda: None,
) -> Iterator[VideoWriter]:
    """Context manager that yields a VideoWriter; the file appears when the block ends well.

    The video is written to a temporary file beside `path`, tagged as 360° video, flushed to the
    disk, read back and renamed. comment: a line that it says of itself. beside: writes what belongs
    to it, called once it is certain, just before it gets its name. When the block raises, nothing
    is left. Raises MediaError if it cannot be written or reads back as something else.
    """
    untagged = temporary_beside(path.with_name(f"{path.name}.untagged"))
    temporary = temporary_beside(path)
    try:
        with _write_faults(path):
            container = av.open(str(untagged), "w", format="mp4")
            container.metadata.update({"comment": comment} if comment else {})
        try:
            writer = VideoWriter(path, container, form, sound)
            with contextlib.closing(writer):
                yield writer
                writer.finish()
        except BaseException:
            with contextlib.suppress(av.FFmpegError, OSError):  # the first fault is what counts
                container.close()
            raise
        with _write_faults(path):
            container.close()
        with _write_faults(path):
            write_tagged(untagged, temporary, foa=sound is not None and sound.foa)
            untagged.unlink()
            flush_to_disk(temporary)
            check_video(
                temporary, form, sound, num_frames=writer.num_frames, comment=comment, name=path
            )
        beside()
        with _write_faults(path):
            os.replace(temporary, path)
    finally:
        untagged.unlink(missing_ok=True)
        temporary.unlink(missing_ok=True)


def check_video(
    path: Path,
    form: VideoFormat,
    sound: SoundTrack | SoundCopy | None = None,
    *,
    num_frames: int,
    comment: str = "",
    name: Path,
) -> None:
    """Read a written video back. Raises MediaError, under `name`, if it is not what was meant."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first = next(container.decode(stream), None)
        found: dict[str, object] = {
            "codec": stream.codec_context.codec.canonical_name,
            "width": stream.width,
            "height": stream.height,
            "frame rate": stream.average_rate,
            "pixel format": first.format.name if first else None,
            "colour space": int(stream.codec_context.colorspace),
            "colour range": int(stream.codec_context.color_range),
        }
        container.seek(0, stream=stream)
        found["frames"] = sum(1 for packet in container.demux(stream) if packet.size)
        found |= describe_sound(container)
    found["tags"] = read_tags(path)
    expected: dict[str, object] = {
        "codec": "h264",
        "width": form.width,
        "height": form.height,
        "frame rate": form.frame_rate,
        "pixel format": "yuv420p",
        "colour space": int(Colorspace.ITU709),
        "colour range": int(ColorRange.MPEG),
        "frames": num_frames,
        "tags": SpatialTags(
            spherical_v2=True,
            spherical_v1=True,
            foa=sound is not None and sound.foa,
            index_first=True,
            comment=comment,
        ),
        **(sound.description if sound else {"sound": None}),
    }
    for what, value in expected.items():
        if found[what] != value:
            raise MediaError(f"{name}: {what} reads back as {found[what]}, not {value}")


def _add_stream(container: OutputContainer, form: VideoFormat) -> VideoStream:
    stream = cast(VideoStream, container.add_stream(form.encoder, rate=form.frame_rate))
    stream.width, stream.height, stream.pix_fmt = form.width, form.height, "yuv420p"
    context = stream.codec_context
    context.time_base = 1 / form.frame_rate
    context.thread_count = 1  # one process per core; and threads would change the bits
    context.gop_size = max(1, round(form.gop_s * form.frame_rate))
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    context.options = _OPTIONS[form.encoder](form)
    return stream


def _x264_options(form: VideoFormat) -> dict[str, str]:
    # Constant quantizer without B-frames, lookahead and weights: most of a frame is still, and for
    # that it runs much faster than constant rate factor at the same PSNR (docs/encoding.md).
    return {
        "preset": form.preset,
        "qp": str(form.quality),
        "x264-params": "bframes=0:rc-lookahead=0:scenecut=0:weightp=0",
    }


def _nvenc_options(form: VideoFormat) -> dict[str, str]:
    return {
        "preset": _NVENC_PRESETS[form.preset],
        "rc": "constqp",
        "qp": str(form.quality),
        "bf": "0",
    }


_OPTIONS = {"libx264": _x264_options, "h264_nvenc": _nvenc_options}


def write_alpha_clip(
    path: Path, frames: Iterable[NDArray[np.uint8]], *, frame_rate: Fraction
) -> None:
    """Write a WebM clip with transparency (VP9).

    frames: [height, width, 4] uint8, blue, green, red, alpha (not premultiplied), all of the same
    even size. The same frames give the same bytes. Raises MediaError if it cannot be written.
    """
    # Else the file gets a random SegmentUID.
    options = {"fflags": "+bitexact"}
    with (
        _write_faults(path),
        av.open(str(path), "w", format="webm", options=options) as container,
    ):
        stream: VideoStream | None = None
        for index, pixels in enumerate(frames):
            frame = VideoFrame.from_ndarray(pixels, format="bgra").reformat(
                format="yuva420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            if stream is None:
                stream = cast(VideoStream, container.add_stream("libvpx-vp9", rate=frame_rate))
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuva420p"
                context = stream.codec_context
                context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
                context.options = {"crf": "20", "b": "0", "deadline": "realtime", "cpu-used": "7"}
            frame.pts, frame.time_base = index, 1 / frame_rate
            container.mux(stream.encode(frame))
        if stream is None:
            raise ValueError("a clip needs frames")
        container.mux(stream.encode(None))
