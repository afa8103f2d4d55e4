"""SLEAP's .slp, through sleap-io (pip install 'warpmarks[sleap]').

Pixels: as ours. "The pixel center is at (0, 0), with the top-left corner at (-0.5, -0.5)" since
format 1.1, and sleap-io moves older files there (sleap-io pull request 231).

Images are one sequence per size, with the places where they are found on this disk, since SLEAP
does not look for them; they are read by their names relative to the folder of images. A frame of a
video is called clip.mp4#12. A frame with scores becomes a prediction, in which points without one
count as sure; any other an annotation, which is read before a prediction of the same frame.
A score of SLEAP is the height of a peak, which may pass 1 a little (sleap issue 521) and is then 1.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from warpmarks.datasets.videos import frame_of
from warpmarks.errors import InputError
from warpmarks.formats.image_files import ImageFiles
from warpmarks.formats.sources import check_slashes, check_texts, slashes, whole
from warpmarks.formats.table import (
    HIDDEN,
    UNLABELLED,
    VISIBLE,
    ImagePoints,
    PointTable,
    assemble,
    check_room,
    empty_row,
    scores_of_peaks,
)
from warpmarks.system.files import atomic_path
from warpmarks.wording import counted

if TYPE_CHECKING:
    import sleap_io

KIND = "a .slp file of SLEAP"


def read(path: Path, files: ImageFiles) -> PointTable:
    """Read a .slp file of one animal on each frame.

    Raises:
        InputError: sleap-io is not installed, or the file is wrong or has two animals on a frame.
    """
    sleap_io = _library()
    try:
        labels = sleap_io.load_slp(str(path), open_videos=False)
    except Exception as error:  # sleap-io and h5py raise nearly every type on damaged data
        raise InputError(f"{path} cannot be read ({error}): expected {KIND}") from error
    if len(labels.skeletons) != 1:
        raise InputError(f"{path} has {len(labels.skeletons)} skeletons: expected one")
    skeleton = labels.skeletons[0]
    names = [str(node.name) for node in skeleton.nodes]
    check_room(len(labels.labeled_frames), len(names), source=str(path))
    rows = [_row(path, frame, names, files) for frame in labels.labeled_frames]
    return assemble(
        names,
        rows,
        source=str(path),
        skeleton=tuple((int(first), int(second)) for first, second in skeleton.edge_inds),
        mirror=tuple(
            (min(pair), max(pair))
            for pair in ([int(end) for end in pair] for pair in skeleton.symmetry_inds)
        ),
        category=skeleton.name,
    )


def write(path: Path, table: PointTable) -> None:
    """Write a .slp file.

    Raises:
        InputError: sleap-io is not installed, or the file cannot be written.
    """
    sleap_io = _library()
    check_texts(table.names, what="name", kind="SLEAP")
    check_texts(table.images, what="image", kind="SLEAP")
    check_slashes(table.images, "SLEAP")
    skeleton = sleap_io.Skeleton(
        nodes=list(table.names),
        edges=[(table.names[first], table.names[second]) for first, second in table.skeleton],
        symmetries=[(table.names[first], table.names[second]) for first, second in table.mirror],
        name=table.category or "object",
    )
    groups: dict[tuple[float, float], list[int]] = {}
    places: dict[int, tuple[Any, int]] = {}
    videos: dict[str, Any] = {}
    for row, (width, height) in enumerate(np.nan_to_num(table.sizes, nan=0)):
        if frame := frame_of(table.images[row]):
            name, number = frame
            if name not in videos:
                videos[name] = sleap_io.Video(filename=name, open_backend=False)
            places[row] = videos[name], number
        else:
            groups.setdefault((float(width), float(height)), []).append(row)
    for size, rows in groups.items():
        video = _video(sleap_io, [table.images[row] for row in rows], size)
        places |= {row: (video, frame) for frame, row in enumerate(rows)}
    frames = [
        sleap_io.LabeledFrame(
            video=places[row][0],
            frame_idx=places[row][1],
            instances=_instances(sleap_io, table, row, skeleton),
        )
        for row in range(len(table.images))
    ]
    every = list({id(video): video for video, _ in places.values()}.values())
    labels = sleap_io.Labels(frames, videos=every, skeletons=[skeleton])
    with atomic_path(path) as temporary:
        labels.save(str(temporary), format="slp", embed=False, verbose=False)


def _library() -> Any:
    try:
        import sleap_io
    except ImportError as error:
        raise InputError(
            "SLEAP's files need sleap-io, which is not installed: pip install 'warpmarks[sleap]'"
        ) from error
    return sleap_io


def _video(library: Any, names: list[str], size: tuple[float, float]) -> Any:
    width, height = (int(side) for side in size)
    known = {"shape": (len(names), height, width, 3), "height_": height, "width_": width}
    return library.Video(
        filename=names,
        open_backend=False,
        backend_metadata={
            "type": "ImageVideo",
            "filename": names[0],
            "filenames": names,
            "channels_": 3,
            "grayscale": False,
            **(known if width else {}),
        },
    )


def _instances(library: Any, table: PointTable, row: int, skeleton: Any) -> list[Any]:
    points = np.where(table.placed[row][:, None], table.points[row], np.nan)
    if not table.placed[row].any():
        return []
    if table.scores is not None and table.is_scored(row):
        scores = np.where(table.placed[row], np.nan_to_num(table.scores[row], nan=1), 0)
        instance = library.PredictedInstance.from_numpy(
            points, skeleton=skeleton, point_scores=scores, score=float(scores.mean())
        )
    else:
        instance = library.Instance.from_numpy(points, skeleton=skeleton)
    instance.points["visible"] = table.placed[row] & (table.visibility[row] == VISIBLE)
    return [instance]


def _row(
    path: Path, frame: "sleap_io.LabeledFrame", names: list[str], files: ImageFiles
) -> ImagePoints:
    image, size = _image_and_size(path, frame, files)
    points, visibility = empty_row(len(names))
    instances = list(frame.user_instances) or list(frame.predicted_instances)
    if len(instances) > 1:
        raise InputError(
            f"{path} has {len(instances)} animals on {image!r}: expected one on each image"
        )
    if not instances:
        return ImagePoints(image, points, visibility, size)
    found = instances[0].points
    points = np.array(found["xy"], dtype=np.float64)
    placed = np.isfinite(points).all(axis=1)
    points[~placed] = np.nan
    seen = np.where(found["visible"], VISIBLE, HIDDEN)
    visibility = np.where(placed, seen, UNLABELLED).astype(np.int8)
    scores = None
    if "score" in (found.dtype.names or ()):
        scores = np.where(placed, scores_of_peaks(found["score"].astype(np.float64)), np.nan)
        for point in np.flatnonzero((scores < 0) | (scores > 1)):
            raise InputError(
                f"{path}: the score of {names[point]!r} on {image!r} is {scores[point]:g}: "
                "expected 0 (not sure) to 1 (sure), so scale points['score'] of the instances "
                "with sleap-io"
            )
    return ImagePoints(image, points, visibility, size, scores=scores)


def _image_and_size(
    path: Path, frame: "sleap_io.LabeledFrame", files: ImageFiles
) -> tuple[str, tuple[float, float] | None]:
    video, index = frame.video, int(frame.frame_idx)
    shape = video.shape
    size = None
    if shape and len(shape) == 4 and shape[1] and shape[2]:
        height, width = (whole(side, f"{path}, size of a video", low=1) for side in shape[1:3])
        size = (float(width), float(height))
    if isinstance(video.filename, list):
        if not 0 <= index < len(video.filename):
            raise InputError(
                f"{path} has points on frame {index} of a video of "
                f"{counted(len(video.filename), 'image')}: expected {KIND}"
            )
        return files.name(slashes(str(video.filename[index]))), size
    return f"{files.name(slashes(str(video.filename)))}#{index}", size
