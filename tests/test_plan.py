import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from seldsynth.choice import library_of
from seldsynth.config_file import load_config
from seldsynth.errors import AssetError, LabelError, PlanError
from seldsynth.events import events_of
from seldsynth.metadata import read_labels
from seldsynth.plan import ScenePlan, plan_from_json, resolve_folders
from seldsynth.planner import make_plan, notes_on
from tests.conftest import mock_clip, mock_image, mock_labels, mock_pixels, mock_project

ROWS = [(n, 3, 0, 10 * n, 5, 2.0 + n) for n in range(10)] + [(n, 0, 1, -90, 0, 1.5) for n in (4, 5)]


def plan(
    project: Path,
    *overrides: str,
    rows: list[tuple[float, ...]] | None = None,
    recording_id: str = "mix",
) -> ScenePlan:
    config = load_config(project, overrides)
    labels = mock_labels(project.parent / "labels" / "mix.csv", ROWS if rows is None else rows)
    table = read_labels(labels)
    return make_plan(
        config,
        events_of(table),
        library_of(config),
        recording_id=recording_id,
        num_label_frames=table.num_label_frames,
        plan_file=config.output.video_dir / f"{recording_id}.plan.json",
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return mock_project(tmp_path)


def test_a_plan_is_complete(project: Path) -> None:
    made = plan(project)
    assert made.num_frames == 10
    assert [tile.class_id for tile in made.tiles] == [3, 0]
    assert made.tiles[0].asset.path == "Class_3/a.png"
    assert made.tiles[0].track.azimuth_deg == tuple(10 * n for n in range(10))
    assert made.folders == {"image_360_path": "../canvas", "image_assets_dir": "../images"}
    assert made.canvas.asset is not None


def test_json_gives_the_plan_back(project: Path) -> None:
    made = plan(project)
    text = made.to_json()
    assert json.loads(text)["recording_id"] == "mix"
    again = plan_from_json(text, name="x")
    assert again == made
    assert again.to_json() == text
    assert again.sha256() == made.sha256()


def test_the_same_config_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    first = mock_project(tmp_path / "a")
    second = mock_project(tmp_path / "somewhere" / "else")
    assert plan(first).to_json() == plan(second).to_json()
    assert plan(first, "output.video_dir=others").to_json() == plan(first).to_json()


def test_other_seeds_and_recordings_choose_otherwise(project: Path) -> None:
    for index in range(30):
        mock_image(
            project.parent / "images" / "Class_3" / f"b{index}.png", mock_pixels(seed=100 + index)
        )
    chosen = {plan(project, f"processing.seed={seed}").tiles[0].asset.path for seed in range(8)}
    assert len(chosen) > 3
    by_id = {plan(project, recording_id=f"mix{n}").tiles[0].asset.path for n in range(8)}
    assert len(by_id) > 3


def test_seed_zero_is_a_seed(project: Path) -> None:
    for index in range(30):
        mock_image(
            project.parent / "images" / "Class_3" / f"b{index}.png", mock_pixels(seed=100 + index)
        )
    assert plan(project) == plan(project, "processing.seed=0")


def test_a_switch_changes_only_what_it_names(project: Path) -> None:
    for index in range(5):
        mock_image(project.parent / "canvas" / f"b{index}.png", mock_pixels(64, 32, seed=index))
    plain = plan(project)
    both = plan(project, "canvas.random_yaw=true", "processing.use_blur=true")
    assert both.canvas.asset == plain.canvas.asset
    assert both.tiles == plain.tiles
    assert plain.canvas.yaw_deg == 0
    assert plain.canvas.blur_px == 1
    blurred = plan(project, "processing.use_blur=true").canvas
    assert blurred.blur_px == both.canvas.blur_px
    assert blurred.yaw_deg == 0


def test_yaw_is_whole_colour_columns_and_blur_is_odd(project: Path) -> None:
    for seed in range(20):
        canvas = plan(
            project, "canvas.random_yaw=true", "processing.use_blur=true", f"processing.seed={seed}"
        ).canvas
        assert (canvas.yaw_deg * 128 / 360) % 2 == pytest.approx(0, abs=1e-9)
        assert 0 <= canvas.yaw_deg < 360
        assert canvas.blur_px % 2 == 1


@pytest.mark.parametrize(
    ("prefer", "kinds"),
    [("image", {"image"}), ("video", {"video"}), ("mixed", {"image", "video"})],
)
def test_pictures_and_clips(project: Path, prefer: str, kinds: set[str]) -> None:
    mock_clip(project.parent / "images" / "Class_3" / "a.mp4")
    found = Counter(
        plan(project, f"tiles.prefer={prefer}", f"processing.seed={seed}").tiles[0].asset.kind
        for seed in range(20)
    )
    assert set(found) == kinds
    if prefer == "mixed":
        assert min(found.values()) >= 3


def test_what_is_preferred_but_not_there_is_replaced(project: Path) -> None:
    assert plan(project, "tiles.prefer=video").tiles[0].asset.kind == "image"


def test_unreadable_assets_are_passed_over(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    for index in range(20):
        (project.parent / "images" / "Class_3" / f"bad{index}.jpg").write_bytes(b"bad")
    with caplog.at_level(logging.WARNING):
        assert plan(project).tiles[0].asset.path == "Class_3/a.png"
    assert all("left out" in record.getMessage() for record in caplog.records)


def test_a_class_without_pictures(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project.parent / "images" / "Class_3" / "a.png").unlink()
    with pytest.raises(AssetError) as caught:
        plan(project)
    assert str(caught.value) == (
        f"no picture or clip for class 3 (telephone) under {project.parent}/images; "
        "add some or set tiles.missing: skip"
    )
    assert (
        caplog.records[-1]
        .getMessage()
        .endswith(
            "python -m seldsynth assets check "
            f"--metadata {project.parent}/labels {project.parent}/images"
        )
    )
    made = plan(project, "tiles.missing=skip")
    assert [tile.class_id for tile in made.tiles] == [0]
    assert [event.class_id for event in made.unseen] == [3]
    assert notes_on(made, num_label_frames=10) == (
        "events left out: 1 (telephone): no picture or clip for its class",
    )


def test_a_source_that_comes_back_keeps_its_picture(project: Path) -> None:
    for index in range(30):
        mock_image(
            project.parent / "images" / "Class_3" / f"b{index}.png", mock_pixels(seed=100 + index)
        )
    rows = [(0, 3, 0, 0, 0, 2), (20, 3, 0, 0, 0, 2), (40, 3, 0, 0, 0, 2), (0, 3, 1, 90, 0, 2)]
    tiles = plan(project, rows=rows).tiles
    of_first = {tile.asset.path for tile in tiles if tile.source_id == 0}
    assert len(of_first) == 1


def test_sizes_follow_class_and_distance(project: Path) -> None:
    rows = [(n, 3, 0, 0, 0, distance) for n, distance in enumerate((0.1, 0.5, 1.0, 2.0, 15.0))]
    near, half, one, two, far = plan(project, rows=rows).tiles[0].longer_side_deg
    expected = 2 * np.degrees(np.arctan(0.35 / 2 / np.array([0.5, 1.0])))
    assert (half, one) == pytest.approx(expected, abs=1e-5)
    assert (near, two, far) == (70, 12, 12)
    fixed = plan(project, "tiles.size=fixed", rows=rows).tiles[0]
    assert set(fixed.longer_side_deg) == {37.5}


def test_labels_without_distance_have_the_default(project: Path) -> None:
    made = plan(project, "tiles.default_distance_m=3", rows=[(0, 3, 0, 0, 0)])
    assert made.tiles[0].track.distance_m == (3.0,)


def test_length(project: Path) -> None:
    longer = plan(project, "processing.video_duration=2.5")
    assert longer.num_frames == 25
    assert notes_on(longer, num_label_frames=10) == ("padded from 1.0 s to 2.5 s",)
    shorter = plan(project, "processing.video_duration=0.4")
    assert shorter.num_frames == 4
    assert notes_on(shorter, num_label_frames=10) == ("cut from 1.0 s to 0.4 s",)
    assert [tile.class_id for tile in shorter.tiles] == [3]
    assert plan(project, "processing.fps=29.97").num_frames == 30
    assert plan(project, "processing.fps=29.97", "processing.video_duration=60").num_frames == 1799


def test_a_recording_of_no_length(project: Path) -> None:
    config = load_config(project)
    arguments = {
        "recording_id": "mix",
        "num_label_frames": 0,
        "plan_file": project.parent / "mix.plan.json",
    }
    with pytest.raises(LabelError, match=r"no rows, so no length; set processing\.video_duration"):
        make_plan(config, (), library_of(config), **arguments)  # type: ignore[arg-type]
    padded = load_config(project, ["processing.video_duration=1"])
    made = make_plan(padded, (), library_of(padded), **arguments)  # type: ignore[arg-type]
    assert made.num_frames == 10


def test_labels_of_too_many_events_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seldsynth.planner.MAX_EVENTS", 9)
    rows = [(n, 3, n, 0, 0, 2) for n in range(10)]
    with pytest.raises(
        LabelError, match=r"csv: 10 sound events, of which at most 9 go into a video"
    ):
        plan(project, rows=rows)
    assert len(plan(project, "processing.video_duration=0.9", rows=rows).tiles) == 9


def test_an_event_between_two_video_frames_is_said(project: Path) -> None:
    rows = [(n, 3, 0, 0, 0, 2) for n in range(10)] + [(1, 0, 1, 0, 0, 2), (5, 0, 2, 0, 0, 2)]
    made = plan(project, "processing.fps=5", rows=rows)
    assert [tile.class_id for tile in made.tiles] == [3]
    assert {event.reason for event in made.unseen} == {"falls between two video frames"}
    assert notes_on(made, num_label_frames=10) == (
        "events left out: 2 (female speech): falls between two video frames",
    )


def test_a_canvas_that_is_not_two_to_one(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project.parent / "canvas" / "room.png").unlink()
    mock_image(project.parent / "canvas" / "square.png", mock_pixels(64, 64))
    with caplog.at_level(logging.WARNING):
        assert plan(project).canvas.fit == "stretch"
        assert plan(project, "canvas.fit=crop").canvas.fit == "crop"
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].endswith("square.png: 64x64 is not 2:1 as a 360° picture is; stretched")
    assert messages[1].endswith("; cropped")
    with pytest.raises(AssetError, match=r"square\.png: 64x64 is not 2:1"):
        plan(project, "canvas.fit=error")


def test_no_canvas_that_can_be_used(project: Path) -> None:
    (project.parent / "canvas" / "room.png").write_bytes(b"bad")
    with pytest.raises(AssetError, match="no usable canvas under"):
        plan(project)
    assert plan(project, "processing.dark_background=true").canvas.asset is None


def test_folders_move_with_the_project(project: Path) -> None:
    made = plan(project)
    place = project.parent / "videos" / "mix.plan.json"
    assert resolve_folders(made, place)["image_assets_dir"] == project.parent / "images"
    elsewhere = plan(project, f"input.image_assets_dir={project.parent}/images")
    assert elsewhere.folders["image_assets_dir"] == f"{project.parent}/images"
    nested = plan(project, recording_id="a/b/mix")
    assert nested.folders["image_assets_dir"] == "../../../images"


def test_a_plan_is_the_same_wherever_its_assets_lie(project: Path) -> None:
    here = plan(project)
    elsewhere = plan(project, f"input.image_assets_dir={project.parent}/images")
    assert elsewhere.to_json() != here.to_json()
    assert elsewhere.sha256() == here.sha256()
    assert plan(project, "processing.seed=2").sha256() != here.sha256()


def test_links_beside_a_plan_remain(project: Path, tmp_path: Path) -> None:
    disk = tmp_path / "a" / "disk"
    disk.parent.mkdir()
    (project.parent / "images").rename(disk)
    (project.parent / "images").symlink_to(disk, target_is_directory=True)
    assert plan(project).folders["image_assets_dir"] == "../images"


def test_folders_are_found_by_way_of_links(project: Path, tmp_path: Path) -> None:
    """Whether the project is reached by a link, or its videos lie behind one."""
    images = (project.parent / "images").resolve()
    disk = tmp_path / "a" / "disk"
    disk.mkdir(parents=True)
    (project.parent / "videos").symlink_to(disk, target_is_directory=True)
    (tmp_path / "link").symlink_to(project.parent, target_is_directory=True)
    for start in (project, tmp_path / "link" / project.name):
        made = plan(start)
        for videos in (disk, project.parent / "videos", tmp_path / "link" / "videos"):
            found = resolve_folders(made, videos / "mix.plan.json")["image_assets_dir"]
            assert found.resolve() == images


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": 3', '"version": 1'),
        ('"version": 3,', ""),
        ('"num_frames": 10', '"num_frames": 0'),
        ('"width": 128', '"width": 127'),
        ('"frame_rate": "10/1"', '"frame_rate": "10/0"'),
        ('"label_frames": [0, ', '"label_frames": [7, '),
        ('"path": "Class_3/a.png"', '"path": "../../Class_3/a.png"'),
        ('"path": "Class_3/a.png"', '"path": "/etc/passwd"'),
        ('"folder": "image_assets_dir"', '"folder": "home"'),
        ('"kind": "image"', '"kind": "sound"'),
        ('"elevation_deg": [5.0', '"elevation_deg": [500.0'),
        ('"azimuth_deg": [0.0', '"azimuth_deg": [1e999'),
        ('"azimuth_deg": [0.0', '"azimuth_deg": [NaN'),
        ('"distance_m": [2.0', '"distance_m": [-2.0'),
        ('"label_frames": [0', '"label_frames": [-1'),
        ('"feather": 0.04', '"feather": -1.0'),
        ('"blur_px": 1', '"blur_px": 2'),
        ('"quality": 23', '"quality": 900'),
        ('"preset": "ultrafast"', '"preset": "nonsense"'),
        ('"frame_rate": "10/1"', '"frame_rate": "999/1"'),
        ('"width": 128', '"width": 1000000'),
        ('"seed": 0', '"seed": 0, "sead": 0'),
        ('"feather": 0.04', '"feather": 0.04, "tint": "red"'),
        ("{", ""),
    ],
)
def test_what_is_no_plan(project: Path, old: str, new: str) -> None:
    text = plan(project).to_json()
    assert old in text
    with pytest.raises(PlanError, match=r"^p\.json: (not a plan|the file)"):
        plan_from_json(text.replace(old, new, 1), name="p.json")
