"""Pictures at their places: together as alone, and known again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seldsynth.plan import MattePlan, TilePlan
from seldsynth.render.compositor import Patch, View, warp
from seldsynth.render.pictures import Picture
from seldsynth.render.placing import Placing
from seldsynth.render.projection import Billboard, make_billboard
from seldsynth.render.textures import Texture, as_texture
from tests.conftest import mock_clip, mock_image, mock_pixels
from tests.render.test_scene import asset, tile
from tests.render.test_textures import mock_picture

CPU = torch.device("cpu")
SIZE = {"width": 512, "height": 256}


@pytest.fixture
def clip(tmp_path: Path) -> TilePlan:
    return tile(asset(mock_clip(tmp_path / "a.mp4"), 64, 48, "video"), (0, 0))


@pytest.fixture
def still(tmp_path: Path) -> TilePlan:
    return tile(asset(mock_image(tmp_path / "a.png", mock_pixels()), 64, 48), (0, 0))


def placing(plan: TilePlan) -> Placing:
    return Placing(plan, **SIZE, device=CPU, noise=None)


def at(azimuth_deg: float, elevation_deg: float = 10.0, side_deg: float = 30.0) -> Billboard:
    return make_billboard(
        azimuth_deg=azimuth_deg, elevation_deg=elevation_deg, longer_side_deg=side_deg, aspect=1.4
    )


def canvas_of(patch: Patch) -> np.ndarray:
    """Its luma, and what it keeps, on the whole canvas."""
    canvas = np.zeros((2, SIZE["height"], SIZE["width"]), np.int16)
    canvas[1] = 256
    there = patch.rectangle
    columns = (there.x0 + np.arange(there.width)) % SIZE["width"]
    rows = slice(there.y0, there.y0 + there.height)
    canvas[0][rows, columns], canvas[1][rows, columns] = patch.luma, patch.cover.kept
    canvas[0][canvas[1] == 256] = 0
    return canvas


def check_as_alone(
    plan: TilePlan, textures: list[Texture], billboards: list[Billboard]
) -> list[Patch]:
    together = placing(plan).show(textures, billboards)
    for patch, texture, billboard in zip(together, textures, billboards, strict=True):
        (alone,) = placing(plan).show([texture], [billboard])
        assert np.array_equal(canvas_of(patch), canvas_of(alone))
    return together


@pytest.mark.parametrize("matte", ["none", "feather", "ellipse"])
def test_a_clip_may_lose_its_alpha_on_the_way(clip: TilePlan, matte: str) -> None:
    clip = replace(clip, matte=MattePlan(kind=matte, feather=0.05))
    opaque = as_texture(mock_picture(alpha=False, half=True), device=CPU)
    with_alpha = as_texture(mock_picture(half=True), device=CPU)
    textures: list[Texture] = [opaque, with_alpha, opaque, with_alpha, with_alpha]
    check_as_alone(clip, textures, [at(3.0 * n, 10 + n) for n in range(5)])


def test_textures_of_other_sizes(clip: TilePlan) -> None:
    pictures = (mock_picture(20 + 4 * (n % 2), 14, alpha=False, half=True) for n in range(5))
    textures: list[Texture] = [as_texture(picture, device=CPU) for picture in pictures]
    check_as_alone(clip, textures, [at(3.0 * n, 10 + n) for n in range(5)])


def test_places_that_have_little_in_common(still: TilePlan) -> None:
    """The seam, the poles, large and small."""
    texture = as_texture(mock_picture(), device=CPU)
    places = [(0, 0, 30), (179, 10, 32), (-179, 60, 30), (20, 89, 60), (20, -90, 10), (5, 5, 100)]
    check_as_alone(still, [texture] * len(places), [at(*map(float, place)) for place in places])


def test_what_is_known_is_the_same_object(still: TilePlan) -> None:
    texture = as_texture(mock_picture(), device=CPU)
    showing = placing(still)
    first, again, elsewhere, back = showing.show([texture] * 4, [at(0), at(0), at(90), at(0)])
    assert first is again
    assert elsewhere.cover is first.cover is back.cover
    (later,) = showing.show([texture], [at(0)])
    assert later is back
    showing.show([texture], [at(0, elevation_deg=20)])
    (forgotten,) = showing.show([texture], [at(0)])
    assert forgotten.cover is not first.cover


@pytest.mark.parametrize("matte", ["none", "feather"])
def test_known_places_of_a_clip_are_seen_together(
    clip: TilePlan, matte: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As each by itself. Those with edges are, since their covers are known already."""
    import seldsynth.render.placing as placings

    clip = replace(clip, matte=MattePlan(kind=matte, feather=0.05))
    places = [at(azimuth) for azimuth in (0, 0.3, 0.6, 179.9)]
    pictures = [mock_picture(seed=seed, half=True) for seed in range(4)]
    for picture in pictures:
        for plane in (*picture.luma, *picture.chroma):
            plane[[0, -1]] = plane[:, [0, -1]] = 0
    textures = [as_texture(picture, device=CPU) for picture in pictures]
    showing = placing(clip)
    showing.show(textures, places)
    counts: list[int] = []

    def counting(textures: Sequence[Texture], view: View) -> list[Patch]:
        counts.append(len(textures))
        return warp(textures, view)

    monkeypatch.setattr(placings, "warp", counting)
    together = showing.show(textures[::-1], places)
    sizes = {(patch.rectangle.width, patch.rectangle.height) for patch in together}
    assert len(counts) == (len(sizes) if matte == "none" else 4)
    assert sum(counts) == 4
    for patch, texture, place in zip(together, textures[::-1], places, strict=True):
        (alone,) = placing(clip).show([texture], [place])
        assert np.array_equal(canvas_of(patch), canvas_of(alone))


def test_what_an_opaque_clip_covers_is_known_again(clip: TilePlan) -> None:
    """Each frame is another picture, and hides the same."""
    pictures = [mock_picture(alpha=False, half=True) for _ in range(4)]
    showing = placing(clip)
    showing.show([as_texture(pictures[0], device=CPU)], [at(0)])
    patches = [showing.show([as_texture(one, device=CPU)], [at(0)])[0] for one in pictures[1:]]
    assert patches[0].cover is patches[1].cover is patches[2].cover
    other = Picture(0 * pictures[0].luma + 99, pictures[0].chroma)
    (grey,) = showing.show([as_texture(other, device=CPU)], [at(0)])
    assert grey.cover is patches[0].cover
    assert not torch.equal(grey.luma, patches[0].luma)
