"""download.py end to end, by yt-dlp and ffmpeg, against a server on loopback."""

import contextlib
import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from seldsynth.cli import main
from seldsynth.collect import download as download_module
from seldsynth.collect.cut import ffmpeg_path
from seldsynth.collect.fetch import FetchOptions, _Listener, _parameters
from seldsynth.collect.refusals import reason_of
from seldsynth.media.clips import check_clip
from tests.collect.servers import FileServer
from tests.collect.test_cut import add_sound
from tests.conftest import decode_planes, mock_clip, mock_image

LEVELS = [16 + 5 * index for index in range(40)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "_PAUSE_S", 0.0)
    monkeypatch.setattr(download_module, "_LONG_PAUSE_S", 0.0)


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds, ten frames each, large enough to break off within."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    mock_clip(path, levels=LEVELS, width=160, height=120, options={"g": "1", "qp": "4"}, noise=12)
    content = path.read_bytes()
    assert 200_000 < len(content) < 2_000_000
    return content


def write_list(folder: Path, *rows: str) -> None:
    (folder / "list.csv").write_text("\n".join(["link,start,end,class", *rows]) + "\n")


def arguments(folder: Path, *more: str) -> list[str]:
    return [
        "--csv",
        str(folder / "list.csv"),
        "--output",
        str(folder / "out"),
        "--sleep",
        "0",
        *more,
    ]


def run(folder: Path, *more: str) -> int:
    return main(["download", *arguments(folder, *more)])


def report(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "report.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def statuses(folder: Path) -> list[tuple[str, str]]:
    return [(row["status"], row["reason"]) for row in report(folder)]


def files(folder: Path) -> list[str]:
    """Everything in the output folder but the lists."""
    out = folder / "out"
    paths = (path for path in out.rglob("*") if path.is_file() and path.parent != out)
    return sorted(path.relative_to(out).as_posix() for path in paths)


def greys(path: Path) -> list[float]:
    return [float(luma.mean()) for luma, _ in decode_planes(path)]


def test_a_list_becomes_clips_by_class(
    tmp_path: Path, video: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server = FileServer({"/bell.mp4": video, "/knock.mp4": video})
    with server.running() as address:
        write_list(
            tmp_path,
            f"{address}/bell.mp4,0:01,2.5,11",
            f"{address}/bell.mp4,3,1:00,bell",
            f"{address}/knock.mp4,0,1,12",
            f"{address}/bell.mp4,0:01,2.5,11",
        )
        assert run(tmp_path) == 0
    names = ["Class_11/bell_1-2.5.mp4", "Class_11/bell_3-23.mp4", "Class_12/knock_0-1.mp4"]
    assert files(tmp_path) == names
    assert greys(tmp_path / "out" / names[0]) == pytest.approx(LEVELS[10:25], abs=2)
    assert greys(tmp_path / "out" / names[1]) == pytest.approx(LEVELS[30:], abs=2)
    assert len(server.asked("/bell.mp4")) == 2  # yt-dlp looks at it once, and fetches it once
    rows = report(tmp_path)
    assert [row["file"] for row in rows] == [names[0], names[1], names[2], names[0]]
    assert {row["status"] for row in rows} == {"done"}
    assert rows[1]["message"] == "shorter than wished: the video ends at 4.0 s"
    with (tmp_path / "out" / "attribution.csv").open() as file:
        whose = list(csv.DictReader(file))
    assert [row["file"] for row in whose] == names
    assert whose[0]["link"] == f"{address}/bell.mp4"
    assert not (tmp_path / "out" / ".downloads").exists()
    said = capsys.readouterr().out
    assert "11 bell                              2           1           0           2" in said


def test_a_second_run_asks_nobody(tmp_path: Path, video: bytes) -> None:
    server = FileServer({"/a.mp4": video})
    with server.running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path) == 0
        clip = tmp_path / "out" / "Class_0" / "a_0-1.mp4"
        before, asked = clip.read_bytes(), len(server.requests)
        for more in ((), ("--resume",), ("--retry-failed",)):
            assert run(tmp_path, *more) == 0
            assert statuses(tmp_path) == [("done", "")]
    assert len(server.requests) == asked
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("behave", "reason", "again", "asked", "words"),
    [
        ([404] * 9, "removed", "no", 1, "is not there any more ("),
        ([410] * 9, "removed", "no", 1, "HTTP Error 410"),
        ([403] * 9, "forbidden", "yes", 3, "access is refused; pip install -U 'yt-dlp"),
        ([429] * 9, "asked too fast", "yes", 3, "--sleep 10 --workers 1, some hours later"),
        ([500] * 9, "network", "yes", 3, "the connection fails ("),
        (["fine", *[404] * 9], "removed", "no", 2, "is not there any more"),
        (["cut 3000"] * 9, "damaged", "yes", 6, "is no video: "),
        (["cut 0"] * 9, "network", "yes", None, "the connection fails"),
    ],
)
def test_failures_are_told_apart_and_the_others_go_on(
    tmp_path: Path,
    video: bytes,
    capsys: pytest.CaptureFixture[str],
    behave: list[int | str],
    reason: str,
    again: str,
    asked: int | None,
    words: str,
) -> None:
    server = FileServer({"/bad.mp4": video, "/good.mp4": video}, {"/bad.mp4": behave})
    with server.running() as address:
        good = address.replace("127.0.0.1", "localhost")  # another host, which knows no 429
        write_list(tmp_path, f"{address}/bad.mp4,0,1,0", f"{good}/good.mp4,0,1,1")
        assert run(tmp_path, "--workers", "1") == 1
    assert statuses(tmp_path) == [("failed", reason), ("done", "")]
    first = report(tmp_path)[0]
    assert first["try_again"] == again
    assert words in first["message"]
    assert files(tmp_path) == ["Class_1/good_0-1.mp4"]
    assert asked is None or len(server.asked("/bad.mp4")) == asked
    said = capsys.readouterr()
    assert f"failed:     1 {reason}" in said.out
    assert f"ERROR: line 2: {address}/bad.mp4: " in said.err


