"""What the player draws over a video: its ground truth, frame by frame, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seldsynth.errors import MediaError
from seldsynth.plan import OFF_SCREEN, ScenePlan, TilePlan
from seldsynth.report.overlay import TruthOf, css_colour
from seldsynth.truth.files import PLAN_ENDING, truth_path


def truth_of(root: Path, name: str) -> dict[str, Any]:
    """The ground truth of root/name.mp4. Raises MediaError and PlanError.

    rows: for each video frame [event, azimuth, elevation, width, height, visible], degrees; width
    and height are 0 without a picture; null if there are no tracks. events: by their numbers.
    """
    video = root / f"{name}.mp4"
    for path in (video, truth_path(video, PLAN_ENDING), truth_path(video, ".tracks.csv")):
        if "\0" in name or not path.resolve().is_relative_to(root.resolve()):
            raise MediaError(f"{name!r}: not in this folder")
    has_tracks = truth_path(video, ".tracks.csv").is_file()
    truth = TruthOf(video, with_tracks=False)
    plan = truth.plan
    sound = plan.sound.track if plan.sound else None
    return {
        "seconds": float(plan.num_frames / plan.frames_per_second),
        "rate": float(plan.frames_per_second),
        "frames": plan.num_frames,
        "channels": sound.channels if sound else 0,
        "foa": bool(sound and sound.foa),
        "events": _events(plan),
        "rows": _rows(truth, name) if has_tracks else None,
    }


def _rows(truth: TruthOf, name: str) -> list[list[list[float]]]:
    events = {one.event_index for one in truth.plan.events}
    rows: list[list[list[float]]] = [[] for _ in range(truth.plan.num_frames)]
    numbers = ("azimuth", "elevation", "width_deg", "height_deg", "visible")
    for frame, of_frame in truth.frames():
        for row in of_frame:
            try:
                event, *values = int(row["event"]), *(float(row[key] or 0) for key in numbers)
            except ValueError:
                raise MediaError(f"{name}: its tracks hold what is no number") from None
            if event not in events or not 0 <= frame < len(rows):
                raise MediaError(f"{name}: its tracks are of another video")
            rows[frame].append([event, *values])
    return rows


def _events(plan: ScenePlan) -> dict[int, dict[str, str]]:
    found = {}
    for one in plan.events:
        if isinstance(one, TilePlan):
            flags = "silent" if one.silent else ""
        else:
            flags = "off-screen" if one.reason == OFF_SCREEN else "no picture"
        found[one.event_index] = {
            "name": plan.class_names[one.class_id],
            "colour": css_colour(one.class_id, len(plan.class_names)),
            "flags": flags,
        }
    return found
