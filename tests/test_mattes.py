"""What is left of pictures: masks beside them, green screens, GrabCut, ellipses."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from seldsynth.assets import class_files
from seldsynth.cli import main
from seldsynth.errors import MediaError
from seldsynth.media.mattes import Crop, grabcut, kept_share, keyed, read_mask, screen_colour
from tests.conftest import mock_clip, mock_image, mock_labels, mock_pixels, mock_project, plain
from tests.render.reference import plane_position
from tests.test_choice import bells, frames, plan

GREEN = (0, 255, 0)
SIZE = (
    *("tiles.size=fixed", "tiles.fixed_deg=60", "processing.dark_background=true"),
    *("canvas.width=512", "canvas.height=256"),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = mock_project(tmp_path)
    mock_labels(tmp_path / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(2)])
    return project


def bell(project: Path, name: str = "a.png") -> Path:
    return project.parent / "images" / "Class_11" / name


def disc(side: int = 64, *, inside: int = 255, outside: int = 0) -> NDArray[np.uint8]:
    mask = np.full((side, side), outside, np.uint8)
    return np.asarray(cv2.circle(mask, (side // 2, side // 2), side // 4, inside, -1))


def on_screen(side: int = 64) -> NDArray[np.uint8]:
    """A grey disc before a green screen, blue first."""
    pixels = plain((0, 255, 0), side, side)
    pixels[disc(side) > 0] = (180, 180, 180)
    return pixels


def luma(project: Path, *overrides: str) -> NDArray[np.uint8]:
    return frames(project, *SIZE, *overrides)[0][:256].numpy()


def test_a_mask_beside_a_picture_is_its_outline(project: Path) -> None:
    """As wide as the picture was meant to be, and in its middle; the mask may have any size."""
    mock_image(bell(project), plain((255, 255, 255), 256, 256))
    for place in ((100, 100), (60, 140)):
        mask = np.zeros((200, 200), np.uint8)
        cv2.circle(mask, place, 50, 255, -1)
        mock_image(bell(project, "a.mask.png"), mask)
        columns = np.flatnonzero(luma(project)[128] > 125)
        assert [columns[0], columns[-1] + 1] == pytest.approx([256 - 43, 256 + 43], abs=2)
        assert len(columns) == columns[-1] + 1 - columns[0]
    made = plan(project)
    assert made.tiles[0].asset.is_cut_out
    assert made.tiles[0].asset.mask_sha256
    assert plan(project, "tiles.matte=ellipse").tiles[0].matte.kind == "none"


def test_a_mask_beside_a_clip(project: Path) -> None:
    bell(project).unlink()
    mock_clip(bell(project, "a.mp4"), levels=[200] * 10, width=64, height=64)
    mock_image(bell(project, "a.mask.png"), disc())
    seen = luma(project)
    assert seen[128, 256] == pytest.approx(200, abs=3)
    assert seen[128 - 35, 256 + 35] < 20  # in its box, but not in the mask
    assert plan(project).tiles[0].crop == Crop(x=14, y=14, width=38, height=38)


def test_a_mask_is_no_picture(project: Path) -> None:
    mock_image(bell(project, "a.mask.png"), disc())
    mock_image(bell(project, "lonely.mask.png"), disc())
    bells(project, 6)
    assert {tile.asset.path for tile in plan(project).tiles} == {"Class_11/a.png"}


def test_a_mask_that_changed_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mock_image(bell(project, "a.mask.png"), disc())
    assert main(["synth", "--config", str(project), "-q"]) == 0
    plan_file = project.parent / "videos" / "mix.plan.json"
    again = ["synth", "--from-plan", str(plan_file), "-q"]
    assert main(again) == 0
    mock_image(bell(project, "a.mask.png"), disc(inside=200))
    assert main(again) == 1
    bell(project, "a.mask.png").unlink()
    assert main(again) == 1
    said = capsys.readouterr().err
    assert "a.mask.png: has changed since plan mix was made" in said
    assert "a.mask.png: not there, but plan mix needs it" in said


def test_a_mask_that_came_later_is_not_looked_at(project: Path) -> None:
    assert main(["synth", "--config", str(project), "-q"]) == 0
    video = project.parent / "videos" / "mix.mp4"
    before = video.read_bytes()
    mock_image(bell(project, "a.mask.png"), disc())
    mock_image(project.parent / "canvas" / "room.mask.png", disc())
    plan_file = project.parent / "videos" / "mix.plan.json"
    assert main(["synth", "--from-plan", str(plan_file), "-q"]) == 0
    assert video.read_bytes() == before


def test_whose_mask_it_is(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of several files of one name, the mask must say of which it is."""
    for name in ("b.png", "b.jpg", "c.png", "d.png"):
        mock_image(bell(project, name))
    for name in ("b.mask.png", "b.jpg.mask.png", "c.MASK.png", "d.mask.jpg", "lonely.mask.png"):
        mock_image(bell(project, name), disc())
    found = {
        file.path: file.mask
        for class_id, file in class_files(project.parent / "images", "x", follow_symlinks=False)
        if class_id == 11
    }
    assert found == {
        **{"Class_11/a.png": "", "Class_11/b.png": "", "Class_11/c.png": "", "Class_11/d.png": ""},
        "Class_11/b.jpg": "Class_11/b.jpg.mask.png",
    }
    for name in ("b.mask.png", "c.MASK.png", "d.mask.jpg", "lonely.mask.png"):
        assert f"{name}: not used: a mask is called NAME.mask.png" in caplog.text


