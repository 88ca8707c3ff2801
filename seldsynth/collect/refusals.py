"""Why a video cannot be had: yt-dlp's messages → reasons, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Again = Literal["now", "later", "never"]

MAX_BYTES = 4 << 30
"""Larger videos are not fetched."""


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


_UPDATE = "pip install -U 'yt-dlp[default,deno]' may help: sites change often"
_COOKIES = "--cookies FILE, exported from a browser that is logged in, may help"

# First come, first served. The words are yt-dlp's, and those it hands on from YouTube.
_REASONS: tuple[tuple[str, Reason], ...] = (
    (
        r"no space left|disk quota|unable to (?:write|open for writing)|permission denied|"
        r"read-only file system",
        Reason(name="disk", words="", again="later"),
    ),
    (
        r"confirm you.{1,8}re not a bot|captcha",
        Reason(
            name="bot check",
            words=f"the site wants proof that this is no robot: wait some hours, or {_COOKIES}",
            again="later",
            asks_less=True,
        ),
    ),
    (
        r"rate-limited|try again later",
        Reason(
            name="asked too fast",
            words="the site was asked too fast: --sleep 10 --workers 1, some hours later",
            again="later",
            asks_less=True,
        ),
    ),
    (
        r"HTTP Error 429|too many requests",
        Reason(
            name="asked too fast",
            words="the site was asked too fast (429): --sleep 10 --workers 1, some hours later",
            again="now",
            asks_less=True,
        ),
    ),
    (r"private video|video is private", Reason(name="private", words="is private")),
    (
        r"members-only|join this channel|channel.s members|requires payment|premium members",
        Reason(name="members only", words="is for paying members only"),
    ),
    (
        r"in your (?:country|location|region)|from your location|geo.?restrict|HTTP Error 451",
        Reason(name="not in this country", words="may not be seen in this country"),
    ),
    (
        r"confirm your age|age.restricted|inappropriate for some users",
        Reason(name="for adults", words=f"is for adults; {_COOKIES}", again="later"),
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
        r"live event|premieres in|live stream|is_live",
        Reason(name="live", words="is live, or has not begun"),
    ),
    (
        r"sign in|log ?in|registered users|for the authentication",
        Reason(name="login", words=f"wants a login; {_COOKIES}", again="later"),
    ),
    (
        r"requested format is not available|no video formats|\bnsig\b|failed to extract|"
        r"unable to extract|needs to be reloaded|extractor error",
        Reason(
            name="not understood", words=f"the site is not understood; {_UPDATE}", again="later"
        ),
    ),
    (
        r"video unavailable|has been removed|been terminated|no longer available|"
        r"is not available|does not exist|HTTP Error 404|HTTP Error 410",
        Reason(name="removed", words="is not there any more"),
    ),
    (
        r"HTTP Error 40[13]",
        Reason(name="forbidden", words=f"access is refused; {_UPDATE}", again="now"),
    ),
    (r"unsupported URL", Reason(name="no video", words="is no page with a video that is known")),
    (
        r"larger than max-filesize",
        Reason(name="too large", words=f"is larger than {MAX_BYTES >> 30} GiB"),
    ),
    (
        r"HTTP Error \d|timed out|\bconnection\b|failed to (?:connect|establish|resolve)|"
        r"remote end closed|incompleteread|bytes read|more expected|did not get any data|"
        r"name or service|\bSSL\b|getaddrinfo|network is|file is empty|content too short|"
        r"unable to download",
        Reason(name="network", words="the connection fails", again="now"),
    ),
)


_ASIDES = re.compile(
    r";? ?(?:please report this|If you (?:believe|think)|See +https?://|Use --cookies|"
    r"\(caused by).*"
)


def reason_of(message: str) -> Reason:
    """What a message of yt-dlp means, in words for a user, followed by its own."""
    plain = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", message).removeprefix("ERROR: ").split())
    said = _ASIDES.sub("", plain)
    said = said if len(said) <= 200 else f"{said[:199]}…"
    # Addresses and quoted paths hold any word.
    meant = re.sub(r"https?://\S+|'[^' ]*[/\\\\][^']*'", "", plain)
    for pattern, reason in _REASONS:
        if re.search(pattern, meant, re.I):
            words = f"{reason.words} ({said})" if reason.words else said
            return replace(reason, words=words)
    return Reason(name="unknown", words=said or "yt-dlp fails without a word", again="later")
