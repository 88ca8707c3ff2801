from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seldsynth.errors import LabelError
from seldsynth.metadata import LabelTable, read_labels, write_labels
from tests.conftest import mock_labels

SCAPER = "0,3,0,-120,15,3.000\n1,3,0,-118,15,2.950\n1,0,1,44,-3,1.200\n"


def read(tmp_path: Path, text: str | bytes, **options: str) -> LabelTable:
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_labels(path, **options)  # type: ignore[arg-type]


def fault(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(LabelError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/labels.csv")
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path}/labels.csv:")


def same(a: LabelTable, b: LabelTable) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for name in (
            "label_frame",
            "class_id",
            "source_id",
            "azimuth_deg",
            "elevation_deg",
            "distance_m",
        )
    )


def test_spatialscaper(tmp_path: Path) -> None:
    table = read(tmp_path, SCAPER)
    assert table.label_frame.tolist() == [0, 1, 1]
    assert table.class_id.tolist() == [3, 3, 0]
    assert table.source_id.tolist() == [0, 0, 1]
    assert table.azimuth_deg.tolist() == [-120, -118, 44]
    assert table.elevation_deg.tolist() == [15, 15, -3]
    assert table.distance_m.tolist() == [3.0, 2.95, 1.2]
    assert table.distance_unit == "m"
    assert table.notes == ("distances taken for metres",)
    assert table.num_label_frames == 2


def test_starss22_has_no_distance(tmp_path: Path) -> None:
    table = read(tmp_path, "10,1,1,-50,30\n")
    assert np.isnan(table.distance_m).all()
    assert table.distance_unit is None
    assert table.num_label_frames == 11


def test_starss23_is_in_centimetres(tmp_path: Path) -> None:
    table = read(tmp_path, "45,2,0,23,15,299\n46,2,0,17,15,288\n")
    assert table.distance_m.tolist() == [2.99, 2.88]
    assert table.distance_unit == "cm"


def test_stereo_has_no_elevation(tmp_path: Path) -> None:
    header = "frame,class,source,azimuth,distance,onscreen\n"
    table = read(tmp_path, header + "45,2,0,23,299,1\n46,2,0,-90,288,0\n")
    assert table.azimuth_deg.tolist() == [23, -90]
    assert table.elevation_deg.tolist() == [0, 0]
    assert table.distance_m.tolist() == [2.99, 2.88]


@pytest.mark.parametrize(
    ("distances", "unit"),
    [(("1", "19"), "m"), (("1", "20"), "cm"), (("1.0", "25.5"), "m"), (("300", "120"), "cm")],
)
def test_the_unit_of_a_file(tmp_path: Path, distances: tuple[str, str], unit: str) -> None:
    text = "".join(f"{frame},0,0,0,0,{value}\n" for frame, value in enumerate(distances))
    assert read(tmp_path, text).distance_unit == unit
    for forced, factor in (("m", 1), ("cm", 100)):
        table = read(tmp_path, text, distance_unit=forced)
        assert table.distance_m == pytest.approx([float(value) / factor for value in distances])


@pytest.mark.parametrize(
    "text",
    [
        SCAPER.replace("\n", "\r\n"),
        SCAPER.replace("\n", "\r"),
        "\ufeff" + SCAPER,
        SCAPER.encode("utf-16"),
        "\n  \n" + SCAPER.replace("\n", "\n\n"),
        SCAPER.rstrip(),
        SCAPER.replace(",", ";"),
        SCAPER.replace(",", "\t"),
        SCAPER.replace(",", " , "),
        SCAPER.replace("\n", ",\n"),
        "".join(",".join(f'"{cell}"' for cell in row.split(",")) + "\n" for row in SCAPER.split()),
        SCAPER.replace("\n1,", "\n1.0,"),
        SCAPER.replace("3.000", "3e0"),
        "Frame,Class,Source,Azimuth,Elevation,Distance\n" + SCAPER,
        "".join(reversed(SCAPER.splitlines(keepends=True)[1:])) + SCAPER.splitlines()[0],
        SCAPER + SCAPER.splitlines()[0],
    ],
    ids=[
        "crlf",
        "cr",
        "bom",
        "utf16",
        "blank",
        "no-newline",
        "semicolon",
        "tab",
        "spaces",
        "trailing-comma",
        "quoted",
        "whole-floats",
        "exponent",
        "header",
        "unsorted",
        "repeated",
    ],
)
def test_ways_to_write_the_same(tmp_path: Path, text: str | bytes) -> None:
    expected = read(tmp_path, SCAPER)
    table = read(tmp_path, text)
    order = np.lexsort((table.class_id, table.label_frame))
    reference = np.lexsort((expected.class_id, expected.label_frame))
    for name in ("label_frame", "class_id", "source_id", "azimuth_deg", "distance_m"):
        assert getattr(table, name)[order].tolist() == getattr(expected, name)[reference].tolist()