@pytest.mark.parametrize("mask", [np.zeros((8, 8), np.uint8), None])
def test_a_mask_that_cannot_be_used_leaves_its_picture_out(
    project: Path, capsys: pytest.CaptureFixture[str], mask: NDArray[np.uint8] | None
) -> None:
    if mask is None:
        bell(project, "a.mask.png").write_bytes(b"no")
    else:
        mock_image(bell(project, "a.mask.png"), mask)
    assert main(["synth", "--config", str(project)]) == 1
    said = capsys.readouterr().err
    assert "left out: " in said
    assert "a.mask.png: " in said


def test_masks_by_alpha_and_by_brightness() -> None:
    grey = cv2.imencode(".png", disc())[1].tobytes()
    clear = np.dstack((mock_pixels(64, 64), disc()))
    assert (read_mask(grey, name="x") == disc()).all()
    assert (read_mask(cv2.imencode(".png", clear)[1].tobytes(), name="x") == disc()).all()
    with pytest.raises(MediaError, match="keeps nothing; white is what is kept"):
        read_mask(cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes(), name="x")


@pytest.mark.parametrize("kind", ["still", "clip"])
def test_a_green_screen_is_taken_away(project: Path, kind: str) -> None:
    bell(project).unlink()
    if kind == "still":
        mock_image(bell(project), on_screen(128))
    else:
        writer = cv2.VideoWriter(
            str(bell(project, "a.avi")), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 128)
        )
        for _ in range(5):
            writer.write(on_screen(128))
        writer.release()
    assert plan(project, "tiles.matte=[chroma, feather]").tiles[0].matte.kind == "chroma"
    seen = luma(project, "tiles.matte=chroma")
    assert seen[128, 256] == pytest.approx(16 + 180 * 219 / 255, abs=6)
    assert seen[128 - 36, 256 + 36] < 24
    assert luma(project, "tiles.matte=none")[128 - 36, 256 + 36] > 100
    crop = plan(project, "tiles.matte=chroma").tiles[0].crop
    assert crop is not None
    assert (crop.x, crop.y) == pytest.approx((30, 30), abs=2)
    assert (crop.width, crop.height) == pytest.approx((69, 69), abs=4)


def test_the_screen_may_be_of_another_green(project: Path) -> None:
    """The key is what lies at the border; nothing of it stays as a veil."""
    pixels = on_screen(128)
    screen = (pixels == (0, 255, 0)).all(axis=2)
    light = np.linspace(0.85, 1.05, 128)[:, None, None]
    pixels[screen] = (np.array([64, 177, 0]) * np.broadcast_to(light, (128, 128, 1)))[screen]
    mock_image(bell(project), pixels)
    (tile,) = plan(project, "tiles.matte=chroma").tiles
    assert tile.matte.kind == "chroma"
    assert tile.matte.key_rgb == pytest.approx((0, 168, 61), abs=8)
    cut = keyed(pixels, tile.matte.key_rgb, tile.matte.tolerance)
    assert cut[..., 3][screen].max() == 0
    assert cut[..., 3][~screen].min() == 255


