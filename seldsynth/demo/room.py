"""A furnished living room as an equirectangular picture, by casting a ray through every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seldsynth.demo.furniture import (
    EYE_M,
    MOODS,
    Array,
    Corner,
    Furniture,
    Mask,
    Mood,
    block_colours,
    bounds,
    column,
    entry_and_exit,
    fixed_random,
    furnish,
    meet_block,
    put,
)

_ROOM_LO_M: Corner = (-2.6, -2.2, 0.0)
_ROOM_HI_M: Corner = (3.4, 2.8, 2.7)
_LAMP_M: Corner = (0.9, 0.4, 2.15)
_FLOOR_LAMP_M: Corner = (-2.12, 2.38, 1.55)
_WINDOW_M = (-0.3, 1.9, 0.85, 2.25)
_SAMPLES = 2
_ROWS_PER_BAND = 32


@dataclass
class _Hits:
    """What the rays meet: points and normals [3, n], the block's number or -1 for the room."""

    points: Array
    normals: Array
    block: npt.NDArray[np.int16]


def _directions(width: int, height: int, first_row: int, last_row: int) -> Array:
    columns = (np.arange(width * _SAMPLES) + 0.5) / _SAMPLES
    rows = (np.arange(first_row * _SAMPLES, last_row * _SAMPLES) + 0.5) / _SAMPLES
    azimuth_rad = np.pi - columns / width * 2 * np.pi
    elevation_rad = (np.pi / 2 - rows / height * np.pi)[:, None]
    level = np.cos(elevation_rad)
    x, y = level * np.cos(azimuth_rad), level * np.sin(azimuth_rad)
    z = np.broadcast_to(np.sin(elevation_rad), x.shape)
    return np.stack([x, y, z]).reshape(3, -1).astype(np.float32)


def _cast(rays: Array, furniture: Furniture) -> _Hits:
    inverse: Array = np.reciprocal(np.where(np.abs(rays) < 1e-7, np.float32(1e-7), rays))
    bound = np.where(rays > 0, column(_ROOM_HI_M), column(_ROOM_LO_M))
    distances = (bound - column(EYE_M)) * inverse
    axis = distances.argmin(axis=0)
    everyone = np.arange(rays.shape[1])
    distance: Array = distances[axis, everyone]
    normals = np.zeros_like(rays)
    normals[axis, everyone] = -np.sign(rays[axis, everyone])
    number = np.full(rays.shape[1], -1, np.int16)
    first = 0
    for group in furniture:
        near, far, _ = entry_and_exit(inverse, *bounds(group))
        near_group = np.flatnonzero((near < far) & (far > 0) & (near < distance))
        some_rays, some_inverse = rays[:, near_group], inverse[:, near_group]
        for offset, block in enumerate(group if near_group.size else ()):
            found, met, normal = meet_block(block, some_rays, some_inverse, distance[near_group])
            distance[near_group[found]] = met
            normals[:, near_group[found]] = normal
            number[near_group[found]] = first + offset
        first += len(group)
    return _Hits(column(EYE_M) + rays * distance, normals, number)


def _within(u: Array, v: Array, u0: float, u1: float, v0: float, v1: float) -> Mask:
    return (u > u0) & (u < u1) & (v > v0) & (v < v1)


def _floor(x: Array, y: Array, mood: Mood) -> Array:
    plank = np.floor(y / 0.16)
    along = x / 1.3 + fixed_random(plank, plank)
    board = np.floor(along)
    tone = 0.88 + 0.16 * fixed_random(plank, board)
    tone += 0.025 * np.sin(90 * y + 14 * np.sin(1.7 * x + 40 * tone) + 9 * tone)
    edge_m = np.minimum(
        0.08 - np.abs(y - (plank + 0.5) * 0.16), 0.65 - 1.3 * np.abs(along - board - 0.5)
    )
    tone *= 0.72 + 0.28 * np.clip(edge_m / 0.008, 0, 1)
    colours = column(mood.wood) * tone
    rug_edge_m = np.minimum(1.25 - np.abs(x - 1.65), 1.5 - np.abs(y + 0.15))
    rug = rug_edge_m > 0
    weave = 1 + 0.03 * np.sin(110 * x) * np.sin(110 * y)
    colours[:, rug] = column(mood.rug) * weave[rug]
    band = ((rug_edge_m > 0.1) & (rug_edge_m < 0.16)) | ((rug_edge_m > 0.2) & (rug_edge_m < 0.22))
    put(colours, band, mood.sofa)
    return colours


