"""MP4 → the same MP4 as players know a 360° video: boxes that say so, and its index first.

Sources: Google's Spherical Video V2 (st3d, sv3d) and V1 (XML in a uuid box), its Spatial Audio
(SA3D), and ISO/IEC 14496-12 for the boxes themselves. Only the index (`moov`) is read and changed;
pictures and sound are copied as they are.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from seldsynth.errors import MediaError

FOA_CHANNELS = 4
_SOFTWARE = "seldsynth"
_LIMIT_OF_32_BITS = 1 << 32
_MAX_INDEX_BYTES = 1 << 28  # two hours at 240 frames/s need a tenth of that
_WAY_TO_TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_FRAGMENTS = frozenset({b"moof", b"styp", b"sidx", b"mfra"})
_OURS = frozenset({b"st3d", b"sv3d", b"SA3D"})
_ENTRY_HEADS = {b"vide": 78, b"soun": 28}
# Of each box on the way, the bytes before what lies within.
_WAY_TO_COMMENT = {b"udta": 0, b"meta": 4, b"ilst": 0, b"\xa9cmt": 0, b"data": 8}
_XML_UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_XML = (
    '<?xml version="1.0"?>'
    '<rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/">'
    "<GSpherical:Spherical>true</GSpherical:Spherical>"
    "<GSpherical:Stitched>true</GSpherical:Stitched>"
    f"<GSpherical:StitchingSoftware>{_SOFTWARE}</GSpherical:StitchingSoftware>"
    "<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
    "</rdf:SphericalVideo>"
)


@dataclass(frozen=True, kw_only=True)
class SpatialTags:
    """What an MP4 says of itself.

    spherical_v2: st3d and sv3d, mono and equirectangular. spherical_v1: the XML for older players.
    foa: SA3D, first-order ambisonics in ACN order with SN3D. index_first: a player can start
    before it has the whole file. comment: a line of text, as FFmpeg and iTunes write it.
    """

    spherical_v2: bool
    spherical_v1: bool
    foa: bool
    index_first: bool
    comment: str = ""


def write_tagged(source: Path, target: Path, *, foa: bool) -> None:
    """Write a copy of an MP4 that is tagged as equirectangular 360° video.

    foa: its sound is first-order ambisonics (ACN, SN3D) and is tagged so; else an SA3D that is
    there is taken away. Doing it twice is the same as once. Raises MediaError for a file that is
    no MP4, is fragmented, encrypted or damaged, and OSError; target may be there in part then.
    """
    try:
        with source.open("rb") as file:
            movie = _Movie(file)
            for track, handler in movie.tracks():
                _tag(track, handler, foa=foa)
            with target.open("wb") as out:
                movie.write(out)
    except _DamageError as damage:
        raise MediaError(f"{source}: {damage}") from None


def read_tags(path: Path) -> SpatialTags:
    """The tags of an MP4, whose boxes must fill the file exactly; reads its index alone.

    Raises MediaError and OSError as `write_tagged` does.
    """
    try:
        with path.open("rb") as file:
            movie = _Movie(file)
            tracks = list(movie.tracks())
    except _DamageError as damage:
        raise MediaError(f"{path}: {damage}") from None
    videos = [track for track, handler in tracks if handler == b"vide"]
    sounds = [track for track, handler in tracks if handler == b"soun"]
    return SpatialTags(
        spherical_v2=all(_entries_have(track, b"vide", _video_boxes()) for track in videos),
        spherical_v1=all(_xml_box() in track.boxes for track in videos),
        foa=bool(sounds) and all(_entries_have(one, b"soun", _sound_boxes()) for one in sounds),
        index_first=movie.index_first,
        comment=movie.comment(),
    )


class _DamageError(Exception):
    """What is wrong with a file, as the end of a sentence."""


@dataclass
class _Box:
    """A box of an MP4: what stands in it before the boxes within, those, and what is left."""

    kind: bytes
    head: bytes = b""
    boxes: list[_Box] = field(default_factory=list)
    tail: bytes = b""

    def encoded(self) -> bytes:
        content = self.head + b"".join(box.encoded() for box in self.boxes) + self.tail
        return struct.pack(">I", 8 + len(content)) + self.kind + content

    def one(self, *path: bytes) -> _Box:
        """The box at a path of kinds. Raises _DamageError if it is not there, or not alone."""
        box = self
        for kind in path:
            found = [inner for inner in box.boxes if inner.kind == kind]
            if len(found) != 1:
                name = kind.decode("latin-1")
                raise _DamageError(f"is damaged: {len(found)} boxes {name} where one is due")
            (box,) = found
        return box


def _parse(content: bytes, depth: int = len(_WAY_TO_TABLES)) -> tuple[list[_Box], bytes]:
    """The boxes of a container, and a rest of zeros.

    depth: of the container on the way to the sample tables. Boxes further on that way are opened.
    """
    boxes, position = [], 0
    while len(content) - position >= 8:
        kind, start, end = _header(content[position : position + 16], position, len(content))
        box = _Box(kind, head=content[start:end])
        if kind in _WAY_TO_TABLES[depth : depth + 1]:
            box.boxes, box.tail = _parse(box.head, depth + 1)
            box.head = b""
        boxes.append(box)
        position = end
    if any(content[position:]):
        raise _DamageError("is damaged: boxes that do not end where their container does")
    return boxes, content[position:]


def _header(beginning: bytes, position: int, limit: int) -> tuple[bytes, int, int]:
    """Kind of the box at a position, where its content starts and where it ends."""
    if len(beginning) < 8:
        raise _DamageError("is cut off, or no MP4")
    size, kind = struct.unpack(">I4s", beginning[:8])
    length = 8
    if size == 1:
        if len(beginning) < 16:
            raise _DamageError("is cut off, or no MP4")
        (size,) = struct.unpack(">Q", beginning[8:16])
        length = 16
    elif size == 0:
        size = limit - position
    if size < length or position + size > limit:
        raise _DamageError("is cut off or damaged: a box is larger than what it lies in")
    return kind, position + length, position + size


@dataclass(frozen=True)
class _Part:
    """A box at the top of a file, with its header: it begins at start and ends before end."""

    kind: bytes
    start: int
    end: int


class _Movie:
    """An MP4 whose index is in memory; the rest of it stays in the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        parts = list(_parts(file))
        if parts[0].kind != b"ftyp":
            raise _DamageError("is no MP4")
        if any(part.kind in _FRAGMENTS for part in parts):
            raise _DamageError("is a fragmented MP4, which cannot be tagged; remux it first")
        indices = [part for part in parts if part.kind == b"moov"]
        if len(indices) != 1:
            raise _DamageError(
                f"is cut off or damaged: it has {len(indices)} indices (moov), not one"
            )
        (index,) = indices
        if index.end - index.start > _MAX_INDEX_BYTES:
            raise _DamageError("is damaged: its index is larger than any video's")
        if any(part.kind == b"meta" for part in parts):
            raise _DamageError("holds more than a movie, which cannot be moved")
        self.index_first = not any(part.kind == b"mdat" for part in parts[: parts.index(index)])
        self._others = [part for part in parts if part is not index]
        file.seek(index.start)
        boxes, _ = _parse(file.read(index.end - index.start), depth=0)
        (self._index,) = boxes
        if any(box.kind in (b"mvex", b"cmov") for box in self._index.boxes):
            raise _DamageError("is a fragmented MP4, which cannot be tagged; remux it first")

    def tracks(self) -> Iterator[tuple[_Box, bytes]]:
        """Each track, and its handler: `vide`, `soun` or another. Raises _DamageError."""
        handlers = []
        for track in self._index.boxes:
            if track.kind == b"trak":
                handler = track.one(b"mdia", b"hdlr").head[8:12]
                handlers.append(handler)
                yield track, handler
        if b"vide" not in handlers:
            raise _DamageError("has no video track")

    def comment(self) -> str:
        """The text of its comment; nothing if there is none that can be read."""
        boxes, content = self._index.boxes, b""
        for kind, skipped in _WAY_TO_COMMENT.items():
            content = next((box.head[skipped:] for box in boxes if box.kind == kind), b"")
            try:
                boxes, _ = _parse(content) if kind != b"data" else ([], b"")
            except _DamageError:
                return ""
        return content.decode("utf-8", errors="replace")

    def write(self, out: BinaryIO) -> None:
        """Write the file with its index right after its first box. Raises _DamageError."""
        tables = list(self._chunk_tables())
        offsets = [_read_offsets(table) for table in tables]
        while True:
            shifts = self._shifts(len(self._index.encoded()))
            moved = [[shifts.of(offset) for offset in table] for table in offsets]
            for table, values in zip(tables, moved, strict=True):
                _write_offsets(table, values)
            if len(self._index.encoded()) == shifts.index_bytes:
                break  # no table had to grow to 64 bits
        first, *rest = self._others
        self._copy(first, out)
        out.write(self._index.encoded())
        for part in rest:
            self._copy(part, out)

    def _chunk_tables(self) -> Iterator[_Box]:
        for track, _ in self.tracks():
            tables = track.one(b"mdia", b"minf", b"stbl")
            if any(box.kind == b"saio" for box in tables.boxes):
                raise _DamageError("is encrypted, which cannot be tagged")
            found = [box for box in tables.boxes if box.kind in (b"stco", b"co64")]
            if len(found) != 1:
                raise _DamageError("is damaged: a track without one table of chunks")
            yield found[0]

    def _shifts(self, index_bytes: int) -> _Shifts:
        starts, moves, position = [], [], 0
        for number, part in enumerate(self._others):
            starts.append(part.start)
            moves.append(position - part.start)
            position += part.end - part.start + (index_bytes if number == 0 else 0)
        ends = [part.end for part in self._others]
        return _Shifts(index_bytes, starts, ends, moves)

    def _copy(self, part: _Part, out: BinaryIO) -> None:
        self._file.seek(part.start)
        left = part.end - part.start
        while left:
            block = self._file.read(min(left, 1 << 20))
            if not block:
                raise _DamageError("was cut off while it was read")
            out.write(block)
            left -= len(block)


