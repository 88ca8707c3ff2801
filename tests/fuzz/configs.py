"""Config files that came to harm, and overrides of the command line: read and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from seldsynth.class_file import commented_classes, load_classes
from seldsynth.config import known_keys
from seldsynth.config_file import commented_config, load_config
from tests.fuzz.harm import harmed

FOLDERS = ("canvas_images", "video_assets", "image_assets", "metadata")
NASTY: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 3, 1e308, -1e308, float("nan"), float("inf"), 2**63, 10**80, 10**5000),
    *("", " ", "x", "é", "\0", "a\nb", "\x1b[31m", "\ud800", "1e999999999", "1/0", "9" * 5000),
    *(
        "..",
        "../..",
        "a" * 300,
        "a/" * 3000,
        "a" * 5000,
        "a\0b",
        "~",
        "~nobody_at_all/x",
        "//",
        ".",
    ),
    *("metadata", "metadata/../metadata", "loop", "loop/x", "metadata/x.csv/y", "file.txt", "CON"),
    *("{0}", "%s", "${HOME}", "true", "null", "auto", "cuda:99999", "30000/1001", "29.97", "mixed"),
    *([], [1], [[]], [0, 255, 0], ["none"] * 500, [None, {}], {}, {"a": 1}, {"a": {"b": [1]}}),
    *([0.8, 0.1, 0.1], [1e308, 1e308, -1e308], {"Class_3": 2}, {"Class_3": -1}, {1: 2, "x": "y"}),
)
RAW = (  # YAML that no dumper writes
    *("!!python/object/apply:os.system ['exit 3']", "!!python/object:os.system x", "!!binary '#'"),
    *("!!python/name:os.system", "!!python/module:os", "!!python/tuple [1, 2]", "!!python/none x"),
    *("!!python/object/new:subprocess.Popen [[ls]]", "!<tag:yaml.org,2002:python/object:x.y> {}"),
    *("!!bool x", "!!int ''", "!!int x", "!!float ''", "!!float x", "!!timestamp x", "!!null x"),
    *(
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!omap x",
        "!!pairs [a: 1]",
        "!!str [1]",
        "!!map 3",
        "!x y",
    ),
    *("2001-99-99", "2001-01-01 00:00:00 +99:99", "0001-01-01 00:00:00 +23:59", "0x" + "f" * 6000),
    *("1:1" * 1 + ":1" * 400 + ".5", "1" + ":1" * 60_000, "1" + "_" * 9000, "0b" + "1" * 40_000),
    *("*nowhere", "&a [*a]", "&a {<<: *a}", "&a {x: *a}", "{<<: 3}", "{<<: [3]}", "? [a]\n    : b"),
    *(
        "[" * 5000,
        "{a: " * 2000,
        "- " * 3000,
        "'" * 4001,
        '"\\x1b\\n\\u2028\\U0001F514"',
        "%",
        "@",
        "`",
    ),
    *(
        "|\n    a\n    b",
        ">-\n\n",
        "{a: 1, a: 2}",
        "{? {a: b} : c}",
        "- - - -",
        "[,]",
        ": : :",
        "---",
    ),
    *(
        "\t1",
        "1\t#",
        "#",
        "\ufeff",
        "\x85",
        "\u2028x",
        "\x07",
        "...",
        "%YAML 9.9",
        "!<",
        "&",
        "*",
        "\r",
    ),
)


def _bomb(kind: int) -> str:
    """What grows beyond all measure when aliases or merge keys are followed."""
    if kind == 0:
        start, step = "b0: &b0 [x, x]\n", "b{0}: &b{0} [*b{1}, *b{1}]\n"
    elif kind == 1:
        start, step = "b0: &b0 {k: 1}\n", "b{0}: &b{0} {{<<: [*b{1}, *b{1}]}}\n"
    else:
        start, step = "b0: &b0 {k: 1}\n", "b{0}: &b{0} {{l: *b{1}, r: *b{1}}}\n"
    return start + "".join(step.format(n + 1, n) for n in range(40))


class Cases:
    """Mutations of the commented config, and (every tenth) of a class table."""

    def __init__(self, folder: Path) -> None:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        if not (folder / "loop").is_symlink():
            (folder / "loop").symlink_to("loop")
        (folder / "file.txt").touch()
        self._folder = folder
        self._text = commented_config().replace("/path/to/", "")
        self._classes = "\n".join(
            line.removeprefix("# ") for line in commented_classes().split("\n")
        )

    def write(self, index: int) -> Path:
        rng = np.random.default_rng([3, index])
        text = self._text if index % 10 else "replace:\n" + self._classes.split("replace:\n")[1]
        text = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))](text, rng)
        if rng.random() < 0.2:
            text = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))](text, rng)
        content = text.encode("utf-8", errors="surrogatepass")
        if rng.random() < 0.06:
            codec = ("utf-16", "utf-32", "latin-1", "utf-8-sig", "cp500")[rng.integers(5)]
            content = text.encode(codec, errors="replace")
        if rng.random() < 0.15:
            content = harmed(content, rng)
        path = self._folder / f"config_{index:05d}.yaml"
        path.write_bytes(content)
        return path

    def carry(self, path: Path, index: int) -> None:
        if index % 10 == 0:
            load_classes(path)
            return
        if index % 10 in (1, 2):  # with what the command line says
            rng = np.random.default_rng([4, index])
            path.write_text(self._text, encoding="utf-8")
            load_config(path, [_override(rng) for _ in range(int(rng.integers(1, 4)))])
            return
        load_config(path)


def _override(rng: np.random.Generator) -> str:
    how, keys = rng.random(), known_keys()
    key = keys[rng.integers(len(keys))]
    if how < 0.1:
        key = ("", ".", "a.b.c", "input", "x.y", "a\nb", "processing.fpss", "é" * 900)[
            rng.integers(8)
        ]
    if how < 0.15:
        return key
    return f"{key}={_raw(rng)}"


def _raw(rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        return RAW[rng.integers(len(RAW))]
    value = NASTY[rng.integers(len(NASTY))]
    if isinstance(value, int) and value > 2**64:
        return hex(value)
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n...\n").strip()
    )


def _value(text: str, rng: np.random.Generator) -> str:
    """One to three keys have another value."""
    lines = text.split("\n")
    places = [
        n for n, line in enumerate(lines) if ": " in line and not line.strip().startswith("#")
    ]
    for _ in range(int(rng.integers(1, 4)) if places else 0):
        index = places[int(rng.integers(len(places)))]
        key = lines[index].split(":")[0]
        lines[index] = f"{key}: {_raw(rng)}"
    return "\n".join(lines)


def _tree(text: str, rng: np.random.Generator) -> str:
    """Sections and keys change places, are lost, or get other content."""
    if "&" in text or ":1:1" in text or len(text) > 30_000:  # for PyYAML it is too much
        return text
    try:
        values = yaml.safe_load(text)
        yaml.safe_dump(values)
    except Exception:  # it is not to be read any more
        return text
    if not isinstance(values, dict) or not values:
        return text
    for _ in range(int(rng.integers(1, 5))):
        name = list(values)[rng.integers(len(values))]
        section, how = values[name], rng.integers(6)
        nasty = NASTY[rng.integers(len(NASTY) - 20)]
        if isinstance(nasty, int) and abs(nasty) > 2**64:
            nasty = 2**64
        if how == 0:
            values[name] = nasty
        elif isinstance(section, dict) and section:
            key = list(section)[rng.integers(len(section))]
            if how == 1:
                del section[key]
            elif how == 2:
                section[key] = nasty
            elif how == 3:
                values[key] = section.pop(key)
            else:
                section[str(nasty)[:9000]] = section[key]
        if not values:
            break
    return yaml.safe_dump(values, sort_keys=bool(rng.integers(2)))


def _lines(text: str, rng: np.random.Generator) -> str:
    lines = text.split("\n")
    start = int(rng.integers(len(lines)))
    end = start + int(rng.integers(1, 6))
    how = rng.integers(6)
    if how == 0:
        lines[start:end] = []
    elif how == 1:
        lines[start:start] = lines[start:end]
    elif how == 2:
        lines[start:end] = ["\t" + line for line in lines[start:end]]
    elif how == 3:
        lines[start:end] = [" " + line for line in lines[start:end]]
    elif how == 4:
        lines = [*rng.permutation(lines).tolist()]
    else:
        lines = lines[:start]
    return "\n".join(lines)


def _raw_line(text: str, rng: np.random.Generator) -> str:
    lines = text.split("\n")
    index = int(rng.integers(len(lines) + 1))
    key = ("x", "  x", "? x", '"a\\nb"', "  <<", "<<", "é" * 500, "[a, b]", "  \x1b", "*b40")[
        rng.integers(10)
    ]
    return "\n".join([*lines[:index], f"{key}: {_raw(rng)}", *lines[index:]])


def _bombed(text: str, rng: np.random.Generator) -> str:
    """A bomb before it, and it goes off where a value is expected."""
    bomb, lines = _bomb(int(rng.integers(3))), text.split("\n")
    places = [
        n for n, line in enumerate(lines) if ": " in line and not line.strip().startswith("#")
    ]
    index = places[int(rng.integers(len(places)))] if places else 0
    lines[index] = f"{lines[index].split(':')[0]}: *b{rng.integers(1, 40)}"
    return bomb + "\n".join(lines)


def _crowd(text: str, rng: np.random.Generator) -> str:
    """Very many keys, or very long ones."""
    how, count = rng.integers(4), int(rng.choice([30, 3000, 60_000]))
    if how == 0:
        return text + "".join(f"key{n}: {n}\n" for n in range(count))
    if how == 1:
        return text + "assets2:\n" + "".join(f"  {'k' * 50}{n}: {n}\n" for n in range(count // 9))
    if how == 2:
        return text + f"{'k' * count}: 1\n"
    return text + "#" + " " * count * 40


_MUTATIONS: tuple[Callable[[str, np.random.Generator], str], ...] = (
    *(_value, _value, _value, _tree, _tree, _lines, _raw_line, _raw_line, _bombed, _crowd),
)
