"""Captioned pictures (Flickr30k) → one folder per class, by what their captions say."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seldsynth.class_table import ClassTable, class_folder
from seldsynth.classes import CLASSES
from seldsynth.collect.captions import (
    FEMALE_SPEECH,
    MALE_SPEECH,
    match_caption,
    sexes_named,
    somebody_speaks,
)
from seldsynth.errors import ConfigError, MediaError
from seldsynth.files import read_csv, write_csv, written_whole

Mode = Literal["copy", "link", "symlink"]

REPORT = "report.csv"
REPORT_COLUMNS = ("image", "class", "score", "captions", "words")
_KAGGLE = re.compile(r"\s*([^|]+?)\s*\|\s*\d+\s*\|\s*(.*\S)\s*")
_TOKEN = re.compile(r"\s*([^\t]+?)#\d+\t\s*(.*\S)\s*")


@dataclass(frozen=True, kw_only=True)
class CaptionFile:
    """Captions by image name, and the numbers of the lines that could not be understood."""

    captions: Mapping[str, tuple[str, ...]]
    damaged_lines: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A picture for a class. score: how many of its captions speak of the class."""

    image: str
    class_id: int
    score: int
    captions: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sorting:
    """What became of a collection: by class, the chosen ones best first.

    ambiguous: pictures in which somebody speaks whose sex is not said, or people of both sexes are
    seen. missing: pictures
    that would have been chosen, had they been there.
    """

    chosen: Mapping[int, tuple[Candidate, ...]]
    ambiguous: int
    missing: tuple[str, ...]