@dataclass(frozen=True)
class _Shifts:
    """How far what lies where in a file moves, if its index has a given length."""

    index_bytes: int
    starts: list[int]
    ends: list[int]
    moves: list[int]

    def of(self, offset: int) -> int:
        """Where the byte at an offset will be. Raises _DamageError where nothing is that stays."""
        number = bisect.bisect_right(self.starts, offset) - 1
        if number < 0 or offset >= self.ends[number]:
            raise _DamageError("is damaged: pictures or sound lie where there is nothing")
        return offset + self.moves[number]


def _parts(file: BinaryIO) -> Iterator[_Part]:
    """The boxes at the top of a file. Raises _DamageError."""
    limit = file.seek(0, 2)
    position = 0
    while position < limit or not limit:
        file.seek(position)
        kind, _, end = _header(file.read(16), position, limit)
        yield _Part(kind, position, end)
        position = end


def _read_offsets(table: _Box) -> list[int]:
    """The chunk offsets of a stco or co64 box."""
    width = 8 if table.kind == b"co64" else 4
    content = table.head
    count = int.from_bytes(content[4:8], "big")
    if len(content) != 8 + width * count:
        raise _DamageError("is damaged: a table of chunks of another length than it says")
    return [value for (value,) in struct.iter_unpack(">Q" if width == 8 else ">I", content[8:])]