@pytest.mark.parametrize(
    "behave",
    [
        ["fine", "break 20000"],
        ["fine", "break 20000", "break 1", "break 30000"],
        ["fine", "break 20000", "no range"],
        ["fine", "cut 20000"],
        ["fine", 503],
        [429, "fine", 429],
        [500],
        ["fine", "slow"],
        ["no range"] * 3,
    ],
)
def test_what_passes_is_lived_through(
    tmp_path: Path, video: bytes, behave: list[int | str]
) -> None:
    """Connections that break in mid-file, servers that lie about the length, forget Range, rest."""
    server = FileServer({"/a.mp4": video}, {"/a.mp4": behave})
    with server.running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,4,0")
        assert run(tmp_path) == 0
    assert greys(tmp_path / "out" / "Class_0" / "a_0-4.mp4") == pytest.approx(LEVELS, abs=3)
    assert files(tmp_path) == ["Class_0/a_0-4.mp4"]


def test_a_broken_download_is_gone_on_with(tmp_path: Path, video: bytes) -> None:
    server = FileServer({"/a.mp4": video}, {"/a.mp4": ["fine", "break 20000"]})
    with server.running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path) == 0
    last = server.asked("/a.mp4")[-1]
    assert last is not None
    assert int(last.removeprefix("bytes=").removesuffix("-")) > 10000


def test_a_site_that_wants_to_be_asked_less_is(tmp_path: Path, video: bytes) -> None:
    server = FileServer({f"/{n}.mp4": video for n in range(5)}, {"/1.mp4": [429] * 3})
    with server.running() as address:
        write_list(tmp_path, *(f"{address}/{n}.mp4,0,1,0" for n in range(5)))
        assert run(tmp_path, "--workers", "1") == 1
        assert statuses(tmp_path) == [("done", ""), *[("failed", "asked too fast")] * 4]
        assert "not asked for: before, the site said: " in report(tmp_path)[4]["message"]
        assert not any(server.asked(f"/{n}.mp4") for n in (2, 3, 4))
        assert run(tmp_path, "--resume") == 0
    assert statuses(tmp_path) == [("done", "")] * 5


def test_resume_and_retry_failed(tmp_path: Path, video: bytes) -> None:
    server = FileServer({"/a.mp4": video, "/b.mp4": video})
    with server.running() as address:
        rows = [f"{address}/{name}.mp4,0,1,0" for name in ("a", "gone", "b")]
        write_list(tmp_path, *rows[:2])
        assert run(tmp_path) == 1
        write_list(tmp_path, *rows)
        asked = len(server.asked("/gone.mp4"))
        # Only what failed, even if it seemed for good; the new row has to wait.
        assert run(tmp_path, "--retry-failed") == 1
        assert len(server.asked("/gone.mp4")) == asked + 1
        assert statuses(tmp_path) == [("done", ""), ("failed", "removed"), ("not tried", "")]
        # Everything but what failed for good.
        assert run(tmp_path, "--resume") == 1
        assert len(server.asked("/gone.mp4")) == asked + 1
        assert statuses(tmp_path) == [("done", ""), ("failed", "removed"), ("done", "")]
        server.files["/gone.mp4"] = video
        assert run(tmp_path, "--retry-failed") == 0
    assert statuses(tmp_path) == [("done", "")] * 3


