"""Which files are videos, and what a frame of one is called among images: ``clip.mp4#12``."""

from pathlib import PurePath

EXTENSIONS = (
    *(".3gp", ".asf", ".avi", ".dv", ".flv", ".h264", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov"),
    *(".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
)


def is_video_name(name: str | PurePath) -> bool:
    """Whether a file is taken for a video: by its extension, in upper or lower case."""
    return PurePath(name).suffix.lower() in EXTENSIONS


def frame_of(name: str) -> tuple[str, int] | None:
    """Video and number of ``clip.mp4#12``; None of the name of an image."""
    video, _, number = name.rpartition("#")
    if is_video_name(video) and number.isascii() and number.isdecimal():
        return video, int(number)
    return None