def _write_offsets(table: _Box, offsets: list[int]) -> None:
    """Put chunk offsets into a box, which becomes a co64 where they need it."""
    if any(offset >= _LIMIT_OF_32_BITS for offset in offsets):
        table.kind = b"co64"
    code = "Q" if table.kind == b"co64" else "I"
    table.head = struct.pack(f">4xI{len(offsets)}{code}", len(offsets), *offsets)


def _tag(track: _Box, handler: bytes, *, foa: bool) -> None:
    """Tag a track of video or sound; others stay as they are."""
    if handler == b"vide":
        _retag_entries(track, handler, _video_boxes())
        track.boxes = [*(box for box in track.boxes if not _is_xml(box)), _xml_box()]
    elif handler == b"soun":
        is_foa = foa and _num_channels(track) == FOA_CHANNELS
        _retag_entries(track, handler, _sound_boxes() if is_foa else [])


def _retag_entries(track: _Box, handler: bytes, new: list[_Box]) -> None:
    """Replace the spatial boxes in all sample entries of a track."""
    table = _sample_table(track)
    entries = _sample_entries(table, handler)
    for entry in entries:
        entry.boxes = [*(box for box in entry.boxes if box.kind not in _OURS), *new]
    table.head = table.head[:8] + b"".join(entry.encoded() for entry in entries)