def test_a_clip_that_was_lost_is_made_again(tmp_path: Path, video: bytes) -> None:
    with FileServer({"/a.mp4": video}).running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path) == 0
        clip = tmp_path / "out" / "Class_0" / "a_0-1.mp4"
        content = clip.read_bytes()
        clip.unlink()
        assert run(tmp_path, "--resume") == 0
    assert clip.read_bytes() == content


@pytest.mark.parametrize("keep", [True, False])
def test_sizes_and_sound(tmp_path: Path, video: bytes, keep: bool) -> None:
    (tmp_path / "silent.mp4").write_bytes(video)
    add_sound(tmp_path / "silent.mp4", tmp_path / "a.mp4")
    with FileServer({"/a.mp4": (tmp_path / "a.mp4").read_bytes()}).running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path, "--max-height", "60", *(["--keep-audio"] if keep else [])) == 0
    clip = tmp_path / "out" / "Class_0" / "a_0-1.mp4"
    info = check_clip(clip)
    assert (info.width, info.height) == (80, 60)
    with av.open(str(clip)) as container:
        assert len(container.streams.audio) == keep


def test_picture_and_sound_that_come_apart_are_joined(tmp_path: Path, video: bytes) -> None:
    """As YouTube has them: a DASH manifest with two files, joined by the ffmpeg of the package."""
    (tmp_path / "silent.mp4").write_bytes(video)
    add_sound(tmp_path / "silent.mp4", tmp_path / "both.mp4")
    served = dash_of(tmp_path / "both.mp4", tmp_path / "dash")
    with FileServer(served).running() as address:
        write_list(tmp_path, f"{address}/a.mpd,0,4,0")
        assert run(tmp_path, "--keep-audio") == 0
    clip = tmp_path / "out" / "Class_0" / "a_0-4.mp4"
    assert greys(clip) == pytest.approx(LEVELS, abs=3)
    with av.open(str(clip)) as container:
        assert len(container.streams.audio) == 1


def dash_of(source: Path, folder: Path) -> dict[str, bytes]:
    """A DASH manifest and its files, by the paths that a server gives them."""
    folder.mkdir()
    command = [ffmpeg_path(), "-v", "error", "-i", str(source), "-c", "copy", "-f", "dash"]
    command += ["-seg_duration", "1", str(folder / "a.mpd")]
    subprocess.run(command, check=True)
    return {f"/{path.name}": path.read_bytes() for path in folder.iterdir()}


def test_names_stay_true_from_list_to_list(tmp_path: Path, video: bytes) -> None:
    """Two sites have a file of the same name; each clip goes on being its own."""
    other = mock_clip(tmp_path / "b.mp4", levels=[200] * 40).read_bytes()
    server = FileServer({"/w/x.mp4": video, "/v/x.mp4": other})
    with server.running() as address:
        write_list(tmp_path, f"{address}/w/x.mp4,0,1,0")
        assert run(tmp_path) == 0
        write_list(tmp_path, f"{address}/v/x.mp4,0,1,0")
        assert run(tmp_path) == 0
        asked = len(server.requests)
        write_list(tmp_path, f"{address}/v/x.mp4,0,1,0", f"{address}/w/x.mp4,0,1,0")
        assert run(tmp_path) == 0
        assert len(server.requests) == asked
    second, first = (tmp_path / "out" / row["file"] for row in report(tmp_path))
    assert first.name == "x_0-1.mp4"
    assert greys(first) == pytest.approx(LEVELS[:10], abs=3)
    assert greys(second) == pytest.approx([200] * 10, abs=2)


def test_the_report_goes_on_over_lists(tmp_path: Path, video: bytes) -> None:
    server = FileServer({"/b.mp4": video})
    with server.running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path) == 1
        write_list(tmp_path, f"{address}/b.mp4,0,1,0")
        assert run(tmp_path) == 0
        assert statuses(tmp_path) == [("done", ""), ("failed", "removed")]
        server.files["/a.mp4"] = video
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path, "--retry-failed") == 0
    assert statuses(tmp_path) == [("done", "")] * 2


