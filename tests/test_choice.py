"""What is drawn: assets, sizes, times, and pictures and sounds without the other."""

import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from seldsynth.choice import library_of, split_of
from seldsynth.cli import main
from seldsynth.config_file import load_config
from seldsynth.events import events_of
from seldsynth.metadata import read_labels
from seldsynth.plan import OFF_SCREEN, ScenePlan, TilePlan, plan_from_json, resolve_folders
from seldsynth.planner import make_plan, notes_on
from seldsynth.render.scene import render_frames
from seldsynth.sphere import angle_between_deg, angles_to_doa
from tests.conftest import mock_clip, mock_image, mock_labels, mock_pixels, mock_project, plain

SECOND = 10  # label frames


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return mock_project(tmp_path)


def more_bells(project: Path, count: int, *, folder: str = "") -> None:
    for index in range(count):
        path = project.parent / "images" / "Class_11" / folder / f"bell{index:02d}.png"
        mock_image(path, mock_pixels(seed=1000 * (1 + ord(folder[-1:] or "-")) + index))


def bells(project: Path, count: int) -> None:
    """So many sounds of bells, one after the other, half a minute apart at the most."""
    rows = [(20 * n, 11, n, 5 * n % 360 - 180, 0, 200) for n in range(count)]
    mock_labels(project.parent / "labels" / "mix.csv", rows)


def plan(project: Path, *overrides: str, variant: int = 0) -> ScenePlan:
    config = load_config(project, overrides)
    table = read_labels(project.parent / "labels" / "mix.csv")
    return make_plan(
        config,
        events_of(table),
        library_of(config),
        recording_id="mix",
        variant=variant,
        num_label_frames=table.num_label_frames,
        plan_file=config.output.video_dir / "mix.plan.json",
    )


def paths(made: ScenePlan) -> list[str]:
    return [tile.asset.path for tile in made.tiles]


def test_none_twice_before_all_were_shown(project: Path) -> None:
    more_bells(project, 6)  # and one that was there
    bells(project, 21)
    shown = paths(plan(project))
    for start in (0, 7, 14):
        assert len(set(shown[start : start + 7])) == 7
    assert shown[:7] != shown[7:14]


def test_copies_count_once(project: Path) -> None:
    more_bells(project, 3)
    for index in range(20):
        folder = project.parent / "images" / "Class_11"
        shutil.copy(folder / "bell00.png", folder / f"copy{index}.png")
    bells(project, 8)
    assert len(set(paths(plan(project)))) == 4
    mock_image(folder / "copy7.mask.png", plain((255, 255, 255), 64, 64))
    shown = set(paths(plan(project)))
    assert len(shown) == 4
    assert "Class_11/copy7.png" in shown  # it has more to give than the others


def test_of_copies_the_one_in_the_heaviest_folder_counts(project: Path) -> None:
    folder = project.parent / "images" / "Class_11"
    mock_image(folder / "archive" / "x.png", mock_pixels(seed=77))
    (folder / "studio").mkdir()
    shutil.copy(folder / "archive" / "x.png", folder / "studio" / "x.png")
    bells(project, 2)
    shown = paths(plan(project, 'assets.weights={"Class_11/archive": 0}'))
    assert sorted(shown) == ["Class_11/a.png", "Class_11/studio/x.png"]


def test_copies_of_a_canvas_count_once(project: Path) -> None:
    folder = project.parent / "canvas"
    mock_image(folder / "other.png", mock_pixels(128, 64, seed=9))
    for index in range(9):
        shutil.copy(folder / "room.png", folder / f"room{index}.png")
    bells(project, 1)
    made = [plan(project, "processing.variants=4", variant=variant) for variant in range(4)]
    names = [one.canvas.asset.path for one in made if one.canvas.asset]
    assert set(names[:2]) == set(names[2:]) == {"other.png", "room.png"}


def test_variants_of_a_cut_video_go_through_the_whole_deck(project: Path) -> None:
    """What comes after the end is not drawn, nor counted as drawn."""
    more_bells(project, 11)
    bells(project, 12)
    wish = ("processing.variants=6", "processing.video_duration=4")
    shown = [path for variant in range(6) for path in paths(plan(project, *wish, variant=variant))]
    assert len(shown) == len(set(shown)) == 12


