import contextlib
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from seldsynth.errors import MediaError
from seldsynth.media.encode import VideoFormat, check_video, choose_encoder, write_video
from seldsynth.media.spatial_mp4 import read_tags
from tests.conftest import decode_planes, lacks, mock_alpha_clip


def form(**changes: object) -> VideoFormat:
    values: dict[str, object] = {
        "width": 96,
        "height": 48,
        "frame_rate": Fraction(30),
        "encoder": "libx264",
        "preset": "ultrafast",
        "quality": 10,
        "gop_s": 1.0,
    }
    return VideoFormat(**{**values, **changes})  # type: ignore[arg-type]


def picture(level: int) -> np.ndarray:
    planes = np.full((72, 96), 128, dtype=np.uint8)
    planes[:48] = level
    return planes


@pytest.mark.parametrize("rate", ["30", "25", "30000/1001", "24000/1001", "25/2", "60", "1", "240"])
def test_frames_and_times_are_exact(tmp_path: Path, rate: str) -> None:
    path = tmp_path / "a.mp4"
    with write_video(path, form(frame_rate=Fraction(rate))) as writer:
        for index in range(31):
            writer.write(picture(20 + 6 * index))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.frames == 31
        assert stream.average_rate == Fraction(rate)
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    assert times == [index / Fraction(rate) for index in range(31)]
    for index, (luma, _) in enumerate(decode_planes(path)):
        assert luma.mean() == pytest.approx(20 + 6 * index, abs=2)


