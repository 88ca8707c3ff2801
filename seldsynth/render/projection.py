"""Billboards on the sphere: which canvas pixels one touches, and what it shows at each of them.

A billboard is a flat rectangle tangent to the unit sphere at its direction, facing the listener,
with up = up. A canvas pixel's ray d meets it at x = d·right / d·forward, y = d·up / d·forward
(gnomonic projection; Snyder, "Map Projections: A Working Manual", USGS 1395, §22), for
d·forward > 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_HORIZON = 1e-3


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
class SamplingGrid:
    """Where the pixels of a rectangle look on a billboard.

    positions [h, w, 2]: texture coordinates x, y as `grid_sample` wants them, -1..1 from edge to
    edge. coverage [h, w]: how much of a pixel the billboard hides, 0..1, border softness included.
    """

    positions: Tensor
    coverage: Tensor


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
    pixel = math.pi / height
    billboard = replace(
        billboard,
        half_width=billboard.half_width + pixel / 2,
        half_height=billboard.half_height + pixel / 2,
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


def sampling_grid(
    billboard: Billboard,
    rectangle: Rectangle,
    *,
    width: int,
    height: int,
    feather: float,
    device: torch.device,
    mirror: bool = False,
    ellipse: bool = False,
) -> SamplingGrid:
    """What every pixel of a rectangle sees of a billboard.

    width, height: of the canvas. feather: soft border as a fraction of the shorter side. mirror:
    left and right of the picture change places. ellipse: only the ellipse in it shows.
    """
    rays = _rays(billboard, rectangle, width=width, height=height)
    positions = _positions(rays, billboard, mirror=mirror, device=device)
    pixel = math.pi / height
    shorter = 2 * min(billboard.half_width, billboard.half_height)
    ramp = max(pixel, feather * shorter)
    if ellipse:
        coverage = _elliptic_edge(positions, billboard, pixel=pixel, ramp=ramp)
    else:
        coverage = _straight_edges(rays, billboard, pixel=pixel, ramp=ramp, device=device)
    if not rays.are_ahead:
        rows, columns = rays.forward(device)
        coverage *= (rows + columns) > _HORIZON
    return SamplingGrid(positions=positions, coverage=coverage)


def chroma_grid(luma: SamplingGrid) -> SamplingGrid:
    """The grid of the half-resolution colour planes of a rectangle, from that of its luma.

    Their samples sit on the left one of two luma pixels and between two rows (H.264's default
    siting): so they see the mean of what the left pixels of two rows see.
    """
    pairs = torch.view_as_complex(luma.positions)  # so that x and y stay together
    coverage = luma.coverage
    return SamplingGrid(
        positions=torch.view_as_real((pairs[::2, ::2] + pairs[1::2, ::2]).mul_(0.5)),
        coverage=(coverage[::2, ::2] + coverage[1::2, ::2]).mul_(0.5),
    )


_Vector = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Rays:
    """The rays of a rectangle's pixels, each divided by the cosine of its elevation.

    Each part of a ray is then a row's part plus a column's: forward = forward_of_row [h] +
    forward_of_column [w], up likewise, and right is the column's alone.
    """

    forward_of_row: _Vector
    forward_of_column: _Vector
    up_of_row: _Vector
    up_of_column: _Vector
    right: _Vector

    @property
    def are_ahead(self) -> bool:
        """Whether every ray meets the billboard's plane."""
        return bool(self.forward_of_row.min() + self.forward_of_column.min() > 2 * _HORIZON)

    def forward(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """The rows' parts [h, 1] and the columns' [1, w]."""
        rows, columns = self.forward_of_row[:, None], self.forward_of_column[None]
        return _on(device, rows), _on(device, columns)


def _rays(billboard: Billboard, rectangle: Rectangle, *, width: int, height: int) -> _Rays:
    x = rectangle.x0 + 0.5 + np.arange(rectangle.width)
    y = rectangle.y0 + 0.5 + np.arange(rectangle.height)
    away = np.radians(billboard.azimuth_deg - (180 - x / width * 360))
    tangent = np.tan(np.radians(90 - y / height * 180))
    ahead = np.cos(away)
    sine, cosine = _sine_cosine_deg(billboard.elevation_deg)
    return _Rays(
        forward_of_row=tangent * sine,
        forward_of_column=ahead * cosine,
        up_of_row=tangent * cosine,
        up_of_column=-ahead * sine,
        right=np.sin(away),
    )


def _positions(rays: _Rays, billboard: Billboard, *, mirror: bool, device: torch.device) -> Tensor:
    """Texture coordinates [h, w, 2]: right / forward and -up / forward, from edge to edge.

    Computed as pairs [h, 2w] from the start: to bring x and y together afterwards takes longer than
    all the rest.
    """
    num_rows, num_columns = len(rays.up_of_row), len(rays.right)
    columns = np.zeros((3, num_columns, 2))
    columns[0, :, 0] = (-rays.right if mirror else rays.right) / billboard.half_width
    columns[0, :, 1] = -rays.up_of_column / billboard.half_height
    columns[1] = rays.forward_of_column[:, None]
    columns[2, :, 1] = 1
    rows = np.stack((-rays.up_of_row / billboard.half_height, rays.forward_of_row))
    of_column = _on(device, columns.reshape(3, 1, -1))
    of_row = _on(device, rows[..., None])
    forward = of_row[1] + of_column[1]
    if not rays.are_ahead:
        forward.clamp_min_(_HORIZON)
    pairs = torch.addcmul(of_column[0], of_row[0], of_column[2]).div_(forward)
    return pairs.view(num_rows, num_columns, 2)


def _straight_edges(
    rays: _Rays, billboard: Billboard, *, pixel: float, ramp: float, device: torch.device
) -> Tensor:
    """Coverage [h, w] of a billboard's rectangle: a ramp that starts half a pixel outside it.

    A billboard thinner than a pixel never covers more of it than it is thick.
    """
    a, b = billboard.half_width, billboard.half_height
    rows = np.stack((rays.forward_of_row, rays.up_of_row / ramp))
    columns = np.stack((rays.forward_of_column, rays.up_of_column / ramp, -abs(rays.right) / ramp))
    of_row, of_column = _on(device, rows[..., None]), _on(device, columns[:, None])
    nearness = of_row[0] + of_column[0]
    if not rays.are_ahead:
        nearness.clamp_min_(_HORIZON)
    nearness.reciprocal_()
    across = (of_column[2] * nearness).add_((a + pixel / 2) / ramp)
    beside = (of_row[1] + of_column[1]).abs_().mul_(nearness)
    along = beside.neg_().add_((b + pixel / 2) / ramp)
    across.clamp_(0, min(1.0, 2 * a / pixel))
    return across.mul_(along.clamp_(0, min(1.0, 2 * b / pixel)))


def _elliptic_edge(positions: Tensor, billboard: Billboard, *, pixel: float, ramp: float) -> Tensor:
    """Coverage of the ellipse in a billboard: a ramp that starts half a pixel outside.

    The distance from its edge is taken along the ray from the middle, which is a little more than
    the shortest.
    """
    on_right, on_top = positions.unbind(-1)
    out = torch.hypot(on_right, on_top).clamp_min(1e-6)
    radius = torch.hypot(on_right * billboard.half_width, on_top * billboard.half_height)
    inside = radius / out - radius + pixel / 2
    thin = 2 * min(billboard.half_width, billboard.half_height) / pixel
    return (inside / ramp).clamp_(0, min(1.0, thin))


def _on(device: torch.device, values: _Vector) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)