def _picture(
    colours: Array, u: Array, v: Array, frame: tuple[float, float, float, float], style: int
) -> None:
    u0, u1, v0, v1 = frame
    put(colours, _within(u, v, u0, u1, v0, v1), (96, 78, 64))
    put(colours, _within(u, v, u0 + 0.03, u1 - 0.03, v0 + 0.03, v1 - 0.03), (240, 236, 228))
    art = _within(u, v, u0 + 0.1, u1 - 0.1, v0 + 0.1, v1 - 0.1)
    across, up = (u - u0) / (u1 - u0), (v - v0) / (v1 - v0)
    put(colours, art, ((222, 208, 186), (190, 206, 210))[style])
    sun = np.hypot(u - u0 - 0.6 * (u1 - u0), v - v0 - 0.62 * (v1 - v0)) < 0.1
    put(colours, art & sun, ((206, 122, 92), (240, 226, 186))[style])
    hill = 0.42 + 0.09 * np.sin(7 * across + 2 * style)
    put(colours, art & (up < hill), ((124, 146, 140), (120, 148, 162))[style])
    near_hill = hill - 0.12 - 0.08 * np.sin(5 * across + 1)
    put(colours, art & (up < near_hill), ((86, 108, 112), (86, 110, 130))[style])


def _wall(u: Array, v: Array, side: int, mood: Mood) -> Array:
    """Colours of a wall: 0 back, 1 front, 2 right, 3 left; `u` along it, `v` above the floor."""
    colours = np.empty((3, u.size), np.float32)
    colours[:] = column(mood.accent_wall if side == 1 else mood.wall)
    colours *= 1 + 0.012 * np.sin(5 * u + 3 * np.sin(4 * v)) * np.sin(6 * v + 2 * np.sin(3 * u))
    if side == 0:
        _picture(colours, u, v, (-1.85, -1.3, 1.2, 1.9), 0)
    elif side == 1:
        _picture(colours, u, v, (-1.05, -0.05, 1.2, 1.95), 1)
        _picture(colours, u, v, (0.15, 0.7, 1.2, 1.95), 0)
    elif side == 2:
        _picture(colours, u, v, (1.55, 2.45, 1.3, 1.95), 0)
    put(colours, v < 0.1, (238, 235, 228))
    put(colours, (v > 0.1) & (v < 0.112), (176, 170, 160))
    put(colours, v > 2.63, (238, 235, 228))
    if side == 2:
        _door(colours, u, v)
    elif side == 3:
        _window_frame(colours, u, v, mood)
    return colours


def _door(colours: Array, u: Array, v: Array) -> None:
    put(colours, _within(u, v, -1.3, -0.2, -1, 2.14), (236, 232, 224))
    put(colours, _within(u, v, -1.22, -0.28, -1, 2.06), (120, 104, 92))
    put(colours, _within(u, v, -1.21, -0.29, 0.01, 2.05), (214, 206, 192))
    for v0, v1 in ((0.2, 0.88), (1.08, 1.9)):
        for u0, u1 in ((-1.08, -0.8), (-0.7, -0.42)):
            put(colours, _within(u, v, u0, u1, v0, v1), (182, 172, 158))
            raised = _within(u, v, u0 + 0.02, u1 - 0.008, v0 + 0.008, v1 - 0.02)
            put(colours, raised, (222, 215, 203))
    put(colours, _within(u, v, -1.18, -1.06, 0.99, 1.02), (140, 124, 98))


