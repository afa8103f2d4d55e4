"""Frames of videos as image files, made once and kept in the folder of the cache.

    CACHE/frames/clip.mp4-KEY/000123.jpg    the frame 123 of clip.mp4
    CACHE/frames/clip.mp4-KEY/told.txt      if the video is damaged: a sentence a line on how

The key hashes the bytes of the video, how many frames were asked for and how they are chosen. They
are JPEG of quality 95 at full resolution and colour: a tenth of what PNG would take, and the video
has lost more before. A folder is made under another name and renamed when complete, and may be
deleted at any time; the same frames are then taken again.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from warpmarks.arguments import expect, expect_path, expect_whole
from warpmarks.datasets.cache import folder_of_caches
from warpmarks.datasets.image_set import ImageSet
from warpmarks.datasets.videos import is_video_name
from warpmarks.errors import InputError
from warpmarks.system.files import PARTIAL, files_below, remove_partial_folders
from warpmarks.system.progress import Progress, SilentProgress
from warpmarks.video.choosing import FrameChoice, choose_frames
from warpmarks.video.library import pyav
from warpmarks.video.missing import Timeline
from warpmarks.video.reading import StoredFrame, Video
from warpmarks.wording import counted

FRAMES = 500
_VERSION = 1  # part of every key: raise it when other frames or pixels would be taken
_QUALITY = 95
_NAME = 200  # bytes, at most, of a video's name in that of its folder
_TOLD = "told.txt"
_LIST = ("videos", "the path of a video or of a folder of videos, or a list of such paths")


def find_videos(source: str | Path) -> list[Path]:
    """The video that is given, or all of a folder and its folders; hidden ones are passed over.

    Raises:
        InputError: one of the folders cannot be read.
    """
    source = Path(source)
    if not source.is_dir():
        return [source] if is_video_name(source) else []
    return sorted(files_below(source, is_video_name))


def find_frames(
    videos: str | Path | Sequence[str | Path],
    *,
    frames: int = FRAMES,
    choice: FrameChoice | str = FrameChoice.EVEN,
    cache_dir: str | Path | None = None,
    allow_unreadable: bool | None = None,
    progress: Progress | None = None,
) -> ImageSet:
    """Frames of videos, as images to train on or to show.

    >>> images = find_frames(["monday.mp4", "tuesday.mp4"], frames=300)  # doctest: +SKIP

    Args:
        videos: a file or a folder of files, or several of these.
        frames: to take from each video, or all where it has fewer.
        choice: ``even`` or ``difference``, see `warpmarks.video.choosing`.
        cache_dir: where they are kept; `warpmarks.datasets.cache.default_cache_dir` if not given.
        allow_unreadable: leave out files that cannot be read, where others can, and tell of them;
            None where whoever asks offers no --allow-unreadable.
        progress: told of the frames taken.

    Raises:
        InputError: a file is no video that can be read, there is none, or the frames cannot be
            kept.
    """
    listed = [videos] if isinstance(videos, str | Path) else list(expect(videos, Sequence, *_LIST))
    paths = [expect_path(video, "a video", _LIST[1]) for video in listed]
    if not paths:
        raise InputError("videos is empty: expected at least one path")
    expect_whole(frames, "--frames")
    if choice not in list(FrameChoice):
        raise InputError(f"--frame-choice is {choice!r}: expected {' or '.join(FrameChoice)}")
    files = [file for path in paths for file in find_videos(path) or [path]]
    home = folder_of_caches(cache_dir) / "frames"
    progress = progress or SilentProgress()
    opened = _opened(list(dict.fromkeys(files)), allow_unreadable, progress)
    folders = [_folder(video, frames, FrameChoice(choice), home, progress) for video in opened]
    given = paths[0] if len(paths) == 1 else None
    if len(folders) == 1:
        return ImageSet(folders[0], tuple(_images(folders[0])), given, of_videos=True)
    names = {f"{folder.name}/{name}" for folder in folders for name in _images(folder)}
    return ImageSet(home, tuple(sorted(names)), given, of_videos=True)


def _opened(
    files: Sequence[Path], allow_unreadable: bool | None, progress: Progress
) -> list[Video]:
    """The videos that can be read; what to do about another among several is said."""
    pyav()  # without it none can
    opened: list[Video] = []
    failed: list[InputError] = []
    for file in files:
        try:
            opened.append(Video(file))
        except InputError as error:
            if len(files) == 1:
                raise
            if not allow_unreadable:
                advice = "" if allow_unreadable is None else "; or go on with --allow-unreadable"
                raise InputError(f"{error}, or take it out of the videos{advice}") from error
            failed.append(error)
    if not opened and failed:
        raise failed[0]
    for reason in failed:
        progress.message(f"{reason}; it is left out")
    return opened


def _folder(video: Video, frames: int, choice: FrameChoice, home: Path, progress: Progress) -> Path:
    """The folder with the frames of one video, made if it is not there."""
    file = video.path
    folder = home / f"{_beginning(file.name)}-{_key(file, frames, choice)}"
    if not folder.is_dir():
        _make(folder, video, frames, choice, progress)
    for line in _told(folder):
        progress.message(f"{file}: {line}")
    return folder


def _make(folder: Path, video: Video, frames: int, choice: FrameChoice, progress: Progress) -> None:
    file, home = video.path, folder.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        remove_partial_folders(home)
        stored, lost = video.stored_and_lost()
        # This may take long in which nothing is written, as if the folder were stale.
        chosen = choose_frames(video, stored, frames, choice)
        temporary = home / f".{secrets.token_hex(8)}{PARTIAL}"
        temporary.mkdir()
        try:
            told = _take(video, stored, chosen, temporary, progress)
            told += _missing(video, stored, lost)
            if told:
                (temporary / _TOLD).write_text("".join(f"{line}\n" for line in told), "utf-8")
            _move(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"the frames of {file} cannot be kept in {home} ({error.strerror or error}): make "
            "room, or set WARPMARKS_CACHE to another folder"
        ) from error


def _take(
    video: Video,
    stored: Sequence[StoredFrame],
    chosen: Sequence[int],
    folder: Path,
    progress: Progress,
) -> list[str]:
    """What is to be told of frames that cannot be taken."""
    progress.start(f"Taking frames from {video.path.name}", len(chosen))
    taken = 0
    for frame in video.only(set(chosen), stored):
        assert frame.image is not None
        path = folder / f"{frame.index:06}.jpg"
        Image.fromarray(frame.image).save(path, quality=_QUALITY, subsampling=0)
        taken += 1
        progress.advance()
    progress.finish()
    if not taken:
        raise InputError(f"{video.path}: none of its frames can be decoded: give another video")
    if taken == len(chosen):
        return []
    return [f"{len(chosen) - taken} of {len(chosen)} frames cannot be decoded and were left out"]


def _missing(video: Video, stored: Sequence[StoredFrame], lost: int) -> list[str]:
    timeline = Timeline(video)
    timeline.note_stored(stored)
    if not lost:
        return timeline.lines()
    where = f"the file ends after {counted(len(stored), 'frame')}"
    return [f"{where}, where its head announces {counted(lost, 'frame')} more"]


def _told(folder: Path) -> list[str]:
    try:
        return (folder / _TOLD).read_text("utf-8").splitlines()
    except OSError:
        return []  # nothing is to be told


def _beginning(name: str) -> str:
    """What leaves room for a key where a name may have 255 bytes."""
    whole = name.encode(errors="surrogateescape")
    return name if len(whole) <= _NAME else whole[:_NAME].decode(errors="ignore")


def _key(file: Path, frames: int, choice: FrameChoice) -> str:
    whole = hashlib.blake2b(digest_size=8)
    whole.update(json.dumps([_VERSION, frames, choice.value]).encode())
    try:
        with file.open("rb") as content:
            whole.update(hashlib.file_digest(content, "blake2b").digest())
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror or error})") from error
    return whole.hexdigest()


def _move(temporary: Path, folder: Path) -> None:
    """Give complete frames their name; another process may have been first."""
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _images(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.jpg"))
