import logging
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from seldsynth.assets import AssetLibrary, scan_library
from seldsynth.errors import ConfigError
from tests.conftest import mock_clip, mock_image


def scan(folder: Path, **options: object) -> AssetLibrary:
    values: dict[str, object] = {"canvas_key": None, "follow_symlinks": False, **options}
    return scan_library({"image_assets_dir": folder}, **values)  # type: ignore[arg-type]


def listed(library: AssetLibrary) -> dict[int, list[str]]:
    return {class_id: [file.path for file in files] for class_id, files in library.tiles.items()}


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_folders_of_classes_and_kinds_of_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (
        "Class_0/b.JPG",
        "Class_0/a.png",
        "Class_0/more/deep/c.webp",
        "Class_0/clip.MKV",
        "Class_0/notes.txt",
        "Class_0/.hidden.png",
        "Class_0/._a.png",
        "3/x.gif",
        "Class_3_phones/y.bmp",
        "Water_tap/z.jpeg",
        "holiday/q.png",
        "stray.png",
    ):
        touch(tmp_path / name)
    with caplog.at_level(logging.WARNING):
        library = scan(tmp_path)
    assert listed(library) == {
        0: ["Class_0/a.png", "Class_0/b.JPG", "Class_0/clip.MKV", "Class_0/more/deep/c.webp"],
        3: ["3/x.gif", "Class_3_phones/y.bmp"],
        10: ["Water_tap/z.jpeg"],
    }
    kinds = {file.path: file.kind for file in library.tiles[0]}
    assert kinds["Class_0/clip.MKV"] == "video"
    assert kinds["Class_0/b.JPG"] == "image"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'holiday'}: not the folder of a class; left out"
    ]


def test_one_folder_for_both_counts_once(tmp_path: Path) -> None:
    touch(tmp_path / "Class_0" / "a.png")
    library = scan_library(
        {"image_assets_dir": tmp_path, "video_assets_dir": tmp_path},
        canvas_key=None,
        follow_symlinks=False,
    )
    assert len(library.tiles[0]) == 1