def test_silent_pictures_are_others_than_those_of_sounds(project: Path) -> None:
    more_bells(project, 9)
    for class_id in range(11):
        shutil.rmtree(project.parent / "images" / f"Class_{class_id}")
    shutil.rmtree(project.parent / "images" / "Class_12")
    mock_labels(project.parent / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(150)])
    wish = ("tiles.silent_per_minute=20", "tiles.max_deg=13", "processing.variants=3")
    for variant in range(3):
        shown = paths(plan(project, *wish, variant=variant))
        assert len(shown) == len(set(shown)) >= 5
    others = [set(paths(plan(project, *wish, variant=variant))) for variant in range(3)]
    assert others[0] != others[1]


def test_variants_go_on_in_the_same_deck(project: Path) -> None:
    more_bells(project, 11)
    bells(project, 4)
    shown = [paths(plan(project, "processing.variants=3", variant=variant)) for variant in range(3)]
    assert len({path for one in shown for path in one}) == 12
    assert plan(project, "processing.variants=3", variant=2).recording_id == "mix_v02"
    assert plan(project).recording_id == "mix"


def test_variants_have_other_canvases_and_the_same_sounds(project: Path) -> None:
    mock_image(project.parent / "canvas" / "other.png", mock_pixels(128, 64, seed=9))
    bells(project, 3)
    made = [plan(project, "processing.variants=2", variant=variant) for variant in range(2)]
    assert made[0].canvas.asset != made[1].canvas.asset
    assert [tile.track for tile in made[0].tiles] == [tile.track for tile in made[1].tiles]


def test_a_run_with_variants(project: Path) -> None:
    bells(project, 2)
    variants = ["--set", "processing.variants=3", "--set", "processing.video_duration=0.5"]
    assert main(["synth", "--config", str(project), "-q", *variants]) == 0
    videos = project.parent / "videos"
    assert sorted(path.stem for path in videos.glob("*.mp4")) == ["mix_v00", "mix_v01", "mix_v02"]
    assert len(list(videos.glob("*.plan.json"))) == len(list(videos.glob("*.tracks.csv"))) == 3
    assert (videos / "mix_v00.csv").read_bytes() == (videos / "mix_v02.csv").read_bytes()


def test_weights_of_folders(project: Path) -> None:
    more_bells(project, 10, folder="studio")
    more_bells(project, 10, folder="street")
    bells(project, 1)
    weights = 'assets.weights={"Class_11/studio": 8, "Class_11": 2}'
    drawn = Counter(
        paths(plan(project, weights, f"processing.seed={seed}"))[0].split("/")[1]
        for seed in range(200)
    )
    # 10 of weight 8, 10 of weight 2 and one of weight 2: 80, 20 and 2 of 102.
    assert drawn["studio"] == pytest.approx(200 * 80 / 102, abs=22)  # four standard deviations
    never = 'assets.weights={"Class_11": 0, "Class_11/street": 1}'
    bells(project, 30)
    assert {path.split("/")[1] for path in paths(plan(project, never))} == {"street"}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ('{"Class_11/studoi": 2}', "in a folder 'Class_11/studoi'; did you mean Class_11/studio?"),
        ('{"holiday": 0}', "in a folder 'holiday'; folders are Class_0, Class_1"),
        ('{"Class_11/studio": -1}', "--set: assets.weights.Class_11/studio: should be greater"),
        ("[1]", 'assets.weights: should be weights by folder, such as {"Class_3/studio": 2}, got'),
        (
            '{"Class_11/": 0, "image_assets_dir": 2}',
            "no picture or clip for class 11 (bell) that assets.weights do not switch off under",
        ),
    ],
)
def test_weights_that_cannot_be(
    project: Path, capsys: pytest.CaptureFixture[str], weights: str, said: str
) -> None:
    more_bells(project, 2, folder="studio")
    bells(project, 1)
    command = ["synth", "--config", str(project), "-q", "--set", f"assets.weights={weights}"]
    assert main(command) in (1, 2)
    assert said in capsys.readouterr().err