def test_attributions_outlive_what_people_do_to_files(tmp_path: Path, video: bytes) -> None:
    out = tmp_path / "out"
    with FileServer({"/a.mp4": video, "/b.mp4": video}).running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0", f"{address}/b.mp4,0,1,0")
        assert run(tmp_path) == 0
        path = out / "attribution.csv"
        path.write_text("\ufeff" + path.read_text())  # by a spreadsheet
        (out / "Class_1").mkdir()
        (out / "Class_0" / "a_0-1.mp4").rename(out / "Class_1" / "a_0-1.mp4")
        (out / "Class_0" / "b_0-1.mp4").unlink()
        write_list(tmp_path, "nonsense,0,1,0")
        assert run(tmp_path) == 1
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row["link"] for row in csv.DictReader(file)}
    assert rows == {
        "Class_0/b_0-1.mp4": f"{address}/b.mp4",
        "Class_1/a_0-1.mp4": f"{address}/a.mp4",
    }


def test_what_cannot_be_written_here_stops_the_run_and_costs_no_second_download(
    tmp_path: Path, video: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server = FileServer({f"/{n}.mp4": video for n in range(3)})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Class_0").write_text("a file")
    with server.running() as address:
        write_list(tmp_path, *(f"{address}/{n}.mp4,0,1,0" for n in range(3)))
        assert run(tmp_path, "--workers", "1") == 1
        assert "Class_0" in capsys.readouterr().err
        assert not server.asked("/2.mp4")
        (tmp_path / "out" / "Class_0").unlink()
        assert run(tmp_path, "--workers", "1") == 0
    assert len(server.asked("/0.mp4")) == 3  # looked at, fetched; looked at
    assert statuses(tmp_path) == [("done", "")] * 3
    assert files(tmp_path) == [f"Class_0/{n}_0-1.mp4" for n in range(3)]


def test_an_empty_file_is_no_clip(tmp_path: Path, video: bytes) -> None:
    clip = tmp_path / "out" / "Class_0" / "a_0-1.mp4"
    clip.parent.mkdir(parents=True)
    clip.touch()
    with FileServer({"/a.mp4": video}).running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path) == 0
    assert greys(clip) == pytest.approx(LEVELS[:10], abs=3)


def test_folders_with_signs_that_others_expand(tmp_path: Path, video: bytes) -> None:
    odd = tmp_path / "$HOME %(id)s ~"
    odd.mkdir()
    with FileServer({"/a.mp4": video}).running() as address:
        write_list(odd, f"{address}/a.mp4,0,1,0")
        assert run(odd) == 0
    assert files(odd) == ["Class_0/a_0-1.mp4"]


def test_a_page_with_a_video(tmp_path: Path, video: bytes) -> None:
    """Two in fact, of which the first is fetched."""
    page = b"<html><body><video src='a.mp4'></video><video src='b.mp4'></video></body></html>"
    other = mock_clip(tmp_path / "b.mp4", levels=[200] * 40).read_bytes()
    served = {"/page.html": page, "/a.mp4": video, "/b.mp4": other}
    with FileServer(served).running() as address:
        write_list(tmp_path, f"{address}/page.html,0,1,0")
        assert run(tmp_path) == 0
    clip = tmp_path / "out" / "Class_0" / "page_0-1.mp4"
    assert greys(clip) == pytest.approx(LEVELS[:10], abs=3)
    assert files(tmp_path) == ["Class_0/page_0-1.mp4"]


def test_rows_that_cannot_be_understood_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_list(tmp_path, "http://127.0.0.1:9/a.mp4,0,1,13", "nothing,0,1,1", "http://x/a,5,1,1")
    assert run(tmp_path) == 1
    assert statuses(tmp_path) == [("failed", "list")] * 3
    assert "ERROR: line 2: http://127.0.0.1:9/a.mp4: class '13' is none" in capsys.readouterr().err


def test_nobody_listens(tmp_path: Path) -> None:
    write_list(tmp_path, "http://127.0.0.1:9/a.mp4,0,1,1")
    assert run(tmp_path) == 1
    assert statuses(tmp_path) == [("failed", "network")]


def test_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_list(tmp_path)
    assert run(tmp_path) == 0
    assert "list.csv: holds no rows" in capsys.readouterr().err
    assert report(tmp_path) == []


