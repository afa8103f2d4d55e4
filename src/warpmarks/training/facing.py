"""Whether the pictures of a set face one way, and so how many of them training mirrors.

Where an object may face either way, or looks nearly the same in a mirror, mirror images are twice
the pictures. Where all objects face one way, as shoes in a catalogue or wings on a slide, they are
pictures that no detector will be shown, in which the network has to learn which end is which anew.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from warpmarks.spreading import spread_evenly
from warpmarks.warps.sampling import to_float_images

PICTURES, CHUNK, SIDE = 256, 32, 16
"""Pictures that are looked at, how many at a time, and cells to their coarse copies' sides."""

CLEARLY = 0.1
"""A picture faces as the others do if it is so much less like them in the mirror."""

NEARLY_ALL = 0.9
"""The share of pictures that face as the others do from which on none is mirrored."""

MIRRORED = 0.5
"""The share that is mirrored where pictures face either way."""


def mirrored_share(
    setting: Literal["auto"] | float, pictures: UInt8[np.ndarray, "images height width 3"]
) -> float:
    """The share of the pictures that training mirrors: the setting, or what auto means for them."""
    if setting != "auto":
        return setting
    return 0.0 if facing_alike(pictures) >= NEARLY_ALL else MIRRORED


def facing_alike(pictures: UInt8[np.ndarray, "images height width 3"]) -> float:
    """The share of the pictures that are clearly more like the others than their mirror images.

    By coarse copies, about each one's own mean colour: a picture is as like the others as its
    product with their sum. Where objects face either way half are at most, and of those whose left
    is much like their right, as faces, fewer.

    Args:
        pictures: bytes; of more than `PICTURES` those spread evenly are looked at.
    """
    indices = torch.from_numpy(spread_evenly(len(pictures), PICTURES))
    coarse = torch.cat(
        [
            adaptive_avg_pool2d(to_float_images(torch.from_numpy(pictures[chosen.numpy()])), SIDE)
            for chosen in indices.split(CHUNK)
        ]
    ).double()
    coarse = coarse - coarse.mean(dim=(-2, -1), keepdim=True)
    like_others, like_mirrored = _likeness(coarse, coarse), _likeness(coarse, coarse.flip(-1))
    clear = like_others - like_mirrored > CLEARLY * like_others.abs()
    return clear.double().mean().item()


def _likeness(
    pictures: Float[Tensor, "images 3 side side"], others: Float[Tensor, "images 3 side side"]
) -> Float[Tensor, " images"]:
    """Each picture's product with the sum of all others but the one of its own number."""
    return (pictures * (others.sum(dim=0) - others)).flatten(1).sum(dim=1)