def _entries_have(track: _Box, handler: bytes, wanted: list[_Box]) -> bool:
    """Whether all sample entries of a track have these boxes, and no other spatial ones."""
    texts = [box.encoded() for box in wanted]
    return all(
        [box.encoded() for box in entry.boxes if box.kind in _OURS] == texts
        for entry in _sample_entries(_sample_table(track), handler)
    )


def _sample_table(track: _Box) -> _Box:
    return track.one(b"mdia", b"minf", b"stbl", b"stsd")


def _sample_entries(table: _Box, handler: bytes) -> list[_Box]:
    """The sample entries of an stsd box. Raises _DamageError."""
    entries, _ = _parse(table.head[8:])
    if len(entries) != int.from_bytes(table.head[4:8], "big") or not entries:
        raise _DamageError("is damaged: another number of sample entries than it says")
    length = _ENTRY_HEADS[handler]
    for entry in entries:
        if handler == b"soun" and any(entry.head[8:10]):
            raise _DamageError("is a QuickTime movie, not an MP4, which cannot be tagged")
        entry.boxes, entry.tail = _parse(entry.head[length:])
        entry.head = entry.head[:length]
    return entries


def _num_channels(track: _Box) -> int:
    """As the first sample entry of a sound track says."""
    return int.from_bytes(_sample_entries(_sample_table(track), b"soun")[0].head[16:18], "big")


def _full(kind: bytes, content: bytes = b"") -> _Box:
    """A box with version 0 and no flags."""
    return _Box(kind, head=bytes(4) + content)


def _video_boxes() -> list[_Box]:
    mono, no_rotation, whole_sphere = bytes(1), bytes(12), bytes(16)
    projection = [_full(b"prhd", no_rotation), _full(b"equi", whole_sphere)]
    header = _full(b"svhd", _SOFTWARE.encode() + b"\0")
    sphere = _Box(b"sv3d", boxes=[header, _Box(b"proj", boxes=projection)])
    return [_full(b"st3d", mono), sphere]


def _sound_boxes() -> list[_Box]:
    version, periphonic, order, acn, sn3d = 0, 0, 1, 0, 0
    numbers = (version, periphonic, order, acn, sn3d, FOA_CHANNELS, *range(FOA_CHANNELS))
    return [_Box(b"SA3D", head=struct.pack(f">BBIBBI{FOA_CHANNELS}I", *numbers))]


def _xml_box() -> _Box:
    return _Box(b"uuid", head=_XML_UUID + _XML.encode())


def _is_xml(box: _Box) -> bool:
    return box.kind == b"uuid" and box.head.startswith(_XML_UUID)
