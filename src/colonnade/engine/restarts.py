"""When a worker that has died gets a successor, and when it gets none any more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0

_HEALTHY = 60.0
"""Seconds of readiness after which a worker's end does not count against its successor."""

_TRIES = 3
"""Times that one file may fail to be loaded again."""


@dataclass
class Restarts:
    """Counts deaths, of workers that were of use, that were of none, and that were never ready.

    The successor of one that was of use, or the first of those that were of none, starts at once;
    then come pauses, each twice as long as the one before.
    """

    path: str
    useless: int = 0
    """Workers in a row that were ready, and died soon without having finished a request."""
    unready: int = 0
    """Workers in a row that died, or gave up, while they loaded the file."""
    pause: float = 0.0
    """Seconds before the next one starts."""

    def __post_init__(self) -> None:
        self._file = _identity(self.path)

    @property
    def hopeless(self) -> bool:
        """Whether to start no other."""
        return self.unready >= _TRIES

    def was_ready(self, *, served: bool, seconds: float) -> None:
        """A worker died after so many seconds of readiness; ``served``: it finished a request."""
        self.unready = 0
        self.useless = 0 if served or seconds > _HEALTHY else self.useless + 1
        self.pause = _pause(self.useless - 2)

    def was_loading(self) -> None:
        """A worker died before it was ready. Another file at the same place starts anew."""
        file = _identity(self.path)
        self.unready = self.unready + 1 if file == self._file else 1
        self._file = file
        self.pause = _pause(self.unready - 1)


def _pause(doublings: int) -> float:
    if doublings < 0:
        return 0.0
    return min(_FIRST_PAUSE * 2.0 ** min(doublings, 16), _LONGEST_PAUSE)


def _identity(path: str) -> tuple[int, int, int] | None:
    """What tells a file from another one at the same place."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
