"""``warpmarks system``: what to paste into a bug report."""

import os
import platform

LIBRARIES = (
    "warpmarks",
    "torch",
    "numpy",
    "pillow",
    "lightning-fabric",
    "safetensors",
    "pydantic",
    "typer",
    "matplotlib",
)


def system() -> None:
    """Versions, device and threads of this machine: what to paste into a bug report."""
    facts = describe_system()
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")


def describe_system() -> list[tuple[str, str]]:
    """Names and values, in the order in which they are printed."""
    import torch

    from warpmarks.system.machine import processor_name, version_of
    from warpmarks.system.parallel import processors

    facts = [(name, version_of(name)) for name in LIBRARIES]
    facts += [
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("platform", platform.platform()),
        ("processor", processor_name()),
        ("cores", f"{processors()} usable of {os.cpu_count()}"),
        ("torch threads", str(torch.get_num_threads())),
        ("memory", _memory()),
    ]
    facts += [(f"gpu {index}", _gpu(index)) for index in range(torch.cuda.device_count())]
    if not torch.cuda.is_available():
        facts.append(("gpu", "none that this torch can use"))
    return [*facts, ("cache", _cache())]


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "unknown"
    return f"{total / 2**30:.1f} GiB"


def _gpu(index: int) -> str:
    import torch

    device = torch.cuda.get_device_properties(index)
    return f"{device.name}, {device.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"


def _cache() -> str:
    from warpmarks.datasets.cache import default_cache_dir

    folder = default_cache_dir()
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    size = sum(path.stat().st_size for path in files)
    return f"{folder} ({size / 2**20:.0f} MiB)"
