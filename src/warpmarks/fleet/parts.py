"""A folder of results: one Parquet file a piece, and what they come from.

_about.json             what was detected with, and on what
part-000000.parquet     one row an image, in the order of the source
_complete.json          written at the end: how many images, and how many of them failed

Readers of Parquet folders pass over names that begin with an underscore.
"""

import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warpmarks.errors import InputError
from warpmarks.fleet.pieces import filesystem_of
from warpmarks.system.files import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
ABOUT, COMPLETE = "_about.json", "_complete.json"

_STATE = b"state of the images"
"""In the metadata of a piece's file."""


@dataclass(frozen=True)
class About:
    """What results come from; others cannot be added to them."""

    detector: str
    """Hash of its files, and of a regressor's."""
    work: str
    """Hash of the pieces."""
    format: int = FORMAT


class Parts:
    """The folder, on whatever file system; it can be sent to other processes.

    Args:
        place: a path or a URL.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._filesystem, self._root = filesystem_of(place)
        self._is_local = "://" not in place or place.startswith("file://")

    def check(self, about: About, *, resume: bool, overwrite: bool) -> None:
        """Raise if ``prepare`` would; nothing is made.

        Raises:
            InputError: something is there that may not be replaced or comes from something else.
        """
        if self._is_local:
            self._check_writable()
        there = self._names()
        if not there:
            return
        if ABOUT not in there:
            raise InputError(
                f"--output {self.place} is not empty and holds no detection: choose another folder"
            )
        if not (resume or overwrite):
            raise InputError(
                f"--output {self.place} holds a detection: go on with --resume, replace it with "
                "--overwrite, or choose another folder"
            )
        if overwrite:
            return
        try:
            told = json.loads(self._read(ABOUT))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.place}/{ABOUT} cannot be read ({error}): start anew with --overwrite"
            ) from error
        if told != asdict(about):
            known = told if isinstance(told, dict) else {}
            others = [name for name, value in asdict(about).items() if known.get(name) != value]
            raise InputError(
                f"--output {self.place} comes from something else ({', '.join(others)}): give "
                "the same run, regressor, copies, source and size of parts, or start anew with "
                "--overwrite"
            )

    def _check_writable(self) -> None:
        """Raise where the folder that is there, or that it would be made in, may not be written."""
        folder = Path(self._root)
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise InputError(
                f"--output {self.place}: {folder} is a file: expected the name of a folder"
            )
        if not os.access(folder, os.W_OK):
            raise InputError(f"--output {self.place}: the folder {folder} cannot be written")

    def prepare(self, about: About, *, resume: bool, overwrite: bool) -> None:
        """Make the folder, or keep what is there to go on with, but that it is complete.

        Raises:
            InputError: see ``check``, or the folder cannot be made.
        """
        self.check(about, resume=resume, overwrite=overwrite)
        there = self._names()
        goes_on = bool(there) and resume
        try:
            # What says that these are a detection's goes last, in case this is stopped.
            own = sorted(name for name in there if name == COMPLETE or name.startswith("part-"))
            for name in {COMPLETE} & there if goes_on else [*own, *({ABOUT} & there)]:
                self._filesystem.rm_file(f"{self._root}/{name}")
            if goes_on:
                return
            self._filesystem.makedirs(self._root, exist_ok=True)
        except Exception as error:  # each file system raises its own
            raise InputError(f"--output {self.place} cannot be written ({error})") from error
        self._write(ABOUT, json.dumps(asdict(about), indent=2).encode())

    def done(self, index: int, state: str = "") -> "tuple[int, int] | None":
        """Images in a piece's file, and how many of them failed; None if it is to be made.

        It is where it is not there, cannot be read, as a machine that went down may leave it, or
        is of images in another state.

        Args:
            index: of the piece.
            state: of the piece's images.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = f"{self._root}/{_part_name(index)}"
        if not self._filesystem.exists(path):
            return None
        try:
            with self._filesystem.open(path, "rb") as opened:
                table = pq.read_table(opened, columns=["error"])
        except (pa.ArrowException, OSError):
            return None
        before = (table.schema.metadata or {}).get(_STATE, b"").decode()
        if before and state and before != state:
            return None
        return len(table), len(table) - table["error"].null_count

    def write(self, index: int, table: "pa.Table", state: str = "") -> None:
        """A piece's file, whole or not at all; written again it replaces itself.

        Args:
            index: of the piece.
            table: its results.
            state: of its images.
        """
        import pyarrow.parquet as pq

        if state:
            metadata = (table.schema.metadata or {}) | {_STATE: state.encode()}
            table = table.replace_schema_metadata(metadata)
        encoded = io.BytesIO()
        pq.write_table(table, encoded)
        self._write(_part_name(index), encoded.getvalue())

    def complete(self, images: int, failed: int) -> None:
        """All is there."""
        self._write(COMPLETE, json.dumps({"images": images, "failed": failed}).encode())

    def _names(self) -> set[str]:
        if not self._filesystem.exists(self._root):
            return set()
        if not self._filesystem.isdir(self._root):
            raise InputError(f"--output {self.place} is a file: expected the name of a folder")
        found = self._filesystem.ls(self._root, detail=False)
        return {path.rstrip("/").rpartition("/")[2] for path in found}

    def _read(self, name: str) -> bytes:
        content: Any = self._filesystem.cat_file(f"{self._root}/{name}")
        return bytes(content)

    def _write(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        try:
            if not self._is_local:  # an object store has objects whole or not at all
                self._filesystem.pipe_file(path, content)
                return
            with atomic_path(Path(path), sync=False) as temporary:
                temporary.write_bytes(content)
        except InputError:
            raise
        except Exception as error:  # each file system raises its own
            raise InputError(f"{path} cannot be written ({error})") from error


def _part_name(index: int) -> str:
    return f"part-{index:06}.parquet"
