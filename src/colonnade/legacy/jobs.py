"""The queue of streamed jobs: first in, first out, one at a time for each client."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from colonnade.generation import Finished, TextDelta, asking
from colonnade.legacy.turns import chat_turn
from colonnade.messages import Failure, FailureKind
from colonnade.watch import about
from colonnade.web.disconnect import cancel
from colonnade.web.failures import told_at
from colonnade.web.observed import told_listeners

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.generation import EndReason, Event, Generator, Models
    from colonnade.watch import About


_LEAVING_SECONDS = 0.5
"""How long a connection may stand for one that its client has left."""
_BACKLOG = 256
"""Events that a client has not taken yet, beyond which its answer's text is left with the engine,
where it piles up in one piece."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who a stream belongs to: a client's own name, among those of the same key."""

    owner: str
    id: str


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt of a client, with the text that it asks about. ``ticket`` counts all jobs;
    ``asker`` is whom the engine's fairness counts it for."""

    client: Client
    prompt: str
    context: str
    id: str
    ticket: int
    asker: str
    about: About | None = None
    """What is known of the request that submitted it."""

    @property
    def length(self) -> int:
        """Characters."""
        return len(self.prompt) + len(self.context)


@dataclass(frozen=True, slots=True)
class Token:
    """More of a job's answer."""

    client: Client
    job_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """A job's end."""

    client: Client
    job_id: str
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Failed:
    """A job's end without an answer."""

    client: Client
    job_id: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Closed:
    """The server stops, and this client's jobs are done: its stream may end."""

    client: Client


JobEvent = Token | Done | Failed | Closed


@dataclass(slots=True)
class _Connected:
    """A client that is connected: its jobs that wait, and the one under way."""

    client: Client
    waiting: deque[Job] = field(default_factory=deque)
    running: asyncio.Task[None] | None = None
    leaving: bool = False
    events: asyncio.Queue[JobEvent] = field(default_factory=asyncio.Queue)
    """What it has not taken yet."""
    has_room: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class JobQueue:
    """Holds the jobs of the clients that are connected, and works on as many as fit.

    The engine gets no more than it has slots for: what it would queue itself could not keep the
    order of a client's jobs. ``size`` bounds the jobs that wait, half of it those of one client,
    and ``length`` the characters of all that wait.
    """

    def __init__(
        self,
        models: Models,
        generator: Generator,
        size: int,
        length: int,
    ) -> None:
        self._models = models
        self._generator = generator
        self._size = size
        self._length = length
        self._tickets = itertools.count()
        self._clients: dict[Client, _Connected] = {}
        self._finishing = False

    def connect(self, client: Client) -> bool:
        """Let a client submit jobs; False where it is connected already."""
        if client in self._clients:
            return False
        self._clients[client] = _Connected(client)
        return True

    async def connect_again(self, client: Client) -> bool:
        """The same for one that may have left a moment ago, which takes a moment to be seen."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_SECONDS):
                while (there := self._clients.get(client)) is not None:
                    await there.gone.wait()
        return self.connect(client)

    async def events(self, client: Client) -> AsyncIterator[JobEvent]:
        """Yield what a client is to be told, until the server stops and its jobs are done."""
        connected = self._clients[client]
        while not isinstance(event := await connected.events.get(), Closed):
            yield event
            if connected.events.qsize() < _BACKLOG:
                connected.has_room.set()

    async def disconnect(self, client: Client) -> None:
        """Cancel a client's job and drop those that wait."""
        connected = self._clients[client]
        connected.leaving = True
        connected.waiting.clear()
        if connected.running is not None:
            await cancel(connected.running)
        del self._clients[client]
        connected.gone.set()

    def submit(self, client: Client, prompt: str, context: str) -> tuple[Job, int] | None:
        """Queue a job; returns it and how many wait before it. None: no such client is connected.

        Raises:
            Failure: no model can be had, the queue is full, or the server is stopping.
        """
        connected = self._clients.get(client)
        if connected is None or connected.leaving:
            return None
        if self._finishing:
            raise Failure(FailureKind.SHUTTING_DOWN, "The server is shutting down.")
        self._models.check(None)
        ticket, job_id = next(self._tickets), str(uuid.uuid4())
        found = about.get()
        again = None if found is None else found.again()
        job = Job(client, prompt, context, job_id, ticket, asking.get(), again)
        self._check_room(connected, job)
        connected.waiting.append(job)
        self._start_what_fits()
        return job, self.waiting if job in connected.waiting else 0

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
    def clients(self) -> int:
        """Clients that are connected."""
        return len(self._clients)

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return sum(len(client.waiting) for client in self._clients.values())

    @property
    def _running(self) -> int:
        return sum(client.running is not None for client in self._clients.values())

    @property
    def _slots(self) -> int:
        model = next(iter(self._models), None)
        return 1 if model is None else model.engine.info.slots

    def _check_room(self, client: _Connected, job: Job) -> None:
        if client.running is None and not client.waiting and self._running < self._slots:
            return
        share = max(1, self._size // 2)
        if self.waiting >= self._size or len(client.waiting) >= share:
            msg = f"The queue is full: {self._running} jobs run, {self.waiting} wait."
            raise Failure(FailureKind.QUEUE_FULL, msg)
        waiting = (each.length for other in self._clients.values() for each in other.waiting)
        if sum(waiting) + job.length > self._length:
            msg = "The queue is full: the prompts of the jobs that wait are too long together."
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

    def _ended(self, client: _Connected, _: asyncio.Task[None]) -> None:
        client.running = None
        if self._finishing:
            self._close_if_done(client)
        self._start_what_fits()

    def _close_if_done(self, client: _Connected) -> None:
        if not (client.waiting or client.running or client.leaving):
            self._tell(Closed(client.client))

    async def _work(self, job: Job) -> None:
        asking.set(job.asker)
        about.set(job.about)
        try:
            await self._generate(job)
        except Exception as exc:  # noqa: BLE001 - told to the client and the log, whatever it is
            self._tell(Failed(job.client, job.id, told_at(exc, f"job {job.id}")))
        finally:
            if job.about is not None:
                told_listeners(job.about)

    async def _generate(self, job: Job) -> None:
        messages = [{"role": "user", "content": _question(job)}]
        turn = chat_turn(await self._models.obtain(None), messages)
        # It waited here for its turn: the engine's queue is not to refuse it.
        generation = await self._generator.start(turn, joining=True)
        try:
            async for events in generation.batches():
                self._tell_all(job, events)
                await self._room_for(job.client)
        finally:
            await generation.aclose()

    def _tell_all(self, job: Job, events: list[Event]) -> None:
        """Tell what there is of an answer: its text in one piece, however much has piled up."""
        texts = [event.text for event in events if isinstance(event, TextDelta)]
        if text := "".join(texts):
            self._tell(Token(job.client, job.id, text))
        for event in events:
            if isinstance(event, Finished):
                self._tell(Done(job.client, job.id, event.reason))

    def _tell(self, event: JobEvent) -> None:
        self._clients[event.client].events.put_nowait(event)

    async def _room_for(self, client: Client) -> None:
        """Wait until a client has taken most of what was sent to it."""
        connected = self._clients[client]
        if connected.events.qsize() >= _BACKLOG:
            connected.has_room.clear()
            await connected.has_room.wait()


def _question(job: Job) -> str:
    return f"{job.context}\n\n{job.prompt}" if job.context.strip() else job.prompt
