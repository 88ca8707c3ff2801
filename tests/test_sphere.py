import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seldsynth.sphere import (
    angle_between_deg,
    angles_to_doa,
    canvas_to_angles,
    doa_to_angles,
    doa_to_canvas,
    great_circle,
)

AZIMUTHS = st.floats(-720, 720, allow_nan=False)
ELEVATIONS = st.floats(-90, 90, allow_nan=False)
INSIDE = st.floats(-89, 89, allow_nan=False)
SIZES = st.integers(32, 4096).map(lambda half: 2 * half)


def tensor(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def doa(azimuth_deg: float, elevation_deg: float) -> torch.Tensor:
    return angles_to_doa(tensor(azimuth_deg), tensor(elevation_deg))


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "x", "y"),
    [
        (0, 0, 960, 480),
        (45, 0, 720, 480),
        (90, 0, 480, 480),
        (135, 0, 240, 480),
        (180, 0, 0, 480),
        (-180, 0, 0, 480),
        (-135, 0, 1680, 480),
        (-90, 0, 1440, 480),
        (-45, 0, 1200, 480),
        (540, 0, 0, 480),
        (360, 0, 960, 480),
        (-179.8125, 0, 1919, 480),
        (0, 90, 960, 0),
        (0, -90, 960, 960),
        (30, 45, 800, 240),
        (0, 120, 960, 0),
    ],
)
def test_canvas_positions(azimuth_deg: float, elevation_deg: float, x: float, y: float) -> None:
    place = doa_to_canvas(tensor(azimuth_deg), tensor(elevation_deg), width=1920, height=960)
    assert place.tolist() == pytest.approx([x, y])


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "vector"),
    [
        (0, 0, (1, 0, 0)),
        (90, 0, (0, 1, 0)),
        (180, 0, (-1, 0, 0)),
        (-90, 0, (0, -1, 0)),
        (0, 90, (0, 0, 1)),
        (123, -90, (0, 0, -1)),
        (45, 45, (0.5, 0.5, math.sqrt(0.5))),
    ],
)
def test_x_is_front_y_left_z_up(
    azimuth_deg: float, elevation_deg: float, vector: tuple[float, ...]
) -> None:
    assert doa(azimuth_deg, elevation_deg).tolist() == pytest.approx(vector, abs=1e-15)


@given(AZIMUTHS, ELEVATIONS, SIZES, SIZES)
def test_every_direction_is_on_the_canvas(
    azimuth_deg: float, elevation_deg: float, width: int, height: int
) -> None:
    x, y = doa_to_canvas(
        tensor(azimuth_deg), tensor(elevation_deg), width=width, height=height
    ).tolist()
    assert 0 <= x < width
    assert 0 <= y <= height


@given(st.floats(180, 180.001), SIZES)
def test_the_seam_never_falls_off_the_canvas(azimuth_deg: float, width: int) -> None:
    for azimuth in (azimuth_deg, math.nextafter(azimuth_deg, 200), -azimuth_deg):
        for kind in (torch.float32, torch.float64):
            place = doa_to_canvas(
                torch.tensor(azimuth, dtype=kind),
                torch.tensor(0, dtype=kind),
                width=width,
                height=2,
            )
            assert 0 <= place[0] < width


@given(AZIMUTHS, ELEVATIONS, SIZES, SIZES)
def test_canvas_and_angles_are_inverse(
    azimuth_deg: float, elevation_deg: float, width: int, height: int
) -> None:
    x, y = doa_to_canvas(
        tensor(azimuth_deg), tensor(elevation_deg), width=width, height=height
    ).unbind()
    back_azimuth, back_elevation = canvas_to_angles(x, y, width=width, height=height)
    assert -180 < back_azimuth <= 180
    back = angles_to_doa(back_azimuth, back_elevation)
    assert angle_between_deg(back, doa(azimuth_deg, elevation_deg)) < 1e-9


@given(AZIMUTHS, INSIDE)
def test_vectors_and_angles_are_inverse(azimuth_deg: float, elevation_deg: float) -> None:
    vector = doa(azimuth_deg, elevation_deg)
    assert vector.norm() == pytest.approx(1)
    back_azimuth, back_elevation = doa_to_angles(3 * vector)
    assert back_elevation == pytest.approx(elevation_deg, abs=1e-9)
    turn = math.remainder(float(back_azimuth) - azimuth_deg, 360)
    assert turn == pytest.approx(0, abs=1e-8)


@given(AZIMUTHS, ELEVATIONS, AZIMUTHS, ELEVATIONS, st.floats(0, 1))
def test_the_great_circle_is_the_straight_way(
    azimuth_a: float, elevation_a: float, azimuth_b: float, elevation_b: float, fraction: float
) -> None:
    a, b = doa(azimuth_a, elevation_a), doa(azimuth_b, elevation_b)
    angle = float(angle_between_deg(a, b))
    if angle > 179:
        return
    point = great_circle(a, b, tensor(fraction))
    assert point.norm() == pytest.approx(1, abs=1e-9)
    assert angle_between_deg(a, point) == pytest.approx(fraction * angle, abs=1e-6)
    assert angle_between_deg(point, b) == pytest.approx((1 - fraction) * angle, abs=1e-6)


def test_angles_between() -> None:
    assert angle_between_deg(doa(0, 0), doa(90, 0)) == pytest.approx(90)
    assert angle_between_deg(doa(179, 0), doa(-179, 0)) == pytest.approx(2)
    assert angle_between_deg(doa(0, 0), doa(180, 0)) == pytest.approx(180)
    assert angle_between_deg(doa(10, 20), doa(10, 20)) == 0
    assert angle_between_deg(doa(0, 1e-9), doa(0, 0)) == pytest.approx(1e-9, rel=1e-6)