def test_tags_and_fast_start(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with write_video(path, form()) as writer:
        writer.write(picture(100))
    content = path.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert context.name == "h264"
        assert context.pix_fmt == "yuv420p"
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert context.color_range == 1


def test_the_encoder_takes_its_options(tmp_path: Path) -> None:
    """x264 writes what it was told into the stream; PyAV would swallow a misspelt option."""
    path = tmp_path / "a.mp4"
    with write_video(path, form(quality=27, preset="superfast", gop_s=3.0)) as writer:
        writer.write(picture(100))
    told = path.read_bytes().decode("latin-1")
    for option in ("rc=cqp", "qp=27", "bframes=0", "scenecut=0", "keyint=90", "threads=1 "):
        assert option in told, option
    assert "subme=1" in told  # superfast


def test_the_buffer_may_be_used_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    buffer = picture(0)
    with write_video(path, form(preset="medium")) as writer:
        for level in (50, 100, 150, 200):
            buffer[:48] = level
            writer.write(buffer)
            buffer[:] = 0
    found = [luma.mean() for luma, _ in decode_planes(path)]
    assert found == pytest.approx([50, 100, 150, 200], abs=2)


def test_key_frames_come_as_often_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with write_video(path, form(gop_s=0.5)) as writer:
        for index in range(60):
            writer.write(picture(index))
    with av.open(str(path)) as container:
        keys = [i for i, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == [0, 15, 30, 45]


@pytest.mark.parametrize(
    "planes",
    [np.zeros((48, 96), np.uint8), np.zeros((72, 96), np.float32), np.zeros((72, 98), np.uint8)],
)
def test_another_shape_is_refused(tmp_path: Path, planes: np.ndarray) -> None:
    with (
        pytest.raises(ValueError, match="expected"),
        write_video(tmp_path / "a.mp4", form()) as writer,
    ):
        writer.write(planes)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_when_the_block_raises(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the one from before")
    with contextlib.suppress(ZeroDivisionError), write_video(path, form()) as writer:
        writer.write(picture(100))
        raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert path.read_bytes() == b"the one from before"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError, match=r"a\.mp4: cannot be written: No such file"),
        write_video(tmp_path / "none" / "a.mp4", form()),
    ):
        pass


def test_a_full_disk(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(MediaError, match="cannot be written"):
        _write_through(full)


def _write_through(target: Path) -> None:
    """Write to a device that has no room, in place of the temporary file."""
    import os

    path = target.with_name("a.mp4")
    path.with_name(f".a.mp4.{os.getpid()}.tmp").symlink_to(target)
    with write_video(path, form()) as writer:
        for level in range(200):
            writer.write(picture(level))


@pytest.mark.parametrize(
    ("changes", "num_frames", "expected"),
    [
        ({"frame_rate": Fraction(25)}, 5, "frame rate reads back as 30, not 25"),
        ({"width": 98}, 5, "width reads back as 96, not 98"),
        ({}, 6, "frames reads back as 5, not 6"),
    ],
)
def test_what_reads_back_otherwise_is_refused(
    tmp_path: Path, changes: dict[str, object], num_frames: int, expected: str
) -> None:
    path = tmp_path / "a.mp4"
    with write_video(path, form()) as writer:
        for _ in range(5):
            writer.write(picture(100))
    with pytest.raises(MediaError, match=f"b.mp4: {expected}"):
        check_video(path, form(**changes), num_frames=num_frames, name=Path("b.mp4"))


def test_a_video_is_read_back_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        assert path.is_file()
        raise MediaError("not what was meant")

    monkeypatch.setattr("seldsynth.media.encode.check_video", refuse)
    with (
        pytest.raises(MediaError, match="not what was meant"),
        write_video(tmp_path / "a.mp4", form()) as writer,
    ):
        writer.write(picture(100))
    assert not list(tmp_path.iterdir())


def test_an_empty_video_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(MediaError), write_video(tmp_path / "a.mp4", form()):
        pass
    assert not list(tmp_path.iterdir())


def test_auto_is_x264_on_the_cpu() -> None:
    assert choose_encoder("auto", device_kind="cpu") == "libx264"
    assert choose_encoder("libx264", device_kind="cuda") == "libx264"


def test_nvenc_without_a_gpu_is_an_error() -> None:
    if choose_encoder("auto", device_kind="cuda") == "h264_nvenc":
        pytest.skip("this GPU has an encoder")
    with pytest.raises(MediaError, match="use auto or libx264"):
        choose_encoder("h264_nvenc", device_kind="cuda")


def test_alpha_clips_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    first, second = (mock_alpha_clip(tmp_path / name).read_bytes() for name in ("a.webm", "b.webm"))
    assert first == second


def test_a_video_says_of_itself_what_it_is_told(tmp_path: Path) -> None:
    comment = "seldsynth 1.2.3 plan " + "0f" * 32
    for name in ("a.mp4", "b.mp4"):
        with write_video(tmp_path / name, form(), comment=comment) as writer:
            writer.write(picture(100))
    path = tmp_path / "a.mp4"
    assert path.read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert read_tags(path).comment == comment
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == comment
    check_video(path, form(), num_frames=1, comment=comment, name=path)
    with pytest.raises(MediaError, match="tags reads back as"):
        check_video(path, form(), num_frames=1, comment="another", name=path)


@pytest.mark.skipif(lacks("exiftool", "ffprobe"), reason="no exiftool or ffprobe here")
def test_others_read_the_comment_and_find_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with write_video(path, form(), comment="of a plan") as writer:
        writer.write(picture(100))
    words = ["exiftool", "-validate", "-warning", "-a", "-comment", str(path)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert [line.split(": ")[1] for line in said.splitlines()] == ["OK", "of a plan"]
    words = ["ffprobe", "-v", "error", "-show_entries", "format_tags=comment", str(path)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert "TAG:comment=of a plan" in run.stdout
    assert run.stderr == ""


@pytest.mark.parametrize("kind", [b"data", b"ilst"])
def test_a_comment_that_cannot_be_read_is_none(tmp_path: Path, kind: bytes) -> None:
    """Its box says that it is longer than what it lies in."""
    path = tmp_path / "a.mp4"
    with write_video(path, form(), comment="of a plan") as writer:
        writer.write(picture(100))
    content = path.read_bytes()
    start = content.find(b"\xa9cmt") if kind == b"data" else 0
    place = content.find(kind, start) - 4
    path.write_bytes(content[:place] + (9999).to_bytes(4, "big") + content[place + 4 :])
    assert read_tags(path).comment == ""
