"""Config + SoundEvents + AssetLibrary + seed → ScenePlan: everything random is decided here."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import seldsynth
from seldsynth.asset_files import Asset
from seldsynth.assets import AssetLibrary
from seldsynth.choice import AssetChooser, draw_key, folder_weight, generator_of
from seldsynth.class_table import ClassTable
from seldsynth.classes import CLASSES
from seldsynth.config import Config
from seldsynth.errors import AssetError, LabelError
from seldsynth.events import LABEL_RATE, SoundEvent, Track, num_video_frames
from seldsynth.looks import Surroundings, look_of
from seldsynth.plan import (
    OFF_SCREEN,
    SOUND_FOLDER,
    CanvasPlan,
    EncodingPlan,
    ScenePlan,
    SoundPlan,
    TilePlan,
    TruthPlan,
    UnseenEvent,
)
from seldsynth.silent import silent_tiles
from seldsynth.tiles import TileMaker

MAX_EVENTS = 10_000
"""In a recording. More are taken for a fault of its labels."""
_CANVAS_STREAM = 2**32 - 2
_NOISE_STREAM = 2**32 - 4
_LOOKS = 2**30
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
    sound: SoundPlan | None = None,
    variant: int = 0,
) -> ScenePlan:
    """Decide everything about one recording's video.

    plan_file: where the plan will be kept; its relative folders start from there. sound: of the
    recording, if it has any. variant: which of the videos of the recording it is.

    The plan depends on the config, the seed, the recording's id and labels, and the assets; not on
    other recordings, their order or number. Raises AssetError for a class without pictures
    (unless tiles.missing is skip) and LabelError for a recording of no length, or of more events
    than MAX_EVENTS.
    """
    name = variant_id(recording_id, variant, config.processing.variants)
    num_frames = _length(config, sound, recording_id=name, num_label_frames=num_label_frames)
    rate = config.processing.fps
    begun = _begun(events, num_frames / rate, recording_id=recording_id)
    choose = AssetChooser(
        config, library, recording_id, variant=variant, wanted=_classes_drawn(config, begun)
    )
    maker = TileMaker(config, library, name, num_frames=num_frames)
    tiles, unseen = _plan_events(begun, choose, maker)
    tiles += silent_tiles(maker, choose, begun, tiles)
    canvas = _canvas(config, library, choose, name)
    tiles = _with_looks(tiles, canvas, library, config, name)
    used = {asset.folder for asset in (canvas.asset, *(t.asset for t in tiles)) if asset}
    roots = {key: library.folders[key] for key in used}
    if sound is not None and config.input.audio_dir is not None:
        roots[SOUND_FOLDER] = config.input.audio_dir
    return ScenePlan(
        version=3,
        recording_id=name,
        seed=config.processing.seed,
        noise_seed=int(generator_of(config, name, _NOISE_STREAM).integers(2**63)),
        frame_rate=f"{rate.numerator}/{rate.denominator}",
        num_frames=num_frames,
        width=config.canvas.width,
        height=config.canvas.height,
        interpolate=config.labels.interpolate,
        folders=dict(_plan_folders(config, roots, plan_file.parent)),
        class_names=tuple(one.name for one in library.classes),
        encoding=EncodingPlan(**config.encoding.model_dump()),
        sound=sound,
        truth=TruthPlan(**config.ground_truth.model_dump()),
        canvas=canvas,
        unseen=tuple(unseen),
        tiles=tuple(tiles),
    )


def _begun(
    events: tuple[SoundEvent, ...], length_s: Fraction, *, recording_id: str
) -> list[SoundEvent]:
    """The events that begin before a video ends. Raises LabelError for more than MAX_EVENTS."""
    begun = [
        event for event in events if Fraction(event.track.label_frames[0], LABEL_RATE) < length_s
    ]
    if len(begun) > MAX_EVENTS:
        raise LabelError(
            f"{recording_id}.csv: {len(begun)} sound events, of which at most {MAX_EVENTS} go into "
            "a video; split the recording, or see that a source has the same id in all its rows"
        )
    return begun


def _plan_events(
    events: list[SoundEvent], choose: AssetChooser, maker: TileMaker
) -> tuple[list[TilePlan], list[UnseenEvent]]:
    """The pictures of sound events, and the events that have none. Raises AssetError."""
    config = maker.config
    tiles: list[TilePlan] = []
    unseen: list[UnseenEvent] = []
    missing: set[int] = set()
    for event in events:
        chance = maker.chance(draw_key(event, keep_asset=config.tiles.keep_asset))
        asset = choose.for_event(event)
        reason = ""
        if chance.offscreen < config.tiles.offscreen:
            reason = OFF_SCREEN
        elif not maker.frames_shown(event.track):
            reason = "falls between two video frames"
        elif asset is None:
            reason = "no picture or clip for its class"
            missing.add(event.class_id)
        track = _with_distances(event.track, config.tiles.default_distance_m)
        if asset and not reason:
            tiles.append(maker.make(event, track, asset, chance))
        else:
            unseen.append(
                UnseenEvent(
                    event_index=event.event_index,
                    class_id=event.class_id,
                    source_id=event.source_id,
                    reason=reason,
                    track=track,
                )
            )
    _complain(missing, config, maker.library)
    return tiles, unseen


def variant_id(recording_id: str, variant: int, variants: int) -> str:
    """What a variant is called: mix_v00, or mix if there is only one."""
    digits = max(2, len(str(variants - 1)))
    return f"{recording_id}_v{variant:0{digits}d}" if variants > 1 else recording_id


def _classes_drawn(config: Config, events: list[SoundEvent]) -> list[int]:
    """The class of every asset that a variant draws for its events."""
    drawn = {
        draw_key(event, keep_asset=config.tiles.keep_asset): event.class_id for event in events
    }
    return list(drawn.values())


def notes_on(
    plan: ScenePlan,
    *,
    num_label_frames: int,
    silent_per_minute: float = 0.0,
    classes: ClassTable = CLASSES,
) -> tuple[str, ...]:
    """What a user may want to know of a plan: cut or padded, and what found no place in it."""
    notes = []
    labels_s = Fraction(num_label_frames, LABEL_RATE)
    natural_s = plan.sound.info.duration_s if plan.sound else labels_s
    length_s = plan.num_frames / plan.frames_per_second
    if plan.num_frames != num_video_frames(natural_s, plan.frames_per_second):
        verb = "cut" if length_s < natural_s else "padded"
        notes.append(f"{verb} from {float(natural_s):.1f} s to {float(length_s):.1f} s")
    for reason in sorted({event.reason for event in plan.unseen} - {OFF_SCREEN}):
        of_reason = [event for event in plan.unseen if event.reason == reason]
        names = sorted({classes[event.class_id].name for event in of_reason})
        notes.append(f"events left out: {len(of_reason)} ({', '.join(names)}): {reason}")
    silent = sum(tile.silent for tile in plan.tiles)
    wished = int(silent_per_minute * float(length_s) / 60)
    if silent < wished:
        notes.append(f"silent pictures: {silent} of {wished}: no more free place, or none to show")
    return tuple(notes)


def warnings_on(plan: ScenePlan, *, num_label_frames: int) -> tuple[str, ...]:
    """What a user should know of a plan: no event in it, labels that go on after the sound."""
    labels_s = Fraction(num_label_frames, LABEL_RATE)
    if num_label_frames and not plan.events:
        length_s = float(plan.num_frames / plan.frames_per_second)
        return (f"no event in its first {length_s:.1f} s: the video shows the canvas alone",)
    if plan.sound is None or labels_s - plan.sound.info.duration_s <= Fraction(1, LABEL_RATE):
        return ()
    sound_s = float(plan.sound.info.duration_s)
    return (
        f"labels go on to {float(labels_s):.1f} s, the sound ends at {sound_s:.1f} s: "
        "do they belong together?",
    )


def _plan_folders(
    config: Config, roots: Mapping[str, Path], base: Path
) -> Iterator[tuple[str, str]]:
    """Folders as the user wrote them: relative ones from the plan's folder, others absolute.

    So a plan goes on working where all of a project moves.
    """
    for key, root in sorted(roots.items()):
        try:
            place = _seen_from(base, root) if key in config.relative_inputs else root
        except ValueError:  # another drive, on Windows
            place = root
        yield key, place.as_posix()


def _seen_from(base: Path, root: Path) -> Path:
    """The way from one folder to another, whatever links lead to the first.

    As it is written where that leads there, so that links beside it remain. Raises ValueError.
    """
    real = os.path.realpath(base)
    written = os.path.relpath(root, base)
    if os.path.realpath(os.path.join(real, written)) == os.path.realpath(root):
        return Path(written)
    return Path(os.path.relpath(os.path.realpath(root), real))


def _length(
    config: Config, sound: SoundPlan | None, *, recording_id: str, num_label_frames: int
) -> int:
    """Number of video frames: as long as the config says, else as the sound, else the labels."""
    rate = config.processing.fps
    wish = config.processing.video_duration
    if wish is not None:
        length_s = Fraction(str(wish))
    elif sound is not None:
        length_s = sound.info.duration_s
    else:
        length_s = Fraction(num_label_frames, LABEL_RATE)
    if not length_s:
        raise LabelError(
            f"{recording_id}.csv: no rows, so no length; set processing.video_duration to get one"
        )
    return num_video_frames(length_s, rate)


def _complain(missing: set[int], config: Config, library: AssetLibrary) -> None:
    """Say which classes had no usable file. Raises AssetError, unless tiles.missing is skip."""
    if not missing:
        return
    classes, paths = library.classes, config.input
    if config.tiles.missing == "skip":
        for class_id in sorted(missing):
            name = classes[class_id].name
            library.warn_once(f"no picture or clip for {name}: its events are left out")
        return
    names = ", ".join(f"{one} ({classes[one].name})" for one in sorted(missing))
    places = [str(one) for one in (paths.image_assets_dir, paths.video_assets_dir) if one]
    files = [file for one in missing for file in library.tiles.get(one, ())]
    switched_off = files and not any(folder_weight(file, config.assets.weights) for file in files)
    weights = " that assets.weights do not switch off" if switched_off else ""
    are_in_other_parts = files and config.assets.split
    if not (are_in_other_parts or switched_off):
        library.warn_once(f"to see which pictures and clips there are: {_check_command(config)}")
    raise AssetError(
        f"no picture or clip for class {names}{_of_part(config)}{weights} "
        f"under {' or '.join(places)}; add some or set tiles.missing: skip"
    )


def _of_part(config: Config) -> str:
    """Words for the part of the assets that may be used, if it is not all."""
    split = config.assets.split
    return f" in the {split} part (assets.split)" if split else ""


def _check_command(config: Config) -> str:
    """What to type to have the asset folders checked, from where the program was started."""
    paths, assets = config.input, config.assets
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


def _with_distances(track: Track, default_m: float) -> Track:
    """A track whose distances are all known."""
    distances = tuple(default_m if math.isnan(one) else one for one in track.distance_m)
    return replace(track, distance_m=distances)


def _with_looks(
    tiles: list[TilePlan],
    canvas: CanvasPlan,
    library: AssetLibrary,
    config: Config,
    recording_id: str,
) -> list[TilePlan]:
    """The tiles, made to belong to the canvas as far as the config wishes."""
    wishes = config.look
    if not any(value for key, value in wishes if key != "shadow_strength"):
        return tiles
    surroundings = None
    matches = wishes.match_colour or wishes.match_blur or wishes.match_noise
    if matches and canvas.asset is not None:
        size = config.canvas
        surroundings = Surroundings(canvas, library.folders, width=size.width, height=size.height)
    made = []
    for tile in tiles:
        chances = generator_of(config, recording_id, _LOOKS + tile.event_index).random(4)
        brightness, contrast, saturation, shadow = (float(one) for one in chances)
        drawn = (brightness, contrast, saturation, shadow)
        look = look_of(tile, library.folders, surroundings, drawn, config)
        made.append(replace(tile, look=look))
    return made


def _canvas(
    config: Config, library: AssetLibrary, choose: AssetChooser, recording_id: str
) -> CanvasPlan:
    generator = generator_of(config, recording_id, _CANVAS_STREAM)
    # Both are always drawn, so that a switch changes only what it names.
    yaw, blur = generator.random(), generator.random()
    asset = None
    fit: Literal["stretch", "crop"] = "crop" if config.canvas.fit == "crop" else "stretch"
    if config.canvas_key is not None:
        asset = choose.canvas()
        if asset is None:
            place = library.folders[config.canvas_key]
            raise AssetError(
                f"no usable canvas{_of_part(config)} under {place}; add a 360° picture or video, "
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
