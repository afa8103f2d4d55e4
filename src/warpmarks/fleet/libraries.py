"""Ray, and what comes with it, imported where a fleet is asked for."""

from importlib.util import find_spec
from types import ModuleType

from warpmarks.errors import InputError


def check_libraries() -> None:
    """Raise where one of them is not installed; they are not imported, which takes seconds.

    Raises:
        InputError: see above.
    """
    for name in ("ray", "pyarrow", "fsspec"):
        if find_spec(name) is None:
            raise _missing(f"there is no {name}")


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
        raise _missing(str(error)) from error
    return ray


def _missing(reason: str) -> InputError:
    return InputError(
        f"detection on a fleet needs Ray Data, which is not installed ({reason}): "
        "pip install 'warpmarks[fleet]'"
    )
