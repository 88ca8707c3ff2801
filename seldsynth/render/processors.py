"""Which kind of processor works on pixels; nobody else asks."""

from __future__ import annotations

from functools import cache

import torch

from seldsynth.render import passes_by_torch
from seldsynth.render.passes import Passes


@cache
def passes_on(device: torch.device) -> Passes:
    """The passes over pixels of a device."""
    return _loops() if device.type == "cpu" else passes_by_torch


def _loops() -> Passes:
    # Numba and what it has compiled take half a second: only for those who work on pixels.
    from seldsynth.render import passes_on_cpu

    return passes_on_cpu
