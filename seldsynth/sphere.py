"""Angles ↔ unit vectors ↔ canvas pixels. Every sign convention of the project lives here.

Azimuth 0 is the front and the canvas centre, +90 is left (counter-clockwise seen from above);
elevation +90 is up. A direction of arrival (DOA) is a unit vector with x front, y left, z up.
The canvas is equirectangular; pixel *edges* lie at integers, so the centre of pixel i is i + ½.
docs/conventions.md draws all of it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def angles_to_doa(azimuth_deg: Tensor, elevation_deg: Tensor) -> Tensor:
    """Unit vector of a direction.

    azimuth_deg [...]: any value, wraps. elevation_deg [...]: -90..90.
    Returns [..., 3]: x front, y left, z up.
    """
    azimuth, elevation = torch.deg2rad(azimuth_deg), torch.deg2rad(elevation_deg)
    horizontal = torch.cos(elevation)
    x, y = horizontal * torch.cos(azimuth), horizontal * torch.sin(azimuth)
    return torch.stack((x, y, torch.sin(elevation).expand_as(x)), dim=-1)


def doa_to_angles(doa: Tensor) -> tuple[Tensor, Tensor]:
    """Azimuth in -180..180 and elevation in -90..90, in degrees, of vectors of any length.

    doa [..., 3], not zero. Returns two tensors [...]. At the poles the azimuth is that of
    whatever horizontal part is left, 0 if there is none.
    """
    x, y, z = doa.unbind(-1)
    return (
        torch.rad2deg(torch.atan2(y, x)),
        torch.rad2deg(torch.atan2(z, torch.hypot(x, y))),
    )


def doa_to_canvas(azimuth_deg: Tensor, elevation_deg: Tensor, *, width: int, height: int) -> Tensor:
    """Canvas position of a direction of arrival.

    azimuth_deg [...]: 0 is the front and the canvas centre, +90 left; any value, wraps.
    elevation_deg [...]: +90 is up and the top edge; clamped to ±90.
    Returns [..., 2]: x, y in pixels, pixel edges at integers, 0 <= x < width, 0 <= y <= height.
    """
    x = torch.remainder(180 - azimuth_deg, 360) / 360 * width
    # In floats a remainder can be its very modulus, and a division can round up to it.
    x = torch.where(x >= width, torch.zeros_like(x), x)
    y = (90 - elevation_deg.clamp(-90, 90)) / 180 * height
    x, y = x + torch.zeros_like(y), y + torch.zeros_like(x)
    return torch.stack((x, y), dim=-1)


def canvas_to_angles(x: Tensor, y: Tensor, *, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Direction that a canvas position shows: the inverse of `doa_to_canvas`.

    x [...], y [...]: pixels, pixel edges at integers. Returns azimuth_deg [...], which is in
    (-180, 180] for 0 <= x < width and goes on past that without wrapping, and elevation_deg [...].
    """
    return 180 - x / width * 360, 90 - y / height * 180


def angle_between_deg(doa_a: Tensor, doa_b: Tensor) -> Tensor:
    """Angle between unit vectors, in degrees, exact for small and large angles alike.

    doa_a, doa_b [..., 3]. Returns [...], 0..180. Formula: W. Kahan, "How Futile are Mindless
    Assessments of Roundoff", §12: 2·atan2(|a − b|, |a + b|).
    """
    apart = torch.linalg.vector_norm(doa_a - doa_b, dim=-1)
    together = torch.linalg.vector_norm(doa_a + doa_b, dim=-1)
    return torch.rad2deg(2 * torch.atan2(apart, together))


def great_circle(doa_a: Tensor, doa_b: Tensor, fraction: Tensor) -> Tensor:
    """Point on the great circle from a (fraction 0) to b (fraction 1), at constant speed.

    doa_a, doa_b [..., 3] unit vectors, not opposite to each other; fraction [...].
    Returns [..., 3]. Formula: Shoemake, "Animating rotation with quaternion curves" (1985), slerp.
    """
    angle = torch.deg2rad(angle_between_deg(doa_a, doa_b))
    sine = torch.sin(angle)
    straight = sine < 1e-9
    safe = torch.where(straight, torch.ones_like(sine), sine)
    weight_a = torch.where(straight, 1 - fraction, torch.sin((1 - fraction) * angle) / safe)
    weight_b = torch.where(straight, fraction, torch.sin(fraction * angle) / safe)
    return weight_a.unsqueeze(-1) * doa_a + weight_b.unsqueeze(-1) * doa_b


def foa_gains(doa: Tensor) -> Tensor:
    """Gains [..., 4] of a plane wave from a unit vector [..., 3] in first-order ambisonics.

    ACN order W, Y, Z, X with SN3D: M. Chapman et al., "A standard for interchange of Ambisonic
    signal sets", 2009; J. Daniel's N3D and SN3D.
    """
    front, left, up = doa.unbind(-1)
    return torch.stack((torch.ones_like(front), left, up, front), dim=-1)
