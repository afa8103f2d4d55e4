"""Detection by many processes on many machines, on Ray Data: images in, Parquet of coordinates out.

Ray hands out pieces of work and hands one out again where a worker is lost. A piece has one file of
results, written whole or not at all and always under the same name: done twice, it is there once.
"""

from warpmarks.fleet.detecting import FleetResult, detect_on_fleet

__all__ = ["FleetResult", "detect_on_fleet"]
