"""The README's way from captions and searches to a video, command by command.

Two things are ours: where YouTube's API is, and where its videos are. The commands are taken from
the README and run as it says.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import av
import pytest
import yaml

from seldsynth.classes import CLASSES
from seldsynth.plan import plan_from_json
from tests.collect.servers import FileServer, YouTubeServer, mock_video
from tests.conftest import mock_clip, mock_image, mock_labels, mock_pixels

ROOT = Path(__file__).parents[1]
CAPTIONS = {
    0: "A woman is speaking into a microphone .",
    1: "A man talks to a reporter .",
    2: "People applaud .",
    3: "A telephone on a desk .",
    4: "A girl laughs .",
    5: "A vacuum cleaner in a hall .",
    6: "A man walks down a street .",
    7: "A red door .",
    8: "A band on a stage .",
    9: "An old violin .",
}
CLIPS = {10: "Water tap running", 11: "Church bell ringing", 12: "Knocking on a wooden door"}


def readme_commands() -> list[list[str]]:
    """The commands of the chapter on collecting assets, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    chapter = text[text.index("## Collecting assets") : text.index("## What you get")]
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", chapter, re.S)).splitlines()
    return [shlex.split(line) for line in lines if line]


def run(folder: Path, command: list[str], **environment: str) -> str:
    """Run a command of the README in a folder; it must succeed. Returns what it printed."""
    assert command[0] == "python"
    script = [str(ROOT / command[1])] if command[1].endswith(".py") else [command[1]]
    done = subprocess.run(
        [sys.executable, *script, *command[2:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def table(said: str) -> dict[str, list[str]]:
    """The last lines of each class of a table, by its name."""
    rows = (re.match(r"^ ?(\d+) ([a-z ]+?) {2,}(.*)", line) for line in said.splitlines())
    return {match[2]: match[3].split() for match in rows if match}


@pytest.mark.slow
def test_from_captions_and_searches_to_a_video(tmp_path: Path) -> None:
    categorize, scrape, download, check = readme_commands()

    # 1. A Flickr30k folder made by hand: pictures for ten of the classes.
    lines = ["image_name| comment_number| comment"]
    for class_id, caption in CAPTIONS.items():
        mock_image(tmp_path / "flickr30k_images" / f"{class_id}.jpg", mock_pixels(seed=class_id))
        lines += [f"{class_id}.jpg| {number}| {caption}" for number in range(5)]
    (tmp_path / "results.csv").write_text("\n".join(lines) + "\n")
    assert table(run(tmp_path, categorize))["door"] == ["1", "1"]

    # 2. A search for the three that Flickr30k lacks.
    titles = {f"video{class_id:06d}": title for class_id, title in CLIPS.items()}
    api = YouTubeServer(
        {CLASSES[class_id].search_terms[0]: [f"video{class_id:06d}"] for class_id in CLIPS},
        {
            video_id: mock_video(video_id, title, duration="PT4S")
            for video_id, title in titles.items()
        },
    )
    with api.running() as address:
        said = run(tmp_path, [*scrape, "--api-endpoint", address], YOUTUBE_API_KEY="a-key")
    assert table(said)["bell"] == ["1", "5"]

    # 3. The clips, from a server of ours in YouTube's place.
    videos = {
        f"/{video_id}.mp4": mock_clip(
            tmp_path / "server" / f"{video_id}.mp4", levels=[60 + 5 * n for n in range(30)]
        ).read_bytes()
        for video_id in titles
    }
    listed = tmp_path / "youtube_sound_events.csv"
    with FileServer(videos).running() as address:
        links = listed.read_text()
        assert links.count("https://www.youtube.com/watch?v=") == 3
        listed.write_text(
            re.sub(r"https://www\.youtube\.com/watch\?v=(\w+)", rf"{address}/\1.mp4", links)
        )
        said = run(tmp_path, [*download, "--sleep", "0"])
    assert table(said)["knock"] == ["1", "0", "0", "1"]
    assert len(list((tmp_path / "clips").rglob("*.mp4"))) == 3

    # 4. Every class that the labels need has something.
    rows = [(n, n % 13, n, n * 25 - 150, 0, 200) for n in range(13)]
    mock_labels(tmp_path / "labels" / "all.csv", rows)
    said = run(tmp_path, check)
    assert all(int(cells[1]) + int(cells[2]) == 1 for cells in table(said).values())
    assert len(list((tmp_path / "asset_check").glob("class_*.png"))) == 13

    # 5. A video of them.
    mock_image(tmp_path / "canvas" / "room.png", mock_pixels(512, 256, seed=99))
    config = {
        "input": {
            "image_360_path": "canvas",
            "image_assets_dir": "images",
            "video_assets_dir": "clips",
            "metadata_dir": "labels",
        },
        "output": {"video_dir": "videos"},
        "canvas": {"width": 512, "height": 256},
    }
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    run(tmp_path, ["python", "visual_synth.py", "--config", "my.yaml"])
    path = tmp_path / "videos" / "all.plan.json"
    plan = plan_from_json(path.read_bytes(), name=path)
    assert sorted(tile.class_id for tile in plan.tiles) == list(range(13))
    kinds = {tile.class_id: tile.asset.kind for tile in plan.tiles}
    assert kinds == {class_id: "video" if class_id in CLIPS else "image" for class_id in range(13)}
    with av.open(str(tmp_path / "videos" / "all.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 39
