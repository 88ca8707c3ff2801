"""A picture's places on the canvas: what lies there, made anew only if it must, a few at a time.

What turns around the listener at one elevation and in one size looks the same again and again, some
columns further: on an equirectangular canvas a grid depends on the azimuth by a shift alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seldsynth.plan import TilePlan
from seldsynth.render.compositor import Patch, View, noisy, warp
from seldsynth.render.edges import Edges
from seldsynth.render.memory import Memory
from seldsynth.render.projection import (
    Billboard,
    Kind,
    Rectangle,
    of_one_size,
    sampling_grid,
    touched_rectangle,
)
from seldsynth.render.textures import Texture, around_shadow, shadow_texture

_STEPS_PER_PX = 8
"""Directions and sizes are rounded to so many steps: what is off is a sixteenth of a pixel."""
_KEPT_BYTES = 12 << 20
_PIXELS_TOGETHER = 1 << 19
_MOST_WASTE = 1.25  # of rectangles that are made as large as the largest


class _Stand(NamedTuple):
    """How a picture stands: all that its view depends on."""

    billboard: Billboard
    kind: Kind

    @property
    def form(self) -> tuple[float, float, float]:
        """What of its billboard stays the same while it turns around the listener."""
        billboard = self.billboard
        return billboard.elevation_deg, billboard.half_width, billboard.half_height


class _Sight(NamedTuple):
    """A texture that stands somewhere."""

    texture: Texture
    stand: _Stand


class _Known(NamedTuple):
    """One of a view's rectangles."""

    view: View
    place: int

    @property
    def nbytes(self) -> int:
        """Its part of the view's bytes."""
        return self.view.nbytes // len(self.view.rectangles)

    def alone(self) -> _Known:
        """The same without the others: what is seen again is cut out once."""
        return self if len(self.view.rectangles) == 1 else _Known(self.view[self.place], 0)


class Placing:
    """One picture's places: what it and its shadow look like there."""

    def __init__(
        self,
        plan: TilePlan,
        *,
        width: int,
        height: int,
        device: torch.device,
        noise: Tensor | None,
    ) -> None:
        """width, height: of the canvas. noise: what lies on it, see `canvas_noise`, or None."""
        self._plan = plan
        self._width, self._height, self._device = width, height, device
        self._noise = None if noise is None or not plan.look.noise else (noise, plan.look.noise)
        matte = plan.matte
        feather = matte.feather if matte.kind in ("feather", "ellipse") else 0.0
        is_ellipse = matte.kind == "ellipse"
        self._has_edges = is_ellipse or feather > 0
        self._edges = Edges(feather=feather, is_ellipse=is_ellipse)
        self._shadow_texture: Texture | None = None
        self._pictures = _Showing(width, height, device, changing=plan.asset.kind == "video")
        self._shadows = _Showing(width, height, device, changing=False)

    def show(self, textures: Sequence[Texture], billboards: Sequence[Billboard]) -> list[Patch]:
        """Textures as they lie on the canvas; the same object again while nothing changes."""
        lefts, columns = self._from_left(billboards)
        sights = []
        for texture, left in zip(textures, lefts, strict=True):
            has_edges = texture.reaches_edges or self._has_edges
            sights.append(self._sight(texture, left, self._edges if has_edges else None))
        return self._pictures.at(columns, sights, self._noise)

    def shadows(self, billboards: Sequence[Billboard]) -> list[Patch]:
        """The soft shadows at its foot; the same object again while nothing changes."""
        plan = self._plan
        if self._shadow_texture is None:
            self._shadow_texture = shadow_texture(
                plan.look.shadow, aspect=plan.width / plan.height, device=self._device
            )
        lefts, columns = self._from_left(billboards)
        sights = [self._sight(self._shadow_texture, around_shadow(left), None) for left in lefts]
        return self._shadows.at(columns, sights)

    def _from_left(self, billboards: Sequence[Billboard]) -> tuple[list[Billboard], list[int]]:
        """Billboards as if they were at the left edge of the canvas, and how many columns away.

        By an even number of them, so that a column of chroma stays one.
        """
        row_steps = self._height * _STEPS_PER_PX / 180
        lefts, columns = [], []
        for billboard in billboards:
            centre = (180 - billboard.azimuth_deg) / 360 * self._width
            pairs, steps = divmod(round(centre * _STEPS_PER_PX), 2 * _STEPS_PER_PX)
            columns.append(2 * pairs)
            lefts.append(
                Billboard(
                    azimuth_deg=180 - 360 * steps / _STEPS_PER_PX / self._width,
                    elevation_deg=round(billboard.elevation_deg * row_steps) / row_steps,
                    half_width=self._rounded(billboard.half_width),
                    half_height=self._rounded(billboard.half_height),
                )
            )
        return lefts, columns

    def _rounded(self, half: float) -> float:
        """Half of a side in steps, unless it is thinner than a pixel or two."""
        steps_per_unit = 2 * _STEPS_PER_PX * self._height / math.pi
        steps = round(half * steps_per_unit)
        return half if steps < 2 * _STEPS_PER_PX else steps / steps_per_unit

    def _sight(self, texture: Texture, billboard: Billboard, edges: Edges | None) -> _Sight:
        kind = Kind(
            edges=edges,
            texels=texture.texels,
            chroma_texels=texture.chroma_texels,
            mirror=self._plan.mirror,
        )
        return _Sight(texture, _Stand(billboard, kind))


