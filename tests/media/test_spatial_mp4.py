"""The boxes of a 360° video: seen by others' tools, and nothing else changed."""

import json
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from seldsynth.errors import MediaError
from seldsynth.media import spatial_mp4
from seldsynth.media.sound_tracks import SoundFormat, SoundTrack, add_sound_stream, sound_frames
from seldsynth.media.spatial_mp4 import SpatialTags, read_tags, write_tagged
from tests.conftest import lacks, mock_clip, mock_sound

TAGGED = SpatialTags(spherical_v2=True, spherical_v1=True, foa=True, index_first=True)


def mock_video(
    folder: Path, *, sound: bool = True, codec: str = "aac", options: dict[str, str] | None = None
) -> Path:
    """An MP4 with its index at the end, as FFmpeg writes it: eight frames, and four channels."""
    path = folder / "plain.mp4"
    form = SoundFormat(
        codec=codec,  # type: ignore[arg-type]
        channels=4,
        sample_rate=48000,
        bits_per_s=128000,
        bits=16,
        foa=True,
    )
    with av.open(str(path), "w", format="mp4", options=options or {}) as container:
        video = container.add_stream("libx264", rate=Fraction(10), options={"qp": "30"})
        video.width, video.height, video.pix_fmt = 64, 32, "yuv420p"
        audio = add_sound_stream(container, form) if sound else None
        for index in range(8):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64), 20 * index + 20, np.uint8), format="yuv420p"
            )
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(video.encode(frame))
        if audio is not None:
            source = mock_sound(folder / "plain.wav")
            for one in sound_frames(SoundTrack(path=source, form=form, num_samples=38400)):
                container.mux(audio.encode(one))
            container.mux(audio.encode(None))
        container.mux(video.encode(None))
    return path


def decoded(path: Path) -> list[bytes]:
    """Every frame of every track, and when it comes."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode():
            found.append(str(frame.pts).encode() + frame.to_ndarray().tobytes())
    return found


@pytest.mark.parametrize("codec", ["aac", "flac", "opus"])
def test_tags_are_there_and_the_content_stays(tmp_path: Path, codec: str) -> None:
    path, target = mock_video(tmp_path, codec=codec), tmp_path / "out.mp4"
    before = path.read_bytes()
    nothing = SpatialTags(spherical_v2=False, spherical_v1=False, foa=False, index_first=False)
    assert read_tags(path) == nothing
    write_tagged(path, target, foa=True)
    assert read_tags(target) == TAGGED
    assert decoded(target) == decoded(path)
    assert path.read_bytes() == before


def test_twice_is_the_same_as_once(tmp_path: Path) -> None:
    once, twice = tmp_path / "once.mp4", tmp_path / "twice.mp4"
    write_tagged(mock_video(tmp_path), once, foa=True)
    write_tagged(once, twice, foa=True)
    assert once.read_bytes() == twice.read_bytes()
    write_tagged(once, twice, foa=False)
    assert read_tags(twice) == SpatialTags(
        spherical_v2=True, spherical_v1=True, foa=False, index_first=True
    )


def test_a_video_without_sound_has_no_ambisonics(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    write_tagged(mock_video(tmp_path, sound=False), target, foa=True)
    assert read_tags(target) == SpatialTags(
        spherical_v2=True, spherical_v1=True, foa=False, index_first=True
    )


@pytest.mark.skipif(lacks("ffprobe"), reason="no ffprobe here (Debian: ffmpeg)")
def test_ffprobe_sees_the_sphere_and_four_channels(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    write_tagged(mock_video(tmp_path), target, foa=True)
    words = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(target)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert run.stderr == ""
    video, audio = json.loads(run.stdout)["streams"]
    sides = {one["side_data_type"]: one for one in video["side_data_list"]}
    assert sides["Spherical Mapping"]["projection"] == "equirectangular"
    assert [sides["Spherical Mapping"][turn] for turn in ("yaw", "pitch", "roll")] == [0, 0, 0]
    assert sides["Stereo 3D"]["type"] == "2D"
    assert (audio["channels"], audio["channel_layout"]) == (4, "4.0")


@pytest.mark.skipif(lacks("exiftool"), reason="no exiftool here (Debian: libimage-exiftool-perl)")
def test_exiftool_sees_the_sphere(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    write_tagged(mock_video(tmp_path), target, foa=True)
    words = ["exiftool", "-j", "-G", "-validate", "-warning", "-error", "-a", str(target)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    (found,) = json.loads(run.stdout)
    assert found["ExifTool:Validate"] == "OK"
    words = ["exiftool", "-j", "-G", str(target)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    (found,) = json.loads(run.stdout)
    assert found["XMP:ProjectionType"] == "equirectangular"
    assert found["XMP:Spherical"] is True
    assert found["QuickTime:Stereoscopic3D"] == ("Monoscopic")


def boxes(content: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of the boxes in a row, by another reader than the one that is tested."""
    found = []
    while content:
        size = int.from_bytes(content[:4], "big")
        found.append((content[4:8], content[8:size]))
        content = content[size:]
    return found


