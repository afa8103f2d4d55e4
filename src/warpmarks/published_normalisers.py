"""Normalisers of published numbers, by name, so that an error can be set beside a paper's.

inter-ocular
    Between the eyes: points 1 and 2 of five facial points (the paper's tables 1 to 4, after Zhang
    et al., PAMI 2016), the means of the points around each eye of 68 (table 5, which follows Ren et
    al., CVPR 2014, whose 300-W errors are over the distance of the pupils).
outer-eye-corners
    Points 37 and 46 of 68: the 300-W challenge (Sagonas et al., Image and Vision Computing 2016;
    ``compute_eye_corner_error.m`` in jiankangdeng/MenpoBenchmark) and DVE (Thewlis et al., ICCV
    2019). It is longer than the distance of the pupils, and its errors are therefore smaller.
box
    The square root of the area of the box around the annotated points of the image: Mallis et al.,
    NeurIPS 2020, on LS3D, and the ICPR 2020 landmark challenge.
box-side
    The longer side of that box: PCK of Yang and Ramanan, PAMI 2013.
image
    The square root of the image's area.

In any set ``left eye`` and ``right eye`` are the two points of ``inter-ocular``. The sets of 51 and
49 facial points are the 68 without the jaw, and are understood as well.
"""

import re

from warpmarks.errors import InputError
from warpmarks.wording import counted

LENGTHS = ("box", "box-side", "image")
EYES = ("inter-ocular", "outer-eye-corners")
CONVENTIONS = (*EYES, *LENGTHS)

_AROUND_EYES = {
    ("inter-ocular", 5): "1:2",
    ("inter-ocular", 68): "37-42:43-48",
    ("inter-ocular", 51): "20-25:26-31",
    ("inter-ocular", 49): "20-25:26-31",
    ("outer-eye-corners", 68): "37:46",
    ("outer-eye-corners", 51): "20:29",
    ("outer-eye-corners", 49): "20:29",
}


def points_of_convention(convention: str, names: tuple[str, ...], *, source: str) -> str:
    """The two points, or groups of points, of a convention of EYES, as the user would write them.

    Args:
        convention: one of EYES.
        names: of the annotated points; ``left eye`` and ``right eye`` are the eyes of any set.
        source: the flag or file that named it, for the message.

    Raises:
        InputError: the convention says nothing of sets with so many points.
    """
    count = len(names)
    plain = {re.sub(r"[\s_-]+", " ", name.strip().casefold()): name for name in names}
    if convention == "inter-ocular" and plain.keys() >= {"left eye", "right eye"}:
        return f"{plain['left eye']}:{plain['right eye']}"
    points = _AROUND_EYES.get((convention, count))
    if points is None:
        counts = ", ".join(str(known) for name, known in _AROUND_EYES if name == convention)
        raise InputError(
            f"{source} is {convention!r}, which is known for sets of {counts} facial points or "
            f"with a left eye and a right eye, but this set has {counted(count, 'point')}: name "
            "two points, such as 1:2, or take box"
        )
    return points
