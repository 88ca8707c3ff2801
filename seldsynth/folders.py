"""Which files lie below a folder: sorted, hidden ones left out, links inside unless allowed."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from seldsynth.errors import ConfigError

_log = logging.getLogger(__name__)

_SURROGATE = re.compile("[\ud800-\udfff]")  # a byte that is no UTF-8, as Python reads it


def files_below(root: Path, *, follow_symlinks: bool) -> list[Path]:
    """Every file below a folder, in an order that no file system decides.

    Names that begin with a dot are left out, dead links too. No folder is visited twice from one
    and the same subfolder of root. Links that lead out of root are left out with one warning,
    unless follow_symlinks. Raises ConfigError for a folder that cannot be read.
    """
    walk = _Walk(root.resolve(), follow_symlinks=follow_symlinks)
    for name in _names(root):
        walk.take(root / name, visited={root.resolve()})
    if walk.leading_out:
        _log.warning(
            "%s: links that lead out of it, and are left out: %d; assets.follow_symlinks: true, "
            "or --follow-symlinks, takes them",
            root,
            walk.leading_out,
        )
    return walk.found


class _Walk:
    def __init__(self, root: Path, *, follow_symlinks: bool) -> None:
        self.found: list[Path] = []
        self.leading_out = 0
        self._root = root
        self._follow_symlinks = follow_symlinks

    def take(self, path: Path, *, visited: set[Path]) -> None:
        """Add a file, or all there is below a folder; what cannot be looked at has a warning."""
        try:
            self._take(path, visited=visited)
        except OSError as error:
            _log.warning("%s: left out: cannot be read: %s", path, error.strerror)

    def _take(self, path: Path, *, visited: set[Path]) -> None:
        if path.is_symlink() and path.exists() and not self._may_follow(path):
            self.leading_out += 1
        elif path.is_file():
            self.found.append(path)
        elif path.is_dir() and path.resolve() not in visited:
            visited.add(path.resolve())
            for name in _names(path):
                self.take(path / name, visited=visited)

    def _may_follow(self, link: Path) -> bool:
        return self._follow_symlinks or link.resolve().is_relative_to(self._root)


def _names(folder: Path) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be read: {error.strerror}") from None
    readable = [name for name in names if not _SURROGATE.search(name)]
    for name in set(names) - set(readable):
        _log.warning("%s: left out %r: its name is not UTF-8; rename it", folder, os.fsencode(name))
    return readable