def read_captions(path: Path) -> CaptionFile:
    """Read a Kaggle file (`image_name| comment_number| comment`) or the original token format.

    A line that is neither, or names a file in another folder, is counted as damaged and left out.
    Raises ConfigError if the file cannot be read or no line is understood.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    captions: dict[str, list[str]] = {}
    damaged = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.lower().startswith("image_name")):
            continue
        match = _TOKEN.fullmatch(line) or _KAGGLE.fullmatch(line)
        if match is None or match[1] != os.path.basename(match[1]) or match[1].startswith("."):
            damaged.append(number)
        else:
            captions.setdefault(match[1], []).append(match[2])
    if not captions:
        raise ConfigError(
            f"{path}: holds no captions; expected lines like `1000092795.jpg| 0| Two young men …` "
            "or `1000092795.jpg#0<tab>Two young men …`"
        )
    return CaptionFile(
        captions={image: tuple(of_image) for image, of_image in captions.items()},
        damaged_lines=tuple(damaged),
    )


def candidates_of(
    image: str, captions: tuple[str, ...], classes: ClassTable = CLASSES
) -> tuple[tuple[Candidate, ...], bool]:
    """The classes that a picture's captions speak of, and whether it is ambiguous who speaks.

    Speech needs a person of one sex who speaks, and nobody of the other in any of the captions.
    Ambiguous is where somebody speaks, and it is neither.
    """
    found: dict[int, list[tuple[str, str]]] = {}
    for caption in captions:
        for match in match_caption(caption, classes):
            found.setdefault(match.class_id, []).append((caption, match.words))
    speech = {FEMALE_SPEECH, MALE_SPEECH}
    if speech & found.keys() and len({s for text in captions for s in sexes_named(text)}) > 1:
        found = {class_id: pairs for class_id, pairs in found.items() if class_id not in speech}
    ambiguous = not speech & found.keys() and any(
        somebody_speaks(caption, classes) for caption in captions
    )
    candidates = tuple(
        Candidate(
            image=image,
            class_id=class_id,
            score=len(pairs),
            captions=tuple(caption for caption, _ in pairs),
            words=tuple(dict.fromkeys(words for _, words in pairs)),
        )
        for class_id, pairs in sorted(found.items())
    )
    return candidates, ambiguous


def sort_pictures(
    captions: Mapping[str, tuple[str, ...]],
    images_dir: Path,
    *,
    min_captions: int,
    max_per_class: int | None,
    seed: int,
    classes: ClassTable = CLASSES,
    progress: Iterable[str] | None = None,
) -> Sorting:
    """Choose pictures for every class, best scored first; among equals the seed decides.

    Raises ConfigError if the folder has none of them.

    progress: the image names, as something that shows how they are gone through.
    """
    by_class: dict[int, list[Candidate]] = {one.class_id: [] for one in classes}
    ambiguous = 0
    for image in progress if progress is not None else captions:
        found, is_ambiguous = candidates_of(image, captions[image], classes)
        ambiguous += is_ambiguous
        for candidate in found:
            if candidate.score >= min_captions:
                by_class[candidate.class_id].append(candidate)
    there = _names_in(images_dir)
    missing: dict[str, None] = {}
    chosen = {}
    for class_id, candidates in by_class.items():
        candidates.sort(key=lambda candidate: (-candidate.score, _shuffled(candidate.image, seed)))
        missing.update(dict.fromkeys(c.image for c in candidates if c.image not in there))
        present = [candidate for candidate in candidates if candidate.image in there]
        chosen[class_id] = tuple(present[:max_per_class])
    if missing and not any(chosen.values()):
        raise ConfigError(f"{images_dir}: has none of the pictures{_below(images_dir, missing)}")
    return Sorting(chosen=chosen, ambiguous=ambiguous, missing=tuple(missing))


def _below(images_dir: Path, names: Iterable[str]) -> str:
    """Where the pictures might be instead, as the end of a sentence."""
    first = next(iter(names))
    for path in sorted(images_dir.iterdir()):
        if (path / first).is_file():
            return f"; they are in {path}"
    return ", such as " + first


def place_pictures(
    chosen: Mapping[int, tuple[Candidate, ...]], images_dir: Path, output_dir: Path, *, mode: Mode
) -> Iterator[Path]:
    """Put the chosen pictures into `Class_<n>/` folders; yields every path as it is done.

    What is there already stays untouched. Raises MediaError for what cannot be written.
    """
    for class_id, candidates in chosen.items():
        for candidate in candidates:
            target = class_folder(output_dir, class_id) / candidate.image
            try:
                _place((images_dir / candidate.image).absolute(), target, mode)
            except OSError as error:
                hint = "; use --mode copy or symlink" if mode == "link" else ""
                raise MediaError(f"{target}: cannot be made: {error.strerror}{hint}") from None
            yield target


def write_report(chosen: Mapping[int, tuple[Candidate, ...]], output_dir: Path) -> Path:
    """Write report.csv: why each picture is where it is. Returns its path.

    Pictures that earlier runs have put there keep their lines.
    """
    path = output_dir / REPORT
    rows = [
        (c.image, class_id, c.score, " / ".join(c.captions), " / ".join(c.words))
        for class_id, candidates in chosen.items()
        for c in candidates
    ]
    chosen_now = {(str(row[0]), str(row[1])) for row in rows}
    earlier = [
        tuple(row[column] for column in REPORT_COLUMNS)
        for row in read_csv(path, REPORT_COLUMNS)
        if (row["image"], row["class"]) not in chosen_now
        and row["class"].isdigit()
        and (class_folder(output_dir, int(row["class"])) / row["image"]).exists()
    ]
    write_csv(path, REPORT_COLUMNS, [*rows, *earlier])
    return path


def _shuffled(image: str, seed: int) -> bytes:
    """A place in an order that looks random and depends on nothing but the seed and the name."""
    return hashlib.sha256(f"{seed}/{image}".encode()).digest()


def _names_in(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be read: {error.strerror}") from None


def _is_whole(target: Path, source: Path, mode: Mode) -> bool:
    """Whether what is there is not a copy that was cut off."""
    return mode != "copy" or target.stat().st_size == source.stat().st_size


def _place(source: Path, target: Path, mode: Mode) -> None:
    if target.is_symlink() or (target.exists() and _is_whole(target, source, mode)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode == "link":
        os.link(source, target)
    elif mode == "symlink":
        target.symlink_to(source)
    else:
        with written_whole(target) as temporary:
            shutil.copy2(source, temporary)
