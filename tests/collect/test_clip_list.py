from decimal import Decimal
from pathlib import Path

import pytest

from seldsynth.classes import CLASSES
from seldsynth.collect.clip_list import Clip, Row, clips_of, read_list, seconds_of, told_apart
from seldsynth.errors import ConfigError

YOUTUBE = "https://www.youtube.com/watch?v=AbC-_123456"


def row(link: str = YOUTUBE, start: str = "0", end: str = "5", sound_class: str = "3") -> Row:
    return Row(line=2, link=link, start=start, end=end, sound_class=sound_class)


def understood(*rows: Row, max_s: int = 20) -> list[Clip | str]:
    return [clip for _, clip in clips_of(rows, CLASSES, max_s=max_s)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", "0"),
        ("90", "90"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("7.", "7"),
        ("1:05", "65"),
        ("0:65", None),
        ("65:00", "3900"),
        ("1:02:03", "3723"),
        ("1:2:3.25", "3723.25"),
        ("1:60:00", None),
        ("1.23456", "1.235"),
        (" 5 ", "5"),
        ("-1", None),
        ("1:-5", None),
        ("1e3", None),
        ("nan", None),
        ("", None),
        ("1:2:3:4", None),
        ("9" * 30, None),
        ("٣", "3"),
    ],
)
def test_times(text: str, seconds: str | None) -> None:
    assert seconds_of(text) == (None if seconds is None else Decimal(seconds))


@pytest.mark.parametrize(
    "link",
    [
        YOUTUBE,
        "http://youtube.com/watch?v=AbC-_123456",
        "https://m.youtube.com/watch?app=desktop&v=AbC-_123456&list=PLx&index=2",
        "https://music.youtube.com/watch?v=AbC-_123456",
        "https://youtu.be/AbC-_123456",
        "https://youtu.be/AbC-_123456?t=30",
        "https://www.youtube.com/shorts/AbC-_123456",
        "https://youtube.com/shorts/AbC-_123456?feature=share",
        "https://www.youtube.com/embed/AbC-_123456",
        "https://www.youtube-nocookie.com/embed/AbC-_123456",
        "https://www.youtube.com/live/AbC-_123456",
        "youtu.be/AbC-_123456",
        "www.youtube.com/watch?v=AbC-_123456",
    ],
)
def test_the_many_forms_of_a_youtube_link(link: str) -> None:
    (clip,) = understood(row(link))
    assert isinstance(clip, Clip)
    assert (clip.url, clip.video_id) == (YOUTUBE, "AbC-_123456")


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("http://127.0.0.1:8000/bell01.mp4", "bell01"),
        ("https://example.org/a/b/My clip.webm", None),
        ("https://example.org/a/b/My%20clip.webm?x=1", "My_20clip"),
        ("https://vimeo.com/12345/", "12345"),
        ("https://example.org/", "video"),
        ("https://example.org/...", "video"),
        ("https://example.org/..%2F..%2Fetc/passwd", "passwd"),
        ("https://www.youtube.com/@channel", "channel"),
        ("https://www.youtube.com/watch?v=tooshort", "watch"),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("ftp://example.org/a.mp4", None),
        ("/tmp/a.mp4", None),
        ("https://", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_other_links(link: str, name: str | None) -> None:
    (clip,) = understood(row(link))
    if name is None:
        assert isinstance(clip, str)
        assert "is no link; expected https://" in clip
    else:
        assert isinstance(clip, Clip)
        assert (clip.url, clip.video_id) == (link, name)


@pytest.mark.parametrize(
    ("start", "end", "max_s", "name"),
    [
        ("1:00", "1:10", 20, "AbC-_123456_60-70.mp4"),
        ("1.50", "2.250", 20, "AbC-_123456_1.5-2.25.mp4"),
        ("0", "100", 20, "AbC-_123456_0-20.mp4"),
        ("", "", 7, "AbC-_123456_0-7.mp4"),
        ("10", "", 7, "AbC-_123456_10-17.mp4"),
    ],
)
def test_names_and_longest_parts(start: str, end: str, max_s: int, name: str) -> None:
    (clip,) = understood(row(start=start, end=end), max_s=max_s)
    assert isinstance(clip, Clip)
    assert clip.path(Path("out")) == Path("out") / "Class_3" / name


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"sound_class": "13"}, "class '13' is none; 0 to 12, or a name"),
        ({"sound_class": ""}, "class '' is none; 0 to 12"),
        ({"sound_class": "bel"}, "class 'bel' is none; did you mean bell?"),
        ({"end": "0.05"}, "end 0.05 is less than 0.1 s after start 0"),
        ({"start": "x"}, "start 'x' is no time; expected seconds, m:ss or h:mm:ss"),
        ({"end": "1:99"}, "end '1:99' is no time"),
        ({"start": "5", "end": "5"}, "end 5 is not after start 5"),
        ({"start": "13:00:00", "end": "14:00:00"}, "start 13:00:00 is after 12 hours"),
    ],
)
def test_rows_that_cannot_be_understood(changed: dict[str, str], fault: str) -> None:
    (found,) = understood(row(**changed))
    assert isinstance(found, str)
    assert found.startswith(fault)


@pytest.mark.parametrize("name", ["Water tap, faucet", "Class_10", "10", "10.0", "class_10_taps"])
def test_classes_by_name(name: str) -> None:
    (clip,) = understood(row(sound_class=name))
    assert isinstance(clip, Clip)
    assert clip.class_id == 10


def test_different_links_never_share_a_name() -> None:
    rows = [
        row("http://a.example/1/video.mp4"),
        row("http://a.example/2/video.mp4"),
        row("http://a.example/1/video.mp4", start="2"),
        row("http://a.example/other.mp4"),
        row("nonsense"),
    ]
    wishes = clips_of(rows, CLASSES, max_s=20)
    owners = {"other": "http://b.example/other.mp4"}
    apart = [clip for _, clip in told_apart(wishes, owners)]
    names = [clip.video_id for clip in apart if isinstance(clip, Clip)]
    assert (names[0], names[2]) == ("video", "video")
    assert names[1].startswith("video-")
    assert names[3].startswith("other-")
    assert isinstance(apart[4], str)


def test_lists_as_people_have_them(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(
        '\ufeffTitle, Class ,link,Start,end\r\n"A, ""title""",11,http://x/a,0:01,2\r\n'
        '\r\n,,,,\r\n"two\nlines",3,http://x/b\r\n'.encode()
    )
    assert read_list(path) == [
        Row(line=2, link="http://x/a", start="0:01", end="2", sound_class="11"),
        Row(line=6, link="http://x/b", start="", end="", sound_class="3"),
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", ":1: no column link, start, end, class; expected link,start,end,class"),
        (b"link,start,end\n", ":1: no column class"),
        (b"\xff\xfe", "is no UTF-8 CSV"),
        (None, "cannot be read"),
    ],
)
def test_files_that_are_no_list(tmp_path: Path, content: bytes | None, fault: str) -> None:
    path = tmp_path / "l.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_list(path)
    assert str(path) in str(caught.value)
    assert fault in str(caught.value)
