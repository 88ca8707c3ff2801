"""A part of a video → a clip of its own, cut at exact times and decoded before it gets its name."""

from __future__ import annotations

import subprocess
from decimal import Decimal
from pathlib import Path

import av
import imageio_ffmpeg

from seldsynth.errors import MediaError
from seldsynth.files import flush_to_disk, written_whole
from seldsynth.media.decode import SAFE_OPENING, ClipInfo, check_clip

_TIMEOUT_S = 600
# A part that lacks less than this, or less than two frames, is no sign of a file that breaks off.
_TOLERANCE_S = 0.2
# What assets may be, and what else sites send.
_OPENING = {
    **SAFE_OPENING,
    "format_whitelist": f"{SAFE_OPENING['format_whitelist']},mpegts,flv,ogg,asf",
}


class EndsBeforeError(MediaError):
    """A video ends before the clip would start."""


def ffmpeg_path() -> str:
    """The ffmpeg program of the imageio-ffmpeg package, or another that it was told of."""
    path: str = imageio_ffmpeg.get_ffmpeg_exe()
    return path


def cut_clip(
    source: Path,
    target: Path,
    *,
    start_s: Decimal,
    end_s: Decimal,
    max_height: int,
    keep_audio: bool,
) -> ClipInfo:
    """Write source's frames from start_s to end_s, or to its end, as an H.264 MP4.

    Frames are encoded anew: a cut without that could only begin at a key frame. Larger pictures are
    made smaller. The clip is decoded whole before it appears. Raises MediaError, and leaves
    nothing, for a source that is damaged or breaks off before end_s, and EndsBeforeError for one
    that ends before start_s.
    """
    source_s, frame_s = _stated_times_s(source)
    if source_s is not None and source_s <= start_s:
        raise EndsBeforeError(f"ends at {source_s:.1f} s, before the clip would start")
    last_s = float(end_s) if source_s is None else min(float(end_s), source_s)
    with written_whole(target) as temporary:
        _run_ffmpeg(
            source,
            temporary,
            start_s=start_s,
            length_s=end_s - start_s,
            max_height=max_height,
            keep_audio=keep_audio,
        )
        info = check_clip(temporary)
        reached_s = float(start_s) + float(info.duration_s)
        if reached_s < last_s - max(_TOLERANCE_S, 2 * frame_s):
            raise MediaError(f"breaks off at {reached_s:.1f} s, {last_s:.1f} s were expected")
        flush_to_disk(temporary)
    return info


def _run_ffmpeg(
    source: Path,
    target: Path,
    *,
    start_s: Decimal,
    length_s: Decimal,
    max_height: int,
    keep_audio: bool,
) -> None:
    # As an input option, -ss seeks to the key frame before and drops what comes before start_s.
    command = [ffmpeg_path(), "-nostdin", "-v", "error"]
    command += [word for key, value in _OPENING.items() for word in (f"-{key}", value)]
    command += ["-ss", str(start_s), "-i", f"file:{source}", "-t", str(length_s), "-map", "0:v:0"]
    command += ["-vf", f"scale=-2:'trunc(min({max_height},ih)/2)*2':flags=area", "-threads", "1"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"]
    command += ["-map", "0:a:0?", "-c:a", "aac", "-b:a", "160k"] if keep_audio else ["-an"]
    command += ["-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"]
    command += ["-movflags", "+faststart", "-f", "mp4", "-y", f"file:{target}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise MediaError(f"cannot be cut: ffmpeg took more than {_TIMEOUT_S} s") from None
    except OSError as error:
        raise MediaError(f"ffmpeg cannot be run: {error}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise MediaError(f"cannot be cut: {said[-1].replace(f'file:{source}', source.name)}")


def _stated_times_s(path: Path) -> tuple[float | None, float]:
    """How long a video says it is, None if it does not say, and how long it shows a frame.

    Raises MediaError if it is none.
    """
    try:
        with av.open(str(path), options=_OPENING) as container:
            if not container.streams.video:
                raise MediaError("has no picture track")
            stream = container.streams.video[0]
            frame_s = float(1 / stream.average_rate) if stream.average_rate else 0.0
            if stream.duration is not None and stream.time_base is not None:
                return float(stream.duration * stream.time_base), frame_s
            return container.duration / av.time_base if container.duration else None, frame_s
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"is no video: {getattr(error, 'strerror', None) or error}") from None
