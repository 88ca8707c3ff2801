"""What a video says of itself, and what the hash of a config depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

import seldsynth
from seldsynth.config_file import load_config
from seldsynth.provenance import comment_of, config_sha256, origin_of, versions
from tests.conftest import mock_labels, mock_project

PLAN = "0123456789abcdef" * 4


def test_a_comment_is_read_back() -> None:
    origin = origin_of(comment_of(PLAN))
    assert origin is not None
    assert (origin.version, origin.plan_sha256) == (seldsynth.__version__, PLAN)


@pytest.mark.parametrize(
    "comment", ["", "seldsynth", f"seldsynth 1 plan {PLAN[1:]}", f"seldsynth 1 plan {PLAN} or so"]
)
def test_comments_that_are_not_ours(comment: str) -> None:
    assert origin_of(comment) is None


@pytest.fixture
def config(tmp_path: Path) -> Path:
    mock_labels(tmp_path / "labels" / "a.csv", [(0, 3, 0, 0, 0, 2.0)])
    return mock_project(tmp_path)


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("processing.workers=7", True),
        ("processing.device=auto", True),
        ("processing.executor=ray", True),
        ("ray.address=auto", True),
        ("output.video_dir=elsewhere", True),
        ("output.log_file=log.txt", True),
        ("input.audio_dir=labels", True),
        ("processing.fps=20/2", True),
        ("processing.seed=1", False),
        ("processing.fps=11", False),
        ("encoding.preset=fast", False),
        ("ground_truth.masks=false", False),
        ("assets.weights={Class_3: 2}", False),
    ],
)
def test_what_the_hash_of_a_config_depends_on(config: Path, override: str, same: bool) -> None:
    one, other = load_config(config), load_config(config, [override])
    assert (config_sha256(one) == config_sha256(other)) == same


def test_a_class_table_counts_by_its_content(config: Path) -> None:
    table = config.parent / "classes.yaml"
    hashes = []
    for name, text in (("a", "x: 1"), ("b", "x: 1"), ("c", "x: 2")):
        table = config.parent / f"{name}.yaml"
        table.write_text(text)
        hashes.append(config_sha256(load_config(config, [f"assets.class_table={table}"])))
    assert hashes[0] == hashes[1] != hashes[2]


def test_versions_are_those_of_what_bytes_depend_on() -> None:
    assert all(versions().values())
    assert versions()["seldsynth"] == seldsynth.__version__
