"""All sets that are known, by name."""

from warpmarks.datasets.published.cats import CATS
from warpmarks.datasets.published.celeba import CELEBA, MAFL
from warpmarks.datasets.published.mtfl import AFLW, MTFL
from warpmarks.datasets.published.own_layout import OWN
from warpmarks.datasets.published.published_set import PublishedSet
from warpmarks.datasets.published.three_hundred_w import THREE_HUNDRED_W
from warpmarks.datasets.published.zappos import ZAPPOS
from warpmarks.errors import InputError

PUBLISHED: dict[str, PublishedSet] = {
    known.name: known for known in (CELEBA, MAFL, AFLW, MTFL, THREE_HUNDRED_W, CATS, ZAPPOS, OWN)
}


def published_set(name: str) -> PublishedSet:
    """The set of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PUBLISHED:
        raise InputError(
            f"there is no image set {name!r}: the known ones are {', '.join(PUBLISHED)}"
        )
    return PUBLISHED[name]
