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

ALL = 255
"""A whole pixel."""
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
    sides_px: Sequence[tuple[float, float]],
    texels: tuple[int, int],
    edges: Edges,
) -> Tensor:
    """How much of their pixels n billboards cover: uint8, in parts of ALL.

    positions [2, n, h, w]: where these look, x and y in texels. sides_px: width and height of the
    billboards in pixels. texels: across and down. The edge is a ramp that starts half a pixel
    outside. What is thinner than a pixel never covers more of it than it is thick.
    """
    if edges.is_ellipse:
        return _of_ellipses(positions, sides_px, texels, edges)
    if positions.is_cpu:
        return _of_rectangles_on_cpu(positions, sides_px, texels, edges)
    return _of_rectangles(positions, sides_px, texels, edges)


def half_coverage(coverage: Tensor) -> Tensor:
    """What chroma has of the coverage [n, h, w] of luma's pixels: [n, h/2, w/2]."""
    if coverage.is_cpu:
        halves = torch.from_numpy(left_sited(coverage.flatten(0, 1).numpy()))
        return halves.view(len(coverage), -1, halves.shape[1])
    return left_sited_on_gpu(coverage.float()).round_().to(torch.uint8)


def _ramp_px(sides_px: Sides, edges: Edges) -> float:
    return max(1.0, edges.feather * min(sides_px))


def _of_rectangles(
    positions: Tensor,
    sides_px: Sequence[tuple[float, float]],
    texels: tuple[int, int],
    edges: Edges,
) -> Tensor:
    coverage = torch.empty(positions.shape[1:], dtype=torch.uint8, device=positions.device)
    for index, sides in enumerate(sides_px):
        ramp = _ramp_px(sides, edges)
        parts = [
            ((count - 1) / 2 - places).abs_().mul_(-side / count / ramp).add_((side + 1) / 2 / ramp)
            for places, side, count in zip(positions[:, index], sides, texels, strict=True)
        ]
        across, down = (
            part.clamp_(0, min(1.0, side)) for part, side in zip(parts, sides, strict=True)
        )
        coverage[index] = across.mul_(down).mul_(ALL).add_(0.5)
    return coverage


def _of_rectangles_on_cpu(
    positions: Tensor,
    sides_px: Sequence[tuple[float, float]],
    texels: tuple[int, int],
    edges: Edges,
) -> Tensor:
    """The same in bytes, where OpenCV is five times as fast."""
    coverage = np.empty(positions.shape[1:], np.uint8)
    for index, sides in enumerate(sides_px):
        ramp = _ramp_px(sides, edges)
        ramps: list[NDArray[np.uint8]] = []
        for places, side, count in zip(positions[:, index], sides, texels, strict=True):
            # It begins half a pixel outside the edges, and rises by so many steps a texel.
            reach = (side + 1) / 2 * count / side
            first, last = (count - 1) / 2 - reach, (count - 1) / 2 + reach
            steps = ALL * side / count / ramp
            inside = places.clamp(first, last).numpy()
            rising = cv2.convertScaleAbs(inside, alpha=steps, beta=-steps * first)
            falling = cv2.convertScaleAbs(inside, alpha=steps, beta=-steps * last)
            covered = np.asarray(cv2.min(rising, falling), np.uint8)
            ramps.append(covered if side >= 1 else covered.clip(max=round(ALL * side)))
        across, down = ramps
        cv2.multiply(across, down, dst=coverage[index], scale=1 / ALL)
    return torch.from_numpy(coverage)


def _of_ellipses(
    positions: Tensor,
    sides_px: Sequence[tuple[float, float]],
    texels: tuple[int, int],
    edges: Edges,
) -> Tensor:
    """The distance is taken along the ray from the middle, a little more than the shortest."""
    coverage = torch.empty(positions.shape[1:], dtype=torch.uint8, device=positions.device)
    for index, sides in enumerate(sides_px):
        x, y = (  # in pixels from the middle
            (places - (count - 1) / 2).mul_(side / count)
            for places, side, count in zip(positions[:, index], sides, texels, strict=True)
        )
        # How far out it is, 1 at the edge: of the radius there; in the middle, of the least one.
        out = torch.hypot(x * (2 / sides[0]), y * (2 / sides[1]))
        radius = torch.hypot(x, y)
        inside = (
            torch.where(out > 1e-3, radius / out, min(sides) / 2)
            .sub_(radius)
            .add_(0.5)
            .div_(_ramp_px(sides, edges))
        )
        coverage[index] = inside.clamp_(0, min(1.0, *sides)).mul_(ALL).add_(0.5)
    return coverage
