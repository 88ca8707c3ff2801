"""Mattes made by others: which part of a picture is the thing itself."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seldsynth.errors import ConfigError, MediaError
from seldsynth.media.mattes import LEAST_KEPT, MOST_KEPT, grabcut

Plane = NDArray[np.uint8]
Backend = Literal["rembg", "grabcut"]
Matting = Callable[[Plane], Plane]
"""From a picture [h, w, 3 or 4], blue first, to what is kept of it [h, w]."""

DEFAULT_MODEL = "u2net"


def matting(backend: Backend, *, model: str = DEFAULT_MODEL) -> Matting:
    """A way to make mattes.

    model: of rembg, one of its names (which it downloads when it is first used) or an ONNX file.
    Raises ConfigError where rembg is not installed or the model cannot be loaded.
    """
    return _rembg(model) if backend == "rembg" else lambda pixels: grabcut(pixels)[..., 3]


def matte_of(pixels: Plane, make: Matting) -> Plane:
    """The matte of a picture. Raises MediaError if it keeps next to nothing, or all."""
    mask = make(pixels)
    share = float(mask.mean()) / 255
    if not LEAST_KEPT <= share <= MOST_KEPT:
        raise MediaError(f"nothing stands out: {100 * share:.0f} % of it would be kept")
    return mask


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables that are as they were afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _rembg(model: str) -> Matting:
    try:
        rembg: Any = importlib.import_module("rembg")
    except ImportError as error:
        raise ConfigError(
            f"--backend rembg: {error.name} is not installed: pip install -r requirements-matte.txt"
        ) from None
    try:
        if Path(model).suffix == ".onnx":
            # It takes files from its own folder only: the user's choice is that folder for once.
            with _environment(U2NET_HOME=str(Path(model).absolute().parent)):
                session = rembg.new_session("u2net_custom", model_path=str(Path(model).absolute()))
        else:
            session = rembg.new_session(model)
    except Exception as error:  # whatever an unknown model, or a download, comes to
        said = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, OSError) and Path(model).suffix != ".onnx":  # requests' are, too
            raise ConfigError(
                f"--model {model}: rembg could not download it: {said}; without a network, name "
                "an .onnx file that is there, or use --backend grabcut"
            ) from None
        raise ConfigError(f"--model {model}: cannot be loaded: {said}") from None

    def make(pixels: Plane) -> Plane:
        picture = Image.fromarray(np.asarray(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB)))
        with np.errstate(invalid="ignore"):  # it divides by the range of what it found, also by 0
            mask = rembg.remove(picture, session=session, only_mask=True)
        return np.asarray(mask, dtype=np.uint8)

    return make
