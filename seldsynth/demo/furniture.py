"""The moods of the demo's room and its furniture, where rays meet it and what they see there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Colour = tuple[int, int, int]
Corner = tuple[float, float, float]

_CAMERA_HEIGHT_M = 1.5
EYE_M: Corner = (0.0, 0.0, _CAMERA_HEIGHT_M)


@dataclass(frozen=True)
class Mood:
    """Colours (red, green, blue) and lights of one time of day."""

    wall: Colour
    accent_wall: Colour
    wood: Colour
    rug: Colour
    sofa: Colour
    sky: tuple[Colour, Colour]
    hills: Colour
    ambient: tuple[float, float, float]
    window_light: tuple[float, float, float]
    lamp_light: tuple[float, float, float]
    sun: float


MOODS = (
    Mood(
        wall=(226, 221, 210),
        accent_wall=(176, 192, 188),
        wood=(176, 138, 100),
        rug=(206, 198, 186),
        sofa=(112, 132, 146),
        sky=((232, 240, 244), (150, 192, 226)),
        hills=(134, 158, 130),
        ambient=(0.80, 0.79, 0.78),
        window_light=(0.40, 0.40, 0.38),
        lamp_light=(0.16, 0.15, 0.13),
        sun=0.7,
    ),
    Mood(
        wall=(214, 200, 186),
        accent_wall=(158, 140, 150),
        wood=(136, 100, 74),
        rug=(176, 148, 136),
        sofa=(128, 104, 112),
        sky=((238, 168, 122), (66, 76, 124)),
        hills=(58, 58, 84),
        ambient=(0.50, 0.46, 0.46),
        window_light=(0.18, 0.15, 0.18),
        lamp_light=(0.8, 0.62, 0.42),
        sun=0.0,
    ),
)


@dataclass(frozen=True)
class Block:
    """A solid of a piece of furniture: a box, or the ball that fits in it."""

    lo: Corner
    hi: Corner
    colour: Colour
    pattern: str = ""
    ball: bool = False


Furniture = tuple[tuple[Block, ...], ...]


def furnish(mood: Mood) -> Furniture:
    """The room's furniture in the colours of a mood, a group of blocks for each piece."""
    wood, sofa = mood.wood, mood.sofa
    dark_wood = (round(wood[0] * 0.7), round(wood[1] * 0.66), round(wood[2] * 0.62))
    seat = (min(sofa[0] + 16, 255), min(sofa[1] + 16, 255), min(sofa[2] + 16, 255))
    leaf, pot, white = (104, 134, 96), (196, 170, 148), (236, 232, 224)
    legs = [(x, y) for x in (1.25, 1.74) for y in (-0.75, 0.44)]
    return (
        (
            Block((2.5, -1.35, 0.1), (3.36, 0.95, 0.4), sofa),
            Block((3.08, -1.35, 0.4), (3.36, 0.95, 0.86), sofa),
            Block((2.45, -1.6, 0.05), (3.36, -1.35, 0.64), sofa),
            Block((2.45, 0.95, 0.05), (3.36, 1.2, 0.64), sofa),
            Block((2.42, -1.33, 0.4), (3.08, -0.21, 0.53), seat),
            Block((2.42, -0.19, 0.4), (3.08, 0.93, 0.53), seat),
            Block((2.92, -1.28, 0.53), (3.08, -0.84, 0.92), (206, 168, 112)),
            Block((2.92, 0.46, 0.53), (3.08, 0.88, 0.9), white),
        ),
        (
            Block((1.2, -0.8, 0.38), (1.85, 0.55, 0.43), wood),
            *(Block((x, y, 0.0), (x + 0.06, y + 0.06, 0.38), dark_wood) for x, y in legs),
            Block((1.4, -0.55, 0.43), (1.62, -0.2, 0.46), (150, 110, 104)),
            Block((1.42, -0.5, 0.46), (1.6, -0.26, 0.485), (110, 136, 140)),
            Block((1.46, 0.14, 0.43), (1.62, 0.3, 0.6), white),
        ),
        (Block((-2.6, -0.95, 0.0), (-2.27, 1.15, 2.05), wood, "books"),),
        (
            Block((1.2, -2.2, 0.12), (2.75, -1.78, 0.74), white, "sideboard"),
            Block((1.18, -2.2, 0.74), (2.77, -1.76, 0.78), wood),
            *(Block((x, -2.1, 0.0), (x + 0.05, -1.85, 0.12), dark_wood) for x in (1.3, 2.6)),
            Block((1.4, -2.08, 0.78), (1.62, -1.9, 1.06), (120, 146, 150)),
        ),
        (
            Block((2.62, 2.02, 0.0), (3.02, 2.42, 0.42), pot),
            Block((2.79, 2.19, 0.42), (2.85, 2.25, 0.9), dark_wood),
            Block((2.47, 1.87, 0.72), (3.17, 2.57, 1.42), leaf, ball=True),
            Block((2.57, 1.72, 1.15), (3.07, 2.22, 1.65), leaf, ball=True),
            Block((2.72, 2.12, 1.3), (3.16, 2.56, 1.74), leaf, ball=True),
        ),
        (
            Block((-2.3, 2.2, 0.0), (-1.95, 2.55, 0.03), dark_wood),
            Block((-2.14, 2.36, 0.03), (-2.11, 2.39, 1.4), dark_wood),
            Block((-2.33, 2.17, 1.35), (-1.92, 2.58, 1.75), (255, 240, 208), "glowing"),
        ),
        (
            Block((0.89, 0.39, 2.3), (0.91, 0.41, 2.7), dark_wood),
            Block((0.72, 0.22, 1.97), (1.08, 0.58, 2.33), (255, 246, 226), "glowing", ball=True),
        ),
    )


