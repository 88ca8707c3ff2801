"""A YAML file as its writer sees it: values, and the line that each of them stands on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml.constructor import ConstructorError

from seldsynth.errors import ConfigError, quoted, shown

_MAX_BYTES = 1 << 18  # a second or two for a parser that is written in Python
_MOST_FAULTS = 20
_DEEPEST = 50
_LONGEST_NUMBER = 100
_MOST_MERGED = 10_000

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
                return f"{self._lines[keys[:depth]]}: {_dotted(keys)}"
        return f"{self.path}: {_dotted(keys)}"

    def override(self, text: str) -> None:
        """Take in one `section.key=value`. Raises ConfigError."""
        name, equals, value = text.partition("=")
        keys = tuple(name.strip().split("."))
        if not equals or len(keys) != 2:
            what = "expected section.key=value, e.g. processing.fps=25"
            raise ConfigError(f"--set {shown(text)}: {what}")
        try:
            parsed = _Loader(value).get_single_data()
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {shown(text)}: {_yaml_fault(error)}") from None
        section = self.values.get(keys[0])
        self.values[keys[0]] = {**(section if isinstance(section, dict) else {}), keys[1]: parsed}
        self._lines[keys] = "--set"
        self._lines.setdefault(keys[:1], "--set")

    def faults(
        self, error: ValidationError, *, depth: int, unknown: Callable[[Keys], str]
    ) -> list[str]:
        """A line about each of the first faults of pydantic's, and one that counts the others.

        depth: how many keys deep the file is. unknown: what to say of an unknown key, as the
        end of a sentence.
        """
        details = error.errors(include_url=False)
        lines = [self._describe(one, depth, unknown) for one in details[:_MOST_FAULTS]]
        more = len(details) - len(lines)
        return [*lines, f"{self.path}: and {more} more faults"] if more else lines

    def _describe(self, detail: ErrorDetails, depth: int, unknown: Callable[[Keys], str]) -> str:
        keys = self._keys_in(detail["loc"], depth=depth)
        where = self.where(keys)
        if detail["type"] == "extra_forbidden":
            return f"{where}: unknown key{unknown(keys)}"
        if detail["type"] == "missing":
            return f"{where}: missing; it is always needed"
        if detail["type"] in ("model_type", "model_attributes_type", "dict_type"):
            return f"{where}: expected keys below it, got {quoted(detail['input'])}"
        message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if detail["type"] == "bool_type":
            message = "should be true or false"
        return f"{where}: {message}, got {quoted(detail['input'])}"

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
                raise ConfigError(f"{self.path}: larger than 256 KiB, which no config file is")
            text = self.path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text"
            raise ConfigError(f"{self.path}: cannot be read: {reason}") from None
        try:
            loader = _Loader(text)
            root = loader.get_single_node()
            self._note_lines(root, (), set())
            values = None if root is None else _with_text_keys(loader.construct_document(root), {})
        except yaml.YAMLError as error:
            raise ConfigError(f"{self.path}{_line_of(error)}: {_yaml_fault(error)}") from None
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
            if not isinstance(key, yaml.ScalarNode):
                continue  # what such a key holds is refused where it is put together
            path = (*keys, str(key.value))
            line = f"{self.path}:{key.start_mark.line + 1}"
            if path in self._lines:
                raise ConfigError(f"{line}: {_dotted(path)} is given twice")
            self._lines[path] = line
            self._note_lines(content, path, seen)


class _Loader(yaml.SafeLoader):
    """YAML as SafeLoader has it: no tag makes an object of Python's. All faults are YAMLErrors.

    Nothing takes long or much memory, however small its text: nesting, numbers and what merge keys
    put together are limited. What aliases repeat is one object in many places.
    """

    def __init__(self, text: str) -> None:
        self._depth = 0
        self._merged: dict[int, int] = {}
        self._num_merged = 0  # in the whole document
        super().__init__(text)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse what is nested too deep."""
        if self._depth > _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ConstructorError(None, None, f"nested more than {_DEEPEST} deep", mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Refuse what a tag cannot be put on, which SafeLoader has all kinds of exceptions for."""
        is_number = node.tag.rpartition(":")[2] in ("int", "float")
        if is_number and len(node.value) > _LONGEST_NUMBER:
            problem = f"a number of {len(node.value)} characters"
            raise ConstructorError(None, None, problem, node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError):
            problem = f"{quoted(node.value)} is no {shown(node.tag.rpartition(':')[2])}"
            raise ConstructorError(None, None, problem, node.start_mark) from None

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take in what merge keys name, unless it grows beyond measure."""
        self._num_merged += self._size(node) - len(node.value)
        if self._num_merged > _MOST_MERGED:
            problem = f"merge keys (<<) make more than {_MOST_MERGED} keys"
            raise ConstructorError(None, None, problem, node.start_mark)
        super().flatten_mapping(node)

    def _size(self, node: yaml.Node) -> int:
        """How many keys a mapping, or a list of them, has when all merge keys are followed."""
        if id(node) not in self._merged:
            self._merged[id(node)] = 0  # for one that is merged into itself
            if isinstance(node, yaml.SequenceNode):
                size = sum(self._size(one) for one in node.value)
            elif isinstance(node, yaml.MappingNode):
                merged = [content for key, content in node.value if key.tag.endswith(":merge")]
                size = len(node.value) + sum(self._size(one) for one in merged)
            else:
                size = 0
            self._merged[id(node)] = size
        return self._merged[id(node)]


def _refuse_tag(_: yaml.SafeLoader, node: yaml.Node) -> None:
    """Say that a tag, which YAML has for objects of a language, means nothing here."""
    tag = node.tag.replace("tag:yaml.org,2002:", "!!", 1)
    problem = f"the tag {shown(tag)} means nothing here; write a plain value"
    raise ConstructorError(None, None, problem, node.start_mark)


_Loader.add_constructor(None, _refuse_tag)


def _with_text_keys(value: Any, done: dict[int, dict[str, Any]]) -> Any:
    """The same with keys as text. done: by identity, since an alias may stand in many places."""
    if not isinstance(value, dict):
        return value
    if id(value) not in done:
        texts: dict[str, Any] = {}
        done[id(value)] = texts
        texts.update((str(key), _with_text_keys(inner, done)) for key, inner in value.items())
    return done[id(value)]


def _dotted(keys: Keys) -> str:
    """Keys as a message shows them."""
    return ".".join(shown(key) for key in keys)


def _line_of(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return ""
    # A key without its colon, a quotation mark without its like: they are missed further on.
    is_word = (error.context or "").startswith("while scanning")
    mark = (error.context_mark if is_word else None) or error.problem_mark
    return f":{mark.line + 1}" if mark else ""


def _yaml_fault(error: yaml.YAMLError) -> str:
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    if "'\\t'" in problem:
        return "not valid YAML: indent with spaces, not with tabs"
    return f"not valid YAML: {problem if len(problem) <= 200 else problem[:199] + '…'}"
