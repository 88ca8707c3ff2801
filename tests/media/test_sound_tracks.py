import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from seldsynth.errors import MediaError
from seldsynth.media.sound_files import check_sound, write_wav
from seldsynth.media.sound_tracks import SoundFormat, SoundTrack, add_sound_stream, sound_frames
from tests.conftest import decode_sound, mock_sound, mock_tones

TONES = (500, 900, 1700, 3100)


def form(**changes: object) -> SoundFormat:
    values: dict[str, object] = {
        "codec": "aac",
        "channels": 4,
        "sample_rate": 48000,
        "bits_per_s": 384000,
        "bits": 16,
        "foa": True,
    }
    return SoundFormat(**{**values, **changes})  # type: ignore[arg-type]


def encode(path: Path, source: Path, form: SoundFormat, *, num_samples: int) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        stream = add_sound_stream(container, form)
        track = SoundTrack(path=source, form=form, num_samples=num_samples)
        for frame in sound_frames(track):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def loudest_hz(samples: NDArray[np.float64], sample_rate: int) -> list[int]:
    """Frequency of the loudest tone in each channel, over the first second."""
    spectra = np.abs(np.fft.rfft(samples[:sample_rate], axis=0))
    return [int(one) for one in spectra.argmax(axis=0)]


@pytest.mark.parametrize("foa", [True, False])
@pytest.mark.parametrize("rate", [24000, 44100, 48000])
@pytest.mark.parametrize("codec", ["aac", "flac", "opus"])
def test_channels_come_back_in_order(tmp_path: Path, codec: str, rate: int, foa: bool) -> None:
    source = mock_sound(tmp_path / "a.wav", mock_tones(*TONES, sample_rate=rate), sample_rate=rate)
    path = encode(tmp_path / "a.mp4", source, form(codec=codec, foa=foa), num_samples=48000)
    samples, found_rate = decode_sound(path)
    assert (samples.shape[1], found_rate) == (4, 48000)
    assert loudest_hz(samples, 48000) == list(TONES)
    spectra = np.abs(np.fft.rfft(samples[:48000], axis=0))[list(TONES)]
    leaked = spectra - np.diag(np.diag(spectra))
    assert leaked.max() < 0.01 * np.diag(spectra).min()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("codec", ["aac", "flac", "opus"])
def test_fewer_channels_come_back_in_order(tmp_path: Path, codec: str, channels: int) -> None:
    source = mock_sound(tmp_path / "a.wav", mock_tones(*TONES[:channels]))
    wish = form(codec=codec, channels=channels, foa=False, bits_per_s=96000 * channels)
    path = encode(tmp_path / "a.mp4", source, wish, num_samples=48000)
    samples, _ = decode_sound(path)
    assert loudest_hz(samples, 48000) == list(TONES[:channels])


@pytest.mark.parametrize("rate", [22050, 24000, 44100, 48000])
@pytest.mark.parametrize("codec", ["aac", "flac", "opus"])
def test_sound_keeps_its_time(tmp_path: Path, codec: str, rate: int) -> None:
    """A click at one second comes at one second, to the sample."""
    samples = np.zeros((2 * rate, 4))
    samples[rate] = 0.9, 0.7, 0.5, 0.3
    source = mock_sound(tmp_path / "a.wav", samples, sample_rate=rate)
    path = encode(tmp_path / "a.mp4", source, form(codec=codec), num_samples=96000)
    decoded, _ = decode_sound(path)
    assert [int(np.abs(channel).argmax()) for channel in decoded.T] == [48000] * 4


@pytest.mark.parametrize("num_samples", [1000, 47999, 48000, 50001])
@pytest.mark.parametrize("codec", ["aac", "flac", "opus"])
def test_the_length_is_as_asked(tmp_path: Path, codec: str, num_samples: int) -> None:
    """Cut, or padded with silence."""
    source = mock_sound(tmp_path / "a.wav", mock_tones(*TONES))
    path = encode(tmp_path / "a.mp4", source, form(codec=codec), num_samples=num_samples)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        end = packets[-1].pts + packets[-1].duration  # type: ignore[operator]
        assert end * packets[-1].time_base == Fraction(num_samples, 48000)
    samples, _ = decode_sound(path)
    assert num_samples <= len(samples) < num_samples + 2048
    assert np.abs(samples[48000 + 2048 :]).max(initial=0) < 1e-3


@pytest.mark.parametrize(
    ("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24), ("PCM_U8", 16), ("FLOAT", 24)]
)
def test_flac_is_lossless(tmp_path: Path, subtype: str, bits: int) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (24000, 4))
    source = mock_sound(tmp_path / "a.wav", noise, subtype=subtype)
    assert check_sound(source).bits == bits
    wish = form(codec="flac", sample_rate=24000, bits=bits)
    path = encode(tmp_path / "a.mp4", source, wish, num_samples=24000)
    expected, _ = soundfile.read(str(source), always_2d=True)
    decoded, _ = decode_sound(path)
    steps = {"FLOAT": 2.0**-23}.get(subtype, 0.0)
    assert np.abs(decoded - expected).max() <= steps


def test_the_same_sound_gives_the_same_bytes(tmp_path: Path) -> None:
    source = mock_sound(tmp_path / "a.wav")
    first, second = (
        encode(tmp_path / name, source, form(), num_samples=48000).read_bytes()
        for name in ("a.mp4", "b.mp4")
    )
    assert first == second


