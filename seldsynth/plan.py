"""ScenePlan ↔ JSON: all that was decided about a video.

Everything after it is a pure function of the plan: a saved one re-renders the same video on another
day and another machine. planner.py makes them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from seldsynth.asset_files import Asset
from seldsynth.classes import NUM_CLASSES
from seldsynth.config_values import MASK_SIZE, MATTES, X264_PRESETS, parse_frame_rate
from seldsynth.errors import PlanError
from seldsynth.events import Track
from seldsynth.media.mattes import Crop
from seldsynth.media.sound_files import SoundInfo
from seldsynth.media.sound_tracks import SoundFormat

MAX_FRAMES = 2 * 3600 * 240
"""Two hours of the fastest video."""
Byte = Annotated[int, Field(ge=0, le=255)]

SOUND_FOLDER = "audio_dir"
"""The key of the config's `input` section that names the folder of the sound."""

OFF_SCREEN = "off-screen"
"""The reason of an unseen event that was meant to be unseen."""


@dataclass(frozen=True, kw_only=True)
class CanvasPlan:
    """What everything is put on.

    asset: a picture or video; None is black. fit: stretch it onto the canvas, or crop its middle to
    2:1 first. yaw_deg: how far its content is turned to the left. blur_px: odd width of a Gaussian
    kernel in canvas pixels, 1 is none.
    """

    asset: Asset | None
    fit: Literal["stretch", "crop"]
    yaw_deg: Annotated[float, Field(ge=0, lt=360)]
    blur_px: Annotated[int, Field(ge=1, le=999)]

    def __post_init__(self) -> None:
        """Check that the blur has a middle."""
        if self.blur_px % 2 == 0:
            raise ValueError("blur_px must be odd")


@dataclass(frozen=True, kw_only=True)
class MattePlan:
    """Which part of a picture shows, beside its own alpha and mask.

    kind: `none` all of it, `feather` with a soft border, `ellipse` the ellipse in it with a soft
    border, `chroma` without the key colour, `grabcut` what GrabCut finds. feather: width of the
    soft border as a fraction of the shorter side. key_rgb, tolerance: of `chroma`.
    """

    kind: Literal[MATTES] = "feather"  # type: ignore[valid-type]
    feather: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    key_rgb: tuple[Byte, Byte, Byte] = (0, 255, 0)
    tolerance: Annotated[float, Field(gt=0, le=200)] = 40.0

    @property
    def is_cut_out(self) -> bool:
        """Whether the outline is in the picture's pixels."""
        return self.kind in ("chroma", "grabcut")


@dataclass(frozen=True, kw_only=True)
class LookPlan:
    """How a picture is changed to belong to the scene.

    luma is multiplied by luma_gain and moved by luma_offset, in levels; chroma_gain multiplies what
    chroma is away from grey, blue_offset and red_offset move it. blur_px: deviation of a Gaussian,
    in canvas pixels. noise: standard deviation, in levels of luma. shadow: how dark the soft shadow
    at its foot is, 0 for none, 1 for black.
    """

    luma_gain: Annotated[float, Field(gt=0, le=10)] = 1.0
    luma_offset: Annotated[float, Field(ge=-255, le=255)] = 0.0
    chroma_gain: Annotated[float, Field(ge=0, le=10)] = 1.0
    blue_offset: Annotated[float, Field(ge=-128, le=128)] = 0.0
    red_offset: Annotated[float, Field(ge=-128, le=128)] = 0.0
    blur_px: Annotated[float, Field(ge=0, le=20)] = 0.0
    noise: Annotated[float, Field(ge=0, le=64)] = 0.0
    shadow: Annotated[float, Field(ge=0, le=1)] = 0.0


