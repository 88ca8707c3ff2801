"""Which sound a recording has, how long its video is then, and what comes out of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from seldsynth.cli import main
from seldsynth.config_file import load_config
from seldsynth.errors import AssetError, MediaError
from seldsynth.media.spatial_mp4 import read_tags
from seldsynth.plan import ScenePlan, SoundPlan, plan_from_json
from seldsynth.sounds import SoundLibrary
from tests.conftest import decode_sound, mock_labels, mock_project, mock_sound, mock_tones

TONES = (500, 900, 1700, 3100)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A recording of half a second of labels; its sound is for the test to add, below sound/."""
    mock_sound(tmp_path / "sound" / "em32" / "of another.wav")
    mock_labels(tmp_path / "labels" / "mix.csv", [(n, 11, 0, 0, 0, 200) for n in range(5)])
    return mock_project(tmp_path, input={"audio_dir": "sound"})


def sound_of(project: Path, *overrides: str, name: str = "mix") -> SoundPlan | None:
    return SoundLibrary(load_config(project, overrides)).plan(name)


def run(project: Path, *overrides: str) -> int:
    wishes = [word for one in overrides for word in ("--set", one)]
    return main(["synth", "--config", str(project), "-v", *wishes])


def made(project: Path) -> ScenePlan:
    path = project.parent / "videos" / "mix.plan.json"
    return plan_from_json(path.read_bytes(), name=path)


@pytest.mark.parametrize(
    ("name", "foa"),
    [
        ("mix.wav", True),
        ("mix.flac", True),
        ("mix.WAV", True),
        ("foa/mix.wav", True),
        ("foa_dev/mix.wav", True),
        ("FOA/mix.wav", True),
        ("mic/mix.wav", False),
        ("mic_dev/mix.wav", False),
        ("microscope/mix.wav", None),
        ("other/mix.wav", None),
    ],
)
def test_where_sound_is_found_and_what_it_is(project: Path, name: str, foa: bool | None) -> None:
    suffix = Path(name).suffix.lower()
    made_path = mock_sound(project.parent / "sound" / Path(name).with_suffix(suffix))
    made_path.rename(made_path.with_name(Path(name).name))
    if foa is None:
        with pytest.raises(AssetError, match=r"no mix\.wav or \.flac in .*sound"):
            sound_of(project)
        return
    found = sound_of(project)
    assert found is not None
    assert (found.path, found.track and found.track.foa) == (name, foa)


def test_sound_of_recordings_in_folders(project: Path) -> None:
    mock_sound(project.parent / "sound" / "foa" / "dev" / "room1" / "a.wav")
    found = sound_of(project, name="dev/room1/a")
    assert found is not None
    assert found.path == "foa/dev/room1/a.wav"


def test_foa_is_preferred_and_either_can_be_asked_for(project: Path) -> None:
    folder = project.parent / "sound"
    for name in ("mic/mix.wav", "foa/mix.wav"):
        mock_sound(folder / name)
    paths = {
        wish: one.path
        for wish in ("auto", "foa", "mic")
        if (one := sound_of(project, f"audio.format={wish}"))
    }
    assert paths == {"auto": "foa/mix.wav", "foa": "foa/mix.wav", "mic": "mic/mix.wav"}
    (folder / "foa" / "mix.wav").unlink()
    with pytest.raises(AssetError, match=r"\(audio.format: foa\)"):
        sound_of(project, "audio.format=foa")
    mock_sound(folder / "mix.wav")  # of no format's folder: it is what the config says
    found = sound_of(project, "audio.format=foa")
    assert found is not None
    assert found.track is not None
    assert found.track.foa


def test_the_name_of_the_folder_itself_counts(project: Path) -> None:
    mock_sound(project.parent / "mic_eval" / "mix.wav")
    found = sound_of(project, "input.audio_dir=mic_eval")
    assert found is not None
    assert found.track is not None
    assert not found.track.foa


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), ("aac", 48000, 384000, 24)),
        (("audio.codec=opus",), ("opus", 48000, 384000, 24)),
        (("audio.codec=flac",), ("flac", 24000, 384000, 16)),
        (("audio.codec=flac", "audio.sample_rate=48000"), ("flac", 48000, 384000, 24)),
        (("audio.sample_rate=24000", "audio.kbit_per_s=256"), ("aac", 24000, 256000, 16)),
        (("audio.sample_rate=16000", "audio.kbit_per_s=1024"), ("aac", 16000, 384000, 24)),
    ],
)
def test_how_it_is_encoded(
    project: Path, overrides: tuple[str, ...], expected: tuple[object, ...]
) -> None:
    mock_sound(project.parent / "sound" / "mix.wav")
    found = sound_of(project, *overrides)
    assert found is not None
    track = found.track
    assert track is not None
    assert (track.codec, track.sample_rate, track.bits_per_s, track.bits) == expected


