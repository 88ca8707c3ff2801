"""YAML file → Config: every fault names its file, line and key, and what was probably meant."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from seldsynth.config import Config, Section, known_keys, sections
from seldsynth.config_values import DEFAULT_SAMPLE_RATE, FORMAT_FOLDER
from seldsynth.errors import ConfigError, shown
from seldsynth.yaml_file import Keys, YamlFile

_NO_LOGS = {".csv", ".yaml", ".yml", ".json", ".mp4"}  # labels, configs, plans, videos


def commented_config() -> str:
    """A complete config file with a comment for every key, to be filled in by a user."""
    lines = ["# seldsynth: what to read, what to write, and how. Every key that is left out has"]
    lines += ["# the value shown here. Paths may be relative to this file."]
    for section, model in sections():
        lines += ["", f"# {model.__doc__}", f"{section}:"]
        for key, field in model.model_fields.items():
            value = field.examples[0] if field.examples else field.default
            assert value is not PydanticUndefined
            lines += [f"  # {field.description}", f"  {key}: {_yaml_scalar(value)}"]
    return "\n".join(lines) + "\n"


def _yaml_scalar(value: object) -> str:
    if isinstance(value, Fraction):
        value = int(value) if value.denominator == 1 else str(value)
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config file.

    overrides: `section.key=value`, the value in YAML. Relative paths, from the file and from
    overrides, are taken from the config file's folder. Raises ConfigError, which names
    file, line and key of every fault; nothing is written.
    """
    source = YamlFile(
        path,
        hint="expected sections such as input: and output:; "
        "--write-config FILE writes a config to start from",
    )
    for override in overrides:
        source.override(override)
    try:
        config = Config.model_validate(source.values)
    except ValidationError as error:
        raise ConfigError(source.faults(error, depth=2, unknown=_nearest)) from None
    config = _with_absolute_paths(config, path.absolute().parent)
    faults = list(_cross_faults(config, source))
    if faults:
        raise ConfigError(faults)
    return config


def _nearest(keys: Keys) -> str:
    """The known key that an unknown one was probably meant to be, as the end of a sentence."""
    siblings = _siblings(keys)
    known = f"known are {', '.join(siblings)}"
    for name in known_keys():
        if len(keys) == 2 and name.split(".")[-1] == keys[-1]:
            return f"; did you mean {name}? here {known}"
    if close := difflib.get_close_matches(keys[-1], siblings, n=1, cutoff=0.6):
        return f"; did you mean {'.'.join((*keys[:-1], close[0]))}?"
    return f"; {known}"


def _siblings(keys: Keys) -> list[str]:
    models = dict(sections())
    return list(models[keys[0]].model_fields) if keys[0] in models else list(models)


def _with_absolute_paths(config: Config, base: Path) -> Config:
    def absolute(section: Section) -> dict[str, Path]:
        paths = {key: value for key, value in section if isinstance(value, Path)}
        return {key: Path(os.path.normpath(base / value)) for key, value in paths.items()}

    output = config.output.model_copy(update=absolute(config.output))
    if output.log_file is None:
        output = output.model_copy(update={"log_file": output.video_dir / "processing_log.txt"})
    located = config.model_copy(
        update={
            "input": config.input.model_copy(update=absolute(config.input)),
            "output": output,
            "assets": config.assets.model_copy(update=absolute(config.assets)),
        }
    )
    relative = (key for key, value in config.input if value and not value.is_absolute())
    return located.written_relative(relative)


def _real(path: Path) -> Path:
    """Where a path leads to; as far as it can be followed, if it cannot be."""
    return Path(os.path.realpath(path))


def _cross_faults(config: Config, source: YamlFile) -> Iterator[str]:
    """Faults that no single key shows: folders not there, sizes that exclude each other."""
    paths = config.input
    canvas_key = config.canvas_key
    if canvas_key is not None and getattr(paths, canvas_key) is None:
        yield (
            f"{source.where(('input', canvas_key))}: needed for the canvas; name a folder, or set "
            "processing.use_image_background to the other kind, or processing.dark_background: true"
        )
    for key, value in paths:
        is_canvas = key.endswith("360_path")
        if value is None or (is_canvas and key != canvas_key):
            continue
        if not (os.path.exists(value) if is_canvas else os.path.isdir(value)):
            what = "a file, not a folder" if os.path.exists(value) else "no such folder"
            yield f"{source.where(('input', key))}: {what}: {shown(str(value))}"
    if paths.image_assets_dir is None and paths.video_assets_dir is None:
        where = source.where(("input", "image_assets_dir"))
        yield f"{where}: null, and so is video_assets_dir; name a folder of pictures or clips"
    if config.tiles.min_deg > config.tiles.max_deg:
        where = source.where(("tiles", "min_deg"))
        yield f"{where}: {config.tiles.min_deg} is over tiles.max_deg {config.tiles.max_deg}"
    if config.audio.codec == "opus" and config.audio.sample_rate not in (
        "auto",
        DEFAULT_SAMPLE_RATE,
    ):
        where = source.where(("audio", "sample_rate"))
        yield f"{where}: opus has {DEFAULT_SAMPLE_RATE} samples per second; set that, or auto"
    video_dir = _real(config.output.video_dir)
    where = source.where(("output", "video_dir"))
    for key, kind in (("metadata_dir", "labels"), ("audio_dir", "sound")):
        if (folder := getattr(paths, key)) is not None and video_dir == _real(folder):
            yield f"{where}: is the folder of the {kind}; choose another for the videos"
    if paths.audio_dir is not None and video_dir.is_relative_to(_real(paths.audio_dir)):
        first = [*video_dir.relative_to(_real(paths.audio_dir)).parts, ""][0]
        if FORMAT_FOLDER.match(first):
            yield f"{where}: is among the sound of input.audio_dir; choose another for the videos"
    log_file = config.output.log_file
    assert log_file is not None
    if log_file.suffix.lower() in _NO_LOGS or os.path.isdir(log_file):
        log_where = source.where(("output", "log_file"))
        place = shown(str(log_file))
        yield f"{log_where}: {place} is no place for a log; name a file such as log.txt"
    for key, value in paths:
        if (
            key not in ("metadata_dir", "audio_dir")
            and value is not None
            and video_dir.is_relative_to(_real(value))
        ):
            yield f"{where}: is in input.{key}, where videos would become assets; choose another"