@dataclass(frozen=True, kw_only=True)
class TilePlan:
    """The picture of one sound event, or one that makes no sound.

    event_index: no two tiles or unseen events share one. silent: it belongs to no sound; its
    source_id is -1. crop: what of the picture is put there; None for all of it. mirror: left and
    right change places. clip_start_ms: the time of the clip when the tile appears. fade_frames:
    video frames over which it appears, and goes. longer_side_deg: angle that the picture's longer
    side fills, for every row of the track. The track's distances are never nan.
    """

    event_index: Annotated[int, Field(ge=0)]
    class_id: Annotated[int, Field(ge=0, lt=NUM_CLASSES)]
    source_id: int
    silent: bool = False
    asset: Asset
    crop: Crop | None = None
    mirror: bool = False
    clip_start_ms: Annotated[int, Field(ge=0)] = 0
    fade_frames: Annotated[int, Field(ge=0, le=240)] = 0
    matte: MattePlan
    look: LookPlan = LookPlan()
    track: Track
    longer_side_deg: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that every row of the track has an angle."""
        if len(self.longer_side_deg) != len(self.track.label_frames):
            raise ValueError("longer_side_deg and the track differ in length")
        if not all(0 < angle <= 120 for angle in self.longer_side_deg):
            raise ValueError("longer_side_deg must be over 0 and at most 120")
        if not all(distance > 0 for distance in self.track.distance_m):
            raise ValueError("distance_m must be over 0")
        asset, crop = self.asset, self.crop
        if crop and not (
            crop.x + crop.width <= asset.width and crop.y + crop.height <= asset.height
        ):
            raise ValueError("crop must lie in the picture")

    @property
    def begins_anew(self) -> bool:
        """Whether it is a clip that ends before it goes."""
        if self.asset.kind == "image":
            return False
        return self.clip_start_ms + self.track.duration_ms > self.asset.duration_ms

    @property
    def width(self) -> int:
        """Pixels of the file that are shown, across."""
        return self.crop.width if self.crop else self.asset.width

    @property
    def height(self) -> int:
        """Pixels of the file that are shown, down."""
        return self.crop.height if self.crop else self.asset.height


@dataclass(frozen=True, kw_only=True)
class UnseenEvent:
    """A sound event that gets no picture, and why. The track's distances are never nan."""

    event_index: Annotated[int, Field(ge=0)]
    class_id: Annotated[int, Field(ge=0, lt=NUM_CLASSES)]
    source_id: int
    reason: str
    track: Track


@dataclass(frozen=True, kw_only=True)
class SoundPlan:
    """The sound of a recording: a file, and what becomes of it.

    path: below the plan's folder `audio_dir`, with forward slashes. track: what it is in the video;
    None if it is not in it. is_kept_beside: it lies beside the video as a WAV.
    """

    path: str
    sha256: str
    info: SoundInfo
    track: SoundFormat | None
    is_kept_beside: bool


@dataclass(frozen=True, kw_only=True)
class EncodingPlan:
    """The config's encoding section."""

    encoder: Literal["auto", "libx264", "h264_nvenc"]
    preset: Literal[X264_PRESETS]  # type: ignore[valid-type]
    quality: Annotated[int, Field(ge=1, le=51)]
    gop_s: Annotated[float, Field(gt=0, le=60)]


@dataclass(frozen=True, kw_only=True)
class TruthPlan:
    """The config's ground_truth section. mask_size: `full`, or width and height as 360x180."""

    labels: bool = True
    tracks: bool = True
    masks: bool = True
    dcase: bool = True
    masks_per_s: Annotated[float, Field(gt=0, le=240)] = 10.0
    mask_size: Annotated[str, Field(pattern=MASK_SIZE)] = "360x180"


