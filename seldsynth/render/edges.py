"""How pictures end that do not end by their own alpha: how much of a pixel they cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from seldsynth.render.processors import passes_on
from seldsynth.render.rays import Rays


class Edges(NamedTuple):
    """How a picture ends.

    feather: soft border as a fraction of the shorter side. is_ellipse: only the ellipse in it
    shows.
    """

    feather: float = 0.0
    is_ellipse: bool = False


def coverage_of(
    rays: Rays, sides_px: Sequence[tuple[float, float]], texels: tuple[int, int], edges: Edges
) -> Tensor:
    """How much of their pixels n billboards cover: [n, h, w] int16, in parts of `scales.ALL`.

    sides_px: width and height of the billboards in pixels. texels: across and down. The edge is a
    ramp that starts half a pixel outside. What is thinner than a pixel never covers more of it than
    it is thick.
    """
    passes = passes_on(rays.columns.device)
    cover = passes.cover_ellipse if edges.is_ellipse else passes.cover_rectangle
    ramps_px = [max(1.0, edges.feather * min(sides)) for sides in sides_px]
    return cover(rays, texels, sides_px, ramps_px)