def test_a_rate_that_opus_has_not(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "audio.codec=opus", "audio.sample_rate=24000") == 2
    assert "audio.sample_rate: opus has 48000 samples per second" in capsys.readouterr().err


@pytest.mark.parametrize("codec", ["aac", "flac", "opus"])
def test_a_video_with_its_sound(project: Path, codec: str) -> None:
    """As long as the sound, to the sample; the labels end before."""
    mock_sound(project.parent / "sound" / "mix.wav", mock_tones(*TONES, duration_s=1.23))
    assert run(project, f"audio.codec={codec}", "processing.fps=30") == 0
    video = project.parent / "videos" / "mix.mp4"
    with av.open(str(video)) as container:
        stream, audio = container.streams.video[0], container.streams.audio[0]
        assert stream.frames == 37  # ⌈1.23 · 30⌉
        assert audio.duration is not None
        assert audio.time_base is not None
        assert float(audio.duration * audio.time_base) == pytest.approx(37 / 30, abs=1e-3)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(37 / 30, abs=1e-3)
    samples, rate = decode_sound(video)
    assert rate == (24000 if codec == "flac" else 48000)
    spectra = np.abs(np.fft.rfft(samples[:rate], axis=0))
    assert spectra.argmax(axis=0).tolist() == list(TONES)
    tags = read_tags(video)
    assert tags.foa
    assert tags.spherical_v2


def test_without_sound(project: Path) -> None:
    mock_sound(project.parent / "sound" / "mix.wav")
    assert run(project, "input.audio_dir=null") == 0
    with av.open(str(project.parent / "videos" / "mix.mp4")) as container:
        assert not container.streams.audio
        assert container.streams.video[0].frames == 5
    assert run(project, "audio.codec=none") == 0  # as long as the sound all the same
    with av.open(str(project.parent / "videos" / "mix.mp4")) as container:
        assert not container.streams.audio
        assert container.streams.video[0].frames == 10


def test_microphones_are_not_ambisonics(project: Path) -> None:
    mock_sound(project.parent / "sound" / "mic" / "mix.wav", mock_tones(*TONES))
    assert run(project) == 0
    video = project.parent / "videos" / "mix.mp4"
    assert not read_tags(video).foa
    samples, _ = decode_sound(video)
    assert np.abs(np.fft.rfft(samples[:48000], axis=0)).argmax(axis=0).tolist() == list(TONES)


@pytest.mark.parametrize("channels", [1, 2])
def test_fewer_channels_are_said(
    project: Path, capsys: pytest.CaptureFixture[str], channels: int
) -> None:
    mock_sound(project.parent / "sound" / "mix.wav", mock_tones(*TONES[:channels]))
    assert run(project) == 0
    video = project.parent / "videos" / "mix.mp4"
    assert decode_sound(video)[0].shape[1] == channels
    assert not read_tags(video).foa
    assert f"mix: sound is no ambisonics: channels: {channels}" in capsys.readouterr().err


@pytest.mark.parametrize("channels", [3, 16, 32])
def test_more_channels_lie_beside_the_video(
    project: Path, capsys: pytest.CaptureFixture[str], channels: int
) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (24000, channels))
    source = mock_sound(project.parent / "sound" / "mix.wav", noise, subtype="PCM_24")
    assert run(project, "processing.video_duration=1.5") == 0
    videos = project.parent / "videos"
    with av.open(str(videos / "mix.mp4")) as container:
        assert not container.streams.audio
    before, _ = soundfile.read(str(source), always_2d=True)
    after, rate = soundfile.read(str(videos / "mix.wav"), always_2d=True)
    assert (rate, after.shape) == (24000, (36000, channels))
    assert np.array_equal(after[:24000], before)
    assert not after[24000:].any()
    assert (
        f"mix: sound: {channels} channels do not go into an MP4: kept beside it"
        in capsys.readouterr().err
    )
    # It is one of the recording's files.
    assert main(["synth", "--config", str(project), "--resume", "-v"]) == 0
    (videos / "mix.wav").unlink()
    wishes = ["--set", "processing.video_duration=1.5"]
    assert main(["synth", "--config", str(project), "--resume", "-v", *wishes]) == 0
    assert (videos / "mix.wav").is_file()


