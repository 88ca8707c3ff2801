"""Encoder settings by what they cost: frames/s, size, PSNR and SSIM of the same frames, in one run.

    python benchmarks/bench_encoding.py [--frames N] [--rounds N]

Takes the embedded demo (a still canvas, moving pictures and clips), keeps its frames in memory and
encodes them on one core with each setting in turn; the median of the rounds counts. Prints the
table of docs/encoding.md and writes benchmarks/results/encoding.json. Needs requirements-bench.txt.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from results import write_results
from skimage.metrics import structural_similarity

from seldsynth import demo
from seldsynth.assets import scan_library
from seldsynth.batch import Job, plan_recordings
from seldsynth.config_file import load_config
from seldsynth.making import prepare_process
from seldsynth.recordings import find_recordings
from seldsynth.render.scene import render_frames

Frames = NDArray[np.uint8]

FAST = "bframes=0:rc-lookahead=0:scenecut=0:weightp=0"


@dataclass
class Setting:
    name: str
    options: dict[str, str]
    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0.0
    psnr_db: float = 0.0
    ssim: float = 0.0


def settings() -> list[Setting]:
    found = []
    for preset in ("ultrafast", "superfast", "veryfast", "faster", "medium"):
        for qp in (20, 23, 26) if preset.endswith("fast") else (20,):
            options = {"preset": preset, "qp": str(qp), "x264-params": FAST}
            found.append(Setting(f"{preset}, qp {qp}, no B-frames, lookahead or weights", options))
    found.append(Setting("veryfast, qp 20", {"preset": "veryfast", "qp": "20"}))
    for preset, crf in (("ultrafast", 20), ("veryfast", 20), ("veryfast", 18), ("medium", 20)):
        found.append(Setting(f"{preset}, crf {crf}", {"preset": preset, "crf": str(crf)}))
    return found


def demo_frames(count: int) -> Frames:
    """[count, height·3/2, width] uint8 from the middle of the demo's harder recording."""
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(demo.prepare(), [f"output.video_dir={folder}"])
        library = scan_library(
            dict(config.input), canvas_key=config.canvas_key, follow_symlinks=False
        )
        recordings = find_recordings(config)[:1]
        (job,) = plan_recordings(config, recordings, library, None, device=torch.device("cpu"))
    assert isinstance(job, Job)
    frames = render_frames(job.plan, job.folders, device=torch.device("cpu"))
    first = 90
    return np.stack([f.numpy().copy() for i, f in enumerate(frames) if first <= i < first + count])


def encode(frames: Frames, options: dict[str, str], path: Path) -> float:
    """Seconds to encode."""
    start = time.perf_counter()
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height = frames.shape[2], frames.shape[1] * 2 // 3
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count, context.gop_size = 1, 60
        context.options = options
        for index, planes in enumerate(frames):
            frame = av.VideoFrame.from_numpy_buffer(planes, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return time.perf_counter() - start


def quality(frames: Frames, path: Path) -> tuple[float, float]:
    """PSNR in dB over all planes of all frames; SSIM of the luma of every tenth."""
    errors, likeness = [], []
    with av.open(str(path)) as container:
        pairs = zip(frames, container.decode(video=0), strict=True)
        for index, (planes, frame) in enumerate(pairs):
            found = frame.to_ndarray(format="yuv420p")
            errors.append(np.mean((found.astype(np.int32) - planes) ** 2))
            if index % 10 == 0:
                luma = slice(frame.height)
                likeness.append(structural_similarity(found[luma], planes[luma], data_range=255))
    return float(10 * np.log10(255**2 / np.mean(errors))), float(np.mean(likeness))


def lines(found: list[Setting], num_frames: int) -> Iterator[str]:
    base = next(s for s in found if s.name == "veryfast, crf 20")
    yield "| setting | frames/s | against crf 20 | MB per minute | PSNR | SSIM |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for setting in found:
        seconds = statistics.median(setting.seconds)
        ratio = statistics.median(b / a for a, b in zip(setting.seconds, base.seconds, strict=True))
        minute = setting.megabytes * 1800 / num_frames
        yield (
            f"| {setting.name} | {num_frames / seconds:.0f} | {ratio:.2f} × | {minute:.0f} | "
            f"{setting.psnr_db:.1f} dB | {setting.ssim:.4f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    prepare_process()
    frames = demo_frames(options.frames)
    found = settings()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        for round_index in range(options.rounds):
            for setting in found:
                setting.seconds.append(encode(frames, setting.options, path))
                if not round_index:
                    setting.megabytes = path.stat().st_size / 1e6
                    setting.psnr_db, setting.ssim = quality(frames, path)
    print("\n".join(lines(found, len(frames))))
    write_results("encoding", [vars(setting) for setting in found])


if __name__ == "__main__":
    main()
