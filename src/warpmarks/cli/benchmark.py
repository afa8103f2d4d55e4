"""``warpmarks benchmark``: the speed of this machine."""

from warpmarks.cli.options import Device, DeviceChoice, Threads


def benchmark(device: DeviceChoice = Device.AUTO, threads: Threads = None) -> None:
    """Measure training and detection on this machine, and how near they come to its limit."""
    raise NotImplementedError
