"""Warps of the image plane: splines, how they are drawn, pictures seen through them."""

from warpmarks.warps.pairs import ImagePair, PairSampler, WarpPair
from warpmarks.warps.random_warps import RandomWarps, WarpRange, control_grid
from warpmarks.warps.thin_plate_spline import ThinPlateSpline, spline_basis, spline_solver

__all__ = [
    "ImagePair",
    "PairSampler",
    "RandomWarps",
    "ThinPlateSpline",
    "WarpPair",
    "WarpRange",
    "control_grid",
    "spline_basis",
    "spline_solver",
]
