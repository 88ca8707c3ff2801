"""What a config may say: the one place where a key, its default, its range and its comment stand.

config_file.py reads files into these models, and makes the commented starting file from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from seldsynth.config_values import (
    X264_PRESETS,
    ClusterAddress,
    Colour,
    Device,
    EvenPixels,
    FolderPath,
    FolderWeights,
    FrameRate,
    MaskSize,
    Mattes,
    Shares,
    Workers,
)


class Section(BaseModel):
    """A part of the config: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class InputConfig(Section):
    """What is read. Relative paths are relative to this file; null where a folder is not used."""

    video_360_path: FolderPath | None = Field(
        None, description="360° videos to use as canvas: a folder or one file"
    )
    image_360_path: FolderPath | None = Field(
        None,
        description="360° pictures to use as canvas: a folder or one file",
        examples=["/path/to/canvas_images"],
    )
    video_assets_dir: FolderPath | None = Field(
        None,
        description="clips by class: Class_0/ … Class_12/, or folders named like the class",
        examples=["/path/to/video_assets"],
    )
    image_assets_dir: FolderPath | None = Field(
        None, description="pictures by class, likewise", examples=["/path/to/image_assets"]
    )
    metadata_dir: FolderPath = Field(
        description="label CSVs of SpatialScaper or DCASE, searched with all folders below it",
        examples=["/path/to/metadata"],
    )
    audio_dir: FolderPath | None = Field(
        None,
        description="WAV or FLAC of each recording, named like its label file, here or in foa…/ or "
        "mic…/; null: no sound",
    )


class OutputConfig(Section):
    """What is written."""

    video_dir: FolderPath = Field(
        description="a label file a/b.csv becomes a/b.mp4 and a/b.plan.json in here",
        examples=["/path/to/output/videos"],
    )
    log_file: FolderPath | None = Field(
        None, description="a line per recording; null: processing_log.txt in video_dir"
    )


class ProcessingConfig(Section):
    """How it is run."""

    workers: Workers = Field(
        "auto",
        description="recordings made at a time: auto (one per CPU core, of the cluster with ray) "
        "or a number",
    )
    executor: Literal["local", "ray"] = Field(
        "local", description="local (processes of this machine) | ray (a cluster; docs/scale.md)"
    )
    video_duration: Annotated[float, Field(gt=0, le=7200)] | None = Field(
        None,
        description="seconds; a shorter scene is padded, a longer one cut; null: as long as the "
        "sound, or without it the labels",
    )
    fps: FrameRate = Field(Fraction(30), description="frames per second: 30, 29.97, 30000/1001 …")
    dark_background: bool = Field(False, description="black canvas, no picture or video needed")
    use_blur: bool = Field(False, description="blur the canvas, by a random width per recording")
    use_image_background: bool | None = Field(
        None,
        description="canvas from image_360_path (true) or video_360_path (false); "
        "null: whichever is given, pictures first",
    )
    variants: int = Field(
        1, ge=1, le=1000, description="videos made of each label file: name_v00.mp4 …, if several"
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="same seed, same config, same inputs: the same videos"
    )
    device: Device = Field(
        "auto", description="auto | cpu | cuda | cuda:N; auto is the first GPU, or else the CPU"
    )


class CanvasConfig(Section):
    """The equirectangular picture everything is put on."""

    width: EvenPixels = Field(1920, description="pixels, even")
    height: EvenPixels = Field(960, description="pixels, even; half the width for 360°x180°")
    fit: Literal["stretch", "crop", "error"] = Field(
        "stretch", description="stretch | crop | error: what to do with a canvas that is not 2:1"
    )
    random_yaw: bool = Field(
        False, description="turn the canvas about the vertical, by a random angle per recording"
    )


