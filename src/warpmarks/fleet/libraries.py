"""Ray, and what comes with it, imported where a fleet is asked for."""

from types import ModuleType

from warpmarks.errors import InputError


def ray_library() -> ModuleType:
    """Ray, with Ray Data, pyarrow and fsspec.

    Raises:
        InputError: one of them is not installed.
    """
    try:
        import fsspec  # noqa: F401
        import pyarrow.parquet  # noqa: F401
        import ray.data
    except ImportError as error:
        raise InputError(
            f"detection on a fleet needs Ray Data, which is not installed ({error}): "
            "pip install 'warpmarks[fleet]'"
        ) from error
    return ray
