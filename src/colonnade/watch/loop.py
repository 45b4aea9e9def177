"""How long callbacks held the event loop: what a monitored loop counts, for logs and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

Cause = Literal["computing", "blocked"]
CAUSES: Final[tuple[Cause, ...]] = ("computing", "blocked")


class Held(NamedTuple):
    """The seconds of one callback, by what the loop's thread did."""

    wall: float
    computing: float
    """On a processor."""
    waiting: float
    """Able to run, but other processes had the processors: no fault of the callback's."""

    @property
    def counted(self) -> float:
        """What counts: everything but waiting for a processor."""
        return self.wall - self.waiting

    def exceeds(self, limit: float) -> Cause | None:
        """Whether it held the loop for longer, and by what: its own work, or waiting for the
        system, a lock or the interpreter."""
        if self.computing > limit:
            return "computing"
        return "blocked" if self.counted > limit else None


@dataclass(slots=True)
class LoopCounts:
    """What was counted since the start; nothing, unless the loop is monitored."""

    limit: float = 0.0
    """Seconds that a callback may take; 0: the loop is not monitored."""
    callbacks: int = 0
    longest: float = 0.0
    slow: dict[Cause, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))

    def note(self, held: Held) -> Cause | None:
        """Count a callback that may have been slow; returns whether it was, and by what."""
        self.longest = max(self.longest, held.counted)
        cause = held.exceeds(self.limit)
        if cause is not None:
            self.slow[cause] += 1
        return cause


LOOP_COUNTS: Final = LoopCounts()
"""Of this process' event loop."""