@pytest.mark.parametrize(
    ("overrides", "frames", "said"),
    [
        ((), 10, ""),
        (("processing.video_duration=2",), 20, "padded from 1.0 s to 2.0 s"),
        (("processing.video_duration=0.7",), 7, "cut from 1.0 s to 0.7 s"),
    ],
)
def test_how_long_a_video_with_sound_is(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    overrides: tuple[str, ...],
    frames: int,
    said: str,
) -> None:
    mock_sound(project.parent / "sound" / "mix.wav")
    assert run(project, *overrides) == 0
    video = project.parent / "videos" / "mix.mp4"
    with av.open(str(video)) as container:
        assert container.streams.video[0].frames == frames
    samples, rate = decode_sound(video)
    assert frames / 10 * rate <= len(samples) < frames / 10 * rate + 1024
    notes = [line for line in capsys.readouterr().err.splitlines() if " from " in line]
    assert notes == ([f"INFO: mix: {said}"] if said else [])


def test_labels_that_go_on_after_the_sound_are_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_sound(project.parent / "sound" / "mix.wav", mock_tones(*TONES, duration_s=0.3))
    assert main(["synth", "--config", str(project)]) == 0
    said = "mix: labels go on to 0.5 s, the sound ends at 0.3 s: do they belong together?"
    assert said in capsys.readouterr().err
    videos = project.parent / "videos"
    assert len((videos / "mix.csv").read_text().splitlines()) == 3
    assert "do they belong together?" in (videos / "processing_log.txt").read_text()


def test_a_recording_without_labels_but_with_sound(project: Path) -> None:
    (project.parent / "labels" / "mix.csv").write_text("")
    mock_sound(project.parent / "sound" / "mix.wav")
    assert run(project) == 1  # an empty file is no label file
    mock_labels(project.parent / "labels" / "mix.csv", [(900, 11, 0, 0, 0, 200)])
    assert run(project) == 0
    assert made(project).num_frames == 10


@pytest.mark.parametrize(
    ("missing", "code", "videos"), [("error", 1, 0), ("skip", 0, 0), ("silent", 0, 1)]
)
def test_a_recording_without_sound(
    project: Path, capsys: pytest.CaptureFixture[str], missing: str, code: int, videos: int
) -> None:
    assert run(project, f"audio.missing={missing}") == code
    found = list((project.parent / "videos").glob("*.mp4"))
    assert len(found) == videos
    said = {
        "error": "mix failed: no sound for mix: no mix.wav or .flac in ",
        "skip": "mix left out: no sound file",
        "silent": "mix: no sound file: a video without sound",
    }
    assert said[missing] in capsys.readouterr().err
    log = (project.parent / "videos" / "processing_log.txt").read_text()
    assert "no sound" in log
    for path in found:
        with av.open(str(path)) as container:
            assert not container.streams.audio


