"""The compiled loop of `shrinking`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seldsynth.compiled import compiled


@compiled("void(i2[:,::1], i4, i8, i8, i8[:,::1], i8[:,::1], i8[:,::1], i8[:,::1], i8[:,::1])")
def add_up(
    kept: NDArray[Any],
    whole: int,
    y0: int,
    x0: int,
    rows: NDArray[Any],
    row_parts: NDArray[Any],
    columns: NDArray[Any],
    column_parts: NDArray[Any],
    hidden: NDArray[Any],
) -> None:
    """What is hidden of new pixels [h', w'], in parts, by what is kept of old ones [h, w]."""
    across = np.empty(kept.shape[1], np.int32)
    for y in range(len(rows)):
        across[:] = 0
        for k in range(rows.shape[1]):
            row, parts = rows[y, k] - y0, np.int32(row_parts[y, k])
            if 0 <= row < len(kept):
                old = kept[row]
                for x in range(len(across)):
                    across[x] += np.int32(whole - np.int32(old[x])) * parts
        for x in range(len(columns)):
            total = np.int64(0)
            for k in range(columns.shape[1]):
                column = columns[x, k] - x0
                if 0 <= column < len(across):
                    total += np.int64(across[column]) * column_parts[x, k]
            hidden[y, x] = total
