"""What each process of a fleet does: a detector, loaded once, and one piece after the other."""

import errno
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from warpmarks.datasets.reading import UnreadableImage
from warpmarks.detectors.base import Detection, ReadImage
from warpmarks.detectors.loading import AnyDetector, names_of
from warpmarks.errors import InputError
from warpmarks.fleet.carried import load_carried
from warpmarks.fleet.parts import Parts
from warpmarks.fleet.pieces import Piece, Work
from warpmarks.system.prefetch import ahead
from warpmarks.wording import shown

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem

_ROWS_READ = 256
"""Of a row group, which may be larger than the memory, at a time."""

_READING_THREADS = 32
"""Files that are read at once: an object store answers late, but many at a time."""


class FleetWorker:
    """Called by Ray with pieces.

    Args:
        files: of the detector, see `warpmarks.fleet.carried`.
        work: where the images are; its pieces are not needed.
        parts: where results go.
        batch_size: images that the network sees at a time.
        threads: of the CPU.
        device: auto, cpu or cuda.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        work: Work,
        parts: Parts,
        *,
        batch_size: int,
        threads: int,
        device: str,
    ) -> None:
        self.files, self.device = files, device
        self.work, self.parts = work, parts
        self.batch_size, self.threads = batch_size, threads

    @cached_property
    def detector(self) -> AnyDetector:
        """Loaded when it is first needed, so that why it cannot be is told like all else."""
        return load_carried(self.files, device=self.device, threads=self.threads)

    def __call__(self, rows: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
        """Do pieces; how many images each has, how many of them failed, why it cannot be done.

        The last is empty of one that is. It is no exception: Ray loses what another one came from.
        """
        told: dict[str, list[Any]] = {"images": [], "failed": [], "refused": []}
        for index, text in zip(rows["index"], rows["piece"], strict=True):
            images, failed, refused = 0, 0, ""
            try:
                images, failed = self._do(int(index), Piece.from_text(str(text)))
            except InputError as error:
                refused = str(error)
            for name, value in (("images", images), ("failed", failed), ("refused", refused)):
                told[name].append(value)
        return told

    def _do(self, index: int, piece: Piece) -> tuple[int, int]:
        if (done := self.parts.done(index, piece.state)) is not None:
            return done
        detector = self.detector  # loaded here: its threads are those of the thread that loads it
        names: list[str] = []
        found: list[Detection | str] = []
        # The next batch is fetched and decoded while this one is searched.
        with closing(ahead(self._read(piece, detector), 1)) as batches:
            for batch_names, read in batches:
                names += batch_names
                found += detector.attempt(read)
        self.parts.write(index, as_table(names, found, names_of(detector)), piece.state)
        return len(found), sum(isinstance(one, str) for one in found)

    def _read(
        self, piece: Piece, detector: AnyDetector
    ) -> Generator[tuple[list[str], list[ReadImage | UnreadableImage]], None, None]:
        """Names, and images as the detector searches them or why they cannot be read."""
        for names, contents in self._batches(piece):
            good = [content for content in contents if isinstance(content, bytes)]
            read = iter(detector.read(good, workers=self.threads))
            yield (
                names,
                [
                    UnreadableImage(name, content) if isinstance(content, str) else next(read)
                    for name, content in zip(names, contents, strict=True)
                ],
            )

    def _batches(self, piece: Piece) -> Iterator[tuple[list[str], list[bytes | str]]]:
        """Names, and bytes or why there are none."""
        if self.work.columns is not None:
            yield from self._rows(piece)
            return
        read = partial(_content, self.work.filesystem)
        with ThreadPoolExecutor(min(_READING_THREADS, self.batch_size)) as pool:
            for start in range(0, piece.count, self.batch_size):
                part = slice(start, start + self.batch_size)
                yield list(piece.names[part]), list(pool.map(read, piece.paths[part]))

    def _rows(self, piece: Piece) -> Iterator[tuple[list[str], list[bytes | str]]]:
        import pyarrow.parquet as pq

        columns = self.work.columns
        assert columns is not None
        (path,) = piece.paths
        row = piece.first_row
        wanted = [columns.image, *([columns.name] if columns.name else [])]
        with self.work.filesystem.open(path, "rb") as opened:
            batches = pq.ParquetFile(opened).iter_batches(
                max(_ROWS_READ, self.batch_size), row_groups=[piece.row_group], columns=wanted
            )
            for batch in batches:
                images = batch.column(columns.image).to_pylist()
                numbers = range(row, row + len(images))
                names = [f"{path.rpartition('/')[2]}#{number}" for number in numbers]
                if columns.name:
                    given = batch.column(columns.name).to_pylist()
                    names = [
                        name if one is None else str(one)
                        for name, one in zip(names, given, strict=True)
                    ]
                row += len(images)
                for start in range(0, len(images), self.batch_size):
                    part = slice(start, start + self.batch_size)
                    yield names[part], [_bytes_of(image) for image in images[part]]


def as_table(
    images: Sequence[str], found: Sequence[Detection | str], points: Sequence[str]
) -> "pa.Table":
    """One row an image: image, x1, y1, ..., score1, ..., width, height, error.

    An image that failed has nothing but its error; a name that is no text has marks where bytes
    are none. The points' names are in the schema's metadata.
    """
    import pyarrow as pa

    failed = np.array([isinstance(one, str) for one in found])
    good = [one for one in found if not isinstance(one, str)]
    landmarks, scores = np.zeros((len(found), len(points), 2)), np.zeros((len(found), len(points)))
    sizes = np.zeros((len(found), 2))
    if good:
        landmarks[~failed] = np.stack([one.landmarks for one in good])
        scores[~failed] = np.stack([one.scores for one in good])
        sizes[~failed] = np.stack([one.size for one in good])
    columns: dict[str, Any] = {"image": pa.array(map(shown, images), pa.string())}
    for point in range(len(points)):
        for axis, letter in enumerate("xy"):
            columns[f"{letter}{point + 1}"] = pa.array(landmarks[:, point, axis], mask=failed)
    for point in range(len(points)):
        values = scores[:, point].astype(np.float32)
        columns[f"score{point + 1}"] = pa.array(values, mask=failed)
    for axis, name in enumerate(("width", "height")):
        columns[name] = pa.array(sizes[:, axis].astype(np.int32), mask=failed)
    reasons = [shown(one) if isinstance(one, str) else None for one in found]
    columns["error"] = pa.array(reasons, pa.string())
    return pa.table(columns, metadata={"points": json.dumps(list(points))})


def _content(filesystem: "AbstractFileSystem", path: str) -> bytes | str:
    """Bytes, or why there are none; fsspec's ``cat`` of many takes [, * and ? for patterns."""
    try:
        return bytes(filesystem.cat_file(path))
    except Exception as error:  # each file system raises its own
        return _reason(error)


def _bytes_of(image: Any) -> bytes | str:
    content = image.get("bytes") if isinstance(image, dict) else image
    return content if isinstance(content, bytes) else "there are no bytes in this row"


def _reason(error: Exception) -> str:
    told = getattr(error, "strerror", None)
    if not told and isinstance(error, FileNotFoundError):
        told = os.strerror(errno.ENOENT)  # object stores say but the path
    return told or ": ".join(filter(None, [type(error).__name__, " ".join(str(error).split())]))
