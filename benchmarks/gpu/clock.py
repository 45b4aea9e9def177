"""Time that is shared out: each part gets its share of what those before it left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Clock:
    """A number of seconds that run from when it was made."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._now = now
        self._began = now()

    @property
    def gone(self) -> float:
        """Seconds that have passed."""
        return self._now() - self._began

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return max(0.0, self.seconds - self.gone)

    def part(self, share: float) -> Clock:
        """A clock for a share of what remains."""
        return Clock(self.left * share, self._now)

    def parts(self, shares: Mapping[str, float]) -> Iterator[tuple[str, Clock]]:
        """A clock for each name when its turn comes, by its weight among those not yet served."""
        remaining = sum(shares.values())
        for name, share in shares.items():
            yield name, self.part(share / remaining)
            remaining -= share
