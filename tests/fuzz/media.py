"""Pictures, clips and sounds that came to harm: read as assets, masks, canvases; planned; drawn."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from seldsynth.asset_files import AssetFile, read_asset
from seldsynth.assets import AssetLibrary, kind_of
from seldsynth.config import Config
from seldsynth.config_file import load_config
from seldsynth.events import events_of
from seldsynth.media.decode import MAX_CLIP_S
from seldsynth.media.sound_files import check_sound, write_wav
from seldsynth.media.sound_tracks import SoundFormat, SoundTrack, can_be_a_track, sound_frames
from seldsynth.metadata import read_labels
from seldsynth.plan import resolve_folders
from seldsynth.planner import make_plan
from seldsynth.render.scene import render_frames
from tests.conftest import (
    SHARED_DATA,
    mock_alpha_clip,
    mock_clip,
    mock_image,
    mock_labels,
    mock_pixels,
    mock_project,
    mock_sound,
)
from tests.fuzz.harm import harmed, with_png_sums

SOUNDS = (".wav", ".flac")
_MOST_BYTES = 150_000  # of a real file: what is mutated is to be decoded in no time
# What comes before sizes, numbers of things and times, by the ending of a file.
_HOT = {
    ".png": rb"IHDR|PLTE|tRNS|acTL|fcTL|IDAT|eXIf|zTXt|iCCP|gAMA",
    ".jpg": rb"\xff[\xc0-\xc4\xda-\xdd\xe0-\xe2]",
    ".webp": rb"RIFF|VP8X|VP8 |VP8L|ALPH|ANIM|ANMF|EXIF",
    ".bmp": rb"BM",
    ".gif": rb"GIF89a|\x21\xf9|\x2c\x00|NETSCAPE2.0",
    ".mp4": rb"ftyp|moov|mvhd|tkhd|mdhd|elst|stsd|avc1|avcC|hev1|hvcC|stts|stsc|stsz|stco|ctts|stss"
    rb"|pasp|colr|mdat|trun|tfhd|\x00\x00\x01[\x67\x68]",
    ".webm": rb"\x1a\x45\xdf\xa3|\x15\x49\xa9\x66|\x2a\xd7\xb1|\x44\x89|\x16\x54\xae\x6b|\xe0|\xb0"
    rb"|\xba|\x1f\x43\xb6\x75|\xe7|\xa3|\xa1|\x53\xc0",
    ".avi": rb"RIFF|avih|strh|strf|vids|movi|idx1|00dc|LIST",
    ".wav": rb"RIFF|RF64|ds64|fmt |data|fact|PEAK|LIST",
    ".flac": rb"fLaC|\xff\xf8",
}
_HOT[".mkv"], _HOT[".mov"] = _HOT[".webm"], _HOT[".mp4"]


def write_seeds(folder: Path) -> list[Path]:
    """A file of every kind that the program reads, as it should be."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = mock_pixels(48, 32)
    for name in ("a.png", "a.jpg", "a.bmp", "lossy.webp"):
        mock_image(folder / name, pixels)
    mock_image(folder / "alpha.png", mock_pixels(40, 30, channels=4) | np.uint8(9))
    mock_image(folder / "deep.png", pixels.astype(np.uint16) * 257)  # type: ignore[arg-type]
    picture = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "turned.jpg", exif=exif, quality=70, progressive=True)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("P").save(folder / "palette.png", transparency=3)
    picture.convert("L").save(folder / "grey.png", transparency=3)
    picture.convert("1").save(folder / "bits.png")
    picture.save(folder / "lossless.webp", lossless=True, exif=exif)
    others = [picture.rotate(90 * turn) for turn in range(3)]
    picture.save(folder / "moving.webp", save_all=True, append_images=others)
    picture.save(folder / "moving.png", save_all=True, append_images=others)
    picture.save(folder / "moving.gif", save_all=True, append_images=others, duration=90, loop=0)
    levels = [40, 90, 140, 190]
    mock_clip(folder / "a.mp4", levels=levels)
    mock_clip(folder / "parts.mp4", levels=levels, rate=Fraction(30000, 1001), noise=20)
    mock_clip(folder / "hevc.mp4", levels=levels, codec="mpeg4")
    mock_clip(folder / "a.mov", levels=levels, codec="mjpeg", pix_fmt="yuvj420p")
    mock_clip(folder / "a.avi", levels=levels, codec="mpeg4")
    mock_clip(folder / "raw.avi", levels=levels, codec="rawvideo")
    mock_clip(folder / "a.mkv", levels=levels, codec="ffv1")
    mock_clip(folder / "a.webm", levels=levels, codec="libvpx-vp9", options={"cpu-used": "8"})
    mock_alpha_clip(folder / "alpha.webm", num_frames=3, side=32)
    for subtype in ("PCM_16", "PCM_24", "FLOAT"):
        mock_sound(folder / f"{subtype}.wav", _noise(4), subtype=subtype)
    mock_sound(folder / "mono.wav", _noise(1), sample_rate=8000)
    mock_sound(folder / "many.wav", _noise(16), sample_rate=16000)
    mock_sound(folder / "a.flac", _noise(4))
    mock_sound(folder / "deep.flac", _noise(2), subtype="PCM_24")
    return sorted(folder.iterdir())


