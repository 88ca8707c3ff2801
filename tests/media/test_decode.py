import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from seldsynth.errors import MediaError
from seldsynth.media.clips import check_clip
from seldsynth.media.decode import ClipReader, TimedFrame
from seldsynth.media.encode import write_alpha_clip
from tests.conftest import mock_alpha_clip, mock_clip

LEVELS = tuple(range(40, 240, 20))


def level(reader: ClipReader, time_s: Fraction | int) -> int:
    """Luma of the plain frame shown at a time."""
    planes = reader.planes(reader.frame_at(Fraction(time_s)), width=32, height=24)
    assert np.ptp(planes.luma) <= 2
    return int(planes.luma[12, 16])


def shown(path: Path, rate: int, count: int) -> list[int]:
    """Which of LEVELS is shown at each of count times."""
    with ClipReader(path) as reader:
        levels = [level(reader, Fraction(i, rate)) for i in range(count)]
    return [int(np.argmin([abs(known - found) for known in LEVELS])) for found in levels]


def test_frames_by_time_in_a_loop(tmp_path: Path) -> None:
    path = mock_clip(tmp_path / "a.mp4")
    assert shown(path, 10, 25) == [*range(10), *range(10), *range(5)]
    assert shown(path, 20, 9) == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert shown(path, 5, 8) == [0, 2, 4, 6, 8, 0, 2, 4]


def test_variable_frame_rate_goes_by_timestamps(tmp_path: Path) -> None:
    path = mock_clip(tmp_path / "a.mkv", levels=LEVELS[:4], pts=[0, 1, 5, 6])
    assert shown(path, 10, 10) == [0, 1, 1, 1, 1, 2, 3, 0, 1, 1]
    assert check_clip(path).duration_s == Fraction(7, 10)


def test_timestamps_need_not_start_at_zero(tmp_path: Path) -> None:
    path = mock_clip(tmp_path / "a.mkv", levels=LEVELS[:3], pts=[100, 101, 102])
    assert shown(path, 10, 6) == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.webm"])
def test_a_frame_is_shown_from_its_time_on(tmp_path: Path, name: str) -> None:
    codecs = {"a.avi": "mpeg4", "a.webm": "libvpx-vp9"}
    path = mock_clip(tmp_path / name, codec=codecs.get(name, "libx264"))
    assert shown(path, 40, 12) == [0] * 4 + [1] * 4 + [2] * 4


def test_a_short_clip_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mock_clip(tmp_path / "a.mp4", levels=[50, 100])
    opened = []
    original = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a) or original(*a, **k))
    assert shown(path, 10, 40) == [0, 3] * 20
    assert len(opened) == 1


def test_a_clip_too_long_to_keep_loops_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seldsynth.media.decode._KEPT_BYTES", 20_000)
    assert shown(mock_clip(tmp_path / "a.mp4"), 10, 25) == [*range(10), *range(10), *range(5)]


def test_a_long_clip_that_begins_anew_is_decoded_when_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seldsynth.media.decode._KEPT_BYTES", 20_000)
    path = mock_clip(tmp_path / "a.mp4", levels=LEVELS)
    opened = []
    original = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a) or original(*a, **k))

    def level_of(timed: TimedFrame) -> int:
        return int(reader.planes(timed, width=32, height=24).luma[12, 16])

    with ClipReader(path) as reader:
        first = [reader.frame_at(Fraction(n, 10)) for n in range(10)]
        second = [reader.frame_at(Fraction(n, 10)) for n in range(10, 20)]
        third = [reader.frame_at(Fraction(n, 10)) for n in range(20, 30)]
        assert len(opened) == 1
        assert [timed.index for timed in second] == [*range(10)]
        assert all(timed.frame is timed.frame for timed in (first[3], second[3]))
        for timed, expected in zip(second, LEVELS, strict=True):
            assert level_of(timed) == pytest.approx(expected, abs=2)
        assert len(opened) == 3  # for 3, and for 0
        for index in (7, 9, 0, 4):
            assert level_of(third[index]) == pytest.approx(LEVELS[index], abs=2)
        assert len(opened) == 5  # for 7, and for 0
        mock_clip(path, levels=LEVELS[:3])
        assert level_of(third[0]) == pytest.approx(LEVELS[0], abs=2)
        with pytest.raises(MediaError, match="shorter"):
            _ = third[5].frame


