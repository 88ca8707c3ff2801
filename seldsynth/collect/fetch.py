"""A link → the whole video on disk, by yt-dlp; and what its faults mean.

yt-dlp is imported when it is needed: it takes half a second.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seldsynth.collect.cut import ffmpeg_path
from seldsynth.collect.refusals import MAX_BYTES, Reason, reason_of
from seldsynth.errors import CollectError, ConfigError, MediaError

_RETRIES = 3
_TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """How videos are fetched.

    cookies: content of a cookie file. bytes_per_s: at most so fast; None as it goes. sleep_s:
    before each video, half of it before each request.
    """

    max_height: int
    keep_audio: bool
    cookies: str | None
    bytes_per_s: float | None
    sleep_s: float


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A video on disk, and whose it is."""

    path: Path
    title: str
    channel: str
    license: str


class FetchError(CollectError):
    """A video cannot be had."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.words)


def read_cookies(path: Path) -> str:
    """A cookie file's content. Raises ConfigError if it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--cookies {path}: cannot be read: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        cookie = line.removeprefix("#HttpOnly_")
        if cookie.strip() and not cookie.startswith("#") and cookie.count("\t") != 6:
            raise ConfigError(
                f"--cookies {path}:{number}: no cookie of seven columns; export the file anew, in "
                "Netscape format"
            )
    return text


def fetch(
    url: str,
    stem: Path,
    options: FetchOptions,
    *,
    stopping: threading.Event,
    on_bytes: Callable[[int, int | None], None],
) -> Fetched:
    """Download a whole video as stem and an ending of yt-dlp's choice; goes on with a part.

    Raises FetchError, MediaError if it cannot be written here, and InterruptedError once stopping
    is set.
    """
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import DownloadCancelled, YoutubeDLError

    listener = _Listener()

    def check(state: dict[str, Any]) -> None:
        if stopping.is_set():
            raise DownloadCancelled
        total = state.get("total_bytes") or state.get("total_bytes_estimate")
        on_bytes(int(state.get("downloaded_bytes") or 0), int(total) if total else None)

    try:
        with YoutubeDL(_parameters(stem, options, listener, check)) as downloader:
            found = downloader.extract_info(url, download=True) or {}
            # A page with several videos is a playlist, of which the first is fetched.
            entries = [one for one in found.get("entries") or [] if one]
            info = entries[0] if entries else found
    except DownloadCancelled:
        raise InterruptedError from None
    except (YoutubeDLError, OSError, ValueError) as error:
        reason = listener.explain(str(error))
        if reason.name == "disk":
            raise MediaError(f"{stem.parent}: cannot be written: {reason.words}") from None
        raise FetchError(reason) from None
    files = [one.get("filepath") for one in info.get("requested_downloads") or []]
    path = next((Path(one) for one in files if one and Path(one).is_file()), None)
    if path is None:
        raise FetchError(listener.explain(listener.last or "no video formats found"))
    return Fetched(
        path=path,
        title=str(info.get("title") or ""),
        channel=str(info.get("channel") or info.get("uploader") or ""),
        license=str(info.get("license") or ""),
    )


class _Listener:
    """Takes what yt-dlp would print, and refuses for us what we do not want."""

    def __init__(self) -> None:
        self.last = ""
        self._hint = ""

    def explain(self, message: str) -> Reason:
        """What a failure means, in the light of what was warned of before."""
        reason = reason_of(message)
        vague = reason.name in ("not understood", "forbidden", "failed")
        return reason_of(self._hint) if vague and self._hint else reason

    def refuse_live(self, info: dict[str, Any], *_: object, **__: object) -> str | None:
        """A reason not to download a video."""
        if info.get("is_live") or info.get("live_status") == "is_upcoming":
            self.last = "is_live"
            return self.last
        return None

    def debug(self, message: str) -> None:
        if "max-filesize" in message:
            self.last = message

    def info(self, message: str) -> None:
        self.debug(message)

    def warning(self, message: str) -> None:
        """Keep what explains a failure better than the failure itself does."""
        if "JavaScript runtime" in message or "challenge solving failed" in message:
            self._hint = message

    def error(self, message: str) -> None:
        self.last = message


def _parameters(
    stem: Path, options: FetchOptions, listener: _Listener, check: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    low = f"[height<=?{options.max_height}]"
    formats = f"bv*{low}+ba/b{low}/wv*+ba/w" if options.keep_audio else f"bv*{low}/b{low}/wv*/w"
    return {
        "format": formats,
        "outtmpl": {"default": f"{_literal(stem)}.%(ext)s"},
        "merge_output_format": "mkv",
        "ffmpeg_location": ffmpeg_path(),
        "js_runtimes": {"deno": {"path": _deno_path()}},
        "cookiefile": io.StringIO(options.cookies) if options.cookies else None,
        "noplaylist": True,
        "playlist_items": "1",
        "match_filter": listener.refuse_live,
        "max_filesize": MAX_BYTES,
        "ratelimit": options.bytes_per_s,
        "sleep_interval": options.sleep_s,
        "max_sleep_interval": 2 * options.sleep_s,
        "sleep_interval_requests": options.sleep_s / 2,
        "retries": _RETRIES,
        "fragment_retries": _RETRIES,
        "extractor_retries": 0,
        "retry_sleep_functions": {
            kind: lambda n: min(2**n, 30) * options.sleep_s / 2 for kind in ("http", "fragment")
        },
        "socket_timeout": _TIMEOUT_S,
        "cachedir": False,
        "quiet": True,
        "noprogress": True,
        "color": "no_color",
        "logger": listener,
        "progress_hooks": [check],
    }


def _literal(path: Path) -> str:
    """A path that yt-dlp takes as it is: signs that it would expand are doubled."""
    return str(path.absolute()).replace("%", "%%").replace("$", "$$")


def _deno_path() -> str | None:
    """Where the deno package has its program, whether its folder is in PATH or not."""
    with contextlib.suppress(ImportError, FileNotFoundError):
        path: str = importlib.import_module("deno").find_deno_bin()
        return path
    return None
