"""Real labels, real pictures, hostile files: the whole command against them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import yaml

from seldsynth.assets import AssetLibrary, scan_library
from seldsynth.config_file import load_config
from seldsynth.events import LABEL_RATE, events_of
from seldsynth.media.encode import VideoFormat, write_video
from seldsynth.metadata import read_labels
from seldsynth.plan import ScenePlan, TilePlan, plan_from_json, resolve_folders
from seldsynth.planner import make_plan
from seldsynth.render.scene import render_frames
from seldsynth.sphere import angle_between_deg, angles_to_doa, canvas_to_angles
from tests.conftest import decode_planes, mock_image, mock_labels, plain
from tests.test_config import PUBLIC_CONFIG

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 960, 480
# Blue, green, red; far from each other, and from black, in chroma.
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)]
APART_DEG = 40.0
TILE_DEG = 14.0


@dataclass(frozen=True)
class Done:
    """What a command came to. peak_kib: the most memory that one of its processes had."""

    returncode: int
    stdout: str
    stderr: str
    peak_kib: int


def run(*arguments: object, timeout_s: float = 600) -> Done:
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        command = [sys.executable, "visual_synth.py", *map(str, arguments)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stderr)
        timer = threading.Timer(timeout_s, child.kill)
        timer.start()
        _, status, used = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode())
    return Done(child.returncode, *texts, peak_kib=used.ru_maxrss)


def test_all_real_labels_become_videos_of_the_right_length(
    shared_data: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    sections = {
        "input": {
            "image_360_path": str(shared_data / "assets" / "canvas"),
            "image_assets_dir": str(shared_data / "assets" / "image"),
            "video_assets_dir": str(shared_data / "assets" / "video"),
            "metadata_dir": str(shared_data / "metadata"),
        },
        "output": {"video_dir": "videos"},
        "processing": {"fps": 10, "workers": 2, "device": "cpu"},
        "canvas": {"width": 512, "height": 256},
        "encoding": {"preset": "ultrafast"},
    }
    config.write_text(yaml.safe_dump(sections))
    done = run("--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    labels = sorted((shared_data / "metadata").rglob("*.csv"))
    assert len(labels) >= 10
    for path in labels:
        relative = path.relative_to(shared_data / "metadata").with_suffix("")
        last = max(
            int(line.split(b",")[0]) for line in path.read_bytes().split() if line[:1] != b"f"
        )
        with av.open(str(tmp_path / "videos" / f"{relative}.mp4")) as container:
            assert container.streams.video[0].frames == last + 1
        plan = plan_from_json(
            (tmp_path / "videos" / f"{relative}.plan.json").read_bytes(), name=relative
        )
        rows = sum(len(tile.track.label_frames) for tile in plan.tiles)
        assert rows == len(read_labels(path))


def test_a_public_config_runs_unchanged(shared_data: Path, tmp_path: Path) -> None:
    places = {
        "Img_360": "assets/canvas",
        "downloaded_video_assets": "assets/video",
        "flickr30k_images_per_class": "assets/image",
        "output_spatial_scaper/metadata": "spatialscaper/labels",
    }
    for name, source in places.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copytree(shared_data / source, tmp_path / name)
    config = tmp_path / "visual_config.yaml"
    config.write_text(PUBLIC_CONFIG.format(root=tmp_path))
    done = run("--config", config, "--limit", 1)
    assert (done.returncode, done.stderr) == (0, "")
    with av.open(str(tmp_path / "output" / "videos" / "fold1_room1_mix001.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate) == (1800, 30)
        assert (stream.width, stream.height) == (1920, 960)
    log = (tmp_path / "output" / "processing_log.txt").read_text()
    assert "padded from 19.3 s to 60.0 s" in log


def plain_library(folder: Path) -> AssetLibrary:
    """Assets of every class, painted one plain colour; six colours, as six folders' pictures."""
    for index, colour in enumerate(COLOURS):
        mock_image(folder / f"{index}.png", plain(colour))
    for class_id in range(13):
        mock_image(folder / f"Class_{class_id}" / "a.png", plain(COLOURS[0]))
    return scan_library({"image_assets_dir": folder}, canvas_key=None, follow_symlinks=False)


