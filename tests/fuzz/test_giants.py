"""The giants among bad input, through the real command: each in 30 s and under 2 GB."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from pathlib import Path

import pytest

from tests.conftest import mock_clip, mock_image, mock_labels, mock_project
from tests.fuzz.children import MOST_KIB, run_measured

pytestmark = pytest.mark.slow


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", crc)


def mock_png(path: Path, width: int, height: int, *chunks: bytes, colour: int = 0) -> Path:
    """A PNG of bits or bytes that are all zero; as small as such a file can be."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8 if colour == 0 else 1 + width * {2: 3, 3: 1, 6: 4}[colour])
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1 if colour == 0 else 8, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", packed), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def only_its_header(path: Path, width: int, height: int) -> Path:
    """A PNG that claims a size and holds a pixel of it."""
    content = bytearray(mock_png(path, 8, 1).read_bytes())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    return path


def mock_webp(path: Path, width: int, height: int) -> Path:
    """An animated WebP of that size, whose frames cover a corner of it."""
    small = mock_image(path).read_bytes()[12:]
    place = bytes(6) + struct.pack("<I", 63)[:3] + struct.pack("<I", 47)[:3] + b"\x64\0\0\0"
    frame = place + small
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 2)
    body += struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    body += 2 * (b"ANMF" + struct.pack("<I", len(frame)) + frame)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def run(project: Path, *words: str) -> tuple[int, str]:
    """The real command with a config; it must be neither slow nor large."""
    code, seconds, peak_kib, said = run_measured(
        [sys.executable, "visual_synth.py", "--config", str(project), *words]
    )
    assert code is not None, f"over {seconds:.0f} s: {said}"
    assert peak_kib < MOST_KIB, f"{peak_kib / 1024**2:.1f} GiB: {said}"
    assert "Traceback" not in said
    assert "unexpected" not in said
    return code, said


def lines_about(said: str, name: str) -> list[str]:
    return [line for line in said.splitlines() if name in line]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    mock_labels(tmp_path / "labels" / "mix.csv", [(n, 0, n % 3, 9 * n, 0) for n in range(12)])
    return mock_project(tmp_path, tiles={"matte": "none"})


@pytest.mark.parametrize("folder", ["images/Class_0", "canvas"])
def test_a_png_that_claims_30000_by_30000(project: Path, folder: str) -> None:
    only_its_header(project.parent / folder / "bomb.png", 30000, 30000)
    mock_png(project.parent / folder / "real_bomb.png", 30000, 30000)
    code, said = run(project, "--set", "processing.variants=3")
    assert code == 0
    for name in ("bomb.png", "real_bomb.png"):
        (line,) = lines_about(said, f"/{name}")
        assert line.startswith("WARNING: left out:")
        assert "too many pixels; reduce it" in line
    (project.parent / folder / ("a.png" if "images" in folder else "room.png")).unlink()
    code, said = run(project)
    assert code == 1
    assert "no picture or clip for class 0" in said or "no usable canvas" in said


LARGEST = {
    "white.png": lambda path: mock_png(path, 16384, 8192),
    "colour.png": lambda path: mock_png(path, 16384, 8192, colour=2),
    "marked.png": lambda path: mock_png(path, 16384, 8192, chunk(b"tRNS", b"\0\1")),
    "moving.webp": lambda path: mock_webp(path, 16383, 8192),
    "less.webp": lambda path: mock_webp(path, 8192, 8192),
    "screen.gif": lambda path: mock_gif(path, 16384, 8192),
    "less.gif": lambda path: mock_gif(path, 4096, 4096),
}


def mock_gif(path: Path, width: int, height: int) -> Path:
    """A GIF whose screen is larger than its four frames."""
    palette = bytes(range(6))
    frame = b"\x21\xf9\x04\x05\x0a\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 2, 1, 0)
    frame += b"\x02\x02\x44\x0a\0"
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    path.write_bytes(b"GIF89a" + screen + palette + 4 * frame + b";")
    return path


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_that_are_read_and_what_is_larger(project: Path, name: str) -> None:
    """Small files, all of them: what they unpack to is what matters."""
    (project.parent / "images" / "Class_0" / "a.png").unlink()
    path = LARGEST[name](project.parent / "images" / "Class_0" / name)
    assert path.stat().st_size < 500_000
    code, said = run(project)
    if name in ("marked.png", "moving.webp", "screen.gif"):
        assert code == 1
        assert "reduce it" in lines_about(said, f"/{name}")[0]
    else:
        assert code == 0, said


