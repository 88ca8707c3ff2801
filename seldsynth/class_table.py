"""What is known of a sound event class, and the table of all of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class WordRules:
    """Words of a text that speak of a class, in the language of words.py.

    any: one of these lines must match. never: what these match is passed over.
    """

    any: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SoundClass:
    """One sound event class.

    `long_name` is DCASE's own wording, `folders` are further folder names in use (SpatialScaper's
    foreground folders among them). `extent_m` is the length in metres of what a picture of this
    class usually shows along its longer side. `caption_rules` find it in picture captions (of
    speech, they hold exceptions only: who speaks is known to collect/captions.py).
    `search_terms` find videos of it, and `title_rules` tell which of those to believe: one of the
    words in title or description, and none in the title that is never meant.
    """

    class_id: int
    name: str
    long_name: str
    extent_m: float
    folders: tuple[str, ...] = ()
    caption_rules: WordRules = WordRules()
    search_terms: tuple[str, ...] = ()
    title_rules: WordRules = WordRules()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that means this class."""
        return (self.name, self.long_name, *self.folders)


@dataclass(frozen=True)
class ClassTable:
    """The sound event classes by their ids, which count from 0. No two share a name."""

    classes: tuple[SoundClass, ...]
    _id_by_words: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ValueError if ids do not count from 0, or a name stands for two classes."""
        if [one.class_id for one in self.classes] != list(range(len(self.classes))):
            raise ValueError("class ids must count from 0")
        by_words: dict[str, int] = {}
        for one in self.classes:
            for name in one.names:
                if _numbered(name) or name.strip().isdigit():
                    raise ValueError(f"{name!r} is no name: folders of numbers go by these")
                if re.search(r"[/\\\0]", name):
                    raise ValueError(f"{name!r} is no name of a folder")
                other = by_words.setdefault(_words(name), one.class_id)
                if other != one.class_id:
                    raise ValueError(
                        f"{name!r} stands for class {other} and for class {one.class_id}"
                    )
        object.__setattr__(self, "_id_by_words", by_words)

    def __iter__(self) -> Iterator[SoundClass]:
        return iter(self.classes)

    def __getitem__(self, class_id: int) -> SoundClass:
        return self.classes[class_id]

    def __len__(self) -> int:
        return len(self.classes)

    def id_of(self, text: str) -> int | None:
        """Class id that a number or a name, in any spelling, stands for, or None."""
        text = text.strip()
        if re.fullmatch(r"[0-9]{1,6}", text):
            return int(text) if int(text) < len(self) else None
        return self._id_by_words.get(_words(text))

    def nearest(self, name: str) -> str:
        """What an unknown name was probably meant to be, as the end of a sentence."""
        names = [known for one in self for known in one.names]
        close = difflib.get_close_matches(name.lower(), names, n=1)
        return f"; did you mean {close[0]}?" if close else f"; 0 to {len(self) - 1}, or a name"

    def id_of_folder(self, folder_name: str) -> int | None:
        """Class id that an asset folder's name stands for, or None.

        Understood are `Class_<n>`, `Class_<n>_anything`, `<n>` and the class's names in any
        spelling of case, spaces, hyphens and underscores (`water tap`, `Water_tap`, `waterTap`).
        """
        numbered = _numbered(folder_name)
        return self.id_of(numbered[1] if numbered else folder_name)


def class_folder(root: Path, class_id: int) -> Path:
    """The folder that this program makes for a class's assets."""
    return root / f"Class_{class_id}"


def _numbered(name: str) -> re.Match[str] | None:
    """Class_3, Class_3_phones and the like; its group is the number."""
    return re.fullmatch(r"class[ _-]?([0-9]{1,6})(?:[ _-].*)?", name.strip(), re.I)


def _words(text: str) -> str:
    """Words in lower case with single spaces: "waterTap", "Water_tap" and "water-tap" agree."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W_]+", spaced.lower()))
