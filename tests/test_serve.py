"""The server: only what the pages need, only from the folder, whatever is asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seldsynth.cli import main
from tests.conftest import mock_labels, mock_project, mock_sound

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    mock_labels(folder / "labels" / "a" / "mix.csv", [(n, 11, 0, 90, 0, 200) for n in range(10)])
    mock_sound(folder / "foa" / "a" / "mix.wav")
    config = mock_project(folder, input={"audio_dir": "foa"})
    assert main(["synth", "--config", str(config), "-q"]) == 0
    (folder / "secret.json").write_text("secret")
    root = folder / "videos"
    (root / "out.json").symlink_to(folder / "secret.json")
    (root / "folder").symlink_to(folder)
    (root / ".hidden.json").write_text("secret")
    (root / "notes.txt").write_text("secret")
    (root / "other.html").write_text("secret")
    for ending in ("mp4", "plan.json", "tracks.csv"):
        (root / f"linked.{ending}").symlink_to(folder / "secret.json")
    (root / "inside.json").symlink_to(root / "a" / "mix.plan.json")
    return root


@pytest.fixture(scope="module")
def port(videos: Path) -> Iterator[int]:
    with served(videos) as found:
        yield found


@contextlib.contextmanager
def served(videos: Path) -> Iterator[int]:
    """A server of a folder in a process of its own; yields its port."""
    words = [sys.executable, "-u", "-m", "seldsynth", "serve", str(videos), "--port", "0"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("http://127.0.0.1:")
        try:
            yield int(line.split("/")[2].split(":")[1])
            assert server.poll() is None, "it died"
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=20) == 0
        finally:
            server.kill()


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask for a path as it is, whatever stands in it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        found = {key.lower(): value for key, value in answer.getheaders()}
        return answer.status, found, answer.read()
    finally:
        connection.close()


def test_the_pages(port: int, videos: Path) -> None:
    status, headers, _ = get(port, "/")
    assert (status, headers["location"]) == (307, "index.html")
    for path, kind in (
        ("/index.html", "text/html"),
        ("/gallery/gallery.js", "text/javascript"),
        ("/gallery/data.js", "text/javascript"),
        ("/gallery/posters/a/mix.jpg", "image/jpeg"),
        ("/-/player?name=a/mix", "text/html"),
        ("/-/app/player.js", "text/javascript"),
        ("/-/app/player.css", "text/css"),
        ("/-/truth/a/mix", "application/json"),
        ("/a/mix.plan.json", "application/json"),
        ("/inside.json", "application/json"),
    ):
        status, headers, content = get(port, path)
        assert (status, headers["content-type"].split(";")[0]) == (200, kind), path
        assert headers["x-content-type-options"] == "nosniff"
        assert content
    assert get(port, "/a/mix.mp4")[2] == (videos / "a" / "mix.mp4").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.json",
        "/a/../../secret.json",
        "/%2e%2e/secret.json",
        "/a/%2e%2e/%2e%2e/secret.json",
        "/..%2fsecret.json",
        "/a/..%2f..%2fsecret.json",
        "/..%5csecret.json",
        "/%252e%252e/secret.json",
        "//etc/passwd",
        "/out.json",
        "/folder/secret.json",
        "/folder/",
        "/folder",
        "/.hidden.json",
        "/notes.txt",
        "/a",
        "/a/",
        "/a/mix.mp4%00.json",
        "/a/%00",
        "/" + "a/" * 4000,
        "/" + "x" * 9000 + ".json",
        "/-/app/../serve.py",
        "/-/app/..%2fserve.py",
        "/-/app/__init__.py",
        "/-/app/player.html",
        "/-/app/none.js",
        "/-/truth/../secret",
        "/-/truth/..%2f..%2fsecret",
        "/-/truth//etc/passwd",
        "/-/truth/none",
        "/-/truth/",
        "/-/truth/a/mix%00",
        "/-/truth/linked",
        "/-/truth/" + "x" * 300,
        "/-/truth/" + "a/" * 300,
        "/-/app/" + "x" * 300 + ".js",
        "/-/app/%00.js",
        "/other.html",
    ],
)
def test_nothing_leaks(port: int, path: str) -> None:
    status, _, content = get(port, path)
    assert status in (307, 400, 404, 405, 414, 431), status
    assert b"secret" not in content.replace(b"../secret", b"")  # its name may be said
    assert b"root:" not in content
    assert b"/tmp" not in content


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1]", ""])
def test_other_hosts_are_refused(port: int, host: str) -> None:
    """A page elsewhere whose name is made to point here."""
    assert get(port, "/a/mix.plan.json", Host=host)[0] == 400


def test_pages_of_other_sites_get_nothing(port: int) -> None:
    """As a script or a picture of theirs; a link that is followed is our own page."""
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
        assert get(port, "/gallery/data.js", **headers)[0] == 403
        assert get(port, "/index.html", **{**headers, "Sec-Fetch-Mode": "navigate"})[0] == 200
    status, headers, _ = get(port, "/gallery/data.js", **{"Sec-Fetch-Site": "same-origin"})
    assert status == 200
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_it_ends_while_somebody_reads(videos: Path) -> None:
    with served(videos) as port, socket.create_connection(("127.0.0.1", port)) as slow:
        (videos / "large.wav").write_bytes(bytes(50_000_000))
        slow.sendall(b"GET /large.wav HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
    (videos / "large.wav").unlink()


def test_ground_truth_for_many_at_once(port: int) -> None:
    expected = get(port, "/-/truth/a/mix")[2]
    with ThreadPoolExecutor(max_workers=50) as executor:
        found = list(executor.map(lambda _: get(port, "/-/truth/a/mix")[2], range(100)))
    assert set(found) == {expected}


def test_ground_truth_that_does_not_fit(port: int, videos: Path) -> None:
    tracks = videos / "a" / "mix.tracks.csv"
    text = tracks.read_text()
    first = text.splitlines()[1]
    try:
        for bad in (first.replace("90.000", "abc"), "999" + first[1:], "0,0.0,77" + first[12:]):
            tracks.write_text(text.replace(first, bad, 1))
            assert get(port, "/-/truth/a/mix")[0] == 404, bad
        tracks.unlink()
        assert json.loads(get(port, "/-/truth/a/mix")[2])["rows"] is None
    finally:
        tracks.write_text(text)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"])
def test_nothing_can_be_changed(port: int, videos: Path, method: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, "/a/mix.plan.json", body=b"x")
    assert connection.getresponse().status in (400, 404, 405)
    connection.close()
    assert (videos / "a" / "mix.plan.json").stat().st_size > 100


def test_ranges(port: int, videos: Path) -> None:
    whole = (videos / "a" / "mix.mp4").read_bytes()
    size = len(whole)
    for wish, expected in (
        ("bytes=0-99", whole[:100]),
        ("bytes=100-", whole[100:]),
        ("bytes=-50", whole[-50:]),
        (f"bytes=10-{10 * size}", whole[10:]),
        (f"bytes={size - 1}-", whole[-1:]),
    ):
        status, headers, content = get(port, "/a/mix.mp4", Range=wish)
        assert (status, content) == (206, expected), wish
        assert headers["accept-ranges"] == "bytes"
        assert headers["content-range"].endswith(f"/{size}")


@pytest.mark.parametrize(
    "wish",
    [
        *("bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=99999999-", "bytes=0-1e9"),
        *("lines=0-5", "bytes 0-5", "bytes=--5", "bytes=0--5", "bytes=-1-5", "bytes=" + "9" * 4400),
        "bytes=" + "0-0," * 500 + "0-0",
        "bytes=" + "0-," * 500 + "0-",
        "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(0, 4000, 3)),
    ],
)
def test_bad_ranges(port: int, videos: Path, wish: str) -> None:
    """An error, or the file or a part of it; never more than a few times its size."""
    status, _, content = get(port, "/a/mix.mp4", Range=wish)
    assert status in (200, 206, 400, 416, 431), status
    assert len(content) <= 4 * (videos / "a" / "mix.mp4").stat().st_size
    assert get(port, "/index.html")[0] == 200


def test_two_hundred_at_once(port: int, videos: Path) -> None:
    whole = (videos / "a" / "mix.mp4").read_bytes()
    start = threading.Barrier(200)

    def ask(index: int) -> bool:
        start.wait(timeout=60)
        first = 7 * index
        status, _, content = get(port, "/a/mix.mp4", Range=f"bytes={first}-{first + 999}")
        return status == 206 and content == whole[first : first + 1000]

    with ThreadPoolExecutor(max_workers=200) as executor:
        assert all(executor.map(ask, range(200)))


def test_garbage_and_those_who_say_nothing(port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(20)]
    for content in (b"\x16\x03\x01\x02", b"GET\r\n\r\n", b"\0" * 5000, b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
            one.sendall(content)
    assert get(port, "/index.html")[0] == 200
    for one in silent:
        one.close()


def test_only_this_machine_is_served(port: int) -> None:
    found = {one[4][0] for one in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    outer = [address for address in found if not str(address).startswith("127.")]
    if not outer:
        pytest.skip("this machine has no address but the loopback's")
    for address in outer:
        with socket.socket() as one:
            one.settimeout(5)
            assert one.connect_ex((address, port)) != 0


def test_a_port_that_is_taken(port: int, videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(videos), "--port", str(port)]) == 2
    assert f"--port {port}: Address already in use" in capsys.readouterr().err
