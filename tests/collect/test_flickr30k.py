import csv
from pathlib import Path

import pytest

from seldsynth.cli import main
from seldsynth.collect.flickr30k import candidates_of, read_captions
from seldsynth.errors import ConfigError
from tests.conftest import mock_image

CAPTIONS = {
    "1.jpg": ["A telephone .", "A red phone .", "A phone .", "A desk .", "A thing ."],
    "2.jpg": ["A phone .", "A table .", "A lamp .", "A desk .", "A thing ."],
    "3.jpg": ["A woman is talking .", "A lady speaks .", "A girl .", "A person .", "Hair ."],
    "4.jpg": ["A woman is talking .", "A man sits beside a woman .", "Two .", "Two .", "Two ."],
    "5.jpg": ["Bells in a tower .", "A church .", "A bell .", "A bell rings .", "Sky ."],
    "6.jpg": ["A mobile phone .", "A bed .", "A lamp .", "A desk .", "A thing ."],
}


def collection(folder: Path, *, form: str = "kaggle") -> Path:
    """Captions and pictures as one finds them; 6.jpg is missing, one line is damaged."""
    lines = ["image_name| comment_number| comment"] if form == "kaggle" else []
    for image, captions in CAPTIONS.items():
        for number, caption in enumerate(captions):
            joint = f"{image}| {number}| {caption}"
            lines.append(joint if form == "kaggle" else f"{image}#{number}\t{caption}")
        if image != "6.jpg":
            mock_image(folder / "images" / image)
    lines.append("2199200615.jpg| 4   A dog runs across the grass .")
    lines.append("../../etc/passwd| 0| A phone .")
    path = folder / "results.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(folder: Path, *arguments: str) -> int:
    return main(
        [
            "flickr30k",
            "--captions",
            str(folder / "results.csv"),
            "--images",
            str(folder / "images"),
            "--output",
            str(folder / "out"),
            *arguments,
        ]
    )


def placed(folder: Path) -> list[str]:
    out = folder / "out"
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.jpg"))


@pytest.mark.parametrize("form", ["kaggle", "token"])
def test_pictures_go_where_their_captions_say(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    collection(tmp_path, form=form)
    assert run(tmp_path) == 0
    expected = ["Class_0/3.jpg", "Class_11/5.jpg", "Class_3/1.jpg", "Class_3/2.jpg"]
    assert placed(tmp_path) == expected
    said = capsys.readouterr()
    assert " 3 telephone                         2           2" in said.out
    assert "who speaks is ambiguous: 1 pictures" in said.out
    assert "WARNING: 2 damaged lines left out: " in said.err
    assert f"WARNING: 1 pictures are not in {tmp_path / 'images'}: 6.jpg" in said.err
    with (tmp_path / "out" / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["class"], row["score"]) for row in rows] == [
        ("3.jpg", "0", "2"),
        ("1.jpg", "3", "3"),
        ("2.jpg", "3", "1"),
        ("5.jpg", "11", "3"),
    ]
    assert rows[1]["captions"] == "A telephone . / A red phone . / A phone ."
    assert rows[1]["words"] == "telephone / phone"


def test_again_changes_nothing(tmp_path: Path) -> None:
    collection(tmp_path)
    assert run(tmp_path) == 0
    out = tmp_path / "out"
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*.jpg")}
    report = (out / "report.csv").read_bytes()
    assert run(tmp_path) == 0
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*.jpg")}
    assert after == before
    assert (out / "report.csv").read_bytes() == report
    assert not list(out.rglob(".*"))


def test_the_best_come_first(tmp_path: Path) -> None:
    collection(tmp_path)
    assert run(tmp_path, "--max-per-class", "1") == 0
    assert placed(tmp_path) == ["Class_0/3.jpg", "Class_11/5.jpg", "Class_3/1.jpg"]


def test_how_many_captions_must_agree(tmp_path: Path) -> None:
    collection(tmp_path)
    assert run(tmp_path, "--min-captions", "3") == 0
    assert placed(tmp_path) == ["Class_11/5.jpg", "Class_3/1.jpg"]


