"""Detection on a fleet, from its source to its folder of results."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from warpmarks.detectors.loading import load_detector, names_of
from warpmarks.errors import InputError
from warpmarks.fleet.carried import digest_of, files_of
from warpmarks.fleet.libraries import check_libraries, ray_library
from warpmarks.fleet.parts import About, Parts
from warpmarks.fleet.pieces import Work, find_work
from warpmarks.fleet.worker import FleetWorker
from warpmarks.system.progress import Progress, SilentProgress

_MOST_TASKS = 10_000
"""Tasks that Ray keeps account of; more pieces than that are handed out several at a time."""

_LOCAL_OBJECT_STORE = 256 * 2**20
"""Bytes of Ray's own memory on this machine: only pieces' descriptions go through it."""


_PARTS = 10_000
"""Of one processor or GPU, in which Ray counts: six sixths, each rounded up, would be too many."""


@dataclass(frozen=True)
class Machine:
    """What Ray may use of one.

    Attributes:
        processors: it may be parts of one.
        gpus: whole ones.
    """

    processors: float
    gpus: int


@dataclass(frozen=True)
class FleetResult:
    """What a detection on a fleet did.

    Attributes:
        output: the folder.
        points: of each image.
        images: in it, those that failed too.
        failed: whose ``error`` says why they have no landmarks.
    """

    output: str
    points: int
    images: int
    failed: int


def detect_on_fleet(
    run: str | Path,
    source: str | Path,
    output: str | Path,
    *,
    regressor: str | None = None,
    copies: int | None = None,
    split: str | None = None,
    image_column: str | None = None,
    name_column: str | None = None,
    images_per_part: int = 1000,
    batch_size: int = 32,
    workers: int | None = None,
    device: str = "auto",
    address: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FleetResult:
    """Landmarks of any number of images into a folder of Parquet files, by many processes.

    Ray is used as it is if it has been started in this process, and else started, or joined at
    ``address``.

    Args:
        run: the folder of a run, or an exported file; it need not be on the workers' machines.
        source: images, see `warpmarks.fleet.pieces.find_work`; where Ray has several machines, a
            path that all of them have.
        output: folder to make, a path that all machines have, or a URL.
        regressor: write its points instead of the landmarks.
        copies: in place of the run's, see `warpmarks.detectors.detector.Detector.load`.
        split: of an image set.
        image_column: of Parquet files.
        name_column: of Parquet files.
        images_per_part: of image files: of as many, the work is lost with a worker.
        batch_size: images that the network sees at a time.
        workers: processes; one a GPU, or one a processor where there are none. No more of them are
            started than there are pieces of work.
        device: auto, cpu or cuda.
        address: of a Ray that runs; ``auto`` finds one on this machine.
        resume: go on with what an interrupted call with the same arguments has left.
        overwrite: replace it.
        progress: told of the images, and of what a folder holds beside them.

    Raises:
        InputError: see its sentence. An image that cannot be read is no error.
    """
    progress = progress or SilentProgress()
    # What is refused is refused before torch and Ray are imported, which takes seconds.
    check_libraries()
    check_address(address)
    files = files_of(Path(run), regressor, copies)
    work = find_work(
        str(source),
        split=split,
        images_per_piece=images_per_part,
        image_column=image_column,
        name_column=name_column,
        progress=progress,
    )
    parts = Parts(str(output))
    about = About(digest_of(files), work.digest())
    parts.check(about, resume=resume, overwrite=overwrite)
    points = names_of(load_detector(Path(run), regressor))
    ray = ray_library()
    images = failed = 0
    with _started(ray, address, workers):
        parts.prepare(about, resume=resume, overwrite=overwrite)
        count, resources = _share(ray, workers, device, len(work.pieces))
        worker = {
            "fn_constructor_args": (files, Work(work.filesystem, (), work.columns), parts),
            "fn_constructor_kwargs": {
                "batch_size": batch_size,
                "threads": max(1, int(resources["num_cpus"])),
                "device": device,
            },
        }
        progress.start("Detecting", work.count)
        results = _pieces(ray, work).map_batches(
            FleetWorker,
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=count),
            **worker,
            **resources,
        )
        for result in results.iter_batches(batch_size=None, prefetch_batches=0):
            if refused := next(filter(None, result["refused"]), None):
                raise InputError(str(refused))
            images += int(result["images"].sum())
            failed += int(result["failed"].sum())
            progress.advance(int(result["images"].sum()))
        progress.finish()
    parts.complete(images, failed)
    return FleetResult(str(output), len(points), images, failed)


def _pieces(ray: ModuleType, work: Work) -> Any:
    items = [{"index": index, "piece": piece.to_text()} for index, piece in enumerate(work.pieces)]
    return ray.data.from_items(items, override_num_blocks=min(len(items), _MOST_TASKS))


def _share(
    ray: ModuleType, workers: int | None, device: str, pieces: int
) -> tuple[int, dict[str, float]]:
    """How many workers, no more than there are pieces of work, and what each of them takes."""
    machines = [
        Machine(node["Resources"].get("CPU", 0.0), int(node["Resources"].get("GPU", 0.0)))
        for node in ray.nodes()
        if node["Alive"]
    ]
    gpus = sum(machine.gpus for machine in machines)
    if device == "cuda" and not gpus:
        raise InputError("--device is cuda, but Ray sees no GPU: use --device cpu")
    on_gpus = device != "cpu" and gpus > 0
    count = workers or gpus * on_gpus or int(sum(machine.processors for machine in machines)) or 1
    count = min(count, pieces)
    return count, share(machines, count, on_gpus=on_gpus)


def share(machines: Sequence[Machine], workers: int, *, on_gpus: bool) -> dict[str, float]:
    """What each worker takes, so that there is room for all: none spans two machines or GPUs.

    As many whole processors as can be, or the largest part of one; each machine has room for

        min(GPUs * workers per GPU, floor(processors / processors per worker)).
    """
    per_gpu = -(-workers // max(1, sum(machine.gpus for machine in machines)))

    def has_room(parts: int) -> bool:
        room = 0
        for machine in machines:
            by_processors = int(machine.processors * _PARTS) // parts
            room += min(machine.gpus * per_gpu, by_processors) if on_gpus else by_processors
        return room >= workers

    most = max((int(machine.processors) for machine in machines), default=0)
    wholes = (number * _PARTS for number in range(most, 0, -1))
    fractions = (_PARTS // sharing for sharing in range(2, min(workers, _PARTS) + 1))
    # Where nothing fits, Ray is not asked for processors: all the same, all are to run.
    processors = next(filter(has_room, (*wholes, *fractions)), 0)
    resources = {"num_cpus": processors / _PARTS}
    if on_gpus:
        resources["num_gpus"] = max(1, _PARTS // per_gpu) / _PARTS
    return resources


def check_address(address: str | None) -> None:
    """Raise where nobody listens: Ray itself would try for minutes.

    Raises:
        InputError: the address is none, or nothing answers there.
    """
    if address is None or address in {"auto", "local"}:
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        raise InputError(f"--address is {address}: expected HOST:PORT, ray://HOST:PORT or auto")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise InputError(f"--address {address}: nothing answers there ({error})") from error


@contextmanager
def _started(ray: ModuleType, address: str | None, workers: int | None) -> Iterator[None]:
    """Ray, started or joined if it was not; what was started is stopped."""
    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars
    context.enable_progress_bars = False
    mine = not ray.is_initialized()
    try:
        if mine:
            local = address is None and "RAY_ADDRESS" not in os.environ
            for name in ("ray", "ray.data"):
                logging.getLogger(name).setLevel(logging.ERROR)
            # It warns of restarts without what a worker is made from, which this process keeps.
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
            with _nothing_on_stderr(), _same_sigterm():
                ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    include_dashboard=False if local else None,
                    num_cpus=workers if local else None,
                    object_store_memory=_LOCAL_OBJECT_STORE if local else None,
                )
        yield
    except ConnectionError as error:
        raise InputError(f"--address {address}: there is no Ray ({error})") from error
    finally:
        context.enable_progress_bars = before
        if mine:
            ray.shutdown()


@contextmanager
def _same_sigterm() -> Iterator[None]:
    """What SIGTERM does here stays, where somebody has said: Ray takes it for itself."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if callable(before) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _nothing_on_stderr() -> Iterator[None]:
    """What Ray's own C++ writes as it starts is kept away: that it heeds the level of its log."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
