"""One colour per landmark index, the same in every picture and for every number of landmarks."""

from functools import cache

import numpy as np
from jaxtyping import Float, UInt8

_LIGHTNESS = (0.50, 0.92)  # OKLab: neither lost in the dark outline nor in the white halo
_LEAST_CHROMA = 0.07  # greys look like part of a photograph
_DEFICIENCY_WEIGHT = 1.6  # a deficiency flattens colour space; 1.0 would starve usual sight of hues
_DULL = 0.4  # how much of its distance a grey would keep; a vivid colour keeps all
_MOST_CHROMA = 0.13
_STEP = 15  # 18 levels a channel

# The first ones by hand, for what most runs show: vivid, and of ten lightnesses.
_FIRST = (
    (230, 30, 45),
    (45, 125, 255),
    (255, 214, 0),
    (20, 165, 70),
    (235, 70, 215),
    (30, 220, 235),
    (255, 135, 25),
    (135, 70, 225),
    (180, 245, 70),
    (255, 175, 200),
)

# Full protanopia and deuteranopia, in linear RGB (Machado, Oliveira and Fernandes 2009, table 1).
_PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)
_DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# Linear RGB to cone responses, and their cube roots to OKLab (Ottosson 2020).
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def landmark_colours(num_landmarks: int) -> UInt8[np.ndarray, "points 3"]:
    """Colours of landmarks 0 .. num_landmarks - 1, vivid and as unlike each other as can be.

    After ten chosen by hand each colour is the one farthest from all before it, so a landmark's
    colour depends on its index alone. Distance is measured as seen with usual sight and with the
    two common colour deficiencies, whichever tells the pair apart worst.
    """
    # Rounded up, so that runs with different numbers of landmarks share the cached work.
    return _ordered_colours(-(-num_landmarks // 64) * 64)[:num_landmarks].copy()


def colour_code(colour: UInt8[np.ndarray, " 3"]) -> str:
    """The colour as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*(int(channel) for channel in colour))


def ink_on(colour: UInt8[np.ndarray, " 3"]) -> str:
    """Black or white, whichever is easier to read on the colour (WCAG relative luminance)."""
    luminance = float(_linear(colour[None])[0] @ [0.2126, 0.7152, 0.0722])
    return "#000000" if luminance > 0.179 else "#ffffff"  # where both contrasts are equal


@cache
def _ordered_colours(count: int) -> UInt8[np.ndarray, "points 3"]:
    levels = np.arange(0, 256, _STEP)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    seen = _oklab(_linear(candidates))
    chroma = np.hypot(seen[:, 1], seen[:, 2])
    low, high = _LIGHTNESS
    kept = (seen[:, 0] >= low) & (seen[:, 0] <= high) & (chroma >= _LEAST_CHROMA)
    candidates = np.concatenate([np.array(_FIRST), candidates[kept]])
    seen = _oklab(_linear(candidates))
    chroma = np.hypot(seen[:, 1], seen[:, 2])
    liveliness = _DULL + (1 - _DULL) * np.minimum(chroma / _MOST_CHROMA, 1)
    sights = [
        seen,
        _DEFICIENCY_WEIGHT * _oklab(_linear(candidates) @ _PROTANOPIA.T),
        _DEFICIENCY_WEIGHT * _oklab(_linear(candidates) @ _DEUTERANOPIA.T),
    ]
    chosen: list[int] = []
    nearest = np.full(len(candidates), np.inf)
    while len(chosen) < count:
        following = (
            len(chosen) if len(chosen) < len(_FIRST) else int(np.argmax(nearest * liveliness))
        )
        chosen.append(following)
        apart = [np.linalg.norm(sight - sight[following], axis=1) for sight in sights]
        nearest = np.minimum(nearest, np.minimum.reduce(apart))
    return candidates[chosen].astype(np.uint8)


def _linear(colours: np.ndarray) -> Float[np.ndarray, "colours 3"]:
    encoded = colours / 255.0
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _oklab(linear: np.ndarray) -> Float[np.ndarray, "colours 3"]:
    return np.cbrt(np.clip(linear, 0, 1) @ _TO_CONES.T) @ _TO_OKLAB.T
