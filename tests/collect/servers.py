"""Servers on 127.0.0.1 for the collecting commands to talk to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 until the block ends; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class QuietHandler(BaseHTTPRequestHandler):
    """One that does not write to the terminal."""

    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # who asked has gone
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def mock_video(video_id: str, title: str, **changes: Any) -> dict[str, Any]:
    """A video as videos.list tells of it. changes: keys of its parts."""
    item: dict[str, Any] = {
        "kind": "youtube#video",
        "id": video_id,
        "snippet": {
            "title": title,
            "description": f"About {video_id},\nin two lines",
            "channelTitle": "A channel",
            "liveBroadcastContent": "none",
        },
        "contentDetails": {"duration": "PT1M5S", "projection": "rectangular"},
        "status": {"embeddable": True, "license": "youtube", "privacyStatus": "public"},
    }
    for part in ("snippet", "contentDetails", "status"):
        known = {*item[part], "regionRestriction", "contentRating"}
        item[part].update({key: value for key, value in changes.items() if key in known})
    return item


def api_error(status: int, reason: str, message: str = "No.") -> tuple[int, bytes, dict[str, str]]:
    """An error as Google's servers give it."""
    error = {"code": status, "message": message, "errors": [{"message": message, "reason": reason}]}
    return status, json.dumps({"error": error}).encode(), {}


@dataclass
class YouTubeServer:
    """What speaks search.list and videos.list of the YouTube Data API v3.

    results: by term, the ids that a search finds. videos: by id. faults: answers to give instead
    of the right ones, first come, first served; None is the right one. requests: what came in.
    """

    results: dict[str, list[str]]
    videos: dict[str, dict[str, Any]]
    page_length: int = 50
    faults: list[tuple[int, bytes, dict[str, str]] | None] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    good_tokens: bool = True

    def count(self, method: str) -> int:
        """How often search or videos were asked."""
        return sum(path.endswith(f"/{method}") for path, _, _ in self.requests)

    def terms(self) -> list[str]:
        """The terms searched for, in order."""
        return [query["q"] for path, query, _ in self.requests if path.endswith("/search")]

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serve; yields the address."""
        outer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(address.query).items()}
                outer.requests.append((address.path, query, dict(self.headers)))
                fault = outer.faults.pop(0) if outer.faults else None
                status, body, headers = fault or outer.answer(address.path, query)
                self.answer(status, body, **{"Content-Type": "application/json", **headers})

        with serving(Handler) as address:
            yield address

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if path == "/youtube/v3/search":
            found = self.results.get(query["q"], [])
            start = 0
            if "pageToken" in query:
                if not self.good_tokens:
                    return api_error(400, "invalidPageToken")
                start = int(query["pageToken"].removeprefix("from"))
            end = start + min(self.page_length, int(query["maxResults"]))
            items = [{"id": {"kind": "youtube#video", "videoId": one}} for one in found[start:end]]
            more = {"nextPageToken": f"from{end}"} if end < len(found) else {}
            return 200, json.dumps({"items": items, **more}).encode(), {}
        if path == "/youtube/v3/videos":
            ids = query["id"].split(",")
            if len(ids) > 50:
                return api_error(400, "invalidValue")
            items = [self.videos[one] for one in ids if one in self.videos]
            return 200, json.dumps({"items": items}).encode(), {}
        return api_error(404, "notFound")


@dataclass
class FileServer:
    """Serves files with Range requests, and faults by path.

    files: content by path. behave: by path, what each request in turn meets; then all is well:
    a number is an HTTP status; "break N" closes the connection after N bytes; "cut N" sends N
    bytes and calls that all; "slow" sends in small pieces with pauses; "no range" ignores Range;
    "fine" is fine. requests: path and Range of all GETs; cookies: what came with them.
    """

    files: dict[str, bytes]
    behave: dict[str, list[int | str]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    cookies: list[str | None] = field(default_factory=list)

    def asked(self, path: str) -> list[str | None]:
        """The Range of every GET of a path."""
        return [span for asked, span in self.requests if asked == path]

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serve; yields the address."""
        outer = self

        class Handler(QuietHandler):
            def do_HEAD(self) -> None:
                self.reply(body=False)

            def do_GET(self) -> None:
                outer.requests.append((self.path, self.headers.get("Range")))
                outer.cookies.append(self.headers.get("Cookie"))
                self.reply(body=True)

            def reply(self, *, body: bool) -> None:
                script = outer.behave.get(self.path, [])
                how: int | str = script.pop(0) if script else "fine"
                content = outer.files.get(self.path)
                if isinstance(how, int) or content is None:
                    return self.answer(how if isinstance(how, int) else 404, b"no")
                word, _, number = how.partition(" ")
                if word == "cut":
                    content = content[: int(number)]
                start, total = 0, len(content)
                span = self.headers.get("Range")
                if span and how != "no range":
                    start = int(span.removeprefix("bytes=").partition("-")[0])
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                else:
                    self.send_response(200)
                kinds = {"mpd": "application/dash+xml", "html": "text/html"}
                kind = kinds.get(self.path.rpartition(".")[2], "video/mp4")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(total - start))
                if how != "no range":
                    self.send_header("Accept-Ranges", "bytes")
                self.end_headers()
                if body:
                    self.send(content[start:], word, number)

            def send(self, content: bytes, word: str, number: str) -> None:
                if word == "break":
                    self.wfile.write(content[: int(number)])
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                step = 4096 if word == "slow" else len(content) or 1
                with contextlib.suppress(ConnectionError):
                    for at in range(0, len(content), step):
                        self.wfile.write(content[at : at + step])
                        self.wfile.flush()
                        if word == "slow":
                            time.sleep(0.02)

        with serving(Handler) as address:
            yield address
