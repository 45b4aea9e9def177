"""Constraints are built in processes of their own, where clients take turns.

There are two lanes, each with one process. What is new goes through the first, which gives it a
moment; nearly every schema needs less. What needs more starts again in the second, with all the
time that a request may take. So those who send expensive schemas wait for each other, and nobody
else waits for them longer than moments.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import pickle
import select
from functools import cache
from threading import Lock, Thread
from typing import TYPE_CHECKING

from colonnade.generation.children import end, started
from colonnade.generation.fair_queue import FairQueue
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.builder import Held, Late, Order, Outcome, Refused
from colonnade.prompt.child import HEAD

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

log = logging.getLogger(__name__)

_MOMENT = 0.1
"""Seconds of a processor."""
_HARD_SECONDS = 30.0
"""Of the clock, after which a process that does not answer is ended."""
_MOST_OF_ONE = 64
_MOST = 1024
"""Schemas that wait, of one client and of all."""
_FULL = "Too many schemas wait to be prepared."
_MODULE = "colonnade.prompt.builder"


class _Job:
    """One order, and who waits for its outcome."""

    def __init__(self, client: str, order: Order) -> None:
        self.client = client
        self.order = order
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Held | Refused] = self._loop.create_future()

    def finish(self, outcome: Held | Refused | Failure) -> None:
        """Tell the outcome, from whatever thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and all who waited
            self._loop.call_soon_threadsafe(self._tell, outcome)

    def _tell(self, outcome: Held | Refused | Failure) -> None:
        if self.outcome.done():
            return
        if isinstance(outcome, Failure):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)


class Builders:
    """Builds constraints for all models of a server. ``close`` ends the processes."""

    def __init__(self, moment: float = _MOMENT) -> None:
        """``moment`` is what the first lane gives, in seconds of a processor."""
        self._slow = _Lane(lambda order: order.limits.max_seconds, self._too_long, kills=True)
        self._quick = _Lane(lambda _: moment, self._again, kills=False)

    async def build(self, client: str, order: Order) -> Held | Refused:
        """Build one constraint in a client's turn. Who is cancelled takes the work along.

        Raises:
            Failure: too many wait already, or the process came to its end.
        """
        job = _Job(client, order)
        self._quick.put(job)
        try:
            return await job.outcome
        except asyncio.CancelledError:
            self._quick.cancel(job)
            self._slow.cancel(job)
            raise

    def close(self) -> None:
        """End the processes; what is under way fails."""
        self._quick.close()
        self._slow.close()

    def _again(self, job: _Job) -> None:
        if job.outcome.cancelled():
            return
        try:
            self._slow.put(job)
        except Failure as failure:
            job.finish(failure)

    @staticmethod
    def _too_long(job: _Job) -> None:
        msg = "The schema takes too long to prepare."
        job.finish(Refused(FailureKind.INVALID_REQUEST, msg, job.order.param))


class _Lane:
    """One process, and a thread that hands it one job after the other."""

    def __init__(
        self, seconds: Callable[[Order], float], late: Callable[[_Job], None], *, kills: bool
    ) -> None:
        """``seconds`` of a processor are what an order gets; ``late`` takes what needs more.
        ``kills``: a cancelled job's process is ended, for it might run on for long."""
        self._seconds = seconds
        self._late = late
        self._kills = kills
        self._queue: FairQueue[_Job] = FairQueue(_MOST_OF_ONE, _MOST, _FULL)
        self._lock = Lock()
        self._current: _Job | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: Thread | None = None

    def put(self, job: _Job) -> None:
        """Let a job wait for its turn. Raises ``Failure`` where too many do."""
        self._queue.put(job.client, job)
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="builder", daemon=True)
                self._thread.start()

    def cancel(self, job: _Job) -> None:
        """Work on a job no longer."""
        if self._queue.discard(job.client, job) or not self._kills:
            return
        with self._lock:
            if self._current is job and self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process and the thread."""
        self._queue.close()
        with self._lock:
            if self._process is not None:
                self._process.kill()
        if self._thread is not None:
            self._thread.join()
        self._replace()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if job.outcome.cancelled():
                continue
            try:
                outcome = self._outcome(job)
            except RecursionError:  # pickle's
                msg = "The schema is nested too deeply."
                outcome = Refused(FailureKind.INVALID_REQUEST, msg, job.order.param)
            except Exception:
                # Whatever it is, the thread must live on: all others wait for it.
                log.exception("A schema could not be handed over")
                outcome = Failure(FailureKind.INTERNAL, "The server failed on this schema.")
            if isinstance(outcome, Late):
                self._late(job)
            else:
                job.finish(outcome)

    def _outcome(self, job: _Job) -> Outcome | Failure:
        order = job.order._replace(seconds=self._seconds(job.order))
        why = "it is no longer wanted"
        for _ in range(2):  # the process may have been ended for the sake of the job before
            if job.outcome.cancelled():
                break
            try:
                return _asked(self._begin(job), order)
            except (OSError, EOFError) as error:
                why = str(error)
                self._replace()
            finally:
                with self._lock:
                    self._current = None
        msg = f"The schema could not be prepared: {why}."
        return Failure(FailureKind.INTERNAL, msg, param=job.order.param)

    def _replace(self) -> None:
        """End the process; the next job gets a new one."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            end(process)

    def _begin(self, job: _Job) -> subprocess.Popen[bytes]:
        """The process, now at work on a job."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                end(self._process)
                self._process = None
            if self._process is None:
                self._process = started(_MODULE)
            self._current = job
            return self._process


def _asked(process: subprocess.Popen[bytes], order: Order) -> Outcome:
    """Have a process build something.

    Raises:
        OSError, EOFError: it came to its end, or does not answer.
    """
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
    body = pickle.dumps(order, pickle.HIGHEST_PROTOCOL)
    process.stdin.write(HEAD.pack(len(body)) + body)
    process.stdin.flush()
    if not select.select([process.stdout], [], [], _HARD_SECONDS)[0]:
        msg = "its process does not answer"
        raise TimeoutError(msg)
    (length,) = HEAD.unpack(_read(process, HEAD.size))
    outcome: Outcome = pickle.loads(_read(process, length))  # noqa: S301 - from our own process
    return outcome


def _read(process: subprocess.Popen[bytes], size: int) -> bytes:
    data = process.stdout.read(size) if process.stdout is not None else b""
    if len(data) < size:
        msg = "its process ended"
        raise EOFError(msg)
    return data


@cache
def shared_builders() -> Builders:
    """Those of this process, for whatever servers it runs; they end with it."""
    builders = Builders()
    atexit.register(builders.close)
    return builders
