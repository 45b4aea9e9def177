"""How many cores there are to compute on."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from math import ceil
from pathlib import Path

from colonnade.machine.cgroups import cpu_quota

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


_NICE = 10


def compute_threads(wanted: int, workers: int = 1) -> int:
    """How many threads decode: as many as wanted, or with 0 what the cores and a quota allow, among
    so many workers."""
    if wanted:
        return wanted
    cores, quota = physical_cores(), cpu_quota()
    there = cores if quota is None else min(cores, ceil(quota))
    return max(1, there // workers)


def be_nice() -> None:
    """Let the calling thread, and those that it starts, have what others leave of the processors.
    Elsewhere than on Linux that could be said of the whole process only, and is not."""
    if sys.platform == "linux":
        with suppress(OSError):  # it is nicer already
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def physical_cores() -> int:
    """Number of physical cores that this process may run on, at least 1.

    Matrix products gain nothing from a core's second thread. Where the system does not tell which
    processors share a core, each one counts.
    """
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = set()
    for cpu in os.sched_getaffinity(0):
        try:
            cores.add(Path(_TOPOLOGY.format(cpu)).read_text(encoding="ascii").strip())
        except OSError:
            cores.add(str(cpu))
    return max(len(cores), 1)