def test_sound_that_cannot_be_used_fails_its_recording(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_labels(project.parent / "labels" / "other.csv", [(0, 11, 0, 0, 0, 200)])
    mock_sound(project.parent / "sound" / "other.wav")
    (project.parent / "sound" / "mix.wav").write_bytes(b"no sound")
    assert run(project) == 1
    assert "mix.wav: cannot be read as sound" in capsys.readouterr().err
    assert [path.name for path in (project.parent / "videos").glob("*.mp4")] == ["other.mp4"]


def test_a_plan_wants_the_sound_it_was_made_with(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = mock_sound(project.parent / "sound" / "foa" / "mix.wav")
    assert run(project) == 0
    videos = project.parent / "videos"
    before = (videos / "mix.mp4").read_bytes()
    again = ["synth", "--from-plan", str(videos / "mix.plan.json"), "-q"]
    (videos / "mix.mp4").unlink()
    assert main(again) == 0
    assert (videos / "mix.mp4").read_bytes() == before
    content = sound.read_bytes()
    sound.write_bytes(content[:-2] + b"ab")
    assert main(again) == 1
    assert "foa/mix.wav: has changed since plan mix was made" in capsys.readouterr().err
    elsewhere = project.parent / "elsewhere" / "foa"
    elsewhere.mkdir(parents=True)
    (elsewhere / "mix.wav").write_bytes(content)
    moved = ["--config", str(project), "--set", "input.audio_dir=elsewhere"]
    assert main([*again, *moved]) == 0
    assert (videos / "mix.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"path": "foa/mix.wav"', '"path": "../mix.wav"'),
        ('"channels": 4, "sample_rate": 48000', '"channels": 3, "sample_rate": 48000'),
        ('"sample_rate": 48000', '"sample_rate": 0'),
        ('"codec": "aac"', '"codec": "mp3"'),
    ],
)
def test_what_is_no_plan_of_a_sound(project: Path, old: str, new: str) -> None:
    mock_sound(project.parent / "sound" / "foa" / "mix.wav")
    assert run(project) == 0
    path = project.parent / "videos" / "mix.plan.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert main(["synth", "--from-plan", str(path), "-q"]) == 1


def test_videos_below_the_sound_are_not_sound(project: Path) -> None:
    """A dataset's folder may hold everything."""
    root = project.parent / "data"
    mock_labels(root / "metadata" / "mix.csv", [(0, 11, 0, 0, 0, 200)])
    mock_sound(root / "em32" / "mix.wav", mock_tones(*range(300, 350)))
    mock_sound(root / "foa" / "mix.wav")
    places = ("input.audio_dir=data", "input.metadata_dir=data", "output.video_dir=data/videos")
    assert run(project, *places) == 1  # the labels are metadata/mix, the sound is mix
    places = ("input.audio_dir=data", "input.metadata_dir=data/metadata", places[2])
    for _ in range(2):
        assert run(project, *places) == 0
    assert run(project, "input.audio_dir=videos", "output.video_dir=videos") == 2


@pytest.mark.parametrize("codec", ["aac", "flac", "opus"])
def test_an_overlay_keeps_the_sound(project: Path, codec: str) -> None:
    mock_sound(project.parent / "sound" / "mix.wav", mock_tones(*TONES, duration_s=1.37))
    assert run(project, f"audio.codec={codec}") == 0
    videos = project.parent / "videos"
    assert main(["overlay", str(videos / "mix.mp4"), "-q"]) == 0
    before, rate = decode_sound(videos / "mix.mp4")
    after, rate_after = decode_sound(videos / "mix.overlay.mp4")
    assert rate == rate_after
    assert np.array_equal(before, after)
    ours = replace(read_tags(videos / "mix.mp4"), comment="")  # the copy is not what was planned
    assert read_tags(videos / "mix.overlay.mp4") == ours


def test_sound_of_labels_in_a_folder_called_foa(project: Path) -> None:
    mock_sound(project.parent / "sound" / "foa" / "one.wav")
    for name in ("foa/one", "one"):
        found = sound_of(project, name=name)
        assert found is not None
        assert found.path == "foa/one.wav"


@pytest.mark.parametrize(
    "names", [("mix.wav", "mix.flac"), ("foa_dev/mix.wav", "foa_eval/mix.wav")]
)
def test_two_sounds_of_one_recording(project: Path, names: tuple[str, str]) -> None:
    for name in names:
        mock_sound(project.parent / "sound" / name)
    with pytest.raises(AssetError, match="could be the sound of one recording"):
        sound_of(project)


def test_a_format_that_cannot_be(project: Path) -> None:
    mock_sound(project.parent / "sound" / "mix.wav", mock_tones(*TONES[:2]))
    with pytest.raises(MediaError, match=r"2 channels cannot be audio\.format: foa"):
        sound_of(project, "audio.format=foa")


def test_floats_beyond_full_scale_are_not_cut(project: Path) -> None:
    mock_sound(project.parent / "sound" / "mix.wav", 6 * mock_tones(*TONES), subtype="FLOAT")
    with pytest.raises(MediaError, match="goes beyond full scale"):
        sound_of(project, "audio.codec=flac")
    assert run(project) == 0
    assert np.abs(decode_sound(project.parent / "videos" / "mix.mp4")[0]).max() > 1.3


def test_sound_beside_a_video_goes_when_the_video_has_its_own(project: Path) -> None:
    mock_sound(project.parent / "sound" / "mix.wav", mock_tones(*range(300, 308)))
    assert run(project) == 0
    beside = project.parent / "videos" / "mix.wav"
    assert beside.is_file()
    mock_sound(project.parent / "sound" / "mix.wav")
    assert run(project) == 0
    assert not beside.exists()
    beside.write_bytes(b"of somebody else")
    assert run(project) == 0
    assert beside.read_bytes() == b"of somebody else"


def test_sound_of_others_is_never_replaced(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sound beside a video, where the folder of the video is that of sound, by whatever way."""
    folder = project.parent
    source = mock_sound(folder / "real" / "mix.wav", mock_tones(*range(300, 308)))
    before = source.read_bytes()
    (folder / "sound" / "foa").symlink_to(folder / "real")
    wishes = ("assets.follow_symlinks=true", "processing.video_duration=0.3")
    assert run(project, *wishes, "output.video_dir=real") == 1
    assert "mix.wav: there already, and not beside a video of ours" in capsys.readouterr().err
    assert run(project, *wishes) == 0
    plan_file = folder / "real" / "mix.plan.json"
    plan_file.write_bytes((folder / "videos" / "mix.plan.json").read_bytes())
    moved = ["--config", str(project), "--set", "input.audio_dir=real"]
    text = plan_file.read_text().replace('"path": "foa/mix.wav"', '"path": "mix.wav"')
    plan_file.write_text(text)
    assert main(["synth", "--from-plan", str(plan_file), *moved]) == 1
    assert source.read_bytes() == before
    assert run(project, "input.audio_dir=real", "output.video_dir=real") == 2
    (folder / "sound" / "foa").unlink()
    mock_sound(folder / "sound" / "foa_dev" / "mix.wav")
    assert run(project, "output.video_dir=sound/foa_dev") == 2
    assert "is among the sound of input.audio_dir" in capsys.readouterr().err


def test_a_video_that_fails_at_last_leaves_the_one_before_and_its_truth(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_sound(project.parent / "sound" / "mix.wav")
    assert run(project) == 0
    videos = project.parent / "videos"
    before = {path.name: path.read_bytes() for path in videos.glob("mix.*")}
    mock_labels(project.parent / "labels" / "mix.csv", [(n, 11, 0, 90, 0, 200) for n in range(5)])

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seldsynth.media.encode.write_tagged", full)
    assert run(project) == 1
    assert {path.name: path.read_bytes() for path in videos.glob("mix.*")} == before


def test_a_folder_without_sound(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "input.audio_dir=labels", "audio.missing=silent") == 2
    assert "input.audio_dir: no WAV or FLAC in" in capsys.readouterr().err


def test_sound_of_the_same_name_elsewhere_is_said(project: Path) -> None:
    mock_sound(project.parent / "sound" / "foa_dev" / "room1" / "mix.wav")
    with pytest.raises(AssetError, match=r"\(foa_dev/room1/mix\.wav is another: below audio_dir"):
        sound_of(project)


def test_links_that_lead_out_are_not_followed(project: Path, tmp_path: Path) -> None:
    elsewhere = mock_sound(tmp_path / "elsewhere" / "mix.wav")
    (project.parent / "sound" / "mix.wav").symlink_to(elsewhere)
    with pytest.raises(AssetError, match="no sound for mix"):
        sound_of(project)
    assert sound_of(project, "assets.follow_symlinks=true") is not None


def test_an_mp3_called_wav_is_refused_in_silence(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The MPEG decoder in libsndfile prints what it thinks of a file."""
    path = mock_sound(project.parent / "sound" / "mix.wav")
    path.write_bytes(b"\xff\xff" + path.read_bytes()[2:])
    with pytest.raises(MediaError, match=r"mix\.wav: cannot be read as sound: is no WAV or FLAC"):
        sound_of(project)
    assert capfd.readouterr().err == ""


def test_tags_before_a_flac_are_passed_over(project: Path) -> None:
    path = mock_sound(project.parent / "sound" / "mix.flac")
    expected = sound_of(project)
    path.write_bytes(b"ID3\4\0\0\0\0\1\x48" + bytes(200) + path.read_bytes())
    found = sound_of(project)
    assert found is not None
    assert expected is not None
    assert found.info == expected.info


def test_a_flac_that_announces_more_than_it_has(project: Path) -> None:
    path = mock_sound(project.parent / "sound" / "mix.flac")
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # the upper bits of its number of samples
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"mix\.flac: "):
        sound_of(project)
    path.write_bytes(bytes(content[: len(content) // 2]))
    with pytest.raises(MediaError, match=r"mix\.flac: "):
        sound_of(project)


@pytest.mark.parametrize("rate", [1, 999, 655351, 2**31 - 1])
def test_a_sample_rate_that_nobody_has(project: Path, rate: int) -> None:
    path = mock_sound(project.parent / "sound" / "mix.wav")
    content = path.read_bytes()
    path.write_bytes(content[:24] + rate.to_bytes(4, "little") + content[28:])
    with pytest.raises(MediaError, match=f"{rate} samples per second, expected 1000 to 655350"):
        sound_of(project)


def test_the_hostile_sounds(project: Path, shared_data: Path) -> None:
    library = SoundLibrary(
        load_config(project, [f"input.audio_dir={shared_data / 'hostile' / 'wav'}"])
    )
    refused = []
    for path in sorted((shared_data / "hostile" / "wav").iterdir()):
        try:
            assert library.plan(path.stem) is not None
        except MediaError:
            refused.append(path.stem)
    assert refused == ["header_lies", "nan_inf_float", "text", "zero_frames"]
