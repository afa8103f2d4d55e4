"""What a machine and its libraries are called."""

import platform
from importlib import metadata
from pathlib import Path


def version_of(library: str) -> str:
    """The version of a library that is installed, or that it is not."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"


def processor_name() -> str:
    """The processor's model where the system tells it, else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip().lower() in {"model name", "hardware"} and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()
