"""What an image costs a worker of the fleet: processor time, and bytes read and written.

    python benchmarks/fleet_cost.py RUN IMAGES [--images 1000] [--json FILE]

The first images are put into one Parquet file of row groups of 250, a piece each, and one worker of
`warpmarks fleet-detect` does them on one thread in this process, as Ray would have it do them; the
first piece once before, so that what is loaded on the way is not counted. Processor time is of the
whole process: waiting for a core that other work has does not change it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warpmarks.cli.ending import run_script
from warpmarks.datasets.image_set import find_images
from warpmarks.errors import InputError
from warpmarks.fleet.carried import files_of
from warpmarks.fleet.parts import About, Parts
from warpmarks.fleet.pieces import Work, find_work
from warpmarks.fleet.worker import FleetWorker
from warpmarks.system.files import write_json

ROWS, BATCH = 250, 32
"""Of a row group; and what `warpmarks fleet-detect` has the network see at a time."""


def main(arguments: list[str]) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--images", dest="count", type=int, default=1000, help="how many")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args(arguments)

    if options.count < 1:
        raise InputError(f"--images is {options.count}: expected at least 1")
    found = find_images(options.images)
    contents = [path.read_bytes() for path in list(found.paths())[: options.count]]
    with TemporaryDirectory() as folder:
        source = Path(folder) / "images.parquet"
        names = list(found.names[: len(contents)])
        pq.write_table(pa.table({"name": names, "image": contents}), source, row_group_size=ROWS)
        work = find_work(str(source))
        work_done(options.run, work, Path(folder) / "before", pieces=1)
        began = time.process_time()
        written = work_done(options.run, work, Path(folder) / "after")
        seconds = time.process_time() - began
    figures = {
        "images": len(contents),
        "cpu_ms_an_image": round(1000 * seconds / len(contents), 2),
        "bytes_read_an_image": round(sum(map(len, contents)) / len(contents)),
        "bytes_written_an_image": round(written / len(contents)),
    }
    print(json.dumps(figures, indent=2))
    if options.json:
        write_json(options.json, figures)


def work_done(run: Path, work: Work, output: Path, *, pieces: int | None = None) -> int:
    """Bytes that a worker has written when it has done the pieces, or the first of them."""
    parts = Parts(str(output))
    parts.prepare(About("detector", work.digest()), resume=False, overwrite=False)
    worker = FleetWorker(
        files_of(run, None), work, parts, batch_size=BATCH, threads=1, device="cpu"
    )
    texts = [piece.to_text() for piece in work.pieces][:pieces]
    worker({"index": np.arange(len(texts)), "piece": np.array(texts, dtype=object)})
    return sum(path.stat().st_size for path in output.rglob("*.parquet"))


if __name__ == "__main__":
    sys.exit(run_script(main))