def test_another_number_of_channels_is_refused(tmp_path: Path) -> None:
    source = mock_sound(tmp_path / "a.wav", mock_tones(*TONES[:2]))
    with pytest.raises(MediaError, match=r"a\.wav: 2 channels, expected 4"):
        encode(tmp_path / "a.mp4", source, form(), num_samples=48000)


@pytest.mark.parametrize(("channels", "foa"), [(3, False), (5, False), (2, True), (32, True)])
def test_what_an_mp4_cannot_have_is_no_format(channels: int, foa: bool) -> None:
    with pytest.raises(ValueError, match="channels"):
        form(channels=channels, foa=foa)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_file_is_described(tmp_path: Path, name: str) -> None:
    info = check_sound(mock_sound(tmp_path / name))
    assert (info.channels, info.sample_rate, info.num_samples) == (4, 24000, 24000)
    assert (info.duration_s, info.bits) == (1, 16)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64"])
def test_a_file_that_was_cut_off(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(str(path), mock_tones(*TONES), 24000, subtype="PCM_16", format=kind)
    assert check_sound(path).num_samples == 24000
    content = path.read_bytes()
    for size in (len(content) - 2, len(content) // 2):
        path.write_bytes(content[:size])
        with pytest.raises(MediaError, match=r"a\.wav: is cut off: \d+ of 192000 bytes"):
            check_sound(path)


def test_a_flac_that_was_cut_off(tmp_path: Path) -> None:
    flac = mock_sound(tmp_path / "a.flac")
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"a\.flac: "):
        check_sound(flac)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_header_that_knows_no_length(tmp_path: Path, size: int) -> None:
    """As programs write it into a pipe: nobody can tell whether the file is whole."""
    path = mock_sound(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(MediaError, match="does not tell its length"):
        check_sound(path)


def test_another_container_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(str(path), mock_tones(*TONES), 24000, format="W64", subtype="PCM_16")
    with pytest.raises(MediaError, match="is no WAV or FLAC, but W64"):
        check_sound(path)


def test_floats_beside_a_video_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    source = mock_sound(tmp_path / "a.wav", mock_tones(*range(300, 308)), subtype="FLOAT")
    made = []
    for seconds in (0, 1):
        write_wav(source, tmp_path / "out.wav", num_samples=1000)
        made.append((tmp_path / "out.wav").read_bytes())
        time.sleep(1.1 * (1 - seconds))
    assert made[0] == made[1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    samples = mock_tones(*TONES)
    samples[20000, 2] = value
    path = mock_sound(tmp_path / "a.wav", samples, subtype="FLOAT")
    with pytest.raises(MediaError, match="no numbers"):
        check_sound(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello, world"])
def test_a_file_that_is_no_sound(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.wav: cannot be read as sound"):
        check_sound(path)
    with pytest.raises(MediaError, match="cannot be read as sound"):
        check_sound(tmp_path / "missing.wav")


@pytest.mark.parametrize("kind", ["WAV", "RF64"])
def test_a_file_without_samples(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(str(path), np.zeros((0, 4)), 24000, subtype="PCM_16", format=kind)
    with pytest.raises(MediaError, match="holds no sound"):
        check_sound(path)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "PCM_U8"])
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_many_channels_stay_as_they_are(tmp_path: Path, name: str, subtype: str) -> None:
    """Cut and padded, sample for sample, as sound that does not go into an MP4 is."""
    if name == "a.flac" and subtype in ("FLOAT", "PCM_U8"):
        subtype = "PCM_16"
    channels = 8 if name == "a.flac" else 32
    noise = np.random.default_rng(0).uniform(-1, 1, (1000, channels))
    source = mock_sound(tmp_path / name, noise, subtype=subtype)
    before, _ = soundfile.read(str(source), always_2d=True)
    for num_samples in (400, 1000, 1500):
        write_wav(source, tmp_path / "out.wav", num_samples=num_samples)
        after, rate = soundfile.read(str(tmp_path / "out.wav"), always_2d=True)
        assert (rate, len(after), after.shape[1]) == (24000, num_samples, channels)
        assert np.array_equal(after[:1000], before[:num_samples])
        assert not after[1000:].any()
    assert soundfile.info(str(tmp_path / "out.wav")).subtype == subtype


def test_a_wav_that_cannot_be_written(tmp_path: Path) -> None:
    source = mock_sound(tmp_path / "a.wav")
    with pytest.raises(MediaError, match="cannot be written"):
        write_wav(source, tmp_path / "nowhere" / "out.wav", num_samples=10)


def test_hostile_files_are_refused_or_described(shared_data: Path) -> None:
    outcomes = {}
    for path in sorted((shared_data / "hostile" / "wav").iterdir()):
        try:
            outcomes[path.stem] = str(check_sound(path).channels)
        except MediaError as error:
            outcomes[path.stem] = str(error).split(": ", 1)[1].split(":")[0]
    assert outcomes["header_lies"] == "is cut off"
    assert outcomes["nan_inf_float"].startswith("holds samples that are no numbers")
    assert outcomes["zero_frames"] == "holds no sound"
    assert outcomes["text"] == "cannot be read as sound"
    assert outcomes["ch16"] == "16"
    assert outcomes["stereo"] == "2"
