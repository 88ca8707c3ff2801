"""Ground truth: masks against a brute-force renderer, boxes against decoded videos, and tables."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from io import StringIO
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from pycocotools.coco import COCO

from seldsynth.asset_files import Asset
from seldsynth.cli import main
from seldsynth.metadata import read_labels
from seldsynth.plan import ScenePlan, TilePlan, plan_from_json
from seldsynth.render.compositor import Cover, Outline, OwnPixels
from seldsynth.render.projection import Rectangle
from seldsynth.render.scales import WHOLE
from seldsynth.render.scene import render_scene
from seldsynth.truth.masks import MaskFrame, MaskStream, moments
from seldsynth.truth.shrinking import Shrinking
from seldsynth.truth.tables import TRACK_COLUMNS, TrackTable
from seldsynth.truth.visible import Box, Visibility, Visible, boxes_of, outlines_of, whole_mask
from tests.conftest import (
    mock_alpha_clip,
    mock_clip,
    mock_image,
    mock_labels,
    mock_pixels,
    mock_project,
    mock_sound,
    plain,
)
from tests.render.reference import Layer, owned
from tests.render.test_scene import image_asset, rgba, scene, tile

WIDTH, HEIGHT = 360, 180
RNG = np.random.default_rng(4)


def random_tiles(folder: Path, seed: int) -> tuple[list[TilePlan], list[Layer]]:
    """One to five pictures anywhere, some with an alpha of their own; the nearest comes last."""
    rng = np.random.default_rng(seed)
    tiles, layers = [], []
    for index in range(int(rng.integers(1, 6))):
        width, height = (int(side) for side in rng.integers(40, 600, 2))
        pixels = np.full((height, width, 4), 200, np.uint8)
        if rng.random() < 0.4:
            shape = ((width / 2, height / 2), (0.8 * width, 0.8 * height), 0.0)
            alpha = np.zeros((height, width), np.uint8)
            pixels[..., 3] = cv2.ellipse(alpha, shape, 255, -1, cv2.LINE_AA)
        else:
            pixels[..., 3] = 255
        name = f"{seed}_{index}.png"
        asset = image_asset(folder, name, pixels)
        asset = type(asset)(**{**vars(asset), "has_alpha": bool(pixels[..., 3].min() < 255)})
        azimuth, elevation = float(rng.uniform(-180, 180)), float(rng.uniform(-90, 90))
        if rng.random() < 0.3:
            azimuth = 180.0 * rng.choice([-1, 1]) + float(rng.uniform(-10, 10))
        side, feather = float(rng.uniform(20, 70)), float(rng.choice([0.0, 0.04, 0.2]))
        tiles.append(
            tile(
                asset,
                (azimuth, elevation),
                distance_m=10.0 - index,
                longer_side_deg=side,
                feather=feather,
            )
        )
        layers.append(
            Layer(
                pixels=rgba(pixels),
                azimuth_deg=azimuth,
                elevation_deg=elevation,
                longer_side_deg=side,
                feather=feather,
            )
        )
    return tiles, layers


def mask_frames(
    plan: ScenePlan, folders: dict[str, Path], *, width: int, height: int
) -> Iterator[MaskFrame]:
    """The masks of every label frame."""
    device = torch.device("cpu")
    stream = MaskStream(plan, width=width, height=height, masks_per_s=Fraction(10))
    found = (stream.see(outlines_of(frame)) for frame in render_scene(plan, folders, device=device))
    return (masks for masks in found if masks is not None)


def masks_of(plan: ScenePlan, folder: Path, *, width: int, height: int) -> dict[int, Visible]:
    (frame,) = mask_frames(plan, {"images": folder}, width=width, height=height)
    return dict(zip(frame.tiles, frame.seen, strict=True))


def circular_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, width and height of the narrowest box around the cylinder, by trying them all."""
    width = mask.shape[1]
    rows = np.flatnonzero(mask.any(axis=1))
    columns = mask.any(axis=0)
    best = (width, 0)
    for first in np.flatnonzero(columns):
        turned = np.roll(columns, -first)
        best = min(best, (int(np.flatnonzero(turned)[-1]) + 1, int(first)))
    return best[1], int(rows[0]), best[0], int(rows[-1] - rows[0]) + 1


