"""How much memory there is, and whether the system has huge pages for it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.machine.cgroups import memory_left

if TYPE_CHECKING:
    from collections.abc import Mapping

_TUNABLE = (2, 35)

_RESERVE = 0.05
"""The part of what is free that is left to others."""

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


def usable_memory(allowed: int = 0) -> int | None:
    """Bytes that a model may take: as many as the operator allows, or most of what is free; None
    where the system does not say."""
    if allowed:
        return allowed
    free = free_memory()
    return None if free is None else int(free * (1 - _RESERVE))


def has_huge_pages(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what this process allocates comes in huge pages: all of it, or because glibc asks for
    them, as it does from 2.35 on where ``GLIBC_TUNABLES`` say so."""
    try:
        enabled = _HUGE_PAGES.read_text("ascii")
    except OSError:
        return False
    if "[always]" in enabled:
        return True
    name, version = platform.libc_ver()
    knows = name == "glibc" and tuple(map(int, version.split("."))) >= _TUNABLE
    asks = "glibc.malloc.hugetlb" in environ.get("GLIBC_TUNABLES", "")
    return "[madvise]" in enabled and knows and asks
