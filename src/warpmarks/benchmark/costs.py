"""What a fit, a start and memory cost."""

import subprocess
import sys
import time

import numpy as np

from warpmarks.regression.least_distance import fit_linear


def time_fit(count: int) -> float:
    """Seconds of the linear map from 30 landmarks to five points, its weight chosen."""
    drawn = np.random.default_rng(0).normal(size=(count, 35, 2))
    began = time.perf_counter()
    fit_linear(drawn[:, :30], drawn[:, 30:], bias=False)
    return time.perf_counter() - began


def time_start() -> tuple[float, float]:
    """Seconds of importing the package beyond torch, and of ``warpmarks --help``; each the best."""

    def taken(*arguments: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        return time.perf_counter() - began

    least = [
        min(taken(*arguments) for _ in range(3))
        for arguments in (
            ("-c", "import torch"),
            ("-c", "import torch, warpmarks; warpmarks.Detector"),
            ("-m", "warpmarks", "--help"),
        )
    ]
    return max(0.0, least[1] - least[0]), least[2]


def peak_megabytes() -> float:
    """Memory that this process took at most; nan where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1e-6 if sys.platform == "darwin" else 1024e-6)
