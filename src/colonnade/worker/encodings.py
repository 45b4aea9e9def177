"""Embeddings of pictures and sounds, made beside the loop.

They are made when a sequence that has a slot comes to them, so that nothing is made for requests
that wait, or for what a slot remembers. A thread does it, one file after the other, and what was
made is kept within a budget of bytes.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Failure, FailureKind
from colonnade.worker.threads import be_nice

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.messages import MediaPart
    from colonnade.worker.ports import Projector
    from colonnade.worker.pulse import Task
    from colonnade.worker.sequence import Request
    from colonnade.worker.spans import Span

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Job:
    """A file that is to be encoded, or is being."""

    part: MediaPart
    waiting: list[tuple[Request, Span]] = field(default_factory=list)
    found: list[NDArray[np.float32]] | Failure | None = None


class Encoded(NamedTuple):
    """Tells the loop that a file is encoded, or has failed."""


class Encodings:
    """Makes embeddings in a thread, one file after the other, for the loop's thread, to which all
    methods belong."""

    def __init__(
        self,
        projector: Projector,
        budget: int,
        tell: Callable[[Encoded], None],
        task: Task,
    ) -> None:
        """``budget``: bytes of embeddings that are kept beside those in use. ``tell`` is called
        from the thread when something is encoded, and ``task`` is told of each file."""
        self._projector = projector
        self._budget = budget
        self._tell = tell
        self._task = task
        self._kept: OrderedDict[str, list[NDArray[np.float32]]] = OrderedDict()
        """By digest, the ones used last at the end."""
        self.size = 0
        """Bytes of those."""
        self._jobs: dict[str, _Job] = {}
        """By digest."""
        self._queue: OrderedDict[str, _Job] = OrderedDict()
        """Those that have not begun."""
        self._done: list[_Job] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def pending(self) -> bool:
        """Something is to be encoded."""
        return bool(self._jobs)

    def want(self, request: Request, span: Span) -> None:
        """See to it that a span's embeddings are made, and those of the file's other spans."""
        digest = span.part.digest
        kept = self._kept.get(digest)
        if kept is not None:
            self._kept.move_to_end(digest)
            _hand_out(request, digest, kept)
            return
        job = self._jobs.get(digest)
        if job is None:
            job = self._jobs[digest] = _Job(span.part)
            self._put(job)
        if all(request is not each for each, _ in job.waiting):
            job.waiting.append((request, span))

    def forget(self, request: Request) -> None:
        """A request wants nothing any more."""
        for digest, job in list(self._jobs.items()):
            job.waiting = [each for each in job.waiting if each[0] is not request]
            if not job.waiting:
                with self._changed:
                    unbegun = self._queue.pop(digest, None) is not None
                if unbegun:
                    del self._jobs[digest]

    def collect(self) -> list[tuple[Request, Failure]]:
        """Hand out what has been encoded. Returns the requests whose files cannot be."""
        with self._changed:
            done, self._done = self._done, []
        failed: list[tuple[Request, Failure]] = []
        for job in done:
            del self._jobs[job.part.digest]
            if isinstance(job.found, Failure):
                failed += [(request, job.found) for request, _ in job.waiting]
            elif job.found is not None:
                for request, _ in job.waiting:
                    _hand_out(request, job.part.digest, job.found)
                self._keep(job.part.digest, job.found)
        return failed

    def _keep(self, digest: str, rows: list[NDArray[np.float32]]) -> None:
        size = _size(rows)
        if size > self._budget:
            return
        self._kept[digest] = rows
        self.size += size
        while self.size > self._budget:
            self.size -= _size(self._kept.popitem(last=False)[1])

    def _put(self, job: _Job) -> None:
        with self._changed:
            self._queue[job.part.digest] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="encoding", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        be_nice()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                _, job = self._queue.popitem(last=False)
            self._task.begin(self._projector.seconds)
            job.found = self._encoded(job.part)
            self._task.end()
            with self._changed:
                self._done.append(job)
            self._tell(Encoded())
            del job  # it would be kept until the next one comes

    def _encoded(self, part: MediaPart) -> list[NDArray[np.float32]] | Failure:
        try:
            return self._projector.encode(part)
        except Failure as failure:
            return failure
        except Exception:  # noqa: BLE001 - whatever it is, those who wait must be answered
            _log.exception("a file of %d bytes could not be encoded", len(part.data))
            return Failure(FailureKind.INTERNAL, "The server failed on it.")


def _hand_out(request: Request, digest: str, rows: list[NDArray[np.float32]]) -> None:
    for span in request.media:
        if span.part.digest == digest:
            span.rows = rows[span.number]


def _size(rows: list[NDArray[np.float32]]) -> int:
    return sum(each.nbytes for each in rows)
