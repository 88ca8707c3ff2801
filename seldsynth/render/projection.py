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
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seldsynth.render.edges import Edges, coverage_of
from seldsynth.render.processors import passes_on
from seldsynth.render.rays import Rays, joined_rays

_Array = NDArray[np.float64]

_INSIDE = 1 / 128


class Billboard(NamedTuple):
    """A rectangle tangent to the unit sphere; half_width and half_height are tangents of angles."""

    azimuth_deg: float
    elevation_deg: float
    half_width: float
    half_height: float


class Rectangle(NamedTuple):
    """Canvas pixels x0 <= x < x0 + width (x wraps), y0 <= y < y0 + height; all even."""

    x0: int
    y0: int
    width: int
    height: int

    def meets(self, other: Rectangle, *, canvas_width: int) -> bool:
        """Whether two have a pixel of a canvas in common."""
        return (
            self.y0 < other.y0 + other.height
            and other.y0 < self.y0 + self.height
            and (
                (other.x0 - self.x0) % canvas_width < self.width
                or (self.x0 - other.x0) % canvas_width < other.width
            )
        )

    def pieces(self, canvas_width: int) -> Iterator[tuple[int, int, int]]:
        """Column on the canvas, column in the rectangle, width: of one piece, two at the seam."""
        left = min(self.width, canvas_width - self.x0)
        yield self.x0, 0, left
        if left < self.width:
            yield 0, left, self.width - left


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


@dataclass(frozen=True, eq=False)
class SamplingGrid:
    """Where the pixels of n rectangles look on their billboards.

    luma: its rays; chroma: those of a quarter as many pixels, None where it is averaged from what
    luma's pixels see. coverage [n, h, w], half_coverage [n, h/2, w/2]: how much of a pixel of luma
    and of chroma the billboard hides, border softness included, int16, in parts of `scales.ALL`;
    None if what it shows ends before its edges do.
    """

    luma: Rays
    chroma: Rays | None
    coverage: Tensor | None
    half_coverage: Tensor | None

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        parts = (self.luma, self.chroma, self.coverage, self.half_coverage)
        return sum(part.nbytes for part in parts if part is not None)

    def __getitem__(self, index: int) -> SamplingGrid:
        """The grid of one of the rectangles."""
        one = slice(index, index + 1)
        return SamplingGrid(
            luma=self.luma[index],
            chroma=None if self.chroma is None else self.chroma[index],
            coverage=None if self.coverage is None else self.coverage[one],
            half_coverage=None if self.half_coverage is None else self.half_coverage[one],
        )


def joined_grids(grids: Sequence[SamplingGrid]) -> SamplingGrid:
    """The grid of the rectangles of several, all of one size and kind, without coverage."""
    chroma = [grid.chroma for grid in grids if grid.chroma is not None]
    return SamplingGrid(
        luma=joined_rays([grid.luma for grid in grids]),
        chroma=joined_rays(chroma) if chroma else None,
        coverage=None,
        half_coverage=None,
    )


class Kind(NamedTuple):
    """What billboards have in common.

    edges: None if nothing of what they show reaches their edges. texels: how many of its luma lie
    across and down; chroma_texels: of its chroma, None if that is averaged from what luma's pixels
    see. mirror: left and right of it change places.
    """

    edges: Edges | None
    texels: tuple[int, int]
    chroma_texels: tuple[int, int] | None
    mirror: bool


