"""The queue of streamed jobs: first in, first out, one at a time for each client."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colonnade.generation import Finished, TextDelta
from colonnade.legacy.turns import chat_turn
from colonnade.messages import Failure, FailureKind
from colonnade.web.disconnect import cancel
from colonnade.web.failures import told_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.generation import EndReason, Event, Generator, Models


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt of a client, with the text that it asks about."""

    client_id: str
    prompt: str
    context: str
    id: str


@dataclass(frozen=True, slots=True)
class Token:
    """More of a job's answer."""

    job: Job
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """A job's end."""

    job: Job
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Failed:
    """A job's end without an answer."""

    job: Job
    failure: Failure


JobEvent = Token | Done | Failed


class JobQueue:
    """Holds the jobs of the clients that are connected, and works on as many as fit.

    The engine gets no more than it has slots for: what it would queue itself could not keep the
    order of a client's jobs. ``publish`` takes the events.
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
        self._waiting: list[Job] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        """The job of each client that has one under way."""
        self._connected: set[str] = set()

    @property
    def clients(self) -> frozenset[str]:
        """Those that are connected."""
        return frozenset(self._connected)

    def connect(self, client_id: str) -> bool:
        """Let a client submit jobs; False where it is connected already."""
        if client_id in self._connected:
            return False
        self._connected.add(client_id)
        return True

    async def disconnect(self, client_id: str) -> None:
        """Cancel a client's job and drop those that wait."""
        self._waiting = [job for job in self._waiting if job.client_id != client_id]
        running = self._running.get(client_id)
        if running is not None:
            await cancel(running)
        self._connected.discard(client_id)
        self._start_what_fits()

    def submit(self, client_id: str, prompt: str, context: str) -> tuple[Job, int]:
        """Queue a job of a connected client; returns it and how many wait before it.

        Raises:
            Failure: no model is loaded, or the queue is full.
        """
        self._models.find(None)
        if len(self._waiting) >= self._size and len(self._running) >= self._slots:
            msg = f"The queue is full: {len(self._running)} jobs run, {len(self._waiting)} wait."
            raise Failure(FailureKind.QUEUE_FULL, msg)
        job = Job(client_id, prompt, context, str(uuid.uuid4()))
        self._waiting.append(job)
        self._start_what_fits()
        return job, self._waiting.index(job) + 1 if job in self._waiting else 0

    async def close(self) -> None:
        """Cancel everything."""
        self._waiting.clear()
        await cancel(*self._running.values())

    @property
    def _slots(self) -> int:
        model = next(iter(self._models), None)
        return 1 if model is None else model.engine.info.slots

    def _start_what_fits(self) -> None:
        for job in list(self._waiting):
            if len(self._running) >= self._slots:
                return
            if job.client_id not in self._running:
                self._waiting.remove(job)
                self._running[job.client_id] = asyncio.create_task(self._work(job))

    async def _work(self, job: Job) -> None:
        try:
            await self._generate(job)
        except Exception as exc:  # noqa: BLE001 - told to the client and the log, whatever it is
            self._publish(Failed(job, told_at(exc, f"job {job.id}")))
        finally:
            del self._running[job.client_id]
            self._start_what_fits()

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
                self._publish(Token(job, event.text))
            elif isinstance(event, Finished):
                self._publish(Done(job, event.reason))


def _question(job: Job) -> str:
    return f"{job.context}\n\n{job.prompt}" if job.context.strip() else job.prompt
