"""Decides whether the model's threads spin for a moment before they sleep, by what steps take.

The threads of a step wait for each other hundreds of times. On an idle processor, above all a
virtual one, to be woken costs more than the work in between, and to spin costs nothing. Where
somebody else wants the same cores, a thread that spins keeps them from the very thread that it
waits for. Neither is known beforehand, and neither stays.
"""

from __future__ import annotations

import resource
from statistics import median
from typing import TYPE_CHECKING

from colonnade.messages import ThreadWait

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.worker.ports import ThreadWaits

_STEPS = 3
"""Steps alike, one after the other, that are looked at together, and steps of a trial: few, for on
an idle processor each one that sleeps costs milliseconds, and in a crowd each one that spins."""

_WORTH = 0.95
"""What part of a step's time the other way has to come down to."""

_SHORTEST, _LONGEST = 0.25, 4.0
"""Seconds between trials: longer each time that a trial changes nothing."""

_A_SECOND, _A_STEP = 300, 3
"""Involuntary switches of threads from which others are taken to want the cores. The server's own
process makes one or two a step, a busy neighbour hundreds or thousands a second."""

_SLOW = 1.3
"""How much longer than usual a step has to take for the same."""


def preemptions() -> int:
    """How often a thread of this process has lost its core to another one so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


class Spinning:
    """Tries the other way of waiting now and then, and keeps the faster one.

    Once at the beginning; later, while the threads spin, only where others seem to want the cores,
    and while they sleep, every few seconds.
    """

    def __init__(
        self,
        waits: ThreadWaits,
        tell: Callable[[ThreadWait], None],
        preempted: Callable[[], int] = preemptions,
        *,
        dearer: float = 1.0,
    ) -> None:
        """``waits`` spins at first. ``tell`` gets what a trial has found. ``dearer`` is by how much
        steps will be longer when threads spin than a few of them show: under a quota, time is
        taken away from all threads later."""
        self.spins = True
        self._waits = waits
        self._tell = tell
        self._preempted = preempted
        self._dearer = dearer
        self._rows = 0
        self._before: list[float] = []
        """Seconds of the last steps alike."""
        self._trial: list[float] | None = None
        """Seconds of the steps in which the other way is tried."""
        self._switches = 0
        """Those before the first of these steps."""
        self._knows = False
        """Whether there was a trial."""
        self._suspected = False
        """Whether others seemed to want the cores in the last steps."""
        self._usual: dict[int, float] = {}
        """Seconds of a step with spinning, by its rows, when that was last found right."""
        self._pause = _SHORTEST
        self._due = 0.0
        """When there may be another one."""

    def observe(self, rows: int, seconds: float, now: float) -> None:
        """Learn from a step of so many tokens, none of them a prompt's, that ended at ``now``; 0
        for a step that had others."""
        if rows != self._rows:
            self._interrupt()
            self._rows = rows
        if not rows:
            return
        if self._trial is not None:
            self._trial.append(seconds)
            if len(self._trial) == _STEPS:
                self._decide(median(self._before), median(self._trial), now)
            return
        if not self._before:
            self._switches = self._preempted()
        self._before.append(seconds)
        if len(self._before) == _STEPS:
            self._look(now)

    def _interrupt(self) -> None:
        """Other work came: a trial under way tells nothing."""
        if self._trial is not None:
            self._trial = None
            self._set(spins=self.spins)
        self._before.clear()

    def _look(self, now: float) -> None:
        """Begin a trial where there is a reason for one: where it seems crowded, for the second
        time, since others may have come in the midst of these steps."""
        suspected, self._suspected = self._suspected, self._crowded()
        if now >= self._due and (not (self._knows and self.spins) or suspected):
            self._trial = []
            self._set(spins=not self.spins)
        else:
            self._before.clear()

    def _crowded(self) -> bool:
        """Whether others seem to want the cores."""
        switches = self._preempted() - self._switches
        usual = self._usual.setdefault(self._rows, median(self._before))
        return (
            switches > _A_SECOND * sum(self._before) + _A_STEP * len(self._before)
            or median(self._before) > usual * _SLOW
        )

    def _decide(self, before: float, tried: float, now: float) -> None:
        change = self._dearer if self.spins else 1 / self._dearer
        better = tried < before * change * _WORTH
        if better:
            self.spins = not self.spins
            self._pause = _SHORTEST
        else:
            self._set(spins=self.spins)
            self._pause = min(self._pause * 2, _LONGEST)
        if better or not self._knows:
            spinning, asleep = (tried, before) if better is self.spins else (before, tried)
            self._tell(ThreadWait(self.spins, spinning * 1e3, asleep * 1e3))
        if self.spins:
            self._usual[self._rows] = tried if better else before
        self._knows = True
        self._trial = None
        self._before.clear()
        self._due = now + self._pause

    def _set(self, *, spins: bool) -> None:
        if spins:
            self._waits.spin()
        else:
            self._waits.sleep()
