"""A link → the whole video on disk, by yt-dlp; and what its faults mean.

yt-dlp is imported when it is needed: it takes half a second.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from seldsynth.collect.cut import ffmpeg_path
from seldsynth.errors import CollectError, ConfigError

Again = Literal["now", "later", "never"]

_MAX_BYTES = 4 << 30
_RETRIES = 3
_TIMEOUT_S = 30


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


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a video cannot be had.

    again: when another attempt may succeed: at once, in a later run, or never. asks_less: the site
    wants to be asked less, for whatever video.
    """

    name: str
    words: str
    again: Again = "never"
    asks_less: bool = False


class FetchError(CollectError):
    """A video cannot be had."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.words)


_UPDATE = "pip install -U 'yt-dlp[default,deno]' may help: sites change often"
_COOKIES = "--cookies FILE, exported from a browser that is logged in, may help"
# First come, first served. Sources: yt-dlp's own messages, and those it hands on from YouTube.
_REASONS: tuple[tuple[str, Reason], ...] = (
    (
        r"confirm you.{1,8}re not a bot",
        Reason(
            name="bot check",
            words=f"the site wants proof that this is no robot: wait some hours, or {_COOKIES}",
            again="later",
            asks_less=True,
        ),
    ),
    (
        r"HTTP Error 429|Too Many Requests|rate-limited by YouTube|try again later",
        Reason(
            name="asked too fast",
            words="the site is asked too fast (429): --sleep 10 --workers 1, some hours later",
            again="now",
            asks_less=True,
        ),
    ),
    (r"Private video|video is private", Reason(name="private", words="is private")),
    (
        r"members-only|Join this channel|channel's members|requires payment|Premium members",
        Reason(name="members only", words="is for paying members only"),
    ),
    (
        r"confirm your age|age.restricted|inappropriate for some users",
        Reason(name="for adults", words=f"is for adults; {_COOKIES}"),
    ),
    (
        r"not (?:made this video )?available in your (?:country|location|region)|geo.?restrict",
        Reason(name="not in this country", words="may not be seen in this country"),
    ),
    (
        r"JavaScript runtime|JS runtime|challenge solving failed",
        Reason(
            name="no JavaScript",
            words="YouTube needs a JavaScript runtime: pip install 'yt-dlp[default,deno]'",
            again="later",
        ),
    ),
    (
        r"live event will begin|Premieres in|live stream|is_live",
        Reason(name="live", words="is live, or has not begun"),
    ),
    (
        r"Requested format is not available|No video formats|nsig|Failed to extract|"
        r"Unable to extract",
        Reason(
            name="not understood", words=f"the site is not understood; {_UPDATE}", again="later"
        ),
    ),
    (
        r"Video unavailable|has been removed|been terminated|no longer available|"
        r"is not available|does not exist|HTTP Error 404|HTTP Error 410",
        Reason(name="removed", words="is not there any more"),
    ),
    (
        r"HTTP Error 403",
        Reason(name="forbidden", words=f"access is refused (403); {_UPDATE}", again="now"),
    ),
    (r"Unsupported URL", Reason(name="no video", words="is no page with a video that is known")),
    (
        r"larger than max-filesize",
        Reason(name="too large", words=f"is larger than {_MAX_BYTES >> 30} GiB"),
    ),
    (
        r"HTTP Error 5\d\d|timed out|Connection|connect|Remote end closed|IncompleteRead|"
        r"bytes read|more expected|Unable to download|Did not get any data|resolve|SSL|network",
        Reason(name="network", words="the connection fails", again="now"),
    ),
    (
        r"No space left|unable to write|unable to open for writing",
        Reason(name="disk", words="", again="later"),
    ),
)


def reason_of(message: str) -> Reason:
    """What a message of yt-dlp means, in words for a user, followed by its own."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message)
    said = " ".join(plain.removeprefix("ERROR: ").split())
    said = re.sub(
        r";? ?(?:please report this|See +https?://|Use --cookies|\(caused by).*", "", said
    )
    said = said if len(said) <= 200 else f"{said[:199]}…"
    for pattern, reason in _REASONS:
        if re.search(pattern, plain, re.I):
            words = f"{reason.words} ({said})" if reason.words else said
            return replace(reason, words=words)
    return Reason(name="failed", words=said or "yt-dlp fails without a word")


def read_cookies(path: Path) -> str:
    """A cookie file's content. Raises ConfigError if it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--cookies {path}: cannot be read: {error}") from None
    cookies = [line for line in text.splitlines() if line and not line.startswith("# ")]
    if not any(line.count("\t") == 6 for line in cookies):
        raise ConfigError(
            f"--cookies {path}: no cookies.txt; export one in Netscape format from your browser"
        )
    return text


def fetch(url: str, stem: Path, options: FetchOptions, *, stopping: threading.Event) -> Fetched:
    """Download a whole video as stem and an ending of yt-dlp's choice; goes on with a part.

    Raises FetchError, and InterruptedError once stopping is set.
    """
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import DownloadCancelled, YoutubeDLError

    listener = _Listener()

    def check(_: dict[str, Any]) -> None:
        if stopping.is_set():
            raise DownloadCancelled

    try:
        with YoutubeDL(_parameters(stem, options, listener, check)) as downloader:
            info = downloader.extract_info(url, download=True)
            info = downloader.sanitize_info(info) or {}
    except DownloadCancelled:
        raise InterruptedError from None
    except (YoutubeDLError, OSError, ValueError) as error:
        raise FetchError(listener.explain(str(error))) from None
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
        "outtmpl": {"default": f"{str(stem).replace('%', '%%')}.%(ext)s"},
        "merge_output_format": "mkv",
        "ffmpeg_location": ffmpeg_path(),
        "js_runtimes": {"deno": {"path": _deno_path()}},
        "cookiefile": io.StringIO(options.cookies) if options.cookies else None,
        "noplaylist": True,
        "playlist_items": "1",
        "match_filter": listener.refuse_live,
        "max_filesize": _MAX_BYTES,
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


def _deno_path() -> str | None:
    """Where the deno package has its program, whether its folder is in PATH or not."""
    with contextlib.suppress(ImportError, FileNotFoundError):
        path: str = importlib.import_module("deno").find_deno_bin()
        return path
    return None
