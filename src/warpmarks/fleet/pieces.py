"""Where a fleet's images are, and the pieces that the work is divided into.

A piece is some image files, or a row group of a Parquet file that has images as bytes. The same
source always has the same pieces, so that an interrupted detection can go on.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from warpmarks.datasets.decoders import readable_extensions
from warpmarks.datasets.file_marks import size_and_time
from warpmarks.datasets.image_set import find_images
from warpmarks.errors import InputError
from warpmarks.system.progress import Progress
from warpmarks.wording import first_of

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem

NAME_COLUMNS = ("name", "file_name", "filename", "path", "__key__", "key", "id", "url")
"""Taken for the images' names, the first that is there, where none is said."""

_CHANGES = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated")
"""What file systems tell of a file that is another when the file is."""

_LISTING_THREADS = 16


@dataclass(frozen=True)
class Piece:
    """A part of the work.

    Attributes:
        count: of images.
        names: of image files; none for a row group.
        paths: of these on their file system, or the one of the Parquet file.
        row_group: of the Parquet file.
        first_row: of the row group in its file, counted from 0.
        state: hash of the sizes and times of its files, where the file system tells them; no part
            of what the piece is.
    """

    count: int
    names: tuple[str, ...]
    paths: tuple[str, ...]
    row_group: int = -1
    first_row: int = 0
    state: str = ""

    def to_text(self) -> str:
        """Plain JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "Piece":
        """What ``to_text`` has written."""
        told = json.loads(text)
        return cls(**told | {name: tuple(told[name]) for name in ("names", "paths")})


@dataclass(frozen=True)
class Columns:
    """Where in Parquet files the images are.

    Attributes:
        image: bytes, or a struct with ``bytes`` in it, as in Hugging Face's data sets.
        name: text or a number; the file's name and the row's number if None.
    """

    image: str
    name: str | None


@dataclass(frozen=True)
class Work:
    """All that is to be done.

    Attributes:
        filesystem: where the images are.
        pieces: in order.
        columns: of Parquet files; None of image files.
    """

    filesystem: "AbstractFileSystem"
    pieces: tuple[Piece, ...]
    columns: Columns | None

    @property
    def count(self) -> int:
        """Of images."""
        return sum(piece.count for piece in self.pieces)

    def digest(self) -> str:
        """Hash of what the pieces are, and of the columns that are read."""
        whole = hashlib.blake2b(digest_size=16)
        if self.columns is not None:
            whole.update(json.dumps(asdict(self.columns)).encode())
        for piece in self.pieces:
            same = replace(piece, state="")
            whole.update(same.to_text().encode(errors="surrogateescape"))
        return whole.hexdigest()


def filesystem_of(place: str) -> "tuple[AbstractFileSystem, str]":
    """The file system that a path or a URL is on, and the path there.

    Raises:
        InputError: nothing is known of URLs of that kind, or its library is not installed.
    """
    import fsspec

    try:
        filesystem, path = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise InputError(f"{place} is on a file system that cannot be reached: {error}") from error
    return filesystem, path


def find_work(
    source: str,
    *,
    split: str | None = None,
    images_per_piece: int = 1000,
    image_column: str | None = None,
    name_column: str | None = None,
    progress: Progress | None = None,
) -> Work:
    """Find the images of a folder, a list, an image set, a URL, or Parquet files of image bytes.

    Args:
        source: a path or a URL that fsspec knows; of Parquet files also one with * in it.
        split: of an image set on this machine's file system.
        images_per_piece: of image files; a row group is a piece whatever its size.
        image_column: of Parquet files; found by its type if there is but one that can be it.
        name_column: of Parquet files; see `NAME_COLUMNS`.
        progress: told of what a folder holds beside the images.

    Raises:
        InputError: there are no images, or they cannot be found out of what is there.
    """
    filesystem, root = filesystem_of(source)
    tables = [] if split is not None else _tables(filesystem, root)
    if tables:
        return _work_of_tables(filesystem, tables, image_column, name_column)
    if image_column is not None or name_column is not None:
        raise InputError(f"{source} has no Parquet files, but a column was named: leave it out")
    if "://" not in source:
        images = find_images(source, split=split, progress=progress)
        paths = [str(path.absolute()) for path in images.paths()]
        # Of a link that leads nowhere its line of results will tell.
        states = [size_and_time(path, missing="") for path in paths]
        return Work(filesystem, _chunks(images.names, paths, states, images_per_piece), None)
    if split is not None:
        raise InputError("a split was asked for, but only image sets on local disks have splits")
    found = _visible(filesystem, root)
    paths = sorted(path for path in found if _is_image(path))
    if not paths:
        raise InputError(
            f"{source} has neither images (.jpg, .png, ...) nor Parquet files: check the URL and "
            "the credentials"
        )
    names = [_below(path, root) for path in paths]
    states = [_state(found[path]) for path in paths]
    return Work(filesystem, _chunks(names, paths, states, images_per_piece), None)


def _chunks(
    names: Sequence[str], paths: Sequence[str], states: Sequence[str], size: int
) -> tuple[Piece, ...]:
    parts = [slice(at, at + size) for at in range(0, len(names), size)]
    return tuple(
        Piece(
            len(names[part]),
            tuple(names[part]),
            tuple(paths[part]),
            state=hashlib.blake2b("\n".join(states[part]).encode(), digest_size=16).hexdigest(),
        )
        for part in parts
    )


def _state(listed: Mapping[str, Any]) -> str:
    """Size and time, or what an object store has for it, by a file system's list."""
    told = next((listed[key] for key in _CHANGES if listed.get(key)), "")
    return f"{listed.get('size')} {told}"


