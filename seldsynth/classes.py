"""The 13 sound event classes of DCASE Task 3: ids, names, folder names, physical sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SoundClass:
    """One sound event class.

    `long_name` is DCASE's own wording, `aliases` are further folder names in use (SpatialScaper's
    foreground folders among them). `extent_m` is the length in metres of what a picture of this
    class usually shows along its longer side.
    """

    class_id: int
    name: str
    long_name: str
    extent_m: float
    aliases: tuple[str, ...] = ()


CLASSES: tuple[SoundClass, ...] = (
    SoundClass(
        class_id=0, name="female speech", long_name="Female speech, woman speaking", extent_m=1.2
    ),
    SoundClass(class_id=1, name="male speech", long_name="Male speech, man speaking", extent_m=1.2),
    SoundClass(class_id=2, name="clapping", long_name="Clapping", extent_m=1.0),
    SoundClass(class_id=3, name="telephone", long_name="Telephone", extent_m=0.35),
    SoundClass(class_id=4, name="laughter", long_name="Laughter", extent_m=1.2),
    SoundClass(
        class_id=5,
        name="domestic sounds",
        long_name="Domestic sounds",
        extent_m=0.9,
        aliases=("domestic",),
    ),
    SoundClass(
        class_id=6,
        name="footsteps",
        long_name="Walk, footsteps",
        extent_m=1.7,
        aliases=("walk", "walking"),
    ),
    SoundClass(
        class_id=7,
        name="door",
        long_name="Door, open or close",
        extent_m=2.1,
        aliases=("door cupboard",),
    ),
    SoundClass(class_id=8, name="music", long_name="Music", extent_m=0.9),
    SoundClass(
        class_id=9,
        name="musical instrument",
        long_name="Musical instrument",
        extent_m=1.1,
        aliases=("music instrument", "instrument"),
    ),
    SoundClass(
        class_id=10,
        name="water tap",
        long_name="Water tap, faucet",
        extent_m=0.5,
        aliases=("tap", "faucet"),
    ),
    SoundClass(class_id=11, name="bell", long_name="Bell", extent_m=0.4),
    SoundClass(class_id=12, name="knock", long_name="Knock", extent_m=0.8, aliases=("knocking",)),
)

NUM_CLASSES = len(CLASSES)


def _words(text: str) -> str:
    """Words in lower case with single spaces: "waterTap", "Water_tap" and "water-tap" agree."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[a-z0-9]+", spaced.lower()))


_ID_BY_WORDS = {
    _words(name): sound_class.class_id
    for sound_class in CLASSES
    for name in (sound_class.name, sound_class.long_name, *sound_class.aliases)
}


def class_of_folder(folder_name: str) -> int | None:
    """Class id that an asset folder's name stands for, or None.

    Understood are `Class_<n>`, `Class_<n>_anything`, `<n>` and the class's names in any
    spelling of case, spaces, hyphens and underscores (`water tap`, `Water_tap`, `waterTap`).
    """
    numbered = re.fullmatch(r"class[ _-]?(\d+)(?:[ _-].*)?|(\d+)", folder_name.strip(), re.I)
    if numbered:
        class_id = int(numbered[1] or numbered[2])
        return class_id if class_id < NUM_CLASSES else None
    return _ID_BY_WORDS.get(_words(folder_name))
