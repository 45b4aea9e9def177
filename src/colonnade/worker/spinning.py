"""Decides whether the model's threads spin for a moment before they sleep, by what steps take.

The threads of a step wait for each other hundreds of times. On an idle processor, above all a
virtual one, to be woken costs more than the work in between, and to spin costs nothing. Where
somebody else wants the same cores, a thread that spins keeps them from the very thread that it
waits for. Neither is known beforehand, and neither stays.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from colonnade.messages import ThreadWait

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.worker.ports import ThreadWaits

_TRIAL = 3
"""Steps of a trial: few, for on an idle processor each one that sleeps costs milliseconds, and in a
crowd each one that spins. They need not have as many rows, or follow on each other."""

_LONGEST_TRIAL = 12
"""Steps after which a trial ends without a result, where nothing is known to hold most against."""

_WORTH = 0.95
"""What part of a step's time the other way has to come down to."""

_SHORTEST, _LONGEST = 0.25, 4.0
"""Seconds between trials: longer each time that a trial changes nothing."""

_A_SECOND, _A_STEP = 300, 3
"""Involuntary switches of threads from which others are taken to want the cores. The server's own
process makes one or two a step, a busy neighbour hundreds or thousands a second."""

_SLOW = 1.4
"""How much longer than usual a crowded step takes at the least."""

_CROWDED, _FREE = 2, 6
"""Steps, one after the other, that look crowded, or free, before that is believed."""

_CALM = 20
"""Steps, one after the other, that nobody disturbed, after which whoever comes is new: earlier
trials say nothing of that."""

_NEW = 0.5
"""Weight of the newest step in what a step takes."""

_NEW_USUAL = 0.1
"""The same for what it usually takes."""


def preemptions() -> int:
    """How often a thread of this process has lost its core to another one so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


class Spinning:
    """Tries the other way of waiting now and then, and keeps the faster one.

    Once at the beginning; later, while the threads spin, where others seem to want the cores, and
    while they sleep, every few seconds, or once the cores seem to be free. Steps are held against
    steps of as many rows.
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
        self._switches = preempted()
        """At the end of the last step."""
        self._seen = 0
        """Steps outside of trials."""
        self._takes: dict[int, float] = {}
        """Seconds of a step of late, by its rows, the present way."""
        self._usual: dict[int, float] = {}
        """Seconds of a step with spinning that others did not disturb, by its rows."""
        self._signs = 0
        """How many steps in a row looked as if the other way were better now."""
        self._calm = 0
        """How many steps in a row nobody disturbed, while the threads spin."""
        self._tried_free = False
        """Whether it was tried already since the cores have been free, while the threads sleep."""
        self._trial: list[tuple[float, float]] | None = None
        """Of each step in which the other way is tried: seconds the present way, and now."""
        self._tried = 0
        """Steps of the trial, also those of which nothing is known the present way."""
        self._knows = False
        """Whether a trial has come to a result."""
        self._ended = -_LONGEST
        """When the last trial ended."""
        self._pause = _SHORTEST

    @property
    def trying(self) -> bool:
        """Whether the next step is one of a trial, which tells nothing of others."""
        return self._trial is not None

    def observe(self, rows: int, seconds: float, now: float) -> bool:
        """Learn from a step of so many tokens, none of them a prompt's, that ended at ``now``; 0
        for another step. Returns whether the threads wait in another way from here on."""
        switches, before = self._preempted(), self._switches
        self._switches = switches
        if not rows:
            return False
        if self._trial is not None:
            return self._try(rows, seconds, now)
        self._note(rows, seconds, switches - before)
        if self._has_reason(now):
            self._tried_free = self._signs >= _FREE
            self._trial, self._tried = [], 0
            self._set(spins=not self.spins)
        return False

    def _note(self, rows: int, seconds: float, switches: int) -> None:
        self._seen += 1
        self._takes[rows] = _mean(self._takes.get(rows), seconds, _NEW)
        switched = switches > _A_SECOND * seconds + _A_STEP
        if not self.spins:
            self._signs = 0 if switched else self._signs + 1
            self._tried_free &= not switched
            return
        usual = self._usual.get(rows)
        crowded = switched if usual is None else seconds > usual * _SLOW
        self._signs, self._calm = (self._signs + 1, 0) if crowded else (0, self._calm + 1)
        if self._calm == _CALM:
            self._pause = _SHORTEST
        if not crowded:
            self._usual[rows] = min(seconds, _mean(usual, seconds, _NEW_USUAL))

    def _has_reason(self, now: float) -> bool:
        """Whether to try the other way."""
        if not self._knows:
            return self._seen > _TRIAL and now >= self._ended + self._pause
        if self.spins:
            return self._signs >= _CROWDED and now >= self._ended + self._pause
        just_tried_free = self._signs >= _FREE and not self._tried_free
        return now >= self._ended + (_SHORTEST if just_tried_free else self._pause)

    def _try(self, rows: int, seconds: float, now: float) -> bool:
        """Take in a step of a trial. Returns whether it has changed the way of waiting."""
        trial = self._trial or []
        self._tried += 1
        known = self._takes.get(rows)
        if known is not None:
            trial.append((known, seconds))
        self._trial = trial
        if len(trial) < _TRIAL and self._tried < _LONGEST_TRIAL:
            return False
        better = len(trial) == _TRIAL and self._decide(trial)
        if better:  # that the cores are free again is seen; while they are not, trials cost much
            self._pause = _SHORTEST if self.spins else _LONGEST
        else:
            self._pause = min(self._pause * 2, _LONGEST)
        self._trial, self._signs, self._ended = None, 0, now
        self._usual.clear()  # what is slower now, and not by others, is so for good
        if better:
            self._takes.clear()
        else:
            self._set(spins=self.spins)
        return better

    def _decide(self, trial: list[tuple[float, float]]) -> bool:
        """Hold the other way against the present one; go on with it if it is better."""
        before, tried = (sum(column) / _TRIAL for column in zip(*trial, strict=True))
        change = self._dearer if self.spins else 1 / self._dearer
        better, first = bool(tried < before * change * _WORTH), not self._knows
        self._knows = True
        if better:
            self.spins = not self.spins
        if better or first:
            spinning, asleep = (tried, before) if better is self.spins else (before, tried)
            self._tell(ThreadWait(self.spins, spinning * 1e3, asleep * 1e3))
        return better

    def _set(self, *, spins: bool) -> None:
        if spins:
            self._waits.spin()
        else:
            self._waits.sleep()


def _mean(old: float | None, new: float, weight: float) -> float:
    """A running mean; the first value is taken as it is."""
    return new if old is None else old + weight * (new - old)