def column(values: Sequence[float]) -> Array:
    """The values as a column, to be combined with arrays of [3, n]."""
    return np.array(values, np.float32)[:, None]


def fixed_random(a: Array, b: Array) -> Array:
    """A fixed number from 0 to 1 for every pair of whole numbers."""
    stirred = np.sin(a * 12.9898 + b * 4.1414) * 437.585
    return np.subtract(stirred, np.floor(stirred), dtype=np.float32)


def put(colours: Array, where: Mask, colour: Colour) -> None:
    """Give one colour to the points of a mask."""
    colours[:, where] = column(colour)


def entry_and_exit(inverse: Array, lo: Corner, hi: Corner) -> tuple[Array, Array, Array]:
    """Distances along the rays to where they enter and leave a box, and the entry by axis."""
    a = (column(lo) - column(EYE_M)) * inverse
    b = (column(hi) - column(EYE_M)) * inverse
    near = np.minimum(a, b)
    return near.max(axis=0), np.maximum(a, b).min(axis=0), near


def meet_block(
    block: Block, rays: Array, inverse: Array, nearest: Array
) -> tuple[npt.NDArray[np.intp], Array, Array]:
    """Rays that meet a block before `nearest`: their numbers, distances and normals."""
    near, far, near_by_axis = entry_and_exit(inverse, block.lo, block.hi)
    found = np.flatnonzero((near < far) & (near > 0) & (near < nearest))
    if not block.ball:
        axis = near_by_axis[:, found].argmax(axis=0)
        normals = np.zeros((3, found.size), np.float32)
        normals[axis, np.arange(found.size)] = -np.sign(rays[axis, found])
        return found, near[found], normals
    centre = (column(block.lo) + column(block.hi)) / 2 - column(EYE_M)
    radius = (block.hi[0] - block.lo[0]) / 2
    along = (rays[:, found] * centre).sum(axis=0)
    inside = along**2 - (centre**2).sum() + radius**2
    found, along = found[inside > 0], along[inside > 0]
    distance = along - np.sqrt(inside[inside > 0])
    closer = distance < nearest[found]
    found, distance = found[closer], distance[closer]
    return found, distance, (rays[:, found] * distance - centre) / radius


def bounds(group: tuple[Block, ...]) -> tuple[Corner, Corner]:
    """The lowest and the highest corner of a group's blocks."""
    x0, y0, z0 = np.min([block.lo for block in group], axis=0).tolist()
    x1, y1, z1 = np.max([block.hi for block in group], axis=0).tolist()
    return (x0, y0, z0), (x1, y1, z1)


def block_colours(block: Block, points: Array, normals: Array) -> Array:
    """Colours [3, n] of points on a block, before any light falls on them."""
    colours = np.empty_like(points)
    colours[:] = column(block.colour)
    y, z = points[1], points[2]
    if block.pattern == "books":
        shelf, book = np.floor((z - 0.05) / 0.395), np.floor(y / 0.048)
        above = z - 0.05 - shelf * 0.395
        height, pick = 0.2 + 0.12 * fixed_random(book, shelf), fixed_random(shelf * 7, book * 3)
        front = (normals[0] > 0.5) & (np.abs(y - 0.1) < 1.02) & (shelf >= 0) & (shelf < 5)
        front &= above < 0.365
        put(colours, front, (92, 74, 60))
        spines = ((150, 104, 92), (112, 132, 130), (196, 178, 146), (92, 104, 124), (170, 140, 96))
        for number, spine in enumerate(spines):
            chosen = (above < height) & (np.floor(pick * 5.6) == number)
            put(colours, front & chosen, spine)
        colours[:, front] *= 0.82 + 0.18 * np.sin(np.pi * (y / 0.048 - book))[front]
    elif block.pattern == "sideboard":
        x = points[0]
        door = (x - block.lo[0]) / (block.hi[0] - block.lo[0]) * 3
        gap = (np.abs(door - np.rint(door)) < 0.012) & (normals[1] > 0.5)
        put(colours, gap, (150, 142, 130))
        knob = np.hypot((door - np.floor(door) - 0.88) / 2, z - 0.5) < 0.018
        put(colours, knob & (normals[1] > 0.5), (130, 108, 84))
    return colours
