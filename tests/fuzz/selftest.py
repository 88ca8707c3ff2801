"""Cases that are fine but for the third, which breaks as the environment says."""

from __future__ import annotations

import logging
import os
import time
import warnings
from pathlib import Path

from seldsynth.errors import LabelError


class Cases:
    """Empty files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder

    def write(self, index: int) -> Path:
        path = self._folder / f"case_{index}"
        path.touch()
        return path

    def carry(self, path: Path, index: int) -> None:
        how = os.environ["SELFTEST_BREAKS"]
        if index != 2:
            return
        if how == "hangs":
            time.sleep(60)
        elif how == "crashes":
            os.abort()
        elif how == "raises":
            raise KeyError("x")
        elif how == "is large":
            bytearray(b"x") * (9 << 28)
        elif how == "prints":
            os.write(2, b"libjunk: odd\n")
        elif how == "warns":
            warnings.warn("odd", stacklevel=1)
        elif how == "logs":
            logging.getLogger("seldsynth").warning("a\nb")
        elif how == "two lines":
            raise LabelError(f"{path}: a\nb")
        elif how == "long line":
            raise LabelError(f"{path}: {'x' * 1000}")
        elif how == "no name":
            raise LabelError("it is bad")