@pytest.mark.parametrize("follow", [False, True])
def test_links_stay_inside_unless_allowed(
    tmp_path: Path, follow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    inside, outside = tmp_path / "assets", tmp_path / "elsewhere"
    touch(inside / "Class_0" / "own.png")
    touch(outside / "secret.png")
    (inside / "Class_0" / "inner.png").symlink_to(inside / "Class_0" / "own.png")
    (inside / "Class_0" / "outer.png").symlink_to(outside / "secret.png")
    (inside / "Class_0" / "folder").symlink_to(outside)
    (inside / "Class_0" / "loop").symlink_to(inside / "Class_0")
    (inside / "Class_1").symlink_to(outside)
    (inside / "Class_0" / "broken.png").symlink_to(inside / "none.png")
    found = listed(scan(inside, follow_symlinks=follow))
    own = ["Class_0/inner.png", "Class_0/own.png"]
    if follow:
        assert found == {
            0: ["Class_0/folder/secret.png", *own[:1], "Class_0/outer.png", *own[1:]],
            1: ["Class_1/secret.png"],
        }
    else:
        assert found == {0: own}
        assert [record.getMessage() for record in caplog.records] == [
            f"{inside}: links that lead out of it, and are left out: 3; "
            "assets.follow_symlinks: true, or --follow-symlinks, takes them"
        ]


@pytest.mark.parametrize("follow", [False, True])
def test_masks_and_canvases_stay_inside_too(
    tmp_path: Path, follow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Of files, folders, chains of links and masks; a canvas that is named itself may be a link."""
    assets, canvas, outside = (tmp_path / name for name in ("assets", "canvas", "outside"))
    touch(assets / "Class_0" / "own.png")
    touch(canvas / "own.jpg")
    touch(outside / "other.jpg")
    touch(outside / "white.png")
    (assets / "Class_0" / "own.mask.png").symlink_to(outside / "white.png")
    (assets / "first").symlink_to(assets / "second")
    (assets / "second").symlink_to("../outside")
    (assets / "Class_0" / "chained").symlink_to(assets / "first")
    (assets / "Class_0" / "there_and_back.png").symlink_to(
        assets / ".." / "assets" / "Class_0" / "own.png"
    )
    (canvas / "linked.jpg").symlink_to(outside / "other.jpg")
    (canvas / "more").symlink_to(outside)
    folders = {"image_assets_dir": assets, "image_360_path": canvas}
    library = scan_library(folders, canvas_key="image_360_path", follow_symlinks=follow)
    tiles = {file.path: file.mask for file in library.tiles[0]}
    canvases = [file.path for file in library.canvases]
    if follow:
        assert tiles["Class_0/own.png"] == "Class_0/own.mask.png"
        assert "Class_0/chained/other.jpg" in tiles
        assert canvases == ["linked.jpg", "more/other.jpg", "more/white.png", "own.jpg"]
    else:
        assert tiles == {"Class_0/own.png": "", "Class_0/there_and_back.png": ""}
        assert canvases == ["own.jpg"]
        said = [record.getMessage() for record in caplog.records]
        assert f"{assets}: links that lead out of it, and are left out: 4" in said[0]
        assert f"{canvas}: links that lead out of it, and are left out: 2" in said[1]
    named = {**folders, "image_360_path": canvas / "linked.jpg"}
    library = scan_library(named, canvas_key="image_360_path", follow_symlinks=False)
    assert [file.path for file in library.canvases] == ["linked.jpg"]


def test_links_that_lead_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = touch(tmp_path / "Class_0" / "own.png").parent
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "there").symlink_to("back")
    (folder / "back").symlink_to("there")
    (folder / "up").symlink_to("..")
    (folder / "long.png").symlink_to("a" * 300)
    assert listed(scan(tmp_path)) == {0: ["Class_0/own.png"]}
    (record,) = caplog.records
    assert record.getMessage() == f"{folder / 'long.png'}: left out: cannot be read: " + (
        os.strerror(36) if sys.platform == "linux" else record.getMessage().rpartition(": ")[2]
    )


def test_the_list_does_not_depend_on_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Class_0/zeta/p.png", "Class_0/b.png", "Class_0/a.png", "Class_2/q.png"):
        touch(tmp_path / name)
    (tmp_path / "Class_0" / "alpha").symlink_to(tmp_path / "Class_0" / "zeta")
    (tmp_path / "Class_1").symlink_to(tmp_path / "Class_0")
    expected = listed(scan(tmp_path))
    assert expected[1] == ["Class_1/a.png", "Class_1/alpha/p.png", "Class_1/b.png"]
    original = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: original(folder)[::-1])
    assert listed(scan(tmp_path)) == expected


def test_names_that_are_no_utf8_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path / "Class_0" / "a.png")
    (tmp_path / "Class_0" / os.fsdecode(b"caf\xe9.png")).touch()
    assert listed(scan(tmp_path)) == {0: ["Class_0/a.png"]}
    assert "its name is not UTF-8; rename it" in caplog.text


@pytest.mark.parametrize(
    ("names", "key", "expected"),
    [
        ([], None, "no pictures or clips in .*; expected folders Class_0"),
        (["a.png", "holiday/b.png"], None, "no pictures or clips in"),
        (["Class_0/a.png", "x.mp4"], "image_360_path", "videos go to input.video_360_path"),
        (["Class_0/a.txt", "Class_0/a.mp4"], "image_360_path", "no picture to use as canvas"),
    ],
)
def test_nothing_at_all_is_a_fault_of_the_config(
    tmp_path: Path, names: list[str], key: str | None, expected: str
) -> None:
    for name in names:
        touch(tmp_path / "assets" / name)
    (tmp_path / "assets").mkdir(exist_ok=True)
    (tmp_path / "canvas").mkdir()
    touch(tmp_path / "canvas" / "video.mp4")
    folders = {"image_assets_dir": tmp_path / "assets", "image_360_path": tmp_path / "canvas"}
    with pytest.raises(ConfigError, match=expected):
        scan_library(folders, canvas_key=key, follow_symlinks=False)  # type: ignore[arg-type]


def test_a_file_is_read_once_and_described(tmp_path: Path) -> None:
    mock_image(tmp_path / "Class_0" / "a.png")
    mock_clip(tmp_path / "Class_0" / "b.mp4")
    library = scan(tmp_path)
    still, clip = (library.check(file) for file in library.tiles[0])
    assert still is not None
    assert clip is not None
    assert (still.width, still.height, still.kind) == (64, 48, "image")
    assert (clip.width, clip.height, clip.kind) == (64, 48, "video")
    assert len(still.sha256) == 64
    (tmp_path / "Class_0" / "a.png").unlink()
    assert library.check(library.tiles[0][0]) is still


def test_what_cannot_be_used_is_left_out_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.png", "b.mp4", "c.jpg"):
        touch(tmp_path / "Class_0" / name).write_bytes(name.encode() * 9)
    mock_image(tmp_path / "Class_0" / "clear.png", np.zeros((8, 8, 4), dtype=np.uint8))
    library = scan(tmp_path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert [library.check(file) for file in library.tiles[0]] == [None] * 4
    assert len(caplog.records) == 4
    assert "transparent: nothing of it is to be seen" in caplog.text
    assert "left out: " in caplog.records[0].getMessage()


def test_an_empty_folder_beside_a_full_one(tmp_path: Path) -> None:
    """It may be that of a disk that is not there: other pictures would be chosen."""
    touch(tmp_path / "full" / "Class_0" / "a.png")
    touch(tmp_path / "too_deep" / "b.mp4")
    folders = {"image_assets_dir": tmp_path / "full", "video_assets_dir": tmp_path / "too_deep"}
    fault = f"input.video_assets_dir: no pictures or clips in {tmp_path}/too_deep; expected"
    with pytest.raises(ConfigError, match=re.escape(fault)):
        scan_library(folders, canvas_key=None, follow_symlinks=False)


def test_canvases(tmp_path: Path) -> None:
    touch(tmp_path / "b.jpg")
    touch(tmp_path / "sub" / "a.png")
    touch(tmp_path / "c.mp4")
    touch(tmp_path / "assets" / "Class_0" / "a.gif")
    folders = {
        "image_assets_dir": tmp_path / "assets",
        "image_360_path": tmp_path,
        "video_360_path": tmp_path / "c.mp4",
    }
    images = scan_library(folders, canvas_key="image_360_path", follow_symlinks=False)
    assert [file.path for file in images.canvases] == ["b.jpg", "sub/a.png"]
    videos = scan_library(folders, canvas_key="video_360_path", follow_symlinks=False)
    assert [(file.path, file.kind) for file in videos.canvases] == [("c.mp4", "video")]
    assert videos.folders["video_360_path"] == tmp_path
