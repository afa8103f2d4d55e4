"""Which of a run's processes this one is, where torchrun, SLURM's srun or warpmarks started it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

PARENT = "WARPMARKS_PARENT"
"""Set for processes that warpmarks starts: the id of the one that did, how many they are on each
machine, on how many machines, and the names of what was set beside it and nobody had given.

It stays for as long as the processes live, which may train again, and what they start inherits it.
"""

LOST = 3
"""Exit code of a process that ends because another one has."""

_SLURM_INTERACTIVE = {"bash", "interactive"}
_FIRST_SPECIAL_STEP = 0xFFFFFFF0
"""SLURM's numbers for what is no srun: a batch script, an interactive shell."""


@dataclass(frozen=True)
class ProcessPosition:
    """One of several processes that were started together.

    Attributes:
        starter: who started them.
        rank: this one's number among all, from 0.
        local_rank: its number on its machine.
        devices: processes on each machine.
        nodes: machines.
    """

    starter: Literal["torchrun", "srun", "warpmarks"]
    rank: int
    local_rank: int
    devices: int
    nodes: int


def process_position() -> ProcessPosition | None:
    """This process's position; None of a process on its own."""
    told = os.environ
    if "TORCHELASTIC_RUN_ID" in told:
        processes, devices = int(told["WORLD_SIZE"]), int(told["LOCAL_WORLD_SIZE"])
        rank, local_rank = int(told["RANK"]), int(told["LOCAL_RANK"])
        return ProcessPosition("torchrun", rank, local_rank, devices, processes // devices)
    if _started_here():
        devices, nodes = (int(number) for number in told[PARENT].split()[1:3])
        node, local_rank = int(told["NODE_RANK"]), int(told["LOCAL_RANK"])
        return ProcessPosition("warpmarks", node * devices + local_rank, local_rank, devices, nodes)
    if _in_step_of_srun():
        tasks, nodes = int(told["SLURM_NTASKS"]), int(told.get("SLURM_NNODES", "1"))
        rank, local_rank = int(told["SLURM_PROCID"]), int(told["SLURM_LOCALID"])
        return ProcessPosition("srun", rank, local_rank, tasks // nodes, nodes)
    return None


def is_first_process() -> bool:
    """Whether this process speaks to the user."""
    here = process_position()
    return here is None or here.rank == 0


def is_first_on_its_machine() -> bool:
    """Whether no other process of this machine is before it."""
    here = process_position()
    return here is None or here.local_rank == 0


def given() -> Mapping[str, str]:
    """The environment without what a run has set in which this process has no part."""
    told = dict(os.environ)
    if PARENT in told and not _started_here():
        for name in (PARENT, *told[PARENT].split()[3:]):
            told.pop(name, None)
    return told


def _started_here() -> bool:
    """Whether this process is one of those that `PARENT` was set for, or has inherited it."""
    told = os.environ
    if PARENT not in told:
        return False
    return _is_of(int(told[PARENT].split()[0]), int(told.get("LOCAL_RANK", "0")))


@cache
def _is_of(starter: int, local_rank: int) -> bool:
    """Kept from the first look: where the starter ends, its processes get another parent."""
    return starter == (os.getppid() if local_rank else os.getpid())


def _in_step_of_srun() -> bool:
    told = os.environ
    if not {"SLURM_STEP_ID", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"} <= told.keys():
        return False
    return (
        int(told["SLURM_STEP_ID"]) < _FIRST_SPECIAL_STEP
        and told.get("SLURM_JOB_NAME") not in _SLURM_INTERACTIVE
        and int(told["SLURM_NTASKS"]) > 1
    )