def plain_plan(labels: Path, project: Path, library: AssetLibrary) -> ScenePlan:
    config = load_config(project)
    table = read_labels(labels)
    return make_plan(
        config,
        events_of(table),
        library,
        recording_id=labels.stem,
        num_label_frames=table.num_label_frames,
        plan_file=project.parent / "x.plan.json",
    )


def directions(tile: TilePlan) -> torch.Tensor:
    return angles_to_doa(
        torch.tensor(tile.track.azimuth_deg, dtype=torch.float64),
        torch.tensor(tile.track.elevation_deg, dtype=torch.float64),
    )


def collide(a: TilePlan, b: TilePlan) -> bool:
    """Whether two tiles come so near to each other that one could cover the other."""
    _, rows_a, rows_b = np.intersect1d(
        a.track.label_frames, b.track.label_frames, return_indices=True
    )
    apart = angle_between_deg(directions(a)[rows_a], directions(b)[rows_b])
    return bool((apart < APART_DEG).any())


def overlap(a: TilePlan, b: TilePlan) -> bool:
    margin = 2  # label frames: no colour comes back within one picture
    return not (
        a.track.label_frames[-1] + margin < b.track.label_frames[0]
        or b.track.label_frames[-1] + margin < a.track.label_frames[0]
    )


def layers(plan: ScenePlan) -> Iterator[ScenePlan]:
    """The scene in parts in which no picture hides another and those seen at once differ in colour.

    Between them they have every event, so that every label frame of every event is measured.
    """
    asset = plan.tiles[0].asset
    groups: list[list[tuple[TilePlan, int]]] = []
    for tile in plan.tiles:
        for group in groups:
            if any(collide(tile, other) for other, _ in group):
                continue
            used = {colour for other, colour in group if overlap(tile, other)}
            free = [colour for colour in range(len(COLOURS)) if colour not in used]
            if free:
                group.append((tile, free[0]))
                break
        else:
            groups.append([(tile, 0)])
    for group in groups:
        yield replace(
            plan,
            tiles=tuple(
                replace(tile, asset=replace(asset, path=f"{colour}.png")) for tile, colour in group
            ),
        )


