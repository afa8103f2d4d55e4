"""The images of a project: which files may be read, and how large the images are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from warpmarks.datasets.image_set import ImageSet, find_images
from warpmarks.datasets.reading import UnreadableImage, read_size
from warpmarks.datasets.videos import is_video_name
from warpmarks.errors import InputError
from warpmarks.system.parallel import Workers
from warpmarks.system.progress import Progress, SilentProgress, one_by_one
from warpmarks.wording import counted

READERS = 8


@dataclass(frozen=True)
class ProjectImages:
    """Images that can be shown, by number.

    Attributes:
        title: what the set is called.
        root: the folder that names are relative to.
        names: see `warpmarks.datasets.image_set.ImageSet`.
        real: where each file really is, links followed, when the project was opened.
        sizes: width and height of the upright originals.
        left_out: names of the images that cannot be shown, each with the reason.
    """

    title: str
    root: Path
    names: tuple[str, ...]
    real: tuple[Path, ...]
    sizes: Float[np.ndarray, "images 2"]
    left_out: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.names)

    def path(self, index: int) -> Path:
        """The file of an image.

        Raises:
            UnreadableImage: it is gone, or leads elsewhere than when the project was opened.
        """
        path = self.root / self.names[index]
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise UnreadableImage(self.names[index], "the file is not there any more") from error
        if real != self.real[index]:
            raise UnreadableImage(self.names[index], "the file now leads to another place")
        return real


def open_images(
    source: str | Path, *, split: str | None = None, progress: Progress | None = None
) -> ProjectImages:
    """Find the images of a folder, a list or a set, and read their sizes.

    An image of a folder that is a link to a place outside of it is left out: the page must not show
    what nobody named. A text list names its files, wherever they are.

    Raises:
        InputError: there are none, or none that can be read, or it is a video.
    """
    source = Path(source)
    if is_video_name(source) and source.is_file():
        raise InputError(
            f"{source} is a video, and annotate takes images: take some of its frames with "
            "warpmarks.find_frames (see docs/video.md), and give their folder"
        )
    progress = progress or SilentProgress()
    found = find_images(source, split=split, progress=progress)
    return _checked(found, source, source.is_dir(), progress)


def _checked(found: ImageSet, source: Path, inside_only: bool, progress: Progress) -> ProjectImages:
    root = found.root.resolve()

    def examine(name: str) -> tuple[Path, tuple[int, int]] | str:
        if "\0" in name:
            return "its name has a character that landmarks.csv cannot hold"
        try:
            real = (found.root / name).resolve(strict=True)
        except (OSError, RuntimeError):
            return "a link that leads nowhere"
        if inside_only and not real.is_relative_to(root):
            return "a link to outside of the folder; a text file that lists the images may name it"
        try:
            return real, read_size(real)
        except UnreadableImage as error:
            return error.reason

    names: list[str] = []
    good: list[tuple[Path, tuple[int, int]]] = []
    left_out: list[tuple[str, str]] = []
    told = one_by_one(progress, "Reading images' sizes", found.names)
    with Workers(READERS) as workers:
        for name, result in zip(told, workers.in_order(examine, found.names), strict=True):
            if isinstance(result, str):
                left_out.append((name, result))
            else:
                names.append(name)
                good.append(result)
    if not names:
        raise InputError(
            f"{source}: none of its images ({counted(len(left_out), 'image')}) can be shown, for "
            f"instance {left_out[0][0]} ({left_out[0][1]})"
        )
    return ProjectImages(
        _title(source),
        found.root,
        tuple(names),
        tuple(real for real, _ in good),
        _widths_and_heights([size for _, size in good]),
        tuple(left_out),
    )


def _widths_and_heights(sizes: Sequence[tuple[int, int]]) -> Float[np.ndarray, "images 2"]:
    return np.array(sizes, dtype=np.float64)[:, ::-1].copy()


def _title(source: Path) -> str:
    resolved = source.resolve()
    name = resolved.stem if resolved.is_file() else resolved.name
    return name or "images"
