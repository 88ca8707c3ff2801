import re
from pathlib import Path

import pytest

from seldsynth.class_file import commented_classes, load_classes
from seldsynth.classes import CLASSES
from seldsynth.cli import main
from seldsynth.collect.captions import match_caption
from seldsynth.errors import ConfigError
from seldsynth.plan import plan_from_json
from tests.conftest import mock_image, mock_labels, mock_project


def class_file(folder: Path, text: str) -> Path:
    path = folder / "classes.yaml"
    path.write_text(text)
    return path


def test_no_file_is_the_table_that_is_built_in() -> None:
    assert load_classes(None) is CLASSES


def test_the_committed_file_is_what_is_built_in_and_changes_nothing() -> None:
    path = Path(__file__).parents[1] / "configs" / "classes.yaml"
    assert path.read_text() == commented_classes()
    assert load_classes(path) == CLASSES


def test_the_committed_file_with_its_comments_taken_away_is_the_whole_table(tmp_path: Path) -> None:
    text = commented_classes()
    plain = re.sub(r"(?m)^# ?", "", text[text.index("# replace:") :])
    emptied = plain.replace("woman talking to camera", "x")
    assert load_classes(class_file(tmp_path, plain)) == CLASSES
    assert load_classes(class_file(tmp_path, emptied)) != CLASSES


def test_extend_adds_and_replace_puts_in_place(tmp_path: Path) -> None:
    path = class_file(
        tmp_path,
        """
extend:
  telephone:
    folders: [Landline]
    search_terms: [payphone ringing]
    caption_any: ["Switchboard(s)"]
  7:
replace:
  "Water tap, faucet":
    search_terms: [garden hose]
    extent_m: 3.0
  4:
    caption_any: [cackle~]
""",
    )
    classes = load_classes(path)
    assert classes[3].search_terms == ("payphone ringing", *CLASSES[3].search_terms)
    assert classes.id_of_folder("landline") == 3
    assert classes.id_of_folder("telephone") == 3
    assert [match.class_id for match in match_caption("Two switchboards .", classes)] == [3]
    assert classes[10].search_terms == ("garden hose",)
    assert (classes[10].extent_m, classes[10].name) == (3.0, "water tap")
    assert not match_caption("A baby laughs .", classes)
    assert classes[7] == CLASSES[7]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("extend:\n  xylo: {}\n", ":2: extend.xylo: no class is called so; 0 to 12, or a name"),
        ("extend:\n  telefone: {}\n", "did you mean telephone?"),
        ("replace:\n  13: {}\n", ":2: replace.13: no class is called so"),
        (
            "extend:\n  bell:\n    name: x\n",
            ":3: extend.bell.name: unknown key; it cannot be added",
        ),
        (
            "extend:\n  bell:\n    terms: [x]\n",
            ":3: extend.bell.terms: unknown key; known are fold",
        ),
        ("add:\n  bell: {}\n", ":1: add: unknown key; known are extend, replace"),
        ("replace:\n  bell:\n    extent_m: 0\n", ":3: replace.bell.extent_m: should be greater"),
        ("replace:\n  bell:\n    folders: x\n", ":3: replace.bell.folders: should be a valid list"),
        ("replace:\n  bell:\n    title_any: ['...']\n", "title_any: should hold a word, got '...'"),
        (
            "replace:\n  bell:\n    title_any: [hi-hat(s)]\n",
            "'hi-hat(s)' is no word of a rule; write wo",
        ),
        ("replace:\n  bell:\n    folders: ['3']\n", "'3' is no name: folders of numbers go by"),
        ("replace:\n  bell:\n    folders: [a/b]\n", "'a/b' is no name of a folder"),
        ("replace:\n  bell:\n    folders: [Class_3]\n", "'Class_3' is no name: folders of numbers"),
        ("replace:\n  bell:\n    folders: [door]\n", "'door' stands for class 7 and for class 11"),
        (
            "replace:\n  bell:\n    folders: [a]\n    folders: [b]\n",
            ":4: replace.bell.folders is gi",
        ),
        ("replace: [1]\n", ":1: replace: expected keys below it"),
        ("- bell\n", ":1: expected extend: or replace:"),
        ("replace: &a\n  bell: *a\n", "replace.bell"),
    ],
)
def test_faults_name_file_line_and_key(tmp_path: Path, text: str, fault: str) -> None:
    path = class_file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_classes(path)
    assert str(path) in str(caught.value)
    assert fault in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_classes(tmp_path / "none.yaml")


def test_a_class_file_changes_what_visual_synth_does(tmp_path: Path) -> None:
    """By folder name and size: 2 m at 2 m is 53.13° wide; the bell of the built-in table, 12°."""
    config = mock_project(tmp_path, assets={"class_table": "my_classes.yaml"})
    (tmp_path / "images" / "Class_11").rename(tmp_path / "images" / "glocke")
    mock_labels(tmp_path / "labels" / "a.csv", [(0, 11, 0, 0, 0, 200)])
    (tmp_path / "my_classes.yaml").write_text(
        "replace:\n  bell:\n    folders: [Glocke]\n    extent_m: 2.0\n"
    )
    assert main(["synth", "--config", str(config), "--plan-only", "-q"]) == 0
    path = tmp_path / "videos" / "a.plan.json"
    tile = plan_from_json(path.read_bytes(), name=path).tiles[0]
    assert tile.asset.path == "glocke/a.png"
    assert tile.longer_side_deg[0] == pytest.approx(53.130102)


def test_a_class_file_changes_what_flickr30k_does(tmp_path: Path) -> None:
    mock_image(tmp_path / "images" / "1.jpg")
    (tmp_path / "results.csv").write_text("1.jpg| 0| A switchboard .\n")
    table = class_file(tmp_path, "extend: {telephone: {caption_any: [switchboard]}}")
    arguments = ["flickr30k", "--captions", str(tmp_path / "results.csv")]
    arguments += ["--images", str(tmp_path / "images"), "--output", str(tmp_path / "out")]
    assert main([*arguments, "-q"]) == 0
    assert not (tmp_path / "out" / "Class_3").exists()
    assert main([*arguments, "-q", "--class-table", str(table)]) == 0
    assert (tmp_path / "out" / "Class_3" / "1.jpg").is_file()
