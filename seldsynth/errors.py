"""The faults a user can cause, as exceptions.

    SeldsynthError
    ├── ConfigError      a config file or command line that cannot be used      exit code 2
    ├── LabelError       a label file that cannot be trusted                    the recording fails
    ├── AssetError       a class without pictures, a picture or clip not found  the recording fails
    ├── MediaError       a file that cannot be decoded, encoded or read back    the recording fails
    ├── PlanError        a saved plan that cannot be used                       the recording fails
    └── CollectError     a service that refuses, or cannot be reached           exit code 1

Each prints as one line that says where, what, what was expected and what to do. A wrong call
by code (not by a user) is a ValueError.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

_MOST_CHARACTERS = 80
_BRIEF = reprlib.Repr()
_BRIEF.maxlevel = 2
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = _MOST_CHARACTERS


class SeldsynthError(Exception):
    """Base of every fault that a user caused and can mend."""


class ConfigError(SeldsynthError):
    """A config file or command line that cannot be used.

    `faults` holds one line per fault; the message is those lines.
    """

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...]]]:
        """Pickle by the faults, so that the exception crosses process borders whole."""
        return type(self), (self.faults,)


def quoted(value: object) -> str:
    """A user's value as a message shows it: as code has it, at most 80 characters in one line."""
    text = _BRIEF.repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def shown(text: str) -> str:
    """A user's words as a message shows them: as they are, unless long or not printable."""
    return text if len(text) <= _MOST_CHARACTERS and text.isprintable() else quoted(text)


class LabelError(SeldsynthError):
    """A label file that cannot be trusted: it is refused whole, never read in part."""


class AssetError(SeldsynthError):
    """A class without pictures, or a picture or clip that is missing, changed or unusable."""


class MediaError(SeldsynthError):
    """A media file that cannot be decoded, encoded or read back."""


class PlanError(SeldsynthError):
    """A saved plan that cannot be used."""


class CollectError(SeldsynthError):
    """A service that refuses, or cannot be reached: what was collected until then is kept."""
