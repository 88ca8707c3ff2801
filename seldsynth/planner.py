"""Config + SoundEvents + AssetLibrary + seed → ScenePlan: everything random is decided here."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np

import seldsynth
from seldsynth.assets import Asset, AssetFile, AssetKind, AssetLibrary
from seldsynth.class_table import ClassTable, SoundClass
from seldsynth.classes import CLASSES
from seldsynth.config import Config, TilesConfig
from seldsynth.errors import AssetError, LabelError
from seldsynth.events import LABEL_RATE, SoundEvent, Track, motion_of, num_video_frames
from seldsynth.plan import CanvasPlan, EncodingPlan, ScenePlan, SkippedEvent, TilePlan

_CANVAS_STREAM = 2**32 - 1
_PUBLIC_WIDTH = 1920
_ASPECT_TOLERANCE = 0.01


def make_plan(
    config: Config,
    events: tuple[SoundEvent, ...],
    library: AssetLibrary,
    *,
    recording_id: str,
    num_label_frames: int,
    plan_file: Path,
) -> ScenePlan:
    """Decide everything about one recording's video.

    plan_file: where the plan will be kept; its relative folders start from there.

    The plan depends on the config, the seed, the recording's id and labels, and the assets; not on
    other recordings, their order or number. Raises AssetError for a class without pictures
    (unless tiles.missing is skip) and LabelError for a recording of no length.
    """
    num_frames = _length(config, recording_id=recording_id, num_label_frames=num_label_frames)
    rate = config.processing.fps
    choose = _AssetChooser(config, library, recording_id)
    tiles, skipped = [], []
    for event in events:
        if num_video_frames(Fraction(event.track.label_frames[0], LABEL_RATE), rate) >= num_frames:
            continue
        asset = choose.tile(event)
        reason = "" if asset else "no picture or clip for its class"
        if not _frames_of(event.track, rate, num_frames):
            reason = "falls between two video frames"
        if asset and not reason:
            tiles.append(_tile(event, asset, library.classes[event.class_id], config.tiles))
        else:
            skipped.append(
                SkippedEvent(event_index=event.event_index, class_id=event.class_id, reason=reason)
            )
    choose.complain()
    canvas = _canvas(config, library, recording_id)
    used = {asset.folder for asset in (canvas.asset, *(t.asset for t in tiles)) if asset}
    return ScenePlan(
        version=1,
        recording_id=recording_id,
        seed=config.processing.seed,
        frame_rate=f"{rate.numerator}/{rate.denominator}",
        num_frames=num_frames,
        width=config.canvas.width,
        height=config.canvas.height,
        interpolate=config.labels.interpolate,
        folders=dict(_plan_folders(config, library, plan_file.parent, used)),
        encoding=EncodingPlan(**config.encoding.model_dump()),
        canvas=canvas,
        skipped=tuple(skipped),
        tiles=tuple(tiles),
    )


def _frames_of(track: Track, frame_rate: Fraction, num_frames: int) -> int:
    """In how many video frames a track is seen; at less than 10 frames/s that may be none."""
    motion = motion_of(track, frame_rate=frame_rate, num_frames=num_frames, interpolate=False)
    return len(motion.video_frames)


def notes_on(
    plan: ScenePlan, *, num_label_frames: int, classes: ClassTable = CLASSES
) -> tuple[str, ...]:
    """What a user may want to know of a plan: cut or padded, and events without a picture."""
    notes = []
    natural = num_video_frames(Fraction(num_label_frames, LABEL_RATE), plan.frames_per_second)
    if plan.num_frames != natural:
        verb = "cut" if plan.num_frames < natural else "padded"
        length_s = float(plan.num_frames / plan.frames_per_second)
        notes.append(f"{verb} from {num_label_frames / LABEL_RATE:.1f} s to {length_s:.1f} s")
    for reason in sorted({event.reason for event in plan.skipped}):
        of_reason = [event for event in plan.skipped if event.reason == reason]
        names = sorted({classes[event.class_id].name for event in of_reason})
        notes.append(f"events left out: {len(of_reason)} ({', '.join(names)}): {reason}")
    return tuple(notes)


def _plan_folders(
    config: Config, library: AssetLibrary, base: Path, used: set[str]
) -> Iterator[tuple[str, str]]:
    """Folders as the user wrote them: relative ones from the plan's folder, others absolute.

    A plan is so the same in every copy of a project, and goes on working where all of it moves.
    """
    for key in sorted(used):
        root = library.folders[key]
        try:
            relative = Path(os.path.relpath(root, base)) if key in config.relative_inputs else root
        except ValueError:  # another drive, on Windows
            relative = root
        yield key, relative.as_posix()


def _length(config: Config, *, recording_id: str, num_label_frames: int) -> int:
    """Number of video frames."""
    rate = config.processing.fps
    labels_s = Fraction(num_label_frames, LABEL_RATE)
    wish = config.processing.video_duration
    length_s = labels_s if wish is None else Fraction(str(wish))
    if not length_s:
        raise LabelError(
            f"{recording_id}.csv: no rows, so no length; set processing.video_duration to get one"
        )
    return num_video_frames(length_s, rate)


def _generator(config: Config, recording_id: str, stream: int) -> np.random.Generator:
    """Random numbers of one event (stream is its event_index) or of the canvas."""
    return np.random.default_rng([config.processing.seed, crc32(recording_id.encode()), stream])


class _AssetChooser:
    """Draws a picture or clip for every sound event of one recording."""

    def __init__(self, config: Config, library: AssetLibrary, recording_id: str) -> None:
        self._config = config
        self._library = library
        self._recording_id = recording_id
        self._chosen: dict[int, Asset | None] = {}
        self._missing: set[int] = set()

    def tile(self, event: SoundEvent) -> Asset | None:
        """The asset of an event; a source that comes back has the one it had before."""
        if event.identity not in self._chosen:
            self._chosen[event.identity] = self._draw(event)
        return self._chosen[event.identity]

    def _draw(self, event: SoundEvent) -> Asset | None:
        generator = _generator(self._config, self._recording_id, event.identity)
        heads = bool(generator.random() < 0.5)
        prefer = self._config.tiles.prefer
        first: AssetKind = (
            "image" if (heads if prefer == "mixed" else prefer == "image") else "video"
        )
        second: AssetKind = "video" if first == "image" else "image"
        files = self._library.tiles.get(event.class_id, ())
        for kind in (first, second):
            asset = draw(generator, self._library, [file for file in files if file.kind == kind])
            if asset is not None:
                return asset
        self._missing.add(event.class_id)
        return None

    def complain(self) -> None:
        """Say which classes had no usable file. Raises AssetError, unless tiles.missing is skip."""
        if not self._missing:
            return
        classes, paths = self._library.classes, self._config.input
        if self._config.tiles.missing == "skip":
            for class_id in sorted(self._missing):
                name = classes[class_id].name
                self._library.warn_once(f"no picture or clip for {name}: its events are left out")
            return
        names = ", ".join(f"{one} ({classes[one].name})" for one in sorted(self._missing))
        places = [str(one) for one in (paths.image_assets_dir, paths.video_assets_dir) if one]
        raise AssetError(
            f"no picture or clip for class {names} under {' or '.join(places)}; "
            f"add some or set tiles.missing: skip; to see what there is: {self._check_command()}"
        )

    def _check_command(self) -> str:
        """What to type to have the asset folders checked, from where the program was started."""
        paths, assets = self._config.input, self._config.assets
        words = ["python", "-m", "seldsynth", "assets", "check"]
        if assets.follow_symlinks:
            words.append("--follow-symlinks")
        if assets.class_table is not None:
            words += ["--class-table", str(assets.class_table)]
        words += ["--metadata", str(paths.metadata_dir)]
        words += [str(one) for one in (paths.image_assets_dir, paths.video_assets_dir) if one]
        home = Path(seldsynth.__file__).parents[1]
        installed = home.name in ("site-packages", "dist-packages")
        go_there = "" if installed or home == Path.cwd() else f"cd {shlex.quote(str(home))} && "
        return go_there + shlex.join(words)


def draw(
    generator: np.random.Generator, library: AssetLibrary, files: list[AssetFile]
) -> Asset | None:
    """One usable file at random, or None if there is none."""
    for index in generator.permutation(len(files)):
        asset = library.check(files[index])
        if asset is not None:
            return asset
    return None


def _tile(event: SoundEvent, asset: Asset, sound_class: SoundClass, tiles: TilesConfig) -> TilePlan:
    track = event.track
    distances = tuple(
        tiles.default_distance_m if math.isnan(distance) else distance
        for distance in track.distance_m
    )
    return TilePlan(
        event_index=event.event_index,
        class_id=event.class_id,
        source_id=event.source_id,
        asset=asset,
        feather=tiles.feather,
        track=Track(
            label_frames=track.label_frames,
            azimuth_deg=track.azimuth_deg,
            elevation_deg=track.elevation_deg,
            distance_m=distances,
        ),
        longer_side_deg=tuple(_longer_side_deg(sound_class.extent_m, d, tiles) for d in distances),
    )


def _longer_side_deg(extent_m: float, distance_m: float, tiles: TilesConfig) -> float:
    """Angle that the longer side of a picture of that extent fills at a distance.

    Rounded to a millionth of a degree, so that a plan does not depend on the C library.
    """
    if tiles.size == "fixed":
        return tiles.fixed_deg
    angle = math.degrees(2 * math.atan2(extent_m / 2, distance_m))
    return round(min(max(angle, tiles.min_deg), tiles.max_deg), 6)


def _canvas(config: Config, library: AssetLibrary, recording_id: str) -> CanvasPlan:
    generator = _generator(config, recording_id, _CANVAS_STREAM)
    # All three are always drawn, so that a switch changes only what it names.
    asset_generator, yaw, blur = generator.spawn(1)[0], generator.random(), generator.random()
    asset = None
    fit: Literal["stretch", "crop"] = "crop" if config.canvas.fit == "crop" else "stretch"
    if config.canvas_key is not None:
        asset = draw(asset_generator, library, list(library.canvases))
        if asset is None:
            place = library.folders[config.canvas_key]
            raise AssetError(
                f"no usable canvas under {place}; add a 360° picture or video, "
                "or set processing.dark_background: true"
            )
        _check_aspect(asset, config, library)
    half_width = config.canvas.width // 2
    columns = 2 * int(yaw * half_width) if config.canvas.random_yaw else 0
    # The public tool drew an odd kernel of 1 to 59 pixels, whatever the canvas.
    blur_px = 1
    if config.processing.use_blur:
        public_px = 2 * int(blur * 30) + 1
        blur_px = 2 * round(public_px * config.canvas.width / _PUBLIC_WIDTH / 2 - 0.5) + 1
    return CanvasPlan(
        asset=asset,
        fit=fit,
        yaw_deg=columns * 360 / config.canvas.width,
        blur_px=max(1, blur_px),
    )


def _check_aspect(asset: Asset, config: Config, library: AssetLibrary) -> None:
    """Warn of a canvas that is not 2:1, or refuse it, as the config says."""
    if abs(asset.width / asset.height / 2 - 1) <= _ASPECT_TOLERANCE:
        return
    path = library.folders[asset.folder] / asset.path
    what = f"{path}: {asset.width}x{asset.height} is not 2:1 as a 360° picture is"
    if config.canvas.fit == "error":
        raise AssetError(f"{what}; set canvas.fit to stretch or crop, or replace it")
    library.warn_once(f"{what}; {'cropped' if config.canvas.fit == 'crop' else 'stretched'}")
