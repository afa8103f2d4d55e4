"""For each landmark, the patches around it in many instances: does it mean the same everywhere?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from warpmarks.plots.colours import ink_on, landmark_colours
from warpmarks.plots.sheet import Sheet, Tile, in_points, tag

if TYPE_CHECKING:
    import matplotlib.figure

_GAP = 3
_WIDE_GAP = 12
_BLOCK_GAP = 34
_CHIP_WIDTH = 52
_FLAGGED_CHIP_WIDTH = 68  # room for the word
_LONGEST_COLUMN = 16  # more landmarks than this go into two columns, side by side
_SHARE_OF_SIDE = 0.22
_MEAN_GAIN = 2.0  # averaging takes contrast away; the same for all, so that they can be compared


def cut_patches(
    images: UInt8[np.ndarray, "images height width 3"],
    landmarks: Float[np.ndarray, "images points 2"],
    side: int,
) -> UInt8[np.ndarray, "images points side side 3"]:
    """Squares of an odd number of pixels, each centred on the pixel its landmark falls in.

    Beyond the border the image's edge is repeated. The patch of a landmark of NaN is black.

    Args:
        images: bytes.
        landmarks: in pixels of them.
        side: of the squares in pixels.

    Raises:
        ValueError: the side is even.
    """
    if side % 2 == 0:
        raise ValueError(f"a patch of {side} pixels has no central one: give an odd side")
    height, width = images.shape[1:3]
    reach = side // 2
    found = np.isfinite(landmarks).all(axis=-1)
    nearest = np.floor(np.where(found[..., None], landmarks, 0) + 0.5).astype(int)
    offsets = np.arange(-reach, reach + 1)
    columns = np.clip(nearest[..., 0, None] + offsets, 0, width - 1)
    rows = np.clip(nearest[..., 1, None] + offsets, 0, height - 1)
    which = np.arange(len(images))[:, None, None, None]
    patches = images[which, rows[..., :, None], columns[..., None, :]]
    patches[~found] = 0
    return patches


def draw_patches(
    images: UInt8[np.ndarray, "images height width 3"],
    landmarks: Float[np.ndarray, "images points 2"],
    *,
    side: int | None = None,
    shown: int | None = None,
    flags: Mapping[int, str] | None = None,
    cell: int = 64,
) -> "matplotlib.figure.Figure":
    """A row per landmark: its chip, the mean of its patches over all images, then patch by patch.

    Patches in one column come from the same image, which stands at the column's head.

    Args:
        images: the more, the more the mean says.
        landmarks: in pixels of the images.
        side: of a patch, in pixels of the images and odd; None takes a fifth of the image.
        shown: how many images have their own column; None takes as many as fit the width.
        flags: a word of warning on a landmark's row, e.g. {7: "nailed"}.
        cell: pixels of the picture per patch.
    """
    count, height, width = images.shape[:3]
    num_landmarks = landmarks.shape[1]
    if side is None:
        side = 2 * max(1, round(_SHARE_OF_SIDE * min(height, width) / 2)) + 1
    blocks = 1 if num_landmarks <= _LONGEST_COLUMN else 2
    shown = min(count, (18 if blocks == 1 else 8) if shown is None else shown)
    rows = -(-num_landmarks // blocks)

    pitch = cell + _GAP
    chip_width = _FLAGGED_CHIP_WIDTH if flags else _CHIP_WIDTH
    first_patch = chip_width + _GAP + pitch + _WIDE_GAP
    block_width = first_patch + shown * pitch - _GAP
    head_height = max(1, round(cell * height / width))
    first_row = head_height + _WIDE_GAP
    sheet = Sheet(first_row + rows * pitch - _GAP, blocks * (block_width + _BLOCK_GAP) - _BLOCK_GAP)
    patches = cut_patches(images, landmarks, side)
    found = np.isfinite(landmarks).all(axis=-1)
    colours = landmark_colours(num_landmarks)
    corners = [
        (index // rows * (block_width + _BLOCK_GAP), first_row + index % rows * pitch)
        for index in range(num_landmarks)
    ]
    for block in range(blocks):
        left = block * (block_width + _BLOCK_GAP) + first_patch
        for column in range(shown):
            sheet.paste(images[column], Tile(left + column * pitch, 0, cell, head_height))
    for index, (left, top) in enumerate(corners):
        sheet.fill(colours[index], Tile(left, top, chip_width, cell))
        if found[:, index].any():
            mean = _mean_patch(patches[found[:, index], index])
            sheet.paste(mean, Tile(left + chip_width + _GAP, top, cell, cell))
        for column in range(shown):
            if found[column, index]:
                tile = Tile(left + first_patch + column * pitch, top, cell, cell)
                sheet.paste(patches[column, index], tile)

    figure, axes = sheet.figure()
    for index, (left, top) in enumerate(corners):
        axes.text(
            left + chip_width / 2,
            top + (0.66 if flags and index in flags else 0.5) * cell,
            str(index + 1),
            fontsize=in_points(0.36 * cell),
            fontweight="bold",
            color=ink_on(colours[index]),
            ha="center",
            va="center_baseline",
        )
        if flags and index in flags:
            tag(axes, left, top, flags[index], size=0.2 * cell)
    for block in range(blocks):
        left = block * (block_width + _BLOCK_GAP) + chip_width + _GAP
        tag(axes, left, head_height - 0.4 * cell, "mean", size=0.25 * cell)
    return figure


def _mean_patch(
    patches: UInt8[np.ndarray, "images side side 3"],
) -> UInt8[np.ndarray, "side side 3"]:
    mean = patches.mean(axis=0)
    middle = mean.mean(axis=(0, 1))
    return np.clip(np.rint(middle + _MEAN_GAIN * (mean - middle)), 0, 255).astype(np.uint8)
