"""Which sound belongs to a recording, and what becomes of it: audio_dir → SoundPlan."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seldsynth.asset_files import file_sha256
from seldsynth.config import Config
from seldsynth.config_values import DEFAULT_SAMPLE_RATE, FORMAT_FOLDER
from seldsynth.errors import AssetError, ConfigError, MediaError
from seldsynth.folders import files_below
from seldsynth.media.sound_files import SoundInfo, check_sound
from seldsynth.media.sound_tracks import SoundFormat, can_be_a_track
from seldsynth.media.spatial_mp4 import FOA_CHANNELS
from seldsynth.plan import SoundPlan

_SUFFIXES = frozenset({".wav", ".flac"})
_MOST_BITS_PER_SAMPLE = 6  # AAC's limit: 6144 bits in 1024 samples of a channel

_Kind = Literal["foa", "mic"]


@dataclass(frozen=True, kw_only=True)
class _SoundFile:
    """A file below audio_dir. kind: what four channels are, as its folder's name says."""

    path: Path
    kind: _Kind | None


class SoundLibrary:
    """The sound files below audio_dir, by the recording that they belong to."""

    def __init__(self, config: Config) -> None:
        """List them. Raises ConfigError if there is none at all."""
        root = config.input.audio_dir
        assert root is not None
        self._root = root
        self._config = config.audio
        self._files = _list_files(config, root)
        self._last: tuple[Path, SoundPlan] | None = None
        if not self._files:
            raise ConfigError(f"input.audio_dir: no WAV or FLAC in {root} or below")

    def plan(self, recording_id: str) -> SoundPlan | None:
        """What becomes of a recording's sound; None if there is none and that is allowed.

        Reads the file through. Raises AssetError if there is none and there must be, MediaError
        if it cannot be used.
        """
        found = self._choose(self._files.get(recording_id, []))
        if found is None:
            if self._config.missing == "error":
                raise AssetError(
                    f"no sound for {recording_id}: no {recording_id}.wav or .flac in {self._root}, "
                    f"foa…/ or mic…/ below it{self._of_kind()}{self._elsewhere(recording_id)}; "
                    "add it, or set audio.missing to skip or silent"
                )
            return None
        if self._last is None or self._last[0] != found.path:  # variants share it
            self._last = (found.path, self._read(found))
        return self._last[1]

    def _read(self, found: _SoundFile) -> SoundPlan:
        info = check_sound(found.path)
        self._check(found.path, info)
        return SoundPlan(
            path=found.path.relative_to(self._root).as_posix(),
            sha256=file_sha256(found.path),
            info=info,
            track=self._track(info, found.kind) if self._is_wanted(info) else None,
            is_kept_beside=self._config.codec != "none" and not can_be_a_track(info.channels),
        )

    def notes_on(self, sound: SoundPlan | None) -> tuple[str, ...]:
        """What a user may want to know of a recording's sound."""
        if sound is None:
            return ("no sound file: a video without sound",)
        channels = sound.info.channels
        if sound.is_kept_beside:
            return (f"sound: {channels} channels do not go into an MP4: kept beside it as a WAV",)
        if sound.track is not None and channels < FOA_CHANNELS:
            return (f"sound is no ambisonics: channels: {channels}",)
        return ()

    def _check(self, path: Path, info: SoundInfo) -> None:
        wish, channels = self._config.format, info.channels
        if wish != "auto" and channels != FOA_CHANNELS and can_be_a_track(channels):
            raise MediaError(f"{path}: {channels} channels cannot be audio.format: {wish}")
        if info.is_over and self._config.codec == "flac":
            raise MediaError(
                f"{path}: goes beyond full scale, where audio.codec: flac would cut it; "
                "use aac, or make it quieter"
            )

    def _choose(self, files: list[_SoundFile]) -> _SoundFile | None:
        """The file to use of those for one recording: FOA first, unless the config says mic."""
        wish = self._config.format
        order = ("foa", None, "mic")
        allowed = [one for one in files if wish == "auto" or one.kind in (wish, None)]
        if not allowed:
            return None
        best = min(order.index(one.kind) for one in allowed)
        equal = [one for one in allowed if order.index(one.kind) == best]
        if len(equal) > 1:
            names = " and ".join(str(one.path) for one in equal)
            raise AssetError(f"{names} could be the sound of one recording; remove all but one")
        return equal[0]

    def _elsewhere(self, recording_id: str) -> str:
        """Words for sound of the same name in another folder, if there is any."""
        name = recording_id.rsplit("/", 1)[-1]
        found = [files[0] for one, files in self._files.items() if one.rsplit("/", 1)[-1] == name]
        if not found:
            return ""
        where = found[0].path.relative_to(self._root).as_posix()
        return f" ({where} is another: below audio_dir paths are as below metadata_dir)"

    def _of_kind(self) -> str:
        wish = self._config.format
        return "" if wish == "auto" else f" (audio.format: {wish})"

    def _is_wanted(self, info: SoundInfo) -> bool:
        return self._config.codec != "none" and can_be_a_track(info.channels)

    def _track(self, info: SoundInfo, kind: _Kind | None) -> SoundFormat:
        config = self._config
        assert config.codec != "none"
        natural = info.sample_rate if config.codec == "flac" else DEFAULT_SAMPLE_RATE
        rate = natural if config.sample_rate == "auto" else int(config.sample_rate)
        is_foa = info.channels == FOA_CHANNELS
        if config.format == "mic" or (config.format == "auto" and kind == "mic"):
            is_foa = False
        share = config.kbit_per_s * 1000 * info.channels // FOA_CHANNELS
        return SoundFormat(
            codec=config.codec,
            channels=info.channels,
            sample_rate=rate,
            bits_per_s=min(share, _MOST_BITS_PER_SAMPLE * rate * info.channels),
            bits=info.bits if rate == info.sample_rate else 24,
            foa=is_foa,
        )


def _list_files(config: Config, root: Path) -> dict[str, list[_SoundFile]]:
    """Sound files by recording: the path below root, without its ending and its format folder."""
    of_root = FORMAT_FOLDER.match(root.name)
    video_dir = config.output.video_dir
    found: dict[str, list[_SoundFile]] = defaultdict(list)
    for path in files_below(root, follow_symlinks=config.assets.follow_symlinks):
        if path.suffix.lower() not in _SUFFIXES or path.is_relative_to(video_dir):
            continue
        name = path.relative_to(root).with_suffix("")
        match = FORMAT_FOLDER.match(name.parts[0]) if len(name.parts) > 1 else None
        found[name.as_posix()].append(_SoundFile(path=path, kind=_kind(match or of_root)))
        if match:  # the recording may be below such a folder itself, or in it
            name = name.relative_to(name.parts[0])
            found[name.as_posix()].append(_SoundFile(path=path, kind=_kind(match)))
    return dict(found)


def _kind(match: re.Match[str] | None) -> _Kind | None:
    if match is None:
        return None
    return "foa" if match[1].lower() == "foa" else "mic"
