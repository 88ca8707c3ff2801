"""A sound for each class, made by code: short, plain, and easily told apart.

Each maker gives [samples] float64 at SAMPLE_RATE, of any level; `make_sound` brings all to one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 24000

_LEVEL = 0.12  # root mean square over the loudest tenth of a second
_FADE_S = 0.01
_VOWELS = (  # first three formants of a, e, i, o, u in hertz
    *((800, 1200, 2500), (500, 1900, 2500), (300, 2200, 2900)),
    *((500, 900, 2400), (320, 800, 2300)),
)

Samples = NDArray[np.float64]
Maker = Callable[[int, np.random.Generator], Samples]


def make_sound(class_id: int, *, duration_s: float, seed: int) -> Samples:
    """The sound of a class, [samples]; the same for the same seed."""
    count = round(duration_s * SAMPLE_RATE)
    samples = _MAKERS[class_id](count, np.random.default_rng([seed, class_id]))
    window = SAMPLE_RATE // 10
    power = np.convolve(samples**2, np.full(window, 1 / window), mode="same")
    louder: Samples = samples * (_LEVEL / np.sqrt(max(power.max(), 1e-12)))
    fade = np.minimum(1, np.arange(count) / (_FADE_S * SAMPLE_RATE))
    faded: Samples = np.clip(louder, -0.9, 0.9) * fade * fade[::-1]
    return faded


def _times(count: int) -> Samples:
    times: Samples = np.arange(count) / SAMPLE_RATE
    return times


def _filtered(samples: Samples, gain: Callable[[Samples], Samples]) -> Samples:
    """Samples with a gain that depends on the frequency in hertz."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.asarray(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), np.float64)
    filtered: Samples = np.fft.irfft(spectrum * gain(frequencies), len(samples))
    return filtered


def _band(centre_hz: float, width_hz: float) -> Callable[[Samples], Samples]:
    def gain(hz: Samples) -> Samples:
        bell: Samples = np.exp(-0.5 * ((hz - centre_hz) / width_hz) ** 2)
        return bell

    return gain


def _noise(count: int, rng: np.random.Generator, centre_hz: float, width_hz: float) -> Samples:
    return _filtered(rng.normal(size=count), _band(centre_hz, width_hz))


def _phase(frequency_hz: Samples) -> Samples:
    phase: Samples = 2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE
    return phase


def _decays(count: int, starts_s: Samples, decay_s: float) -> Samples:
    """An envelope that rises at each start and dies away."""
    times, envelope = _times(count), np.zeros(count)
    for start_s in starts_s:
        since = times - start_s
        envelope += np.where(since >= 0, np.exp(-np.clip(since, 0, None) / decay_s), 0)
    return envelope


def _every(count: int, rng: np.random.Generator, step_s: float, *, vary: float = 0.0) -> Samples:
    """Times at a pace, each off by up to a part of a step."""
    starts = np.arange(0.02, count / SAMPLE_RATE, step_s)
    return starts + vary * step_s * rng.uniform(-0.5, 0.5, len(starts))


def _voice(count: int, rng: np.random.Generator, pitch_hz: float, pace_s: float) -> Samples:
    """Vowels, one after the other: a buzz with formants, its pitch going up and down."""
    times = _times(count)
    lilt = 1 + 0.08 * np.sin(2 * np.pi * 0.7 * times) + 0.02 * np.sin(2 * np.pi * 5 * times)
    phase = _phase(pitch_hz * lilt)
    harmonics = range(1, int(4000 / pitch_hz))
    buzz: Samples = np.sum([np.sin(n * phase) / n for n in harmonics], axis=0)
    buzz += 0.02 * rng.normal(size=count)
    starts = _every(count, rng, pace_s, vary=0.3)
    voiced = np.zeros(count)
    for start_s in starts:
        formants = _VOWELS[rng.integers(len(_VOWELS))]
        since = (times - start_s) / (0.8 * pace_s)
        syllable = np.where(
            (since > 0) & (since < 1), np.sin(np.pi * np.clip(since, 0, 1)) ** 0.5, 0
        )
        part = slice(max(0, int(start_s * SAMPLE_RATE)), int((start_s + pace_s) * SAMPLE_RATE) + 1)
        voiced[part] += _filtered((buzz * syllable)[part], _formants(formants))
    return voiced


def _formants(centres_hz: tuple[int, ...]) -> Callable[[Samples], Samples]:
    def gain(hz: Samples) -> Samples:
        bands = [_band(centre, 90 + centre / 20)(hz) for centre in centres_hz]
        total: Samples = np.sum([band / (1 + n) for n, band in enumerate(bands)], axis=0)
        return total

    return gain


def _laughter(count: int, rng: np.random.Generator) -> Samples:
    """Ha ha ha: short, breathy, each lower than the last, then again."""
    times = _times(count)
    within = times % 1.4
    pitch = 330 - 90 * within
    phase = _phase(pitch)
    buzz = np.sum([np.sin(n * phase) / n for n in range(1, 12)], axis=0)
    breath = rng.normal(size=count)
    envelope = np.where(within < 1.1, np.clip(np.sin(2 * np.pi * 5 * within), 0, 1), 0)
    formants = _filtered(buzz + 0.5 * breath, lambda hz: _band(850, 150)(hz) + _band(1300, 200)(hz))
    return formants * envelope


def _clapping(count: int, rng: np.random.Generator) -> Samples:
    claps = _decays(count, _every(count, rng, 0.27, vary=0.2), 0.018)
    return _noise(count, rng, 1700, 900) * claps


