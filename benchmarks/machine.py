"""What the machine and its processes do, from /proc: CPU time, memory, other people's load."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import llama_cpp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_STEAL = 7
"""Column of /proc/stat with the time that the hypervisor gave to others."""


@dataclass(frozen=True)
class Memory:
    """Memory of a process in MiB. ``anonymous`` leaves mapped files out: it is its own alone."""

    resident: float
    proportional: float
    anonymous: float


def memory(pid: int) -> Memory:
    """Memory of a process."""
    found = {}
    for line in (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, size = line.split(":")
        found[name] = int(size.split()[0]) / 1024
    return Memory(found["Rss"], found["Pss"], found["Anonymous"])


def cpu_ticks(pid: int) -> int:
    """CPU time of a process so far, all threads, in clock ticks."""
    fields = (_PROC / str(pid) / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU time of some processes so far, all threads, in seconds."""
    return sum(map(cpu_ticks, pids)) / _TICKS


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """Another program that keeps a core busy while the block runs."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def ticks_per_second() -> int:
    """Clock ticks in a second."""
    return _TICKS


def children(pid: int) -> list[int]:
    """Processes that a process started and that still run."""
    found = []
    for task in (_PROC / str(pid) / "task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


class Intruders:
    """CPU time that went to processes other than those measured, since it was made."""

    def __init__(self, own: Sequence[int]) -> None:
        self._own = own
        self._busy = self._all_busy()
        self._ours = self._all_ours()
        self._uptime = _uptime()

    def cores(self) -> float:
        """Cores they kept busy on average, the hypervisor's other guests included."""
        busy = self._all_busy() - self._busy
        ours = self._all_ours() - self._ours
        seconds = _uptime() - self._uptime
        return max(0.0, (busy - ours) / _TICKS / seconds) if seconds else 0.0

    def _all_ours(self) -> int:
        return sum(cpu_ticks(pid) for pid in self._own)

    @staticmethod
    def _all_busy() -> int:
        columns = [int(text) for text in _first_line(_PROC / "stat").split()[1:]]
        user, nice, system, _idle, _wait, irq, softirq, steal = columns[: _STEAL + 1]
        return user + nice + system + irq + softirq + steal


def describe() -> str:
    """The machine and the library, in a line."""
    names = [
        line.partition(":")[2].strip()
        for line in (_PROC / "cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    name = names[0] if names else platform.machine()
    python = platform.python_version()
    return f"{cores} cores of {name}, llama-cpp-python {llama_cpp.__version__}, Python {python}"


def _uptime() -> float:
    return float(_first_line(_PROC / "uptime").split()[0])


def _first_line(path: Path) -> str:
    with path.open(encoding="ascii") as file:
        return file.readline()
