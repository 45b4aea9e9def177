"""Masks that may take long are computed beside the model's work, by threads of their own.

A mask is begun as soon as it is known behind which token it is for, which is before that token is
read. Where it is not there when the row of logits is, its sequence alone waits: it keeps the row
and sits out what the others do until then.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from colonnade.worker.guide import Guide
    from colonnade.worker.ports import Pace
    from colonnade.worker.sequence import Sequence

_LOWER = 15
"""How much lower the priority of the thread is that computes slow masks: where no processor is to
spare, it takes a thirtieth of one from the threads of a step, which all wait for the slowest."""


class Job:
    """The mask of one guide at its present place."""

    __slots__ = ("_error", "_guide", "_mask", "done", "pace")

    def __init__(self, guide: Guide, pace: Pace) -> None:
        self._guide = guide
        self.pace = pace
        self._mask: NDArray[np.uint8] | None = None
        self._error: BaseException | None = None
        self.done = False
        """For the loop: it has been told so."""

    def run(self) -> None:
        """Compute it, in a thread."""
        try:
            self._mask = self._guide.mask()
        except BaseException as error:  # noqa: BLE001 - raised where the mask is asked for
            self._error = error

    @property
    def mask(self) -> NDArray[np.uint8] | None:
        """What came of it. Raises what ``Guide.mask`` raised."""
        if self._error is not None:
            raise self._error
        return self._mask


class _Lane:
    """A thread, made when it is needed, that computes one mask after the other."""

    def __init__(self, name: str, done: SimpleQueue[Job], *, lower: int) -> None:
        self._name = name
        self._done = done
        self._lower = lower
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, job: Job) -> None:
        """Have it computed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _run(self) -> None:
        if self._lower and sys.platform == "linux":  # elsewhere it would be the whole process
            thread = threading.get_native_id()
            lower = os.getpriority(os.PRIO_PROCESS, thread) + self._lower
            os.setpriority(os.PRIO_PROCESS, thread, min(lower, 19))
        while True:
            job = self._jobs.get()
            job.run()
            self._done.put(job)
            del job  # or it would be kept until the next one comes


class Masks:
    """Knows which masks are there. For the loop's thread.

    Matchers of one grammar share what a mask is computed with: while one is, no token is given to
    another, which would wait for it.
    """

    def __init__(self) -> None:
        self._done: SimpleQueue[Job] = SimpleQueue()
        self._new = _Lane("masks", self._done, lower=0)
        self._slow = _Lane("masks-slow", self._done, lower=_LOWER)
        self._busy: Counter[Pace] = Counter()
        """How many masks of each grammar are being computed."""

    def begin(self, sequence: Sequence) -> None:
        """Let a sequence's next mask be computed, unless it is surely quick."""
        guide = sequence.guide
        pace = None if guide is None else guide.pace
        if guide is None or pace is None or pace.quick or sequence.mask is not None:
            return
        sequence.mask = Job(guide, pace)
        self._busy[pace] += 1
        (self._slow if pace.slow else self._new).put(sequence.mask)

    def is_there(self, sequence: Sequence) -> bool:
        """Whether a sequence's next mask can be had now, and its next token be given to its guide;
        else it is begun."""
        guide = sequence.guide
        pace = None if guide is None else guide.pace
        if pace is None:
            return True
        if sequence.mask is None and (not pace.quick or self._busy[pace]):
            self.begin(sequence)
        job = sequence.mask
        return not self._busy[pace] and (job is None or job.done)

    def take(self, sequence: Sequence, guide: Guide) -> NDArray[np.uint8] | None:
        """A mask that is there.

        Raises:
            Failure: the grammar is too complex at this place.
        """
        job, sequence.mask = sequence.mask, None
        return guide.mask() if job is None else job.mask

    def collect(self, seconds: float = 0.0) -> bool:
        """Note those that were computed since; waits so long for the first. Returns whether there
        was one."""
        found = False
        try:
            self._note(self._done.get(timeout=seconds) if seconds else self._done.get_nowait())
            found = True
            while True:
                self._note(self._done.get_nowait())
        except Empty:
            return found

    def _note(self, job: Job) -> None:
        job.done = True
        self._busy[job.pace] -= 1
        if not self._busy[job.pace]:
            del self._busy[job.pace]