@pytest.mark.slow
def test_masks_are_those_of_a_brute_force_renderer(tmp_path: Path) -> None:
    """Fifty scenes; every picture of which anything is seen; poles and the seam among them."""
    worst, compared, slivers = 1.0, 0, 0
    for seed in range(50):
        tiles, layers = random_tiles(tmp_path, seed)
        plan = scene(*tiles, width=3 * WIDTH, height=3 * HEIGHT)
        found = masks_of(plan, tmp_path, width=WIDTH, height=HEIGHT)
        taken = np.zeros((HEIGHT, WIDTH), dtype=int)
        masks, unsure = owned(layers, width=WIDTH, height=HEIGHT, fineness=3)
        for index, own in enumerate(masks):
            mask = whole_mask(found[index], width=WIDTH, height=HEIGHT).astype(bool)
            taken += mask
            expected = np.where(unsure, mask, own)
            union = int((mask | expected).sum())
            if union < 50:  # a sliver, of which a pixel is more than a fiftieth
                slivers += 1
                assert int((mask ^ expected).sum()) <= 2
                continue
            worst = min(worst, (mask & expected).sum() / union)
            compared += 1
            boxes = boxes_of(found[index], width=WIDTH)
            x, y, width, height = circular_box(mask)
            assert (boxes[0].x, boxes[0].y) == (x, y)
            assert (sum(box.width for box in boxes), boxes[0].height) == (width, height)
        assert taken.max() <= 1
    print(f"\n{compared} masks, the worst IoU {worst:.4f}; {slivers} slivers")
    assert compared > 100
    assert worst >= 0.98


def rectangle_mask(x0: int, columns: list[int], *, width: int = 40) -> Visible:
    mask = torch.zeros((6, width))
    mask[2:4, columns] = 1
    return Visible(
        rectangle=Rectangle(x0=x0, y0=10, width=width, height=6),
        own=OwnPixels(mask, rows=mask.sum(1).numpy(), columns=mask.sum(0).numpy()),
        fraction=1.0,
    )


@pytest.mark.parametrize(
    ("x0", "columns", "boxes"),
    [
        (20, [5, 9], [Box(x=25, y=12, width=5, height=2)]),
        (80, [0, 19], [Box(x=80, y=12, width=20, height=2)]),
        (80, [0, 20], [Box(x=80, y=12, width=20, height=2), Box(x=0, y=12, width=1, height=2)]),
        (80, [20, 25], [Box(x=0, y=12, width=6, height=2)]),
        (80, [], []),
    ],
)
def test_boxes(x0: int, columns: list[int], boxes: list[Box]) -> None:
    assert boxes_of(rectangle_mask(x0, columns), width=100) == boxes


def test_the_box_around_a_pole_leaves_out_the_widest_gap() -> None:
    columns = [*range(30), *range(60, 100)]
    seen = rectangle_mask(0, columns, width=100)
    first, second = boxes_of(seen, width=100)
    assert (first, second) == (
        Box(x=60, y=12, width=40, height=2),
        Box(x=0, y=12, width=30, height=2),
    )
    for x0 in (0, 30):
        whole = rectangle_mask(x0, list(range(100)), width=100)
        assert boxes_of(whole, width=100) == [Box(x=0, y=12, width=100, height=2)]


@pytest.mark.parametrize("x0", [0, 30, 74, 99])
def test_boxes_do_not_depend_on_where_a_rectangle_begins(x0: int) -> None:
    """Of two gaps as wide as each other, either could be left out."""
    there = [(column - x0) % 100 for column in (*range(30), *range(50, 80))]
    boxes = boxes_of(rectangle_mask(x0, there, width=100), width=100)
    assert boxes == [Box(x=50, y=12, width=50, height=2), Box(x=0, y=12, width=30, height=2)]


def outline(x0: int, y0: int, kept: float, *, width: int = 20, height: int = 10) -> Outline:
    rectangle = Rectangle(x0=x0, y0=y0, width=width, height=height)
    part = torch.full((height, width), round(kept * WHOLE), dtype=torch.int16)
    return Outline(rectangle, Cover(part))


def test_who_is_in_front_and_what_is_left() -> None:
    visibility = Visibility(width=100, height=50, device=torch.device("cpu"))
    behind, front = outline(90, 20, 0.0), outline(0, 20, 0.4)
    for _ in range(2):  # what was taken is given back
        far, near = visibility.of([behind, front])
        assert near.fraction == 1
        assert far.fraction == pytest.approx(0.5)
        assert far.own.mask.sum() == 100
        assert far.own.mask[:, :10].all()
        hidden, _ = visibility.of([outline(0, 20, 0.0), outline(0, 20, 0.5)])
        assert hidden.fraction == 0
        assert boxes_of(hidden, width=100) == []
        through, glass = visibility.of([outline(0, 20, 0.0), outline(0, 20, 0.6)])
        assert (through.fraction, glass.fraction) == (1, 0)


