"""Label files that came to harm: read, followed into events, planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from seldsynth.assets import scan_library
from seldsynth.config_file import load_config
from seldsynth.events import events_of
from seldsynth.metadata import read_labels
from seldsynth.planner import make_plan
from tests.conftest import SHARED_DATA, mock_project
from tests.fuzz.harm import harmed

NASTY = (
    *("nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e400", "-0", "-0.0", "0x10", "1_0"),
    *(
        "9" * 25,
        "9" * 5000,
        "-1",
        "13",
        "255",
        "2147483648",
        "1e9",
        "72000",
        "71999",
        "361",
        "-181",
    ),
    *("90.0001", "-90", "1.5", "1,5", "1.5.5", "--1", "+1", "1e", "e1", "", " ", '"', '""', '"5"'),
    *('5"', '5","', "'5'", "\0", "\ufeff", "\x1b[31m", "\x85", "\u2028", "\u200b", "٣", "三", "½"),
    *("True", "None", "NaN", "NA", "null", "#N/A", "1+0j", "1/2", "=1+1", "frame", "azimuth"),
    *("\x1a", "\x0b", "\x0c", "\x1c", "é", "\U0001f514", "<b>", "%s", "{0}", "\\", "//", "#"),
)
HEADERS = (
    "frame,class,source,azimuth,elevation,distance",
    "frame,class,source,azimuth,distance,onscreen",
    "Frame;Class;Source;Azimuth;Elevation",
    "frame,class,source,azimuth,azimuth",
    "class,frame,azimuth,source",
    "nan,inf,infinity,azimuth,frame,class,source",
    "a,b,c,d,e",
    "frame,class,source," + "azimuth" * 60,
    "0,1,2,3,abc",
)
CODECS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp500")


def seed_texts(rng: np.random.Generator) -> list[str]:
    """Label files of every form there is, as they should be."""
    rows = []
    for source in range(5):
        frames = np.arange(int(rng.integers(0, 30)), int(rng.integers(31, 60)))
        azimuths = (int(rng.integers(360)) + 5 * frames * (source % 3)) % 360 - 180
        rows += [
            (int(frame), int(rng.integers(13)) if source == 4 else source, source % 3, int(azimuth))
            for frame, azimuth in zip(frames, azimuths, strict=True)
        ]
    rows.sort()
    plain = [",".join(map(str, row)) for row in rows]
    return [
        "".join(f"{row},{index % 90}\n" for index, row in enumerate(plain)),
        "".join(f"{row},{index % 90},{100 + index}\n" for index, row in enumerate(plain)),
        "".join(f"{row},{index % 90},{1 + index / 100:.3f}\n" for index, row in enumerate(plain)),
        HEADERS[1] + "\n" + "".join(f"{row},{150 + index},1\n" for index, row in enumerate(plain)),
        HEADERS[0].replace(",", ";")
        + "\r\n"
        + "\r\n".join(f"{r},5,2.5" for r in plain).replace(",", ";"),
        "".join(f"{row},{index % 90}\n".replace(",", "\t") for index, row in enumerate(plain)),
        "".join(f'"{row}",2\n'.replace(",", '","', 3) for row in plain),
    ]


class Cases:
    """Mutations of label files."""

    def __init__(self, folder: Path) -> None:
        project = mock_project(folder, processing={"dark_background": True})
        self._config = load_config(project, ["tiles.missing=skip"])
        self._library = scan_library(
            dict(self._config.input), canvas_key=None, follow_symlinks=False
        )
        for files in self._library.tiles.values():
            for file in files:
                assert self._library.check(file)
        self._folder = folder
        self._real = [
            "".join(path.read_text().splitlines(keepends=True)[:80])
            for path in sorted((SHARED_DATA / "metadata").rglob("*.csv"))
        ]

    def write(self, index: int) -> Path:
        rng = np.random.default_rng([1, index])
        seeds = seed_texts(rng) + self._real
        text = seeds[int(rng.integers(len(seeds)))]
        if rng.random() < 0.85:
            for _ in range(int(rng.integers(1, 4))):
                text = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))](text, rng)
        if rng.random() < 0.02:
            text = _crowded(rng) if rng.random() < 0.5 else _long(rng)
        content = text.encode("utf-8", errors="surrogatepass")
        if rng.random() < 0.1:
            codec = CODECS[int(rng.integers(len(CODECS)))]
            content = text.encode(codec, errors="replace")
        if rng.random() < 0.15:
            content = harmed(content, rng)
        path = self._folder / f"labels_{index:05d}.csv"
        path.write_bytes(content)
        return path

    def carry(self, path: Path, index: int) -> None:
        unit = ("auto", "auto", "m", "cm")[index % 4]
        table = read_labels(path, distance_unit=unit)  # type: ignore[arg-type]
        make_plan(
            self._config,
            events_of(table),
            self._library,
            recording_id=path.stem,
            num_label_frames=table.num_label_frames,
            plan_file=path.with_suffix(".plan.json"),
        ).to_json()


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _some(lines: list[str], rng: np.random.Generator) -> int:
    return int(rng.integers(len(lines)))


def _nasty_cells(text: str, rng: np.random.Generator) -> str:
    """One cell, or a column, or a row, becomes something else."""
    lines = _lines(text)
    separator = next((mark for mark in ";\t" if mark in text), ",")
    value, chosen = NASTY[int(rng.integers(len(NASTY)))], _some(lines, rng)
    column, how = int(rng.integers(7)), rng.random()
    for index, line in enumerate(lines):
        cells = line.split(separator)
        if how < 0.2 and len(cells) > column:
            cells[column] = value
        elif how >= 0.2 and index == chosen:
            cells = [value] * len(cells) if how > 0.9 else cells
            cells[min(column, len(cells) - 1)] = value
        lines[index] = separator.join(cells)
    return "\n".join(lines)


def _numbers(text: str, rng: np.random.Generator) -> str:
    """Some whole numbers become other ones, mostly such as may be."""
    lines = _lines(text)
    for _ in range(int(rng.integers(1, 12))):
        index = _some(lines, rng)
        cells = lines[index].split(",")
        column = int(rng.integers(len(cells)))
        cells[column] = str(
            int(rng.integers(*((0, 13), (-200, 400), (0, 80_000))[rng.integers(3)]))
        )
        lines[index] = ",".join(cells)
    return "\n".join(lines)


def _cut(text: str, rng: np.random.Generator) -> str:
    start, end = sorted(int(place) for place in rng.integers(len(text) + 1, size=2))
    return (text[:start] + text[end:], text[:start], text[end:], text[start:end])[rng.integers(4)]


def _shuffled(text: str, rng: np.random.Generator) -> str:
    return "\n".join(rng.permutation(_lines(text)).tolist())


def _doubled(text: str, rng: np.random.Generator) -> str:
    lines = _lines(text)
    index = _some(lines, rng)
    return "\n".join(lines[:index] + [lines[index]] * int(rng.integers(2, 400)) + lines[index:])


def _joined(text: str, rng: np.random.Generator) -> str:
    lines = _lines(text)
    index = _some(lines, rng)
    joint = ("", ",", " ", "\r", "\t", ";", "\0", "\r\r\n", "\x85", "\u2029")[rng.integers(10)]
    return "\n".join(lines[:index]) + joint + "\n".join(lines[index:])


def _ends(text: str, rng: np.random.Generator) -> str:
    """Line ends of all kinds, alike or mixed."""
    ends = ("\r\n", "\r", "\n\n", "\n\r", "\r\r\n", "\x85", "\u2028", " \n", ",\n", "\t\n")
    if rng.random() < 0.5:
        return text.replace("\n", ends[rng.integers(len(ends))])
    return "".join(line + ends[rng.integers(len(ends))] for line in _lines(text))


def _delimiters(text: str, rng: np.random.Generator) -> str:
    marks = (";", "\t", " ", "|", ", ", ":", ",,", ".", "，")
    limit = -1 if rng.random() < 0.6 else int(rng.integers(1, 40))
    return text.replace(",", marks[rng.integers(len(marks))], limit)


def _with_header(text: str, rng: np.random.Generator) -> str:
    lines = _lines(text)
    index = 0 if rng.random() < 0.7 else _some(lines, rng)
    return "\n".join([*lines[:index], HEADERS[rng.integers(len(HEADERS))], *lines[index:]])


def _marked(text: str, rng: np.random.Generator) -> str:
    marks = ("\ufeff", "\ufeff\ufeff", "\xef\xbb\xbf", "#", "sep=;\n", "\n\n", "\ufffe", "\x1a")
    return marks[rng.integers(len(marks))] + text


def _crowded(rng: np.random.Generator) -> str:
    """Thousands of sources in one label frame or two, of one class or many."""
    count, classes = int(rng.integers(50, 5000)), int(rng.choice([1, 13]))
    frames = range(int(rng.integers(1, 3)))
    sources = int(rng.choice([1, 7, 10_000]))
    rows = [
        f"{frame},{n % classes},{n % sources},{n % 360 - 180},{n // 360}\n"
        for frame in frames
        for n in range(count)
    ]
    return "".join(rows)


def _long(rng: np.random.Generator) -> str:
    """A sound now and then, up to far beyond what a recording lasts."""
    step = int(rng.choice([7, 100, 5000, 10**7]))
    last = int(rng.choice([500, 5000, 71_999, 72_000, 10**6]))
    return "".join(
        f"{n},{n % 13},0,{n % 360 - 180},0,150\n" for n in range(last % step, last + 1, step)
    )


_MUTATIONS: tuple[Callable[[str, np.random.Generator], str], ...] = (
    *(_nasty_cells, _nasty_cells, _nasty_cells, _numbers, _numbers, _cut, _shuffled, _doubled),
    *(_joined, _ends, _delimiters, _with_header, _marked),
)
