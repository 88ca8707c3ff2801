"""What whole numbers mean in fixed point: of pictures, of how much they cover, and of patches."""

COLOUR_SCALE = 64
"""A level of colour in a picture with alpha."""

ALPHA_SCALE = 8192
"""Opaque, in a picture with alpha."""

ALL = 2**15 - 1
"""A whole pixel that is covered: the most that 16 bits with a sign have room for."""

WHOLE = 256
"""A whole pixel of which a patch lets something through, and a level of its colour."""

ROUNDING = 110
"""What the colours of patches have in them, so that the division by WHOLE rounds.

A little less than the half that rounds to the nearest: where all is white, what is kept of it and
what is laid over it, each rounded, may come to 145 more than 255 times WHOLE, of which 16 bits have
room for 255.
"""