def test_repeated_rows_are_said(tmp_path: Path) -> None:
    assert "1 repeated rows left out" in read(tmp_path, SCAPER + SCAPER.splitlines()[0]).notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", " empty; expected frame,class,source"),
        ("\n\n", " empty"),
        ("0,3,0,1\n", "1: 4 columns; expected frame,class"),
        ("0,3,0,1,2,3,4\n", "1: 7 columns; expected"),
        ("0,3,0,1,2,3\n0,3,0,1,2\n", "2: 5 columns, expected 6"),
        ("0,3,0,1,2\n\n\n0,3,0,1\n", "4: 4 columns, expected 5"),
        ("0,3,0,540,2\n", "1: azimuth 540 is not -180..360 degrees"),
        ("0,3,0,-181,2\n", "1: azimuth -181 is not"),
        ("0,3,0,1,120\n", "1: elevation 120 is not -90..90 degrees"),
        ("0,3,0,nan,1\n", "1: azimuth nan is not a number"),
        ("0,3,0,,1\n", "1: azimuth (empty) is not a number"),
        ("0,3,0,1,1,inf\n", "1: distance inf is not a number"),
        ("0,3,0,1,1,0\n", "1: distance 0 is not over 0"),
        ("0,3,0,1,1,-1\n", "1: distance -1 is not over 0"),
        ("0,13,0,1,1\n", "1: class 13 is not one of 0..12"),
        ("0,-1,0,1,1\n", "1: class -1 is not one of 0..12"),
        ("0,bell,0,1,1\n", "1: 'bell' is neither a number nor a known column"),
        ("0,1,0,1,1\n1,bell,0,1,1\n", "2: class bell is not a number"),
        ("0.5,1,0,1,1\n", "1: frame 0.5 is not a whole number"),
        ("-1,1,0,1,1\n", "1: frame -1 is not one of 0..71999"),
        ("99999999999999999999,1,0,1,1\n", "1: frame 99999999999999999999 is not one of"),
        ("1,1,0;5,1,1\n", "1: 2 columns"),
        ('1,1,0,1,"1\n', "1: a quotation mark that is never closed"),
        ("frame,class,source,azimuth,loudness\n1,1,1,1,1\n", "1: 'loudness' is neither"),
        ("frame,class,azimuth,elevation\n1,1,1,1\n", "1: no column source"),
        ("frame,class,source,azimuth,azimuth\n", "1: 'azimuth' is neither"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe" * 9, "1: not a text file"),
        ("1,1,0,1,1\n2,1,0,1\0,1\n", "2: contains a NUL byte"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert expected in fault(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,1,0,1,1\n1,1,0,\x1b[31m,1\n", r"2: azimuth '\x1b[31m' is not a number"),
        ("0,1,0,1,1\n1,1,0,\ufeff,1\n", r"2: azimuth '\ufeff' is not a number"),
        ("0,1,0,1,1\n1,1,0," + "6" * 500 + ",1\n", "2: azimuth '666666"),
        ("0,1,0,1,1\n1,1,0," + "6" * 200_000 + ",1\n", "2: a line of 200008 characters"),
        ("0,1,0," + "6" * 200_000 + ",1\n", "1: a line of 200008 characters, which is no label"),
        ("frame,class,source," + "azimuth" * 90 + "\n", "1: 'azimuthazimuth"),
        ('0,1,0,5",",6\n1,1,0,5,6,2\n', "1: a quotation mark that is never closed, or in a cell"),
        ('0,1,0,5,6\n1,1,0,5"",6\n', "2: a quotation mark that is never closed, or in a cell"),
        ('0,1,0,5,6\n1,1,0,"5,6"\n', "2: a quotation mark that is never closed, or in a cell"),
        ("".join(f"0,1,{n},5,6\n" for n in range(5000)), "101: frame 0 has 5000 rows, expected at"),
        ("7,1,1,5,6\n" * 250_002, " 250,002 lines, of which at most 250,000 are read; split"),
    ],
)
def test_faults_are_short_lines_however_large_or_odd_the_file(
    tmp_path: Path, text: str, expected: str
) -> None:
    message = fault(tmp_path, text)
    assert expected in message
    assert message.isprintable()
    assert len(message) < 300


def test_a_hundred_sources_in_a_frame_are_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, "".join(f"0,1,0,{n},6\n" for n in range(100)))) == 100


def test_a_header_alone_is_a_silent_recording(tmp_path: Path) -> None:
    table = read(tmp_path, "frame,class,source,azimuth,elevation,distance\n")
    assert len(table) == 0
    assert table.num_label_frames == 0


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")


ROWS = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.integers(0, 12),
        st.integers(0, 30),
        st.integers(-180, 179),
        st.integers(-90, 90),
        st.integers(20, 2000),
    ),
    min_size=1,
    max_size=30,
    unique=True,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(ROWS)
def test_what_is_written_reads_back(tmp_path: Path, rows: list[tuple[int, ...]]) -> None:
    table = read_labels(mock_labels(tmp_path / "a.csv", rows), distance_unit="cm")
    write_labels(table, tmp_path / "b.csv")
    assert same(read_labels(tmp_path / "b.csv", distance_unit="cm"), table)


def test_writing_needs_distances(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs distances"):
        write_labels(read(tmp_path, "10,1,1,-50,30\n"), tmp_path / "b.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.text(alphabet='0123456789,.;\t\n\r "-+enaif\ufeff\0x', max_size=80))
def test_any_text_is_a_table_or_a_label_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode())
    message = ""
    try:
        table = read_labels(path)
        assert (np.abs(table.elevation_deg) <= 90).all()
        assert (table.class_id <= 12).all()
    except LabelError as error:
        message = str(error)
    assert not message or (message.startswith(f"{path}") and "\n" not in message)