@pytest.mark.parametrize(
    ("prepare", "more", "said"),
    [
        (lambda folder: (folder / "list.csv").unlink(), (), "list.csv: cannot be read"),
        (lambda folder: None, ("--retry-failed",), "--retry-failed: there is no "),
        (lambda folder: None, ("--cookies", "none.txt"), "--cookies none.txt: cannot be read"),
        (
            lambda folder: None,
            ("--cookies", __file__),
            "no cookie of seven columns; export the file anew",
        ),
        (lambda folder: (folder / "out").write_text("x"), (), "out: is a file, not a folder"),
        (lambda folder: foreign_report(folder), (), "is of another command; choose another"),
    ],
)
def test_faults(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Path], object],
    more: tuple[str, ...],
    said: str,
) -> None:
    write_list(tmp_path, "http://127.0.0.1:9/a.mp4,0,1,1")
    prepare(tmp_path)
    assert run(tmp_path, *more) in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def foreign_report(folder: Path) -> None:
    """What categorize_flickr30k.py leaves."""
    mock_image(folder / "images" / "1.jpg")
    (folder / "results.csv").write_text("1.jpg| 0| A bell .\n")
    arguments = ["--captions", str(folder / "results.csv"), "--images", str(folder / "images")]
    assert main(["flickr30k", "-q", *arguments, "--output", str(folder / "out")]) == 0


def test_cookies_are_sent_and_never_written(tmp_path: Path, video: bytes) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tme\thello\n")
    before = cookies.read_bytes()
    server = FileServer({"/a.mp4": video})
    with server.running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,1,0")
        assert run(tmp_path, "--cookies", str(cookies)) == 0
    assert set(server.cookies) == {"me=hello"}
    assert cookies.read_bytes() == before


@pytest.mark.parametrize(
    ("message", "name", "again"),
    [
        (
            "ERROR: [youtube] rVXeIRY6H9c: Sign in to confirm you’re not a bot. Use --cookies-from-"
            "browser or --cookies for the authentication.",
            "bot check",
            "later",
        ),
        ("ERROR: [youtube] x: Sign in to confirm you're not a bot.", "bot check", "later"),
        (
            "[youtube] x: Video unavailable. YouTube is requiring a captcha challenge before "
            "playback",
            "bot check",
            "later",
        ),
        (
            "[youtube] x: Private video. Sign in if you've been granted access to this video",
            "private",
            "never",
        ),
        (
            "[youtube] x: Join this channel to get access to members-only content like this video",
            "members only",
            "never",
        ),
        (
            "[youtube] x: Sign in to confirm your age. This video may be inappropriate for some",
            "for adults",
            "later",
        ),
        (
            "[x] 1: This video is only available for registered users. Use --cookies",
            "login",
            "later",
        ),
        ("[youtube] x: Please sign in. Use --cookies-from-browser", "login", "later"),
        (
            "[youtube] x: Video unavailable. This video is no longer available because the YouTube "
            "account associated with this video has been terminated.",
            "removed",
            "never",
        ),
        ("[youtube] x: This video has been removed by the uploader", "removed", "never"),
        ("[generic] Unable to download webpage: HTTP Error 404: Not Found", "removed", "never"),
        (
            "[youtube] x: The uploader has not made this video available in your country",
            "not in this country",
            "never",
        ),
        (
            "[youtube] x: Video unavailable. This video contains content from X, who has blocked "
            "it in your country on copyright grounds",
            "not in this country",
            "never",
        ),
        ("Unable to download webpage: HTTP Error 451: Legal", "not in this country", "never"),
        ("[youtube] x: Premieres in 3 hours", "live", "never"),
        ("[youtube] x: This live event is scheduled for tomorrow", "live", "never"),
        (
            "[youtube] x: No supported JavaScript runtime could be found. Only deno is enabled",
            "no JavaScript",
            "later",
        ),
        (
            "[youtube] x: n challenge solving failed: Some formats may be missing",
            "no JavaScript",
            "later",
        ),
        (
            "[youtube] x: Requested format is not available. Use --list-formats",
            "not understood",
            "later",
        ),
        ("An extractor error has occurred.", "not understood", "later"),
        ("[youtube] x: The page needs to be reloaded.", "not understood", "later"),
        ("[generic] Unsupported URL: https://www.insight-tv.org/a", "no video", "never"),
        ("unable to download video data: HTTP Error 403: Forbidden", "forbidden", "now"),
        ("Unable to download webpage: HTTP Error 401: Unauthorized", "forbidden", "now"),
        ("[youtube] x: HTTP Error 429: Too Many Requests", "asked too fast", "now"),
        (
            "[youtube] x: This content isn't available, try again later. The current session has "
            "been rate-limited by YouTube for up to an hour.",
            "asked too fast",
            "later",
        ),
        ("unable to download video data: HTTP Error 502: Bad Gateway", "network", "now"),
        ("[generic] Unable to download webpage: The read operation timed out", "network", "now"),
        ("The downloaded file is empty", "network", "now"),
        ("unable to write data: [Errno 28] No space left on device", "disk", "later"),
        ("[Errno 13] Permission denied: '/data/network_disk/a.mp4.part'", "disk", "later"),
        ("Something new", "unknown", "later"),
        ("", "unknown", "later"),
    ],
)
def test_what_yt_dlp_says_in_words_for_a_user(message: str, name: str, again: str) -> None:
    reason = reason_of(message)
    assert (reason.name, reason.again) == (name, again)
    assert reason.words or name == "disk"
    assert "\n" not in reason.words
    assert "ERROR" not in reason.words
    assert reason.asks_less == (name in ("bot check", "asked too fast"))