@pytest.mark.parametrize("x0", [0, 10, 50, 94])
@pytest.mark.parametrize(("width", "height"), [(48, 24), (30, 15), (96, 48), (128, 64)])
def test_a_smaller_outline_is_the_average(x0: int, width: int, height: int) -> None:
    """Against every pixel cut into as many as both canvases have; over the seam too."""
    rng = np.random.default_rng(x0)
    for columns in (8, 60, 96):
        rectangle = Rectangle(x0=x0, y0=6, width=columns, height=20)
        kept = rng.integers(0, WHOLE + 1, (20, columns), np.int16)
        whole = np.full((48, 96), WHOLE)
        whole[6:26, np.arange(rectangle.x0, rectangle.x0 + columns) % 96] = kept
        fine = np.repeat(np.repeat(whole, height, axis=0), width, axis=1)
        expected = fine.reshape(height, 48, width, 96).sum(axis=(1, 3)) / (48 * 96)
        shrinking = Shrinking(96, 48, width, height)
        found = shrinking(Outline(rectangle, Cover(torch.from_numpy(kept))))
        there = found.rectangle
        shown = np.full((height, width), float(WHOLE))
        places = np.arange(there.x0, there.x0 + there.width) % width
        assert len(set(places)) == len(places)
        shown[there.y0 : there.y0 + there.height, places] = found.cover.kept.numpy()
        assert (shown == np.ceil(expected - 1e-9)).all()


