"""The worker's pulse: tells the server process that it lives, and ends it where it stands still.

Two things can go wrong. The whole process may stop, or a call may keep the interpreter's lock:
then no sign of life is sent, and the server process ends the worker. Or one step never comes to
its end while all else goes on: that is seen here, and the worker says so and ends itself.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.messages import Alive, Stuck

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import FromWorker, ModelInfo

EXIT_CODE = 71

_SIGNS = 4
"""Signs of life in the time that a worker may be silent, at least."""

_LONGEST_TICK = 1.0

_STARTING = 10
"""By how much longer than a step a part of loading may take: nothing tells what it waits for."""

_BUSY = 0.02
"""Of a processor's time: less is nobody's work. A sign of life takes some ten microseconds."""

_OPERATIONS = 2e9
"""Multiplications and additions a second that any machine does."""

_BYTES = 20e6
"""A second that any disk reads, where the weights are not in memory."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a model's steps may take, however slow the machine."""

    parameters: int = 0
    size: int = 0
    """Bytes of the weights."""
    ctx_size: int = 0
    embedding_size: int = 1

    @classmethod
    def of(cls, model: ModelInfo) -> Work:
        """The work of a loaded model."""
        return cls(model.parameters, model.size, model.ctx_size, max(1, model.embedding_size))

    def seconds(self, rows: int) -> float:
        """The most that a step of so many tokens takes.

        Each parameter is multiplied and added once a token. Attention to a token takes four
        operations for each of a layer's channels, of which there are about as many as parameters
        divided by twelve times the width (four matrices of attention, eight of the rest).
        """
        attention = self.ctx_size / (6 * self.embedding_size)
        operations = 2 * self.parameters * rows * (1 + attention)
        return operations / _OPERATIONS + self.size / _BYTES


@dataclass(slots=True)
class Task:
    """Something that has to come to an end, as one thread tells of it and the pulse reads it."""

    what: str
    running: bool = False
    done: int = 0
    """Pieces of it that have ended."""
    allowed: float = 0.0
    """Seconds that a piece may take beyond those in which any thread may stand still."""

    def begin(self, allowed: float = 0.0) -> None:
        """Begin a piece."""
        self.allowed = allowed
        self.running = True

    def end(self) -> None:
        """End it."""
        self.done += 1
        self.running = False

    def goes_on(self) -> None:
        """End a piece and begin another one like it."""
        self.done += 1


@dataclass(slots=True)
class _Watched:
    """How a task has done, in seconds that the pulse has seen pass: while the machine sleeps, or
    the process is stopped, none do."""

    task: Task
    done: int = -1
    standing: float = 0.0
    """In the present piece."""
    still: float = 0.0
    """Of these, the last ones, without work of the process."""

    def pass_time(self, seconds: float, *, worked: bool) -> None:
        if not self.task.running or self.task.done != self.done:
            self.done = self.task.done
            self.standing = self.still = 0.0
            return
        self.standing += seconds
        self.still = 0.0 if worked else self.still + seconds


@dataclass(slots=True)
class _Usage:
    """What the process has used up to now."""

    processor: float = field(default_factory=time.process_time)
    reads: int = field(default_factory=lambda: _reads())

    def worked_since(self, before: _Usage, seconds: float) -> bool:
        busy = self.processor - before.processor > _BUSY * seconds
        return busy or self.reads > before.reads


def _reads() -> int:
    """Blocks read from disks, for pages that were missing or for files."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_majflt + usage.ru_inblock


class Pulse:
    """Sends signs of life from a thread of its own, and watches the tasks that it is given."""

    def __init__(
        self, send: Callable[[FromWorker], None], hang_seconds: float, *, end: Callable[[], None]
    ) -> None:
        """``hang_seconds``: how long nothing may happen; 0 watches nothing. ``end`` is called when
        a task hangs, or when nobody is there to be told."""
        self._send = send
        self._limit = hang_seconds
        self._end = end
        tick = hang_seconds / _SIGNS
        self._tick = min(tick, _LONGEST_TICK) if hang_seconds else _LONGEST_TICK
        self.loading = Task("loading the model")
        self.step = Task("a step of the model")
        self.intake = Task("taking in a request")
        self.encoding = Task("encoding a picture or a sound")
        tasks = (self.loading, self.step, self.intake, self.encoding)
        self._watched = [_Watched(task) for task in tasks]

    def start(self) -> None:
        """Begin, with loading."""
        self.loading.begin((_STARTING - 1) * self._limit)
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def _run(self) -> None:
        before = _Usage()
        try:
            while True:
                time.sleep(self._tick)
                self._send(Alive())
                now = _Usage()
                self.look(self._tick, worked=now.worked_since(before, self._tick))
                before = now
        except OSError:  # the server process is gone
            self._end()

    def look(self, seconds: float, *, worked: bool) -> None:
        """See how the tasks have done in the last seconds; ``worked``: the process did anything."""
        for watched in self._watched:
            watched.pass_time(seconds, worked=worked)
            if self._limit and self._hangs(watched):
                task = watched.task.what
                self._send(Stuck(f"{task} had not ended after {watched.standing:.0f} s"))
                self._end()

    def _hangs(self, watched: _Watched) -> bool:
        task = watched.task
        if watched.standing >= self._limit + task.allowed:
            return True
        return watched.still >= self._limit and task is not self.loading


def end_process() -> None:
    """End the process where it stands."""
    os._exit(EXIT_CODE)
