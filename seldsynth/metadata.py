"""Label CSVs of any DCASE year ↔ LabelTable.

| source                    | columns                                           | distance      |
| ------------------------- | ------------------------------------------------- | ------------- |
| STARSS22, DCASE 2019–2022 | frame,class,source,azimuth,elevation              | none          |
| STARSS23, DCASE 2023/24   | the same and distance                             | whole cm      |
| SpatialScaper             | the same                                          | metres, 0.001 |
| DCASE 2025 stereo         | header frame,class,source,azimuth,distance,onscreen | whole cm    |

They tell themselves apart. A file that cannot be read is refused whole, with file and line.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seldsynth.classes import NUM_CLASSES
from seldsynth.errors import LabelError, quoted, shown

DistanceUnit = Literal["m", "cm"]

MAX_LABEL_FRAMES = 72_000
"""Two hours. A frame number past that is taken for a fault of the file."""
MAX_ROWS = 250_000
"""Two hours of three sources at a time. More rows are taken for a fault of the file."""
MAX_SOURCES = 100
"""Rows of one label frame. More are taken for a fault of the file."""
_MAX_BYTES = 64 << 20
_MAX_LINE = 1000
_CELL = re.compile(r'\s*(?:"[^"]*"|[^"]*)\s*')
_HEADERLESS = {
    5: ("frame", "class", "source", "azimuth", "elevation"),
    6: ("frame", "class", "source", "azimuth", "elevation", "distance"),
}
_REQUIRED = ("frame", "class", "source", "azimuth")
_KNOWN = (*_REQUIRED, "elevation", "distance", "onscreen")
_EXPECTED = (
    "expected frame,class,source,azimuth,elevation[,distance] without a header, "
    "or a header with these names"
)


@dataclass(frozen=True, kw_only=True)
class LabelTable:
    """The rows of one label file, sorted by frame; all arrays have the same length.

    label_frame: 100 ms each, from 0. class_id: 0..12. source_id: as in the file.
    azimuth_deg: -180..360, as in the file. elevation_deg: -90..90, 0 where the format
    has none. distance_m: metres, nan where the format has none. `distance_unit` is the file's.
    `notes` says in words what was decided or left out while reading.
    """

    label_frame: NDArray[np.int64]
    class_id: NDArray[np.int64]
    source_id: NDArray[np.int64]
    azimuth_deg: NDArray[np.float64]
    elevation_deg: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    distance_unit: DistanceUnit | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the columns belong together."""
        lengths = {
            len(column)
            for column in (
                self.label_frame,
                self.class_id,
                self.source_id,
                self.azimuth_deg,
                self.elevation_deg,
                self.distance_m,
            )
        }
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.label_frame)

    @property
    def num_label_frames(self) -> int:
        """Label frames from the recording's start to the end of its last row."""
        return int(self.label_frame.max()) + 1 if len(self) else 0


def read_labels(
    path: Path, *, distance_unit: Literal["auto"] | DistanceUnit = "auto"
) -> LabelTable:
    """Read a label file of any format in the table above.

    Comma, semicolon or tab between cells; header, quotes, blank lines, any line end, a byte-order
    mark and decimal notation of whole numbers are understood; identical rows count once.
    distance_unit: "auto" takes distances for metres if they have a decimal point or are all
    under 20, else for centimetres. Raises LabelError with file and line.
    """
    lines = _Lines(path)
    columns = _columns(lines)
    frame = _whole(columns, "frame", lines, low=0, high=MAX_LABEL_FRAMES - 1)
    class_id = _whole(columns, "class", lines, low=0, high=NUM_CLASSES - 1)
    source_id = _whole(columns, "source", lines, low=0, high=2**31 - 1)
    _refuse_crowds(frame, lines)
    azimuth = _number(columns, "azimuth", lines)
    _require((azimuth >= -180) & (azimuth <= 360), columns, "azimuth", lines, "-180..360 degrees")
    elevation = np.zeros(len(frame))
    if "elevation" in columns:
        elevation = _number(columns, "elevation", lines)
        allowed = (elevation >= -90) & (elevation <= 90)
        _require(allowed, columns, "elevation", lines, "-90..90 degrees")
    distance, unit = _distance(columns, lines, wish=distance_unit)

    table = np.column_stack((frame, class_id, source_id, azimuth, elevation, distance))
    keep = ~pd.DataFrame(table).duplicated().to_numpy()
    order = np.flatnonzero(keep)[np.argsort(frame[keep], kind="stable")]
    notes: tuple[str, ...] = () if unit is None else (f"distances taken for {_UNIT_NAMES[unit]}",)
    if not keep.all():
        notes += (f"{np.count_nonzero(~keep)} repeated rows left out",)
    return LabelTable(
        label_frame=frame[order],
        class_id=class_id[order],
        source_id=source_id[order],
        azimuth_deg=azimuth[order],
        elevation_deg=elevation[order],
        distance_m=distance[order],
        distance_unit=unit,
        notes=notes,
    )


