"""Billboards on the sphere: which canvas pixels one touches, and what it shows at each of them.

A billboard is a flat rectangle tangent to the unit sphere at its direction, facing the listener,
with up = up. A canvas pixel's ray d meets it at x = d·right / d·forward, y = d·up / d·forward
(gnomonic projection; Snyder, "Map Projections: A Working Manual", USGS 1395, §22), for
d·forward > 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_HORIZON = 1e-3
_FAR_AWAY = -1e6
_INSIDE = 1 / 128
COVERAGE_STEPS = 256
"""Parts of a pixel that can be covered: a power of two."""


@dataclass(frozen=True, kw_only=True)
class Billboard:
    """A rectangle tangent to the unit sphere; half_width and half_height are tangents of angles."""

    azimuth_deg: float
    elevation_deg: float
    half_width: float
    half_height: float


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """Canvas pixels x0 <= x < x0 + width (x wraps), y0 <= y < y0 + height; all even."""

    x0: int
    y0: int
    width: int
    height: int

    def pieces(self, canvas_width: int) -> Iterator[tuple[int, int, int]]:
        """Column on the canvas, column in the rectangle, width: of one piece, two at the seam."""
        left = min(self.width, canvas_width - self.x0)
        yield self.x0, 0, left
        if left < self.width:
            yield 0, left, self.width - left


@dataclass(frozen=True, kw_only=True)
class Edges:
    """How a picture ends, if not by its own alpha.

    feather: soft border as a fraction of the shorter side. is_ellipse: only the ellipse in it
    shows. is_opaque: it has no alpha. Then it covers pixels in the steps that can be painted, so
    that over its like it is its like; with alpha that would be one rounding more.
    """

    feather: float = 0.0
    is_ellipse: bool = False
    is_opaque: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class SamplingGrid:
    """Where the pixels of n rectangles, and those to the left of them, look on their billboards.

    positions [2, n, h, w + 1]: x and y in texels, centres at integers. coverage [n, h, w + 1]: how
    much of a pixel the billboard hides, 0..1, border softness included; None if what it shows ends
    before its edges do. texels: how many lie across and down. is_opaque: see `Edges`.
    """

    positions: Tensor
    coverage: Tensor | None
    texels: tuple[int, int]
    is_opaque: bool

    @cached_property
    def half_positions(self) -> Tensor:
        """Where chroma looks on planes of half as many texels: [2, n, h/2, w/2].

        Its samples sit on the left one of two luma pixels and between two rows (H.264's default
        siting): at the mean of what the left pixels of two rows see.
        """
        rows = self.positions[:, :, ::2] + self.positions[:, :, 1::2]
        places = rows[..., 1::2].mul(0.25).sub_(0.25)
        if self.coverage is not None:
            _keep_inside(places, (self.texels[0] // 2, self.texels[1] // 2))
        return places

    @cached_property
    def half_coverage(self) -> Tensor | None:
        """How much of what chroma sees is covered: [n, h/2, w/2].

        A quarter, a half and a quarter of three pixels, on the mean of two rows.
        """
        if self.coverage is None:
            return None
        rows = self.coverage[:, ::2] + self.coverage[:, 1::2]
        beside = rows[..., :-1:2] + rows[..., 2::2]
        shares = beside.add_(rows[..., 1::2], alpha=2).mul_(0.125)
        return in_steps(shares) if self.is_opaque else shares

    def __getitem__(self, index: int) -> SamplingGrid:
        """The grid of one of the rectangles."""
        one = slice(index, index + 1)
        coverage = None if self.coverage is None else self.coverage[one]
        return SamplingGrid(
            positions=self.positions[:, one],
            coverage=coverage,
            texels=self.texels,
            is_opaque=self.is_opaque,
        )


def make_billboard(
    *, azimuth_deg: float, elevation_deg: float, longer_side_deg: float, aspect: float
) -> Billboard:
    """Billboard whose longer side fills an angle. aspect: width / height of its picture."""
    longer = math.tan(math.radians(longer_side_deg) / 2)
    return Billboard(
        azimuth_deg=azimuth_deg,
        elevation_deg=elevation_deg,
        half_width=longer * min(1.0, aspect),
        half_height=longer * min(1.0, 1 / aspect),
    )


def appears_at(billboard: Billboard, *, width: int, height: int) -> tuple[float, float]:
    """Width and height in canvas pixels at which a billboard appears on the horizon."""
    return (
        2 * math.atan(billboard.half_width) / (2 * math.pi) * width,
        2 * math.atan(billboard.half_height) / math.pi * height,
    )


def touched_rectangle(billboard: Billboard, *, width: int, height: int) -> Rectangle:
    """Smallest even-aligned rectangle that holds the billboard, with a pixel to spare around it.

    width, height: of the canvas. The whole width where the billboard covers a pole.
    """
    # The soft edge begins half a pixel outside, which near a pole is many columns.
    half_pixel = math.pi / height / 2
    billboard = Billboard(
        azimuth_deg=billboard.azimuth_deg,
        elevation_deg=billboard.elevation_deg,
        half_width=billboard.half_width + half_pixel,
        half_height=billboard.half_height + half_pixel,
    )
    low_deg, high_deg = _elevation_range_deg(billboard)
    y0 = max(0, math.floor((90 - high_deg) / 180 * height) - 1)
    y1 = min(height, math.ceil((90 - low_deg) / 180 * height) + 1)
    y0, y1 = y0 - y0 % 2, min(height, y1 + y1 % 2)
    span = _azimuth_span_deg(billboard)
    if span is None:
        return Rectangle(x0=0, y0=y0, width=width, height=y1 - y0)
    centre = (180 - billboard.azimuth_deg) / 360 * width
    x0 = math.floor(centre - span / 360 * width) - 1
    x1 = math.ceil(centre + span / 360 * width) + 2  # chroma is sited half a pixel to the left
    x0, x1 = x0 - x0 % 2, x1 + x1 % 2
    if x1 - x0 >= width:
        return Rectangle(x0=0, y0=y0, width=width, height=y1 - y0)
    return Rectangle(x0=x0 % width, y0=y0, width=x1 - x0, height=y1 - y0)


def _azimuth_span_deg(billboard: Billboard) -> float | None:
    """How far a billboard reaches to either side, in degrees; None if it covers a pole.

    Azimuth is monotonic along a great circle, and the edges are great circles: its extremes are
    at corners.
    """
    sine, cosine = _sine_cosine_deg(billboard.elevation_deg)
    a, b = billboard.half_width, billboard.half_height
    # The nearer pole lies at height cos/|sin| on the plane, in front, on the vertical axis.
    if cosine <= b * abs(sine) + 1e-12:
        return None
    return max(math.degrees(math.atan2(a, cosine - y * sine)) for y in (-b, b))


def _elevation_range_deg(billboard: Billboard) -> tuple[float, float]:
    sine, cosine = _sine_cosine_deg(billboard.elevation_deg)
    a, b = billboard.half_width, billboard.half_height

    def elevation_deg(x: float, y: float) -> float:
        return math.degrees(math.atan2(sine + y * cosine, math.hypot(x, cosine - y * sine)))

    points = [(x, y) for x in (0.0, a) for y in (-b, b)]
    if abs(sine) > 1e-12:
        # Along a side the elevation is extreme where its derivative vanishes; on the axis, x = 0,
        # that is the pole itself.
        for x in (0.0, a):
            y = cosine * (1 + x * x) / sine
            if -b <= y <= b:
                points.append((x, y))
    elevations = [elevation_deg(x, y) for x, y in points]
    return min(elevations), max(elevations)


def _sine_cosine_deg(angle_deg: float) -> tuple[float, float]:
    return math.sin(math.radians(angle_deg)), math.cos(math.radians(angle_deg))


def of_one_size(rectangles: Sequence[Rectangle], *, width: int, height: int) -> list[Rectangle]:
    """Rectangles on a canvas made as large as the largest."""
    widest = max(one.width for one in rectangles)
    highest = max(one.height for one in rectangles)
    return [
        Rectangle(
            x0=one.x0 if widest < width else 0,
            y0=min(one.y0, height - highest),
            width=widest,
            height=highest,
        )
        for one in rectangles
    ]


def sampling_grid(
    billboards: Sequence[Billboard],
    rectangles: Sequence[Rectangle],
    edges: Edges | None,
    *,
    texels_across: int,
    texels_down: int,
    width: int,
    height: int,
    device: torch.device,
    mirror: bool = False,
) -> SamplingGrid:
    """What every pixel of n rectangles, all of one size, sees of a billboard each.

    edges: None if nothing of what they show reaches their edges. texels_across, texels_down: of
    what they show. width, height: of the canvas. mirror: left and right of the picture change
    places.
    """
    positions = _positions(
        billboards,
        rectangles,
        (texels_across, texels_down),
        (width, height),
        device=device,
        mirror=mirror,
    )
    coverage = None
    if edges is not None:
        halves = np.array([(one.half_width, one.half_height) for one in billboards])
        sides_px = 2 * halves / (math.pi / height)
        coverage = _coverage(positions, (texels_across, texels_down), sides_px, edges)
        if edges.is_opaque:
            coverage = in_steps(coverage)
        _keep_inside(positions, (texels_across, texels_down))
    return SamplingGrid(
        positions=positions,
        coverage=coverage,
        texels=(texels_across, texels_down),
        is_opaque=edges is not None and edges.is_opaque,
    )


def _positions(
    billboards: Sequence[Billboard],
    rectangles: Sequence[Rectangle],
    texels: tuple[int, int],
    canvas: tuple[int, int],
    *,
    device: torch.device,
    mirror: bool,
) -> Tensor:
    """See `SamplingGrid`. texels: across and down; canvas: its width and height."""
    (texels_across, texels_down), (width, height) = texels, canvas
    sides = np.array([(one.half_width, one.half_height) for one in billboards])[..., None]
    angles_deg = np.array([(one.azimuth_deg, one.elevation_deg) for one in billboards])[..., None]
    corners = np.array([(one.x0, one.y0) for one in rectangles])[..., None]
    x = corners[:, 0] - 0.5 + np.arange(rectangles[0].width + 1)
    y = corners[:, 1] + 0.5 + np.arange(rectangles[0].height)
    # Rays, each divided by the cosine of its elevation: then a ray's part is a column's plus a
    # row's part, the row's being the tangent of its elevation times what all rows share.
    away = np.radians(angles_deg[:, 0] - (180 - x / width * 360))  # [n, w + 1]
    tangent = np.tan(np.radians(90 - y / height * 180))  # [n, h]
    right, ahead = np.sin(away), np.cos(away)
    sine, cosine = np.sin(np.radians(angles_deg[:, 1])), np.cos(np.radians(angles_deg[:, 1]))
    per_unit_x = texels_across / 2 / sides[:, 0] * (-1 if mirror else 1)
    per_unit_y = texels_down / 2 / sides[:, 1]
    middle = ((texels_across - 1) / 2, (texels_down - 1) / 2)
    # Of forward, of x · forward and of y · forward.
    of_column = (
        ahead * cosine,
        ahead * (middle[0] * cosine) + right * per_unit_x,
        ahead * (middle[1] * cosine + per_unit_y * sine),
    )
    of_row = (
        tangent * sine,
        tangent * (middle[0] * sine),
        tangent * (middle[1] * sine - per_unit_y * cosine),
    )
    columns, rows = (
        torch.from_numpy(np.array(parts, np.float32)).to(device) for parts in (of_column, of_row)
    )
    planes = columns[:, :, None] + rows[..., None]  # [3, n, h, w + 1]
    forward, positions = planes[0], planes[1:]
    nearest = np.minimum(tangent[:, :1] * sine, tangent[:, -1:] * sine) + ahead * cosine
    if nearest.min() > 2 * _HORIZON:
        positions.mul_(forward.reciprocal_())
    else:
        is_behind = forward <= _HORIZON
        positions.mul_(forward.clamp_min_(_HORIZON).reciprocal_())
        positions.masked_fill_(is_behind, _FAR_AWAY)
    return positions


def _keep_inside(positions: Tensor, texels: tuple[int, int]) -> None:
    """Let the outermost texels go on outwards; not quite up to them, where OpenCV is slow."""
    for places, count in zip(positions, texels, strict=True):
        places.clamp_(0, max(0.0, count - 1 - _INSIDE))


def in_steps(coverage: Tensor) -> Tensor:
    """Coverage, rounded in place to what can be told apart when it is painted."""
    return coverage.mul_(COVERAGE_STEPS).round_().mul_(1 / COVERAGE_STEPS)


def _coverage(
    positions: Tensor, texels: tuple[int, int], sides_px: NDArray[np.float64], edges: Edges
) -> Tensor:
    """How much of a pixel is covered, 0..1: a ramp that starts half a pixel outside the edges.

    texels: across and down. sides_px [n, 2]: how many pixels those are. What is thinner than a
    pixel never covers more of it than it is thick. The distance from an ellipse is taken along the
    ray from its middle, which is a little more than the shortest.
    """

    def of_each(values: NDArray[np.float64]) -> Tensor:  # [..., n] as [..., n, 1, 1]
        return torch.from_numpy(values.astype(np.float32)).to(positions.device)[..., None, None]

    ramp = np.maximum(1.0, edges.feather * sides_px.min(axis=1))
    most = np.minimum(1.0, sides_px)
    count = np.array(texels, np.float64)[:, None]
    distance = (positions - of_each((count - 1) / 2)).abs_()  # [2, n, h, w + 1], in texels
    if edges.is_ellipse:
        x, y = distance.mul_(of_each(sides_px.T / count))  # in pixels from here on
        out = torch.hypot(*(distance * of_each(2 / sides_px.T))).clamp_min_(1e-6)
        radius = torch.hypot(x, y)
        inside = (radius / out).sub_(radius).add_(0.5).div_(of_each(ramp))
        return inside.clamp_min_(0).clamp_max_(of_each(most.min(axis=1)))
    distance.mul_(of_each(-sides_px.T / count / ramp)).add_(of_each((sides_px.T + 1) / (2 * ramp)))
    covered: Tensor = torch.minimum(distance.clamp_min_(0), of_each(most.T))
    return covered[0].mul_(covered[1])
