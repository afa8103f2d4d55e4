"""The package's own layout, see `warpmarks.datasets.layout`, checked as the others.

Its points belong to the upright image, and images are copied as they are when it is prepared.
"""

import numpy as np

from warpmarks.datasets.annotated import read_annotated
from warpmarks.datasets.image_set import find_images
from warpmarks.datasets.layout import read_landmarks, read_split
from warpmarks.datasets.project import home_of_images
from warpmarks.datasets.published.crops import Crop
from warpmarks.datasets.published.finding_parts import Places
from warpmarks.datasets.published.published_set import PublishedSet, SourceImages
from warpmarks.datasets.scheme_file import TABLE
from warpmarks.errors import InputError
from warpmarks.wording import counted


def read_own(places: Places) -> SourceImages:
    """A set in our layout with the splits of its split.csv; without one, all is "train".

    Raises:
        InputError: a file is wrong, or the tables and the images do not fit.
    """
    if len(places.roots) > 1:
        raise InputError(f"{places.text} are several folders: give one set at a time")
    root = places.roots[0]
    home = home_of_images(root)
    images = find_images(home)
    table = home / "split.csv"
    splits = read_split(table) if table.exists() else dict.fromkeys(images.names, "train")
    there = set(images.names)
    gaps = []
    if lost := [name for name in splits if name not in there]:
        gaps.append(f"{table} names {counted(len(lost), 'image')} not there, such as {lost[0]}")
    if bare := [name for name in images.names if name not in splits]:
        gaps.append(f"{table} has no split for {counted(len(bare), 'image')}, such as {bare[0]}")
    points_table = root / TABLE
    annotated_names = read_landmarks(points_table).images if points_table.exists() else ()
    if lost := [name for name in annotated_names if name not in there]:
        lacking = counted(len(lost), "image")
        gaps.append(f"{points_table} has points on {lacking} not there, such as {lost[0]}")
    names = tuple(name for name in images.names if name in splits)
    points, scheme = None, None
    if points_table.exists():
        annotated = read_annotated(root, partial=True)
        rows = dict(zip(annotated.images.names, annotated.points, strict=True))
        unknown = np.full((annotated.scheme.count, 2), np.nan)
        points = np.array([rows.get(name, unknown) for name in names])
        scheme = annotated.scheme
    return SourceImages(
        names,
        tuple(str(images.root / name) for name in names),
        tuple(splits[name] for name in names),
        points,
        scheme,
        tuple(gaps),
    )


OWN = PublishedSet(
    name="own",
    title="A set of your own",
    category="any",
    used_for="your own experiments",
    counts={},
    points="any number, named in points.json",
    normalisers={},
    licence="yours",
    where="your own disk",
    citation="",
    layout=("images/", "landmarks.csv", "points.json", "split.csv"),
    crops={"whole": Crop("all of the picture")},
    read=read_own,
)
