"""How many cores there are to compute on."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

from colonnade.machine.cgroups import cpu_quota

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def compute_threads(wanted: int) -> int:
    """How many threads decode: as many as wanted, or with 0 what the cores and a quota allow."""
    if wanted:
        return wanted
    cores, quota = physical_cores(), cpu_quota()
    return cores if quota is None else max(1, min(cores, ceil(quota)))


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