def _window_frame(colours: Array, u: Array, v: Array, mood: Mood) -> None:
    u0, u1, v0, v1 = _WINDOW_M
    put(colours, _within(u, v, u0 - 0.09, u1 + 0.09, v0 - 0.09, v1 + 0.09), (240, 238, 234))
    put(colours, _within(u, v, u0 - 0.16, u1 + 0.16, v0 - 0.13, v0 - 0.07), (228, 224, 216))
    folds = 0.93 + 0.07 * np.sin(48 * u + 2 * np.sin(3 * v))
    for start in (u0 - 0.52, u1 + 0.04):
        cloth = _within(u, v, start, start + 0.48, 0.06, 2.46)
        colours[:, cloth] = column(mood.rug) * folds[cloth]
    put(colours, _within(u, v, u0 - 0.62, u1 + 0.62, 2.45, 2.48), (110, 96, 84))


def _sky(rays: Array, mood: Mood) -> Array:
    """What is outside, by direction only, as if it were far away."""
    azimuth = np.arctan2(rays[0], rays[1])
    height = rays[2]
    low, high = (column(colour) for colour in mood.sky)
    colours: Array = low + (high - low) * np.clip(2.2 * height, 0, 1)
    clouds = ((-0.05, 0.22, 0.1), (0.07, 0.25, 0.12), (0.5, 0.14, 0.08), (0.6, 0.15, 0.1))
    for at, up, size in clouds:
        share = np.clip(1.2 - np.hypot((azimuth - at) / 1.5, (height - up) * 2) / size, 0, 0.6)
        colours += (0.5 * (low + 255) - colours) * share
    ridge = 0.05 + 0.03 * np.sin(6 * azimuth + 1) + 0.01 * np.sin(23 * azimuth)
    put(colours, height < ridge, mood.hills)
    near = (round(mood.hills[0] * 0.8), round(mood.hills[1] * 0.85), round(mood.hills[2] * 0.75))
    put(colours, height < -0.06 + 0.03 * np.sin(9 * azimuth) + 0.008 * np.sin(50 * azimuth), near)
    return colours


def _open_share(hits: _Hits, furniture: Furniture) -> Array:
    """How open the surroundings of the points are, 0 to 1: less in corners and by furniture."""
    share = np.ones(hits.block.size, np.float32)
    for value, normal, lo, hi in zip(
        hits.points, hits.normals, _ROOM_LO_M, _ROOM_HI_M, strict=True
    ):
        depth = np.where(np.abs(normal) > 0.5, np.float32(0), np.float32(0.3))
        share *= 1 - depth / (1 + 10 * (value - lo) ** 2)
        share *= 1 - depth / (1 + 10 * (value - hi) ** 2)
    on_floor = hits.normals[2] > 0.5
    depth = np.where(hits.block < 0, np.where(on_floor, 0.5, 0.16), 0).astype(np.float32)
    for group in furniture[:-1]:
        square = np.zeros_like(share)
        for value, lo, hi in zip(hits.points, *bounds(group), strict=True):
            square += (value - np.clip(value, lo, hi)) ** 2
        share *= 1 - depth / (1 + 25 * square)
    return share


def _sunlight(points: Array, normals: Array) -> Array:
    """The share of sunlight, 0 to 1, that comes in by the window and falls on the points."""
    u0, u1, v0, v1 = _WINDOW_M
    toward = column((0.12, 0.76, 0.62))
    way = (_ROOM_HI_M[1] - points[1]) / toward[1]
    u, v = points[0] + toward[0] * way, points[2] + toward[2] * way
    edge_m = np.minimum(np.minimum(u - u0, u1 - u), np.minimum(v - v0, v1 - v))
    edge_m = np.minimum(edge_m, np.abs(u - (u0 + u1) / 2) - 0.03)
    facing = (normals * toward).sum(axis=0)
    share: Array = np.clip(facing, 0, 1) * np.clip(edge_m / 0.05, 0, 1)
    return share