def test_pictures_and_clips_are_as_likely_however_many_there_are(project: Path) -> None:
    more_bells(project, 30)
    mock_clip(project.parent / "images" / "Class_11" / "a.mp4")
    bells(project, 1)
    kinds = Counter(
        plan(project, f"processing.seed={seed}").tiles[0].asset.kind for seed in range(100)
    )
    assert kinds["video"] == pytest.approx(50, abs=20)


def test_splits_share_nothing_and_are_all(project: Path) -> None:
    more_bells(project, 60)
    for index in range(40):
        mock_image(
            project.parent / "canvas" / f"c{index}.png", mock_pixels(128, 64, seed=500 + index)
        )
    bells(project, 61)
    shown, canvases = {}, {}
    for split in ("train", "val", "test"):
        overrides = (f"assets.split={split}", "assets.split_shares=[0.6, 0.2, 0.2]")
        made = [plan(project, *overrides, f"processing.seed={seed}") for seed in range(8)]
        shown[split] = {tile.asset.sha256 for one in made for tile in one.tiles}
        canvases[split] = {one.canvas.asset.sha256 for one in made if one.canvas.asset}
    assert sum(map(len, shown.values())) == len(set.union(*shown.values())) == 61
    assert not set.intersection(*canvases.values())
    assert 24 <= len(shown["train"]) <= 49
    moved = project.parent / "images" / "Class_11" / "renamed.png"
    (project.parent / "images" / "Class_11" / "bell00.png").rename(moved)
    again = plan(project, "assets.split=train", "assets.split_shares=[0.6, 0.2, 0.2]")
    assert {tile.asset.sha256 for tile in again.tiles} <= shown["train"]


def test_a_part_that_has_nothing_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bells(project, 1)
    nothing = ["--set", "assets.split=val", "--set", "assets.split_shares=[1, 0, 0]"]
    command = ["synth", "--config", str(project), "-q", *nothing]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "no picture or clip for class 11 (bell) in the val part (assets.split) under" in said
    assert main([*command, "--set", "tiles.missing=skip"]) == 1
    assert "no usable canvas in the val part (assets.split) under" in capsys.readouterr().err


def test_splits_by_content() -> None:
    shares = (0.8, 0.1, 0.1)
    assert split_of("0" * 64, shares) == "train"
    assert split_of("cccc" + "0" * 60, shares) == "train"
    assert split_of("ccd0" + "0" * 60, shares) == "val"
    assert split_of("f" * 64, shares) == "test"
    hashes = (sha256(str(n).encode()).hexdigest() for n in range(4000))
    found = Counter(split_of(one, shares) for one in hashes)
    assert found["train"] == pytest.approx(3200, abs=100)
    assert found["val"] == pytest.approx(400, abs=75)
    assert found["test"] == pytest.approx(400, abs=75)


def test_a_source_may_have_a_new_picture_each_time(project: Path) -> None:
    more_bells(project, 8)
    rows = [(30 * n, 11, 0, 0, 0, 200) for n in range(6)]
    mock_labels(project.parent / "labels" / "mix.csv", rows)
    assert len(set(paths(plan(project)))) == 1
    assert len(set(paths(plan(project, "tiles.keep_asset=false")))) == 6


def sides(made: ScenePlan) -> list[float]:
    return [tile.longer_side_deg[0] for tile in made.tiles]


def test_sizes(project: Path) -> None:
    bells(project, 40)
    free = ("tiles.min_deg=0.1", "tiles.max_deg=120")
    exact = 2 * np.degrees(np.arctan(0.4 / 2 / 2.0))
    assert sides(plan(project, *free)) == pytest.approx([exact] * 40, abs=1e-5)
    varied = sides(plan(project, *free, "tiles.size_jitter=0.2"))
    low, high = (2 * np.degrees(np.arctan(0.4 * part / 2 / 2.0)) for part in (0.8, 1.2))
    assert min(varied) < exact - 1
    assert max(varied) > exact + 1
    assert all(low <= side <= high for side in varied)
    assert sides(plan(project, "tiles.size=fixed", "tiles.size_jitter=0.2")) == [37.5] * 40
    # 64 pixels of a canvas of 128 are half of it, but no more than the largest.
    assert sides(plan(project, "tiles.size=source", "tiles.max_deg=120")) == [120] * 40
    wide = ("tiles.size=source", "canvas.width=1024", "canvas.height=512")
    assert sides(plan(project, *wide)) == [64 * 360 / 1024] * 40


