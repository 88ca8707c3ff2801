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


def mock_gif(path: Path, width: int, height: int) -> Path:
    """A GIF whose screen is larger than its four frames."""
    frame = b"\x21\xf9\x04\x05\x0a\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 2, 1, 0)
    frame += b"\x02\x02\x44\x0a\0"
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    path.write_bytes(b"GIF89a" + screen + bytes(range(6)) + 4 * frame + b";")
    return path


def with_large_chunk(path: Path) -> Path:
    """A PNG of which a chunk claims four gigabytes."""
    content = mock_image(path).read_bytes()
    place = content.index(b"IDAT") - 4
    path.write_bytes(content[:place] + b"\xff\xff\x00\x00" + content[place + 4 :])
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Labels of six sources of one class, for which there is one picture."""
    mock_labels(tmp_path / "labels" / "mix.csv", [(n, 0, n % 6, 9 * n, 0) for n in range(18)])
    return mock_project(tmp_path, tiles={"matte": "none"})


@pytest.mark.parametrize("folder", ["images/Class_0", "canvas"])
def test_pictures_that_claim_too_much_are_left_out(project: Path, folder: str) -> None:
    place = project.parent / folder
    only_its_header(place / "header.png", 30000, 30000)
    mock_png(place / "whole.png", 30000, 30000)
    mock_png(place / "marked.png", 16384, 8192, chunk(b"tRNS", b"\0\1"))
    mock_webp(place / "moving.webp", 16383, 8192)
    with_large_chunk(place / "chunk.png")
    names = {"header.png", "whole.png", "marked.png", "moving.webp", "chunk.png"}
    if folder != "canvas":
        mock_gif(place / "screen.gif", 16384, 8192)
        names.add("screen.gif")
    code, said = run(project, "--set", "processing.variants=6")
    assert code == 0
    for name in names:
        (line,) = lines_about(said, f"/{name}")
        assert line.startswith("WARNING: left out:")
        assert "image file is truncated" in line if name == "chunk.png" else "reduce it" in line


LARGEST = {
    "colour.png": lambda path: mock_png(path, 16384, 8192, colour=2),
    "moving.webp": lambda path: mock_webp(path, 8192, 8192),
    "screen.gif": lambda path: mock_gif(path, 4096, 4096),
}


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_that_are_read(project: Path, name: str) -> None:
    """Small files, all of them: what they unpack to is what matters."""
    (project.parent / "images" / "Class_0" / "a.png").unlink()
    path = LARGEST[name](project.parent / "images" / "Class_0" / name)
    assert path.stat().st_size < 500_000
    how = ["--plan-only"] if name == "colour.png" else ["--set", "processing.video_duration=0.3"]
    code, said = run(project, *how)
    assert code == 0, said


def test_two_million_lines(project: Path) -> None:
    """All alike, all different and as they may be, frames without end: files of three kinds."""
    rows = {
        "alike": lambda n: "7,3,0,-120,15\n",
        "different": lambda n: f"{n // 28},{n % 13},{n % 28},{n % 360 - 180},0,1.{n % 997:03d}\n",
        "endless": lambda n: f"{n},0,0,10,0\n",
    }
    for name, row in rows.items():
        with (project.parent / "labels" / f"{name}.csv").open("w") as file:
            file.writelines(map(row, range(2_000_000)))
    code, said = run(project)
    assert code == 1
    for name in rows:
        (line,) = (line for line in lines_about(said, f"{name}.csv") if "ERROR" in line)
        assert f"{name}.csv: 2,000,000 lines, of which at most 250,000 are read" in line
    assert (project.parent / "videos" / "mix.mp4").is_file()


def test_as_many_lines_as_are_read(project: Path) -> None:
    """An hour of seven sources that never pause; of the video, a second is made."""
    (project.parent / "labels" / "mix.csv").unlink()
    with (project.parent / "labels" / "huge.csv").open("w") as file:
        for n in range(250_000):
            row = (n // 7, n % 7, n % 7, n // 7 % 360 - 180, n % 90, f"{1 + n % 500 / 100:.2f}")
            file.write(",".join(map(str, row)) + "\n")
    code, said = run(project, "--set", "processing.video_duration=1")
    assert code == 0, said


CLAIMS = {
    "stts": "10^9 frames, by their times",
    "stsz": "10^9 frames of a byte each",
    "stsc": "10^9 frames, by all that counts them",
    "mvhd": "136 years",
    "stts_s": "frames of a day and a half",
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


@pytest.mark.parametrize("is_canvas", [False, True])
def test_clips_that_claim_a_billion_frames(project: Path, is_canvas: bool) -> None:
    folder = project.parent / ("canvas" if is_canvas else "images/Class_0")
    for claim in CLAIMS:
        clip = mock_clip(folder / f"{claim}.mp4")
        clip.write_bytes(claiming(clip.read_bytes(), claim))
    if is_canvas:
        project.write_text(project.read_text().replace("image_360_path", "video_360_path"))
    code, said = run(project, "--set", f"processing.variants={9 if is_canvas else 1}")
    assert code == 0, said
    used = {}
    for path in (project.parent / "videos").glob("*.plan.json"):
        plan = json.loads(path.read_text())
        assets = [tile["asset"] for tile in plan["tiles"]]
        for asset in [plan["canvas"]["asset"]] if is_canvas else assets:
            used[Path(asset["path"]).stem] = asset["duration_ms"]
    left_out = {claim for claim in CLAIMS if lines_about(said, f"/{claim}.mp4: ")}
    assert left_out | set(used) >= set(CLAIMS)
    assert {"stsz", "stsc"} <= left_out
    assert all(len(lines_about(said, f"/{claim}.mp4: ")) == 1 for claim in left_out)
    assert used["stts"] == used["mvhd"] == 1000
    assert used["stts_s"] == (10_000 if is_canvas else 120_000)


def test_a_config_that_would_grow(project: Path) -> None:
    """Its keys are merged into each other, twice each: 2^40 of them."""
    merges = "".join(f"m{n + 1}: &m{n + 1} {{<<: [*m{n}, *m{n}]}}\n" for n in range(40))
    project.write_text(f"{project.read_text()}m0: &m0 {{fps: 1e999999999}}\n{merges}")
    code, said = run(project)
    assert code == 2
    (line,) = said.splitlines()
    assert "config.yaml:" in line
    assert "merge keys (<<) make more than 10000 keys" in line
