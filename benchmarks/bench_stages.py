"""Where the time of a recording goes: python benchmarks/bench_stages.py [--quick].

Every stage is timed by itself while whole recordings are made (what a stage calls of another one
counts there); the table has milliseconds per frame, and the whole as a multiple of the encoder.
Writes benchmarks/results/stages.json.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results import write_results
from scenes import Scene, make_job

from seldsynth import making
from seldsynth.making import prepare_process, render_recording
from seldsynth.media import encode
from seldsynth.media.decode import ClipReader
from seldsynth.render import canvas, placing, scene, tile
from seldsynth.render.compositor import Frame
from seldsynth.truth.files import GroundTruth

STAGES: dict[str, list[tuple[Any, str]]] = {
    "open": [(scene, "open_canvas"), (scene, "canvas_noise"), (tile.Tile, "_open")],
    "decode": [(ClipReader, "frame_at"), (ClipReader, "planes")],
    "canvas": [(canvas.VideoCanvas, "advance")],
    "pictures": [(tile.StillSource, "picture"), (tile.ClipSource, "picture")],
    "textures": [(tile, "as_texture"), (placing, "shadow_texture")],
    "look": [(tile, "changed"), (tile, "faded"), (placing, "noisy")],
    "grids": [(placing, "touched_rectangle"), (placing, "sampling_grid")],
    "warp": [(placing, "warp")],
    "paint": [(Frame, "paint"), (Frame, "restore")],
    "ground truth": [(GroundTruth, "see"), (GroundTruth, "finish")],
    "encode": [(encode.VideoWriter, "write"), (encode.VideoWriter, "finish")],
    "finish": [(encode, "write_tagged"), (encode, "flush_to_disk"), (encode, "check_video")],
}
SCENES = [
    Scene(stills=2),
    Scene(stills=2, freely=True),
    Scene(clips=2),
    Scene(large_clips=2, freely=True),
    Scene(stills=2, canvas_video=True),
    Scene(stills=8),
]


class Stopwatch:
    """Processor time of stages, each without those that it calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._under_way = ["everything else"]
        self._since = time.process_time()

    def switch(self) -> None:
        """Give the time since the last call to the stage under way."""
        now = time.process_time()
        self.seconds[self._under_way[-1]] += now - self._since
        self._since = now

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.switch()
            self._under_way.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self.switch()
                self._under_way.pop()

        return timed


def measure(wish: Scene, folder: Path) -> dict[str, Any]:
    job = make_job(wish, folder / wish.name.replace(" ", "_"))
    outcome = render_recording(job, on_frame=lambda: None)  # files are in the system's cache now
    watch = Stopwatch()
    before = [
        (owner, name, getattr(owner, name)) for places in STAGES.values() for owner, name in places
    ]
    for stage, places in STAGES.items():
        for owner, name in places:
            setattr(owner, name, watch.timed(stage, getattr(owner, name)))
    watch.switch()
    watch.seconds.clear()
    try:
        outcome = making.render_recording(job, on_frame=lambda: None)
    finally:
        watch.switch()
        for owner, name, function in before:
            setattr(owner, name, function)
    assert outcome.status == "done", outcome.message
    stages = {name: 1000 * watch.seconds[name] / outcome.frames for name in watch.seconds}
    return {"scene": wish.name, "ms_per_frame": stages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the first scene only")
    options = parser.parse_args()
    prepare_process()
    with tempfile.TemporaryDirectory() as folder:
        found = [measure(one, Path(folder)) for one in SCENES[: 1 if options.quick else None]]
    names = [*STAGES, "everything else"]
    print("| stage, ms per frame | " + " | ".join(one["scene"] for one in found) + " |")
    print("| --- |" + " ---: |" * len(found))
    for name in names:
        cells = (f"{one['ms_per_frame'].get(name, 0):.2f}" for one in found)
        print(f"| {name} | {' | '.join(cells)} |")
    wholes = [sum(one["ms_per_frame"].values()) for one in found]
    print("| all | " + " | ".join(f"{whole:.2f}" for whole in wholes) + " |")
    ratios = (
        f"{whole / one['ms_per_frame']['encode']:.2f}"
        for whole, one in zip(wholes, found, strict=True)
    )
    print("| all / encode | " + " | ".join(ratios) + " |")
    write_results("stages", found)


if __name__ == "__main__":
    main()
