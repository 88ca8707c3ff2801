"""YAML file → ClassTable: the built-in table of classes, with what a user adds to it or changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from seldsynth.class_table import ClassTable, SoundClass, WordRules
from seldsynth.classes import CLASSES
from seldsynth.errors import ConfigError
from seldsynth.words import rule_fault
from seldsynth.yaml_file import Keys, YamlFile

_HEAD = """\
# What seldsynth knows of the 13 classes, as comments. To change something, take away the # from its
# line and from the lines it stands under.
#
# extend adds to a class, replace puts something else in its place. Classes are called by their id
# or by one of their names. This file is used where it is named: --class-table configs/classes.yaml
# for the collecting commands, assets.class_table in the config of visual_synth.py.
#
# Rules are lines of words: phone(s) is phone or phones; clap~ is clap, claps, clapped, clapping;
# a|b is one or the other; ... is up to four words. One of the lines of _any must match a caption or
# a title, and what a line of _never matches is passed over. Of speech, caption_any holds further
# words for speaking; who speaks is found out by the program.

# extend:
#   telephone:
#     folders: ["landline"]                       # further names of asset folders
#     search_terms: ["payphone ringing"]
#     caption_any: ["switchboard(s)"]

# replace:
"""


def _rule(line: str) -> str:
    fault = rule_fault(line)
    if fault is not None:
        raise ValueError(fault)
    return line


def _name(text: str) -> str:
    if not any(character.isalnum() for character in text):
        raise ValueError("should hold a word")
    return text


def _nothing_is_empty(value: object) -> object:
    """A class whose keys are all commented out."""
    return {} if value is None else value


Name = Annotated[str, AfterValidator(_name)]
Rule = Annotated[str, AfterValidator(_rule)]


class _Extension(BaseModel):
    """What can be added to a class. Every list may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    folders: list[Name] | None = None
    search_terms: list[Name] | None = None
    caption_any: list[Rule] | None = None
    caption_never: list[Rule] | None = None
    title_any: list[Rule] | None = None
    title_never: list[Rule] | None = None


class _Replacement(_Extension):
    """What can be put in the place of what a class has."""

    name: Name | None = None
    long_name: Name | None = None
    extent_m: Annotated[float, Field(gt=0, le=100)] | None = None


class _ClassFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    extend: dict[str, Annotated[_Extension, BeforeValidator(_nothing_is_empty)]] = {}
    replace: dict[str, Annotated[_Replacement, BeforeValidator(_nothing_is_empty)]] = {}


def commented_classes() -> str:
    """A class file that changes nothing: the whole built-in table as comments."""
    lines = []
    for one in CLASSES:
        lines.append(f"#   {one.class_id}:")
        for key, value in _as_written(one).items():
            text = json.dumps(value, ensure_ascii=False)  # which is YAML too
            if isinstance(value, list) and len(text) > 80:
                lines.append(f"#     {key}:")
                lines += [f"#       - {json.dumps(line, ensure_ascii=False)}" for line in value]
            else:
                lines.append(f"#     {key}: {text}")
    return _HEAD + "\n".join(lines) + "\n"


def load_classes(path: Path | None) -> ClassTable:
    """The built-in table, with what a class file says; None: as it is.

    Raises ConfigError, which names file, line and key of every fault.
    """
    if path is None:
        return CLASSES
    file = YamlFile(path, may_be_empty=True, hint="expected extend: or replace:")
    try:
        changes = _ClassFile.model_validate(file.values)
    except ValidationError as error:
        raise ConfigError(file.faults(error, depth=3, unknown=_known)) from None
    by_id: dict[int, SoundClass] = {one.class_id: one for one in CLASSES}
    for section, of_section in (("replace", changes.replace), ("extend", changes.extend)):
        for name, change in of_section.items():
            class_id = CLASSES.id_of(name)
            if class_id is None:
                where = file.where((section, name))
                raise ConfigError(f"{where}: no class is called so{CLASSES.nearest(name)}")
            by_id[class_id] = _changed(by_id[class_id], change, extend=section == "extend")
    try:
        return ClassTable(tuple(by_id.values()))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _changed(one: SoundClass, change: _Extension, *, extend: bool) -> SoundClass:
    written = _as_written(one)
    for key, value in change.model_dump(exclude_none=True).items():
        # What is added comes first: of search terms, the first ones are used most.
        written[key] = [*value, *written[key]] if extend else value
    return SoundClass(
        class_id=one.class_id,
        name=written["name"],
        long_name=written["long_name"],
        extent_m=written["extent_m"],
        folders=tuple(written["folders"]),
        search_terms=tuple(written["search_terms"]),
        caption_rules=WordRules(
            any=tuple(written["caption_any"]), never=tuple(written["caption_never"])
        ),
        title_rules=WordRules(any=tuple(written["title_any"]), never=tuple(written["title_never"])),
    )


def _as_written(one: SoundClass) -> dict[str, Any]:
    """A class as a class file has it."""
    return {
        "name": one.name,
        "long_name": one.long_name,
        "extent_m": one.extent_m,
        "folders": list(one.folders),
        "search_terms": list(one.search_terms),
        "caption_any": list(one.caption_rules.any),
        "caption_never": list(one.caption_rules.never),
        "title_any": list(one.title_rules.any),
        "title_never": list(one.title_rules.never),
    }


def _known(keys: Keys) -> str:
    """What might stand where an unknown key does, as the end of a sentence."""
    if len(keys) == 1:
        return "; known are extend, replace"
    known = list((_Extension if keys[0] == "extend" else _Replacement).model_fields)
    if keys[0] == "extend" and keys[-1] in _Replacement.model_fields:
        return "; it cannot be added to, put it under replace:"
    return f"; known are {', '.join(known)}"
