from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from seldsynth.config import Config, known_keys
from seldsynth.config_file import commented_config, load_config
from seldsynth.config_values import parse_frame_rate
from seldsynth.errors import ConfigError
from tests.conftest import mock_project

# A file as users of the public SELDVisualSynth have it, to the letter but for the folders.
PUBLIC_CONFIG = """\
# Visual Synthesis Configuration
input:
  video_360_path: null
  image_360_path: "{root}/Img_360/"
  video_assets_dir: "{root}/downloaded_video_assets/"
  image_assets_dir: "{root}/flickr30k_images_per_class/"
  metadata_dir: "{root}/output_spatial_scaper/metadata"
output:
  video_dir: "{root}/output/videos"
  log_file: "{root}/output/processing_log.txt"
processing:
  workers: 8
  video_duration: 60
  fps: 30
  dark_background: False
  use_blur: False
  use_image_background: True
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return mock_project(tmp_path)


def edit(config: Path, old: str, new: str) -> Path:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    return config


def faults(config: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(config, overrides)
    return str(caught.value)


def test_a_public_config_is_understood_unchanged(tmp_path: Path) -> None:
    folders = ("Img_360", "downloaded_video_assets", "flickr30k_images_per_class")
    for folder in (*folders, "output_spatial_scaper/metadata"):
        (tmp_path / folder).mkdir(parents=True)
    path = tmp_path / "visual_config.yaml"
    path.write_text(PUBLIC_CONFIG.format(root=tmp_path))
    config = load_config(path)
    assert config.canvas_key == "image_360_path"
    assert config.processing.fps == 30
    assert config.processing.video_duration == 60
    assert config.processing.workers == 8
    assert config.processing.seed == 0
    assert config.output.log_file == tmp_path / "output" / "processing_log.txt"
    assert not (tmp_path / "output").exists()


def test_relative_paths_are_relative_to_the_config(project: Path) -> None:
    config = load_config(project, ["output.video_dir=../elsewhere"])
    assert config.input.metadata_dir == project.parent / "labels"
    assert config.output.video_dir == project.parent.parent / "elsewhere"
    assert config.output.log_file == project.parent.parent / "elsewhere/processing_log.txt"
    assert config.relative_inputs == {"image_360_path", "image_assets_dir", "metadata_dir"}


def test_overrides_win(project: Path) -> None:
    config = load_config(
        project, ["processing.fps=25", "tiles.missing=skip", "processing.video_duration=null"]
    )
    assert config.processing.fps == 25
    assert config.tiles.missing == "skip"
    assert config.processing.video_duration is None


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("processing.fsp=25", "--set: processing.fsp: unknown key; did you mean processing.fps?"),
        ("tiles.fps=25", "--set: tiles.fps: unknown key; did you mean processing.fps? here known"),
        ("encoding.crf=20", "--set: encoding.crf: unknown key; known are encoder, preset, "),
        ("processing.resume=1", "--set: processing.resume: unknown key; known are "),
        ("processing.fps=0", "should be 1 to 240 frames per second, got 0"),
        ("processing.fps=soon", "should be frames per second such as 30, 29.97"),
        ("processing.fps=3.14159265", "no exact small fraction"),
        ("processing.workers=0", "should be auto or a whole number of at least 1, got 0"),
        ("processing.workers=true", "should be auto or a whole number of at least 1, got True"),
        ("processing.use_blur=maybe", "processing.use_blur: should be true or false, got 'maybe'"),
        ("processing.device=gpu", "should be auto, cpu, cuda or cuda:N, got 'gpu'"),
        ("processing.seed=-1", "processing.seed: should be greater than or equal to 0, got -1"),
        ("processing.video_duration=0", "should be greater than 0, got 0"),
        ("canvas.width=1921", "canvas.width: should be even"),
        ("canvas.fit=squeeze", "should be 'stretch', 'crop' or 'error', got 'squeeze'"),
        ("tiles.feather=0.6", "should be less than or equal to 0.5"),
        ("tiles.chroma_key=green", "should be red, green and blue from 0 to 255, such as [0, 255"),
        ("tiles.chroma_key=[0, 256, 0]", "tiles.chroma_key: should be red, green and blue"),
        ("ground_truth.mask_size=10", "should be width x height of 10 to 9999 pixels such as 360x"),
        ("ground_truth.mask_size=360x180x3", "mask_size: should be width x height"),
        ("tiles.min_deg=90", "90.0 is over tiles.max_deg 70.0"),
        ("encoding.preset=verifast", "should be 'ultrafast'"),
        ("input.metadata_dir=nowhere", "input.metadata_dir: no such folder"),
        ("input.metadata_dir=null", "should be a path"),
        ("input.metadata_dir=5", "should be a path in quotes, got 5"),
        ("input.image_360_path=null", "needed for the canvas"),
        ("input.image_assets_dir=null", "null, and so is video_assets_dir"),
        ("output.video_dir=labels", "is the folder of the labels"),
        ("sound.layout=quad", "sound: unknown key; known are input, output"),
        ("fps=25", "expected section.key=value"),
        ("processing.fps", "expected section.key=value"),
        ("processing.fps=[", "not valid YAML"),
        ("processing.fps=!!python/object:os.system x", "not valid YAML"),
    ],
)
def test_a_fault_is_one_line_that_says_what_is_wrong(
    project: Path, override: str, expected: str
) -> None:
    message = faults(project, override)
    assert expected in message
    assert "\n" not in message
    assert message.startswith(("--set", f"{project}:"))


def test_faults_name_the_line(project: Path) -> None:
    edit(project, "  fps: 10\n", "  fpss: 10\n")
    number = project.read_text().splitlines().index("  fpss: 10") + 1
    expected = f"{project}:{number}: processing.fpss: unknown key; did you mean processing.fps?"
    assert faults(project) == expected


def test_every_fault_is_told_at_once(project: Path) -> None:
    edit(project, "  fps: 10\n", "  fps: soon\n  sed: 1\n")
    assert len(faults(project).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1: expected sections such as input:"),
        ("- a\n- b\n", ":1: expected sections such as input:"),
        ("input: {}\ninput: {}\n", ":2: input is given twice"),
        ("processing:\n  fps: 1\n  fps: 2\n", ":3: processing.fps is given twice"),
        ("input: [\n", "not valid YAML"),
        ("a: &a [*a]\n", ": unknown key"),
        ("input: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("input: 3\noutput: x\n", ":1: input: expected keys below it, got 3"),
        ("output:\n  video_dir: a\n", "input: missing"),
        ("\t", "not valid YAML"),
        ("processing:\n  fps: 1\n  seed 7\n  device: cpu\n", ":3: not valid YAML: could not find"),
        ("processing:\n  device: 'cpu\n  seed: 7\n", ":2: not valid YAML"),
        ("processing:\n  fps: 1\n  seed: 7: 8\n", ":3: not valid YAML"),
        ("processing:\n  fps: 1\n\tseed: 7\n", ":3: not valid YAML: indent with spaces"),
        ("inptu:\n  metadata_dir: x\n", "did you mean input?"),
        ("2026-01-01: x\n", "unknown key"),
    ],
)
def test_files_that_are_no_config(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    assert expected in faults(path)


def test_a_billion_laughs_are_not_laughed(tmp_path: Path) -> None:
    lines = ["a: &a0 [x, x]"]
    lines += [f"b{i}: &a{i + 1} [*a{i}, *a{i}]" for i in range(40)]
    path = tmp_path / "c.yaml"
    path.write_text("\n".join(lines))
    assert "unknown key" in faults(path)


BOMBS = ["b0: &b0 [x, x]", "m0: &m0 {k: 1}"]
BOMBS += [f"b{n + 1}: &b{n + 1} [*b{n}, *b{n}]" for n in range(40)]
BOMBS += [f"m{n + 1}: &m{n + 1} {{<<: [*m{n}, *m{n}]}}" for n in range(40)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fps: 1e999999999", "processing.fps: should be frames per second such as"),
        ("fps: '1e999999999'", "processing.fps: should be frames per second such as"),
        ("seed: 0x" + "f" * 6000, "not valid YAML: a number of 6002 characters"),
        ("seed: 1" + ":1" * 50_000, "not valid YAML: a number of 100001 characters"),
        ("seed: 1" + ":1" * 30 + ".5", "should be a valid integer"),
        ("fps: " + "[" * 20_000, "not valid YAML: nested more than 50 deep"),
        ("fps: 1 #" + " " * (1 << 18), "larger than 256 KiB, which no config file is"),
        ("seed: !!bool x", "not valid YAML: 'x' is no bool"),
        ("seed: !!int ''", "not valid YAML: '' is no int"),
        ("seed: !!timestamp x", "not valid YAML: 'x' is no timestamp"),
        ("seed: 2001-99-99", "not valid YAML: '2001-99-99' is no timestamp"),
        (
            "seed: !!python/object/apply:os.system ['exit 3']",
            "the tag !!python/object/apply:os.sys",
        ),
        ("seed: !!python/object/new:os.getcwd {}", "the tag !!python/object/new:os.getcwd m"),
        ("seed: !!python/name:os.system", "the tag !!python/name:os.system means nothing here"),
        ("seed: !!python/tuple [1]", "the tag !!python/tuple means nothing here; write a plain v"),
        ("seed: !mine 3", "the tag !mine means nothing here"),
        ('"a\\nb\\x1b": 1', r"processing.'a\nb\x1b': unknown key"),
        ("k" * 900 + ": 1", "unknown key"),
        ("use_blur: '" + "é" * 9000 + "'", "processing.use_blur: should be true or false, got 'éé"),
    ],
)
def test_whatever_stands_there_the_fault_is_a_short_line(
    project: Path, text: str, expected: str
) -> None:
    edit(project, "processing:\n  fps: 10\n", f"processing:\n  {text}\n")
    message = faults(project)
    assert expected in message
    assert message.isprintable()
    assert len(message) < 400 + len(str(project))


def test_what_aliases_and_merge_keys_multiply_is_not_followed(project: Path) -> None:
    text = project.read_text()
    edit(project, "  matte: feather\n", "  matte: *b40\n")
    project.write_text(
        "\n".join(line for line in BOMBS if "<<" not in line) + "\n" + project.read_text()
    )
    lines = faults(project).splitlines()
    assert "tiles.matte: no matte is called [[[...], [...]], [[...], [...]]]" in lines[0]
    assert all(len(line) < 400 for line in lines)
    project.write_text("\n".join(BOMBS) + "\n" + text)
    assert "merge keys (<<) make more than 10000 keys" in faults(project)


def test_merge_keys_are_counted_over_the_whole_file(project: Path) -> None:
    """One mapping below the limit, merged into many."""
    base = ", ".join(f"k{n}: 1" for n in range(900))
    merged = "\n".join(f"m{n}: {{<<: *b}}" for n in range(12))
    project.write_text(f"{project.read_text()}\nb: &b {{{base}}}\n{merged}\n")
    assert "merge keys (<<) make more than 10000 keys" in faults(project)


def test_merge_keys_of_a_sane_size_are_followed(project: Path) -> None:
    edit(project, "  height: 64\n", "  <<: {height: 64}\n")
    assert load_config(project).canvas.height == 64


def test_of_very_many_faults_the_first_are_told(project: Path) -> None:
    edit(project, "processing:\n", "processing:\n" + "".join(f"  k{n}: 1\n" for n in range(9000)))
    lines = faults(project).splitlines()
    assert len(lines) == 21
    assert lines[-1] == f"{project}: and 8980 more faults"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a" * 5000, "no such folder: '"),
        ("a/" * 3000, "no such folder: '"),
        ('"\\ud800"', "should be a path of letters that file names can have"),
        ('"a\\0b"', "should be a path in quotes"),
        ("loop/x", "no such folder: "),
        ("config.yaml/x", "no such folder: "),
    ],
)
def test_paths_that_cannot_be(project: Path, value: str, expected: str) -> None:
    (project.parent / "loop").symlink_to("loop")
    for key in ("metadata_dir", "image_360_path"):
        message = faults(project, f"input.{key}={value}")
        assert f"--set: input.{key}: {expected}" in message
        assert message.isprintable()
        assert len(message) < 300 + len(str(project))
    if "\\" not in value:
        load_config(project, [f"output.video_dir={value}"])  # whether it can be made is seen later


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xff\x00\xfe" * 10)
    assert "not a UTF-8 text" in faults(path)
    assert "No such file" in faults(tmp_path / "none.yaml")


def test_a_dark_background_needs_no_canvas(project: Path) -> None:
    overrides = ["processing.dark_background=true", "input.image_360_path=/not/there"]
    assert load_config(project, overrides).canvas_key is None


def test_the_canvas_is_whichever_is_given(project: Path) -> None:
    video = ["input.image_360_path=null", "input.video_360_path=images"]
    assert load_config(project, video).canvas_key == "video_360_path"
    assert load_config(project).canvas_key == "image_360_path"


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        (30, Fraction(30)),
        (25.0, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (29.97, Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
    ],
)
def test_frame_rates(text: object, rate: Fraction) -> None:
    assert parse_frame_rate(text) == rate


def test_the_commented_config_is_the_shipped_one_and_holds_every_default(tmp_path: Path) -> None:
    text = commented_config()
    shipped = Path(__file__).parents[1] / "configs" / "visual_config.yaml"
    assert shipped.read_text(encoding="utf-8") == text
    values = yaml.safe_load(text)
    keys = [f"{section}.{key}" for section, content in values.items() for key in content]
    assert keys == known_keys()
    for place in ("canvas_images", "video_assets", "image_assets", "metadata"):
        (tmp_path / place).mkdir()
    path = tmp_path / "c.yaml"
    path.write_text(text.replace("/path/to/", ""))
    config = load_config(path)
    same = config.model_copy(update={"input": config.input, "output": config.output})
    for section in ("canvas", "tiles", "labels", "encoding", "assets"):
        assert getattr(same, section) == Config.model_fields[section].default


def test_the_config_cannot_be_changed(project: Path) -> None:
    config = load_config(project)
    with pytest.raises(ValidationError, match="frozen"):
        config.processing.seed = 3  # type: ignore[misc]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60), st.sampled_from(["", "processing:\n  ", "input:\n  image_360_path: "]))
def test_any_text_is_a_config_or_a_config_error(tmp_path: Path, text: str, prefix: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(prefix + text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(ConfigError):
        load_config(path)
