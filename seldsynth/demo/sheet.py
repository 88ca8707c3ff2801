"""The sheet that the demo's pictures are drawn on, and the shapes that they share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Corner = tuple[float, float]

INK = "#3b3140"
SOUND = "#ffc53d"
WHITE = "#ffffff"
_SHEET_HEIGHT = 360
_OVERSAMPLING = 2
_SUBPIXEL_BITS = 4
_RIM = 5.0
_SHRINK = 0.95


def _bgr(colour: str) -> tuple[int, int, int]:
    """Blue, green and red of "#rrggbb"."""
    return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)


def mixed(colour: str, other: str, share: float) -> str:
    """The colour that has moved by `share` from `colour` to `other`."""
    pairs = zip(_bgr(colour)[::-1], _bgr(other)[::-1], strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def wave(phase: float, *, cycles: int = 1, shift: float = 0.0) -> float:
    """A sine that runs `cycles` times over the loop."""
    return math.sin(2 * math.pi * (cycles * phase + shift))


def bump(phase: float, *, at: float, reach: float) -> float:
    """1 at phase `at`, falling smoothly to 0 at a distance of `reach`, around the loop."""
    distance = abs((phase - at + 0.5) % 1.0 - 0.5)
    return 0.5 + 0.5 * math.cos(math.pi * min(distance / reach, 1.0))


def oval(
    x: float,
    y: float,
    rx: float,
    ry: float | None = None,
    *,
    from_deg: float = 0.0,
    to_deg: float = 360.0,
) -> Points:
    """An ellipse or a piece of one; angles run clockwise from the right."""
    turn = np.radians(np.linspace(from_deg, to_deg, 61))
    return np.stack([x + rx * np.cos(turn), y + (rx if ry is None else ry) * np.sin(turn)], axis=1)


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Points:
    """A rectangle with rounded corners."""
    centres = ((x1, y1, 0), (x0, y1, 90), (x0, y0, 180), (x1, y0, 270))
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    return np.concatenate(
        [
            oval(
                x - math.copysign(radius, x - middle_x),
                y - math.copysign(radius, y - middle_y),
                radius,
                from_deg=start,
                to_deg=start + 90,
            )[::10]
            for x, y, start in centres
        ]
    )


def points(text: str) -> Points:
    """The points of "x,y x,y ..."."""
    return np.array([pair.split(",") for pair in text.split()], dtype=np.float64)


def smooth(corners: str | Points, *, closed: bool = True) -> Points:
    """A curve through all corners (Catmull-Rom); a corner given twice stays sharp."""
    p = points(corners) if isinstance(corners, str) else corners
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    t = np.linspace(0, 1, 12, endpoint=False)[None, :, None]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    along: Points = curve.reshape(-1, 2)
    return along if closed else np.concatenate([along, p[-2:-1]])


class Sheet:
    """A transparent sheet, 360 units high, that shapes are drawn on one over the other."""

    def __init__(self, width: float, height_px: int) -> None:
        """Begin an empty sheet, `width` units wide."""
        self._px_per_unit = _OVERSAMPLING * height_px / _SHEET_HEIGHT
        self._size_px = (2 * round(width * height_px / _SHEET_HEIGHT / 2), height_px)
        columns, rows = (_OVERSAMPLING * n for n in self._size_px)
        self._pixels: npt.NDArray[np.uint8] = np.zeros((rows, columns, 4), np.uint8)
        left, top = (1 - _SHRINK) / 2 * width, (1 - _SHRINK) / 2 * _SHEET_HEIGHT
        self._matrix = np.array([[_SHRINK, 0, left], [0, _SHRINK, top], [0, 0, 1]])

    @contextmanager
    def moved(
        self,
        dx: float = 0.0,
        dy: float = 0.0,
        *,
        turn_deg: float = 0.0,
        scale: float = 1.0,
        about: Corner = (0.0, 0.0),
        mirror: bool = False,
    ) -> Iterator[None]:
        """Draw turned (clockwise), scaled and mirrored about a point, then shifted."""
        outer = self._matrix
        cosine = scale * math.cos(math.radians(turn_deg))
        sine = scale * math.sin(math.radians(turn_deg))
        side = -1.0 if mirror else 1.0
        x, y = about
        linear = np.array([[cosine * side, -sine, 0], [sine * side, cosine, 0], [0, 0, 1.0]])
        to_origin = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
        back = np.array([[1, 0, x + dx], [0, 1, y + dy], [0, 0, 1.0]])
        self._matrix = outer @ back @ linear @ to_origin
        try:
            yield
        finally:
            self._matrix = outer

    def _fixed_point(self, points: Points) -> npt.NDArray[np.int32]:
        on_sheet = points @ self._matrix[:2, :2].T + self._matrix[:2, 2]
        scaled = (on_sheet * self._px_per_unit - 0.5) * (1 << _SUBPIXEL_BITS)
        fixed: npt.NDArray[np.int32] = np.rint(scaled).astype(np.int32)[:, None, :]
        return fixed

    def _mask(self, points: Points) -> npt.NDArray[np.uint8]:
        mask = np.zeros(self._pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._fixed_point(points)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask

    def _blend(self, mask: npt.NDArray[np.uint8], colour: str, opacity: float) -> None:
        x, y, columns, rows = cv2.boundingRect(mask)
        if not columns:
            return
        part = self._pixels[y : y + rows, x : x + columns]
        share = mask[y : y + rows, x : x + columns].astype(np.float32) * np.float32(opacity / 255)
        paint = np.empty_like(part)
        paint[:] = (*_bgr(colour), 255)
        part[:] = cv2.blendLinear(paint, part, share, 1 - share)

    def fill(
        self, points: Points, colour: str, *, within: Points | None = None, opacity: float = 1.0
    ) -> None:
        """Fill a closed shape, or the part of it that lies within another one."""
        if within is None and opacity == 1.0:
            fixed = self._fixed_point(points)
            cv2.fillPoly(self._pixels, [fixed], (*_bgr(colour), 255), cv2.LINE_AA, _SUBPIXEL_BITS)
            return
        mask = self._mask(points)
        if within is not None:
            mask = np.minimum(mask, self._mask(within))
        self._blend(mask, colour, opacity)

    def line(
        self, points: Points, colour: str = INK, width: float = 5.0, *, closed: bool = False
    ) -> None:
        """Draw a line with round ends."""
        scale = math.sqrt(abs(float(np.linalg.det(self._matrix[:2, :2])))) * self._px_per_unit
        cv2.polylines(
            self._pixels,
            [self._fixed_point(points)],
            closed,
            (*_bgr(colour), 255),
            max(1, round(width * scale)),
            cv2.LINE_AA,
            _SUBPIXEL_BITS,
        )

    def shape(
        self, points: Points, colour: str, *, shade: float = 8.0, line_width: float = 5.0
    ) -> None:
        """Fill a closed shape, darken a crescent at its lower right, and outline it."""
        self.fill(points, colour)
        if shade:
            crescent = cv2.subtract(self._mask(points), self._mask(points - (shade, 0.7 * shade)))
            self._blend(crescent.astype(np.uint8), mixed(colour, "#4a2f5e", 0.6), 0.35)
        self.line(points, INK, line_width, closed=True)

    def tube(self, points: Points, colour: str, width: float, *, line_width: float = 5.0) -> None:
        """Draw a thick line with round ends and an outline."""
        self.line(points, INK, width + line_width)
        self.line(points, colour, width - line_width)

    def marks(
        self, strokes: Sequence[Points], strength: float = 1.0, *, width: float = 8.0
    ) -> None:
        """Draw the yellow strokes that stand for sound, the thinner the weaker."""
        if strength < 0.12:
            return
        for stroke in strokes:
            self.line(stroke, INK, width * strength + 6)
        for stroke in strokes:
            self.line(stroke, SOUND, width * strength)

    def picture(self) -> npt.NDArray[np.uint8]:
        """The finished picture with a white rim: [height, width, 4] BGRA, straight alpha."""
        small = cv2.resize(self._pixels, self._size_px, interpolation=cv2.INTER_AREA)
        reach = max(1, round(_RIM * self._px_per_unit / _OVERSAMPLING))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        rim = cv2.dilate(small[:, :, 3], kernel).astype(np.float32)
        covered = small.astype(np.float32)
        covered[:, :, :3] += np.maximum(rim - covered[:, :, 3], 0)[:, :, None]
        covered[:, :, 3] = np.maximum(rim, covered[:, :, 3])
        covered[:, :, :3] *= 255 / np.maximum(covered[:, :, 3:], 1)
        return np.clip(np.rint(covered), 0, 255).astype(np.uint8)


def rays(x: float, y: float, angles_deg: Sequence[float], near: float, far: float) -> list[Points]:
    """Short straight strokes that point away from (x, y); angles run clockwise from the right."""
    strokes = []
    for angle in np.radians(angles_deg):
        away = np.array([math.cos(angle), math.sin(angle)])
        strokes.append(np.array([x, y]) + np.array([[near], [far]]) * away)
    return strokes


def arcs(
    x: float, y: float, radii: Sequence[float], middle_deg: float, half_deg: float
) -> list[Points]:
    """Concentric arcs around (x, y) that reach `half_deg` to both sides of `middle_deg`."""
    return [
        oval(x, y, radius, from_deg=middle_deg - half_deg, to_deg=middle_deg + half_deg)
        for radius in radii
    ]


def drop(x: float, y: float, size: float) -> Points:
    """A drop of water, its point upwards."""
    outline = smooth("0,-1.7 0.8,-0.2 0.6,0.7 0,1 -0.6,0.7 -0.8,-0.2")
    return outline * size + (x, y)


def seen_at_angle(flat: Points, edges: tuple[Corner, Corner, Corner, Corner]) -> Points:
    """Points of the unit square on the quadrilateral (top left, top right, bottom right, left)."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, np.array(edges, np.float32))
    seen: Points = cv2.perspectiveTransform(flat[None].astype(np.float64), matrix)[0]
    return seen
