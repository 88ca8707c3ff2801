"""Make the pictures of the README and the docs from the demo: python docs/images/make_images.py."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from seldsynth.cli import main as seldsynth
from seldsynth.demo.room import draw_room
from seldsynth.media.decode import ClipReader
from seldsynth.report.overlay import frame_with_truth
from seldsynth.sphere import doa_to_canvas

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INK, ACCENT = (60, 40, 40), (40, 90, 230)

Picture = NDArray[np.uint8]


def demo_frame(recording: str, time_s: Fraction) -> Picture:
    """A frame of a demo video, 1280 wide."""
    with ClipReader(ROOT / "demo" / "videos" / f"{recording}.mp4") as reader:
        frame = reader.frame_at(time_s).frame
        return frame.reformat(1280, 640, "bgr24", interpolation="AREA").to_ndarray()


def write(picture: Picture, place: tuple[float, float], text: str, *, size: float = 0.62) -> None:
    """Centred text."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(text, font, size, 1)
    corner = (round(place[0] - width / 2), round(place[1] + height / 2))
    cv2.putText(picture, text, corner, font, size, INK, 1, cv2.LINE_AA)


def place(azimuth_deg: float, elevation_deg: float, width: int, height: int) -> tuple[float, float]:
    """Canvas position as plain numbers."""
    x, y = doa_to_canvas(
        torch.tensor(azimuth_deg), torch.tensor(elevation_deg), width=width, height=height
    ).tolist()
    return x, y


