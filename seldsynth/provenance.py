"""What a video was made of and by what: the line it says of itself, versions, hash of a config."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import av
import cv2
import numpy as np
import torch

import seldsynth
from seldsynth.asset_files import file_sha256
from seldsynth.config import Config

_COMMENT = re.compile(r"seldsynth (\S+) plan ([0-9a-f]{64})")

# Where things lie, and who does the work; the content of what is read has hashes of its own.
_PLACES = {"input", "output", "ray"}
_HANDS = ("workers", "device", "executor")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a video says of itself: which seldsynth made it, of the plan with which hash."""

    version: str
    plan_sha256: str


def comment_of(plan_sha256: str) -> str:
    """The comment of a video that is made now of a plan, and of the sound beside it."""
    return f"seldsynth {seldsynth.__version__} plan {plan_sha256}"


def origin_of(comment: str) -> Origin | None:
    """What the comment of a video, or of the sound beside it, says; None if it is not ours."""
    match = _COMMENT.fullmatch(comment)
    return Origin(version=match[1], plan_sha256=match[2]) if match else None


@cache
def code_sha256() -> str:
    """Hash of the code of this package, as it lies here."""
    root = Path(__file__).parent
    lines = (
        f"{path.relative_to(root).as_posix()} {file_sha256(path)}\n" for path in root.rglob("*.py")
    )
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """The versions of what the bytes of a video depend on."""
    return {
        "seldsynth": seldsynth.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "av": av.__version__,
        "opencv": cv2.__version__,
        "numba": version("numba"),
    }


def config_sha256(config: Config) -> str:
    """Hash of all that a config decides, however it was written.

    It does not change with where inputs and outputs lie, the number of workers, where they are
    and their device; a class table counts by its content.
    """
    values = {name: dict(section) for name, section in config if name not in _PLACES}
    values["processing"] = {
        key: value for key, value in values["processing"].items() if key not in _HANDS
    }
    table: Path | None = config.assets.class_table
    if table is not None:
        values["assets"]["class_table"] = file_sha256(table)
    text = json.dumps(values, sort_keys=True, default=str)  # a frame rate is a fraction
    return hashlib.sha256(text.encode()).hexdigest()