def inside(content: bytes, *path: bytes) -> bytes:
    for kind in path:
        content = next(inner for name, inner in boxes(content) if name == kind)
    return content


def test_boxes_are_as_the_specifications_have_them(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    write_tagged(mock_video(tmp_path), target, foa=True)
    content = target.read_bytes()
    assert [kind for kind, _ in boxes(content)][:2] == [b"ftyp", b"moov"]
    video, audio = (inner for kind, inner in boxes(inside(content, b"moov")) if kind == b"trak")
    table = inside(video, b"mdia", b"minf", b"stbl", b"stsd")
    entry = boxes(inside(table[8:], b"avc1")[78:])
    assert [kind for kind, _ in entry][-2:] == [b"st3d", b"sv3d"]
    assert dict(entry)[b"st3d"] == bytes(5)
    sphere = dict(entry)[b"sv3d"]
    assert inside(sphere, b"svhd") == bytes(4) + b"seldsynth\0"
    assert inside(sphere, b"proj", b"prhd") == bytes(16)
    assert inside(sphere, b"proj", b"equi") == bytes(20)
    xml = inside(video, b"uuid")
    assert xml[:16].hex() == "ffcc8263f8554a938814587a02521fdd"
    assert b"<GSpherical:ProjectionType>equirectangular<" in xml
    table = inside(audio, b"mdia", b"minf", b"stbl", b"stsd")
    ambisonics = inside(inside(table[8:], b"mp4a")[28:], b"SA3D")
    assert ambisonics == struct.pack(">BBIBBI4I", 0, 0, 1, 0, 0, 4, 0, 1, 2, 3)


@pytest.mark.parametrize("limit", [1, 900, 3000])
def test_chunk_offsets_grow_to_64_bits_where_they_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """With a limit that a small file meets, in place of 4 GiB."""
    path, target, again = mock_video(tmp_path), tmp_path / "out.mp4", tmp_path / "again.mp4"
    before = decoded(path)
    monkeypatch.setattr(spatial_mp4, "_LIMIT_OF_32_BITS", limit)
    write_tagged(path, target, foa=True)
    assert decoded(target) == before
    assert b"co64" in target.read_bytes()
    write_tagged(target, again, foa=True)
    assert again.read_bytes() == target.read_bytes()


def test_a_box_of_64_bits(tmp_path: Path) -> None:
    """Its header is twice as long; FFmpeg leaves a free box before mdat for that."""
    path, target = mock_video(tmp_path), tmp_path / "out.mp4"
    before = decoded(path)
    content = path.read_bytes()
    place = content.index(b"mdat") - 4
    size = int.from_bytes(content[place : place + 4], "big")
    assert content[place - 8 : place] == struct.pack(">I4s", 8, b"free")
    large = struct.pack(">I4sQ", 1, b"mdat", size + 8)
    path.write_bytes(content[: place - 8] + large + content[place + 8 :])
    write_tagged(path, target, foa=True)
    assert decoded(target) == before


def test_a_box_to_the_end_of_the_file(tmp_path: Path) -> None:
    first, target = tmp_path / "first.mp4", tmp_path / "out.mp4"
    write_tagged(mock_video(tmp_path), first, foa=False)
    content = bytearray(first.read_bytes())
    place = content.index(b"mdat") - 4
    content[place : place + 4] = bytes(4)
    first.write_bytes(content)
    write_tagged(first, target, foa=True)
    assert decoded(target) == decoded(first)


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_every_frame", "dash"])
def test_fragmented_files_are_refused(tmp_path: Path, flags: str) -> None:
    path = mock_video(tmp_path, options={"movflags": flags})
    with pytest.raises(MediaError, match=r"plain\.mp4: is a fragmented MP4.*remux it first"):
        write_tagged(path, tmp_path / "out.mp4", foa=True)


def test_what_is_no_mp4_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    for name, content in (("empty", b""), ("short", b"\0\0\0"), ("text", b"hello, world" * 20)):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(MediaError, match=f"{name}: is "):
            write_tagged(path, target, foa=True)
    with pytest.raises(MediaError, match=r"a\.mkv: is "):
        write_tagged(mock_clip(tmp_path / "a.mkv"), target, foa=True)
    with pytest.raises(MediaError, match=r"a\.avi: is "):
        write_tagged(mock_clip(tmp_path / "a.avi"), target, foa=True)
    sound = mock_video(tmp_path).read_bytes()
    path.write_bytes(sound.replace(b"vide", b"none"))
    with pytest.raises(MediaError, match="has no video track"):
        write_tagged(path, target, foa=True)
    with pytest.raises(FileNotFoundError):
        write_tagged(tmp_path / "missing.mp4", target, foa=True)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = mock_video(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(MediaError, match="is cut off"):
        write_tagged(path, tmp_path / "out.mp4", foa=True)


def test_offsets_into_nothing_are_refused(tmp_path: Path) -> None:
    path = mock_video(tmp_path)
    content = bytearray(path.read_bytes())
    place = content.index(b"stco") + 12
    for offset in (len(content), 2**32 - 1, content.index(b"moov") + 4):
        content[place : place + 4] = offset.to_bytes(4, "big")
        path.write_bytes(content)
        with pytest.raises(MediaError, match="lie where there is nothing"):
            write_tagged(path, tmp_path / "out.mp4", foa=True)


def test_a_thousand_damaged_files(tmp_path: Path) -> None:
    """Success or a MediaError, nothing else; what was written can be read again."""
    whole = mock_video(tmp_path).read_bytes()
    tagged = tmp_path / "tagged.mp4"
    write_tagged(tmp_path / "plain.mp4", tagged, foa=True)
    rng = np.random.default_rng(0)
    path, target = tmp_path / "damaged.mp4", tmp_path / "out.mp4"
    outcomes = {"written": 0, "refused": 0}
    for index in range(1000):
        content = bytearray((whole, tagged.read_bytes())[index % 2])
        start = content.index(b"moov") if rng.random() < 0.9 else 0
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(start, min(len(content), start + 3000)))
            how = rng.integers(5)
            if how == 0:
                content[place] = int(rng.integers(256))
            elif how == 1:
                content[place : place + 4] = rng.bytes(4)
            elif how == 2:
                content[place : place + 4] = bytes(4) if rng.random() < 0.5 else b"\xff" * 4
            elif how == 3:
                del content[place : place + int(rng.integers(1, 40))]
            else:
                content[place:place] = rng.bytes(int(rng.integers(1, 40)))
        path.write_bytes(content)
        try:
            write_tagged(path, target, foa=bool(rng.integers(2)))
        except MediaError:
            outcomes["refused"] += 1
        else:
            assert read_tags(target).spherical_v2
            outcomes["written"] += 1
    assert min(outcomes.values()) > 100, outcomes


def test_boxes_within_boxes_without_end(tmp_path: Path) -> None:
    """As deep as the file is long: no recursion."""
    depth = 20000
    nested = b"".join(struct.pack(">I4s", 8 * (depth - n), b"moov") for n in range(depth))
    path = tmp_path / "deep.mp4"
    path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + nested)
    with pytest.raises(MediaError, match="has no video track"):
        write_tagged(path, tmp_path / "out.mp4", foa=True)