def canvas_axes(width: int = 1280, height: int = 640) -> Picture:
    """The canvas with a grid of azimuth and elevation."""
    picture = np.asarray(255 - (255 - draw_room(width, height)) // 2, dtype=np.uint8)
    for azimuth in range(-150, 180, 30):
        x, _ = place(azimuth, 0, width, height)
        cv2.line(picture, (round(x), 0), (round(x), height), ACCENT if not azimuth else INK, 1)
    for elevation in range(-60, 90, 30):
        _, y = place(0, elevation, width, height)
        cv2.line(picture, (0, round(y)), (width, round(y)), ACCENT if not elevation else INK, 1)
    for azimuth, name in (
        (0, "front"),
        (90, "left"),
        (-90, "right"),
        (176, "back"),
        (-176, "back"),
    ):
        x, y = place(azimuth, 0, width, height)
        label = f"{round(azimuth / 90) * 90:+d}" if azimuth else "0"
        x = min(max(x, 40), width - 40)
        write(picture, (x, y - 16), f"azimuth {label}" if abs(azimuth) <= 90 else label)
        write(picture, (x, y + 16), name)
    for elevation, name in ((90, "+90  up: the top row"), (-90, "-90  down: the bottom row")):
        _, y = place(0, elevation, width, height)
        write(picture, (width / 2, y + (20 if elevation > 0 else -20)), f"elevation {name}")
    for elevation in (60, 30, -30, -60):
        _, y = place(0, elevation, width, height)
        write(picture, (width / 2 + 34, y - 12), f"{elevation:+d}", size=0.5)
    return picture


def from_above(side: int = 640) -> Picture:
    """The listener from above: azimuth runs counter-clockwise from the front."""
    picture = np.full((side, side, 3), 255, dtype=np.uint8)
    centre, radius = side // 2, side * 3 // 10
    cv2.circle(picture, (centre, centre), radius, INK, 2, cv2.LINE_AA)
    cv2.circle(picture, (centre, centre), 22, (200, 200, 200), -1, cv2.LINE_AA)
    nose = np.array([(-9, -19), (9, -19), (0, -34)]) + centre
    cv2.fillPoly(picture, [nose], (200, 200, 200), cv2.LINE_AA)
    ends = {"x  front": (0, -1), "y  left": (-1, 0)}
    for name, (dx, dy) in ends.items():
        tip = (centre + round(dx * radius * 0.75), centre + round(dy * radius * 0.75))
        start = (centre + 36 * dx, centre + 36 * dy)
        cv2.arrowedLine(picture, start, tip, ACCENT, 3, cv2.LINE_AA, tipLength=0.12)
        write(picture, (tip[0] + 50 * (dx == 0), tip[1] + 24 * (dy == 0)), name)
    for azimuth, name in (
        (0, "0  front"),
        (90, "+90  left"),
        (180, "180  back"),
        (-90, "-90  right"),
    ):
        turn = np.radians(azimuth)
        x, y = centre - np.sin(turn) * radius * 1.28, centre - np.cos(turn) * radius * 1.15
        write(picture, (x, y), name)
    cv2.ellipse(
        picture, (centre, centre), (radius + 14, radius + 14), 0, 258, 200, ACCENT, 2, cv2.LINE_AA
    )
    tip = np.radians(200)
    end = np.array([np.cos(tip), np.sin(tip)]) * (radius + 14) + centre
    wing = np.array([(0, 0), (16, -4), (8, -16)]) + end
    cv2.fillPoly(picture, [wing.astype(np.int32)], ACCENT, cv2.LINE_AA)
    write(picture, (centre - radius * 0.98, centre - radius * 1.0), "azimuth")
    write(picture, (centre, side - 40), "seen from above, z points at you")
    return picture


OPTIONS = {
    "none": ["tiles.matte=none"],
    "feather 0.08": ["tiles.matte=feather", "tiles.feather=0.08"],
    "ellipse": ["tiles.matte=ellipse"],
    "grabcut": ["tiles.matte=grabcut"],
    "chroma, before green": ["tiles.matte=chroma"],
    "name.mask.png": ["tiles.matte=none"],
    "match_colour 0.3": ["tiles.matte=ellipse", "look.match_colour=0.3"],
    "match_colour 1": ["tiles.matte=ellipse", "look.match_colour=1"],
    "match_blur": ["tiles.matte=none", "look.match_blur=true"],
    "match_noise": ["tiles.matte=none", "look.match_noise=true"],
    "shadow": ["tiles.matte=grabcut", "look.shadow=1"],
    "match_colour, blur, noise": [
        *("tiles.matte=ellipse", "look.match_colour=0.3"),
        *("look.match_blur=true", "look.match_noise=true"),
    ],
}
PLAIN = ["tiles.mirror=0", "tiles.size=fixed", "tiles.fixed_deg=40", "look.match_colour=0"]
PLAIN += ["look.match_blur=false", "look.match_noise=false", "look.brightness=0"]
PLAIN += ["look.contrast=0", "look.saturation=0", "processing.video_duration=0.1"]
PLAIN += ["processing.fps=10", "encoding.quality=10"]


def option_sheet(folder: Path) -> Picture:
    """The same picture in the same, soft and noisy, room with each option."""
    room = cv2.GaussianBlur(draw_room(1920, 960, variant=1), (0, 0), 1.6).astype(np.float32)
    room += np.random.default_rng(0).normal(0, 5, (960, 1920, 1))
    (folder / "canvas").mkdir(parents=True)
    cv2.imwrite(str(folder / "canvas" / "room.png"), np.clip(room, 0, 255).astype(np.uint8))
    (folder / "labels").mkdir()
    (folder / "labels" / "a.csv").write_text("0,5,0,62,-24,200\n")
    config = folder / "config.yaml"
    config.write_text(
        "input: {image_360_path: canvas, image_assets_dir: images, metadata_dir: labels}\n"
        "output: {video_dir: videos}\n"
    )
    drawn = cv2.imread(
        str(ROOT / "demo/image_assets/Class_5/domestic_sounds.png"), cv2.IMREAD_UNCHANGED
    )
    cells = []
    for name, wishes in OPTIONS.items():
        photograph(drawn, folder / "images" / "Class_5", name)
        sets = [word for wish in (*PLAIN, *wishes) for word in ("--set", wish)]
        assert seldsynth(["synth", "--config", str(config), "-q", *sets]) == 0
        with ClipReader(folder / "videos" / "a.mp4") as reader:
            pixels = reader.pixels(reader.frame_at(Fraction(0)), width=1920, height=960)
        cell = np.ascontiguousarray(pixels[440:780, 420:840, :3])
        strip = np.full((30, cell.shape[1], 3), 255, np.uint8)
        write(strip, (cell.shape[1] / 2, 15), name)
        cells.append(np.vstack((strip, cell)))
    rows = [np.hstack(cells[start : start + 4]) for start in range(0, len(cells), 4)]
    return np.asarray(
        cv2.resize(np.vstack(rows), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    )


def photograph(drawn: Picture, folder: Path, option: str) -> None:
    """The thing before a wall, or a green screen, as a photograph would have it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    wall = np.array((0, 255, 0) if "green" in option else (235, 215, 180), np.float32)
    alpha = drawn[..., 3:].astype(np.float32) / 255
    photo = drawn[..., :3] * alpha + wall * (1 - alpha)
    cv2.imwrite(str(folder / "a.png"), photo.astype(np.uint8))
    if "mask" in option:
        cv2.imwrite(str(folder / "a.mask.png"), drawn[..., 3])


def save(name: str, picture: Picture) -> None:
    """As WebP, small enough to live in the repository."""
    path = HERE / f"{name}.webp"
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_WEBP_QUALITY, 80])
    assert path.stat().st_size < 200_000, path
    print(path, path.stat().st_size)


def main() -> None:
    assert seldsynth(["synth", "--resume", "-q"]) == 0
    around = demo_frame("look_around", Fraction(59, 10))
    hard = demo_frame("hard_places", Fraction(63, 10))
    save("demo", np.vstack((around, np.full((12, 1280, 3), 255, np.uint8), hard)))
    frame, _, _ = frame_with_truth(ROOT / "demo" / "videos" / "hard_places.mp4", width=1280)
    save("ground_truth", frame)
    with tempfile.TemporaryDirectory() as folder:
        save("pictures", option_sheet(Path(folder)))
    save("conventions", np.hstack((canvas_axes(), from_above())))


if __name__ == "__main__":
    main()
