"""Passes over pixels as torch's operations, for GPUs: see `passes.Passes`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seldsynth.render.passes import Counts, Pair, PatchPlanes, Place, Planes
from seldsynth.render.rays import FAR_AWAY, HORIZON, Rays
from seldsynth.render.scales import ALL, ALPHA_SCALE, COLOUR_SCALE, ROUNDING, WHOLE

_LEVEL = WHOLE // COLOUR_SCALE
_PART = ALPHA_SCALE // WHOLE
_COVERAGE_BITS = ALL.bit_length() - (WHOLE.bit_length() - 1)


def texture(planes: NDArray[Any], device: torch.device) -> Tensor:
    """See `Passes.texture`: [c, h, w] float32."""
    signed = planes if planes.dtype == np.uint8 else planes.view(np.int16)
    return torch.from_numpy(signed).to(device).float()


def positions(rays: Rays) -> Tensor:
    """X and y [2, n, h, w] in texels, wherever they are."""
    planes = rays.columns[:, :, None] + rays.rows[..., None]
    forward, places = planes[0], planes[1:]
    is_behind = forward <= HORIZON
    places.mul_(forward.clamp_min_(HORIZON).reciprocal_())
    return places.masked_fill_(is_behind, FAR_AWAY)


def cover_rectangle(
    rays: Rays, texels: tuple[int, int], sides_px: Sequence[Pair], ramps_px: Sequence[float]
) -> Tensor:
    """See `Passes.cover_rectangle`."""
    covered = []
    for places, sides, ramp_px in zip(_each(rays), sides_px, ramps_px, strict=True):
        across, down = (
            ((count - 1) / 2 - place)
            .abs_()
            .mul_(-side / count / ramp_px)
            .add_((side + 1) / 2 / ramp_px)
            .clamp_(0, min(1.0, side))
            for place, side, count in zip(places, sides, texels, strict=True)
        )
        covered.append(across.mul_(down).mul_(ALL).add_(0.5).to(torch.int16))
    return torch.stack(covered)


def cover_ellipse(
    rays: Rays, texels: tuple[int, int], sides_px: Sequence[Pair], ramps_px: Sequence[float]
) -> Tensor:
    """See `Passes.cover_ellipse`."""
    covered = []
    for places, sides, ramp_px in zip(_each(rays), sides_px, ramps_px, strict=True):
        x, y = (  # in pixels from the middle
            (place - (count - 1) / 2).mul_(side / count)
            for place, side, count in zip(places, sides, texels, strict=True)
        )
        # How far out it is, 1 at the edge: of the radius there; in the middle, of the least one.
        out = torch.hypot(x * (2 / sides[0]), y * (2 / sides[1]))
        radius = torch.hypot(x, y)
        inside = torch.where(out > 1e-3, radius / out, min(sides) / 2).sub_(radius).add_(0.5)
        shown = inside.div_(ramp_px).clamp_(0, min(1.0, *sides))
        covered.append(shown.mul_(ALL).add_(0.5).to(torch.int16))
    return torch.stack(covered)


def _each(rays: Rays) -> Sequence[Tensor]:
    """X and y [2, h, w] of each rectangle."""
    return positions(rays).unbind(1)


def left_sited(planes: Tensor) -> Tensor:
    """See `Passes.left_sited`; also of float32, not rounded."""
    exact = planes.float()
    begun, ended = functional.avg_pool2d(exact, 2), functional.avg_pool2d(exact.roll(1, -1), 2)
    sited = begun.add_(ended).mul_(0.5)
    return sited if planes.is_floating_point() else sited.round_().to(planes.dtype)


def kept_by_edges(coverage: Tensor) -> Tensor:
    """See `Passes.kept_by_edges`."""
    # To the nearest; ALL is one less than a power of two.
    shown = (coverage >> (_COVERAGE_BITS - 1)).add_(1).bitwise_right_shift_(1)
    return WHOLE - shown


def see_opaque(textures: Sequence[Tensor], rays: Rays, kept: Tensor) -> Tensor:
    """See `Passes.see_opaque`."""
    seen = _seen(torch.stack([*textures]), rays)
    return torch.mul(seen, WHOLE - kept[:, None]).add_(ROUNDING)


def see(textures: Sequence[Tensor], rays: Rays, coverage: Tensor | None, *, colours: int) -> Tensor:
    """See `Passes.see`."""
    return _through_alpha(_seen(torch.stack([*textures]), rays), coverage)


def see_woven(
    textures: Sequence[Tensor], rays: Rays, coverage: Tensor | None, half_coverage: Tensor | None
) -> tuple[Tensor, Tensor]:
    """See `Passes.see_woven`."""
    seen = _seen(torch.stack([*textures]), rays)
    halves = torch.stack([left_sited(one) for one in seen[:, 1:]])
    return _through_alpha(seen[:, [0, 3]], coverage), _through_alpha(halves, half_coverage)


def _seen(texels: Tensor, rays: Rays) -> Tensor:
    """What is seen of [n, c, h', w'], to the nearest: [n, c, h, w]."""
    places = positions(rays)
    if rays.most is not None:
        for axis, most in zip(places, rays.most, strict=True):
            axis.clamp_(0, most)
    sides = places.new_tensor((texels.shape[3], texels.shape[2]))
    grid = (places.permute(1, 2, 3, 0) + 0.5) * (2 / sides) - 1  # -1..1, from edge to edge
    seen = functional.grid_sample(texels, grid, padding_mode="zeros", align_corners=False)
    return seen.round_().to(torch.int16)


def _through_alpha(seen: Tensor, coverage: Tensor | None) -> Tensor:
    """Colours of patches and what they keep, of colours and alpha [n, c, h, w]."""
    if coverage is not None:
        shown = coverage[:, None].float().mul_(1 / ALL)
        seen = torch.mul(seen, shown).add_(0.5).to(torch.int16)
    less = (_PART * WHOLE + _PART // 2 - 1) - seen[:, -1:]  # to the nearest
    kept = less.bitwise_right_shift_(_PART.bit_length() - 1)
    return torch.cat((seen[:, :-1].mul(_LEVEL).add_(ROUNDING), kept), dim=1)


def planes(luma: Tensor, chroma: Tensor) -> Planes:
    """See `Passes.planes`."""
    return luma, chroma


def blend(
    canvas: Planes,
    below: Planes,
    patch: PatchPlanes,
    place: Place,
    instead_of: Place | None = None,
) -> None:
    """See `Passes.blend`."""
    if instead_of is not None:
        restore(canvas, below, instead_of)
    luma, kept, chroma, chroma_kept = patch
    parts = ((luma, kept, 1), (chroma, chroma_kept, 2))
    for plane, behind, (colour, part, pixel) in zip(canvas, below, parts, strict=True):
        for here, ours in _pieces(place, pixel, plane.shape[-1]):
            # Of products and sums the lower 16 bits are the same, whatever the sign; the shift
            # brings copies of it with it, which do not go into a byte.
            mixed = torch.mul(behind[here], part[:, ours]).add_(colour[..., ours])
            plane[here] = mixed.bitwise_right_shift_(WHOLE.bit_length() - 1)


def restore(canvas: Planes, below: Planes, place: Place) -> None:
    """See `Passes.restore`."""
    for plane, behind, pixel in zip(canvas, below, (1, 2), strict=True):
        for here, _ in _pieces(place, pixel, plane.shape[-1]):
            plane[here] = behind[here]


def _pieces(
    place: Place, pixel: int, canvas_width: int
) -> Iterator[tuple[tuple[EllipsisType, slice, slice], slice]]:
    """Where a place is on a plane, and which of its columns are there: two where it is cut.

    pixel: how many of luma's one of the plane is wide and high.
    """
    x0, y0, width, height = (number // pixel for number in place)
    left = min(width, canvas_width - x0)
    rows = slice(y0, y0 + height)
    yield (..., rows, slice(x0, x0 + left)), slice(left)
    if left < width:
        yield (..., rows, slice(width - left)), slice(left, None)


def own_pixels(kept: Sequence[Tensor]) -> list[tuple[Tensor, Counts, Counts]]:
    """See `Passes.own_pixels`: those of one size together."""
    by_size: dict[torch.Size, list[int]] = defaultdict(list)
    for index, one in enumerate(kept):
        by_size[one.shape].append(index)
    found: dict[int, tuple[Tensor, Counts, Counts]] = {}
    for alike in by_size.values():
        own = (torch.stack([kept[index] for index in alike]) <= WHOLE // 2).to(torch.uint8)
        rows, columns = (own.sum(side, dtype=torch.int32).cpu().numpy() for side in (2, 1))
        found.update(zip(alike, zip(own, rows, columns, strict=True), strict=True))
    return [found[index] for index in range(len(kept))]