def sampling_grid(
    billboards: Sequence[Billboard],
    rectangles: Sequence[Rectangle],
    kind: Kind,
    *,
    width: int,
    height: int,
    device: torch.device,
) -> SamplingGrid:
    """What every pixel of n rectangles, all of one size, sees of a billboard each.

    width, height: of the canvas.
    """
    bases = np.array([_basis(one) for one in billboards])
    ends = kind.edges is not None
    plane = _Plane(1, width, height, kind.texels, kind.mirror)
    luma = _rays(bases, rectangles, plane, ends=ends, device=device)
    chroma = None
    if kind.chroma_texels is not None:
        plane = _Plane(2, width // 2, height // 2, kind.chroma_texels, kind.mirror)
        chroma = _rays(bases, rectangles, plane, ends=ends, device=device)
    if kind.edges is None:
        return SamplingGrid(luma, chroma, None, None)
    px_per_unit = height / math.pi
    sides_px = [
        (2 * one.half_width * px_per_unit, 2 * one.half_height * px_per_unit) for one in billboards
    ]
    coverage = coverage_of(luma, sides_px, kind.texels, kind.edges)
    return SamplingGrid(luma, chroma, coverage, passes_on(device).left_sited(coverage))


class _Plane(NamedTuple):
    """A plane of the canvas, and one of a picture.

    pixel: how many luma pixels one of its own is wide and high; width, height: in its own.
    """

    pixel: int
    width: int
    height: int
    texels: tuple[int, int]
    mirror: bool


def _rays(
    bases: _Array,
    rectangles: Sequence[Rectangle],
    plane: _Plane,
    *,
    ends: bool,
    device: torch.device,
) -> Rays:
    """Bases [n, 3, 3]. ends: the outermost texels go on outwards, as far as edges are drawn."""
    parts = _parts_of_rays(bases, rectangles, plane)
    columns, rows = (
        torch.as_tensor(part.astype(np.float32, order="C"), device=device) for part in parts
    )
    # Not quite up to them, where OpenCV is slow.
    across, down = (max(0.0, count - 1 - _INSIDE) for count in plane.texels)
    return Rays(columns, rows, (across, down) if ends else None)


def _parts_of_rays(
    bases: _Array, rectangles: Sequence[Rectangle], plane: _Plane
) -> tuple[_Array, _Array]:
    """Columns [3, n, w] and rows [3, n, h]: of forward, of x · forward and of y · forward.

    A pixel's ray, divided by the cosine of its elevation, is (cos azimuth, sin azimuth, tan
    elevation): what a matrix makes of that is a column's part plus a row's.
    """
    texels_across, texels_down = plane.texels
    across = -texels_across if plane.mirror else texels_across
    forward, right, down = bases.swapaxes(0, 1)  # [n, 3]
    of_x = (texels_across - 1) / 2 * forward + across / 2 * right
    of_y = (texels_down - 1) / 2 * forward + texels_down / 2 * down
    of_cosine, of_sine, of_tangent = np.stack((forward, of_x, of_y)).transpose(2, 0, 1)[..., None]
    corners = np.array([(one.x0, one.y0) for one in rectangles])[..., None] // plane.pixel
    at_x = corners[:, 0] + np.arange(rectangles[0].width // plane.pixel)
    at_y = corners[:, 1] + np.arange(rectangles[0].height // plane.pixel)
    cosines, sines, tangents = _directions(plane.pixel, plane.width, plane.height)
    return of_cosine * cosines[at_x] + of_sine * sines[at_x], of_tangent * tangents[at_y]


def _basis(billboard: Billboard) -> list[list[float]]:
    """Rays to how far forward, right and down they go, these in halves of its sides."""
    sin_az, cos_az = _sine_cosine_deg(billboard.azimuth_deg)
    sin_el, cos_el = _sine_cosine_deg(billboard.elevation_deg)
    a, b = billboard.half_width, billboard.half_height
    return [
        [cos_el * cos_az, cos_el * sin_az, sin_el],
        [sin_az / a, -cos_az / a, 0.0],
        [sin_el * cos_az / b, sin_el * sin_az / b, -cos_el / b],
    ]


@lru_cache(maxsize=4)
def _directions(pixel: int, width: int, height: int) -> tuple[_Array, ...]:
    """Cosines and sines of the azimuths of a plane's columns, twice around; tangents of its rows.

    Columns are sited on the left one of their luma pixels, rows in the middle of theirs.
    """
    azimuth = np.radians(180 - (np.arange(2 * width) + 0.5 / pixel) / width * 360)
    elevation = np.radians(90 - (np.arange(height) + 0.5) / height * 180)
    return np.cos(azimuth), np.sin(azimuth), np.tan(elevation)