def test_a_decoder_that_failed_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seldsynth.media.decode._KEPT_BYTES", 0)
    path = mock_clip(tmp_path / "a.mp4", levels=LEVELS)
    with ClipReader(path) as reader:
        known = [reader.frame_at(Fraction(n, 10)) for n in range(20)][10:]
        assert known[4].frame is not None
        path.write_bytes(b"no clip")
        for index in (1, 6, 4):
            with pytest.raises(MediaError, match="cannot be opened"):
                _ = known[index].frame


@pytest.mark.parametrize("kept_bytes", [0, 1 << 24])
def test_nothing_is_held_once_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_bytes: int
) -> None:
    monkeypatch.setattr("seldsynth.media.decode._KEPT_BYTES", kept_bytes)
    path = mock_clip(tmp_path / "a.mp4")

    def looped() -> tuple[weakref.ref[ClipReader], TimedFrame]:
        reader = ClipReader(path)
        shown = [reader.frame_at(Fraction(n, 10)) for n in range(25)]
        assert all(timed.frame for timed in shown[::5])
        reader.close()
        with pytest.raises(ValueError, match="closed"):
            reader.frame_at(Fraction(3))
        with pytest.raises(ValueError, match="closed"):
            _ = shown[15].frame
        return weakref.ref(reader), shown[0]

    gc.collect()
    gc.disable()
    try:
        reader, first = looped()
        assert reader() is None  # no circle that waits for the garbage collector
        assert first.frame.width == 64
    finally:
        gc.enable()


