"""Memory of this process and of the workers, as the system counts it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple

_PROC: Final = Path("/proc")
_SELDOM: Final = 15.0
"""Seconds for which shares are taken to be as they were: the kernel walks all pages for them, for
as long as which the process may not map any."""


class Memory(NamedTuple):
    """Bytes. ``shared`` counts pages that several processes have in parts (PSS); None where the
    system does not tell."""

    resident: int
    shared: int | None


class Memories:
    """Asks the system for it. Reads files: to be used in a thread."""

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc
        self._shares: dict[int, tuple[float, int]] = {}
        """By process: when it was asked, and the answer."""

    def of(self, pid: int) -> Memory | None:
        """What a process has; None where there is none, or the system has no such files."""
        try:
            lines = (self._proc / str(pid) / "status").read_text("ascii", "replace").splitlines()
            resident = next(int(line.split()[1]) << 10 for line in lines if "VmRSS:" in line)
        except (OSError, StopIteration):
            self._shares.pop(pid, None)
            return None
        return Memory(resident, self._share(pid))

    def _share(self, pid: int) -> int | None:
        asked, share = self._shares.get(pid, (-_SELDOM, 0))
        now = time.monotonic()
        if now - asked < _SELDOM:
            return share
        try:
            text = (self._proc / str(pid) / "smaps_rollup").read_text("ascii", "replace")
        except OSError:
            return None
        lines = [line.split() for line in text.splitlines() if line.startswith("Pss:")]
        if not lines:
            return None
        self._shares[pid] = (now, int(lines[0][1]) << 10)
        return self._shares[pid][1]
