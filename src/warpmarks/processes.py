"""Which of a run's processes this one is, where torchrun, SLURM's srun or warpmarks started it."""

import os
from dataclasses import dataclass
from typing import Literal

PARENT = "WARPMARKS_PARENT"
"""Set for processes that warpmarks starts: the id of the one that did, and how many they are."""

LOST = 3
"""Exit code of a process that ends because another one has."""

_SLURM_INTERACTIVE = {"bash", "interactive"}
_FIRST_SPECIAL_STEP = 0xFFFFFFF0
"""SLURM's numbers for what is no srun: a batch script, an interactive shell."""


@dataclass(frozen=True)
class Place:
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


def place() -> Place | None:
    """This process's place; None of a process on its own."""
    told = os.environ
    if "TORCHELASTIC_RUN_ID" in told:
        processes, devices = int(told["WORLD_SIZE"]), int(told["LOCAL_WORLD_SIZE"])
        rank, local_rank = int(told["RANK"]), int(told["LOCAL_RANK"])
        return Place("torchrun", rank, local_rank, devices, processes // devices)
    if PARENT in told:
        devices, nodes = (int(number) for number in told[PARENT].split()[1:])
        node, local_rank = int(told["NODE_RANK"]), int(told["LOCAL_RANK"])
        return Place("warpmarks", node * devices + local_rank, local_rank, devices, nodes)
    if _in_step_of_srun():
        tasks, nodes = int(told["SLURM_NTASKS"]), int(told.get("SLURM_NNODES", "1"))
        rank, local_rank = int(told["SLURM_PROCID"]), int(told["SLURM_LOCALID"])
        return Place("srun", rank, local_rank, tasks // nodes, nodes)
    return None


def is_first_process() -> bool:
    """Whether this process speaks to the user."""
    here = place()
    return here is None or here.rank == 0


def is_first_on_its_machine() -> bool:
    """Whether no other process of this machine is before it."""
    here = place()
    return here is None or here.local_rank == 0


def _in_step_of_srun() -> bool:
    told = os.environ
    if not {"SLURM_STEP_ID", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"} <= told.keys():
        return False
    return (
        int(told["SLURM_STEP_ID"]) < _FIRST_SPECIAL_STEP
        and told.get("SLURM_JOB_NAME") not in _SLURM_INTERACTIVE
        and int(told["SLURM_NTASKS"]) > 1
    )
