"""The queue of streamed jobs: first in, first out, one at a time for each client."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from colonnade.generation import Finished, TextDelta, asking
from colonnade.legacy.turns import chat_turn
from colonnade.messages import Failure, FailureKind
from colonnade.web.disconnect import cancel
from colonnade.web.failures import told_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.generation import EndReason, Event, Generator, Models


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt of a client, with the text that it asks about. ``ticket`` counts all jobs."""

    client_id: str
    prompt: str
    context: str
    id: str
    ticket: int


@dataclass(frozen=True, slots=True)
class Token:
    """More of a job's answer."""

    client_id: str
    job_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """A job's end."""

    client_id: str
    job_id: str
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Failed:
    """A job's end without an answer."""

    client_id: str
    job_id: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Closed:
    """The server stops, and this client's jobs are done: its stream may end."""

    client_id: str


JobEvent = Token | Done | Failed | Closed


@dataclass(slots=True)
class _Client:
    """A client that is connected: its jobs that wait, and the one under way."""

    id: str
    waiting: deque[Job] = field(default_factory=deque)
    running: asyncio.Task[None] | None = None
    leaving: bool = False


class JobQueue:
    """Holds the jobs of the clients that are connected, and works on as many as fit.

    The engine gets no more than it has slots for: what it would queue itself could not keep the
    order of a client's jobs. ``size`` bounds the jobs that wait, half of it those of one client.
    ``publish`` takes the events.
    """

    def __init__(
        self,
        models: Models,
        generator: Generator,
        size: int,
        publish: Callable[[JobEvent], None],
    ) -> None:
        self._models = models
        self._generator = generator
        self._size = size
        self._publish = publish
        self._tickets = itertools.count()
        self._clients: dict[str, _Client] = {}
        self._finishing = False

    def connect(self, client_id: str) -> bool:
        """Let a client submit jobs; False where it is connected already."""
        if client_id in self._clients:
            return False
        self._clients[client_id] = _Client(client_id)
        return True

    async def disconnect(self, client_id: str) -> None:
        """Cancel a client's job and drop those that wait."""
        client = self._clients[client_id]
        client.leaving = True
        client.waiting.clear()
        if client.running is not None:
            await cancel(client.running)
        del self._clients[client_id]

    def submit(self, client_id: str, prompt: str, context: str) -> tuple[Job, int] | None:
        """Queue a job; returns it and how many wait before it. None: no such client is connected.

        Raises:
            Failure: no model is loaded, the queue is full, or the server is stopping.
        """
        client = self._clients.get(client_id)
        if client is None or client.leaving:
            return None
        if self._finishing:
            raise Failure(FailureKind.SHUTTING_DOWN, "The server is shutting down.")
        self._models.find(None)
        self._check_room(client)
        job = Job(client_id, prompt, context, str(uuid.uuid4()), next(self._tickets))
        client.waiting.append(job)
        self._start_what_fits()
        return job, self._waiting if job in client.waiting else 0

    def finish(self) -> None:
        """Take no more jobs; end each client's stream when its jobs are done."""
        self._finishing = True
        for client in self._clients.values():
            self._close_if_done(client)

    async def close(self) -> None:
        """Cancel everything."""
        self._finishing = True
        tasks = []
        for client in self._clients.values():
            client.waiting.clear()
            tasks += [] if client.running is None else [client.running]
        await cancel(*tasks)

    @property
    def _waiting(self) -> int:
        return sum(len(client.waiting) for client in self._clients.values())

    @property
    def _running(self) -> int:
        return sum(client.running is not None for client in self._clients.values())

    @property
    def _slots(self) -> int:
        model = next(iter(self._models), None)
        return 1 if model is None else model.engine.info.slots

    def _check_room(self, client: _Client) -> None:
        if client.running is None and not client.waiting and self._running < self._slots:
            return
        share = max(1, self._size // 2)
        if self._waiting >= self._size or len(client.waiting) >= share:
            msg = f"The queue is full: {self._running} jobs run, {self._waiting} wait."
            raise Failure(FailureKind.QUEUE_FULL, msg)

    def _start_what_fits(self) -> None:
        """Start the oldest jobs of clients that have none under way."""
        while self._running < self._slots:
            free = [each for each in self._clients.values() if each.waiting and not each.running]
            if not free:
                return
            client = min(free, key=lambda each: each.waiting[0].ticket)
            task = asyncio.create_task(self._work(client.waiting.popleft()))
            client.running = task
            # Not in the task itself: one that is cancelled before its first step never runs.
            task.add_done_callback(partial(self._ended, client))

    def _ended(self, client: _Client, _: asyncio.Task[None]) -> None:
        client.running = None
        if self._finishing:
            self._close_if_done(client)
        self._start_what_fits()

    def _close_if_done(self, client: _Client) -> None:
        if not (client.waiting or client.running or client.leaving):
            self._publish(Closed(client.id))

    async def _work(self, job: Job) -> None:
        asking.set(job.client_id)
        try:
            await self._generate(job)
        except Exception as exc:  # noqa: BLE001 - told to the client and the log, whatever it is
            self._publish(Failed(job.client_id, job.id, told_at(exc, f"job {job.id}")))

    async def _generate(self, job: Job) -> None:
        messages = [{"role": "user", "content": _question(job)}]
        turn = chat_turn(self._models.find(None), messages)
        # It waited here for its turn: the engine's queue is not to refuse it.
        generation = await self._generator.start(turn, joining=True)
        try:
            async for events in generation.batches():
                self._tell(job, events)
        finally:
            await generation.aclose()

    def _tell(self, job: Job, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, TextDelta) and event.text:
                self._publish(Token(job.client_id, job.id, event.text))
            elif isinstance(event, Finished):
                self._publish(Done(job.client_id, job.id, event.reason))


def _question(job: Job) -> str:
    return f"{job.context}\n\n{job.prompt}" if job.context.strip() else job.prompt