class TilesConfig(Section):
    """The pictures of the sound events."""

    size: Literal["physical", "fixed", "source"] = Field(
        "physical",
        description="physical (by the class's size in metres and the labelled distance) | fixed | "
        "source (as many canvas pixels as the file has)",
    )
    size_jitter: float = Field(
        0.15, ge=0, le=0.9, description="physical sizes vary by up to this fraction"
    )
    fixed_deg: float = Field(
        37.5, gt=0, le=120, description="degrees of the longer side where size is fixed"
    )
    min_deg: float = Field(
        12.0, gt=0, le=120, description="never smaller than this, unless size is fixed"
    )
    max_deg: float = Field(
        70.0, gt=0, le=120, description="never larger than this, unless size is fixed"
    )
    default_distance_m: float = Field(
        2.0, gt=0, description="metres, for labels that have no distance"
    )
    matte: Mattes = Field(
        ["none", "feather", "ellipse"],
        description="none | feather | ellipse | chroma | grabcut, or a list of which one is drawn "
        "per event, such as [none, feather, ellipse]; a picture's own alpha or name.mask.png "
        "counts first",
    )
    feather: float = Field(
        0.04,
        ge=0,
        le=0.5,
        description="soft border of feather and ellipse, as a fraction of the shorter side",
    )
    chroma_key: Colour = Field(
        [0, 255, 0], description="red, green and blue of the screen that chroma takes away"
    )
    chroma_tolerance: float = Field(
        40.0, gt=0, le=200, description="how far from the key, in levels of chroma"
    )
    missing: Literal["error", "skip"] = Field(
        "error", description="error | skip: what to do with an event whose class has no picture"
    )
    prefer: Literal["mixed", "image", "video"] = Field(
        "mixed", description="mixed | image | video: where a class has pictures and clips"
    )
    keep_asset: bool = Field(
        True, description="a source that comes back has the same picture (true) or a new one"
    )
    clip_start: Literal["random", "first"] = Field(
        "random",
        description="random (from where it lasts as long as its event, if it does) | first: the "
        "frame a clip starts with",
    )
    fade_frames: int = Field(
        0, ge=0, le=240, description="video frames over which a picture fades in, and out"
    )
    mirror: float = Field(
        0.5, ge=0, le=1, description="how often a picture is shown mirrored, 0 never to 1 always"
    )
    offscreen: float = Field(
        0.0, ge=0, le=1, description="how often a sound gets no picture; the ground truth says so"
    )
    silent_per_minute: float = Field(
        0.0, ge=0, le=60, description="pictures that make no sound; the ground truth says so"
    )


class LookConfig(Section):
    """How pictures are made to belong to the scene. docs/pictures.md shows each."""

    match_colour: float = Field(
        0.3, ge=0, le=1, description="how far mean and spread go towards the canvas around; 0: not"
    )
    match_blur: bool = Field(True, description="as soft as the canvas, if it is softer")
    match_noise: bool = Field(True, description="as noisy as the canvas, if it is noisier")
    brightness: float = Field(0.05, ge=0, le=1, description="varies by up to this, of the range")
    contrast: float = Field(0.1, ge=0, le=0.9, description="varies by up to this fraction")
    saturation: float = Field(0.15, ge=0, le=1, description="varies by up to this fraction")
    shadow: float = Field(
        0.0, ge=0, le=1, description="how often a soft shadow lies at a picture's foot"
    )
    shadow_strength: float = Field(0.5, ge=0, le=1, description="how dark it is: 1 is black")


class LabelsConfig(Section):
    """How label files are understood."""

    distance_unit: Literal["auto", "m", "cm"] = Field(
        "auto", description="auto (decided per file, said in the log) | m | cm"
    )
    interpolate: bool = Field(
        True, description="move smoothly between label frames (true) or in steps of 0.1 s"
    )


class EncodingConfig(Section):
    """The MP4. docs/encoding.md has the measurements behind the defaults."""

    encoder: Literal["auto", "libx264", "h264_nvenc"] = Field(
        "auto", description="auto (h264_nvenc on a GPU that has it, else libx264) | …"
    )
    preset: Literal[X264_PRESETS] = Field(  # type: ignore[valid-type]
        "superfast", description="ultrafast … veryslow: time against file size"
    )
    quality: int = Field(
        23, ge=1, le=51, description="H.264 quantizer: smaller is better and larger; 18-28 is usual"
    )
    gop_s: float = Field(
        2.0, gt=0, le=60, description="seconds between key frames: players can seek to these"
    )