def test_a_missing_javascript_runtime_explains_what_follows_from_it() -> None:
    listener = _Listener()
    listener.warning("[youtube] No supported JavaScript runtime could be found. Only deno is")
    explained = listener.explain("[youtube] x: Requested format is not available")
    assert "pip install 'yt-dlp[default,deno]'" in explained.words
    assert listener.explain("[youtube] x: Private video").name == "private"


def test_live_videos_are_refused() -> None:
    listener = _Listener()
    assert listener.refuse_live({"is_live": False}) is None
    assert listener.refuse_live({"is_live": True}) is not None
    assert listener.explain(listener.last).name == "live"
    assert listener.refuse_live({"live_status": "is_upcoming"}, incomplete=True) is not None


def test_yt_dlp_finds_deno_and_ffmpeg_without_anything_in_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yt_dlp import YoutubeDL
    from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor

    monkeypatch.setenv("PATH", str(tmp_path))
    options = FetchOptions(
        max_height=720, keep_audio=True, cookies=None, bytes_per_s=None, sleep_s=0
    )
    with YoutubeDL(_parameters(tmp_path / "a", options, _Listener(), print)) as downloader:
        assert downloader._js_runtimes["deno"].info.supported
        assert FFmpegPostProcessor(downloader).available


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the real script, in a process of its own that does not outlive the test."""
    with contextlib.ExitStack() as processes:

        def start_one(*more: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "download.py"), *arguments(tmp_path, *more)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield start_one


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_stopped_at_any_moment_and_gone_on_with(
    tmp_path: Path, video: bytes, start: Callable[..., subprocess.Popen[str]], how: str
) -> None:
    """The second video is slow; the run is stopped while it comes, and then goes on."""
    behave: dict[str, list[int | str]] = {"/b.mp4": ["fine", "slow"]}
    server = FileServer({"/a.mp4": video, "/b.mp4": video}, behave)
    with server.running() as address:
        write_list(tmp_path, f"{address}/a.mp4,0,4,0", f"{address}/b.mp4,0,4,1")
        process = start("--workers", "1")
        downloads = tmp_path / "out" / ".downloads"
        wait_for(lambda: sum(path.stat().st_size for path in downloads.glob("b-*.part")) > 20000)
        process.send_signal(getattr(signal, how))
        _, said = process.communicate(timeout=60)
        if how == "SIGINT":
            assert process.returncode == 130
            assert said.strip().splitlines()[-1].endswith("interrupted; --resume goes on from here")
            assert "Traceback" not in said
            assert statuses(tmp_path) == [("done", ""), ("not tried", "")]
        assert [Path(name).parent.name for name in files(tmp_path)] == [".downloads", "Class_0"]
        asked = len(server.requests)
        process = start("--resume")
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        later = server.requests[asked:]
    assert {path for path, *_ in later} == {"/b.mp4"}
    assert any(span and int(span[6:-1]) > 10000 for _, span in later)
    assert files(tmp_path) == ["Class_0/a_0-4.mp4", "Class_1/b_0-4.mp4"]
    for name in files(tmp_path):
        assert greys(tmp_path / "out" / name) == pytest.approx(LEVELS, abs=3)
    assert statuses(tmp_path) == [("done", "")] * 2