@pytest.mark.parametrize("poison", ["85", "170"])
def test_every_pixel_is_written(tmp_path: Path, poison: str) -> None:
    """Widths that fill no SIMD register, in memory that is not zero (where glibc sees to it)."""
    widths = (98, 226, 242)
    for width in widths:
        mock_clip(tmp_path / f"{width}.mp4", levels=[100], width=width)
    program = (
        "import sys; from fractions import Fraction; from pathlib import Path;"
        "from seldsynth.media.decode import ClipReader\n"
        "for width in map(int, sys.argv[2:]):\n"
        "    with ClipReader(Path(sys.argv[1]) / f'{width}.mp4') as reader:\n"
        "        frame = reader.frame_at(Fraction(0))\n"
        "        pixels = reader.pixels(frame, width=width, height=48)\n"
        "    print(pixels[..., :3].min(), pixels[..., :3].max(), pixels[..., 3].min())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), *map(str, widths)],
        env={**os.environ, "MALLOC_PERTURB_": poison},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in said.splitlines():
        least, most, alpha = map(int, line.split())
        assert 96 <= least <= most <= 100  # luma 100 is 97.8 of 255
        assert alpha == 255
    assert len(said.splitlines()) == len(widths)


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        frame = av.VideoFrame.from_ndarray(np.full((72, 64), 100, np.uint8), "yuv420p")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    info = check_clip(path)
    assert (info.width, info.height) == (128, 48)


def test_no_decoder_for_its_codec(tmp_path: Path) -> None:
    path = mock_clip(tmp_path / "a.mp4")
    content = path.read_bytes()
    assert content.count(b"avc1") >= 1
    path.write_bytes(content.replace(b"avc1", b"zzzz"))
    with pytest.raises(MediaError, match="no decoder for its codec"):
        check_clip(path)


def test_frames_without_timestamps_go_by_the_frame_rate(tmp_path: Path) -> None:
    class Timeless(ClipReader):
        def _raw_frames(self) -> Iterator[av.VideoFrame]:
            for frame in super()._raw_frames():
                frame.pts = None
                yield frame

    with Timeless(mock_clip(tmp_path / "a.mp4")) as reader:
        found = [level(reader, Fraction(i, 10)) for i in range(12)]
    assert found == pytest.approx([*LEVELS, *LEVELS[:2]], abs=2)


def test_timestamps_that_go_back_stop_the_time_and_not_the_clip(tmp_path: Path) -> None:
    class Backwards(ClipReader):
        def _raw_frames(self) -> Iterator[av.VideoFrame]:
            for index, frame in enumerate(super()._raw_frames()):
                frame.pts = frame.pts if index != 4 else 0
                yield frame

    with Backwards(mock_clip(tmp_path / "a.mp4")) as reader:
        found = [level(reader, Fraction(i, 10)) for i in range(10)]
    assert found[:3] == pytest.approx(LEVELS[:3], abs=2)
    assert found[5:] == pytest.approx(LEVELS[5:], abs=2)


def test_rounded_timestamps_lose_no_frame(tmp_path: Path) -> None:
    # Matroska rounds 1/30 s to whole milliseconds.
    path = mock_clip(tmp_path / "a.mkv", rate=Fraction(30))
    assert shown(path, 30, 20) == [*range(10), *range(10)]


def test_one_frame_is_a_clip(tmp_path: Path) -> None:
    path = mock_clip(tmp_path / "a.mp4", levels=[100])
    with ClipReader(path) as reader:
        assert level(reader, 0) == level(reader, 7) == pytest.approx(100, abs=2)


def test_a_long_jump_lands_in_the_right_loop(tmp_path: Path) -> None:
    with ClipReader(mock_clip(tmp_path / "a.mp4")) as reader:
        assert level(reader, Fraction(123_456, 10)) == pytest.approx(LEVELS[6], abs=2)


def test_a_clip_ends_at_its_longest(tmp_path: Path) -> None:
    path = mock_clip(tmp_path / "a.mp4")
    with ClipReader(path, max_duration_s=Fraction(3, 10)) as reader:
        found = [level(reader, Fraction(i, 10)) for i in range(5)]
    assert found == pytest.approx([40, 60, 80, 40, 60], abs=2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mov", {}),
        ("a.mkv", {"codec": "ffv1", "pix_fmt": "yuv420p10le"}),
        ("a.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
        ("a.mkv", {"codec": "ffv1", "pix_fmt": "yuv444p"}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("a.mp4", {"width": 66, "height": 50}),
        ("a.mkv", {"codec": "ffv1", "width": 63, "height": 47}),
    ],
)
def test_kinds_of_files(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    path = mock_clip(tmp_path / name, **options)  # type: ignore[arg-type]
    info = check_clip(path)
    assert info.num_frames == 10
    assert info.duration_s == 1
    assert (info.width, info.height) == (options.get("width", 64), options.get("height", 48))
    with ClipReader(path) as reader:
        found = [level(reader, Fraction(i, 10)) for i in range(10)]
    assert found == pytest.approx(LEVELS, abs=4)


def test_gif(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb8"
        for value in (0, 255):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), value, np.uint8), "rgb24")
            container.mux(stream.encode(frame.reformat(format="rgb8")))
        container.mux(stream.encode(None))
    assert check_clip(path).num_frames == 2
    with ClipReader(path) as reader:
        found = [level(reader, Fraction(i, 10)) for i in range(3)]
    assert found == pytest.approx([16, 235, 16], abs=2)


def test_alpha_of_webm(tmp_path: Path) -> None:
    path = mock_alpha_clip(tmp_path / "a.webm")
    info = check_clip(path)
    assert info.has_alpha
    assert info.num_frames == 4
    with ClipReader(path) as reader:
        planes = reader.planes(reader.frame_at(Fraction(3, 10)), width=64, height=64)
    assert planes.alpha is not None
    assert planes.alpha[32, 32] > 250
    assert planes.alpha[1, 1] < 5


@pytest.mark.parametrize("clear", [True, False])
def test_a_gif_has_alpha_only_if_something_is_transparent(tmp_path: Path, clear: bool) -> None:
    """FFmpeg decodes every GIF with an alpha plane."""
    frames = [Image.new("P", (40, 30), 1) for _ in range(3)]
    for index, frame in enumerate(frames):
        frame.putpalette([0, 255, 0, 200, 30, 30])
        frame.paste(0, (10 + 4 * index, 6, 20 + 4 * index, 16))
    frames[0].save(
        tmp_path / "a.gif",
        save_all=True,
        append_images=frames[1:],
        duration=100,
        disposal=2,
        **({"transparency": 1} if clear else {}),
    )
    info = check_clip(tmp_path / "a.gif")
    assert info.has_alpha == clear
    assert info.kept == ((10, 6, 28, 16) if clear else (0, 0, 40, 30))  # of all frames together


def test_a_clip_of_which_nothing_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    write_alpha_clip(path, [np.zeros((32, 32, 4), np.uint8)] * 3, frame_rate=Fraction(10))
    with pytest.raises(MediaError, match="transparent: nothing of it is to be seen"):
        check_clip(path)


@pytest.mark.parametrize(
    ("colour", "space", "full"),
    [
        ((255, 0, 0), "itu601", False),
        ((0, 0, 255), "itu601", True),
        ((0, 255, 0), "itu709", False),
        ((255, 0, 0), "untagged", False),  # BT.601: less than 720 lines
    ],
)
def test_colour_is_bt709_limited_whatever_the_file_is(
    tmp_path: Path, colour: tuple[int, int, int], space: str, full: bool
) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        context = stream.codec_context
        context.colorspace = {"itu709": 1, "itu601": 5, "untagged": 2}[space]
        context.color_range = 2 if full else 1
        pixels = np.full((48, 64, 3), colour, dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
            format=stream.pix_fmt,
            dst_colorspace="itu601" if space == "untagged" else space,
            dst_color_range="JPEG" if full else "MPEG",
        )
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with ClipReader(path) as reader:
        planes = reader.planes(reader.frame_at(Fraction(0)), width=32, height=24)
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    found = [int(plane[5, 5]) for plane in (planes.luma, planes.chroma_blue, planes.chroma_red)]
    expected = [
        16 + 219 * luma,
        128 + 224 * (blue - luma) / 1.8556,
        128 + 224 * (red - luma) / 1.5748,
    ]
    assert found == pytest.approx(expected, abs=2.5)


def test_damage_is_an_error(tmp_path: Path) -> None:
    good = mock_clip(tmp_path / "a.mp4", levels=range(20, 220, 2))
    content = good.read_bytes()
    path = tmp_path / "b.mp4"
    path.write_bytes(content[: len(content) // 3])
    with pytest.raises(MediaError, match=r"b\.mp4: (damaged|cannot be opened|holds no frame)"):
        check_clip(path)
    path.write_bytes(b"")
    with pytest.raises(MediaError, match="cannot be opened"):
        check_clip(path)
    with pytest.raises(MediaError, match="cannot be opened: No such file"):
        check_clip(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (4096, None),
        (4097, "4097x4097 pixels with transparency; at most 16777216 are read: reduce it"),
        (65535, "damaged: no frame can be decoded"),
    ],
)
def test_a_gif_whose_screen_is_too_large(tmp_path: Path, side: int, expected: str | None) -> None:
    path = tmp_path / "a.gif"
    Image.new("P", (8, 8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:6] + 2 * side.to_bytes(2, "little") + content[10:])
    if expected is None:
        assert check_clip(path).width == side
        return
    with pytest.raises(MediaError, match=expected):
        check_clip(path)


def test_frames_that_become_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file says beforehand holds for its first frames only."""
    small = mock_clip(tmp_path / "small.avi", codec="mjpeg", pix_fmt="yuvj420p").read_bytes()
    large = mock_clip(
        tmp_path / "large.avi", codec="mjpeg", pix_fmt="yuvj420p", width=128, height=96
    )
    monkeypatch.setattr("seldsynth.media.decode.MAX_CLIP_PIXELS", 64 * 48)
    content = large.read_bytes()
    header = content.index(b"strf") + 12
    size = small[small.index(b"strf") + 12 :][:8]
    large.write_bytes(content[:header] + size + content[header + 8 :])
    with pytest.raises(MediaError, match="128x96 pixels; at most 3072 are read"):
        check_clip(large)


def test_tags_that_are_no_utf8_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w", format="avi") as container:
        container.metadata["title"] = "a long title"
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="bgr24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert b"a long title" in content
    path.write_bytes(content.replace(b"a long title", b"caf\xe9 \xff\xfe tit"))
    assert check_clip(path).num_frames == 1


def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    clip = mock_clip(tmp_path / "a.mp4")
    for name, text in (
        ("b.mp4", f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("c.mp4", f"ffconcat version 1.0\nfile {clip.name}\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(MediaError, match="cannot be opened"):
            check_clip(tmp_path / name)


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no picture track"):
        check_clip(path)


def test_a_long_video_is_checked_in_part(tmp_path: Path) -> None:
    info = check_clip(mock_clip(tmp_path / "a.mp4"), max_duration_s=Fraction(1, 2))
    assert (info.num_frames, info.duration_s) == (5, Fraction(1, 2))


def test_real_clips(shared_data: Path) -> None:
    folder = shared_data / "assets" / "video"
    turned = check_clip(folder / "Class_1" / "man_portrait_rotation90.mov")
    assert (turned.width, turned.height) == (240, 426)
    with ClipReader(folder / "Class_1" / "man_portrait_rotation90.mov") as reader:
        upright = reader.planes(reader.frame_at(Fraction(0)), width=240, height=426).luma
    with av.open(str(folder / "Class_1" / "man_portrait_rotation90.mov")) as container:
        coded = next(container.decode(video=0)).to_ndarray(format="gray")
    assert np.abs(np.rot90(coded, -1).astype(int) - upright).mean() < 20
    assert np.abs(np.rot90(coded, 1).astype(int) - upright).mean() > 30
    varying = check_clip(folder / "Class_6" / "woman_leaves_640x360_vfr.mp4")
    assert (varying.num_frames, varying.duration_s) == (23, 4)