def test_only_what_stands_before_the_screen_is_keyed(project: Path) -> None:
    """A picture of something green keeps its green."""
    mock_image(bell(project), mock_pixels(64, 64))
    assert plan(project, "tiles.matte=[chroma, ellipse]").tiles[0].matte.kind == "ellipse"
    assert plan(project, "tiles.matte=chroma").tiles[0].matte.kind == "none"
    assert screen_colour(on_screen(), GREEN, 40) == GREEN
    assert screen_colour(plain((180, 180, 180), 64, 64), GREEN, 40) is None
    assert screen_colour(on_screen(), (0, 0, 255), 40) is None
    assert screen_colour(plain((0, 255, 0), 64, 64), GREEN, 40) is None  # nothing before it


def test_keys_have_a_tolerance() -> None:
    pixels = np.array([[(0, 255, 0), (40, 240, 40), (90, 200, 90), (180, 180, 180)]], np.uint8)
    tight, wide = (keyed(pixels, GREEN, tolerance)[0, :, 3].tolist() for tolerance in (15, 60))
    assert tight[0] == wide[0] == 0
    assert tight[3] == wide[3] == 255
    assert tight[1] > wide[1] == 0
    assert tight[2] == 255


def test_grabcut_finds_what_stands_out(project: Path) -> None:
    pixels = np.clip(mock_pixels(96, 96, seed=3) // 8 + 200, 0, 255).astype(np.uint8)
    pixels[disc(96) > 0] = (30, 40, 160)
    cut = grabcut(pixels)
    found = cut[..., 3] > 127
    expected = disc(96) > 0
    assert (found & expected).sum() / (found | expected).sum() > 0.9
    assert (grabcut(pixels) == cut).all()
    assert 0.1 < kept_share(cut) < 0.3
    mock_image(bell(project), pixels)
    assert plan(project, "tiles.matte=grabcut").tiles[0].matte.kind == "grabcut"
    seen = luma(project, "tiles.matte=grabcut")
    assert seen[128, 256] > 30
    assert seen[128 - 38, 256 + 38] < 20
    pixels[10:13, 10:13] = (30, 40, 160)
    assert grabcut(pixels)[11, 11, 3] == 0, "a speck"


def test_grabcut_is_not_for_clips_nor_for_plain_pictures(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mock_image(bell(project), plain((9, 9, 9), 64, 64))
    assert plan(project, "tiles.matte=[grabcut, ellipse]").tiles[0].matte.kind == "ellipse"
    bell(project).unlink()
    mock_clip(bell(project, "a.mp4"))
    assert plan(project, "tiles.matte=grabcut").tiles[0].matte.kind == "none"
    assert "a.mp4: stays whole, and so do others like it: of tiles.matte, grabcut " in caplog.text


def test_an_ellipse_fills_its_picture(project: Path) -> None:
    """On its plane; and it is as wide and high as it."""
    mock_image(bell(project), plain((255, 255, 255), 90, 60))
    whole, ellipse = (
        luma(project, f"tiles.matte={kind}", "tiles.feather=0") > 125
        for kind in ("none", "ellipse")
    )
    right, up, seen = plane_position(0, 0, width=512, height=256)
    half = np.tan(np.radians(30))
    expected = seen & (np.hypot(right / half, up / (half * 60 / 90)) <= 1)
    assert (ellipse ^ expected).sum() < 0.01 * expected.sum()
    for axis in (0, 1):
        ends = [np.flatnonzero(one.any(axis=axis))[[0, -1]] for one in (whole, ellipse)]
        assert np.abs(ends[0] - ends[1]).max() <= 1
    soft = luma(project, "tiles.matte=ellipse", "tiles.feather=0.3")
    assert soft[128, 256] > 225
    assert len(np.unique(soft[128])) > 12


def test_one_of_the_list_is_drawn_for_each_event(project: Path) -> None:
    bells(project, 90)
    kinds = Counter(
        tile.matte.kind for tile in plan(project, "tiles.matte=[none, feather, ellipse]").tiles
    )
    assert set(kinds) == {"none", "feather", "ellipse"}
    assert min(kinds.values()) > 15
    assert {t.matte.kind for t in plan(project, "tiles.matte=ellipse").tiles} == {"ellipse"}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("[]", "tiles.matte: should be one of none, feather, ellipse, chroma, grabcut, or a list"),
        (
            "soft",
            "tiles.matte: no matte is called 'soft'; there are none, feather, ellipse, chroma",
        ),
        ("[ellipse, [none]]", "tiles.matte: no matte is called ['none']; there are none, feather"),
    ],
)
def test_mattes_that_there_are_not(
    project: Path, capsys: pytest.CaptureFixture[str], value: str, fault: str
) -> None:
    assert main(["synth", "--config", str(project), "--set", f"tiles.matte={value}"]) == 2
    assert fault in capsys.readouterr().err


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network of U-2-Net's form that takes bright for foreground."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("rembg", reason="pip install -r requirements-matte.txt")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["picture", "axes"], ["matte"], keepdims=1)],
        "bright",
        [helper.make_tensor_value_info("picture", kind, [1, 3, 320, 320])],
        [helper.make_tensor_value_info("matte", kind, [1, 1, 320, 320])],
        [helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])],
    )
    opset = [helper.make_opsetid("", 18)]
    path = tmp_path / "bright.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return path


