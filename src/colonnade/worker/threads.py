"""How many cores there are to compute on."""

from __future__ import annotations

import os
from pathlib import Path

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


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