class _Showing:
    """What sights look like, at the left edge of the canvas and so many columns further.

    changing: the texture is another one in nearly every frame. Then views are kept, else patches.
    """

    def __init__(self, width: int, height: int, device: torch.device, *, changing: bool) -> None:
        self._width, self._height, self._device = width, height, device
        self._changing = changing
        self._patches = Memory[_Sight, Patch](_KEPT_BYTES)
        self._views = Memory[_Stand, _Known](_KEPT_BYTES)
        self._last: tuple[Patch, int, Patch] | None = None

    def at(
        self,
        columns: Sequence[int],
        sights: Sequence[_Sight],
        noise: tuple[Tensor, float] | None = None,
    ) -> list[Patch]:
        """Sights so many columns further, with noise of a deviation."""
        forms = {sight.stand.form for sight in sights}
        self._patches.keep_only(lambda sight: sight.stand.form in forms)
        self._views.keep_only(lambda stand: stand.form in forms)
        found: dict[_Sight, Patch] = {}
        new = []
        for sight in dict.fromkeys(sights):
            if (known := self._patches.get(sight)) is None:
                new.append(sight)
            else:
                found[sight] = known
        found.update(self._seen(new))
        return [
            self._moved(found[sight], more, noise)
            for sight, more in zip(sights, columns, strict=True)
        ]

    def _moved(self, patch: Patch, columns: int, noise: tuple[Tensor, float] | None) -> Patch:
        if self._last is None or self._last[0] is not patch or self._last[1] != columns:
            moved = patch.further(columns, width=self._width)
            self._last = (patch, columns, noisy(moved, *noise) if noise else moved)
        return self._last[2]

    def _seen(self, sights: Sequence[_Sight]) -> Iterator[tuple[_Sight, Patch]]:
        """Each sight as a patch, those together that can be made together."""
        views: dict[_Stand, _Known] = {}
        new: dict[_Stand, _Sight] = {}
        for sight in sights:
            if (known := self._views.get(sight.stand)) is not None:
                views[sight.stand] = known
            else:
                new.setdefault(sight.stand, sight)
        sizes = {"width": self._width, "height": self._height}
        touched = [touched_rectangle(stand.billboard, **sizes) for stand in new]
        for some, rectangles in _groups([*new.values()], touched):
            view = self._view([sight.stand for sight in some], of_one_size(rectangles, **sizes))
            patches = warp([sight.texture for sight in some], view)
            for index, (sight, patch) in enumerate(zip(some, patches, strict=True)):
                views[sight.stand] = _Known(view, index)
                yield self._noted(sight, patch, views[sight.stand])
        again = [sight for sight in sights if new.get(sight.stand) != sight]
        for some in _alike(again, views):
            for stand in dict.fromkeys(sight.stand for sight in some):
                views[stand] = views[stand].alone()
            those = [views[sight.stand] for sight in some]
            patches = warp([sight.texture for sight in some], View.joined([o.view for o in those]))
            for sight, patch, known in zip(some, patches, those, strict=True):
                yield self._noted(sight, patch, known)

    def _noted(self, sight: _Sight, patch: Patch, known: _Known) -> tuple[_Sight, Patch]:
        if not self._changing:
            self._patches.put(sight, patch)
        elif self._views.get(sight.stand) is not known:
            self._views.put(sight.stand, known)
        return sight, patch

    def _view(self, stands: Sequence[_Stand], rectangles: Sequence[Rectangle]) -> View:
        grid = sampling_grid(
            [stand.billboard for stand in stands],
            rectangles,
            stands[0].kind,
            width=self._width,
            height=self._height,
            device=self._device,
        )
        return View(rectangles, grid)


def _groups(
    sights: Sequence[_Sight], rectangles: Sequence[Rectangle]
) -> Iterator[tuple[list[_Sight], list[Rectangle]]]:
    """Neighbours that can be made together: pictures alike in rectangles of about one size."""
    some: list[_Sight] = []
    touched: list[Rectangle] = []
    for sight, rectangle in zip(sights, rectangles, strict=True):
        if some and not (_are_alike(some[0], sight) and _fit_together([*touched, rectangle])):
            yield some, touched
            some, touched = [], []
        some.append(sight)
        touched.append(rectangle)
    if some:
        yield some, touched


def _alike(sights: Sequence[_Sight], views: Mapping[_Stand, _Known]) -> Iterator[list[_Sight]]:
    """Sights whose views can be joined; each by itself that has edges: its view knows its cover.

    views: those of their stands.
    """
    groups: dict[Hashable, list[_Sight]] = defaultdict(list)
    for sight in sights:
        rectangle = views[sight.stand].view.rectangles[0]
        size = (rectangle.width, rectangle.height)
        joins = sight.stand.kind.edges is None  # and so it has alpha
        groups[(sight.stand.kind, size) if joins else sight].append(sight)
    for some in groups.values():
        rectangle = views[some[0].stand].view.rectangles[0]
        most = max(1, _PIXELS_TOGETHER // (rectangle.width * rectangle.height))
        for first in range(0, len(some), most):
            yield some[first : first + most]


def _are_alike(one: _Sight, other: _Sight) -> bool:
    """All but where they are: also whether both have alpha, which a clip may lose on its way."""
    return one.texture.is_opaque == other.texture.is_opaque and one.stand.kind == other.stand.kind


def _fit_together(rectangles: Sequence[Rectangle]) -> bool:
    widest = max(one.width for one in rectangles)
    highest = max(one.height for one in rectangles)
    pixels = widest * highest * len(rectangles)
    needed = sum(one.width * one.height for one in rectangles)
    return pixels <= min(_PIXELS_TOGETHER, _MOST_WASTE * needed)