def _light(hits: _Hits, furniture: Furniture, mood: Mood) -> Array:
    """Red, green and blue light [3, n] that the points receive."""
    points, normals = hits.points, hits.normals
    share = _open_share(hits, furniture)
    light = column(mood.ambient) * share
    u0, u1, v0, v1 = _WINDOW_M
    window = ((u0 + u1) / 2, _ROOM_HI_M[1], (v0 + v1) / 2)
    sources = (
        (window, mood.window_light, 7.0),
        (_LAMP_M, mood.lamp_light, 5.0),
        (_FLOOR_LAMP_M, mood.lamp_light, 0.5),
    )
    for place, colour, spread in sources:
        toward = column(place) - points
        square = (toward**2).sum(axis=0)
        facing = (toward * normals).sum(axis=0) / np.sqrt(square + 0.05)
        received = np.clip(0.25 + 0.75 * facing, 0, 1) / (0.7 + square / spread)
        light += column(colour) * (received * share)
    if mood.sun:
        light += mood.sun * _sunlight(points, normals)
    bounded: Array = 1.25 - 1.25 * np.exp(-1.35 * light)
    return bounded


def _shade(rays: Array, furniture: Furniture, mood: Mood) -> Array:
    """Colours [3, n] that are seen along the rays."""
    hits = _cast(rays, furniture)
    colours = np.empty_like(rays)
    from_room = hits.block < 0
    for axis in range(3):
        for side, sign in enumerate((1, -1)):
            here = np.flatnonzero(from_room & (hits.normals[axis] == sign))
            x, y, z = hits.points[:, here]
            if axis == 2:
                ceiling = column((232, 229, 223))
                colours[:, here] = ceiling if side else _floor(x, y, mood)
            else:
                colours[:, here] = _wall((y, x)[axis], z, 2 * axis + side, mood)
    blocks = [block for group in furniture for block in group]
    present = np.unique(hits.block[~from_room])
    for number in present:
        here = np.flatnonzero(hits.block == number)
        points, normals = hits.points[:, here], hits.normals[:, here]
        colours[:, here] = block_colours(blocks[number], points, normals)
    colours *= _light(hits, furniture, mood)
    for number in present:
        if blocks[number].pattern == "glowing":
            put(colours, hits.block == number, blocks[number].colour)
    x, _, z = hits.points
    u0, u1, v0, v1 = _WINDOW_M
    pane = from_room & (hits.normals[1] == -1) & _within(x, z, u0, u1, v0, v1)
    pane &= (np.abs(x - (u0 + u1) / 2) > 0.03) & (np.abs(z - v0 - 1.0) > 0.018)
    colours[:, pane] = _sky(rays[:, pane], mood)
    return colours


def draw_room(width: int, height: int, *, variant: int = 0) -> npt.NDArray[np.uint8]:
    """Draw a 360° x 180° picture of a furnished room.

    Args:
        width: columns; the canvas centre looks at azimuth 0, its left half at the left.
        height: rows, from elevation 90° down to -90°.
        variant: 0 is daylight, 1 is evening.

    Returns:
        [height, width, 3] uint8, BGR.

    Raises:
        ValueError: for an unknown variant or a size below 2.
    """
    if variant not in (0, 1):
        raise ValueError(f"variant is {variant}, expected 0 or 1")
    if width < 2 or height < 2:
        raise ValueError(f"the size is {width} x {height}, expected at least 2 x 2")
    mood = MOODS[variant]
    furniture = furnish(mood)
    picture = np.empty((height, width, 3), np.uint8)
    for first_row in range(0, height, _ROWS_PER_BAND):
        last_row = min(first_row + _ROWS_PER_BAND, height)
        colours = _shade(_directions(width, height, first_row, last_row), furniture, mood)
        fine = colours.reshape(3, last_row - first_row, _SAMPLES, width, _SAMPLES)
        mean = np.clip(fine, 0, 255).mean(axis=(2, 4))
        picture[first_row:last_row] = np.rint(mean[::-1].transpose(1, 2, 0)).astype(np.uint8)
    return picture
