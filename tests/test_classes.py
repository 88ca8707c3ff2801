import pytest

from seldsynth.classes import CLASSES


def test_the_thirteen_classes_are_those_of_dcase() -> None:
    assert [sound_class.class_id for sound_class in CLASSES] == list(range(13))
    assert CLASSES[10].name == "water tap"


@pytest.mark.parametrize(
    ("folder", "class_id"),
    [
        ("Class_0", 0),
        ("Class_12", 12),
        ("class_7", 7),
        ("Class_3_telephone_photos", 3),
        ("Class 3", 3),
        ("5", 5),
        ("12", 12),
        ("Female speech, woman speaking", 0),
        ("female_speech", 0),
        ("femaleSpeech", 0),
        ("Water tap, faucet", 10),
        ("water-tap", 10),
        ("WaterTap", 10),
        ("doorCupboard", 7),
        ("musicInstrument", 9),
        ("Musical Instrument", 9),
        ("walk, footsteps", 6),
        ("Class_13", None),
        ("13", None),
        ("Class_x", None),
        ("Class_1a", None),
        ("images", None),
        ("", None),
    ],
)
def test_folder_names(folder: str, class_id: int | None) -> None:
    assert CLASSES.id_of_folder(folder) == class_id


def test_every_name_of_a_class_is_understood() -> None:
    for sound_class in CLASSES:
        for name in sound_class.names:
            assert CLASSES.id_of_folder(name) == sound_class.class_id
