"""The demo's animated drawings of things, without people."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from seldsynth.demo.sheet import (
    INK,
    SOUND,
    WHITE,
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

Drawing = Callable[[Sheet, float, int], None]


def _telephone(sheet: Sheet, phase: float, variant: int) -> None:
    red, dial = ("#e2504a #f8ead2", "#3f8f8a #f6efe0")[variant].split()
    ringing = 1.0 if phase < 0.75 else 0.0
    cord = "70,165 48,190 62,205 40,218 58,234 40,248 60,264 46,282 72,300 100,305"
    sheet.line(smooth(cord, closed=False), INK, 7)
    for x in (110, 250):
        sheet.shape(box(x - 24, 318, x + 24, 338, 8), "#54495a", shade=0)
    body = smooth("118,200 242,200 262,214 304,310 294,326 180,328 66,326 56,310 98,214")
    sheet.shape(body, red, shade=14)
    for x in (128, 232):
        sheet.shape(box(x - 13, 168, x + 13, 206, 7), mixed(red, INK, 0.2), shade=0)
    sheet.shape(oval(180, 264, 56, 50), dial)
    for angle in np.radians(np.arange(-60, 240, 30)):
        hole = oval(180 + 40 * math.cos(angle), 264 + 35 * math.sin(angle), 7)
        sheet.fill(hole, INK)
    sheet.shape(oval(180, 264, 21, 19), red, shade=4, line_width=4)
    hop, turn_deg = -14 * abs(wave(phase, cycles=4)), 7 * wave(phase, cycles=8)
    with sheet.moved(0, hop * ringing, turn_deg=turn_deg * ringing, about=(180, 150)):
        handset = smooth(
            "180,112 245,118 290,134 306,158 302,186 264,190 248,180 240,160 180,154 "
            "120,160 112,180 96,190 58,186 54,158 70,134 115,118"
        )
        sheet.shape(handset, red, shade=10)
        sheet.line(smooth("90,138 130,127 190,123", closed=False), mixed(red, WHITE, 0.5), 7)
    for middle_deg, x in ((-135, 90), (-45, 270)):
        swell = 6 * wave(phase, cycles=8)
        sheet.marks(arcs(x, 150, (60 + swell, 84 + swell), middle_deg, 22), ringing)


def _washing_machine(sheet: Sheet, phase: float, variant: int) -> None:
    case, accent = ("#f2f0ec #4a90c2", "#b9c4cc #d9744f")[variant].split()
    clothes = ("#e2604f", "#f3b63f", "#56a676", "#8d6bb5", "#f4f1ea")
    wobble = wave(phase, cycles=6)
    with sheet.moved(2 * wobble, turn_deg=0.8 * wobble, about=(160, 340)):
        for x in (75, 245):
            sheet.shape(box(x - 18, 328, x + 18, 348, 5), "#54495a", shade=0)
        sheet.shape(box(36, 22, 284, 338, 16), case, shade=14)
        sheet.line(points("38,88 282,88"), INK, 4)
        sheet.shape(box(54, 40, 122, 70, 6), mixed(case, WHITE, 0.5), shade=0, line_width=4)
        sheet.fill(box(138, 42, 204, 68, 5), INK)
        for x in (152, 171, 190):
            sheet.fill(oval(x, 55, 5), accent)
        sheet.shape(oval(246, 55, 20), accent, shade=4)
        sheet.line(points("246,55 246,40"), WHITE, 5)
        sheet.shape(oval(160, 212, 104), "#c9d0d6", shade=10)
        glass = oval(160, 212, 80)
        sheet.fill(glass, "#2f4a66")
        for number, colour in enumerate(clothes):
            turn_deg = 360 * (phase + number / len(clothes))
            with sheet.moved(turn_deg=turn_deg, about=(160, 212)):
                rag = smooth("160,138 205,150 214,180 190,196 172,178 140,186 128,158")
                sheet.shape(rag, colour, shade=6, line_width=4)
        slosh = 8 * wave(phase, cycles=2)
        left, right = 236 + slosh, 236 - slosh
        water = smooth(f"70,330 70,{left} 115,228 160,238 205,246 250,{right} 250,330")
        sheet.fill(water, "#6fc3ec", within=glass, opacity=0.55)
        for number in range(6):
            rise = (2 * phase + number / 6) % 1
            foam = oval(112 + 19 * number, 280 - 50 * rise, 5 + number % 3)
            sheet.fill(foam, WHITE, within=glass, opacity=0.8)
        sheet.fill(oval(124, 176, 22, 12), WHITE, opacity=0.45)
        sheet.line(glass, INK, 5, closed=True)
        sheet.shape(box(252, 196, 276, 228, 8), "#8b97a1", shade=4, line_width=4)
    hums = arcs(60, 180, (44,), 180, 30) + arcs(260, 180, (44,), 0, 30)
    sheet.marks(hums, 0.6 + 0.4 * wobble, width=7)


def _door(sheet: Sheet, phase: float, variant: int) -> None:
    wood, frame, light = ("#b9713c #f0e3cc #ffe2a0", "#4f7fa8 #f3f0ea #ffd9a8")[variant].split()
    swing_rad = math.radians(68) * (0.5 - 0.5 * math.cos(2 * math.pi * phase)) ** 0.8
    sheet.shape(box(24, 14, 236, 346, 4), frame)
    sheet.fill(box(44, 36, 216, 342), light)
    sheet.fill(points("44,342 80,300 216,300 216,342"), mixed(wood, light, 0.35))
    sheet.line(points("80,300 216,300"), mixed(INK, light, 0.3), 3)
    sheet.shape(box(150, 100, 200, 160, 2), "#8fcbe8", shade=0, line_width=4)
    sheet.line(box(44, 36, 216, 342), INK, 5, closed=True)
    nearness = 700 / (700 + 172 * math.sin(swing_rad))
    x = 130 + (44 + 172 * math.cos(swing_rad) - 130) * nearness
    top, bottom = 170 - 134 * nearness, 170 + 172 * nearness
    edges = ((44.0, 36.0), (x, top), (x, bottom), (44.0, 342.0))
    face = mixed(wood, INK, 0.25 * math.sin(swing_rad))
    sheet.shape(seen_at_angle(box(0, 0, 1, 1), edges), face, shade=0)
    for x0, y0, x1, y1 in ((0.14, 0.07, 0.86, 0.45), (0.14, 0.56, 0.86, 0.93)):
        panel = seen_at_angle(box(x0, y0, x1, y1), edges)
        sheet.shape(panel, mixed(face, WHITE, 0.18), shade=5, line_width=4)
    knob = seen_at_angle(points("0.9,0.505 0.76,0.505"), edges)
    sheet.tube(knob, "#f4c94e", 13, line_width=4)
    slam = bump(phase, at=0.02, reach=0.1)
    sheet.marks(rays(206, 188, (-30, 0, 30), 42, 64), slam)


def _note(sheet: Sheet, x: float, y: float, size: float, *, beamed: bool) -> None:
    with sheet.moved(x, y, scale=size):
        heads = (0, 42) if beamed else (0,)
        strokes = [np.array([[head + 11.0, 0], [head + 11, -58 - 0.2 * head]]) for head in heads]
        if beamed:
            strokes.append(points("11,-56 53,-65"))
        else:
            strokes.append(smooth("11,-58 30,-42 30,-22", closed=False))
        for colour, extra in ((INK, 6), (SOUND, 0)):
            for number, stroke in enumerate(strokes):
                thick = 12 if beamed and number == 2 else 7
                sheet.line(stroke, colour, thick + extra)
            for head in heads:
                with sheet.moved(turn_deg=-22, about=(head, 0)):
                    sheet.fill(oval(head, 0, 15 + extra / 2, 11 + extra / 2), colour)


def _loudspeaker(sheet: Sheet, phase: float, variant: int) -> None:
    case, front, cone = ("#a5673f #4b4450 #7d7486", "#5d6b78 #f1e7d6 #d98d5f")[variant].split()
    beat = bump(phase, at=0.1, reach=0.2) + bump(phase, at=0.6, reach=0.2)
    for x in (95, 205):
        sheet.shape(box(x - 18, 334, x + 18, 350, 4), INK, shade=0)
    sheet.shape(box(66, 112, 234, 342, 12), case, shade=10)
    sheet.shape(box(82, 128, 218, 328, 8), front, shade=0, line_width=4)
    for y, radius, stretch in ((163, 27, 0.08), (258, 58, 0.1)):
        sheet.shape(oval(150, y, radius), "#c7ccd2", shade=0)
        sheet.shape(oval(150, y, radius * (0.78 + stretch * beat)), cone, shade=radius / 7)
        dome = radius * (0.32 + stretch * beat)
        sheet.shape(oval(150, y, dome), mixed(cone, INK, 0.45), shade=0, line_width=4)
        sheet.fill(oval(150 - 0.3 * dome, y - 0.35 * dome, 0.3 * dome), WHITE, opacity=0.5)
    swell = 8 * beat
    for middle_deg in (0, 180):
        sheet.marks(arcs(150, 250, (103 + swell, 125 + swell), middle_deg, 20), 0.5 + 0.5 * beat)
    for number, x in enumerate((56, 140, 234)):
        rise = (phase + (0, 0.4, 0.75)[number]) % 1
        size = min(1.0, 5 * rise, 4 * (1 - rise))
        if size > 0.15:
            sway = 8 * math.sin(2 * math.pi * rise)
            _note(sheet, x + sway, 112 - 28 * rise, size, beamed=number == 1)


def _guitar(sheet: Sheet, phase: float, variant: int) -> None:
    top, side, neck = ("#e9a652 #8a4b2a #6b4030", "#c8553d #5b2a2a #4b3a36")[variant].split()
    with sheet.moved(138, 226, turn_deg=34, scale=0.88):
        half = points("0,122 46,114 74,78 68,36 46,4 50,-34 38,-66 12,-78")
        body = smooth(np.concatenate([half, half[:0:-1] * (-1, 1)]))
        sheet.shape(body * 1.05 + (4, 4), side, shade=0)
        sheet.shape(body, top, shade=10)
        sheet.shape(box(-20, -196, 20, -20, 3), neck, shade=0, line_width=4)
        for fret in range(7):
            y = -186 + 17.0 * fret
            sheet.line(np.array([[-16.0, y], [16, y]]), "#d9c9a8", 3)
        for y in (-248, -232, -216):
            for side_x in (-33.0, 33.0):
                sheet.tube(np.array([[0.5 * side_x, y], [side_x, y]]), "#d5dadd", 11, line_width=4)
        head = smooth("-20,-198 -26,-250 -14,-262 14,-262 26,-250 20,-198")
        sheet.shape(head, side, shade=5)
        sheet.shape(oval(0, 6, 31), "#f3dcae", shade=0, line_width=4)
        sheet.fill(oval(0, 6, 23), "#4a2a20")
        sheet.shape(box(-34, 66, 34, 80, 4), side, shade=0, line_width=4)
        along = np.linspace(0, 1, 40)
        for number in range(6):
            swing = 3.5 * wave(phase, cycles=6 + number % 2, shift=number / 6)
            bow = swing * np.sin(np.pi * along) * np.sin(3 * np.pi * along + number)
            string = np.stack([6 * number - 15 + bow, 72 - 270 * along], axis=1)
            sheet.line(string, "#fff6df", 2)
        strength = 0.7 + 0.3 * wave(phase, cycles=3)
        ripple = 4 * wave(phase, cycles=3)
        for middle_deg in (12, 178):
            sheet.marks(arcs(0, 46, (96 + ripple, 118 + ripple), middle_deg, 17), strength, width=7)


def _water_tap(sheet: Sheet, phase: float, variant: int) -> None:
    metal, handle, bowl = ("#b7c3cd #d9584c #f3efe8", "#d8b05a #3d8f94 #dfe8ea")[variant].split()
    water = "#5bb8ee"
    sheet.shape(smooth("16,264 284,264 258,320 206,346 94,346 42,320"), bowl)
    sheet.shape(oval(150, 266, 134, 20), mixed(bowl, INK, 0.12), shade=0)
    sheet.shape(oval(150, 270, 112, 13), water, shade=0, line_width=3)
    for number in range(2):
        spread = (2 * phase + number / 2) % 1
        ring = oval(196, 270, 14 + 50 * spread, 4 + 7 * spread)
        sheet.line(ring, mixed(WHITE, water, spread), 3, closed=True)
    sway = 1.5 * wave(phase, cycles=4)
    left, right = 182 - sway, 210 + sway
    stream = smooth(f"180,150 212,150 {right},200 212,270 180,270 {left},200")
    sheet.shape(stream, water, shade=6)
    for number in range(4):
        fall = (3 * phase + number / 4) % 1
        y = 160 + 105 * fall
        x = 188.0 + 8 * (number % 2)
        sheet.line(np.array([[x, y - 13], [x, y + 7]]), WHITE, 4)
    for number, side in enumerate((-1.0, 1.0, -0.55, 0.6)):
        flight = (2 * phase + number / 4) % 1
        x, y = 196 + side * (18 + 52 * flight), 262 - 170 * flight * (1 - flight)
        sheet.shape(drop(x, y, 8), water, shade=0, line_width=4)
    sheet.shape(box(12, 84, 36, 160, 6), metal)
    pipe = smooth("40,122 120,122 165,122 192,130 196,152", closed=False)
    sheet.tube(pipe, metal, 46)
    sheet.line(pipe[:-8] - (0, 10), mixed(metal, WHITE, 0.7), 6)
    sheet.shape(box(168, 146, 224, 168, 6), metal, shade=6)
    sheet.shape(box(86, 84, 134, 108, 5), metal, shade=6)
    sheet.tube(points("110,84 110,58"), metal, 20)
    sheet.tube(points("64,46 156,46"), handle, 30)
    sheet.fill(oval(84, 40, 12, 4), mixed(handle, WHITE, 0.6))


def _bell(sheet: Sheet, phase: float, variant: int) -> None:
    gold, wood = ("#f2b632 #8a5635", "#c98b4e #5a6472")[variant].split()
    struck = bump(phase, at=0.25, reach=0.25) + bump(phase, at=0.75, reach=0.25)
    with sheet.moved(turn_deg=22 * wave(phase), about=(170, 46)):
        for middle_deg in (200, -20):
            sheet.marks(arcs(170, 158, (108, 132), middle_deg, 17), 0.35 + 0.65 * struck)
        clapper_deg = -24 * wave(phase, shift=-0.06)
        with sheet.moved(turn_deg=clapper_deg, about=(170, 130)):
            sheet.tube(points("170,150 170,268"), "#6b6470", 12, line_width=4)
            sheet.shape(oval(170, 274, 20), "#857d8b")
        half = points("0,62 28,70 44,98 50,150 62,196 86,226 86,242 40,250")
        with sheet.moved(170):
            sheet.shape(smooth(np.concatenate([half, half[::-1] * (-1, 1)])), gold, shade=18)
        for y, rx in ((216, 75), (200, 62)):
            band = smooth(f"{170 - rx},{y - 4} 170,{y + 6} {170 + rx},{y - 4}", closed=False)
            sheet.line(band, mixed(gold, INK, 0.45), 4)
        shine = smooth("142,96 134,140 126,178", closed=False)
        sheet.line(shine, mixed(gold, WHITE, 0.7), 11)
        sheet.shape(box(153, 36, 187, 66, 8), mixed(gold, INK, 0.2), shade=0)
    sheet.shape(box(90, 16, 250, 46, 10), wood)
    sheet.shape(oval(170, 32, 9), "#d5dadd", shade=0, line_width=4)


THINGS: dict[int, tuple[float, Drawing]] = {
    3: (360, _telephone),
    5: (320, _washing_machine),
    7: (280, _door),
    8: (300, _loudspeaker),
    9: (320, _guitar),
    10: (316, _water_tap),
    11: (340, _bell),
}