def test_half_of_a_smaller_pixel_is_exactly_half() -> None:
    """Of three and a third of each other: whichever rows are hidden, if they are half of it."""
    shrinking = Shrinking(20, 10, 6, 3)
    kept = torch.full((10, 20), WHOLE, dtype=torch.int16)
    kept[:5] = 0  # to the middle of the second row of new pixels
    found = shrinking(Outline(Rectangle(x0=0, y0=0, width=20, height=10), Cover(kept)))
    assert (found.cover.kept[0] == 0).all()
    assert (found.cover.kept[1] == WHOLE // 2).all()
    visibility = Visibility(width=6, height=3, device=torch.device("cpu"))
    assert visibility.of([found])[0].own.rows.tolist() == [6, 6, 0]
    kept[4, 0] = 1  # a 256th of an old pixel less
    found = shrinking(Outline(Rectangle(x0=0, y0=0, width=20, height=10), Cover(kept)))
    assert visibility.of([found])[0].own.rows.tolist() == [6, 5, 0]


def test_fractions_are_of_the_solid_angle() -> None:
    """Half of the rows, but the ones nearer to the pole, are less than half of what can be seen."""
    visibility = Visibility(width=100, height=50, device=torch.device("cpu"))
    far, _ = visibility.of([outline(0, 0, 0.0), outline(0, 0, 0.0, height=5)])
    upper, lower = (
        sum(np.cos(np.pi * (0.5 - (row + 0.5) / 50)) for row in rows)
        for rows in (range(5), range(5, 10))
    )
    assert far.fraction == pytest.approx(lower / (upper + lower), rel=1e-5)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("30/1", [(0, 2), (1, 5), (2, 8)]),
        ("10/1", [(0, 0), (1, 1), (2, 2)]),
        ("25/2", [(0, 1), (1, 2), (2, 3)]),
        ("5/1", [(0, 0), (2, 1)]),
    ],
)
def test_masks_lie_on_video_frames_of_their_label_frame(
    rate: str, expected: list[tuple[int, int]]
) -> None:
    fps = Fraction(rate)
    plan = scene(frame_rate=rate, num_frames=int(-(-Fraction(3, 10) * fps // 1)))
    found = list(moments(plan, Fraction(10)))
    assert found == expected
    for index, video_frame in found:
        assert index <= video_frame / fps * 10 < index + 1


BELL, PHONE = (40, 40, 200), (200, 60, 40)


def write_project(
    folder: Path, rows: list[tuple[object, ...]], **sections: dict[str, object]
) -> Path:
    """A project with a plain red bell and a plain blue telephone on black."""
    config = mock_project(
        folder,
        processing={"fps": 10, "device": "cpu", "workers": 1, "dark_background": True},
        **sections,
    )
    mock_image(folder / "images" / "Class_11" / "a.png", plain(BELL, 90, 60))
    mock_image(folder / "images" / "Class_3" / "a.png", plain(PHONE, 60, 90))
    mock_labels(folder / "labels" / "mix.csv", rows)
    return config


def tracks(folder: Path) -> list[dict[str, str]]:
    with (folder / "videos" / "mix.tracks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def boxes_by_colour(path: Path, video_frame: int) -> dict[int, list[tuple[int, int, int, int]]]:
    """Boxes of what is red or blue in a decoded video, by class; two where it meets both edges."""
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == video_frame:
                pixels = frame.to_ndarray(format="rgb24").astype(int)
                break
    found = {}
    for class_id, (blue, _, red) in {11: BELL, 3: PHONE}.items():
        mask = (abs(pixels[..., 0] - red) < 70) & (abs(pixels[..., 2] - blue) < 70)
        if not mask.any():
            continue
        x, y, width, height = circular_box(mask)
        right = min(width, mask.shape[1] - x)
        found[class_id] = [(x, y, right, height)]
        if width > right:
            found[class_id].append((0, y, width - right, height))
    return found


@pytest.mark.parametrize("name", ["a.png", 'a, b "c".png', "a\nb.png", "a\n", ' a"', "ä;'"])
def test_any_name_of_an_asset_is_one_cell(name: str) -> None:
    of = Asset(folder="images", path=name, kind="image", sha256="", width=40, height=30)
    plan = scene(tile(of, (0, 0), (3, 4)), tile(of, (9, 9)), num_frames=2)
    file = StringIO(newline="")
    table = TrackTable(plan, file)
    box = Box(x=1, y=2, width=3, height=4)
    for video_frame in range(2):
        table.tell(video_frame, {0: ([box, box], 0.5)})
    file.seek(0)
    rows = list(csv.DictReader(file))
    assert [(row["video_frame"], row["event"]) for row in rows] == [
        ("0", "0"),
        ("0", "1"),
        ("1", "0"),
    ]
    assert {row["asset"] for row in rows} == {f"images/{name}"}
    assert [row["flags"] for row in rows] == ["seam", "", "seam"]
    assert [row["height2"] for row in rows] == ["4", "", "4"]
    again = StringIO(newline="")
    writer = csv.writer(again, lineterminator="\n")
    writer.writerows([TRACK_COLUMNS, *(row.values() for row in rows)])
    assert again.getvalue() == file.getvalue()


def test_a_sound_that_comes_back_for_one_frame(tmp_path: Path) -> None:
    """Ten frames a second: its last label frame, after a pause, is a single video frame."""
    rows = [(frame, 11, 0, 0, 0, 200) for frame in (0, 1, 2, 5)] + [(7, 3, 0, 90, 0, 200)]
    assert main(["synth", "--config", str(write_project(tmp_path, rows)), "-q"]) == 0
    told = [(int(row["video_frame"]), int(row["class"])) for row in tracks(tmp_path)]
    assert told == [(0, 11), (1, 11), (2, 11), (5, 11), (7, 3)]
    for video_frame in range(8):
        seen = boxes_by_colour(tmp_path / "videos" / "mix.mp4", video_frame)
        assert seen.keys() == {class_id for frame, class_id in told if frame == video_frame}
    assert main(["verify", str(tmp_path / "videos"), "-q"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "places",
    [
        {11: (0, 0), 3: (40, 10)},
        {11: (180, 5), 3: (-100, -30)},
        {11: (-179, -40), 3: (10, 85)},
        {11: (30, 60), 3: (170, -70)},
        {11: (5, 0), 3: (0, 0)},
    ],
)
def test_boxes_are_those_that_are_seen_in_the_decoded_video(
    tmp_path: Path, places: dict[int, tuple[int, int]]
) -> None:
    rows = [
        (frame, class_id, 0, azimuth, elevation, 150 if class_id == 3 else 300)
        for frame in range(2)
        for class_id, (azimuth, elevation) in places.items()
    ]
    size = {"size": "fixed", "fixed_deg": 35.0, "feather": 0.0}
    sections = {"canvas": {"width": 1920, "height": 960}, "tiles": size}
    sections["encoding"] = {"quality": 12}
    assert main(["synth", "--config", str(write_project(tmp_path, rows, **sections)), "-q"]) == 0
    seen = boxes_by_colour(tmp_path / "videos" / "mix.mp4", 1)
    exported = {int(row["class"]): row for row in tracks(tmp_path) if row["video_frame"] == "1"}
    assert exported.keys() == {3, 11}
    for class_id, row in exported.items():
        names = [("x", "y", "width", "height"), ("x2", "y2", "width2", "height2")]
        boxes = [tuple(int(row[name]) for name in four) for four in names if row[four[0]]]
        assert len(boxes) == len(seen.get(class_id, [])), (class_id, boxes, seen)
        assert ("seam" in row["flags"]) == (len(boxes) == 2)
        for box, expected in zip(boxes, seen.get(class_id, []), strict=True):
            corners = [
                (one[0], one[1], one[0] + one[2], one[1] + one[3]) for one in (box, expected)
            ]
            assert np.abs(np.subtract(*corners)).max() <= 2, (class_id, box, expected)


def test_the_label_file_beside_the_video(tmp_path: Path) -> None:
    """What was read comes back, in the order and units of DCASE."""
    rows = [(n, 11, 4, 170 + 3 * n if n < 4 else 170, -5, "2.345") for n in range(6)]
    rows += [(2, 3, 1, -20, 90, "1.0")]
    config = write_project(tmp_path, rows)
    assert main(["synth", "--config", str(config), "-q", "--set", "labels.interpolate=false"]) == 0
    text = (tmp_path / "videos" / "mix.csv").read_text()
    assert text.splitlines()[:4] == [
        "0,11,4,170,-5,235",
        "1,11,4,173,-5,235",
        "2,11,4,176,-5,235",
        "2,3,1,-20,90,100",
    ]
    assert "3,11,4,179,-5,235" in text
    table = read_labels(tmp_path / "videos" / "mix.csv")
    assert len(table.label_frame) == 7


def test_labels_end_with_the_video(tmp_path: Path) -> None:
    config = write_project(tmp_path, [(n, 11, 0, 0, 0, 200) for n in range(30)])
    assert (
        main(["synth", "--config", str(config), "-q", "--set", "processing.video_duration=1"]) == 0
    )
    assert len((tmp_path / "videos" / "mix.csv").read_text().splitlines()) == 10
    assert len(tracks(tmp_path)) == 10


def test_tracks_tell_of_every_source_in_every_frame(tmp_path: Path) -> None:
    """One hidden wholly, one that moves, one without a picture, one that makes no sound."""
    rows: list[tuple[object, ...]] = []
    for n in range(10):
        rows += [(n, 11, 0, 0, 0, 300), (n, 3, 1, 0, 0, 100), (n, 7, 2, 100 + n, 10, 200)]
    rows += [(n, 10, 3, -90, 0, 200) for n in range(5)]
    sizes = {"size": "fixed", "missing": "skip", "mirror": 0.0, "clip_start": "first"}
    config = write_project(tmp_path, rows, tiles={**sizes, "silent_per_minute": 60.0})
    (tmp_path / "images" / "Class_10" / "a.png").unlink()
    mock_image(tmp_path / "images" / "Class_3" / "a.png", plain(PHONE, 120, 120))
    assert main(["synth", "--config", str(config), "-q"]) == 0
    found = tracks(tmp_path)
    assert list(found[0]) == [
        *("video_frame", "time_s", "event", "class", "source"),
        *("azimuth", "elevation", "distance_m", "width_deg", "height_deg"),
        *("x", "y", "width", "height", "x2", "y2", "width2", "height2"),
        *("visible", "asset", "flags"),
    ]
    by_class = {int(row["class"]): row for row in found if row["video_frame"] == "3"}
    assert by_class[11]["visible"] == "0.0000"
    assert by_class[11]["x"] == ""
    assert by_class[3]["visible"] == "1.0000"
    assert by_class[3]["width_deg"] == "37.500"
    assert by_class[7]["azimuth"] == "102.500"
    assert by_class[7]["asset"] == "image_assets_dir/Class_7/a.png"
    assert (by_class[10]["flags"], by_class[10]["asset"]) == ("no-picture", "")
    silent = [row for row in found if row["flags"].startswith("silent")]
    assert silent
    assert {row["source"] for row in silent} == {"-1"}
    frames = [int(row["video_frame"]) for row in found]
    assert frames == sorted(frames)
    labels = (tmp_path / "videos" / "mix.csv").read_text().splitlines()
    assert len(labels) == 35  # a hidden one and one without a picture are heard all the same


def test_boxes_and_masks_go_with_a_picture_that_turns(tmp_path: Path) -> None:
    """At one height it looks the same in every frame, and is somewhere else in each."""
    rows = [(n, 11, 0, 90 - 9 * n, 0, 300) for n in range(20)]
    sections = {"canvas": {"width": 720, "height": 360}, "tiles": {"size": "fixed"}}
    config = write_project(tmp_path, rows, **sections)
    assert main(["synth", "--config", str(config), "-q", "--set", "labels.interpolate=false"]) == 0
    found = tracks(tmp_path)
    assert len(found) == 20
    masks = json.loads((tmp_path / "videos" / "mix.masks.json").read_text())["annotations"]
    for n, (row, mask) in enumerate(zip(found, masks, strict=True)):
        middle = int(row["x"]) + int(row["width"]) / 2
        assert middle == pytest.approx(180 + 18 * n, abs=1)
        ((x, _, width, _),) = mask["boxes"]
        assert x + width / 2 == pytest.approx(90 + 9 * n, abs=1)


def test_azimuths_are_within_half_a_turn(tmp_path: Path) -> None:
    rows = [(n, 11, 0, (350 + 5 * n) % 361, 0, 200) for n in range(6)] + [
        (n, 3, 1, 270, 0, 200) for n in (0, 1)
    ]
    config = write_project(tmp_path, sorted(rows))
    assert main(["synth", "--config", str(config), "-q"]) == 0
    found = [float(row["azimuth"]) for row in tracks(tmp_path) if row["class"] == "11"]
    assert found == pytest.approx([-10, -7.5, -2.5, 2.5, 7.5, 12.5], abs=3)
    assert {row["azimuth"] for row in tracks(tmp_path) if row["class"] == "3"} == {"-90.000"}


def test_sides_and_fades_are_told(tmp_path: Path) -> None:
    rows = [(n, 11, 0, 0, 0, 100 + 40 * n) for n in range(9)]
    chance = {"fade_frames": 2, "size": "fixed", "fixed_deg": 60.0, "silent_per_minute": 60.0}
    config = write_project(tmp_path, rows, tiles=chance)
    longer = ["--set", "processing.video_duration=6"]
    assert main(["synth", "--config", str(config), "-q", *longer]) == 0
    bell = [row for row in tracks(tmp_path) if row["class"] == "11" and row["source"] == "0"]
    assert [row["flags"] for row in bell] == [*["fading"] * 2, *[""] * 5, *["fading"] * 2]
    assert (bell[4]["width_deg"], bell[4]["height_deg"]) == ("60.000", "42.103")  # 90 x 60
    assert [float(row["visible"]) > 0 for row in bell] == [False, *[True] * 7, False]
    dcase = json.loads((tmp_path / "videos" / "mix.dcase.json").read_text())["annotations"]
    assert [one["metadata_frame_index"] for one in dcase] == list(range(1, 8))
    assert [one["distance"] for one in dcase] == [100 + 40 * n for n in range(1, 8)]
    masks = json.loads((tmp_path / "videos" / "mix.masks.json").read_text())["annotations"]
    assert any(one["silent"] for one in masks)
    assert {one["instance_id"] for one in dcase} == {0}


@pytest.mark.parametrize("fps", ["10", "30000/1001"])
def test_full_masks_are_what_the_tracks_say(tmp_path: Path, fps: str) -> None:
    """Cut-outs too, which are sampled like the video's."""
    rows = [(n, c, c, 20 * c, 0, 150) for n in range(4) for c in (3, 11)]
    config = write_project(
        tmp_path,
        rows,
        ground_truth={"mask_size": "full"},
    )
    alpha = np.zeros((400, 300), np.uint8)
    cv2.ellipse(alpha, (150, 200), (90, 130), 30, 0, 360, 255, -1)
    cv2.circle(alpha, (90, 40), 30, 255, -1)
    pixels = np.dstack((mock_pixels(300, 400), alpha))
    mock_image(tmp_path / "images" / "Class_11" / "a.png", pixels)
    form = ("canvas.width=512", "canvas.height=256", f"processing.fps={fps}")
    wishes = [word for one in form for word in ("--set", one)]
    assert main(["synth", "--config", str(config), "-q", *wishes]) == 0
    made = json.loads((tmp_path / "videos" / "mix.masks.json").read_text())
    frame_of = {one["id"]: one["video_frame"] for one in made["images"]}
    told = {(int(row["video_frame"]), int(row["event"])): row for row in tracks(tmp_path)}
    assert len(made["annotations"]) == 8
    for one in made["annotations"]:
        row = told[frame_of[one["image_id"]], one["instance_id"]]
        box = [int(row[side]) for side in ("x", "y", "width", "height")]
        assert one["boxes"][0] == box
        assert one["visible"] == pytest.approx(float(row["visible"]), abs=2e-4)


def test_what_is_off_screen_is_said(tmp_path: Path) -> None:
    config = write_project(tmp_path, [(0, 11, 0, 0, 0, 200)])
    assert main(["synth", "--config", str(config), "-q", "--set", "tiles.offscreen=1"]) == 0
    (row,) = tracks(tmp_path)
    assert (row["flags"], row["visible"]) == ("offscreen", "0.0000")
    assert (tmp_path / "videos" / "mix.csv").read_text() == "0,11,0,0,0,200\n"


# pycocotools does not know how NumPy 2 asks for arrays.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("size", ["360x180", "full", "64x48"])
def test_coco_reads_the_masks_as_they_were(tmp_path: Path, size: str) -> None:
    rows = [(n, 11, 0, 180, 0, 300) for n in range(3)] + [(n, 3, 1, 150, 20, 100) for n in range(3)]
    config = write_project(tmp_path, rows, ground_truth={"mask_size": size})
    assert main(["synth", "--config", str(config), "-q"]) == 0
    path = tmp_path / "videos" / "mix.masks.json"
    coco = COCO(str(path))
    assert coco.cats[11]["name"] == "bell"
    assert len(coco.imgs) == 3
    plan_file = tmp_path / "videos" / "mix.plan.json"
    plan = plan_from_json(plan_file.read_bytes(), name=plan_file)
    width, height = {"full": (128, 64), "64x48": (64, 48)}.get(size, (360, 180))
    drawn = mask_frames(
        plan,
        {"image_assets_dir": tmp_path / "images"},
        width=width,
        height=height,
    )
    for image, frame in zip(coco.imgs.values(), drawn, strict=True):
        assert (image["width"], image["height"]) == (width, height)
        assert image["file_name"] == "mix.mp4"
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        assert len(annotations) == 2
        for index, seen in zip(frame.tiles, frame.seen, strict=True):
            (annotation,) = (
                one for one in annotations if one["instance_id"] == plan.tiles[index].event_index
            )
            mask = whole_mask(seen, width=width, height=height)
            assert (coco.annToMask(annotation) == mask).all()
            assert annotation["area"] == mask.sum()
            assert annotation["category_id"] == plan.tiles[index].class_id
            assert len(annotation["boxes"]) == (2 if annotation["category_id"] == 11 else 1)


def test_the_dcase_file(tmp_path: Path) -> None:
    rows = [(n, 11, 0, 175, 0, 300) for n in range(3)] + [(1, 3, 1, 0, 0, 123)]
    sections = {"ground_truth": {"mask_size": "full", "masks_per_s": 5.0}}
    sections["canvas"] = {"width": 720, "height": 360}
    assert main(["synth", "--config", str(write_project(tmp_path, rows, **sections)), "-q"]) == 0
    made = json.loads((tmp_path / "videos" / "mix.dcase.json").read_text())
    keys = [(one["metadata_frame_index"], one["category_id"]) for one in made["annotations"]]
    assert keys == [(0, 11), (1, 11), (1, 3), (2, 11)]
    phone = made["annotations"][2]
    assert set(phone) == {
        *("metadata_frame_index", "instance_id", "category_id", "distance", "segmentation"),
    }
    assert phone["distance"] == 123
    ((*pixels,),) = phone["segmentation"]
    mask = np.zeros((180, 360), int)
    for x, y, energy in pixels:
        mask[y, x] += energy
    assert mask.max() == 1
    rows_seen, columns = np.nonzero(mask)
    assert columns.mean() == pytest.approx(179.5, abs=0.5)
    assert rows_seen.mean() == pytest.approx(89.5, abs=0.5)
    bell = np.array(made["annotations"][0]["segmentation"][0])
    assert {0, 359} <= set(bell[:, 0])
    assert made["info"]["energy"].startswith("geometric")


def test_alpha_of_clips_is_in_the_masks(tmp_path: Path) -> None:
    """A disc that grows by an eighth of its side every frame."""
    config = write_project(tmp_path, [(n, 11, 0, 0, 0, 200) for n in range(4)])
    (tmp_path / "images" / "Class_11" / "a.png").unlink()
    mock_alpha_clip(tmp_path / "images" / "Class_11" / "a.webm")
    sizes = ["--set", "tiles.size=fixed", "--set", "tiles.fixed_deg=60"]
    assert main(["synth", "--config", str(config), "-q", *sizes]) == 0
    coco = json.loads((tmp_path / "videos" / "mix.masks.json").read_text())
    areas = [one["area"] for one in coco["annotations"]]
    # tan 30° on either side are 32 of 32 pixels: discs of 8, 16, 24 and 32 of these.
    expected = [
        np.pi * np.degrees(np.arctan(np.tan(np.radians(30)) * n / 4)) ** 2 for n in (1, 2, 3, 4)
    ]
    assert areas == pytest.approx(expected, rel=0.08)


def test_files_can_be_left_out(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("labels", "tracks", "masks", "dcase"), False)
    config = write_project(tmp_path, [(0, 11, 0, 0, 0, 200)], ground_truth=nothing)
    assert main(["synth", "--config", str(config), "-q"]) == 0
    names = sorted(path.name for path in (tmp_path / "videos").iterdir())
    assert names == [
        ".seldsynth",
        "manifest.jsonl",
        "mix.mp4",
        "mix.plan.json",
        "processing_log.txt",
    ]
    assert main(["synth", "--config", str(config), "-q", "--set", "ground_truth.dcase=true"]) == 0
    assert (tmp_path / "videos" / "mix.dcase.json").is_file()


def test_a_plan_does_not_replace_labels_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_project(tmp_path, [(0, 11, 0, 0, 0, 2.345)])
    assert main(["synth", "--config", str(config), "-q"]) == 0
    labels = tmp_path / "labels" / "mix.csv"
    before = labels.read_bytes()
    plan_file = tmp_path / "labels" / "mix.plan.json"
    shutil.copy(tmp_path / "videos" / "mix.plan.json", plan_file)
    assert main(["synth", "--from-plan", str(plan_file), "-q"]) == 1
    assert "mix.csv: not the labels of plan mix, which would replace it" in capsys.readouterr().err
    assert labels.read_bytes() == before
    assert not (tmp_path / "labels" / "mix.mp4").exists()


@pytest.mark.parametrize("names", [("mix", "mix.tracks"), ("a", "sub/b")])
def test_outputs_that_would_replace_each_other_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, str]
) -> None:
    config = write_project(tmp_path, [(0, 11, 0, 0, 0, 200)])
    (tmp_path / "labels" / "mix.csv").unlink()
    for name in names:
        mock_labels(tmp_path / "labels" / f"{name}.csv", [(0, 11, 0, 0, 0, 200)])
    collide = names[0] == "mix"
    assert main(["synth", "--config", str(config), "-q"]) == (2 if collide else 0)
    assert ("would both have" in capsys.readouterr().err) == collide


def test_labels_that_a_link_leads_to_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_project(tmp_path, [(0, 11, 0, 0, 0, 2.345)])
    real = tmp_path / "real" / "mix.csv"
    real.parent.mkdir()
    (tmp_path / "labels" / "mix.csv").rename(real)
    (tmp_path / "labels" / "mix.csv").symlink_to(real)
    before = real.read_bytes()
    wish = ["--set", "output.video_dir=real"]
    assert main(["synth", "--config", str(config), "-q", *wish]) == 2
    assert "would replace the labels" in capsys.readouterr().err
    assert real.read_bytes() == before


def test_a_plan_makes_the_same_files_again(tmp_path: Path) -> None:
    """With everything by chance switched on, and every kind of picture, clip and canvas."""
    rows = [(n, class_id, 0, 20 * class_id, 0, 200) for n in range(8) for class_id in range(13)]
    rows.sort(key=lambda row: row[0])
    chance = {
        "tiles": {
            "size_jitter": 0.3,
            "offscreen": 0.2,
            "silent_per_minute": 60.0,
            "fade_frames": 2,
            "mirror": 0.5,
            "clip_start": "random",
            "matte": ["none", "feather", "ellipse", "grabcut", "chroma"],
        },
        "look": {
            **{"match_colour": 0.7, "match_blur": True, "match_noise": True},
            **{"brightness": 0.1, "contrast": 0.2, "saturation": 0.3, "shadow": 0.5},
        },
        "canvas": {"random_yaw": True},
        "input": {"image_360_path": None, "video_360_path": "canvas", "audio_dir": "sound"},
    }
    config = mock_project(tmp_path, **chance)  # type: ignore[arg-type]
    sections = yaml.safe_load(config.read_text())
    sections["input"] |= {"video_assets_dir": "clips"}
    sections["processing"] |= {"variants": 2, "use_blur": True, "fps": 12.5}
    config.write_text(yaml.safe_dump(sections))
    mock_labels(tmp_path / "labels" / "mix.csv", rows)
    mock_sound(tmp_path / "sound" / "foa" / "mix.wav")
    (tmp_path / "canvas" / "room.png").unlink()
    mock_clip(tmp_path / "canvas" / "room.mp4", width=128, height=64, noise=9)
    mock_alpha_clip(tmp_path / "clips" / "Class_0" / "a.webm")
    mock_clip(tmp_path / "clips" / "Class_1" / "a.mp4", noise=30)
    for class_id in (0, 1):
        (tmp_path / "images" / f"Class_{class_id}" / "a.png").unlink()
    mock_image(tmp_path / "clips" / "Class_1" / "a.mask.png", mock_pixels(20, 20)[..., 0])
    for class_id in (2, 3):
        screen = plain((0, 220, 0), 64, 64)
        cv2.circle(screen, (30, 34), 15, (20, 30, 200), -1)
        mock_image(tmp_path / "clips" / f"Class_{class_id}" / "a.png", screen)
    for class_id in range(4, 12):
        thing = cv2.circle(mock_pixels(64, 64) // 8 + 200, (30, 34), 15, (20, 30, 200), -1)
        mock_image(tmp_path / "images" / f"Class_{class_id}" / "a.png", np.asarray(thing, np.uint8))
    assert main(["synth", "--config", str(config), "-q"]) == 0
    videos = tmp_path / "videos"
    made = {path.name: path.read_bytes() for path in videos.glob("mix*")}
    endings = ("csv", "tracks.csv", "masks.json", "dcase.json", "mp4", "plan.json")
    assert set(made) == {f"mix_v0{n}.{ending}" for n in (0, 1) for ending in endings}
    plans = [str(videos / f"mix_v0{n}.plan.json") for n in (0, 1)]
    texts = "".join(made[Path(one).name].decode() for one in plans)
    for kind in ("chroma", "grabcut", "ellipse", "a.webm", "a.mask.png", "off-screen"):
        assert kind in texts
    for again in (
        ["--config", str(config), "--set", "processing.workers=2"],
        ["--from-plan", *plans],
    ):
        for path in videos.glob("mix*"):
            if not (path.name.endswith(".plan.json") and again[0] == "--from-plan"):
                path.unlink()
        assert main(["synth", "-q", *again]) == 0
        for name, content in made.items():
            assert (videos / name).read_bytes() == content, name
