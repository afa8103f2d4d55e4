"""Videos in the verbs: options, frames as images, and ``detect`` on a video."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmarks.errors import InputError
from warpmarks.wording import counted

if TYPE_CHECKING:
    from warpmarks.datasets.image_set import ImageSet
    from warpmarks.detectors.base import ImageDetector
    from warpmarks.system.progress import Progress
    from warpmarks.video.detecting import FramePoints


class FrameChoice(StrEnum):
    """How frames are chosen, as `warpmarks.video.choosing.FrameChoice` names it."""

    EVEN = "even"
    DIFFERENCE = "difference"


ImagesOrVideos = Annotated[
    list[Path],
    typer.Argument(
        metavar="IMAGES...",
        show_default=False,
        help="A folder of images (searched recursively), a text file with one path a line, or an "
        "image set (a folder with images/ and split.csv); or videos, or a folder of them.",
    ),
]
ImagesOrVideo = Annotated[
    Path,
    typer.Argument(
        metavar="IMAGES",
        show_default=False,
        help="A folder of images (searched recursively), a text file with one path a line (- is "
        "stdin, with paths from here), an image set (a folder with images/ and split.csv), or a "
        "video.",
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(
        min=1, show_default="500", help="Frames to take from each video, where IMAGES are videos."
    ),
]
FrameChoiceOption = Annotated[
    FrameChoice | None,
    typer.Option(
        "--frame-choice",
        show_default="even",
        help="Which frames of a video: spread evenly, or those that differ most.",
    ),
]
Overlay = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        help="Of a video: also write it with the points drawn on it, as .mp4, .mkv or .mov.",
    ),
]
Trails = Annotated[
    int,
    typer.Option(
        min=0, max=1000, help="Frames that the trail of a point reaches back in the overlay."
    ),
]
Smooth = Annotated[
    int | None,
    typer.Option(
        metavar="FRAMES",
        show_default=False,
        help="Of a video: add columns of points smoothed over so many frames, an odd number such "
        "as 7, by Savitzky and Golay's filter weighted with the scores.",
    ),
]


@dataclass(frozen=True)
class VideoOutput:
    """What ``detect`` makes of a video beside the points."""

    overlay: Path | None
    trails: int
    smooth: int | None

    def check(self, images: Path, *, split: str | None, resume: bool, overwrite: bool) -> bool:
        """Whether IMAGES is a video.

        Raises:
            InputError: something was asked for that it does not have, or the overlay could not be
                written in the end.
        """
        from warpmarks.cli.outputs import check_output_file
        from warpmarks.datasets.videos import is_video_name
        from warpmarks.video.extracting import find_videos

        if is_video_name(images):
            if split is not None:
                raise InputError(
                    f"--split {split} was given, but a video has no splits: leave it out"
                )
            if resume:
                raise InputError(
                    "--resume was given, but a video is read in one go: leave it out and start anew"
                )
            if self.trails and self.overlay is None:
                raise InputError(
                    f"--trails {self.trails} was given, but they are drawn into an overlay: name "
                    "one with --overlay, or leave it out"
                )
            if self.overlay is not None:
                if self.overlay.exists() and images.exists() and self.overlay.samefile(images):
                    raise InputError(
                        f"--overlay {self.overlay} is the video itself: choose another name"
                    )
                check_output_file(self.overlay, overwrite=overwrite, flag="--overlay")
            return True
        if images.is_dir() and not _holds_images(images) and (videos := find_videos(images)):
            raise InputError(
                f"{images} holds {counted(len(videos), 'video')} and no images: give detect one "
                f"video at a time, such as {videos[0]}"
            )
        for flag, given in (
            ("--overlay", self.overlay is not None),
            ("--trails", self.trails > 0),
            ("--smooth", self.smooth is not None),
        ):
            if given:
                raise InputError(f"{flag} was given, but IMAGES is no video: leave it out")
        return False


def find_images_or_frames(
    sources: Sequence[Path],
    *,
    split: str | None,
    frames: int | None,
    choice: FrameChoice | None,
    cache: Path | None = None,
    allow_unreadable: bool = False,
    progress: "Progress | None" = None,
) -> "ImageSet":
    """The images that are meant, or frames of the videos that are meant.

    A folder that holds images is one of images, whatever else is in it.

    Raises:
        InputError: nothing is found, images and videos are mixed, or flags of the other kind are
            given.
    """
    from warpmarks.datasets.image_set import find_images
    from warpmarks.datasets.videos import is_video_name
    from warpmarks.system.progress import SilentProgress
    from warpmarks.video.extracting import FRAMES, find_frames, find_videos

    progress = progress or SilentProgress()
    if len(sources) == 1 and not is_video_name(sources[0]):
        videos = find_videos(sources[0])
        if not videos or _holds_images(sources[0]):
            for flag, given in (("--frames", frames), ("--frame-choice", choice)):
                if given is not None:
                    raise InputError(
                        f"{flag} was given, but {sources[0]} is no video: leave it out"
                    )
            return find_images(sources[0], split=split, progress=progress)
    _check_all_videos(sources)
    if split is not None:
        raise InputError(f"--split {split} was given, but videos have no splits: leave it out")
    return find_frames(
        sources,
        frames=FRAMES if frames is None else frames,
        choice="even" if choice is None else choice.value,
        cache_dir=cache,
        allow_unreadable=allow_unreadable,
        progress=progress,
    )


def detect_in_video(
    detector: "ImageDetector",
    path: Path,
    output: Path,
    *,
    num_landmarks: int,
    scores: bool,
    wanted: VideoOutput,
    what: str = "landmark",
    batch_size: int = 32,
) -> float:
    """Write the points on every frame, and what else is wanted, while the video is read once.

    Returns:
        The mean score of the points.

    Raises:
        InputError: it is no video, no frame of it can be decoded, or a file cannot be written.
    """
    from warpmarks.cli.progress import terminal_progress
    from warpmarks.system.files import remove_left_behind
    from warpmarks.video.detecting import detect_video
    from warpmarks.video.missing import Timeline
    from warpmarks.video.overlay import overlay_writer
    from warpmarks.video.points_csv import points_writer
    from warpmarks.video.reading import Video

    video = Video(path)
    if not video.has_square_pixels:
        width, height = video.pixel_aspect.as_integer_ratio()
        print(
            f"{path} has pixels of {width}:{height}, which players stretch: points are in pixels "
            "as they are stored",
            file=sys.stderr,
        )
    for file in filter(None, (output, wanted.overlay)):
        remove_left_behind(file)
    broken: list[FramePoints] = []
    found = lost = 0
    total = 0.0
    timeline = Timeline(video)
    with ExitStack() as stack:
        progress = stack.enter_context(terminal_progress())
        frames = detect_video(
            detector,
            video,
            smooth=wanted.smooth,
            images=wanted.overlay is not None,
            batch_size=batch_size,
            progress=progress,
        )
        table = stack.enter_context(
            points_writer(output, num_landmarks, scores=scores, smoothed=wanted.smooth is not None)
        )
        overlay = None
        if wanted.overlay is not None:
            overlay = stack.enter_context(
                overlay_writer(wanted.overlay, video, trails=wanted.trails)
            )
        for frame in frames:
            table.write(frame)
            timeline.note(frame)
            if overlay is not None:
                overlay.write(frame)
            if frame.points is None:
                lost += 1
                broken += [frame] if len(broken) < _NAMED else []
            else:
                found += 1
                total += 0.0 if frame.scores is None else float(frame.scores.mean())
        if not found:
            raise InputError(
                f"{path}: none of its frames ({counted(lost, 'frame')}) can be decoded"
            )
    missing = (f"{path}: {line}" for line in timeline.lines())
    for line in (*_broken_lines(broken, lost), *missing):
        print(line, file=sys.stderr)
    print(f"{output}: {counted(num_landmarks, what)} on {counted(found, 'frame')}")
    if wanted.overlay is not None:
        print(f"{wanted.overlay}: the video with its points")
    return total / found


_NAMED = 20


def _broken_lines(broken: "Sequence[FramePoints]", count: int) -> list[str]:
    if not count:
        return []
    frames = counted(count, "frame")
    its = "its line has" if count == 1 else "their lines have"
    lines = [
        f"{frames} could not be decoded, {its} no points, and those after it may show traces of it "
        "until the next key frame:"
    ]
    lines += [f"  frame {each.index} at {each.time:.2f} s: {each.reason}" for each in broken]
    if count > len(broken):
        lines.append(f"  and {count - len(broken)} more")
    return lines


def _check_all_videos(sources: Sequence[Path]) -> None:
    """Raise where one of several is none; one alone is left to whoever reads it."""
    from warpmarks.video.extracting import find_videos

    if len(sources) == 1:
        return
    whole = Path(" ".join(map(str, sources)))
    if whole.exists():
        raise InputError(
            f"{' and '.join(map(str, sources))} were given, but '{whole}' exists: put quotes "
            "around it"
        )
    for source in sources:
        if not source.exists():
            raise InputError(
                f"{source} does not exist: several IMAGES must be videos, and a path with blanks "
                "needs quotes"
            )
        if not find_videos(source):
            raise InputError(
                f"{source} is no video and holds none: several IMAGES must be videos; give images "
                "of several folders as the folder above them, or as a text file with their paths"
            )


def _holds_images(source: Path) -> bool:
    """Whether a folder or list has images; a list always does."""
    from warpmarks.datasets.image_set import find_images

    if not source.is_dir():
        return True
    try:
        find_images(source)
    except InputError:
        return False
    return True
