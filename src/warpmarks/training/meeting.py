"""The processes of a run wait for each other here, before torch joins them.

Torch waits as well, but in silence, for half an hour, and neither Ctrl-C nor SIGTERM ends it.
"""

import socket
import sys
import time
from datetime import timedelta

import torch.distributed as dist

from warpmarks.errors import InputError
from warpmarks.system.processes import ProcessPosition
from warpmarks.wording import first_of

LONGEST_MINUTES = 15.0
"""Machines may be started by hand, and one may have frames to extract first."""

TELL_AFTER = 10.0
"""Seconds after which it is told that others are waited for."""

_PAUSE = 0.1
_ANSWER = timedelta(seconds=20)


def meet(here: ProcessPosition, host: str, port: int) -> dist.TCPStore:
    """Wait until all processes of the run have come to the first one's machine.

    Returns:
        What they meet at. The first keeps it until torch has joined them.

    Raises:
        InputError: the first cannot be reached there, or others have not come in time.
    """
    everyone = [f"process {rank}" for rank in range(here.devices * here.nodes)]
    store, began, told = None, time.monotonic(), False
    while True:
        try:
            if store is None:
                store = _opened(host, port) if here.rank == 0 else _reached(host, port)
                if store is not None:
                    store.set(everyone[here.rank], "")
            if store is not None and store.check(everyone):
                return store
        except dist.DistError as error:
            raise InputError(
                f"the first process was met at {host}:{port} and has gone: see what it says there"
            ) from error
        waited = time.monotonic() - began
        if waited > 60 * LONGEST_MINUTES:
            absent = [
                rank for rank, name in enumerate(everyone) if store and not store.check([name])
            ]
            raise InputError(_in_vain(here, f"{host}:{port}", absent))
        if waited > TELL_AFTER and not told and here.local_rank == 0:
            whom = "the first machine" if store is None else "the other machines"
            whom = whom if here.nodes > 1 else "the other processes"
            sys.stderr.write(f"waiting for {whom} at {host}:{port}\n")
            sys.stderr.flush()
            told = True
        time.sleep(_PAUSE)


def _opened(host: str, port: int) -> dist.TCPStore:
    """The place, which the first process opens."""
    try:
        socket.getaddrinfo(host, port)  # torch would tell of each attempt
        return dist.TCPStore(
            host, port, None, True, timeout=_ANSWER, wait_for_workers=False, multi_tenant=True
        )
    except (OSError, OverflowError, TypeError, dist.DistError) as error:
        raise InputError(
            f"MASTER_ADDR is {host} and MASTER_PORT {port}, but the others cannot be met there "
            f"({str(error).splitlines()[0]}): give the first machine's address and a port that is "
            "free there"
        ) from error


def _reached(host: str, port: int) -> dist.TCPStore | None:
    """The place, where it is open; looked for without torch, which tells of each attempt."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return None
    try:
        return dist.TCPStore(host, port, None, False, timeout=_ANSWER, wait_for_workers=False)
    except dist.DistError:  # the first has gone again, or another service answers there
        return None


def _in_vain(here: ProcessPosition, place: str, absent: list[int]) -> str:
    """Who has not come, and what to do."""
    if here.nodes == 1:
        gone = first_of([str(rank + 1) for rank in absent or [0]])
        return (
            f"process {gone} of {here.devices} has not come to {place} within "
            f"{LONGEST_MINUTES:g} minutes: see what it says, and whether all were started"
        )
    machines = sorted({rank // here.devices for rank in absent} or {0})
    names = first_of([str(machine + 1) for machine in machines])
    return (
        f"machine {names} of {here.nodes} has not come to {place} within {LONGEST_MINUTES:g} "
        "minutes: see what the command says there, whether its NODE_RANK is "
        f"{first_of([str(machine) for machine in machines])}, and whether this place can be "
        "reached from there"
    )
