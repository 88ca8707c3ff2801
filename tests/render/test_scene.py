"""The fast path against the slow reference, and what a frame holds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seldsynth.asset_files import Asset, file_sha256
from seldsynth.errors import AssetError, MediaError
from seldsynth.events import Track
from seldsynth.media.clips import check_clip
from seldsynth.media.encode import VideoFormat, write_video
from seldsynth.plan import (
    CanvasPlan,
    EncodingPlan,
    LookPlan,
    MattePlan,
    ScenePlan,
    TilePlan,
    TruthPlan,
)
from seldsynth.render import tile as tiles
from seldsynth.render.compositor import Cover, Frame, Patch
from seldsynth.render.pictures import Picture
from seldsynth.render.projection import Rectangle
from seldsynth.render.scene import _Buffer, check_assets, render_frames, render_scene
from seldsynth.render.textures import Texture, as_texture
from seldsynth.render.tile import Appearance, Tile
from tests.conftest import (
    WAYS,
    device_of,
    mock_alpha_clip,
    mock_clip,
    mock_image,
    mock_pixels,
    plain,
)
from tests.render.reference import Layer, inside, psnr_db, render, to_yuv

WIDTH, HEIGHT = 512, 256
BLACK = CanvasPlan(asset=None, fit="stretch", yaw_deg=0.0, blur_px=1)


def asset(path: Path, width: int, height: int, kind: str = "image") -> Asset:
    return Asset(
        folder="images",
        path=path.name,
        kind=kind,  # type: ignore[arg-type]
        sha256=file_sha256(path),
        width=width,
        height=height,
    )


def image_asset(folder: Path, name: str, pixels: np.ndarray) -> Asset:
    return asset(mock_image(folder / name, pixels), pixels.shape[1], pixels.shape[0])


def tile(of: Asset, *places: tuple[float, float], **changes: object) -> TilePlan:
    """A tile with a row for every (azimuth, elevation), from the start."""
    distance = float(changes.pop("distance_m", 2.0))  # type: ignore[arg-type]
    side = float(changes.pop("longer_side_deg", 30.0))  # type: ignore[arg-type]
    first = int(changes.pop("first", 0))  # type: ignore[call-overload]
    count = len(places)
    return TilePlan(
        event_index=0,
        class_id=0,
        source_id=0,
        asset=of,
        matte=MattePlan(
            kind=str(changes.pop("matte", "feather")),
            feather=float(changes.pop("feather", 0.04)),  # type: ignore[arg-type]
        ),
        track=Track(
            label_frames=tuple(range(first, first + count)),
            azimuth_deg=tuple(azimuth for azimuth, _ in places),
            elevation_deg=tuple(elevation for _, elevation in places),
            distance_m=(distance,) * count,
        ),
        longer_side_deg=(side,) * count,
    )


def scene(*tiles: TilePlan, canvas: CanvasPlan = BLACK, **changes: object) -> ScenePlan:
    """A plan of these tiles, as events 0, 1, 2… in their order."""
    values: dict[str, object] = {
        "version": 3,
        "sound": None,
        "recording_id": "a",
        "seed": 0,
        "frame_rate": "10/1",
        "num_frames": 1,
        "width": WIDTH,
        "height": HEIGHT,
        "interpolate": True,
        "folders": {"images": "."},
        "class_names": tuple("abcdefghijklm"),
        "truth": TruthPlan(),
        "encoding": EncodingPlan(encoder="libx264", preset="veryfast", quality=20, gop_s=2.0),
        "canvas": canvas,
        "unseen": (),
        "tiles": tuple(replace(tile, event_index=i) for i, tile in enumerate(tiles)),
    }
    return ScenePlan(**{**values, **changes})  # type: ignore[arg-type]


def frames(plan: ScenePlan, folder: Path, way: str = "cpu") -> list[np.ndarray]:
    with device_of(way) as device:
        found = render_frames(plan, {"images": folder}, device=torch.device(device))
        return [frame.cpu().numpy().copy() for frame in found]


def planes(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    chroma = frame[height:].reshape(2, height // 2, width // 2)
    return frame[:height], chroma[0], chroma[1]


def rgba(pixels: np.ndarray) -> np.ndarray:
    """Blue, green, red (alpha) as the reference has it."""
    alpha = pixels[..., 3:] if pixels.shape[2] == 4 else np.full((*pixels.shape[:2], 1), 255)
    return np.concatenate((pixels[..., 2::-1], alpha), axis=2).astype(np.float64)


def assert_like_reference(
    found: np.ndarray, layers: list[Layer], canvas_rgb: np.ndarray | None = None
) -> None:
    """Within 45 dB of the reference, over the whole frame and where the pictures are alike."""
    black = np.zeros((HEIGHT, WIDTH, 3))
    below = black if canvas_rgb is None else canvas_rgb
    expected = to_yuv(render(below, layers))
    touched = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for layer in layers:
        touched |= inside(layer, width=WIDTH, height=HEIGHT, margin=math.pi / HEIGHT)
    for name, plane, reference in zip("YUV", planes(found), expected, strict=True):
        where = touched if name == "Y" else touched[::2, ::2]
        assert psnr_db(plane, reference) >= 45, name
        assert psnr_db(plane[where], reference[where]) >= (45 if name == "Y" else 40), name


CLIP_FORM = {
    "width": 96,
    "height": 96,
    "frame_rate": Fraction(10),
    "encoder": "libx264",
    "preset": "veryfast",
    "quality": 1,
    "gop_s": 1.0,
}
RNG = np.random.default_rng(20261121)
PLACES = [
    (0.0, 0.0),
    (180.0, 0.0),
    (-179.0, 30.0),
    (90.0, -45.0),
    (12.3, 90.0),
    (-60.0, -90.0),
    (170.0, 80.0),
    (33.3, -84.0),
    *((float(RNG.uniform(-180, 180)), float(RNG.uniform(-90, 90))) for _ in range(12)),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_a_still_is_where_the_reference_has_it(
    tmp_path: Path, place: tuple[float, float], way: str
) -> None:
    seed = int(abs(place[0] * 10))
    side = 25 + seed % 45
    pixels = gentle(96, 72 if seed % 2 else 128, seed=seed)
    plan = scene(
        tile(image_asset(tmp_path, "a.png", pixels), place, longer_side_deg=side, feather=0.05)
    )
    layer = Layer(
        pixels=_seen(pixels, side),
        azimuth_deg=place[0],
        elevation_deg=place[1],
        longer_side_deg=side,
        feather=0.05,
    )
    assert_like_reference(frames(plan, tmp_path, way)[0], [layer])


def gentle(width: int, height: int, *, seed: int, channels: int = 3) -> np.ndarray:
    """Colours that change slowly enough to be held at half the canvas's resolution."""
    noise = np.random.default_rng(seed).integers(40, 216, (3, 3, channels), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))


