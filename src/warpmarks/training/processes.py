"""The processes of a run: how they are started, decide together, and end together.

Lightning Fabric joins them. Where neither torchrun nor srun has started them, they are started
here, as copies of the command that is running. These watch each other: where one is killed, the
others would wait for it, on a GPU for many minutes.
"""

import inspect
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from warpmarks.errors import InputError, LostProcess, ToldElsewhere
from warpmarks.system.devices import choose_device
from warpmarks.system.processes import LOST, PARENT, ProcessPosition, given, process_position
from warpmarks.training.alone import Alone
from warpmarks.training.meeting import meet

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import ClusterEnvironment

Value = TypeVar("Value")

LONGEST_WAIT = timedelta(days=1)
"""For the first process, which decodes the images while the others wait."""

GRACE = 10.0
"""Seconds in which a process should find out by itself that another has gone."""


def count_processes(devices: int | None, nodes: int | None) -> tuple[int, int]:
    """Processes on each machine, and machines; as many as have been started if it is not said.

    Raises:
        InputError: torchrun or srun has started another number, or there are to be several machines
            and nothing says where the others are.
    """
    here = process_position()
    if here is None or here.starter == "warpmarks":
        told = {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK"} <= given().keys()
        if (nodes or 1) > 1 and not told:
            raise InputError(
                f"--nodes is {nodes}, but nothing says where the others are: start with torchrun "
                "or srun, or set MASTER_ADDR, MASTER_PORT and NODE_RANK on each"
            )
        return devices or 1, nodes or 1
    if devices not in {None, here.devices}:
        raise InputError(
            f"--devices is {devices}, but {here.starter} has started {here.devices} processes "
            "on each machine: leave --devices out, or start as many"
        )
    if nodes not in {None, here.nodes}:
        raise InputError(
            f"--nodes is {nodes}, but {here.starter} has started processes on {here.nodes}: "
            "leave --nodes out, or start on as many"
        )
    return here.devices, here.nodes


class Processes:
    """This process and the others of the run, joined.

    Attributes:
        fabric: launched.
        count: of processes on all machines.
        first: whether this is the one that writes files.

    Args:
        device: auto, cpu or cuda.
        devices: processes on each machine.
        nodes: machines.

    Raises:
        InputError: no such device, or not as many; or other machines did not come.
        LostProcess: one of the others did not come up.
    """

    def __init__(self, device: str, devices: int = 1, nodes: int = 1) -> None:
        kind = _kind_of(device, devices)
        self.count = devices * nodes
        self._watch = _start(devices, nodes) if self.count > 1 else None
        try:
            with self.while_all_live():
                self.fabric = _join(kind, devices, nodes)
                # Decisions are taken on the hosts: they need not wait for the GPUs.
                self._hosts = (
                    dist.new_group(backend="gloo", timeout=LONGEST_WAIT) if self.count > 1 else None
                )
        except BaseException:
            self.abandon()
            raise
        self.first = self.fabric.is_global_zero

    def sums(self, *values: float) -> list[float]:
        """Each value's sum over all processes."""
        if self._hosts is None:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(told, group=self._hosts)
        sums: list[float] = told.tolist()
        return sums

    def of_first(self, value: float) -> float:
        """The first process's value."""
        return self.sums(value if self.first else 0.0)[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """All leave the block well, or all with an error, of which one tells the user.

        Nothing inside waits for other processes.
        """
        error = None
        try:
            yield
        except Exception as raised:
            if self._hosts is None:
                raise
            error = raised
        if self._hosts is None:
            return
        failed = [False] * self.count
        dist.all_gather_object(failed, error is not None, group=self._hosts)
        if error is not None and failed.index(True) == self.fabric.global_rank:
            if isinstance(error, InputError):
                error.tells = True
            raise error
        if any(failed):
            raise ToldElsewhere from error

    def in_turn(self, work: Callable[[], Value]) -> Value:
        """The same work in each process, the first of each machine before the others of it."""
        result: Value | None = None
        for turn in (True, False):
            with self.together():
                if (self.fabric.local_rank == 0) is turn:
                    result = work()
        return cast("Value", result)

    @contextmanager
    def while_all_live(self) -> Iterator[None]:
        """Inside, an error that comes from the end of another process says so.

        Raises:
            LostProcess: another process has ended.
        """
        try:
            yield
        except RuntimeError as error:
            if self._watch is None or isinstance(error, InputError):
                raise
            cause = self._watch.cause_within(GRACE / 2)
            if cause is None and not _of_connection(error):
                raise
            raise self._watch.lost(cause) from error

    def part(self) -> None:
        """The run is over for all: each may end, in any order."""
        if self._watch is not None:
            # Torch's CPU collectives abort where one process is gone before another is done.
            dist.barrier(group=self._hosts)
            self._watch.stop()
            dist.destroy_process_group()

    def abandon(self) -> None:
        """This process goes on alone, with an error that it tells of: the others are no use."""
        if self._watch is not None:
            self._watch.end_others()


class _Watch(threading.Thread):
    """Ends this process where another has ended and this one does not find out by itself."""

    def __init__(
        self, here: ProcessPosition, children: Mapping[int, "subprocess.Popen[bytes]"]
    ) -> None:
        super().__init__(daemon=True, name="watch over the other processes")
        self._here, self._children = here, children
        self._parent = None
        if here.starter == "warpmarks" and here.local_rank > 0:
            self._parent = int(os.environ[PARENT].split()[0])
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look twice a second."""
        while not self._stopped.wait(0.5):
            gone = self.cause() or any(child.poll() for child in self._children.values())
            if gone and not self._stopped.wait(GRACE):
                error = self.lost(self.cause())
                if error.tells:
                    sys.stderr.write(f"error: {error}\n")
                    sys.stderr.flush()
                os._exit(LOST)

    def stop(self) -> None:
        """Others may end now."""
        self._stopped.set()

    def end_others(self) -> None:
        """End those that this process has started, if they have not parted."""
        if not self._stopped.is_set():
            self.stop()
            for child in self._children.values():
                child.kill()
                child.wait()

    def cause(self) -> str | None:
        """Which process has ended before its time, and how; None where none is known of."""
        if self._parent is not None and os.getppid() != self._parent:
            return f"process 1 of {self._here.devices} has been killed"
        for rank, child in self._children.items():
            code = child.poll()
            # One that ended because of another is no cause.
            if code and code != LOST:
                return f"process {rank + 1} of {self._here.devices} {_how(code)}"
        return None

    def cause_within(self, seconds: float) -> str | None:
        """The same, as soon as it is known; a connection breaks before a process is gone."""
        until = time.monotonic() + seconds
        while (cause := self.cause()) is None and time.monotonic() < until:
            if not self._children and self._parent is None:
                break
            time.sleep(0.05)
        return cause

    def lost(self, cause: str | None) -> LostProcess:
        """The error, and the end of those that are left."""
        orphan = self._parent is not None and os.getppid() != self._parent
        started_here = self._here.starter == "warpmarks" and self._here.local_rank == 0
        tells = self._here.rank == 0 or started_here or (orphan and self._here.local_rank == 1)
        self.end_others()
        return LostProcess(
            f"{cause or 'another process has ended'}, and the run with it: go on from its last "
            "checkpoint with the same command and --resume",
            tells=tells,
        )


def _kind_of(device: str, devices: int) -> str:
    kind = choose_device(device).type
    if device not in {"auto", kind}:
        raise InputError(f"--device is {device}: training takes auto, cpu or cuda, not one of them")
    if kind == "cuda" and devices > torch.cuda.device_count():
        raise InputError(
            f"--devices is {devices}, but there are {torch.cuda.device_count()} GPUs here: use as "
            "many, and let a scheduler show all of a machine's to each of its processes"
        )
    return kind


def _start(devices: int, nodes: int) -> _Watch:
    """Start the other processes of this machine, unless somebody has."""
    children: dict[int, subprocess.Popen[bytes]] = {}
    if process_position() is None:
        command = [sys.executable, *sys.orig_argv[1:]]
        if hasattr(sys, "ps1") or "ipykernel" in sys.modules or command[1:] in ([], ["-"]):
            raise InputError(
                f"--devices is {devices}, but there is no command that other processes could be "
                "started with: put the training into a script, or use the command line"
            )
        defaults = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "NODE_RANK": "0"}
        mine = [name for name in defaults if name not in given()]
        os.environ.update({name: defaults[name] for name in mine})
        os.environ["WORLD_SIZE"] = str(devices * nodes)
        os.environ["LOCAL_RANK"] = "0"
        os.environ[PARENT] = " ".join(map(str, (os.getpid(), devices, nodes, *mine)))
        for rank in range(1, devices):
            environment = os.environ | {"LOCAL_RANK": str(rank)}
            children[rank] = subprocess.Popen(command, env=environment)
    here = process_position()
    assert here is not None
    watch = _Watch(here, children)
    watch.start()
    return watch


def _join(kind: str, devices: int, nodes: int) -> "Fabric | Alone":
    """Lightning Fabric takes seconds to import: only a run of several processes pays for it."""
    if devices * nodes == 1:
        return Alone(torch.device(kind))
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import (
        LightningEnvironment,
        SLURMEnvironment,
        TorchElasticEnvironment,
    )
    from lightning_fabric.strategies import DDPStrategy

    here = process_position()
    environment: ClusterEnvironment = LightningEnvironment()
    if here is not None:
        if here.starter == "torchrun":
            environment = TorchElasticEnvironment()
        elif here.starter == "srun":
            os.environ["SLURM_NTASKS_PER_NODE"] = str(devices)
            environment = SLURMEnvironment()
    # Normalisation sees the whole batch in every process: its statistics need not be sent.
    known = inspect.signature(DistributedDataParallel).parameters
    sync = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    unsent: dict[str, Any] = {sync: False}
    fabric = Fabric(
        accelerator=kind,
        devices=devices,
        num_nodes=nodes,
        strategy=DDPStrategy(**unsent),
        plugins=[environment],
    )
    met = None
    if here is not None and here.starter != "torchrun":  # which has them meet before
        met = meet(here, environment.main_address, environment.main_port)
    with _only_warnings("lightning_fabric"):
        fabric.launch()
    del met
    return fabric


@contextmanager
def _only_warnings(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _of_connection(error: RuntimeError) -> bool:
    """Whether collective communication has broken off, which torch tells in words only."""
    words = ("gloo", "connection", "nccl", "socket", "store")
    return isinstance(error, dist.DistError) or any(word in str(error).lower() for word in words)


def _how(code: int) -> str:
    if code < 0:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with exit code {code}"
