"""How much memory there is, and whether the system has huge pages for it."""

from __future__ import annotations

from pathlib import Path

from colonnade.worker.cgroups import memory_left

_MEMORY = Path("/proc/meminfo")
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def free_memory() -> int | None:
    """Bytes that may be taken without pushing anything out; None where the system does not say."""
    try:
        lines = _MEMORY.read_text("ascii").splitlines()
    except OSError:
        return None
    there = next((int(line.split()[1]) << 10 for line in lines if "MemAvailable" in line), None)
    limited = memory_left()
    return there if there is None or limited is None else min(there, limited)


def has_huge_pages() -> bool:
    """Whether a process gets huge pages, at least where it asks for them."""
    try:
        return "[never]" not in _HUGE_PAGES.read_text("ascii")
    except OSError:
        return False
