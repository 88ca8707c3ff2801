"""What a clip file shows, found out by decoding it; and one picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from seldsynth.errors import MediaError
from seldsynth.media.decode import MAX_CLIP_S, ClipReader, Plane, has_alpha
from seldsynth.media.mattes import Sides, joined, kept_box


@dataclass(frozen=True, kw_only=True)
class ClipInfo:
    """What a clip file shows: upright width and height in square pixels, length, frames.

    has_alpha: something of it is transparent. kept: the box around all that ever shows.
    """

    width: int
    height: int
    duration_s: Fraction
    num_frames: int
    has_alpha: bool
    kept: Sides


def check_clip(path: Path, *, max_duration_s: Fraction | None = MAX_CLIP_S) -> ClipInfo:
    """Decode a clip once, up to a duration or whole.

    Raises MediaError for damage, no clip, or one that is transparent everywhere.
    """
    with ClipReader(path, max_duration_s=max_duration_s) as reader:
        num_frames, duration_s = 0, Fraction(0)
        width = height = 0
        shown = _Shown()
        for timed in reader.decode_all():
            if not num_frames:
                width, height = reader.display_size(timed.frame)
            if has_alpha(timed.frame):
                shown.see(reader.pixels(timed, width=width, height=height)[..., 3])
            num_frames += 1
            duration_s = timed.end_s
    if duration_s <= 0:
        raise MediaError(f"{path}: its frames have no duration")
    if shown.is_transparent and shown.box is None:
        raise MediaError(f"{path}: transparent: nothing of it is to be seen")
    return ClipInfo(
        width=width,
        height=height,
        duration_s=duration_s,
        num_frames=num_frames,
        has_alpha=shown.is_transparent,
        kept=shown.box or (0, 0, width, height),
    )


def key_frame(path: Path, time_s: Fraction, *, width: int, height: int) -> Plane:
    """The last key frame of a video before a time, [height, width, 3]: blue, green, red.

    Quick however long the video is. Raises MediaError.
    """
    with ClipReader(path, max_duration_s=None) as reader:
        return reader.seek_key_frame(time_s, width=width, height=height)[..., :3]


class _Shown:
    """What the frames of a clip show, all together."""

    def __init__(self) -> None:
        self.box: Sides | None = None
        self.is_transparent = False

    def see(self, alpha: Plane) -> None:
        """Take note of a frame's alpha [h, w]."""
        self.is_transparent = self.is_transparent or int(alpha.min()) < 255
        self.box = joined(self.box, kept_box(alpha))
