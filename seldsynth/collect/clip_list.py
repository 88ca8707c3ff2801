"""A list of clips, `link,start,end,class` → what to fetch, what to cut out of it, and its name."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from seldsynth.class_table import ClassTable, class_folder
from seldsynth.errors import ConfigError

COLUMNS = ("link", "start", "end", "class")

_YOUTUBE_HOST = re.compile(r"(?:[a-z]+\.)?youtube(?:-nocookie)?\.com")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?/")
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")
_LONGEST_S = 12 * 3600
_SHORTEST_S = Decimal("0.1")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the list, as it is written."""

    line: int
    link: str
    start: str
    end: str
    sound_class: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The four columns."""
        return self.link, self.start, self.end, self.sound_class


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A part of a video, for a class. start_s, end_s: seconds in the video.

    url: what to fetch. video_id: what it is called in file names.
    """

    url: str
    video_id: str
    class_id: int
    start_s: Decimal
    end_s: Decimal

    @property
    def file_name(self) -> str:
        """`<video id>_<start>-<end>.mp4`, the times in seconds."""
        return f"{self.video_id}_{_plain(self.start_s)}-{_plain(self.end_s)}.mp4"

    def path(self, output_dir: Path) -> Path:
        """Where it is to lie."""
        return class_folder(output_dir, self.class_id) / self.file_name


def read_list(path: Path) -> list[Row]:
    """Read a CSV with a header that names link, start, end and class; others are passed over.

    Raises ConfigError for a file that cannot be read, or has not these columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [cell.strip().lower() for cell in next(reader, [])]
            missing = [column for column in COLUMNS if column not in header]
            if missing:
                raise ConfigError(
                    f"{path}:1: no column {', '.join(missing)}; expected link,start,end,class"
                )
            places = [header.index(column) for column in COLUMNS]
            rows = []
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    padded = [*cells, *[""] * len(header)]
                    link, start, end, sound_class = (padded[place].strip() for place in places)
                    rows.append(
                        Row(
                            line=reader.line_num,
                            link=link,
                            start=start,
                            end=end,
                            sound_class=sound_class,
                        )
                    )
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: is no UTF-8 CSV: {error}") from None
    return rows


def clips_of(
    rows: Iterable[Row], classes: ClassTable, *, max_s: int
) -> list[tuple[Row, Clip | str]]:
    """What each row asks for, or why it cannot be understood.

    max_s: longer parts end after so many seconds.
    """
    return [(row, _understand(row, classes, max_s=max_s)) for row in rows]


def told_apart(
    wishes: Iterable[tuple[Row, Clip | str]], owners: Mapping[str, str]
) -> list[tuple[Row, Clip | str]]:
    """The same, with no two links under one video id: who comes later gets a longer one.

    owners: the links that ids stand for already.
    """
    taken, apart = dict(owners), []
    for row, clip in wishes:
        if isinstance(clip, Clip) and taken.setdefault(clip.video_id, clip.url) != clip.url:
            digest = hashlib.sha256(clip.url.encode()).hexdigest()[:8]
            clip = replace(clip, video_id=f"{clip.video_id}-{digest}")
        apart.append((row, clip))
    return apart


def _understand(row: Row, classes: ClassTable, *, max_s: int) -> Clip | str:
    class_id = classes.id_of_folder(re.sub(r"\.0+$", "", row.sound_class))  # 11.0 by pandas
    if class_id is None:
        hint = classes.nearest(row.sound_class)
        return f"class {row.sound_class!r} is none{hint}"
    place = _place_of(row.link)
    if place is None:
        return f"{row.link!r} is no link; expected https://… without blanks"
    start_s = seconds_of(row.start) if row.start else Decimal(0)
    if start_s is None:
        return f"start {row.start!r} is no time; expected seconds, m:ss or h:mm:ss"
    end_s = seconds_of(row.end) if row.end else start_s + max_s
    if end_s is None:
        return f"end {row.end!r} is no time; expected seconds, m:ss or h:mm:ss"
    if end_s <= start_s:
        return f"end {row.end} is not after start {row.start or 0}"
    if end_s - start_s < _SHORTEST_S:
        return f"end {row.end} is less than {_SHORTEST_S} s after start {row.start or 0}"
    if start_s > _LONGEST_S:
        return f"start {row.start} is after 12 hours"
    url, video_id = place
    return Clip(
        url=url,
        video_id=video_id,
        class_id=class_id,
        start_s=start_s,
        end_s=min(end_s, start_s + max_s),
    )


def seconds_of(text: str) -> Decimal | None:
    """Seconds of a time: s, m:ss or h:mm:ss, the last with decimals, to a thousandth; or None."""
    match = _TIME.fullmatch(text.strip())
    if match is None or len(text) > 20:
        return None
    hours, minutes, seconds = match[1], match[2], Decimal(match[3])
    if (minutes is not None and seconds >= 60) or (hours is not None and int(minutes) >= 60):
        return None
    total = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + seconds
    return round(total, 3)


def _place_of(link: str) -> tuple[str, str] | None:
    """What to fetch and what to call it; of YouTube's many forms of links, one."""
    if _HOST.match(link):
        link = f"https://{link}"
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f]", link):
        return None
    video_id = _youtube_id(host, parts.path, parts.query)
    if video_id is not None:
        return f"https://www.youtube.com/watch?v={video_id}", video_id
    name = parts.path.rstrip("/").rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:80].strip("._-")
    return link, plain or "video"


def _youtube_id(host: str, path: str, query: str) -> str | None:
    if host in ("youtu.be", "www.youtu.be"):
        candidate = path.strip("/").partition("/")[0]
    elif _YOUTUBE_HOST.fullmatch(host):
        folder, _, rest = path.strip("/").partition("/")
        if folder in ("shorts", "embed", "live", "v"):
            candidate = rest.partition("/")[0]
        else:
            candidate = parse_qs(query).get("v", [""])[0]
    else:
        return None
    return candidate if _YOUTUBE_ID.fullmatch(candidate) else None


def _plain(seconds: Decimal) -> str:
    """Without an exponent or needless zeros: 90, 1.5."""
    text = f"{seconds:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
