"""What is done to every pixel, once for each kind of processor: see `processors`.

On a CPU each pass is one compiled loop, or OpenCV's remap between two, a part of a picture after
another: its memory is what is slow there, and torch would go through it once for each operation.
Elsewhere they are torch's operations, which run on any device: tests render whole scenes by both
and compare them.

Chroma has a pixel for two columns and rows of luma, sited on the left one, as H.264 has it: of what
is known of luma's pixels it has a quarter, a half and a quarter of three, on the mean of two rows.
Left of the first is the last: next to it all around, and elsewhere as empty as it, where there is a
pixel to spare around a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render.rays import Rays

Counts = NDArray[np.int32]
Pair = tuple[float, float]
"""Of what is across and what is down."""
Planes = tuple[Any, Any]
"""Luma [height, width] and chroma [2, height/2, width/2] of a frame: see `Passes.planes`."""
PatchPlanes = tuple[Tensor, Tensor, Tensor, Tensor]
"""Luma and what is kept of it [h, w], chroma [2, h/2, w/2] and what is kept of it [h/2, w/2]."""
Place = tuple[int, int, int, int]
"""x0, y0, width and height, all even; it may go over the seam."""


class Passes(Protocol):
    """The passes over pixels of n rectangles of one size, w and h even.

    Numbers are int16 where nothing else is said, in the parts of `scales`; colours are unsigned,
    whatever sign torch gives them. Coverage is how much of a pixel a billboard hides, in parts of
    ALL. Patches have colours, premultiplied, and what they keep of what is behind them, in parts of
    WHOLE. What is seen is bilinear (what has alpha, on a CPU, in 64ths of a texel), and nothing
    outside of a texture.
    """

    def texture(self, planes: NDArray[Any], device: torch.device) -> Tensor:
        """Planes [c, h, w] to be looked at on a device: uint8, or uint16 if the last one is alpha.

        These are in COLOUR_SCALE, premultiplied, and in ALPHA_SCALE.
        """

    def cover_rectangle(
        self,
        rays: Rays,
        texels: tuple[int, int],
        sides_px: Sequence[Pair],
        ramps_px: Sequence[float],
    ) -> Tensor:
        """Coverage [n, h, w] by n rectangles; a ramp begins half a pixel outside their edges.

        texels: how many of them lie across and down; sides_px: width and height of each. One that
        is thinner than a pixel never covers more of it than it is thick.
        """

    def cover_ellipse(
        self,
        rays: Rays,
        texels: tuple[int, int],
        sides_px: Sequence[Pair],
        ramps_px: Sequence[float],
    ) -> Tensor:
        """The same by the ellipses in them.

        Distances are taken along the ray from the middle, a little more than the shortest ones.
        """

    def left_sited(self, planes: Tensor) -> Tensor:
        """What chroma has of planes [n, h, w] of luma's pixels: [n, h/2, w/2]."""

    def kept_by_edges(self, coverage: Tensor) -> Tensor:
        """What opaque pictures keep that cover so much of pixels."""

    def see_opaque(self, textures: Sequence[Tensor], rays: Rays, kept: Tensor) -> Tensor:
        """Colours of patches [n, c, h, w], which keep [n, h, w], of n textures of c planes."""

    def see(
        self, textures: Sequence[Tensor], rays: Rays, coverage: Tensor | None, *, colours: int
    ) -> Tensor:
        """Colours of patches, and after them what they keep [n, colours + 1, h, w].

        Of n textures of as many planes, the last of which is alpha. coverage [n, h, w]; None where
        all is covered.
        """

    def see_woven(
        self,
        textures: Sequence[Tensor],
        rays: Rays,
        coverage: Tensor | None,
        half_coverage: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """The same of n textures of luma, blue and red difference and alpha, looked at once.

        Returns luma and what is kept of it [n, 2, h, w]; chroma and what is kept of it
        [n, 3, h/2, w/2].
        """

    def planes(self, luma: Tensor, chroma: Tensor) -> Planes:
        """A frame's planes, uint8, in the same memory, as what is below takes them."""

    def blend(
        self,
        canvas: Planes,
        below: Planes,
        patch: PatchPlanes,
        place: Place,
        instead_of: Place | None = None,
    ) -> None:
        """Lay a patch on a canvas, around its seam, over what is below it there.

        below: the same canvas, or another one of its size. instead_of: what is below that one
        comes back where another patch was.
        """

    def restore(self, canvas: Planes, below: Planes, place: Place) -> None:
        """Bring back what is below."""

    def own_pixels(self, kept: Sequence[Tensor]) -> list[tuple[Tensor, Counts, Counts]]:
        """Which pixels [h, w] show at least as much of a picture as of what is behind it; of each.

        Returns them as 0 and 1, uint8, and how many there are in each row [h] and column [w], on
        the CPU.
        """
