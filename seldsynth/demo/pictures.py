"""The demo's pictures, one animated drawing per sound class: people and hands, and the rest."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from seldsynth.demo.sheet import (
    INK,
    WHITE,
    Points,
    Sheet,
    arcs,
    box,
    bump,
    drop,
    mixed,
    oval,
    points,
    rays,
    seen_at_angle,
    smooth,
    wave,
)
from seldsynth.demo.things import THINGS, Drawing

_MOUTH = "#7a2436"
_TONGUE = "#e8717c"


def _bust(sheet: Sheet, x: float, half: float, cloth: str, skin: str) -> None:
    neck = mixed(skin, INK, 0.13)
    with sheet.moved(x):
        right = points(f"{0.28 * half},258 {0.82 * half},286 {0.95 * half},310 {half},348")
        shoulders = np.concatenate([right[::-1] * (-1, 1), right])
        sheet.shape(smooth(shoulders, closed=False), cloth)
        sheet.shape(smooth("-32,212 32,212 38,262 0,294 -38,262"), neck, shade=0)


def _eyes(sheet: Sheet, x: float, y: float, apart: float, brow: str, brow_width: float) -> None:
    for side in (-0.5, 0.5):
        with sheet.moved(x + side * apart, y):
            sheet.fill(oval(0, 0, 8.5, 11), INK)
            sheet.fill(oval(3, -4, 3.5), WHITE)
            sheet.line(oval(0, -6, 18, 22, from_deg=220, to_deg=320), brow, brow_width)


def _speaking_mouth(sheet: Sheet, x: float, y: float, opening: float, lips: str) -> None:
    half = 25 - 5 * opening
    inside = oval(x, y, half, 5 + 17 * opening)
    inside[:, 1] -= 7 * ((inside[:, 0] - x) / half) ** 2 - 2
    sheet.line(inside, lips, 11, closed=True)
    sheet.fill(inside, _MOUTH)
    sheet.fill(oval(x, y + 22 * opening + 4, half - 4, 12), _TONGUE, within=inside)
    sheet.fill(box(x - half, y - 30, x + half, y - 10 * opening, 3), WHITE, within=inside)
    sheet.line(inside, INK, 3, closed=True)


def _speech_opening(phase: float) -> float:
    return 0.5 + 0.35 * wave(phase, cycles=3) + 0.15 * wave(phase, cycles=5)


def _speech_waves(sheet: Sheet, phase: float, x: float, y: float, near: float) -> None:
    for number in range(3):
        way = (2 * phase + number / 3) % 1
        strength = min(1.0, 5 * way, 4 * (1 - way))
        sheet.marks(arcs(x, y, (near + 62 * way,), 0, 17 + 8 * way), strength, width=10)


def _woman_speaking(sheet: Sheet, phase: float, variant: int) -> None:
    skin, hair, cloth = ("#f6c9a4 #7c3f22 #d9577a", "#a86f4a #2f2430 #f0a93c")[variant].split()
    opening = _speech_opening(phase)
    back = "160,20 232,48 252,130 262,220 266,290 222,312 98,312 54,290 58,220 68,130 88,48"
    sheet.shape(smooth(back), hair)
    _bust(sheet, 160, 132, cloth, skin)
    with sheet.moved(0, -2 * opening, turn_deg=2 * wave(phase), about=(160, 240)):
        face = "160,44 216,66 226,130 212,196 160,236 108,196 94,130 104,66"
        sheet.shape(smooth(face), skin, shade=6)
        left = "176,64 110,96 92,150 96,220 112,300 80,306 66,220 76,120 100,46 160,28"
        right = "160,28 218,46 244,120 254,220 240,306 208,300 224,220 228,150 214,96 176,64"
        sheet.shape(smooth(left), hair, shade=5)
        sheet.shape(smooth(right), hair, shade=5)
        for side in (-1.0, 1.0):
            sheet.fill(oval(164 + 40 * side, 168, 13, 9), "#ee8482", opacity=0.5)
            sheet.shape(oval(160 + 72 * side, 196, 7, 9), "#ffd34d", shade=0, line_width=3)
            lash = points(f"{166 + 32 * side},126 {166 + 42 * side},121")
            sheet.line(lash, INK, 5)
        _eyes(sheet, 166, 130, 54, mixed(hair, INK, 0.3), 5)
        nose = smooth("170,146 177,160 167,164", closed=False)
        sheet.line(nose, mixed(skin, INK, 0.5), 4)
        _speaking_mouth(sheet, 166, 196, opening, "#d8394f")
    _speech_waves(sheet, phase, 166, 196, 112)


def _man_speaking(sheet: Sheet, phase: float, variant: int) -> None:
    skin, hair, cloth = ("#eab88d #4a3024 #3f7fb5", "#8d5a3c #28222b #5a9a6a")[variant].split()
    opening = _speech_opening(phase)
    _bust(sheet, 160, 146, cloth, skin)
    for side in (-1.0, 1.0):
        collar = (points("0,300 52,252 66,284 34,322") * (side, 1)) + (160, 0)
        sheet.shape(collar, mixed(cloth, WHITE, 0.75), shade=0, line_width=4)
    with sheet.moved(0, -2 * opening, turn_deg=2 * wave(phase), about=(160, 240)):
        for side in (-1.0, 1.0):
            sheet.shape(oval(160 + 72 * side, 136, 14, 20), skin, shade=4)
        head = "160,34 218,56 232,120 222,196 196,236 160,246 124,236 98,196 88,120 102,56"
        sheet.shape(smooth(head), skin, shade=6)
        beard = (
            f"160,{250 + 4 * opening} 200,238 226,196 232,128 220,140 206,172 166,166 126,172 "
            "100,140 88,128 94,196 120,238"
        )
        sheet.shape(smooth(beard), hair, shade=6)
        short = (
            "92,118 92,118 84,70 112,30 170,16 222,36 236,76 228,118 228,118 214,82 170,66 120,76"
        )
        sheet.shape(smooth(short), hair, shade=5)
        _eyes(sheet, 166, 122, 56, hair, 9)
        nose = smooth("168,132 182,154 164,158", closed=False)
        sheet.line(nose, mixed(skin, INK, 0.5), 5)
        _speaking_mouth(sheet, 166, 200, opening, mixed(skin, "#c0504d", 0.5))
    _speech_waves(sheet, phase, 166, 200, 92)


def _wide_laugh(sheet: Sheet, depth: float) -> None:
    mouth = smooth(
        f"114,166 114,166 170,174 226,166 226,166 214,{166 + 0.7 * depth} 170,{170 + depth} "
        f"126,{166 + 0.7 * depth}"
    )
    sheet.fill(mouth, _MOUTH)
    sheet.fill(oval(170, 176 + depth, 40, 26), _TONGUE, within=mouth)
    sheet.fill(box(100, 150, 240, 186, 8), WHITE, within=mouth)
    sheet.line(mouth, INK, 6, closed=True)


def _laughing(sheet: Sheet, phase: float, variant: int) -> None:
    skin, hair, cloth = ("#fbd0a8 #d9702e #58a783", "#b57d54 #3a2b2a #e0654f")[variant].split()
    shake = wave(phase, cycles=4)
    with sheet.moved(0, 3 * shake):
        _bust(sheet, 170, 138, cloth, skin)
    with sheet.moved(0, -7 - 7 * shake, turn_deg=6 * wave(phase), about=(170, 260)):
        for angle in np.radians(np.arange(150, 400, 27)):
            curl = oval(170 + 76 * math.cos(angle), 112 + 66 * math.sin(angle), 27)
            sheet.shape(curl, hair, shade=5)
        face = "170,54 232,76 250,146 232,220 170,256 108,220 90,146 108,76"
        sheet.shape(smooth(face), skin, shade=6)
        for middle in ((112, 76), (146, 62), (184, 60), (222, 74)):
            sheet.fill(oval(*middle, 24), hair)
        for side in (-1.0, 1.0):
            with sheet.moved(170 + 36 * side):
                sheet.line(smooth("-19,136 0,116 19,136", closed=False), INK, 8)
            sheet.fill(oval(170 + 60 * side, 162, 17, 11), "#f0736f", opacity=0.55)
        _wide_laugh(sheet, 60 + 10 * shake)
        for side in (-1.0, 1.0):
            fly = (2 * phase + 0.25 * side) % 1
            x, y = 170 + side * (72 + 40 * fly), 140 + 60 * fly * fly - 18 * fly
            sheet.shape(drop(x, y, 9), "#6fc3ec", shade=0, line_width=4)
        for middle_deg in (-156, -24):
            sheet.marks(arcs(170, 150, (126, 148), middle_deg, 13), 0.6 + 0.4 * shake)


def _clapping(sheet: Sheet, phase: float, variant: int) -> None:
    skin, sleeve = ("#f6c9a4 #e0654f", "#8d5a3c #4f9fb0")[variant].split()
    contact = bump(phase, at=0.25, reach=0.25) + bump(phase, at=0.75, reach=0.25)
    palm = smooth("100,176 168,176 174,216 160,262 132,286 102,270 94,230")
    for mirror in (False, True):
        with (
            sheet.moved(0, -18 if mirror else -28, scale=0.94, mirror=mirror, about=(180, 190)),
            sheet.moved(24 * contact, turn_deg=-19 * (1 - contact), about=(150, 350)),
        ):
            sheet.tube(points("104,322 124,262"), skin, 58)
            sheet.shape(smooth("66,300 138,322 134,352 62,352"), sleeve)
            sheet.shape(palm, skin, shade=0)
            for x, top in ((110, 118), (127, 94), (144, 88), (160, 102)):
                sheet.tube(points(f"{x},{top} {x - 5},212"), skin, 28)
            sheet.fill((palm - (134, 228)) * (0.86, 0.9) + (134, 234), skin)
            sheet.tube(smooth("122,262 152,238 170,196", closed=False), skin, 30)
    sheet.marks(rays(182, 140, (-135, -112, -90, -68, -45), 90, 120), contact**3)


def _leg(sheet: Sheet, step: float, hip: Points, trousers: str, shoe: str) -> None:
    """One leg; it stands for `step` 0 to 0.6, from heel to toe, and swings forward after that."""
    stance, swing = min(step / 0.6, 1.0), max(0.0, (step - 0.6) / 0.4)
    along = -0.5 * math.cos(math.pi * swing) if swing else 0.5 - stance
    pitch_deg = -20 * bump(step, at=0.0, reach=0.12) + 42 * bump(step, at=0.68, reach=0.2)
    tip = math.sin(math.radians(pitch_deg))
    lift = 30 * math.sin(math.pi * swing) + max(46 * tip, -20 * tip)
    ankle = np.array([124 + 100 * along, 320 - lift])
    reach = ankle - hip
    distance = min(float(np.hypot(*reach)), 143.9)
    bend = math.sqrt(72**2 - (distance / 2) ** 2) / distance
    knee = hip + reach / 2 + bend * np.array([reach[1], -reach[0]])
    sheet.tube(np.stack([hip, knee, ankle]), trousers, 38)
    with sheet.moved(*ankle, turn_deg=pitch_deg):
        sheet.shape(smooth("-20,24 -22,-8 14,-10 36,8 48,24", closed=False), shoe, shade=0)
        sheet.line(points("-18,21 44,21"), WHITE, 5)


def _arm(sheet: Sheet, swing_deg: float, sleeve: str, skin: str) -> None:
    with sheet.moved(turn_deg=swing_deg, about=(122, 110)):
        sheet.shape(oval(136, 204, 13), skin, shade=0)
        sheet.tube(smooth("122,110 118,152 132,188", closed=False), sleeve, 30)


def _walking(sheet: Sheet, phase: float, variant: int) -> None:
    skin, hair, coat, trousers, shoe = (
        ("#f2bd94", "#5a3526", "#3f8f8a", "#4a5578", "#e2504a"),
        ("#8d5a3c", "#28222b", "#e0a03c", "#6b4a5e", "#3f7fb5"),
    )[variant]
    bob = 3 * math.cos(4 * math.pi * (phase - 0.05))
    hip = np.array([124.0, 185 + bob])
    arm_deg = 34 * wave(phase, shift=0.25)
    sleeve = mixed(coat, WHITE, 0.2)
    with sheet.moved(0, bob):
        _arm(sheet, -arm_deg, mixed(sleeve, INK, 0.3), mixed(skin, INK, 0.3))
    _leg(sheet, (phase + 0.5) % 1, hip, mixed(trousers, INK, 0.3), mixed(shoe, INK, 0.3))
    _leg(sheet, phase, hip, trousers, shoe)
    with sheet.moved(0, bob, turn_deg=3):
        sheet.shape(box(112, 66, 138, 100, 8), mixed(skin, INK, 0.15), shade=0)
        sheet.shape(smooth("104,92 142,92 154,130 150,206 98,206 96,130"), coat)
        head = "126,10 158,22 162,42 170,56 160,60 156,78 130,84 98,60 98,30"
        sheet.shape(smooth(head), skin, shade=0)
        short = "160,26 130,30 126,50 112,70 92,60 88,28 118,4 150,8"
        sheet.shape(smooth(short), hair, shade=4)
        sheet.fill(oval(150, 42, 4.5, 6), INK)
        sheet.line(smooth("144,66 152,69 157,67", closed=False), INK, 4)
    with sheet.moved(0, bob):
        _arm(sheet, arm_deg, sleeve, skin)
    strength = bump(2 * phase % 1, at=0.08, reach=0.28)
    sheet.marks(rays(176, 340, (-62, -32, -6), 44, 66), strength, width=7)


def _knock(sheet: Sheet, phase: float, variant: int) -> None:
    skin, sleeve, wood = ("#f2bd94 #3f7fb5 #b9713c", "#8d5a3c #d99a3a #6f9a86")[variant].split()
    edges = ((196.0, 44.0), (320.0, 12.0), (320.0, 348.0), (196.0, 318.0))
    sheet.shape(box(318, 12, 338, 348, 2), mixed(wood, INK, 0.4), shade=0)
    sheet.shape(seen_at_angle(box(0, 0, 1, 1), edges), wood, shade=0)
    for y0, y1 in ((0.08, 0.46), (0.56, 0.92)):
        panel = seen_at_angle(box(0.2, y0, 0.82, y1), edges)
        sheet.shape(panel, mixed(wood, WHITE, 0.15), shade=6, line_width=4)
    for x in (0.08, 0.34, 0.52, 0.68, 0.92):
        grain = seen_at_angle(np.array([[x, 0.1], [x + 0.02, 0.5], [x, 0.9]]), edges)
        sheet.line(grain, mixed(wood, INK, 0.25), 2.5)
    sheet.shape(seen_at_angle(oval(0.13, 0.7, 0.09, 0.04), edges), "#f4c94e", shade=3)
    hit = bump(phase, at=0.2, reach=0.16) + bump(phase, at=0.55, reach=0.16)
    sheet.marks(rays(216, 158, (-100, -65, -30, 30, 62, 95), 46, 84), hit)
    with sheet.moved(22, -4, turn_deg=-15 + 15 * hit, about=(30, 340)):
        sheet.tube(points("110,208 50,290"), skin, 62)
        sheet.shape(smooth("14,240 96,292 70,344 24,346 8,300"), sleeve)
        with sheet.moved(152, 176, turn_deg=-16, scale=0.92):
            sheet.shape(smooth("-68,24 -52,-46 20,-54 46,-30 44,40 0,58 -44,62"), skin)
            for y, x in ((44, 36), (20, 44), (-6, 48), (-32, 44)):
                sheet.tube(np.array([[-2.0, y], [x, y]]), skin, 30)
            sheet.tube(smooth("-46,-26 -14,-40 16,-22", closed=False), skin, 30)


_PICTURES: dict[int, tuple[float, Drawing]] = {
    0: (364, _woman_speaking),
    1: (350, _man_speaking),
    2: (360, _clapping),
    4: (340, _laughing),
    6: (264, _walking),
    12: (350, _knock),
    **THINGS,
}


def draw(
    class_id: int, phase: float, *, variant: int = 0, height: int = 360
) -> npt.NDArray[np.uint8]:
    """Draw the picture of a sound class at one moment of its endless animation.

    Args:
        class_id: the sound class, 0 to 12.
        phase: the place in the loop; 0 and 1 are the same moment.
        variant: 0 or 1, the colours.
        height: the picture's height in pixels, even.

    Returns:
        [height, width, 4] uint8, BGRA with straight alpha; both sizes are even, and the same at
        every phase.

    Raises:
        ValueError: for an unknown class or variant, or a height that is odd or below 32.
    """
    if class_id not in _PICTURES:
        raise ValueError(f"no picture of class {class_id}; there are 0 to {max(_PICTURES)}")
    if variant not in (0, 1):
        raise ValueError(f"variant is {variant}, expected 0 or 1")
    if height < 32 or height % 2:
        raise ValueError(f"height is {height}, expected an even number from 32 on")
    width, drawing = _PICTURES[class_id]
    sheet = Sheet(width, height)
    drawing(sheet, phase % 1.0, variant)
    return sheet.picture()
