"""Point schemes and conventions that several face sets share. Left and right are as seen."""

from warpmarks.datasets.published.published_set import scheme_of
from warpmarks.points import PointScheme

FIVE_NAMES = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")

FIVE_NORMALISERS = {"inter-ocular": "left eye:right eye", "box": "box"}
"""The distance between the two eye points is what the paper, TCDCN and the later papers use."""

FIVE_POINTS: PointScheme = scheme_of(FIVE_NAMES, FIVE_NORMALISERS["inter-ocular"], ((1, 2), (4, 5)))

_PARTS = (
    ("jaw", 17),
    ("left brow", 5),
    ("right brow", 5),
    ("nose bridge", 4),
    ("nose base", 5),
    ("left eye", 6),
    ("right eye", 6),
    ("outer lip", 12),
    ("inner lip", 8),
)
SIXTY_EIGHT_NAMES = tuple(
    f"{part} {number}" for part, count in _PARTS for number in range(1, count + 1)
)

SIXTY_EIGHT_NORMALISERS = {
    "pupils": "37-42:43-48",
    "outer eye corners": "37:46",
    "box": "box",
}
"""The paper follows LBF (Ren et al., CVPR 2014), which divides by the distance between the pupils,
taken as the means of the six points of each eye; the 300-W challenge and DVE divide by the distance
between the outer eye corners, which is larger, and errors by it are smaller."""

SIXTY_EIGHT_MIRROR = (
    *((number, 18 - number) for number in range(1, 9)),
    *((18 + number, 27 - number) for number in range(5)),
    (32, 36),
    (33, 35),
    *((37, 46), (38, 45), (39, 44), (40, 43), (41, 48), (42, 47)),
    *((49, 55), (50, 54), (51, 53), (56, 60), (57, 59)),
    *((61, 65), (62, 64), (66, 68)),
)

SIXTY_EIGHT_POINTS: PointScheme = scheme_of(
    SIXTY_EIGHT_NAMES, SIXTY_EIGHT_NORMALISERS["pupils"], SIXTY_EIGHT_MIRROR
)