def colour_chroma() -> np.ndarray:
    """Blue and red difference of every colour, and of black."""
    values = [(128.0, 128.0)]
    for blue, green, red in COLOURS:
        grey = (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
        values.append(
            (128 + 224 * (blue / 255 - grey) / 1.8556, 128 + 224 * (red / 255 - grey) / 1.5748)
        )
    return np.array(values)


def chroma_rays() -> tuple[torch.Tensor, torch.Tensor]:
    """Direction and solid angle of every chroma sample: [h, w, 3] and [h, 1]."""
    x = 2 * torch.arange(WIDTH // 2, dtype=torch.float64) + 0.5
    y = 2 * torch.arange(HEIGHT // 2, dtype=torch.float64) + 1
    azimuth, elevation = canvas_to_angles(x[None, :], y[:, None], width=WIDTH, height=HEIGHT)
    return angles_to_doa(azimuth, elevation), torch.cos(torch.deg2rad(elevation))


def worst_error_deg(video: Path, plan: ScenePlan) -> tuple[float, int]:
    """Largest angle between a label and its picture's centroid, and how many were measured."""
    palette = colour_chroma()
    rays, area = chroma_rays()
    weighted = (rays * area[..., None]).numpy()
    per_label_frame = plan.frames_per_second / LABEL_RATE
    worst, measured = 0.0, 0
    wanted: dict[int, list[tuple[int, torch.Tensor]]] = {}
    for tile in plan.tiles:
        colour = int(tile.asset.path.removesuffix(".png"))
        for label_frame, doa in zip(tile.track.label_frames, directions(tile), strict=True):
            middle = int((label_frame + Fraction(1, 2)) * per_label_frame)
            wanted.setdefault(middle, []).append((colour, doa))
    for video_frame, (_, chroma) in enumerate(decode_planes(video)):
        if video_frame not in wanted:
            continue
        away = ((chroma[:, None] - palette.T[:, :, None, None]) ** 2).sum(axis=0)
        nearest = away.argmin(axis=0)
        for colour, doa in wanted[video_frame]:
            mask = nearest == colour + 1
            assert mask.sum() > 20, f"{video}: colour {colour} is not seen in frame {video_frame}"
            centroid = torch.from_numpy(weighted[mask].sum(axis=0))
            error = float(angle_between_deg(centroid / centroid.norm(), doa))
            worst, measured = max(worst, error), measured + 1
    return worst, measured


def assert_pictures_are_at_their_labels(label_file: Path, folder: Path, **changes: object) -> int:
    """Render, encode, decode, measure; returns how many label rows were measured."""
    project = folder / "config.yaml"
    library = plain_library(folder / "images")
    sections: dict[str, dict[str, object]] = {
        "input": {"image_assets_dir": "images", "metadata_dir": "."},
        "output": {"video_dir": "videos"},
        "processing": {"dark_background": True, "fps": 20},
        "canvas": {"width": WIDTH, "height": HEIGHT},
        "tiles": {"size": "fixed", "fixed_deg": TILE_DEG},
        **changes,  # type: ignore[dict-item]
    }
    project.write_text(yaml.safe_dump(sections))
    plan = plain_plan(label_file, project, library)
    measured = 0
    for index, part in enumerate(layers(plan)):
        video = folder / f"{label_file.stem}_{index}.mp4"
        form = VideoFormat(
            width=WIDTH,
            height=HEIGHT,
            frame_rate=part.frames_per_second,
            encoder="libx264",
            preset="veryfast",
            quality=20,
            gop_s=2.0,
        )
        folders = resolve_folders(part, folder / "x.plan.json")
        with write_video(video, form) as writer:
            for frame in render_frames(part, folders, device=torch.device("cpu")):
                writer.write(frame.numpy())
        worst, count = worst_error_deg(video, part)
        assert worst <= 0.5, f"{video}: {worst:.2f} degrees"
        measured += count
        video.unlink()
    return measured


def test_every_picture_is_at_its_label(shared_data: Path, tmp_path: Path) -> None:
    labels = sorted((shared_data / "metadata").rglob("*.csv"))
    labels += sorted((shared_data / "spatialscaper" / "labels").glob("*.csv"))
    for path in labels:
        folder = tmp_path / path.parent.name / path.stem
        folder.mkdir(parents=True)
        assert assert_pictures_are_at_their_labels(path, folder) == len(read_labels(path))


def test_every_picture_is_at_its_label_in_the_hard_places(tmp_path: Path) -> None:
    """The seam, both poles, still and crossed, overlapping in time; no real data needed."""
    rows: list[tuple[object, ...]] = []
    for n in range(19):
        rows += [
            (n, 0, 0, 180, 0, 2.0),
            (n, 1, 1, -180, 60, 2.0),
            (n, 2, 2, 0, 90, 2.0),
            (n, 3, 3, 77, -90, 2.0),
            (n, 4, 4, 171 + n if n < 9 else n - 189, -30, 2.0),
            (n, 5, 5, 0 if n < 10 else 180, 80 + n if n < 10 else 99 - n, 2.0),
            (n, 6, 6, -5 + n, 2, 2.0),
            (n, 7, 7, 4 - n, -2, 1.5),
        ]
    labels = mock_labels(tmp_path / "hard.csv", rows)
    assert assert_pictures_are_at_their_labels(labels, tmp_path) == len(rows)


@pytest.mark.parametrize("fps", ["10", "29.97"])
def test_in_steps_every_frame_is_at_its_label(tmp_path: Path, fps: str) -> None:
    rows = [(n, 3, 0, (40 * n + 180) % 360 - 180, 8 * n - 88, 2.0) for n in range(23)]
    labels = mock_labels(tmp_path / "jumps.csv", rows)
    changes = {
        "labels": {"interpolate": False},
        "processing": {"dark_background": True, "fps": fps},
    }
    assert assert_pictures_are_at_their_labels(labels, tmp_path, **changes) == len(rows)


def test_hostile_labels(shared_data: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    shutil.copytree(shared_data / "hostile" / "csv", labels)
    maker = labels / "make_2_million_lines.py"
    subprocess.run([sys.executable, str(maker), str(labels / "two_million.csv")], check=True)
    config = _hostile_config(shared_data / "assets", labels, tmp_path)
    done = run("--config", config, "--set", "processing.video_duration=2")
    assert done.returncode == 1
    assert done.peak_kib < 2 * 1024**2
    assert "Traceback" not in done.stderr + done.stdout
    assert "unexpected fault" not in done.stdout
    log = (tmp_path / "videos" / "processing_log.txt").read_text().splitlines()
    status = {line.split("\t")[2]: line.split("\t")[1] for line in log}
    assert len(status) == len(list(labels.glob("*.csv")))
    # fmt: off
    fine = [
        "ok_reference", "header", "blank_lines", "crlf", "cr_only", "bom", "utf16", "float_angles",
        "float_frames", "sci_notation", "azimuth_0_360", "cols_5", "trailing_comma", "spaces",
        "tabs", "unsorted", "duplicates", "header_only", "semicolon", "quoted", "no_final_newline",
        "dist_cm", "teleport", "gap", "overlap_30",
    ]
    # fmt: on
    assert sorted(name for name, how in status.items() if how == "done") == sorted(fine)
    for line in log:
        cells = line.split("\t")
        if cells[1] == "failed":
            assert f"{cells[2]}.csv" in cells[4]


def test_hostile_pictures_and_clips(shared_data: Path, tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    for kind in ("image", "video"):
        for path in sorted((shared_data / "hostile" / kind).iterdir()):
            place = assets / "image" / "Class_0" / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    (assets / "canvas").mkdir()
    for path in sorted((shared_data / "hostile" / "image").iterdir()):
        shutil.copy(path, assets / "canvas" / path.name)
    for index in range(24):
        mock_labels(
            tmp_path / "labels" / f"mix{index}.csv", [(n, 0, n, 9 * n, 0) for n in range(9)]
        )
    done = run("--config", _hostile_config(assets, tmp_path / "labels", tmp_path))
    assert done.returncode == 0, done.stdout
    assert done.peak_kib < 2 * 1024**2
    assert "Traceback" not in done.stderr
    left_out = [line for line in done.stderr.splitlines() if "left out" in line]
    assert len(left_out) == len(set(left_out))
    for name in ("empty.jpg", "text.jpg", "half.jpg", "bomb_full_30000_1bit.png", "bitrot.mp4"):
        assert any(f"/Class_0/{name}:" in line for line in left_out), name
    used = set()
    for path in (tmp_path / "videos").glob("*.plan.json"):
        used |= {tile["asset"]["path"] for tile in json.loads(path.read_text())["tiles"]}
    assert {"Class_0/cmyk.jpg", "Class_0/gray16.png", "Class_0/1x1.png"} <= used
    bad = ("empty", "text", "half", "bomb", "zeros", "truncated", "bitrot", "audio", "fully")
    assert not [name for name in used if any(word in name for word in bad)]


def test_hostile_canvas_videos(shared_data: Path, tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    shutil.copytree(shared_data / "hostile" / "video", assets / "canvas")
    shutil.copytree(shared_data / "assets" / "canvas_video", assets / "canvas", dirs_exist_ok=True)
    mock_image(assets / "image" / "Class_0" / "a.png")
    for index in range(12):
        mock_labels(
            tmp_path / "labels" / f"mix{index}.csv", [(n, 0, 0, 9 * n, 0) for n in range(9)]
        )
    config = _hostile_config(assets, tmp_path / "labels", tmp_path)
    config.write_text(config.read_text().replace("image_360_path", "video_360_path"))
    done = run("--config", config, "--set", "processing.workers=2")
    assert done.returncode == 0, done.stderr
    assert done.peak_kib < 2 * 1024**2
    for name in ("bitrot.mp4", "truncated_moov_first.mp4", "empty.mp4", "audio_only.mp4"):
        assert done.stderr.count(f"/{name}:") == 1, name


def _hostile_config(assets: Path, labels: Path, folder: Path) -> Path:
    config = folder / "config.yaml"
    sections = {
        "input": {
            "image_360_path": str(assets / "canvas"),
            "image_assets_dir": str(assets / "image"),
            "metadata_dir": str(labels),
        },
        "output": {"video_dir": "videos"},
        "processing": {"fps": 10, "workers": 1, "device": "cpu"},
        "canvas": {"width": 256, "height": 128},
        "encoding": {"preset": "ultrafast"},
    }
    config.write_text(yaml.safe_dump(sections))
    return config