def assets_folder(folder: Path) -> Path:
    """A bright disc on black, a plain picture, one with alpha, a broken one and a clip."""
    root = folder / "assets" / "Class_11"
    mock_image(root / "disc.png", np.dstack([disc(96, inside=240)] * 3))
    mock_image(root / "plain.png", plain((9, 9, 9)))
    mock_image(root / "own.png", np.dstack((mock_pixels(64, 64), disc())))
    (root / "broken.png").write_bytes(b"no")
    mock_clip(root / "a.mp4")
    return folder / "assets"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("backend", ["rembg", "grabcut"])
def test_masks_for_all_pictures(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    folder = assets_folder(tmp_path)
    command = ["assets", "matte", str(folder), "--backend", backend, "--model", str(model)]
    assert main(command) == 0
    said = capsys.readouterr()
    assert (
        "11 bell                              1           0           1           2           1"
        in (said.out)
    )
    assert "broken.png: cannot be read: not a picture" in said.err
    assert "plain.png: nothing stands out" in said.err
    names = sorted(path.name for path in (folder / "Class_11").glob("*.mask.png"))
    assert names == ["disc.mask.png"]
    mask_file = folder / "Class_11" / "disc.mask.png"
    mask = cv2.imread(str(mask_file), cv2.IMREAD_UNCHANGED)
    expected = disc(96) > 0
    found = mask > 127
    assert (found & expected).sum() / (found | expected).sum() > 0.93
    before = mask_file.stat().st_mtime_ns
    assert main([*command, "-q"]) == 0
    assert mask_file.stat().st_mtime_ns == before
    assert main([*command, "-q", "--overwrite"]) == 0
    assert mask_file.stat().st_mtime_ns > before
    assert main(["assets", "check", str(folder), "--output", str(tmp_path / "check"), "-q"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "none.onnx"], "--model none.onnx: cannot be loaded: "),
        (["--model", "nobody"], "--model nobody: cannot be loaded: No session class found"),
    ],
)
def test_models_that_there_are_not(
    tmp_path: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert main(["assets", "matte", str(assets_folder(tmp_path)), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_model_that_cannot_be_downloaded(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    for name in ("HOME", "U2NET_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "models"))
    assert main(["assets", "matte", str(assets_folder(tmp_path)), "-q"]) == 2
    said = capsys.readouterr().err
    assert "--model u2net: rembg could not download it: " in said
    assert "name an .onnx file that is there, or use --backend grabcut" in said


def test_mattes_of_a_folder_without_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = assets_folder(tmp_path) / "Class_11"
    assert main(["assets", "matte", str(folder), "--backend", "grabcut"]) == 2
    assert "no pictures or clips in it; expected folders Class_0 … Class_12" in (
        capsys.readouterr().err
    )


def test_rembg_that_is_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rembg", None)
    assert main(["assets", "matte", str(assets_folder(tmp_path))]) == 2
    assert "pip install -r requirements-matte.txt" in capsys.readouterr().err