def _tables(filesystem: "AbstractFileSystem", root: str) -> list[str]:
    """Parquet files at a path."""
    if "*" in root:
        found: Iterable[str] = filesystem.glob(root)
    elif filesystem.isdir(root):
        found = _visible(filesystem, root, hidden=(".", "_"))  # of _SUCCESS and its like
    else:
        found = [root] if filesystem.exists(root) else []
    return sorted(path for path in found if path.lower().endswith(".parquet"))


def _visible(
    filesystem: "AbstractFileSystem", root: str, hidden: tuple[str, ...] = (".",)
) -> dict[str, Mapping[str, Any]]:
    """Files below a path, without those whose name, or a folder's, begins as hidden ones do.

    Each with what the file system tells of it as it is listed.
    """
    try:
        found = filesystem.find(root, detail=True)
    except Exception as error:  # each file system raises its own
        raise InputError(f"{root} cannot be searched for images ({error})") from error
    return {
        path: listed
        for path, listed in found.items()
        if not any(part.startswith(hidden) for part in PurePosixPath(_below(path, root)).parts)
    }


def _below(path: str, root: str) -> str:
    name = path.removeprefix(root.rstrip("/") + "/")
    return name or PurePosixPath(path).name


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in readable_extensions()


def _work_of_tables(
    filesystem: "AbstractFileSystem",
    paths: list[str],
    image_column: str | None,
    name_column: str | None,
) -> Work:
    import pyarrow.parquet as pq

    def footer(path: str) -> "tuple[pa.Schema, list[int], str]":
        try:
            with filesystem.open(path, "rb") as opened:
                file = pq.ParquetFile(opened)
                groups = range(file.metadata.num_row_groups)
                sizes = [file.metadata.row_group(g).num_rows for g in groups]
            return file.schema_arrow, sizes, _state(filesystem.info(path))
        except Exception as error:  # each file system raises its own
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path} cannot be read as a Parquet file ({reason})") from error

    with ThreadPoolExecutor(_LISTING_THREADS) as pool:
        footers = list(pool.map(footer, paths))
    columns = _choose_columns(footers[0][0], paths[0], image_column, name_column)
    pieces = []
    for path, (schema, sizes, state) in zip(paths, footers, strict=True):
        if missing := {columns.image, columns.name or columns.image} - set(schema.names):
            raise InputError(f"{path} has no column {min(missing)!r}, as {paths[0]} has")
        first = 0
        for group, size in enumerate(sizes):
            if size:
                pieces.append(Piece(size, (), (path,), group, first, state))
            first += size
    if not pieces:
        raise InputError(f"{paths[0]} and the Parquet files beside it have no rows")
    return Work(filesystem, tuple(pieces), columns)


def _choose_columns(schema: "pa.Schema", path: str, image: str | None, name: str | None) -> Columns:
    for flag, asked in (("image", image), ("name", name)):
        if asked is not None and asked not in schema.names:
            raise InputError(
                f"{path} has no column {asked!r} for --{flag}-column: it has "
                f"{first_of(schema.names)}"
            )
    if image is None:
        able = [field.name for field in schema if _holds_bytes(field.type)]
        if not able:
            raise InputError(
                f"{path} has no column of bytes, which images would be: it has "
                f"{first_of(schema.names)}"
            )
        if len(able) > 1:
            raise InputError(
                f"{path} has several columns that could be the images: name one of "
                f"{first_of(able)} with --image-column"
            )
        image = able[0]
    elif not _holds_bytes(schema.field(image).type):
        raise InputError(
            f"{path}: column {image!r} is of type {schema.field(image).type}: expected the images' "
            "bytes"
        )
    name = name or next((known for known in NAME_COLUMNS if known in schema.names), None)
    return Columns(image, name)


def _holds_bytes(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type)
    if types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))