def test_mirrored_pictures(project: Path) -> None:
    bells(project, 100)
    counts = [
        sum(tile.mirror for tile in plan(project, f"tiles.mirror={share}").tiles)
        for share in (0, 0.5, 1)
    ]
    assert (counts[0], counts[2]) == (0, 100)
    assert 30 <= counts[1] <= 70


def frames(project: Path, *overrides: str) -> list[torch.Tensor]:
    made = plan(project, *overrides)
    folders = resolve_folders(made, load_config(project).output.video_dir / "mix.plan.json")
    return [frame.clone() for frame in render_frames(made, folders, device=torch.device("cpu"))]


def test_a_mirrored_picture_is_the_picture_the_other_way_round(project: Path) -> None:
    left = plain((20, 20, 20), 64, 64)
    left[:, 32:] = 235
    mock_image(project.parent / "images" / "Class_11" / "a.png", left)
    rows = [(n, 11, 0, 0, 0, 200) for n in range(2)]
    mock_labels(project.parent / "labels" / "mix.csv", rows)
    size = ("tiles.size=fixed", "processing.dark_background=true", "canvas.width=512")
    size += ("canvas.height=256",)
    as_it_is = frames(project, *size)[0][:256].numpy()
    mirrored = frames(project, *size, "tiles.mirror=1")[0][:256].numpy()
    assert as_it_is[128, 245] < 60 < 180 < as_it_is[128, 267]
    assert np.abs(mirrored[:, ::-1].astype(int) - as_it_is).max() <= 1


def clip_tile(project: Path, *overrides: str) -> TilePlan:
    folder = project.parent / "images" / "Class_11"
    (folder / "a.png").unlink(missing_ok=True)
    mock_clip(folder / "a.mp4", levels=range(40, 240, 2))  # ten seconds
    mock_labels(project.parent / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(20)])
    return plan(project, *overrides).tiles[0]


def test_where_a_clip_begins(project: Path) -> None:
    assert clip_tile(project).clip_start_ms == 0
    starts = [
        clip_tile(project, "tiles.clip_start=random", f"processing.seed={seed}").clip_start_ms
        for seed in range(20)
    ]
    assert min(starts) < 2400
    assert 5600 < max(starts) < 8000  # so that the two seconds of the event are left of it
    seed = int(np.argmax(starts))
    overrides = ("tiles.clip_start=random", f"processing.seed={seed}", "tiles.size=fixed")
    shown = frames(project, *overrides, "canvas.width=512", "canvas.height=256")
    seen = [int(frame[128, 256]) for frame in shown]
    expected = [40 + 2 * ((starts[seed] + 100 * n) // 100) for n in range(20)]
    assert seen == pytest.approx(expected, abs=3)
    mock_labels(project.parent / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(120)])
    for seed in range(3):  # an event that the clip is too short for begins with it
        tile = plan(project, "tiles.clip_start=random", f"processing.seed={seed}").tiles[0]
        assert tile.clip_start_ms == 0


def test_fades(project: Path) -> None:
    mock_image(project.parent / "images" / "Class_11" / "a.png", plain((255, 255, 255)))
    mock_labels(project.parent / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(12)])
    overrides = ("tiles.fade_frames=3", "processing.dark_background=true", "tiles.size=fixed")
    shown = [int(frame[32, 64]) for frame in frames(project, *overrides)]
    parts = [0.25, 0.5, 0.75, *[1.0] * 6, 0.75, 0.5, 0.25]
    assert shown == pytest.approx([16 + 219 * part for part in parts], abs=1.5)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_a_short_sound_is_whole_for_a_third_of_its_time(project: Path, count: int) -> None:
    mock_image(project.parent / "images" / "Class_11" / "a.png", plain((255, 255, 255)))
    rows = [(n, 11, 0, 0, 0, 200) for n in range(count)]
    mock_labels(project.parent / "labels" / "mix.csv", rows)
    overrides = ("tiles.fade_frames=240", "processing.dark_background=true", "tiles.size=fixed")
    shown = [int(frame[32, 64]) for frame in frames(project, *overrides)]
    assert shown.count(235) >= count / 3
    assert plan(project, *overrides).tiles[0].fade_frames == count // 3


