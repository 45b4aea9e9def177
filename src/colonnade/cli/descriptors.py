"""How many files, sockets and pipes this process may have open at a time."""

from __future__ import annotations

import logging
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

_ENOUGH: Final = 65536
"""Nobody needs more, and some systems call a number unlimited that they then refuse."""

_KEPT: Final = 64
"""Descriptors that no connection gets: they are for workers, databases and files."""
_FEWEST: Final = 8
_FEW: Final = 256
_MOST: Final = 10_000
"""Connections of which one process can still serve each."""

_log = logging.getLogger(__name__)


def raise_limit() -> None:
    """Raise the soft limit to the hard one, as far as it is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room_for_connections() -> int:
    """How many connections there may be besides what is open now."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _ENOUGH if limit == resource.RLIM_INFINITY else limit
    room = max(_FEWEST, min(limit - _in_use() - _KEPT, _MOST))
    if room < _FEW:
        _log.warning(
            "There is room for %d connections: this process may have %d files open, and its hard "
            "limit (ulimit -Hn) keeps it from raising that.",
            room,
            limit,
        )
    return room


def _in_use() -> int:
    for directory in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return sum(1 for _ in Path(directory).iterdir())
    return _KEPT
