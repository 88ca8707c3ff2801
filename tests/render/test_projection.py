import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seldsynth.render.edges import Edges
from seldsynth.render.passes_by_torch import positions
from seldsynth.render.projection import (
    Billboard,
    Kind,
    Rectangle,
    SamplingGrid,
    make_billboard,
    of_one_size,
    sampling_grid,
    touched_rectangle,
)
from seldsynth.render.scales import ALL
from seldsynth.sphere import angles_to_doa, doa_to_angles
from tests.conftest import WAYS, device_of
from tests.render.reference import Layer, half_sides, inside

WIDTH, HEIGHT = 256, 128
BILLBOARDS = st.builds(
    make_billboard,
    azimuth_deg=st.floats(-360, 360),
    elevation_deg=st.floats(-90, 90),
    longer_side_deg=st.floats(2, 115),
    aspect=st.floats(0.2, 5),
)


def layer(billboard: Billboard) -> Layer:
    longer = max(billboard.half_width, billboard.half_height)
    shape = (
        round(1000 * billboard.half_height / longer),
        round(1000 * billboard.half_width / longer),
    )
    return Layer(
        pixels=np.zeros((*shape, 4)),
        azimuth_deg=billboard.azimuth_deg,
        elevation_deg=billboard.elevation_deg,
        longer_side_deg=math.degrees(2 * math.atan(longer)),
        feather=0,
    )


TEXELS = (30, 20)


def grid_of(
    billboards: list[Billboard],
    rectangles: list[Rectangle],
    *,
    feather: float = 0.0,
    device: str = "cpu",
    mirror: bool = False,
    has_edges: bool = True,
) -> SamplingGrid:
    return sampling_grid(
        billboards,
        rectangles,
        Kind(
            edges=Edges(feather=feather) if has_edges else None,
            texels=TEXELS,
            chroma_texels=TEXELS,
            mirror=mirror,
        ),
        width=WIDTH,
        height=HEIGHT,
        device=torch.device(device),
    )


def coverage(billboard: Billboard, *, feather: float = 0.0, way: str = "cpu") -> np.ndarray:
    """Coverage of the whole canvas, from the touched rectangle alone."""
    rectangle = touched_rectangle(billboard, width=WIDTH, height=HEIGHT)
    with device_of(way) as device:
        grid = grid_of([billboard], [rectangle], feather=feather, device=device)
    whole = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    columns = (rectangle.x0 + np.arange(rectangle.width)) % WIDTH
    rows = slice(rectangle.y0, rectangle.y0 + rectangle.height)
    assert grid.coverage is not None
    whole[rows, columns] = grid.coverage[0].cpu().numpy() / ALL
    return whole


@settings(max_examples=300)
@given(BILLBOARDS)
def test_the_rectangle_holds_every_touched_pixel_and_is_even(billboard: Billboard) -> None:
    rectangle = touched_rectangle(billboard, width=WIDTH, height=HEIGHT)
    for value in (rectangle.x0, rectangle.y0, rectangle.width, rectangle.height):
        assert value % 2 == 0
    assert 0 <= rectangle.x0 < WIDTH
    assert 0 < rectangle.width <= WIDTH
    assert 0 <= rectangle.y0 < rectangle.y0 + rectangle.height <= HEIGHT
    hidden = inside(layer(billboard), width=WIDTH, height=HEIGHT)
    columns = (rectangle.x0 + np.arange(rectangle.width)) % WIDTH
    held = np.zeros_like(hidden)
    held[rectangle.y0 : rectangle.y0 + rectangle.height, columns] = True
    assert not (hidden & ~held).any()


@settings(max_examples=150, deadline=None)
@given(BILLBOARDS, st.sampled_from([0.0, 0.04]))
def test_no_softness_is_cut_off(billboard: Billboard, feather: float) -> None:
    whole = Rectangle(x0=0, y0=0, width=WIDTH, height=HEIGHT)
    everywhere = grid_of([billboard], [whole], feather=feather).coverage
    assert everywhere is not None
    assert np.abs(everywhere[0].numpy() / ALL - coverage(billboard, feather=feather)).max() < 1e-3