def test_what_goes_on_after_the_end_does_not_fade_there(project: Path) -> None:
    mock_image(project.parent / "images" / "Class_11" / "a.png", plain((255, 255, 255)))
    mock_labels(project.parent / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(20)])
    overrides = ("tiles.fade_frames=3", "processing.dark_background=true", "tiles.size=fixed")
    shown = frames(project, *overrides, "processing.video_duration=1.2")
    assert [int(frame[32, 64]) for frame in shown][-6:] == [235] * 6


def test_off_screen_sounds_need_no_picture(project: Path) -> None:
    shutil.rmtree(project.parent / "images" / "Class_11")
    bells(project, 3)
    assert len(plan(project, "tiles.offscreen=1").unseen) == 3


def test_sounds_without_a_picture(project: Path) -> None:
    bells(project, 60)
    made = plan(project, "tiles.offscreen=0.5")
    assert 15 <= len(made.unseen) <= 45
    assert {event.reason for event in made.unseen} == {OFF_SCREEN}
    indices = sorted(one.event_index for one in (*made.tiles, *made.unseen))
    assert indices == list(range(60))
    everything = plan(project)
    seen = {tile.event_index: tile for tile in made.tiles}
    assert all(seen.get(tile.event_index, tile) == tile for tile in everything.tiles)


def test_pictures_without_a_sound(project: Path) -> None:
    bells(project, 60)  # two minutes
    made = plan(project, "tiles.silent_per_minute=10")
    silent = [tile for tile in made.tiles if tile.silent]
    assert 18 <= len(silent) <= 20
    assert len({tile.event_index for tile in made.tiles}) == len(made.tiles)
    assert len({tile.class_id for tile in silent}) > 4
    assert {tile.source_id for tile in silent} == {-1}
    everything = plan(project)
    assert [tile for tile in made.tiles if not tile.silent] == list(everything.tiles)
    for tile in silent:  # bells sound at 5° a step, at elevation 0
        for other in everything.tiles:
            if set(tile.track.label_frames) & set(other.track.label_frames):
                away = abs(tile.track.azimuth_deg[0] - other.track.azimuth_deg[0]) % 360
                high = abs(tile.track.elevation_deg[0])
                assert min(away, 360 - away) > 20 or high > 20
        for other in silent:
            if other is not tile and set(tile.track.label_frames) & set(other.track.label_frames):
                sides_deg = tile.longer_side_deg[0] + other.longer_side_deg[0]
                assert apart_deg(tile, other) > sides_deg / 2  # they do not touch


def test_silent_pictures_that_find_no_place_are_said(project: Path) -> None:
    rows = [(n, c, c, 28 * c - 180, 30 * (c % 3 - 1), 200) for n in range(100) for c in range(13)]
    mock_labels(project.parent / "labels" / "mix.csv", rows)
    made = plan(project, "tiles.silent_per_minute=60")
    found = sum(tile.silent for tile in made.tiles)
    assert found < 10
    (note,) = notes_on(made, num_label_frames=100, silent_per_minute=60.0)
    assert note.startswith(f"silent pictures: {found} of 10: no more free place")


def apart_deg(one: TilePlan, other: TilePlan) -> float:
    """Between the first places of two tiles."""
    angles = [(tile.track.azimuth_deg[0], tile.track.elevation_deg[0]) for tile in (one, other)]
    return float(angle_between_deg(*(angles_to_doa(*torch.tensor(angle)) for angle in angles)))


def test_everything_by_chance_is_the_same_every_time(project: Path) -> None:
    more_bells(project, 5)
    bells(project, 10)
    overrides = (
        "tiles.size_jitter=0.3",
        "tiles.mirror=0.5",
        "tiles.clip_start=random",
        "tiles.offscreen=0.2",
        "tiles.silent_per_minute=20",
        "processing.seed=7",
    )
    made = plan(project, *overrides)
    assert made.to_json() == plan(project, *overrides).to_json()
    assert plan_from_json(made.to_json(), name="x") == made