def _seen(pixels: np.ndarray, side_deg: float) -> np.ndarray:
    """A picture halved until no more than two of its pixels fall on one of the canvas."""
    seen = side_deg / 360 * WIDTH
    halvings = max(0, math.ceil(math.log2(max(pixels.shape[:2]) / seen / 2)))
    size = tuple(round(extent / 2**halvings) for extent in pixels.shape[1::-1])
    return rgba(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("way", WAYS)
def test_alpha_layers_and_a_canvas_are_mixed_as_the_reference_does(
    tmp_path: Path, way: str
) -> None:
    canvas_pixels = gentle(WIDTH, HEIGHT, seed=5)
    soft = gentle(40, 40, seed=6, channels=4)
    below = gentle(60, 40, seed=7)
    plan = scene(
        tile(image_asset(tmp_path, "near.png", soft), (175, 20), distance_m=1.0),
        tile(image_asset(tmp_path, "far.png", below), (-170, 10), distance_m=3.0, feather=0),
        canvas=replace(BLACK, asset=image_asset(tmp_path, "canvas.png", canvas_pixels)),
    )
    common = {"longer_side_deg": 30.0}
    layers = [
        Layer(pixels=rgba(below), azimuth_deg=-170, elevation_deg=10, feather=0, **common),
        Layer(pixels=rgba(soft), azimuth_deg=175, elevation_deg=20, feather=0.04, **common),
    ]
    canvas_rgb = canvas_pixels[..., ::-1].astype(np.float64)
    assert_like_reference(frames(plan, tmp_path, way)[0], layers, canvas_rgb)


@pytest.mark.parametrize("way", WAYS[1:])
def test_frames_are_the_same_on_a_gpu(tmp_path: Path, way: str) -> None:
    """Opaque and cut out, stills and clips, at the seam and at a pole, fading, with all looks."""
    still = image_asset(tmp_path, "a.png", mock_pixels(60, 60))
    soft = image_asset(tmp_path, "soft.png", gentle(80, 60, seed=3, channels=4))
    clip = asset(mock_clip(tmp_path / "a.mp4"), 64, 48, kind="video")
    mock_alpha_clip(tmp_path / "b.webm")
    clear = asset(tmp_path / "b.webm", 40, 30, kind="video")
    look = LookPlan(noise=3.0, blur_px=1.5, shadow=0.4)
    tiles = [
        tile(still, (0, 0), (10, 5), (20, 10)),
        tile(still, (-90, 80), (-90, 90), (90, 85), matte="ellipse"),
        replace(tile(soft, (175, 20), (180, 22), (-170, 24)), look=look, fade_frames=3),
        replace(tile(soft, (60, -20), (62, -20), (64, -20)), mirror=True),
        tile(clip, (-40, -80), (-30, -84), (-20, -88), feather=0.2),
        tile(clear, (-100, 10), (-100, 10), (-90, 12)),
    ]
    plan = scene(*tiles, frame_rate="30/1", num_frames=9)
    for here, there in zip(frames(plan, tmp_path), frames(plan, tmp_path, way), strict=True):
        differences = np.abs(here.astype(int) - there)
        assert differences.max() <= 3
        assert (differences <= 1).mean() >= 0.999


def test_nearer_covers_farther_and_the_later_event_the_earlier(tmp_path: Path) -> None:
    red = image_asset(tmp_path, "red.png", plain((0, 0, 255)))
    blue = image_asset(tmp_path, "blue.png", plain((255, 0, 0)))

    def middle(*tiles: TilePlan) -> int:
        return int(planes(frames(scene(*tiles), tmp_path)[0])[2][HEIGHT // 4, WIDTH // 4])

    near, far = {"distance_m": 1.0}, {"distance_m": 2.0}
    assert middle(tile(red, (0, 0), **near), tile(blue, (0, 0), **far)) > 200
    assert middle(tile(blue, (0, 0), **far), tile(red, (0, 0), **near)) > 200
    assert middle(tile(red, (0, 0)), tile(blue, (0, 0))) < 128


def test_what_moves_leaves_nothing_behind(tmp_path: Path) -> None:
    canvas = replace(
        BLACK, asset=image_asset(tmp_path, "canvas.png", mock_pixels(WIDTH, HEIGHT, seed=5))
    )
    of = image_asset(tmp_path, "a.png", mock_pixels())
    places = [(170.0, 10.0), (179.0, 20.0), (-172.0, 60.0), (-165.0, 88.0)]
    moving = scene(tile(of, *places), canvas=canvas, frame_rate="20/1", num_frames=12)
    found = frames(moving, tmp_path)
    empty = frames(scene(canvas=canvas), tmp_path)[0]
    for index, place in enumerate(places):
        alone = scene(tile(of, place), canvas=canvas)
        assert np.array_equal(found[2 * index + 1], frames(alone, tmp_path)[0])
    for index in range(8, 12):
        assert np.array_equal(found[index], empty)


@given(st.data())
@pytest.mark.parametrize("way", WAYS)
def test_a_buffer_shows_what_was_asked_last(way: str, data: st.DataObject) -> None:
    """Whatever lay there before, apart, over one another and around the seam."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))

    def patch(device: torch.device) -> Patch:
        width, height = (2 * data.draw(st.integers(1, most)) for most in (20, 6))
        place = Rectangle(
            x0=2 * data.draw(st.integers(0, 31)),
            y0=2 * data.draw(st.integers(0, 15 - height // 2)),
            width=width,
            height=height,
        )
        level, kept = (int(rng.integers(0, most)) for most in (256, 257))
        colour, below = (
            torch.full((2, height, width), number, dtype=torch.int16, device=device)
            for number in (level * (256 - kept) // 4, kept)
        )
        half = (slice(None), slice(height // 2), slice(width // 2))
        half_colour, half_below = colour[half].contiguous(), below[half].contiguous()
        return Patch(place, colour[0], Cover(below[0]), half_colour, half_below[0])

    with device_of(way) as name:
        size = {"width": 64, "height": 30, "device": torch.device(name)}
        background = Frame(**size)
        buffer = _Buffer(Frame(**size))
        for _ in range(4):
            canvas_moves = data.draw(st.integers(0, 1))
            canvas_rng = np.random.default_rng(canvas_moves)
            pixels = canvas_rng.integers(0, 256, (45, 64), np.uint8)
            background.buffer.copy_(torch.from_numpy(pixels))
            patches = [patch(size["device"]) for _ in range(data.draw(st.integers(0, 4)))]
            buffer.paint(patches, background, canvas_moves)
            expected = Frame(**size)
            expected.buffer.copy_(background.buffer)
            for one in patches:
                expected.paint(one)
            assert torch.equal(buffer.frame.buffer, expected.buffer)


@pytest.mark.parametrize("num_buffers", [2, 3, 8])
@pytest.mark.parametrize("canvas_kind", ["still", "video"])
def test_buffers_hold_as_many_frames_as_there_are(
    tmp_path: Path, num_buffers: int, canvas_kind: str
) -> None:
    """Whatever moves, comes, goes and stays, of pictures and canvas."""
    canvas_of = image_asset(tmp_path, "canvas.png", mock_pixels(WIDTH, HEIGHT, seed=5))
    if canvas_kind == "video":
        path = mock_clip(tmp_path / "c.mp4", levels=[40, 80, 120], width=128, height=64)
        canvas_of = asset(path, 128, 64, kind="video")
    of = image_asset(tmp_path, "a.png", mock_pixels())
    plan = scene(
        tile(of, (170, 10), (179, 20), (-172, 60), (-172, 60), (-172, 60)),
        tile(of, (-175, 15), (-175, 15), first=1),
        canvas=replace(BLACK, asset=canvas_of),
        frame_rate="20/1",
        num_frames=14,
    )
    expected = frames(plan, tmp_path)
    folders, device = {"images": tmp_path}, torch.device("cpu")
    held = []
    for frame in render_scene(plan, folders, device=device, num_buffers=num_buffers):
        held = [*held, (frame.video_frame, frame.buffer)][-num_buffers:]
        for video_frame, buffer in held:
            assert np.array_equal(buffer.numpy(), expected[video_frame])


def test_a_still_scene_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import seldsynth.render.placing as placing

    calls = []
    original: Callable[..., object] = placing.warp

    def counting(*arguments: object) -> object:
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(placing, "warp", counting)
    of = image_asset(tmp_path, "a.png", mock_pixels())
    found = frames(scene(tile(of, *[(5, 5)] * 10), frame_rate="30/1", num_frames=30), tmp_path)
    assert len(calls) == 1
    assert all(np.array_equal(frame, found[0]) for frame in found)


def test_a_clip_runs_at_its_own_speed_and_loops(tmp_path: Path) -> None:
    levels = [60, 120, 180, 220]
    path = mock_clip(tmp_path / "a.mp4", levels=levels, rate=Fraction(10))
    of = asset(path, 64, 48, "video")
    plan = scene(tile(of, *[(0, 0)] * 8, first=2), frame_rate="20/1", num_frames=20)
    shown = [int(frame[HEIGHT // 2, WIDTH // 2]) for frame in frames(plan, tmp_path)]
    expected = [16] * 4 + [level for level in levels * 2 for _ in range(2)]
    assert shown == pytest.approx(expected, abs=3)


def test_a_clip_with_alpha_shows_what_is_behind_it(tmp_path: Path) -> None:
    path = mock_alpha_clip(tmp_path / "a.webm")
    of = asset(path, 64, 64, "video")
    canvas = replace(
        BLACK, asset=image_asset(tmp_path, "canvas.png", plain((200, 200, 200), 256, 128))
    )
    plan = scene(
        tile(of, *[(0, 0)] * 4, longer_side_deg=60, feather=0), canvas=canvas, num_frames=4
    )
    grey = round(16 + 219 * 200 / 255)
    for index, frame in enumerate(frames(plan, tmp_path)):
        luma, blue, red = planes(frame)
        disc = red > 190
        radius = (index + 1) / 8 * 2 * math.tan(math.radians(30))
        expected = math.pi * radius**2 / (2 * math.pi / WIDTH) ** 2 / 4
        assert disc.sum() == pytest.approx(expected, rel=0.25, abs=8)
        corner = luma[HEIGHT // 2 - 40 : HEIGHT // 2 - 36, WIDTH // 2 - 40 : WIDTH // 2 - 36]
        assert corner == pytest.approx(grey, abs=2)  # no green shines through
        assert blue[0, 0] == pytest.approx(128, abs=1)


def test_size_follows_the_distance_without_a_jump(tmp_path: Path) -> None:
    of = image_asset(tmp_path, "a.png", plain((255, 255, 255)))
    growing = replace(tile(of, *[(0, 0)] * 3), longer_side_deg=(20.0, 40.0, 60.0))
    found = frames(scene(growing, frame_rate="20/1", num_frames=6), tmp_path)
    widths = [(frame[HEIGHT // 2, :] > 120).sum() / WIDTH * 360 for frame in found]
    assert widths == pytest.approx([20, 20, 30, 40, 50, 60], abs=2)


@pytest.mark.parametrize("blur_px", [1, 9, 31])
def test_blur_goes_round_the_seam(tmp_path: Path, blur_px: int) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[:, :64] = 255
    canvas = replace(BLACK, asset=image_asset(tmp_path, "canvas.png", pixels), blur_px=blur_px)
    luma, _, _ = planes(frames(scene(canvas=canvas), tmp_path)[0])
    edge = luma[HEIGHT // 2].astype(int)
    turned = np.roll(edge, WIDTH // 2)
    assert np.abs(np.diff(turned)).max() <= (219 if blur_px == 1 else 800 / blur_px)
    assert edge[-1] > 16 if blur_px > 1 else edge[-1] == 16
    assert edge[-1] + edge[0] == pytest.approx(16 + 235, abs=2)


def test_blur_is_as_wide_in_colour_as_in_brightness(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[:, WIDTH // 4 : WIDTH // 2] = (0, 0, 255)
    canvas = replace(BLACK, asset=image_asset(tmp_path, "canvas.png", pixels), blur_px=41)
    luma, _, red = planes(frames(scene(canvas=canvas), tmp_path)[0])
    brightness = (luma[40, ::2] - 16.0) / (63 - 16)
    colour = (red[20] - 128.0) / (240 - 128)
    assert np.abs(brightness - colour).max() < 0.06
    assert ((colour > 0.1) & (colour < 0.9)).sum() > 12


def test_yaw_turns_the_canvas_to_the_left(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[:, WIDTH // 2 - 4 : WIDTH // 2 + 4] = (0, 0, 255)  # a red line in front
    canvas = replace(BLACK, asset=image_asset(tmp_path, "canvas.png", pixels), yaw_deg=90.0)
    luma, _, red = planes(frames(scene(canvas=canvas), tmp_path)[0])
    assert np.flatnonzero(luma[5] > 40).mean() == pytest.approx(WIDTH / 4 - 0.5)
    weight = red[5].astype(float) - 128
    columns = 2 * np.arange(WIDTH // 2) + 0.5  # chroma is sited on the left luma column
    assert (weight * columns).sum() / weight.sum() == pytest.approx(WIDTH / 4, abs=0.1)


def test_a_canvas_is_converted_as_the_reference_does(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    canvas = replace(BLACK, asset=image_asset(tmp_path, "canvas.png", pixels))
    found = planes(frames(scene(canvas=canvas), tmp_path)[0])
    for plane, expected in zip(found, to_yuv(pixels[..., ::-1].astype(float)), strict=True):
        assert np.abs(plane - expected).max() <= 0.51


def test_colour_is_sited_with_luma(tmp_path: Path) -> None:
    """A red tile's colour and brightness have the same middle, to a tenth of a pixel."""
    of = image_asset(tmp_path, "a.png", plain((0, 0, 255)))
    for azimuth in (0.0, 10.3, -77.7):
        frame = frames(scene(tile(of, (azimuth, 0.0), feather=0.2)), tmp_path)[0]
        luma, _, red = planes(frame)
        bright = luma[HEIGHT // 2 - 4 : HEIGHT // 2 + 4].astype(float).sum(axis=0) - 8 * 16
        colour = red[HEIGHT // 4 - 2 : HEIGHT // 4 + 2].astype(float).sum(axis=0) - 4 * 128
        middle = (bright * (np.arange(WIDTH) + 0.5)).sum() / bright.sum()
        sited = (colour * (2 * np.arange(WIDTH // 2) + 0.5)).sum() / colour.sum()
        assert sited == pytest.approx(middle, abs=0.1)
        assert middle == pytest.approx((180 - azimuth) / 360 * WIDTH, abs=0.1)


def test_an_opaque_plain_picture_has_exactly_its_colour(tmp_path: Path) -> None:
    for value in (7, 100, 201):
        of = image_asset(tmp_path, "a.png", plain((value, value, value)))
        luma, blue, _ = planes(frames(scene(tile(of, (0, 0))), tmp_path)[0])
        assert luma[HEIGHT // 2, WIDTH // 2] == round(16 + 219 * value / 255)
        assert blue[HEIGHT // 4, WIDTH // 4] == 128


def test_fine_detail_is_averaged_and_does_not_alias(tmp_path: Path) -> None:
    pixels = np.zeros((1024, 1024, 3), dtype=np.uint8)
    pixels[::2, ::2] = pixels[1::2, 1::2] = (0, 0, 255)  # a chessboard finer than a pixel
    of = image_asset(tmp_path, "a.png", pixels)
    luma, _, red = planes(frames(scene(tile(of, (20, 10), longer_side_deg=40)), tmp_path)[0])
    x, y = round(160 / 360 * WIDTH), round(80 / 180 * HEIGHT)
    assert np.ptp(luma[y - 10 : y + 10, x - 10 : x + 10]) <= 2
    assert np.ptp(red[y // 2 - 5 : y // 2 + 5, x // 2 - 5 : x // 2 + 5]) <= 2


def test_crop_keeps_the_middle(tmp_path: Path) -> None:
    pixels = np.zeros((200, 200, 3), dtype=np.uint8)
    pixels[50:150] = 255
    of = image_asset(tmp_path, "canvas.png", pixels)
    stretched = frames(scene(canvas=replace(BLACK, asset=of)), tmp_path)[0]
    cropped = frames(scene(canvas=replace(BLACK, asset=of, fit="crop")), tmp_path)[0]
    assert (planes(stretched)[0] > 200).mean() == pytest.approx(0.5, abs=0.03)
    assert (planes(cropped)[0] > 200).mean() == 1


@pytest.mark.parametrize("fit", ["stretch", "crop"])
def test_a_video_canvas_runs_and_loops(tmp_path: Path, fit: str) -> None:
    levels = [60, 120, 180]
    path = mock_clip(tmp_path / "a.mp4", levels=levels, width=128, height=96)
    canvas = replace(BLACK, asset=asset(path, 128, 96, "video"), fit=fit)
    of = image_asset(tmp_path, "a.png", plain((255, 255, 255)))
    plan = scene(tile(of, *[(0, 0)] * 5), canvas=canvas, frame_rate="20/1", num_frames=12)
    found = frames(plan, tmp_path)
    corners = [int(planes(frame)[0][2, 2]) for frame in found]
    assert corners == pytest.approx([level for level in levels * 2 for _ in range(2)], abs=3)
    middles = [int(planes(frame)[0][HEIGHT // 2, WIDTH // 2]) for frame in found]
    assert middles[:10] == [235] * 10
    assert middles[10:] == pytest.approx(corners[10:], abs=2)


def test_a_picture_of_one_pixel_has_sharp_edges(tmp_path: Path) -> None:
    of = image_asset(tmp_path, "a.png", plain((255, 255, 255), 1, 1))
    luma, _, _ = planes(frames(scene(tile(of, (0, 0), feather=0)), tmp_path)[0])
    row = luma[HEIGHT // 2]
    assert ((row > 20) & (row < 230)).sum() <= 2
    assert (row > 120).sum() == pytest.approx(30 / 360 * WIDTH, abs=1.5)


def test_frames_are_the_same_every_time(tmp_path: Path) -> None:
    of = image_asset(tmp_path, "a.png", mock_pixels(channels=4))
    clip = asset(mock_clip(tmp_path / "a.mp4"), 64, 48, "video")
    plan = scene(
        tile(of, (0, 0), (10, 5), (20, 10)),
        tile(clip, (5, 0), (5, 5), (5, 10), distance_m=1.0),
        frame_rate="30/1",
        num_frames=9,
    )
    for a, b in zip(frames(plan, tmp_path), frames(plan, tmp_path), strict=True):
        assert np.array_equal(a, b)


def test_the_caller_is_left_as_it_was(tmp_path: Path) -> None:
    """Two scenes in turn: neither leaves torch's inference mode on."""
    plan = scene(num_frames=3)
    for _ in zip(
        render_frames(plan, {}, device=torch.device("cpu")),
        render_frames(plan, {}, device=torch.device("cpu")),
        strict=True,
    ):
        assert not torch.is_inference_mode_enabled()
    assert not torch.is_inference_mode_enabled()


def test_assets_that_changed_are_refused(tmp_path: Path) -> None:
    of = image_asset(tmp_path, "a.png", mock_pixels())
    plan = scene(tile(of, (0, 0)))
    check_assets(plan, {"images": tmp_path})
    mock_image(tmp_path / "a.png", mock_pixels(seed=9))
    with pytest.raises(AssetError, match=r"a\.png: has changed since plan a was made"):
        check_assets(plan, {"images": tmp_path})
    (tmp_path / "a.png").unlink()
    with pytest.raises(AssetError, match=r"a\.png: not there, but plan a needs it"):
        check_assets(plan, {"images": tmp_path})


def test_a_clip_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    path = mock_clip(tmp_path / "a.mp4", levels=range(20, 220, 2))
    info = check_clip(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    of = asset(path, info.width, info.height, "video")
    plan = scene(tile(of, *[(0, 0)] * 100), num_frames=100)
    with pytest.raises(MediaError, match=r"a\.mp4"):
        frames(plan, tmp_path)


@pytest.mark.parametrize("kind", ["still", "clip"])
def test_what_goes_round_at_one_height_is_warped_once_for_each_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A turn around the listener: as many warps as places between pixels, and no frame is another.

    A clip is warped in every frame, on grids that are made once for each place.
    """
    import seldsynth.render.placing as placing

    made = {"warp": 0, "sampling_grid": 0}
    for name in made:
        original: Callable[..., object] = getattr(placing, name)

        def counting(
            some: list[object],
            *args: object,
            _of: str = name,
            _do: object = original,
            **more: object,
        ) -> object:
            made[_of] += len(some)
            return _do(some, *args, **more)  # type: ignore[operator]

        monkeypatch.setattr(placing, name, counting)
    if kind == "still":
        of = image_asset(tmp_path, "a.png", mock_pixels())
    else:
        of = asset(mock_clip(tmp_path / "a.mp4", levels=range(40, 200, 4)), 64, 48, kind="video")
    places = [(179.0 - 9 * n, 25.0) for n in range(40)]
    found = frames(scene(tile(of, *places), num_frames=40, interpolate=False), tmp_path)
    # 9° are 12.8 pixels of 512: five frames on it is 64 of them.
    assert made["sampling_grid"] == 5
    assert made["warp"] == (5 if kind == "still" else 40)
    if kind == "still":
        for index in (0, 7, 20, 39):
            alone = scene(tile(of, places[index]))
            assert np.array_equal(found[index], frames(alone, tmp_path)[0])


@pytest.mark.parametrize("kind", ["still", "alpha", "clip"])
@pytest.mark.parametrize("side", [40.0, 57.0])
def test_blur_is_as_wide_as_the_plan_says(tmp_path: Path, kind: str, side: float) -> None:
    """A step in the middle of a picture: a Gaussian's, in canvas pixels."""
    pixels = plain((0, 0, 0), 96, 96)
    pixels[:, 48:] = 255
    if kind == "clip":
        path = tmp_path / "a.mp4"
        with write_video(path, VideoFormat(**CLIP_FORM)) as writer:
            writer.write(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420))
        of = asset(path, 96, 96, "video")
    else:
        if kind == "alpha":
            alpha = np.full((96, 96), 255, np.uint8)
            alpha[:4] = alpha[-4:] = 0
            pixels = np.dstack((pixels, alpha))
        of = image_asset(tmp_path, "a.png", pixels)
    blur_px = 3.0
    blurred = tile(of, (0.0, 0.0), longer_side_deg=side, matte="none", feather=0.0)
    blurred = replace(blurred, look=LookPlan(blur_px=blur_px))
    luma, _, _ = planes(frames(scene(blurred), tmp_path)[0])
    row = luma[HEIGHT // 2, WIDTH // 2 - 12 : WIDTH // 2 + 12].astype(float)
    places = np.arange(-12, 12) + 0.5
    expected = np.array([0.5 * (1 + math.erf(x / blur_px / math.sqrt(2))) for x in places])
    found = (row - 16) / (235 - 16)
    assert np.abs(found - expected).max() < 0.03


def test_an_ellipse_has_no_hole_in_its_middle(tmp_path: Path) -> None:
    """Its middle is exactly that of a pixel."""
    of = image_asset(tmp_path, "a.png", plain((255, 255, 255), 40, 40))
    azimuth = 180 - (WIDTH / 2 + 0.5) / WIDTH * 360
    elevation = 90 - (HEIGHT / 2 + 0.5) / HEIGHT * 180
    for feather in (0.0, 0.1):
        plan = scene(tile(of, (azimuth, elevation), matte="ellipse", feather=feather))
        luma, _, _ = planes(frames(plan, tmp_path)[0])
        assert (
            luma[HEIGHT // 2 - 3 : HEIGHT // 2 + 4, WIDTH // 2 - 3 : WIDTH // 2 + 4] == 235
        ).all()


def test_a_cut_out_ends_where_its_alpha_does(tmp_path: Path) -> None:
    """Nothing is drawn around it, and its outline is that of the reference."""
    shape, mask = ((48, 48), (94, 60), 30), np.zeros((96, 96), np.uint8)
    alpha = cv2.GaussianBlur(cv2.ellipse(mask, shape, 255, -1, cv2.LINE_AA), (5, 5), 0)
    pixels = np.dstack((mock_pixels(96, 96), alpha))
    of = replace(image_asset(tmp_path, "a.png", pixels), has_alpha=True)
    for side, places in ((45.0, (20.0, 10.0)), (60.0, (-170.0, -50.0)), (66.0, (0.0, 85.0))):
        layer = Layer(
            pixels=rgba(pixels),
            azimuth_deg=places[0],
            elevation_deg=places[1],
            longer_side_deg=side,
            feather=0.0,
        )
        plan = scene(tile(of, places, matte="none", feather=0.0, longer_side_deg=side))
        assert_like_reference(frames(plan, tmp_path)[0], [layer])


@pytest.fixture
def made_textures(monkeypatch: pytest.MonkeyPatch) -> list[Texture]:
    """What pictures were made into, as it grows."""
    made: list[Texture] = []

    def counting(picture: Picture, *, device: torch.device) -> Texture:
        made.append(as_texture(picture, device=device))
        return made[-1]

    monkeypatch.setattr(tiles, "as_texture", counting)
    return made


def test_a_size_that_comes_back_is_not_averaged_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_textures: list[Texture]
) -> None:
    of = image_asset(tmp_path, "a.png", mock_pixels())
    sides = (16.0, 20.0, 25.0, 32.0, 40.0, 50.0) * 3
    plan = scene(
        replace(
            tile(of, *[(5, 5)] * len(sides)),
            longer_side_deg=sides,
            look=LookPlan(blur_px=1.0),
        ),
        num_frames=len(sides),
        interpolate=False,
    )
    found = frames(plan, tmp_path)
    assert len(made_textures) == 6
    made_textures.clear()
    monkeypatch.setattr(tiles, "_KEPT_BYTES", 0)
    for few, many in zip(frames(plan, tmp_path), found, strict=True):
        assert np.array_equal(few, many)
    assert len(made_textures) == len(sides)


@pytest.mark.parametrize("has_alpha", [True, False])
def test_a_clip_that_begins_anew_is_not_made_anew(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made_textures: list[Texture],
    has_alpha: bool,
) -> None:
    if has_alpha:
        mock_alpha_clip(tmp_path / "a.webm")
        of = asset(tmp_path / "a.webm", 64, 64, "video")
    else:
        of = asset(mock_clip(tmp_path / "a.mp4", levels=[60, 120, 180, 220]), 64, 48, "video")
    places = [(9.0 * n, 3.0 * n) for n in range(12)]

    def shown(duration_ms: int) -> list[np.ndarray]:
        made_textures.clear()
        clip = replace(of, duration_ms=duration_ms)
        plan = scene(tile(clip, *places), frame_rate="20/1", num_frames=24, interpolate=False)
        return frames(plan, tmp_path)

    known = shown(400)
    assert len(made_textures) == 4
    alone = shown(1200)
    assert len(made_textures) == 12
    shown(400)
    monkeypatch.setattr(tiles, "_LOOP_BYTES", 2 * max(one.nbytes for one in made_textures))
    few = shown(400)
    assert len(made_textures) == 4 + 3 + 3  # of two that are kept the second makes room
    for one, other, third in zip(known, alone, few, strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(one, third)


def test_a_clip_that_has_grown_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_textures: list[Texture]
) -> None:
    """In steps of its blur, which is in canvas pixels; what has another size makes room."""
    of = asset(mock_clip(tmp_path / "a.mp4", levels=[60, 120]), 64, 48, "video")
    clip = tile(of, *[(0, 0)] * 8)
    sides = (30.0,) * 4 + (24.0,) * 4
    for blur_px, count in ((0.0, 2), (1.0, 4)):
        made_textures.clear()
        one = replace(clip, longer_side_deg=sides, look=LookPlan(blur_px=blur_px))
        frames(scene(one, num_frames=8, interpolate=False), tmp_path)
        assert len(made_textures) == count
        monkeypatch.setattr(tiles, "_LOOP_BYTES", 2 * made_textures[0].nbytes)


@pytest.mark.parametrize(
    ("clip_start_ms", "duration_ms", "begins_anew"),
    [(0, 800, False), (0, 799, True), (300, 1100, False), (300, 1099, True)],
)
def test_whether_a_clip_begins_anew(
    tmp_path: Path, clip_start_ms: int, duration_ms: int, begins_anew: bool
) -> None:
    of = asset(mock_clip(tmp_path / "a.mp4"), 64, 48, "video")
    one = tile(replace(of, duration_ms=duration_ms), *[(0, 0)] * 8)
    assert replace(one, clip_start_ms=clip_start_ms).begins_anew is begins_anew
    still = tile(image_asset(tmp_path, "a.png", mock_pixels()), *[(0, 0)] * 8)
    assert not still.begins_anew


def test_who_comes_is_made_alone_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much memory the frames of a picture take is known by the first of them."""
    counts: list[int] = []
    original = Tile.appear

    def appear(self: Tile, rows: Sequence[int], times_s: Sequence[Fraction]) -> list[Appearance]:
        counts.append(len(rows))
        return original(self, rows, times_s)

    monkeypatch.setattr(Tile, "appear", appear)
    of = image_asset(tmp_path, "a.png", mock_pixels())
    plan = scene(tile(of, *[(5, 5)] * 30, first=3), num_frames=40)
    found = frames(plan, tmp_path)
    assert counts == [1, 8, 8, 8, 5]
    assert np.array_equal(found[3], found[32])
    monkeypatch.setattr("seldsynth.render.scene._BYTES_AHEAD", 1)
    counts.clear()
    for few, many in zip(frames(plan, tmp_path), found, strict=True):
        assert np.array_equal(few, many)
    assert counts == [1] * 30
