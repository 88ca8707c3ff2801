"""A part of a video → a clip of its own, cut at exact times and decoded before it gets its name."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from seldsynth.errors import MediaError
from seldsynth.files import flush_to_disk, written_whole
from seldsynth.media.clips import ClipInfo, check_clip
from seldsynth.media.decode import SAFE_OPENING

_TIMEOUT_S = 600
# A file that holds this much less than it says has been cut off.
_LACKING_S = 1.0
# Files without an index are read from so much earlier: their key frames are found by reading.
_EARLIER_S = 20
_WITHOUT_INDEX = {"mpegts", "flv", "asf"}
# What assets may be, and what else sites send.
_OPENING = {
    **SAFE_OPENING,
    "format_whitelist": f"{SAFE_OPENING['format_whitelist']},mpegts,flv,ogg,asf",
}


class SourceError(MediaError):
    """A video that is damaged, or breaks off: fetching it once more may help."""


class EndsBeforeError(SourceError):
    """A video that shows nothing in the time of the clip."""


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What a video holds. frames_s [n]: when each frame is due, sorted, in seconds from its start.

    is_cut_off: it says that it is longer.
    """

    frames_s: NDArray[np.float64]
    is_cut_off: bool
    has_index: bool


def ffmpeg_path() -> str:
    """The ffmpeg program of the imageio-ffmpeg package, or another that it was told of."""
    path: str = imageio_ffmpeg.get_ffmpeg_exe()
    return path


def cut_clip(
    path: Path,
    target: Path,
    *,
    start_s: Decimal,
    end_s: Decimal,
    max_height: int,
    keep_audio: bool,
) -> ClipInfo:
    """Write a video's frames from start_s to end_s, or to its end, as an H.264 MP4.

    Frames are encoded anew: a cut without that could only begin at a key frame. Larger pictures are
    made smaller. The clip is decoded whole before it appears. Raises SourceError for a video that
    is damaged or breaks off before end_s, EndsBeforeError for one that has no frame in that time,
    MediaError if the clip cannot be written; nothing is left then.
    """
    source = _read_source(path)
    wanted = (source.frames_s >= float(start_s)) & (source.frames_s < float(end_s))
    if not wanted.any():
        last_s = source.frames_s[-1]
        if source.is_cut_off:
            raise SourceError(f"breaks off at {last_s:.1f} s, before the clip would start")
        raise EndsBeforeError(f"has no frame in that time; the last is at {last_s:.1f} s")
    if source.is_cut_off and source.frames_s[-1] < float(end_s) - _LACKING_S:
        raise SourceError(f"breaks off at {source.frames_s[-1]:.1f} s")
    with written_whole(target) as temporary:
        _run_ffmpeg(
            path,
            temporary,
            start_s=start_s,
            end_s=end_s,
            earlier_s=Decimal(0) if source.has_index else min(start_s, Decimal(_EARLIER_S)),
            max_height=max_height,
            keep_audio=keep_audio,
        )
        try:
            info = check_clip(temporary)
        except MediaError as error:
            raise SourceError(str(error).replace(str(temporary), "the cut")) from None
        count = int(wanted.sum())
        # A frame or two are lost at edges, and where two are due at the same time.
        if info.num_frames < 0.9 * count - 2:
            raise SourceError(f"of {count} frames only {info.num_frames} can be decoded")
        flush_to_disk(temporary)
    return info


def _run_ffmpeg(
    path: Path,
    target: Path,
    *,
    start_s: Decimal,
    end_s: Decimal,
    earlier_s: Decimal,
    max_height: int,
    keep_audio: bool,
) -> None:
    # As an input option, -ss seeks to the key frame before and drops what comes before the time;
    # as an output option, it decodes and drops.
    command = [ffmpeg_path(), "-nostdin", "-v", "error"]
    command += [word for key, value in _OPENING.items() for word in (f"-{key}", value)]
    command += ["-ss", str(start_s - earlier_s), "-i", f"file:{path}"]
    command += ["-ss", str(earlier_s), "-t", str(end_s - start_s), "-map", "0:v:0"]
    command += ["-vf", f"scale=-2:'trunc(min({max_height},ih)/2)*2':flags=area", "-threads", "1"]
    # At the frame rate's own time base, times would be rounded to whole frames.
    command += ["-fps_mode", "vfr", "-enc_time_base", "1:90000"]
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
        words = f"cannot be cut: {said[-1].replace(f'file:{path}', path.name)}"
        ours = f"file:{target}" in done.stderr or "No space left" in done.stderr
        raise MediaError(words) if ours else SourceError(words)


def _read_source(path: Path) -> _Source:
    """Read a video through without decoding it. Raises SourceError if it is none."""
    try:
        with av.open(str(path), options=_OPENING) as container:
            if not container.streams.video:
                raise SourceError("has no picture track")
            video = container.streams.video[0]
            begins_s = (container.start_time or 0) / av.time_base
            frames_s, reached_s = [], 0.0
            try:
                for packet in container.demux():
                    if packet.pts is None or packet.time_base is None:
                        continue
                    due_s = float(packet.pts * packet.time_base) - begins_s
                    reached_s = max(
                        reached_s, due_s + float((packet.duration or 0) * packet.time_base)
                    )
                    if packet.stream is video:
                        frames_s.append(due_s)
            except (av.FFmpegError, OSError):
                pass  # what was read until then tells how far it goes
            stated_s = container.duration / av.time_base if container.duration else 0.0
            if video.duration is not None and video.time_base is not None:
                stated_s = max(stated_s, float(video.duration * video.time_base))
            has_index = not _WITHOUT_INDEX & set(container.format.name.split(","))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"is no video: {getattr(error, 'strerror', None) or error}") from None
    if not frames_s:
        raise SourceError("holds no frame")
    return _Source(
        frames_s=np.sort(np.array(frames_s)),
        is_cut_off=reached_s < stated_s - _LACKING_S,
        has_index=has_index,
    )