def test_a_png_whose_chunk_claims_four_gigabytes(project: Path) -> None:
    """OpenCV takes the memory for it."""
    path = project.parent / "images" / "Class_0" / "a.png"
    content = path.read_bytes()
    place = content.index(b"IDAT") - 4
    path.write_bytes(content[:place] + b"\xff\xff\x00\x00" + content[place + 4 :])
    code, said = run(project)
    assert code == 1
    assert "image file is truncated" in lines_about(said, "a.png")[0]


@pytest.mark.parametrize("rows", ["one sound", "all of them", "frames without end"])
def test_two_million_lines(project: Path, rows: str) -> None:
    path = project.parent / "labels" / "huge.csv"
    with path.open("w") as file:
        for n in range(2_000_000):
            if rows == "one sound":
                file.write("7,3,0,-120,15\n")
            elif rows == "all of them":
                file.write(f"{n // 28},{n % 13},{n % 28},{n % 360 - 180},0,1.{n % 997:03d}\n")
            else:
                file.write(f"{n},0,0,10,0\n")
    code, said = run(project)
    assert code == 1
    (line,) = lines_about(said, "ERROR")
    assert "huge.csv: 2,000,000 lines, of which at most 250,000 are read" in line
    assert (project.parent / "videos" / "mix.mp4").is_file()


def test_as_many_lines_as_are_read(project: Path) -> None:
    """An hour of seven sources that never pause; of the video, a second is made."""
    (project.parent / "labels" / "mix.csv").unlink()
    with (project.parent / "labels" / "huge.csv").open("w") as file:
        for n in range(250_000):
            file.write(
                f"{n // 7},{n % 7},{n % 7},{n // 7 % 360 - 180},{n % 90},{1 + n % 500 / 100:.2f}\n"
            )
    code, said = run(project, "--set", "processing.video_duration=1")
    assert code == 0, said


CLAIMS = {
    "stts": "10^9 frames, by their times",
    "stsz": "10^9 frames of a byte each",
    "stsc": "10^9 frames in one chunk of them",
    "mvhd": "two thousand years",
    "stts_s": "a frame of a day and a half",
}


def claiming(content: bytes, claim: str) -> bytes:
    """An MP4 with another number where it is counted, or timed."""

    def at(box: bytes, place: int, *numbers: int) -> bytes:
        start = content.index(box) + 4 + place
        new = struct.pack(f">{len(numbers)}I", *numbers)
        return content[:start] + new + content[start + len(new) :]

    if claim == "stts":
        return at(b"stts", 8, 10**9)
    if claim == "stts_s":
        return at(b"stts", 12, 2**31 - 1)
    if claim == "mvhd":
        return at(b"mvhd", 12, 1, 2**32 - 2)
    content = at(b"stsz", 4, 1, 10**9)
    if claim == "stsc":
        content = at(b"stts", 8, 10**9)
        content = at(b"stsc", 12, 10**9)
    return content


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("is_canvas", [False, True])
def test_a_clip_that_claims_a_billion_frames(project: Path, claim: str, is_canvas: bool) -> None:
    folder = project.parent / ("canvas" if is_canvas else "images/Class_0")
    for other in folder.iterdir():
        other.unlink()
    clip = mock_clip(folder / "endless.mp4")
    clip.write_bytes(claiming(clip.read_bytes(), claim))
    if is_canvas:
        text = project.read_text().replace("image_360_path", "video_360_path")
        project.write_text(text)
    code, said = run(project)
    if code == 0:
        (plan,) = (project.parent / "videos").glob("*.plan.json")
        found = json.loads(plan.read_text())
        asset = found["canvas"]["asset"] if is_canvas else found["tiles"][0]["asset"]
        assert 0 < asset["duration_ms"] <= 120_000
    else:
        assert code == 1
        assert len(lines_about(said, "endless.mp4: ")) == 1


def test_a_config_that_would_grow(project: Path) -> None:
    """Its keys are merged into each other, twice each: 2^40 of them."""
    merges = "".join(f"m{n + 1}: &m{n + 1} {{<<: [*m{n}, *m{n}]}}\n" for n in range(40))
    project.write_text(f"{project.read_text()}m0: &m0 {{fps: 1e999999999}}\n{merges}")
    code, said = run(project)
    assert code == 2
    (line,) = said.splitlines()
    assert "config.yaml:" in line
    assert "merge keys (<<) make more than 10000 keys of it" in line
