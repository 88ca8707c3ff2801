"""Cuts, by clips whose every frame is a grey of its own."""

import shutil
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from seldsynth.collect.cut import EndsBeforeError, SourceError, cut_clip
from seldsynth.errors import MediaError
from tests.conftest import decode_planes, mock_clip

LEVELS = [16 + 5 * index for index in range(40)]


def cut(source: Path, start: str, end: str, *, max_height: int = 720, audio: bool = False) -> Path:
    target = source.parent / "out" / "clip.mp4"
    cut_clip(
        source,
        target,
        start_s=Decimal(start),
        end_s=Decimal(end),
        max_height=max_height,
        keep_audio=audio,
    )
    assert [path.name for path in target.parent.iterdir()] == ["clip.mp4"]
    return target


def greys(path: Path) -> list[float]:
    return [float(luma.mean()) for luma, _ in decode_planes(path)]


def add_sound(path: Path, target: Path) -> None:
    """The same with a tone."""
    with av.open(str(path)) as source, av.open(str(target), "w") as out:
        video = out.add_stream_from_template(source.streams.video[0])
        sound = out.add_stream("aac", rate=16000, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        tone = np.sin(np.arange(4 * 16000) * 0.3, dtype=np.float32)[None]
        for at in range(0, tone.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(tone[:, at : at + 1024], "fltp", "mono")
            frame.rate, frame.pts = 16000, at
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [("0", "4", 0, 39), ("1", "2.5", 10, 24), ("1.3", "1.4", 13, 13), ("3.5", "9", 35, 39)],
)
@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9")])
def test_exactly_the_frames_of_the_time(
    tmp_path: Path, name: str, codec: str, start: str, end: str, first: int, last: int
) -> None:
    """Key frames are far apart: a cut at those alone would be seconds away."""
    options = {"g": "250", "bf": "3"} if codec == "libx264" else {"g": "250"}
    source = mock_clip(tmp_path / name, levels=LEVELS, codec=codec, options=options)
    found = greys(cut(source, start, end))
    assert found == pytest.approx(LEVELS[first : last + 1], abs=2)


def test_larger_pictures_are_made_smaller_and_others_are_not(tmp_path: Path) -> None:
    for height, expected in ((480, (320, 240)), (240, (320, 240)), (120, (160, 120))):
        source = mock_clip(tmp_path / "a.mp4", width=640 if height == 480 else 320, height=height)
        clip = cut(source, "0", "1", max_height=240 if height == 480 else 720)
        with av.open(str(clip)) as container:
            stream = container.streams.video[0]
            wanted = expected if height != 120 else (320, 120)
            assert (stream.width, stream.height, stream.pix_fmt) == (*wanted, "yuv420p")


def test_an_odd_size_becomes_even(tmp_path: Path) -> None:
    source = mock_clip(
        tmp_path / "a.mkv", width=63, height=47, codec="ffv1", pix_fmt="yuv444p", options={}
    )
    with av.open(str(cut(source, "0", "1"))) as container:
        assert container.streams.video[0].height == 46
        assert container.streams.video[0].width % 2 == 0


@pytest.mark.parametrize("audio", [True, False])
def test_sound_if_wished(tmp_path: Path, audio: bool) -> None:
    add_sound(mock_clip(tmp_path / "a.mp4", levels=LEVELS), tmp_path / "b.mp4")
    clip = cut(tmp_path / "b.mp4", "1", "3", audio=audio)
    with av.open(str(clip)) as container:
        assert len(container.streams.audio) == audio
        if audio:
            stream = container.streams.audio[0]
            assert float(stream.duration * stream.time_base) == pytest.approx(2, abs=0.1)
    assert greys(clip) == pytest.approx(LEVELS[10:30], abs=2)


def test_a_clip_without_sound_is_no_fault(tmp_path: Path) -> None:
    assert greys(cut(mock_clip(tmp_path / "a.mp4"), "0", "1", audio=True))


def test_a_video_that_ends_before(tmp_path: Path) -> None:
    source = mock_clip(tmp_path / "a.mp4", levels=LEVELS)
    with pytest.raises(EndsBeforeError, match=r"has no frame in that time; the last is at 3\.9 s"):
        cut(source, "4", "5")


def test_a_video_that_breaks_off(tmp_path: Path) -> None:
    """The index is in front and promises four seconds; a third of the data is there."""
    source = mock_clip(
        tmp_path / "a.mp4", levels=LEVELS, width=320, height=240, options={"qp": "1", "g": "1"}
    )
    with (
        av.open(str(source)) as old,
        av.open(str(tmp_path / "b.mp4"), "w", options={"movflags": "+faststart"}) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    content = (tmp_path / "b.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=r"breaks off at [12]\.\d s"):
        cut(tmp_path / "b.mp4", "0", "4")
    assert not (tmp_path / "out" / "clip.mp4").exists()


def test_sound_that_goes_on_longer_is_no_damage(tmp_path: Path) -> None:
    """A Matroska file says only how long all of it is."""
    add_sound(mock_clip(tmp_path / "a.mp4", levels=LEVELS[:20]), tmp_path / "b.mkv")
    assert greys(cut(tmp_path / "b.mkv", "1", "3.5")) == pytest.approx(LEVELS[10:20], abs=2)


@pytest.mark.parametrize(
    ("start", "end", "shown"), [("0.5", "3", [10]), ("1.05", "1.25", [11, 12]), ("1.5", "3", [])]
)
def test_variable_frame_rates(tmp_path: Path, start: str, end: str, shown: list[int]) -> None:
    """The first frame shows for a second, the fourth for 1.8."""
    pts = [0, *range(10, 13), 30, 31]
    source = mock_clip(tmp_path / "a.mp4", levels=[LEVELS[n] for n in pts], pts=pts)
    if not shown:
        with pytest.raises(EndsBeforeError, match="has no frame in that time"):
            cut(source, start, end)
        return
    found = greys(cut(source, start, end))
    assert found[: len(shown)] == pytest.approx([LEVELS[n] for n in shown], abs=2)


@pytest.mark.parametrize(("start", "end"), [("1", "2.5"), ("1.3", "2.5"), ("0", "1"), ("3.5", "9")])
@pytest.mark.parametrize(("name", "distance"), [("a.ts", "250"), ("a.ts", "7"), ("a.flv", "250")])
def test_files_without_an_index(
    tmp_path: Path, name: str, distance: str, start: str, end: str
) -> None:
    options = {"g": distance, "bf": "2", "qp": "4"}
    source = mock_clip(tmp_path / name, levels=LEVELS, options=options)
    first, last = round(float(start) * 10), min(40, round(float(end) * 10))
    assert greys(cut(source, start, end)) == pytest.approx(LEVELS[first:last], abs=3)


def test_slow_frame_rates_are_no_damage(tmp_path: Path) -> None:
    source = mock_clip(tmp_path / "a.mp4", levels=[50, 100, 150, 200], rate=Fraction(1))
    assert greys(cut(source, "0.5", "3.5"))[:2] == pytest.approx([100, 150], abs=2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Not found</html>",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
        b"\0" * 999,
    ],
)
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(SourceError, match="is no video"):
        cut(tmp_path / "a.mp4", "0", "1")
    assert not list((tmp_path / "out").iterdir()) if (tmp_path / "out").exists() else True


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(MediaError, match="has no picture track"):
        cut(tmp_path / "a.mp4", "0", "1")


@pytest.mark.parametrize(
    ("program", "words"), [("false", "cannot be cut: exit code 1"), ("none", "cannot be run")]
)
def test_an_ffmpeg_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, words: str
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", shutil.which(program) or str(tmp_path / program))
    source = mock_clip(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match=words):
        cut(source, "0", "1")


def test_a_place_that_cannot_be_written_is_not_the_fault_of_the_video(tmp_path: Path) -> None:
    source = mock_clip(tmp_path / "a.mp4")
    (tmp_path / "out").write_text("a file")
    with pytest.raises(MediaError) as caught:
        cut_clip(
            source,
            tmp_path / "out" / "clip.mp4",
            start_s=Decimal(0),
            end_s=Decimal(1),
            max_height=720,
            keep_audio=False,
        )
    assert not isinstance(caught.value, SourceError)
