"""A YAML file as its writer sees it: values, and the line that each of them stands on."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import ErrorDetails

from seldsynth.errors import ConfigError

_MAX_BYTES = 1 << 20

Keys = tuple[str, ...]


class YamlFile:
    """The values of a YAML file, and where each of them stands. Keys are strings, at any depth.

    Raises ConfigError for a file that is no mapping, is not YAML, or gives a key twice.

    hint: what to do, where no keys are found. may_be_empty: so may a file of comments be.
    """

    def __init__(self, path: Path, *, hint: str, may_be_empty: bool = False) -> None:
        self.path = path
        self._lines: dict[Keys, str] = {}
        self.values: dict[str, Any] = self._read(hint, may_be_empty=may_be_empty)

    def where(self, keys: Keys) -> str:
        """`file:line: section.key`, by the nearest line there is."""
        for depth in range(len(keys), 0, -1):
            if keys[:depth] in self._lines:
                return f"{self._lines[keys[:depth]]}: {'.'.join(keys)}"
        return f"{self.path}: {'.'.join(keys)}"

    def override(self, text: str) -> None:
        """Take in one `section.key=value`. Raises ConfigError."""
        name, equals, value = text.partition("=")
        keys = tuple(name.strip().split("."))
        if not equals or len(keys) != 2:
            raise ConfigError(f"--set {text}: expected section.key=value, e.g. processing.fps=25")
        try:
            parsed = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(f"--set {text}: {_yaml_fault(error)}") from None
        section = self.values.get(keys[0])
        self.values[keys[0]] = {**(section if isinstance(section, dict) else {}), keys[1]: parsed}
        self._lines[keys] = "--set"
        self._lines.setdefault(keys[:1], "--set")

    def describe(self, detail: ErrorDetails, *, depth: int, unknown: Callable[[Keys], str]) -> str:
        """One line about a fault that pydantic found.

        depth: how many keys deep the file is. unknown: what to say of an unknown key, as the
        end of a sentence.
        """
        keys = self._keys_in(detail["loc"], depth=depth)
        where = self.where(keys)
        if detail["type"] == "extra_forbidden":
            return f"{where}: unknown key{unknown(keys)}"
        if detail["type"] == "missing":
            return f"{where}: missing; it is always needed"
        if detail["type"] in ("model_type", "model_attributes_type", "dict_type"):
            return f"{where}: expected keys below it, got {reprlib.repr(detail['input'])}"
        message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if detail["type"] == "bool_type":
            message = "should be true or false"
        return f"{where}: {message}, got {reprlib.repr(detail['input'])}"

    def _keys_in(self, loc: tuple[int | str, ...], *, depth: int) -> Keys:
        """The keys of the file that lead to a place of pydantic's, which also names its own."""
        keys = [str(part) for part in loc[:depth]]
        here: Any = self.values
        for index, part in enumerate(loc):
            if not isinstance(here, dict) or part not in here:
                break
            if index >= depth:
                keys.append(str(part))
            here = here[part]
        return tuple(keys)

    def _read(self, hint: str, *, may_be_empty: bool) -> dict[str, Any]:
        try:
            if self.path.stat().st_size > _MAX_BYTES:
                raise ConfigError(f"{self.path}: larger than 1 MiB, which no config file is")
            text = self.path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text"
            raise ConfigError(f"{self.path}: cannot be read: {reason}") from None
        try:
            self._note_lines(yaml.compose(text, Loader=yaml.SafeLoader), (), set())
            values = _with_text_keys(yaml.safe_load(text), {})
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            raise ConfigError(f"{self.path}{line}: {_yaml_fault(error)}") from None
        if values is None and may_be_empty:
            return {}
        if not isinstance(values, dict):
            raise ConfigError(f"{self.path}:1: {hint}")
        # A section whose keys are all commented out reads as null and means the defaults.
        return {key: {} if value is None else value for key, value in values.items()}

    def _note_lines(self, node: yaml.Node | None, keys: Keys, seen: set[int]) -> None:
        """Remember the line of every key; refuse keys that come twice. An alias is seen once."""
        if not isinstance(node, yaml.MappingNode) or id(node) in seen:
            return
        seen.add(id(node))
        for key, content in node.value:
            path = (*keys, str(key.value))
            line = f"{self.path}:{key.start_mark.line + 1}"
            if path in self._lines:
                raise ConfigError(f"{line}: {'.'.join(path)} is given twice")
            self._lines[path] = line
            self._note_lines(content, path, seen)


def _with_text_keys(value: Any, done: dict[int, dict[str, Any]]) -> Any:
    """The same with keys as text. done: by identity, since an alias may stand in many places."""
    if not isinstance(value, dict):
        return value
    if id(value) not in done:
        texts: dict[str, Any] = {}
        done[id(value)] = texts
        texts.update((str(key), _with_text_keys(inner, done)) for key, inner in value.items())
    return done[id(value)]


def _yaml_fault(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    if "'\\t'" in str(problem):
        return "not valid YAML: indent with spaces, not with tabs"
    return f"not valid YAML: {' '.join(str(problem).split())}"
