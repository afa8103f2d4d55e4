"""Folders that are written whole or not at all, though other files may be in them already."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warpmarks.system.files import cannot_write, make_folder


@contextmanager
def whole_folder(folder: Path, *, last: str = "") -> Iterator[Path]:
    """Yield an empty hidden folder whose files take their places when the block ends well.

    A folder that is not there is renamed from it. Into one that is there, which may hold the images
    and be a mounted disk, they are moved; where that fails or is stopped, all is as it was.

    Args:
        folder: where the files are to be.
        last: the one without which nobody reads the others: it gets its place after them.

    Raises:
        InputError: the folder cannot be made or written.
    """
    there = folder.is_dir()
    make_folder(folder if folder.exists() else folder.parent)
    try:
        made = Path(
            tempfile.mkdtemp(dir=folder if there else folder.parent, prefix=f".{folder.name}.")
        )
    except OSError as error:
        raise cannot_write(folder, error) from error
    fresh, old, kept = made / "new", made / "old", False
    try:
        fresh.mkdir()
        yield fresh
        if there:
            _move_in(fresh, folder, old, last)
        else:
            fresh.rename(folder)
        kept = True
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        if kept or not any(path.is_file() for path in old.rglob("*")):
            shutil.rmtree(made, ignore_errors=True)


def _move_in(fresh: Path, folder: Path, old: Path, last: str) -> None:
    moves: list[tuple[Path, Path]] = []
    try:
        for source, target in sorted(_pairs(fresh, folder), key=lambda pair: pair[1].name == last):
            if target.is_file() or target.is_symlink():
                aside = old / target.relative_to(folder)
                aside.parent.mkdir(parents=True, exist_ok=True)
                _move(target, aside, moves)
            _move(source, target, moves)
    except BaseException:
        for source, target in reversed(moves):
            if not source.exists():  # else it was stopped before it was moved
                target.rename(source)
        raise


def _move(source: Path, target: Path, moves: list[tuple[Path, Path]]) -> None:
    moves.append((source, target))
    source.rename(target)


def _pairs(fresh: Path, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Files, and folders that are not there yet, with their places."""
    for source in fresh.iterdir():
        target = folder / source.name
        if source.is_dir() and target.is_dir():
            yield from _pairs(source, target)
        else:
            yield source, target