@dataclass(frozen=True, kw_only=True)
class ScenePlan:
    """A recording's video, complete: rendering it draws no random number.

    seed: the config's. noise_seed: of the noise that looks have. frame_rate: frames per second as
    num/den. width, height: canvas pixels. folders: the input folders that assets lie in, relative
    ones from the folder of the plan's file, links resolved. class_names: by class id.
    """

    version: Literal[3]
    recording_id: str
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    noise_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    frame_rate: Annotated[str, Field(pattern=r"^[1-9]\d{0,8}/[1-9]\d{0,8}$")]
    num_frames: Annotated[int, Field(ge=1, le=MAX_FRAMES)]
    width: Annotated[int, Field(ge=64, le=16384, multiple_of=2)]
    height: Annotated[int, Field(ge=64, le=16384, multiple_of=2)]
    interpolate: bool
    folders: dict[str, str]
    class_names: Annotated[tuple[str, ...], Field(min_length=NUM_CLASSES, max_length=NUM_CLASSES)]
    encoding: EncodingPlan
    sound: SoundPlan | None
    truth: TruthPlan
    canvas: CanvasPlan
    unseen: tuple[UnseenEvent, ...]
    tiles: tuple[TilePlan, ...]

    def __post_init__(self) -> None:
        """Check the frame rate, and that every event has a number of its own."""
        parse_frame_rate(self.frame_rate)
        numbers = [one.event_index for one in self.events]
        if len(set(numbers)) < len(numbers):
            raise ValueError("event_index must be unique")

    @property
    def frames_per_second(self) -> Fraction:
        """The frame rate as a number."""
        return _number(self.frame_rate)

    @property
    def events(self) -> tuple[TilePlan | UnseenEvent, ...]:
        """Everything that has an event_index."""
        return (*self.tiles, *self.unseen)

    def num_samples(self, sample_rate: int) -> int:
        """How many samples of sound are as long as the pictures."""
        return round(self.num_frames * sample_rate / self.frames_per_second)

    def to_json(self) -> str:
        """The plan as JSON text: a key a line, a tile a line, the same text for the same plan."""
        rows = []
        for key, value in ((field.name, getattr(self, field.name)) for field in fields(self)):
            if key in ("unseen", "tiles") and value:
                items = ",\n".join("  " + _compact(item) for item in value)
                rows.append(f"{_compact(key)}: [\n{items}\n]")
            else:
                rows.append(f"{_compact(key)}: {_compact(value)}")
        return "{\n" + ",\n".join(rows) + "\n}\n"

    def sha256(self) -> str:
        """Hash of the JSON text without its folders: wherever assets lie, it is the same video."""
        return self._sha256

    @cached_property
    def _sha256(self) -> str:
        return hashlib.sha256(replace(self, folders={}).to_json().encode()).hexdigest()


@lru_cache(maxsize=64)  # a plan is asked for it several times a frame
def _number(text: str) -> Fraction:
    return Fraction(text)


def _compact(value: Any) -> str:
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


@lru_cache(maxsize=1)  # making it takes longer than reading many plans
def _scene_plans() -> TypeAdapter[ScenePlan]:
    return TypeAdapter(ScenePlan)


def plan_from_json(text: str | bytes, *, name: str | Path) -> ScenePlan:
    """Read a plan that `to_json` wrote. Raises PlanError if it is none, or of another version."""
    try:
        plan = _scene_plans().validate_json(text)
        understood = json.loads(plan.to_json())  # refuses what is no number
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "plan"
        raise PlanError(f"{name}: not a plan of this version: {where}: {first['msg']}") from None
    except ValueError as error:
        raise PlanError(f"{name}: not a plan of this version: {error}") from None
    if understood != json.loads(text):
        raise PlanError(f"{name}: not a plan of this version: it has other keys")
    for folder, path, _ in files_of(plan):
        if folder not in plan.folders or os.path.isabs(path) or ".." in Path(path).parts:
            raise PlanError(f"{name}: the file {path!r} is in none of the plan's folders")
    return plan


def files_of(plan: ScenePlan) -> Iterator[tuple[str, str, str]]:
    """The folder, path and hash of every file that a plan needs."""
    for asset in (plan.canvas.asset, *(tile.asset for tile in plan.tiles)):
        if asset is not None:
            yield asset.folder, asset.path, asset.sha256
            if asset.mask:
                yield asset.folder, asset.mask, asset.mask_sha256
    if plan.sound is not None:
        yield SOUND_FOLDER, plan.sound.path, plan.sound.sha256


def resolve_folders(plan: ScenePlan, plan_file: Path) -> dict[str, Path]:
    """The plan's folders as absolute paths, for a plan kept in plan_file."""
    base = Path(os.path.realpath(plan_file.parent))
    return {key: Path(os.path.normpath(base / folder)) for key, folder in plan.folders.items()}