def test_among_equals_the_seed_decides(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    lines = []
    for index in range(30):
        mock_image(tmp_path / "images" / f"{index}.jpg")
        lines.append(f"{index}.jpg| 0| A bell .")
    (tmp_path / "results.csv").write_text("\n".join(lines))
    found = []
    for seed in ("0", "0", "1"):
        target = tmp_path / f"out{len(found)}"
        assert run(tmp_path, "--max-per-class", "5", "--seed", seed, "--output", str(target)) == 0
        found.append(sorted(path.name for path in (target / "Class_11").iterdir()))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("mode", ["copy", "link", "symlink"])
def test_ways_to_place_a_picture(tmp_path: Path, mode: str) -> None:
    collection(tmp_path)
    assert run(tmp_path, "--mode", mode) == 0
    target, source = tmp_path / "out" / "Class_3" / "1.jpg", tmp_path / "images" / "1.jpg"
    assert target.read_bytes() == source.read_bytes()
    assert target.is_symlink() == (mode == "symlink")
    assert target.samefile(source) == (mode != "copy")


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collection(tmp_path)
    assert run(tmp_path, "--dry-run") == 0
    assert not (tmp_path / "out").exists()
    assert " 3 telephone                         2           0" in capsys.readouterr().out


def test_speech_needs_nobody_of_the_other_sex_in_any_caption() -> None:
    (candidate,), ambiguous = candidates_of("a", ("A woman talks .", "A lady sits ."))
    assert (candidate.class_id, ambiguous) == (0, False)
    assert candidates_of("a", ("A woman talks .", "A man and a lady sit .")) == ((), True)
    assert candidates_of("a", ("A woman sits .", "A man and a lady sit .")) == ((), False)
    assert candidates_of("a", ("A teacher explains something .",)) == ((), True)
    assert candidates_of("a", ("A man and a woman are chatting .",)) == ((), True)
    assert candidates_of("a", ("A talk show on a screen .",)) == ((), False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--captions", "none.csv"], "none.csv: cannot be read"),
        (["--images", "none"], "--images none: no such folder"),
    ],
)
def test_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    collection(tmp_path)
    assert run(tmp_path, *arguments) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collection(tmp_path)
    (tmp_path / "out").write_text("a file")
    assert run(tmp_path) == 2
    assert "out: is a file, not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "hello\n", "a;b;c\n", "\x00\xff|"])
def test_what_holds_no_captions(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(ConfigError, match="holds no captions; expected lines like"):
        read_captions(path)


def test_captions_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1.jpg| 0| A bar | a caf\xe9 .\r\n2.jpg|1|x\n 3.jpg | 2 |  spaced  \n")
    read = read_captions(path)
    assert set(read.captions) == {"1.jpg", "2.jpg", "3.jpg"}
    assert read.captions["3.jpg"] == ("spaced",)
    assert not read.damaged_lines


def report_rows(folder: Path) -> dict[str, str]:
    with (folder / "out" / "report.csv").open(newline="") as file:
        return {f"{row['class']}/{row['image']}": row["score"] for row in csv.DictReader(file)}


def test_a_stricter_run_keeps_what_is_there_and_its_reasons(tmp_path: Path) -> None:
    collection(tmp_path)
    assert run(tmp_path) == 0
    before, everything = report_rows(tmp_path), placed(tmp_path)
    assert run(tmp_path, "--min-captions", "3") == 0
    assert placed(tmp_path) == everything
    assert report_rows(tmp_path) == before
    (tmp_path / "out" / "Class_3" / "2.jpg").unlink()
    assert run(tmp_path, "--min-captions", "3") == 0
    assert before.keys() - report_rows(tmp_path).keys() == {"3/2.jpg"}


def test_a_copy_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    collection(tmp_path)
    assert run(tmp_path) == 0
    copy = tmp_path / "out" / "Class_3" / "1.jpg"
    whole = copy.read_bytes()
    copy.write_bytes(whole[:50])
    assert run(tmp_path) == 0
    assert copy.read_bytes() == whole


def test_pictures_that_are_somewhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collection(tmp_path)
    (tmp_path / "nest").mkdir()
    (tmp_path / "images").rename(tmp_path / "nest" / "flickr30k_images")
    (tmp_path / "nest").rename(tmp_path / "images")
    assert run(tmp_path) == 2
    said = capsys.readouterr().err
    assert f"has none of the pictures; they are in {tmp_path}/images/flickr30k_images" in said
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "images").mkdir()
    assert run(tmp_path) == 2
    assert "images: has none of the pictures, such as " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_folder_of_the_pictures_is_no_place_for_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collection(tmp_path)
    assert run(tmp_path, "--output", str(tmp_path / "images")) == 2
    assert "is the folder of the pictures; name another" in capsys.readouterr().err