@settings(max_examples=100)
@given(BILLBOARDS)
def test_the_rectangle_is_tight(billboard: Billboard) -> None:
    hidden = inside(layer(billboard), width=WIDTH, height=HEIGHT)
    if hidden.sum() < 30:
        return
    rectangle = touched_rectangle(billboard, width=WIDTH, height=HEIGHT)
    rows = np.flatnonzero(hidden.any(axis=1))
    assert rectangle.height <= rows[-1] - rows[0] + 1 + 8
    used = np.flatnonzero(hidden.any(axis=0))
    gaps = np.diff(np.append(used, used[0] + WIDTH))
    if rectangle.width < WIDTH:
        # Near a pole a pixel's softness is many columns, and a corner is thinner than a pixel.
        rows_deg = 90 - np.array([rectangle.y0, rectangle.y0 + rectangle.height]) / HEIGHT * 180
        columns_per_pixel = 1 / np.cos(np.radians(np.abs(rows_deg).max().clip(max=89.9)))
        assert rectangle.width <= WIDTH - gaps.max() + 1 + 8 + 4 * columns_per_pixel


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=150, deadline=None)
@given(billboard=BILLBOARDS.filter(lambda b: min(b.half_width, b.half_height) > 0.05))
def test_coverage_is_within_one_pixel_of_the_exact_outline(way: str, billboard: Billboard) -> None:
    of = layer(billboard)
    pixel = math.pi / HEIGHT
    found = coverage(billboard, way=way) >= 0.5
    assert not (found & ~inside(of, width=WIDTH, height=HEIGHT, margin=pixel)).any()
    assert not (inside(of, width=WIDTH, height=HEIGHT, margin=-pixel) & ~found).any()


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg"),
    [(azimuth, 0) for azimuth in range(-180, 181, 45)]
    + [(30, 45), (-30, -45), (0, 85), (100, -85), (180, 60), (-180, -60), (0, 90), (77, -90)]
    + [(179.9, 0), (-179.9, 0), (0.1, 89.9)],
)
def test_the_centroid_is_the_direction(azimuth_deg: float, elevation_deg: float) -> None:
    billboard = make_billboard(
        azimuth_deg=azimuth_deg, elevation_deg=elevation_deg, longer_side_deg=30, aspect=1.5
    )
    weight = torch.from_numpy(coverage(billboard, feather=0.1)).to(torch.float64)
    x, y = torch.arange(WIDTH) + 0.5, torch.arange(HEIGHT, dtype=torch.float64) + 0.5
    azimuths, elevations = 180 - x / WIDTH * 360, 90 - y / HEIGHT * 180
    doa = angles_to_doa(azimuths[None, :].to(torch.float64), elevations[:, None])
    area = torch.cos(torch.deg2rad(elevations))[:, None, None]
    mean = (doa * weight[..., None] * area).sum(dim=(0, 1))
    truth = angles_to_doa(
        torch.tensor(azimuth_deg, dtype=torch.float64),
        torch.tensor(elevation_deg, dtype=torch.float64),
    )
    cosine = torch.clamp((mean / mean.norm()) @ truth, max=1)
    assert math.degrees(math.acos(float(cosine))) < 0.1
    assert doa_to_angles(mean)[1] == pytest.approx(elevation_deg, abs=0.1)


def test_up_is_up_and_left_is_left() -> None:
    billboard = make_billboard(azimuth_deg=40, elevation_deg=20, longer_side_deg=20, aspect=1.5)
    rectangle = touched_rectangle(billboard, width=WIDTH, height=HEIGHT)
    middle_row, middle_column = rectangle.height // 2, rectangle.width // 2
    rays = grid_of([billboard], [rectangle]).luma
    across, down = positions(rays)[:, 0]
    assert (across[middle_row].diff() > 0).all()
    assert (down[:, middle_column].diff() > 0).all()
    assert rays.most == pytest.approx((TEXELS[0] - 1, TEXELS[1] - 1), abs=0.01)
    assert grid_of([billboard], [rectangle], has_edges=False).luma.most is None
    mirrored, _ = positions(grid_of([billboard], [rectangle], mirror=True).luma)[:, 0]
    assert (TEXELS[0] - 1 - mirrored - across).abs().max() < 0.02


@settings(max_examples=50, deadline=None)
@given(st.lists(BILLBOARDS, min_size=2, max_size=5))
def test_together_they_are_as_they_are_alone(billboards: list[Billboard]) -> None:
    """Where a billboard is, and that nothing else is in the larger rectangle."""
    touched = [touched_rectangle(one, width=WIDTH, height=HEIGHT) for one in billboards]
    rectangles = of_one_size(touched, width=WIDTH, height=HEIGHT)
    together = grid_of(billboards, rectangles)
    assert together.coverage is not None
    for index, (billboard, rectangle) in enumerate(zip(billboards, rectangles, strict=True)):
        assert rectangle.y0 >= 0
        assert rectangle.y0 + rectangle.height <= HEIGHT
        whole = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
        columns = (rectangle.x0 + np.arange(rectangle.width)) % WIDTH
        rows = slice(rectangle.y0, rectangle.y0 + rectangle.height)
        whole[rows, columns] = together.coverage[index].numpy() / ALL
        assert np.abs(whole - coverage(billboard)).max() < 1e-3


def test_sides_fill_the_angles_asked_for() -> None:
    wide = make_billboard(azimuth_deg=0, elevation_deg=0, longer_side_deg=40, aspect=2)
    tall = make_billboard(azimuth_deg=0, elevation_deg=0, longer_side_deg=40, aspect=0.5)
    assert math.degrees(2 * math.atan(wide.half_width)) == pytest.approx(40)
    assert wide.half_width / wide.half_height == pytest.approx(2)
    assert math.degrees(2 * math.atan(tall.half_height)) == pytest.approx(40)
    assert half_sides(layer(wide)) == pytest.approx((wide.half_width, wide.half_height), rel=1e-3)


def test_what_is_thinner_than_a_pixel_is_fainter() -> None:
    thin = make_billboard(azimuth_deg=0, elevation_deg=0, longer_side_deg=40, aspect=200)
    share = 2 * thin.half_height / (math.pi / HEIGHT)
    assert 0.1 < share < 0.2
    assert coverage(thin)[:, WIDTH // 2].sum() == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("feather", [0.0, 0.04, 0.3])
def test_a_feather_is_a_ramp_inside_the_edge(feather: float) -> None:
    billboard = make_billboard(azimuth_deg=0, elevation_deg=0, longer_side_deg=60, aspect=1)
    row = coverage(billboard, feather=feather)[HEIGHT // 2, : WIDTH // 2]
    assert row[-1] == 1
    assert (np.diff(row) >= 0).all()
    ramp = ((row > 0) & (row < 1)).sum()
    expected = feather * 60 / 360 * WIDTH
    assert ramp == pytest.approx(max(expected, 1), abs=0.25 * expected + 1.5)