def _telephone(count: int, rng: np.random.Generator) -> Samples:
    times = _times(count)
    ring = np.sin(2 * np.pi * 1050 * times) + np.sin(2 * np.pi * 1400 * times)
    hammer = 0.6 + 0.4 * np.sign(np.sin(2 * np.pi * 20 * times))
    ringing: Samples = ring * hammer * ((times % 1.0) < 0.65)
    return ringing


def _washing(count: int, rng: np.random.Generator) -> Samples:
    times = _times(count)
    motor = np.sum([np.sin(2 * np.pi * 50 * n * times) / n for n in range(1, 9)], axis=0)
    swash = _noise(count, rng, 900, 500) * (1 + np.sin(2 * np.pi * 0.9 * times)) * 6
    washing: Samples = motor + swash
    return washing


def _footsteps(count: int, rng: np.random.Generator) -> Samples:
    starts = _every(count, rng, 0.52, vary=0.06)
    thump = np.sin(2 * np.pi * 75 * _times(count)) * _decays(count, starts, 0.05)
    heel = _noise(count, rng, 2200, 900) * _decays(count, starts, 0.012)
    return thump + 2 * heel


def _door(count: int, rng: np.random.Generator) -> Samples:
    """It creaks, and shuts; and again."""
    times = _times(count)
    within = times % 2.0
    rasp = np.sin(_phase(28 + 40 * within)) ** 15
    creak = _filtered(rasp, lambda hz: _band(700, 200)(hz) + _band(1600, 300)(hz))
    shut = _decays(count, np.arange(1.4, count / SAMPLE_RATE, 2.0), 0.07)
    thud = (np.sin(2 * np.pi * 90 * times) + 2 * _noise(count, rng, 300, 200)) * shut
    return 3 * creak * (within < 1.3) + 0.4 * thud


def _tone(count: int, start_s: float, hz: float, decay_s: float, partials: int) -> Samples:
    since = np.clip(_times(count) - start_s, 0, None)
    overtones = [np.sin(2 * np.pi * n * hz * since) / n**1.5 for n in range(1, partials + 1)]
    tone: Samples = np.sum(overtones, axis=0) * np.exp(-since / decay_s) * (since > 0)
    return tone


def _music(count: int, rng: np.random.Generator) -> Samples:
    """A bass and broken chords."""
    chords = ((220, 262, 330), (175, 220, 262), (262, 330, 392), (196, 247, 294))
    music = np.zeros(count)
    for beat, start_s in enumerate(np.arange(0, count / SAMPLE_RATE, 0.25)):
        chord = chords[beat // 8 % len(chords)]
        music += _tone(count, float(start_s), 2 * chord[(0, 1, 2, 1)[beat % 4]], 0.3, 4)
        if beat % 4 == 0:
            music += 1.5 * _tone(count, float(start_s), chord[0] / 2, 0.5, 3)
    return music


def _guitar(count: int, rng: np.random.Generator) -> Samples:
    """Plucked strings: K. Karplus and A. Strong, "Digital synthesis of plucked-string", 1983."""
    notes = (196.0, 247.0, 294.0, 392.0, 294.0, 247.0)
    played = np.zeros(count)
    for index, start_s in enumerate(np.arange(0, count / SAMPLE_RATE, 0.4)):
        begin = int(start_s * SAMPLE_RATE)
        period = round(SAMPLE_RATE / notes[index % len(notes)])
        string = rng.uniform(-1, 1, period)
        for _ in range(4):  # plucked with a finger, not a plectrum
            string = 0.5 * (string + np.roll(string, 1))
        plucked = []
        for _ in range((count - begin) // period + 1):
            plucked.append(string)
            string = 0.498 * (string + np.roll(string, 1))
        played[begin:] += np.concatenate(plucked)[: count - begin]
    return played


def _water(count: int, rng: np.random.Generator) -> Samples:
    drops = _noise(count, rng, 3000, 1500) * (1 + 0.3 * _noise(count, rng, 0, 30))
    return drops + 0.6 * _noise(count, rng, 800, 300)


def _bell(count: int, rng: np.random.Generator) -> Samples:
    struck = np.zeros(count)
    partials = (
        (0.5, 2.2),
        (1.0, 1.8),
        (1.19, 1.2),
        (1.5, 0.9),
        (2.0, 0.7),
        (2.74, 0.4),
        (3.0, 0.3),
    )
    for start_s in np.arange(0.0, count / SAMPLE_RATE, 1.6):
        since = np.clip(_times(count) - start_s, 0, None)
        for ratio, decay_s in partials:
            ringing = np.sin(2 * np.pi * 660 * ratio * since) * np.exp(-since / decay_s)
            struck += ringing / ratio**0.5 * (since > 0)
    return struck


def _knock(count: int, rng: np.random.Generator) -> Samples:
    starts = np.concatenate([[n, n + 0.18, n + 0.36] for n in np.arange(0.05, 60, 1.2)])
    knocks = _decays(count, starts, 0.03)
    wood = np.sin(2 * np.pi * 210 * _times(count)) + 1.5 * _noise(count, rng, 450, 150)
    return wood * knocks


_MAKERS: dict[int, Maker] = {
    0: lambda count, rng: _voice(count, rng, 215.0, 0.24),
    1: lambda count, rng: _voice(count, rng, 112.0, 0.27),
    2: _clapping,
    3: _telephone,
    4: _laughter,
    5: _washing,
    6: _footsteps,
    7: _door,
    8: _music,
    9: _guitar,
    10: _water,
    11: _bell,
    12: _knock,
}
