"""Where the pixels of rectangles look on their billboards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

HORIZON = 1e-3
"""Of a ray's forward part: below it nothing is seen."""

FAR_AWAY = -1e6
"""Where those look that see nothing, in texels."""


@dataclass(frozen=True, eq=False)
class Rays:
    """Those of n rectangles of one size, in parts: columns [3, n, w], rows [3, n, h], float32.

    The sums of a column's and a row's parts are forward, x · forward and y · forward, x and y in
    texels, whose centres are at integers. most: x and y are brought to 0..most before anything is
    looked at, so that the outermost texels go on; None where there is nothing beyond them.
    """

    columns: Tensor
    rows: Tensor
    most: tuple[float, float] | None

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        return self.columns.nbytes + self.rows.nbytes

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many rectangles, rows and columns."""
        return self.columns.shape[1], self.rows.shape[2], self.columns.shape[2]

    def limits(self, *, outside: float) -> tuple[float, float, float]:
        """The least x and y, the most x and the most y. outside: where there is nothing beyond."""
        return (-outside, outside, outside) if self.most is None else (0.0, *self.most)

    def __getitem__(self, index: int) -> Rays:
        """Those of one of the rectangles."""
        one = slice(index, index + 1)
        return Rays(self.columns[:, one].contiguous(), self.rows[:, one].contiguous(), self.most)


def joined_rays(parts: Sequence[Rays]) -> Rays:
    """Those of several, whose rectangles are of one size and which have `most` in common."""
    columns, rows = (
        torch.cat(some, dim=1)
        for some in ([one.columns for one in parts], [one.rows for one in parts])
    )
    return Rays(columns, rows, parts[0].most)