def write_labels(table: LabelTable, path: Path) -> None:
    """Write the canonical form, that of STARSS23: 6 columns of whole numbers, distance in cm.

    Raises ValueError for a table without distances.
    """
    if np.isnan(table.distance_m).any():
        raise ValueError("a canonical label file needs distances")
    columns = (
        *(table.label_frame, table.class_id, table.source_id),
        *(table.azimuth_deg, table.elevation_deg, table.distance_m),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(label_line(*row) for row in rows)


def label_line(
    label_frame: int,
    class_id: int,
    source_id: int,
    azimuth_deg: float,
    elevation_deg: float,
    distance_m: float,
) -> str:
    """A line of the canonical form: whole degrees, azimuth -180..180, whole centimetres."""
    azimuth = round(azimuth_deg)
    if not -180 <= azimuth <= 180:
        azimuth = (azimuth + 180) % 360 - 180
    angles = f"{azimuth},{round(elevation_deg)}"
    return f"{label_frame},{class_id},{source_id},{angles},{distance_cm(distance_m)}\n"


def distance_cm(distance_m: float) -> int:
    """A distance as canonical label files have it: whole centimetres, halves up."""
    return math.floor(distance_m * 100 + 0.5)


_UNIT_NAMES = {"m": "metres", "cm": "centimetres"}
_PER_METRE = {"m": 1, "cm": 100}


class _Lines:
    """The lines of a label file that are not blank, with their numbers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        texts = self._text().splitlines()
        self.numbers = [number for number, text in enumerate(texts, 1) if text.strip()]
        self.texts = [texts[number - 1] for number in self.numbers]
        if not self.texts:
            raise LabelError(f"{path}: empty; {_EXPECTED}")
        if len(self.texts) > MAX_ROWS + 1:
            rows = f"{len(self.texts):,} lines, of which at most {MAX_ROWS:,} are read"
            raise LabelError(f"{path}: {rows}; split the recording")
        longest = max(range(len(self.texts)), key=lambda index: len(self.texts[index]))
        if len(self.texts[longest]) > _MAX_LINE:
            length = len(self.texts[longest])
            raise self.fault(longest, f"a line of {length} characters, which is no label")
        first = self.texts[0]
        self.separator = next((mark for mark in ";\t" if mark in first), ",")

    def fault(self, index: int, problem: str) -> LabelError:
        """The error for the index-th of these lines."""
        return LabelError(f"{self.path}:{self.numbers[index]}: {problem}")

    def _text(self) -> str:
        try:
            if self.path.stat().st_size > _MAX_BYTES:
                raise LabelError(f"{self.path}: larger than 64 MiB, which no label file is")
            content = self.path.read_bytes()
        except OSError as error:
            raise LabelError(f"{self.path}: cannot be read: {error.strerror}") from None
        utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        try:
            text = content.decode("utf-16" if utf16 else "utf-8-sig")
        except UnicodeDecodeError:
            raise LabelError(f"{self.path}:1: not a text file; {_EXPECTED}") from None
        if "\0" in text:
            line = len(text[: text.index("\0")].splitlines()) or 1
            raise LabelError(f"{self.path}:{line}: contains a NUL byte; the file is damaged")
        return text


def _columns(lines: _Lines) -> dict[str, pd.Series[str]]:
    """Cells as text by column name, from whatever layout the file has."""
    header = _header(lines)
    start = 0 if header is None else 1
    texts = lines.texts[start:]
    if header is None and all(text.rstrip().endswith(lines.separator) for text in texts):
        texts = [text.rstrip()[:-1] for text in texts]
    counts = [text.count(lines.separator) + 1 for text in texts]
    if header is None:
        if counts[0] not in _HEADERLESS:
            raise lines.fault(0, f"{counts[0]} columns; {_EXPECTED}")
        header = _HEADERLESS[counts[0]]
    for index, count in enumerate(counts, start):
        if count != len(header):
            raise lines.fault(index, f"{count} columns, expected {len(header)}")
    quoted_texts = [index for index, text in enumerate(texts) if '"' in text]
    for index in quoted_texts:
        if not all(_CELL.fullmatch(cell) for cell in texts[index].split(lines.separator)):
            raise lines.fault(index + start, "a quotation mark that is never closed, or in a cell")
    cells = pd.read_csv(
        io.StringIO("\n".join(texts)),
        sep=lines.separator,
        header=None,
        names=list(header),
        index_col=False,
        dtype=str,
        quoting=csv.QUOTE_NONE,
        keep_default_na=False,
        na_values=[],
        skip_blank_lines=False,
    )
    columns = {name: cells[name].str.strip() for name in header}
    if quoted_texts:
        return {name: column.str.strip('"').str.strip() for name, column in columns.items()}
    return columns


def _header(lines: _Lines) -> tuple[str, ...] | None:
    """Column names, if the first line has any; None for a file without a header."""
    cells = [cell.strip().strip('"').strip() for cell in lines.texts[0].split(lines.separator)]
    if not any(re.search(r"[A-Za-z]{3}", cell) and not _is_number(cell) for cell in cells):
        return None
    names = tuple(cell.lower() for cell in cells)
    for name in sorted(names, key=_is_number):  # a word is odder than a number here
        if name not in _KNOWN or names.count(name) > 1:
            raise lines.fault(
                0, f"{quoted(name)} is neither a number nor a known column; {_EXPECTED}"
            )
    for name in _REQUIRED:
        if name not in names:
            raise lines.fault(0, f"no column {name}; {_EXPECTED}")
    return names


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(columns: dict[str, pd.Series[str]], name: str, lines: _Lines) -> NDArray[np.float64]:
    values: NDArray[np.float64] = pd.to_numeric(columns[name], errors="coerce").to_numpy(np.float64)
    _require(np.isfinite(values), columns, name, lines, "a number")
    return values


def _whole(
    columns: dict[str, pd.Series[str]], name: str, lines: _Lines, *, low: int, high: int
) -> NDArray[np.int64]:
    values = _number(columns, name, lines)
    _require(values == np.rint(values), columns, name, lines, "a whole number")
    allowed = (values >= low) & (values <= high)
    _require(allowed, columns, name, lines, f"one of {low}..{high}")
    return values.astype(np.int64)


def _require(
    good: NDArray[np.bool_],
    columns: dict[str, pd.Series[str]],
    name: str,
    lines: _Lines,
    expected: str,
) -> None:
    """Raise the error of the first row that is not good."""
    if good.all():
        return
    row = int(np.argmin(good))
    index = len(lines.texts) - len(good) + row
    cell = shown(columns[name].iloc[row]) or "(empty)"
    raise lines.fault(index, f"{name} {cell} is not {expected}")


def _refuse_crowds(frame: NDArray[np.int64], lines: _Lines) -> None:
    """Raise LabelError where a label frame has more rows than there can be sources."""
    if not len(frame):
        return
    crowded = int(np.argmax(counts := np.bincount(frame)))
    if counts[crowded] > MAX_SOURCES:
        row = int(np.flatnonzero(frame == crowded)[MAX_SOURCES])
        index = len(lines.texts) - len(frame) + row
        problem = f"frame {crowded} has {counts[crowded]} rows, expected at most {MAX_SOURCES}"
        raise lines.fault(index, problem)


def _distance(
    columns: dict[str, pd.Series[str]], lines: _Lines, *, wish: Literal["auto"] | DistanceUnit
) -> tuple[NDArray[np.float64], DistanceUnit | None]:
    """Distances in metres, nan where there are none, and the unit they were written in."""
    if "distance" not in columns:
        return np.full(len(columns["frame"]), np.nan), None
    values = _number(columns, "distance", lines)
    _require(values > 0, columns, "distance", lines, "over 0")
    unit = wish
    if unit == "auto":
        point = bool(columns["distance"].str.contains(".", regex=False).any())
        unit = "m" if point or not len(values) or values.max() < 20 else "cm"
    return values / _PER_METRE[unit], unit