def _by_kind(paths: Iterable[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {"image": [], "video": [], "sound": []}
    for path in paths:
        kind = "sound" if path.suffix in SOUNDS else kind_of(path)
        if kind is not None:
            found[kind].append(path)
    return found


def _noise(channels: int) -> np.ndarray:
    return 0.2 * np.random.default_rng(0).standard_normal((4000, channels))


class Cases:
    """Mutations of media files: of five, two are pictures, two clips, one is a sound."""

    def __init__(self, folder: Path) -> None:
        self._made = _by_kind(write_seeds(folder / "seeds"))
        self._real = _by_kind(
            path
            for path in sorted(SHARED_DATA.rglob("*.*"))
            if path.is_file() and 0 < path.stat().st_size < _MOST_BYTES
        )
        self._folder = folder
        self._project = mock_project(
            folder / "project",
            tiles={"matte": "feather"},
            look={
                "match_colour": 0.5,
                "match_blur": True,
                "match_noise": True,
            },
        )
        rows = [
            (n, 0, source, (60 * n + 90 * source) % 360, 5 * n)
            for n in range(9)
            for source in (0, 1)
        ]
        self._labels = mock_labels(folder / "project" / "labels" / "a.csv", rows)

    def write(self, index: int) -> Path:
        rng = np.random.default_rng([2, index])
        kind = ("image", "video", "image", "video", "sound")[index % 5]
        seeds = self._real[kind] if self._real[kind] and rng.random() < 0.2 else self._made[kind]
        seed = seeds[int(rng.integers(len(seeds)))]
        hot = _HOT.get(seed.suffix.lower())
        content = seed.read_bytes()
        if rng.random() < 0.05:  # another kind of file than its name says
            content = seeds[int(rng.integers(len(seeds)))].read_bytes()
        elif rng.random() < 0.08:  # the beginning of one, the end of another
            other = seeds[int(rng.integers(len(seeds)))].read_bytes()
            place = int(rng.integers(len(content)))
            content = content[:place] + other[place:]
        else:
            content = harmed(content, rng, hot=re.compile(hot, re.S) if hot else None)
        if seed.suffix.lower() == ".png" and rng.random() < 0.9:
            content = with_png_sums(content)
        path = self._folder / f"media_{index:05d}{seed.suffix.lower()}"
        path.write_bytes(content)
        return path

    def carry(self, path: Path, index: int) -> None:
        if path.suffix in SOUNDS:
            _hear(path)
            return
        kind = kind_of(path)
        assert kind is not None
        file = AssetFile(folder="image_assets_dir", path=path.name, kind=kind)
        canvas = AssetFile(folder="image_360_path", path="room.png", kind="image")
        use = index // 5 % 4
        if use == 1:  # as a canvas
            key = "image_360_path" if kind == "image" else "video_360_path"
            canvas = AssetFile(folder=key, path=path.name, kind=kind)
            file = AssetFile(folder="image_assets_dir", path="Class_0/a.png", kind="image")
        elif use == 2 and kind == "image":  # as a mask
            file = AssetFile(
                folder="image_assets_dir", path="Class_0/a.png", kind="image", mask=path.name
            )
        wishes = [f"tiles.matte={('none', 'ellipse', 'chroma', 'grabcut')[index // 20 % 4]}"]
        if canvas.folder == "video_360_path":
            wishes += ["input.image_360_path=null", "input.video_360_path=canvas"]
        config = load_config(self._project, wishes)
        assets = config.input.image_assets_dir
        assert assets is not None
        places = {"image_assets_dir": assets, canvas.folder: assets.parent / "canvas"}
        for folder in places.values():
            shutil.copyfile(path, folder / path.name)
        try:
            used, longest_s = (canvas, Fraction(10)) if use == 1 else (file, MAX_CLIP_S)
            read_asset(used, places[used.folder], longest_s=longest_s)
            library = AssetLibrary(places, tiles={0: (file,)}, canvases=(canvas,))
            self._draw(config, library)
        finally:
            for folder in places.values():
                (folder / path.name).unlink()

    def _draw(self, config: Config, library: AssetLibrary) -> None:
        """Plan and draw a recording of nine frames."""
        table = read_labels(self._labels)
        plan_file = self._project.with_name("a.plan.json")
        plan = make_plan(
            config,
            events_of(table),
            library,
            recording_id="a",
            num_label_frames=table.num_label_frames,
            plan_file=plan_file,
        )
        device = torch.device("cpu")
        for frame in render_frames(plan, resolve_folders(plan, plan_file), device=device):
            assert frame.shape == (96, 128)


def _hear(path: Path) -> None:
    """Read a sound, and a half second of it as the encoder and the WAV beside a video take it."""
    info = check_sound(path)
    wav = path.with_suffix(".out.wav")
    try:
        write_wav(path, wav, num_samples=min(info.num_samples, 4000))
        assert check_sound(wav).num_samples == min(info.num_samples, 4000)
    finally:
        wav.unlink(missing_ok=True)
    if not can_be_a_track(info.channels):
        return
    form = SoundFormat(
        codec="aac",
        channels=info.channels,
        sample_rate=48000,
        bits_per_s=128000,
        bits=16,
        foa=False,
    )
    for frame in sound_frames(SoundTrack(path=path, form=form, num_samples=24000)):
        assert frame.sample_rate == 48000
