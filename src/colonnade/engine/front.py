"""The server's end of one model's worker: the requests under way, whatever is asked in them."""

from __future__ import annotations

import asyncio
import itertools
import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from colonnade.engine.backlog import Backlog
from colonnade.engine.latencies import Latencies
from colonnade.engine.observation import Observation
from colonnade.engine.pending import Pending
from colonnade.engine.supervisor import Supervisor
from colonnade.engine.suspects import Suspects, deadly
from colonnade.engine.totals import Totals
from colonnade.messages import (
    Accepted,
    Cancel,
    Failure,
    FailureKind,
    LogLine,
    Refused,
    Statistics,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from colonnade.engine.backlog import Bounds, Entry
    from colonnade.engine.process import WorkerProcess
    from colonnade.engine.supervisor import Answer
    from colonnade.messages import (
        Embed,
        Embedded,
        LoadModel,
        ModelInfo,
        PromptLogprobs,
        Submit,
        ThreadWait,
        Urgency,
    )
    from colonnade.watch import About

P = TypeVar("P", bound=Pending)

_PATIENCE = 10.0
"""Seconds that a request waits for a worker's successor, where that loads in half of them."""

_log = logging.getLogger(__name__)


class Common:
    """What several engines of one model have in common: no two of their requests have the same
    number, and what one of their workers has died of is known to all."""

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.suspects = Suspects()


class Front(ABC, Generic[P]):
    """Lets requests in, follows them to their ends, and tells how all stands.

    When the worker dies its requests fail, and the next ones are served by its successor.
    """

    def __init__(
        self, load: LoadModel, bounds: Bounds, slots: int, common: Common | None = None
    ) -> None:
        """``slots``: requests, or their choices, that need not wait. ``common``: what it has in
        common with others of its model."""
        common = common or Common()
        self._bounds = bounds
        self._backlog = Backlog(slots, bounds.queue_size, bounds.queue_memory)
        self._ids = common.ids
        self._requests: dict[int, P] = {}
        self._supervisor = Supervisor(load, self._hand_out, self._on_death)
        self._suspects = common.suspects
        self._coming = 0
        """Requests that wait for a worker to be there."""
        self._info: ModelInfo | None = None
        self._closed: Failure | None = None
        """What requests are told, once the engine is closed."""
        self.totals = Totals()
        self.latencies = Latencies()
        self.observation = Observation()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def members(self) -> tuple[Self, ...]:
        """Itself: what has a worker of its own."""
        return (self,)

    @property
    def thread_wait(self) -> ThreadWait | None:
        """How the worker's threads wait for each other, where it has chosen that."""
        return self._supervisor.thread_wait

    @property
    def info(self) -> ModelInfo:
        """The loaded model."""
        if self._info is None:  # cannot be: ``start`` returns with it
            msg = "the model is not loaded yet"
            raise RuntimeError(msg)
        return self._info

    @property
    def ready(self) -> bool:
        """Whether a worker is there to serve the next request."""
        return self._supervisor.worker is not None

    @property
    def trouble(self) -> str:
        """Why no request would be served now; empty while there is a worker."""
        return self._supervisor.trouble

    @property
    def restarts(self) -> int:
        """Workers that were started in the place of one that died."""
        return self._supervisor.restarts

    @property
    def active(self) -> int:
        """Requests under way, those that wait included."""
        return len(self._requests)

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet. One of several prompts counts once."""
        return self._backlog.waiting

    @property
    def waiting_size(self) -> int:
        """Bytes that requests take which have no slot yet, about."""
        return self._backlog.waiting_size

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is no worker."""
        worker = self._supervisor.worker
        return None if worker is None else worker.pid

    def about(self, request_id: int) -> About | None:
        """What is known of the client's request that a request of the engine belongs to."""
        request = self._requests.get(request_id)
        return None if request is None else request.about

    async def observe(self) -> Observation:
        """What the workers have done up to now, and how the present one stands."""
        worker = self._supervisor.worker
        if worker is not None:
            await self.observation.renew(worker.send)
        return self.observation

    def check_room(self, client: str, urgency: Urgency) -> None:
        """Refuse a request that would be refused for want of room, before any work is done for it.

        Raises:
            Failure: the queue is full.
        """
        self._backlog.check(client, urgency.tier)

    async def drained(self) -> None:
        """Wait until no request is under way."""
        while self._requests:
            await self._idle.wait()

    async def close(self, why: Failure | None = None) -> None:
        """End the worker. Requests under way, and those that still come, fail with ``why``."""
        self._end_all(why)
        await self._supervisor.close()

    def share_cache(self, most_bytes: int) -> None:
        """Let the worker keep so many bytes of what it has read. One that reads nothing twice keeps
        nothing."""

    async def retire(self, why: Failure | None = None) -> None:
        """As ``close``; what the worker knows that is worth keeping stays."""
        await self.close(why)

    def _end_all(self, why: Failure | None) -> None:
        if why is None:
            why = Failure(FailureKind.SHUTTING_DOWN, "The server is shutting down.")
        self._closed = why
        self._fail_all(why.kind, why.message)

    def released(self) -> Supervisor:
        """Give away what has the worker. This one serves nobody any more."""
        self._closed = Failure(FailureKind.MODEL_UNAVAILABLE, "The model has another engine.")
        return self._supervisor

    async def _let_in(
        self, asked: Submit | Embed, entry: Entry, make: Callable[[], P]
    ) -> tuple[P, WorkerProcess]:
        """Make a request one of those under way, once there is room and a worker for it.

        Raises:
            Failure: no worker is there, the queue is full, or workers have died of such requests.
        """
        digest = await self._suspects.admit(asked)
        try:
            worker = await self._worker()
            if not entry.joining:
                self._backlog.check(entry.client, entry.tier, entry.size)
        except BaseException:
            self._suspects.left(asked.id)
            raise
        request = make()
        request.submit, request.digest = asked, digest
        self._suspects.watch(request)
        self._requests[request.id] = request
        self._backlog.add(request.id, entry)
        self._idle.clear()
        self._set_deadlines(request)
        return request, worker

    async def _worker(self) -> WorkerProcess:
        """The worker; one that is about to be ready is waited for.

        Raises:
            Failure: there is none, and there will be none soon.
        """
        supervisor = self._supervisor
        if self._closed is None and supervisor.worker is None and not supervisor.hopeless:
            await self._wait_for_worker()
        if self._closed is not None:
            raise Failure(self._closed.kind, self._closed.message)
        if supervisor.worker is not None:
            return supervisor.worker
        if supervisor.hopeless:
            raise Failure(FailureKind.MODEL_FAILED, supervisor.trouble)
        retry = supervisor.seconds_to_ready
        raise Failure(FailureKind.MODEL_UNAVAILABLE, supervisor.trouble, retry_after=retry)

    async def _wait_for_worker(self) -> None:
        """Wait for the next one, where that is a matter of seconds and few others do."""
        soon = self._supervisor.seconds_to_ready <= _PATIENCE / 2
        if not soon or self._coming > self._bounds.queue_size:
            return
        self._coming += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._supervisor.settled()
        except TimeoutError:
            pass  # whoever asks is told
        finally:
            self._coming -= 1

    def _cancel(self, request_id: int) -> None:
        worker = self._supervisor.worker
        request = self._forget(request_id)
        if request is not None and worker is not None:
            worker.send(Cancel(request_id))
            self.totals.ends["cancelled"] += 1
            _log.info("request %d: cancelled", request_id, extra={"about": request.about})

    def _hand_out(self, answer: Answer) -> None:
        """Give an answer to its requests. For requests cancelled meanwhile it is lost."""
        match answer:
            case Step():
                self._note_started(answer.started)
                self._take_outputs(answer)
                return
            case LogLine():
                self._log_line(answer)
                return
            case Statistics():
                self.observation.add(answer)
                return
        request = self._requests.get(answer.id)
        if request is None:
            return
        match answer:
            case Accepted(_, tokens, ids):
                request.accept(tokens, ids)
                self._backlog.accepted(request.id, tokens)
            case Refused(_, kind, text, param):
                self._forget(answer.id)
                request.fail(Failure(kind, text, param=param))
            case _:
                self._take(request, answer)

    def _take_outputs(self, step: Step) -> None:
        """Give a step's outputs to their requests."""

    @abstractmethod
    def _take(self, request: P, answer: PromptLogprobs | Embedded) -> None:
        """Give a request what is for it alone."""

    @abstractmethod
    def _log_end(self, request: P) -> None:
        """Say that a request was answered."""

    def _log_line(self, line: LogLine) -> None:
        """Put a line of the worker's into the log, with what is known of its request."""
        request = self._requests.get(line.request)
        extra = {"about": None if request is None else request.about}
        logging.getLogger(line.logger).log(line.level, "%s", line.text, extra=extra)

    def _note_started(self, ids: Iterable[int]) -> None:
        """Note that requests have a slot."""
        for request_id in ids:
            request = self._requests.get(request_id)
            if request is not None:
                self._start(request)

    def _start(self, request: P) -> None:
        request.started = True
        self._backlog.started(request.id)
        if request.patience is not None:
            request.patience.cancel()

    def _end(self, request: P) -> None:
        """Note that a request was answered to its end."""
        self._suspects.answered(request)
        self._supervisor.served()
        self._forget(request.id)
        self.totals.add(request.finishes)
        answered = request.answered()
        self.latencies.answered(request, answered)
        if request.about is not None:
            request.about.answers.append(answered)
        self._log_end(request)

    def _forget(self, request_id: int) -> P | None:
        """Have no more to do with a request; None where that was so already."""
        request = self._requests.pop(request_id, None)
        self._suspects.left(request_id)
        self._backlog.remove(request_id)
        if not self._requests:
            self._idle.set()
        if request is not None:
            request.forget_deadlines()
        return request

    def _set_deadlines(self, request: P) -> None:
        loop, bounds = asyncio.get_running_loop(), self._bounds
        if bounds.request_seconds:
            request.deadline = loop.call_later(bounds.request_seconds, self._expire, request)
        if bounds.queue_seconds and not request.joining:
            request.patience = loop.call_later(bounds.queue_seconds, self._wait_no_more, request)

    def _expire(self, request: P) -> None:
        self._cancel(request.id)
        msg = f"The answer took longer than {self._bounds.request_seconds:g} seconds."
        request.fail(Failure(FailureKind.TIMEOUT, msg))

    def _wait_no_more(self, request: P) -> None:
        """Give up a request that has waited for too long."""
        seconds = self._backlog.seconds
        self._cancel(request.id)
        msg = f"The server is busy: no slot became free in {self._bounds.queue_seconds:g} seconds."
        request.fail(Failure(FailureKind.QUEUE_FULL, msg, retry_after=seconds))

    def _on_death(self, how: str) -> None:
        """A worker has died: its requests fail, and are remembered if it worked on them."""
        self.observation.worker_ended()
        worked_on = [each for each in self._requests.values() if each.worked_on]
        self._suspects.died(worked_on)
        for request in worked_on:
            if self._suspects.refuses(request):
                self._fail(request, deadly())
        msg = f"The worker process died under this request ({how}); the next one is served again."
        self._fail_all(FailureKind.WORKER_DIED, msg)

    def _fail_all(self, kind: FailureKind, text: str) -> None:
        for request in list(self._requests.values()):
            self._fail(request, Failure(kind, text))

    def _fail(self, request: P, failure: Failure) -> None:
        self.totals.ends[failure.kind.value] += 1
        self._forget(request.id)
        request.fail(failure)
