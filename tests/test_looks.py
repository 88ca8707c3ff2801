"""Pictures that belong to the scene: what is measured, what is decided, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seldsynth.media.appearance import colours_of, noise_of, softness_of
from seldsynth.plan import LookPlan, ScenePlan
from seldsynth.render.compositor import canvas_noise
from tests.conftest import mock_image, mock_labels, mock_pixels, mock_project, plain
from tests.test_choice import bells, frames, plan

OFF = {
    **{"match_colour": 0.0, "match_blur": False, "match_noise": False},
    **{"brightness": 0.0, "contrast": 0.0, "saturation": 0.0},
}
SIZE = ("tiles.size=fixed", "tiles.fixed_deg=60", "canvas.width=512", "canvas.height=256")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = mock_project(tmp_path, look=OFF)
    mock_labels(tmp_path / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(2)])
    return project


def bell(project: Path, pixels: NDArray[np.uint8]) -> None:
    mock_image(project.parent / "images" / "Class_11" / "a.png", pixels)


def canvas(project: Path, pixels: NDArray[np.uint8]) -> None:
    mock_image(project.parent / "canvas" / "room.png", pixels)


def look(made: ScenePlan) -> LookPlan:
    return made.tiles[0].look


def scene(seed: int = 5) -> NDArray[np.float32]:
    """Something with edges, 0..255: plain shapes, drawn four times as large."""
    rng = np.random.default_rng(seed)
    large = np.full((1024, 1024), 120, np.uint8)
    for _ in range(60):
        corners = rng.integers(0, 1024, (4, 2)).astype(np.int32)
        cv2.fillConvexPoly(large, cv2.convexHull(corners), int(rng.integers(0, 256)))
    return np.asarray(cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA), np.float32)


@pytest.mark.parametrize("deviation", [0.0, 1.0, 3.0, 8.0])
def test_noise_is_measured(deviation: float) -> None:
    noisy = scene() + np.random.default_rng(0).normal(0, deviation, (256, 256))
    assert noise_of(noisy.astype(np.float32)) == pytest.approx(deviation, rel=0.15, abs=0.4)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0])
def test_softness_is_measured(sigma: float) -> None:
    soft = np.asarray(cv2.GaussianBlur(scene(), (0, 0), sigma), np.float32)
    pixels = 0.8  # the sharpest edge there is measures that
    assert softness_of(soft) == pytest.approx(np.hypot(sigma, pixels), rel=0.15)


def test_softness_of_the_sharpest_and_the_plainest() -> None:
    assert softness_of(scene()) < 0.9
    assert softness_of(np.full((64, 64), 90, np.float32)) == 0
    assert noise_of(np.zeros((2, 9), np.float32)) == 0


def test_colours_are_weighted() -> None:
    luma = np.array([[10, 200], [30, 200]], np.float32)
    chroma = np.stack((luma, luma + 1))
    found = colours_of(luma, chroma, np.array([[1, 0], [1, 0]], np.float32))
    assert (found.luma_mean, found.luma_spread) == (20, 10)
    assert (found.blue_mean, found.red_mean, found.chroma_spread) == (20, 21, 10)


def test_nothing_is_changed_where_nothing_is_wished(project: Path) -> None:
    assert look(plan(project)) == LookPlan()


def test_colours_go_towards_the_canvas(project: Path) -> None:
    """A bright red picture in a dark blue room: at strength 1 its mean is the room's."""
    room = np.clip(mock_pixels(512, 256, seed=2).astype(int) // 4 + (60, 20, 10), 0, 255)
    canvas(project, room.astype(np.uint8))
    bright = np.clip(mock_pixels(64, 64, seed=4).astype(int) // 3 + (20, 60, 160), 0, 255)
    bell(project, bright.astype(np.uint8))
    made = {k: plan(project, *SIZE, f"look.match_colour={k}") for k in (0, 0.5, 1)}
    shown = {k: frames(project, *SIZE, f"look.match_colour={k}")[0] for k in made}
    empty = frames(project, *SIZE, "tiles.offscreen=1")[0]
    middle = (slice(100, 156), slice(228, 284))
    chroma = (slice(256, 384), slice(None))

    def means(frame: object) -> list[float]:
        buffer = np.asarray(frame)
        planes = buffer[chroma].reshape(2, 128, 256)[:, 50:78, 114:142]
        return [float(buffer[middle].mean()), *(float(plane.mean()) for plane in planes)]

    own, half, whole, around = (np.array(means(f)) for f in (*shown.values(), empty))
    assert np.abs(own - around).min() > 10
    assert half == pytest.approx((own + around) / 2, abs=14)
    assert whole == pytest.approx(around, abs=12)
    assert look(made[0]) == LookPlan()
    assert look(made[1]).luma_gain < 1


def test_the_canvas_is_measured_where_the_picture_is(project: Path) -> None:
    """A red half, a blue half, and a green strip at the seam."""
    room = plain((200, 30, 30), 512, 256)
    room[:, 256:] = (30, 30, 200)
    room[:, [*range(60), *range(452, 512)]] = (30, 200, 30)
    canvas(project, cv2.add(room, mock_pixels(512, 256) // 8))
    rows = [(0, 11, source, az, 0, 200) for source, az in enumerate((90, -90, 180))]
    mock_labels(project.parent / "labels" / "mix.csv", rows)
    bell(project, np.clip(mock_pixels(64, 64).astype(int) // 2 + 60, 0, 255).astype(np.uint8))
    wish = ("look.match_colour=1", "tiles.size=fixed", "tiles.fixed_deg=30")
    blue, red, green = (tile.look for tile in plan(project, *SIZE, *wish).tiles)
    assert blue.blue_offset > 20 > red.blue_offset
    assert red.red_offset > 20 > blue.red_offset
    assert max(green.blue_offset, green.red_offset) < 0


def test_contrast_turns_about_the_mean_that_was_matched(project: Path) -> None:
    canvas(project, np.clip(mock_pixels(512, 256) // 4 + 150, 0, 255).astype(np.uint8))
    pixels = (mock_pixels(64, 64) // 4 + 10).astype(np.uint8)
    bell(project, pixels)
    bells(project, 40)
    looks = [
        tile.look for tile in plan(project, *SIZE, "look.match_colour=1", "look.contrast=0.9").tiles
    ]
    own = float(colours_of(*yuv(pixels)).luma_mean)
    means = [look.luma_gain * own + look.luma_offset for look in looks]
    assert np.ptp([look.luma_gain for look in looks]) > 0.5
    assert np.ptp(means) < 3


def yuv(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Luma and chroma, BT.709 limited range, of blue, green, red."""
    blue, green, red = (pixels[..., channel].astype(np.float32) for channel in range(3))
    grey = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = np.stack(((blue - grey) / 1.8556, (red - grey) / 1.5748))
    return (16 + 219 / 255 * grey).astype(np.float32), (128 + 224 / 255 * chroma).astype(np.float32)


def test_a_plain_wall_does_not_take_the_contrast_away(project: Path) -> None:
    canvas(project, plain((90, 90, 90), 512, 256))
    bell(project, mock_pixels(64, 64))
    assert look(plan(project, *SIZE, "look.match_colour=1")).luma_gain == 1


def test_pictures_become_as_soft_as_a_soft_canvas_and_not_sharper(project: Path) -> None:
    sharp = np.dstack([np.tile(scene().astype(np.uint8), (1, 2))] * 3)
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 2.5), np.uint8)
    picture = np.dstack([np.asarray(cv2.resize(scene(8), (400, 400)), np.uint8)] * 3)
    bell(project, picture)
    canvas(project, soft)
    wish = (*SIZE, "look.match_blur=true")
    made = look(plan(project, *wish))
    assert made.blur_px == pytest.approx(2.5, abs=0.9)
    assert LookPlan(blur_px=made.blur_px) == made
    inside = (slice(96, 160), slice(220, 292))
    before, after = (
        np.abs(np.diff(np.asarray(frames(project, *one)[0])[inside].astype(float))).max()
        for one in (SIZE, wish)
    )
    assert after < 0.6 * before
    canvas(project, sharp)
    assert look(plan(project, *wish)).blur_px < 0.6


def test_pictures_become_as_noisy_as_a_noisy_canvas(project: Path) -> None:
    noise = np.random.default_rng(1).normal(120, 5, (256, 512, 1)).repeat(3, axis=2)
    canvas(project, np.clip(noise, 0, 255).astype(np.uint8))
    bell(project, plain((128, 128, 128), 64, 64))
    wish = (*SIZE, "look.match_noise=true")
    expected = 5 * 219 / 255
    assert look(plan(project, *wish)).noise == pytest.approx(expected, rel=0.2)
    shown = np.asarray(frames(project, *wish)[0])[100:156, 228:284].astype(float)
    assert shown.std() == pytest.approx(expected, rel=0.2)
    assert np.asarray(frames(project, *SIZE)[0])[100:156, 228:284].std() < 0.6
    assert shown.mean() == pytest.approx(16 + 128 * 219 / 255, abs=0.5)
    two = [np.asarray(frame) for frame in frames(project, *wish)]
    assert (two[0] == two[1]).all()  # the canvas's noise stands still, and so does this


@pytest.mark.parametrize("level", [0, 255])
def test_noise_does_not_wrap_around(project: Path, level: int) -> None:
    noise = np.random.default_rng(1).normal(120, 30, (256, 512, 1)).repeat(3, axis=2)
    canvas(project, np.clip(noise, 0, 255).astype(np.uint8))
    bell(project, plain((level, level, level), 64, 64))
    shown = np.asarray(frames(project, *SIZE, "look.match_noise=true")[0])[100:156, 228:284]
    assert shown.min() >= 16
    assert shown.max() <= 235
    assert np.abs(shown.astype(int) - (16 + level * 219 / 255)).max() < 40


def test_pictures_vary(project: Path) -> None:
    bell(project, mock_pixels(64, 64))
    bells(project, 60)
    wishes = ("look.brightness=0.1", "look.contrast=0.2", "look.saturation=0.3")
    looks = [tile.look for tile in plan(project, *wishes).tiles]
    gains = [one.luma_gain for one in looks]
    colours = [one.chroma_gain for one in looks]
    assert 0.8 <= min(gains) < 0.85 < 1.15 < max(gains) <= 1.2
    assert 0.7 <= min(colours) < 0.77 < 1.23 < max(colours) <= 1.3
    assert {(one.blue_offset, one.red_offset, one.blur_px) for one in looks} == {(0, 0, 0)}
    brighter = [tile.look.luma_offset for tile in plan(project, "look.brightness=0.1").tiles]
    assert -21.9 <= min(brighter) < -18 < 18 < max(brighter) <= 21.9


def test_levels_that_are_changed(project: Path) -> None:
    """Contrast about the picture's own mean, brightness in levels, within the limits of video."""
    grey = plain((100, 100, 100), 64, 64)
    grey[:, 32:] = 180
    bell(project, grey)
    wishes = ("look.contrast=0.5", "processing.dark_background=true")
    made = look(plan(project, *SIZE, *wishes))
    shown = np.asarray(frames(project, *SIZE, *wishes)[0])
    for column, level in ((240, 100), (272, 180)):
        before = 16 + level * 219 / 255
        expected = made.luma_gain * before + made.luma_offset
        assert shown[128, column] == pytest.approx(expected, abs=1.5)
    mean = 16 + 140 * 219 / 255
    assert made.luma_gain * mean + made.luma_offset == pytest.approx(mean, abs=1.5)


def test_a_shadow_lies_at_the_foot(project: Path) -> None:
    """Darkest at the middle of the lower edge, nothing above the picture, none of it coloured."""
    canvas(project, plain((150, 150, 150), 512, 256))
    bell(project, plain((200, 200, 200), 64, 64))
    free = (*SIZE, "tiles.feather=0", "tiles.fixed_deg=40")
    before = np.asarray(frames(project, *free)[0]).astype(int)
    after = np.asarray(frames(project, *free, "look.shadow=1", "look.shadow_strength=0.6")[0])
    changed = after.astype(int) - before
    foot = 128 + round(20 / 180 * 256)
    assert changed[foot + 2, 256] < -45
    assert changed[foot + 2, 256] < changed[foot + 2, 280] - 10
    assert changed[foot + 2, 256] < changed[foot + 7, 256] - 10
    assert (changed[: 128 - 30] == 0).all()
    assert np.abs(changed[110:146, 240:272]).max() == 0  # the picture itself
    assert np.abs(changed[256:]).max() <= 1  # grey stays grey
    assert (changed <= 0)[:256].all()
    bells(project, 60)
    dark = [tile.look.shadow for tile in plan(project, "look.shadow=0.5").tiles]
    assert set(dark) == {0.0, 0.5}
    assert 15 <= dark.count(0.5) <= 45


def test_nothing_stands_on_the_ceiling(project: Path) -> None:
    rows = [(n, 11, 0, 0, 9 * n, 200) for n in range(10)]
    mock_labels(project.parent / "labels" / "mix.csv", rows)
    assert look(plan(project, *SIZE, "look.shadow=1")).shadow == 0
    mock_labels(project.parent / "labels" / "mix.csv", rows[:6])
    assert look(plan(project, *SIZE, "look.shadow=1")).shadow > 0


def test_every_recording_has_noise_of_its_own(project: Path) -> None:
    bells(project, 1)
    seeds = {
        plan(project, "processing.variants=9", variant=variant).noise_seed for variant in range(9)
    }
    assert len(seeds) == 9
    noise = canvas_noise(width=400, height=200, seed=7, device=torch.device("cpu"))
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)


def test_a_shadow_is_taken_away_again(project: Path) -> None:
    canvas(project, mock_pixels(512, 256))
    rows = [(n, 11, 0, 12 * n, 60 if n > 2 else -60, 200) for n in range(5)]
    mock_labels(project.parent / "labels" / "mix.csv", rows)
    wish = (*SIZE, "look.shadow=1", "processing.video_duration=0.6", "tiles.fade_frames=1")
    shown = frames(project, *wish)
    empty = frames(project, *SIZE, "tiles.offscreen=1")[0]
    assert (np.asarray(shown[5]) == np.asarray(empty)).all()


def test_what_is_transparent_stays_so(project: Path) -> None:
    """A disc in a picture; every change at once leaves what is around it black."""
    pixels = np.full((64, 64, 4), (200, 80, 40, 0), np.uint8)
    pixels[..., 3] = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 16, 255, -1)
    bell(project, pixels)
    wishes = ("look.match_colour=1", "look.brightness=0.3", "look.saturation=1")
    shown = np.asarray(frames(project, *SIZE, *wishes, "processing.dark_background=true")[0])
    half = round(np.degrees(np.arctan(np.tan(np.radians(30)))) / 360 * 512)
    assert shown[128, 256] > 30
    for side in (-1, 1):  # the corners of its box, where the disc is not
        assert shown[128 - half + 6, 256 + side * (half - 6)] == 16
    chroma = shown[256:].reshape(2, 128, 256)
    assert np.abs(chroma[:, 64, 128].astype(int) - 128).max() > 3
    assert (chroma[:, (128 - half + 6) // 2, (256 - half + 6) // 2] == 128).all()


def test_what_was_cut_away_is_neither_noise_nor_an_edge() -> None:
    """A soft, quiet thing with a sharp outline, and noise all around it."""
    thing = np.asarray(cv2.GaussianBlur(scene(), (0, 0), 2.0), np.float32)
    kept = np.zeros(thing.shape, np.uint8)
    cv2.circle(kept, (128, 128), 90, 1, -1)
    where = kept > 0
    noise = np.random.default_rng(1).normal(128, 20, thing.shape).astype(np.float32)
    shown = np.where(where, thing, noise)
    assert noise_of(shown) > 5
    assert noise_of(shown, where) == pytest.approx(noise_of(thing, where), abs=1e-6)
    assert softness_of(shown) < 1
    assert softness_of(shown, where) == pytest.approx(softness_of(thing), rel=0.15)
    assert noise_of(shown, np.zeros_like(where)) == softness_of(shown, np.zeros_like(where)) == 0


@pytest.mark.parametrize("sigma", [5.0, 9.0, 20.0])
def test_the_softest_canvas_is_still_soft_and_shading_is_not(sigma: float) -> None:
    large = np.asarray(cv2.resize(scene(), (1024, 512)), np.float32)
    soft = np.asarray(cv2.GaussianBlur(large, (0, 0), sigma), np.float32)
    assert softness_of(soft) > 4
    ramp = np.tile(np.linspace(0, 255, 1024, dtype=np.float32), (512, 1))
    assert softness_of(ramp) == 0
