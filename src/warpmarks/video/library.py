"""PyAV, imported where a video is opened."""

from types import ModuleType

from warpmarks.errors import InputError


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


def words_of(error: Exception) -> str:
    """What the library says of an error, to stand within a sentence."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
