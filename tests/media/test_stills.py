import io
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from seldsynth.errors import MediaError
from seldsynth.media.stills import _pixel_bytes, read_checked_still, read_still
from tests.conftest import mock_pixels


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation: int, kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (6, 10, 4), dtype=np.uint8)
    pixels[..., 3] |= 1  # WebP forgets the colour of what cannot be seen
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(Image.fromarray(pixels), kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert np.array_equal(read_still(content, name="x"), expected[..., [2, 1, 0, 3]])
    assert read_checked_still(content, name="x").shape == expected.shape


def test_orientation_of_a_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(mock_pixels(60, 40))
    upright = read_still(encoded(image, "JPEG", quality=95, exif=exif), name="x")
    lying = read_still(encoded(image, "JPEG", quality=95), name="x")
    assert np.array_equal(upright, np.rot90(lying, -1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_modes_of_png(mode: str) -> None:
    pixels = read_still(encoded(Image.new(mode, (7, 5))), name="x")
    assert pixels.shape[:2] == (5, 7)
    assert pixels.shape[2] in (3, 4)
    assert pixels.dtype == np.uint8


def test_sixteen_bits_are_scaled_to_eight() -> None:
    grey = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    assert read_still(encoded(Image.fromarray(grey)), name="x")[0, :, 0].tolist() == [0, 100, 255]


def test_cmyk_becomes_colour() -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    blue, green, red = read_still(encoded(image, "JPEG", quality=100), name="x")[4, 4]
    assert red > 200
    assert max(blue, green) < 60


def test_one_pixel() -> None:
    assert read_checked_still(encoded(Image.new("RGB", (1, 1))), name="x").shape == (1, 1, 3)


def test_a_transparent_level_of_grey() -> None:
    image = Image.new("L", (4, 4), 200)
    image.putpixel((1, 2), 7)
    pixels = read_still(encoded(image, transparency=7), name="x")
    assert pixels.shape == (4, 4, 4)
    assert pixels[2, 1].tolist() == [7, 7, 7, 0]
    assert pixels[0, 0].tolist() == [200, 200, 200, 255]


def test_pictures_with_transparency_may_have_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seldsynth.media.stills.MAX_PIXEL_BYTES", 3 * 50 * 50)
    read_checked_still(encoded(Image.new("RGB", (50, 50))), name="x")
    for mode, side in (("RGB", 51), ("RGBA", 50), ("LA", 51)):
        with pytest.raises(MediaError, match="pixels are too many; reduce it"):
            read_checked_still(encoded(Image.new(mode, (side, side))), name="x")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encoded(Image.new("RGB", (16, 16))), 3),
        (encoded(Image.new("L", (16, 16)), "JPEG"), 3),
        (encoded(Image.new("RGBA", (16, 16)), "WEBP"), 8),
        (encoded(Image.new("RGB", (16, 16)), "WEBP"), 6),
        (encoded(Image.new("L", (16, 16)), transparency=7), 4),
        (cv2.imencode(".png", np.zeros((16, 16, 3), np.uint16))[1].tobytes(), 6),
        (cv2.imencode(".png", np.zeros((16, 16, 4), np.uint16))[1].tobytes(), 8),
    ],
    ids=["rgb", "grey", "rgba webp", "webp", "marked grey", "rgb16", "rgba16"],
)
def test_bytes_of_a_pixel(content: bytes, expected: int) -> None:
    with Image.open(io.BytesIO(content)) as image:
        assert _pixel_bytes(image) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not a picture"),
        (b"hello", "not a picture"),
        (encoded(Image.fromarray(mock_pixels()), "GIF"), "not a picture"),
        (encoded(Image.fromarray(mock_pixels(200, 200)), "JPEG")[:2000], "truncated"),
        (encoded(Image.fromarray(mock_pixels(200, 200)))[:2000], "truncated"),
    ],
    ids=["empty", "text", "gif", "half jpeg", "half png"],
)
def test_what_is_no_picture(content: bytes, expected: str) -> None:
    with pytest.raises(MediaError, match=f"folder/x.jpg: .*{expected}"):
        read_checked_still(content, name=Path("folder/x.jpg"))


@pytest.mark.parametrize("claim", [b"\xff\xff\0\0", b"\0\x10\0\0", b"\x7f\xff\xff\xff"])
def test_a_png_whose_chunk_is_longer_than_the_file(claim: bytes) -> None:
    """Pillow reads what there is; OpenCV takes memory for what is claimed."""
    content = encoded(Image.fromarray(mock_pixels()))
    place = content.index(b"IDAT") - 4
    with pytest.raises(MediaError, match="x: cannot be read: image file is truncated"):
        read_checked_still(content[:place] + claim + content[place + 4 :], name="x")


def test_what_libraries_complain_of_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Of a picture that is used all the same, and nobody could tell of which."""
    jpeg = encoded(Image.fromarray(mock_pixels()), "JPEG")
    odd = jpeg[:-2] + bytes(17) + jpeg[-2:]
    assert read_checked_still(odd, name="x").shape == (48, 64, 3)
    assert capfd.readouterr().err == ""
    cv2.imdecode(np.frombuffer(odd, np.uint8), cv2.IMREAD_UNCHANGED)
    assert "extraneous bytes" in capfd.readouterr().err  # else this test says nothing
    print("seen", file=sys.stderr)
    assert capfd.readouterr().err == "seen\n"


def test_damaged_exif_is_passed_over() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description" * 9
    content = encoded(Image.fromarray(mock_pixels(60, 40)), "JPEG", exif=exif)
    place = content.index(b"MM\0*")
    for end in range(8, 40, 2):  # warnings are errors here
        damaged = content[: place + end] + b"\xff" * 40 + content[place + end + 40 :]
        assert read_checked_still(damaged, name="x").shape[2] == 3


def test_a_bomb_is_refused_by_its_header() -> None:
    content = bytearray(encoded(Image.new("1", (8, 8))))
    content[16:24] = (30000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    with pytest.raises(MediaError, match="too many pixels; reduce it"):
        read_checked_still(bytes(content), name="x")
