"""A page over a folder of videos: a card for each, charts of all; it opens from a file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import cv2

import seldsynth
from seldsynth.classes import CLASSES
from seldsynth.errors import ConfigError, SeldsynthError
from seldsynth.files import write_whole, written_whole
from seldsynth.media.clips import key_frame
from seldsynth.report.dataset import (
    DISTANCE_STEP_M,
    MAP_STEP_DEG,
    Finished,
    Totals,
    count,
    describe,
    find_finished,
    read_finished,
)
from seldsynth.report.overlay import css_colour

FOLDER = "gallery"
"""The folder beside the page that holds its posters, its data and its script."""
PAGE = "index.html"

_POSTER_WIDTH = 480
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 82]
_MOST_ASSETS = 40
_MARK = '<meta name="generator" content="seldsynth">'
_WEB = ("gallery.css", "gallery.js")

_log = logging.getLogger(__name__)


def write_gallery(root: Path, *, on_recording: Callable[[int], object]) -> tuple[Path, int]:
    """Write the page of a folder of videos; returns its path and how many recordings it shows.

    on_recording is told how many there are, as each is done. Posters stay as long as their videos
    do; recordings that cannot be read are left out with a warning. Raises ConfigError if there is
    no video, or another page in its place, and MediaError if a file cannot be written.
    """
    videos = find_finished(root)
    page = root / PAGE
    if page.is_file() and _MARK not in page.read_text(encoding="utf-8", errors="replace"):
        raise ConfigError(f"{page}: is another page, which would be replaced; move it away")
    totals = Totals(by_class=[0] * len(CLASSES), seconds=[0.0] * len(CLASSES))
    recordings: list[dict[str, Any]] = []
    class_names: tuple[str, ...] = ()
    for one in read_finished(root, videos):
        try:
            found, visible = count(one)
            _write_poster(one, root)
        except (SeldsynthError, OSError) as error:
            _log.warning("left out: %s", error)
            continue
        finally:
            on_recording(len(videos))
        totals.add(found)
        recordings.append(describe(one, visible))
        if class_names not in ((), one.plan.class_names):
            _log.warning("%s: other names of classes than those before", one.name)
        class_names = one.plan.class_names
    if not recordings:
        raise ConfigError(f"{root}: none of its videos can be shown")
    data = {
        "title": root.resolve().name,
        "version": seldsynth.__version__,
        "classes": [
            {"name": name, "colour": css_colour(index, len(class_names))}
            for index, name in enumerate(class_names)
        ],
        "totals": {
            **asdict(totals),
            "polyphony": sorted(totals.polyphony.items()),
            "assets": totals.assets.most_common(_MOST_ASSETS),
            "num_assets": len(totals.assets),
            "map_step_deg": MAP_STEP_DEG,
            "distance_step_m": DISTANCE_STEP_M,
        },
        "recordings": recordings,
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_whole(root / FOLDER / "data.js", f"window.SELDSYNTH = {text};\n")
    for name in _WEB:
        write_whole(root / FOLDER / name, web_file(name))
    write_whole(root / PAGE, web_file("gallery.html"))
    return root / PAGE, len(recordings)


def web_files() -> list[str]:
    """The names of the package's web files."""
    return sorted(one.name for one in resources.files("seldsynth.web").iterdir())


def web_file(name: str) -> str:
    """Content of one of the package's web files."""
    return (resources.files("seldsynth.web") / name).read_text(encoding="utf-8")


def _write_poster(one: Finished, root: Path) -> None:
    """A small picture of the video, from where most is to be heard."""
    target = root / FOLDER / "posters" / f"{one.name}.jpg"
    made_ns = one.video.stat().st_mtime_ns
    if target.is_file() and target.stat().st_mtime_ns == made_ns:
        return
    height = max(1, round(_POSTER_WIDTH * one.plan.height / one.plan.width))
    time_s = _fullest_time_s(one)
    pixels = key_frame(one.video, time_s, width=_POSTER_WIDTH, height=height)
    encoded, jpeg = cv2.imencode(".jpg", pixels, _JPEG)
    assert encoded
    with written_whole(target) as temporary:
        temporary.write_bytes(jpeg.tobytes())
        os.utime(temporary, ns=(made_ns, made_ns))  # another time is another video


def _fullest_time_s(one: Finished) -> Fraction:
    """The middle of the first stretch in which most pictures are seen."""
    plan = one.plan
    counts: dict[int, int] = {}
    for tile in plan.tiles:
        for frame in tile.track.label_frames:
            counts[frame] = counts.get(frame, 0) + 1
    length_s = plan.num_frames / plan.frames_per_second
    most = max(counts.values(), default=0)
    fullest = [frame for frame, number in sorted(counts.items()) if number == most]
    if not fullest:
        return length_s / 2
    return min(Fraction(fullest[len(fullest) // 2], 10), length_s)
