"""How pictures end that do not end by their own alpha: how much of a pixel they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render.siting import left_sited, left_sited_on_gpu

ALL = 2**15 - 1
"""A whole pixel: where 16 bits with a sign are cut off."""
Sides = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Edges:
    """How a picture ends.

    feather: soft border as a fraction of the shorter side. is_ellipse: only the ellipse in it
    shows.
    """

    feather: float = 0.0
    is_ellipse: bool = False


def coverage_of(
    positions: Tensor,
    sides_px: Sequence[Sides],
    texels: tuple[int, int],
    edges: Edges,
) -> Tensor:
    """How much of their pixels n billboards cover: int16, in parts of ALL.

    positions [2, n, h, w]: where these look, x and y in texels. sides_px: width and height of the
    billboards in pixels. texels: across and down. The edge is a ramp that starts half a pixel
    outside. What is thinner than a pixel never covers more of it than it is thick.
    """
    cover = _rectangle_on_cpu if positions.is_cpu else _rectangle
    if edges.is_ellipse:
        cover = _ellipse
    coverage = torch.empty(positions.shape[1:], dtype=torch.int16, device=positions.device)
    for index, sides in enumerate(sides_px):
        ramp_px = max(1.0, edges.feather * min(sides))
        cover(positions[:, index], sides, texels, ramp_px, coverage[index])
    return coverage


def half_coverage(coverage: Tensor) -> Tensor:
    """What chroma has of the coverage [n, h, w] of luma's pixels: [n, h/2, w/2]."""
    if coverage.is_cpu:
        halves = torch.from_numpy(left_sited(coverage.flatten(0, 1).numpy()))
        return halves.view(len(coverage), -1, halves.shape[1])
    return left_sited_on_gpu(coverage.float()).round_().to(torch.int16)


def _rectangle(
    positions: Tensor, sides: Sides, texels: tuple[int, int], ramp_px: float, coverage: Tensor
) -> None:
    across, down = (
        ((count - 1) / 2 - places)
        .abs_()
        .mul_(-side / count / ramp_px)
        .add_((side + 1) / 2 / ramp_px)
        .clamp_(0, min(1.0, side))
        for places, side, count in zip(positions, sides, texels, strict=True)
    )
    coverage.copy_(across.mul_(down).mul_(ALL).add_(0.5))


def _rectangle_on_cpu(
    positions: Tensor, sides: Sides, texels: tuple[int, int], ramp_px: float, coverage: Tensor
) -> None:
    """The same by OpenCV, which turns distances into steps and cuts them off in one pass."""
    ramps: list[NDArray[np.int16]] = []
    for places, side, count in zip(positions, sides, texels, strict=True):
        # It begins half a pixel outside the edges, and rises by so many steps a texel.
        reach = (side + 1) / 2 * count / side
        first, last = (count - 1) / 2 - reach, (count - 1) / 2 + reach
        steps = ALL * side / count / ramp_px
        inside = places.clamp(first, last).numpy()
        rising, falling = (
            cv2.addWeighted(inside, rise, inside, 0, -rise * start, dtype=cv2.CV_16S)
            for rise, start in ((steps, first), (-steps, last))
        )
        covered = np.asarray(cv2.min(rising, falling), np.int16)
        ramps.append(covered if side >= 1 else covered.clip(max=round(ALL * side)))
    across, down = ramps
    cv2.multiply(across, down, dst=coverage.numpy(), scale=1 / ALL)


def _ellipse(
    positions: Tensor, sides: Sides, texels: tuple[int, int], ramp_px: float, coverage: Tensor
) -> None:
    """The distance is taken along the ray from the middle, a little more than the shortest."""
    x, y = (  # in pixels from the middle
        (places - (count - 1) / 2).mul_(side / count)
        for places, side, count in zip(positions, sides, texels, strict=True)
    )
    # How far out it is, 1 at the edge: of the radius there; in the middle, of the least one.
    out = torch.hypot(x * (2 / sides[0]), y * (2 / sides[1]))
    radius = torch.hypot(x, y)
    inside = torch.where(out > 1e-3, radius / out, min(sides) / 2).sub_(radius).add_(0.5)
    coverage.copy_(inside.div_(ramp_px).clamp_(0, min(1.0, *sides)).mul_(ALL).add_(0.5))
