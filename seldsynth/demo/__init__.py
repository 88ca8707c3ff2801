"""The embedded default: a canvas, pictures, animated clips and labels, all made by code.

`prepare` lays them out in the folders that a user would have.
"""

from seldsynth.demo.scenes import prepare

__all__ = ["prepare"]
