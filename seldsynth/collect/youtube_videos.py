"""Which videos show a class: by what YouTube says of them, and by their own words."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from seldsynth.class_table import SoundClass, WordRules
from seldsynth.words import compiled, matching_spans, words_of

License = Literal["any", "creativeCommon"]

MIN_DURATION_S = 2
_DESCRIPTION_START = 300


class Wishes(BaseModel):
    """What videos are searched for. Durations in seconds; region: ISO 3166-1 alpha-2."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    license: License = "any"
    region: str | None = None
    max_duration_s: int = 600


class Video(BaseModel):
    """A video that may be used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    video_id: str
    title: str
    channel: str
    description: str
    license: str
    duration_s: int

    @property
    def link(self) -> str:
        """Its address."""
        return f"https://www.youtube.com/watch?v={self.video_id}"


class _Snippet(BaseModel):
    title: str
    description: str = ""
    channelTitle: str = ""  # noqa: N815
    liveBroadcastContent: str = "none"  # noqa: N815


class _Region(BaseModel):
    allowed: list[str] | None = None
    blocked: list[str] = []


class _Content(BaseModel):
    duration: str
    projection: str = "rectangular"
    regionRestriction: _Region = _Region()  # noqa: N815
    contentRating: dict[str, Any] = {}  # noqa: N815


class _Status(BaseModel):
    embeddable: bool = True
    license: str = "youtube"
    privacyStatus: str = "public"  # noqa: N815


class _Item(BaseModel):
    """What is used of an item of videos.list."""

    id: str
    snippet: _Snippet
    contentDetails: _Content  # noqa: N815
    status: _Status = _Status()


def judge(item: object, sound_class: SoundClass, wishes: Wishes) -> Video | str:
    """A video that shows the class and can be had, or the reason why it is passed over.

    item: of videos.list, with snippet, contentDetails and status; None if there was none.
    """
    if item is None:
        return "gone"
    try:
        video = _Item.model_validate(item)
    except ValidationError:
        return "not described as expected"
    duration_s = iso_seconds(video.contentDetails.duration)
    region, places = wishes.region, video.contentDetails.regionRestriction
    shut_out = region in places.blocked or (
        places.allowed is not None and region not in places.allowed
    )
    refusals = {
        "private or not embeddable": not video.status.embeddable
        or video.status.privacyStatus == "private",
        "live": video.snippet.liveBroadcastContent != "none",
        "of another licence": wishes.license not in ("any", video.status.license),
        "too short": duration_s is None or duration_s < MIN_DURATION_S,
        "too long": duration_s is not None and duration_s > wishes.max_duration_s,
        "a 360° video": video.contentDetails.projection != "rectangular",
        "for adults": video.contentDetails.contentRating.get("ytRating") == "ytAgeRestricted",
        "not to be seen in the region": region is not None and shut_out,
        "not about the class, by its title": not _is_about(video.snippet, sound_class),
    }
    for reason, applies in refusals.items():
        if applies:
            return reason
    assert duration_s is not None
    return Video(
        video_id=video.id,
        title=video.snippet.title,
        channel=video.snippet.channelTitle,
        description=video.snippet.description,
        license=video.status.license,
        duration_s=duration_s,
    )


def _is_about(snippet: _Snippet, sound_class: SoundClass) -> bool:
    """Whether title or the beginning of the description speak of the class, and the title well."""
    rules = sound_class.title_rules
    title = words_of(snippet.title, quotations=True)
    if any(pattern.search(title) for pattern in compiled(rules.never)):
        return False
    if not rules.any:
        return True
    start = words_of(snippet.description[:_DESCRIPTION_START], quotations=True)
    meant = WordRules(any=rules.any, never=sound_class.caption_rules.never)
    return any(next(matching_spans(text, meant), None) is not None for text in (title, start))


def iso_seconds(duration: str) -> int | None:
    """Seconds of an ISO 8601 duration as YouTube writes it, such as PT1H2M3S; None for others."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", duration)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
