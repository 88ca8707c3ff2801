"""What sound codecs do to directions: python benchmarks/bench_sound.py [FOA.wav …].

Each WAV (by default the demo's) is encoded and decoded; the direction of the active intensity is
taken in every 0.1 s that is 10 dB louder than the quietest tenth: of the WAV as it is, and of what
was decoded. Signal to noise is against the first setting, lossless after resampling.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from seldsynth import demo
from seldsynth.media import sound_tracks
from seldsynth.media.sound_files import check_sound
from seldsynth.media.sound_tracks import SoundFormat, SoundTrack

RATE = 48000
TOOLS_OFF = {"aac_pns": "0", "aac_is": "0", "aac_ms": "0"}


@dataclass(frozen=True)
class Setting:
    name: str
    codec: str = "aac"
    kbit_per_s: int = 384
    aac_options: tuple[tuple[str, str], ...] = ()


SETTINGS = (
    Setting("flac", codec="flac"),
    Setting("aac 384, FFmpeg's default (twoloop)"),
    Setting("aac 384, fast", aac_options=(("aac_coder", "fast"),)),
    Setting("aac 384, twoloop, tools off", aac_options=tuple(TOOLS_OFF.items())),
    *(
        Setting(
            f"aac {rate}, fast, tools off",
            kbit_per_s=rate,
            aac_options=(("aac_coder", "fast"), *TOOLS_OFF.items()),
        )
        for rate in (192, 256, 384, 512)
    ),
    *(Setting(f"opus {rate}", codec="opus", kbit_per_s=rate) for rate in (256, 384)),
)


def coded(wav: Path, setting: Setting, folder: Path) -> tuple[NDArray[np.float64], int, float]:
    """A file after encoding and decoding [samples, 4]; bytes; seconds to encode."""
    info = check_sound(wav)
    form = SoundFormat(
        codec=setting.codec,  # type: ignore[arg-type]
        channels=4,
        sample_rate=RATE,
        bits_per_s=1000 * setting.kbit_per_s,
        bits=24,
        foa=True,
    )
    path = folder / "coded.mp4"
    track = SoundTrack(path=wav, form=form, num_samples=round(info.duration_s * RATE))
    sound_tracks._AAC_OPTIONS = dict(setting.aac_options)
    start = time.perf_counter()
    with av.open(str(path), "w", format="mp4") as container:
        writer = track.write_into(container)
        writer.write_until(None)
        writer.close()
    seconds = time.perf_counter() - start
    with av.open(str(path)) as container:
        blocks = []
        for frame in container.decode(audio=0):
            scale = {"s16": 2**15, "s32": 2**31}.get(frame.format.name, 1)
            values = frame.to_ndarray() / scale
            blocks.append(values.T if frame.format.is_planar else values.reshape(-1, 4))
    return np.concatenate(blocks)[: track.num_samples], path.stat().st_size, seconds


def intensity(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    size = rate // 10
    w, y, z, x = samples[: len(samples) // size * size].reshape(-1, size, 4).transpose(2, 0, 1)
    return np.stack([(w * one).mean(axis=1) for one in (x, y, z)], axis=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wavs", type=Path, nargs="*")
    wavs = parser.parse_args().wavs
    if not wavs:
        config = demo.prepare()
        wavs = sorted((config.absolute().parents[1] / "demo" / "foa").glob("*.wav"))
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'setting':38}{'median':>8}{'p90':>8}{'SNR dB':>8}{'kbit/s':>8}{'x real time':>12}")
        reference = {wav: coded(wav, SETTINGS[0], Path(folder))[0] for wav in wavs}
        for setting in SETTINGS:
            errors, noise, power, size, seconds, length_s = [], 0.0, 0.0, 0, 0.0, 0.0
            for wav in wavs:
                before = reference[wav]
                source, rate = soundfile.read(str(wav), always_2d=True)
                after, of_file, took = coded(wav, setting, Path(folder))
                a, b = intensity(source, rate), intensity(after, RATE)
                a, b = a[: len(b)], b[: len(a)]
                energy = (before[: len(a) * RATE // 10, 0] ** 2).reshape(len(a), -1).mean(axis=1)
                loud = energy > 10 * np.quantile(energy, 0.1)
                cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
                errors.append(np.degrees(np.arccos(np.clip(cosine[loud], -1, 1))))
                noise += float(((before - after) ** 2).sum())
                power += float((before**2).sum())
                size, seconds = size + of_file, seconds + took
                length_s += soundfile.info(str(wav)).duration
            found = np.concatenate(errors)
            ratio = 10 * np.log10(power / noise) if noise else np.inf
            print(
                f"{setting.name:38}{np.median(found):>7.2f}°{np.quantile(found, 0.9):>7.2f}°"
                f"{ratio:>8.1f}{8e-3 * size / length_s:>8.0f}{length_s / seconds:>12.0f}"
            )


if __name__ == "__main__":
    main()
