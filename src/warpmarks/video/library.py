"""PyAV, imported where a video is opened, and which files are videos."""

from pathlib import PurePath
from types import ModuleType

from warpmarks.errors import InputError

VIDEO_EXTENSIONS = (
    *(".3gp", ".asf", ".avi", ".dv", ".flv", ".h264", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov"),
    *(".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
)


def is_video_name(name: str | PurePath) -> bool:
    """Whether a file is taken for a video: by its extension, in upper or lower case."""
    return PurePath(name).suffix.lower() in VIDEO_EXTENSIONS


def pyav() -> ModuleType:
    """The library.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av
        import av.error
    except ImportError as error:
        raise InputError(
            "videos need PyAV, which is not installed: pip install 'warpmarks[video]'"
        ) from error
    return av
