"""Loops over pixels, compiled for the processor at hand by Numba (LLVM) and kept on the disk.

They have one thread, and no fused or reordered operations: the same numbers on every processor.

Numba compiles a loop anew when the module has changed that it is in, and looks at nothing else.
What loops use must be in their module, constants as well; a change of the options here wants a
change in each of those modules.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Loop = TypeVar("_Loop", bound=Callable[..., object])


def compiled(*signatures: str) -> Callable[[_Loop], _Loop]:
    """Decorator of a loop that takes arrays and numbers of these types, in Numba's notation.

    Of several signatures there is one loop each.

    What was compiled once lies beside the module, or in the user's cache where nothing may be
    written there (NUMBA_CACHE_DIR names another place); what is damaged there is made anew. Where
    that is not possible either, or the disk is full, every process compiles its loops for itself: a
    warning says so.
    """

    def decorate(loop: _Loop) -> _Loop:
        problem: Exception | None = None
        for forget in (False, True):
            kept = njit(error_model="numpy")(loop)
            try:
                kept.enable_caching()
                if forget:
                    cast(Any, kept)._cache.flush()
                for signature in signatures:
                    kept.compile(signature)
            except Exception as error:  # a damaged file may be of any kind; faults of loops recur
                problem = error
            else:
                kept.disable_compile()
                return cast(_Loop, kept)
        found = njit([*signatures], error_model="numpy")(loop)
        warnings.warn(
            f"compiled loops cannot be kept ({type(problem).__name__}), which takes every process "
            "some ten seconds; NUMBA_CACHE_DIR names a folder for them",
            RuntimeWarning,
            stacklevel=1,
        )
        return cast(_Loop, found)

    return decorate