class AudioConfig(Section):
    """The sound of the videos, where input.audio_dir is given. docs/sound.md tells more."""

    codec: Literal["aac", "flac", "opus", "none"] = Field(
        "aac", description="aac (plays everywhere) | flac (lossless) | opus | none"
    )
    format: Literal["auto", "foa", "mic"] = Field(
        "auto",
        description="what four channels are: foa (W, Y, Z, X in SN3D) | mic | auto (as folders "
        "called foa… or mic… say; elsewhere foa)",
    )
    sample_rate: Literal["auto", 16000, 22050, 24000, 32000, 44100, 48000] = Field(
        "auto",
        description="per second: auto (48000, or of flac the recording's own) | 24000 | 48000 …",
    )
    kbit_per_s: int = Field(
        384, ge=64, le=1024, description="kilobits per second of four channels, for aac and opus"
    )
    missing: Literal["error", "skip", "silent"] = Field(
        "error",
        description="error | skip (no video) | silent (a video without sound): what to do with a "
        "recording that has no sound file",
    )


class GroundTruthConfig(Section):
    """What is written beside the videos. docs/ground-truth.md tells what is in the files."""

    labels: bool = Field(True, description="name.csv: the labels, as DCASE has them")
    tracks: bool = Field(
        True, description="name.tracks.csv: each source in each video frame, with its box"
    )
    masks: bool = Field(
        True, description="name.masks.json: masks of what is seen, as COCO has them"
    )
    dcase: bool = Field(
        True, description="name.dcase.json: masks of 360x180 pixels, as DCASE 2026 has them"
    )
    masks_per_s: float = Field(10.0, gt=0, le=240, description="masks per second")
    mask_size: MaskSize = Field(
        "360x180", description="width x height of masks, or full: as the video"
    )


class RayConfig(Section):
    """The cluster, where processing.executor is ray."""

    address: ClusterAddress | None = Field(
        None,
        description="auto (the one this machine is a node of) | host:port (of its head node) | "
        "null (one of this machine alone, which ends with the run)",
    )


class AssetsConfig(Section):
    """How asset folders are read."""

    follow_symlinks: bool = Field(
        False, description="accept links that lead out of the asset folders"
    )
    weights: FolderWeights = Field(
        {},
        description="how often files of a folder are chosen, beside 1 for others: a folder below "
        'an asset folder such as {"Class_3/studio": 2}, or video_assets_dir and the like',
    )
    split: Literal["train", "val", "test"] | None = Field(
        None,
        description="train | val | test: only assets of this part, by a hash of their content; "
        "null: all",
    )
    split_shares: Shares = Field([0.8, 0.1, 0.1], description="how large train, val and test are")
    class_table: FolderPath | None = Field(
        None,
        description="a file that changes names, folder names and sizes of classes; "
        "configs/classes.yaml is one to start from",
    )


class Config(Section):
    """Everything a run is told. Frozen; paths are absolute after `load_config`."""

    input: InputConfig
    output: OutputConfig
    processing: ProcessingConfig = ProcessingConfig()
    canvas: CanvasConfig = CanvasConfig()
    tiles: TilesConfig = TilesConfig()
    look: LookConfig = LookConfig()
    labels: LabelsConfig = LabelsConfig()
    audio: AudioConfig = AudioConfig()
    encoding: EncodingConfig = EncodingConfig()
    ground_truth: GroundTruthConfig = GroundTruthConfig()
    assets: AssetsConfig = AssetsConfig()
    ray: RayConfig = RayConfig()
    _relative_inputs: frozenset[str] = PrivateAttr(frozenset())

    def written_relative(self, keys: Iterable[str]) -> Config:
        """A copy that knows which keys of `input` were relative paths before they were resolved."""
        copy = self.model_copy()
        copy._relative_inputs = frozenset(keys)
        return copy

    @property
    def relative_inputs(self) -> frozenset[str]:
        """The keys of `input` that were written as relative paths."""
        return self._relative_inputs

    @property
    def canvas_key(self) -> Literal["image_360_path", "video_360_path"] | None:
        """The key of `input` that the canvas comes from; None for a dark background."""
        if self.processing.dark_background:
            return None
        use_image = self.processing.use_image_background
        if use_image is None:
            use_image = self.input.image_360_path is not None or self.input.video_360_path is None
        return "image_360_path" if use_image else "video_360_path"


def known_keys() -> list[str]:
    """Every key as `section.key`, in the order of the config file."""
    return [f"{section}.{key}" for section, model in sections() for key in model.model_fields]


def sections() -> Iterator[tuple[str, type[Section]]]:
    """The sections of a config with their models, in the order of the config file."""
    for name, field in Config.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, Section)
        yield name, field.annotation
