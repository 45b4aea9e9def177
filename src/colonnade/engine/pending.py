"""A request that a worker was told of, as long as something is still to come of it."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from colonnade.watch import Answered, about

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Embed, Failure, Finish, Submit


class Pending(ABC):
    """What requests of every kind have in common: who they belong to, deadlines, how they end."""

    def __init__(
        self, request_id: int, cancel: Callable[[int], None], *, joining: bool = False
    ) -> None:
        """``cancel`` is told the id of one that nobody wants any more."""
        self.id = request_id
        self._began = time.time_ns()
        self.about = about.get()
        """What is known of the client's request that it belongs to."""
        self.door = "" if self.about is None else self.about.door
        self.arrived = time.perf_counter() if self.about is None else self.about.began
        """When that request came, as ``time.perf_counter`` has it."""
        self.said: dict[int, float] = {}
        """When each choice was last heard of, in the same time."""
        self.joining = joining
        """It is a further part of a request, and counts for nothing in the queue."""
        self.prompt_tokens = 0
        self.started = False
        """It left the engine's queue."""
        self.submit: Submit | Embed | None = None
        """What the worker was told."""
        self.digest: bytes | None = None
        """Of what is asked, once the request is suspected of what a worker has died of."""
        self.deadline: asyncio.TimerHandle | None = None
        """What ends it when it takes too long."""
        self.patience: asyncio.TimerHandle | None = None
        """What ends it when it waits too long."""
        self.finishes: list[Finish] = []
        """The ends of the choices that have ended."""
        self._cancel = cancel
        self._given_up = False
        self._failure: Failure | None = None
        self._wake = asyncio.Event()
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the worker took the request."""

    @property
    @abstractmethod
    def _whole(self) -> bool:
        """All has come that was asked for."""

    @property
    def done(self) -> bool:
        """Nothing more comes from the engine."""
        return self._whole or self._given_up or self._failure is not None

    @property
    def worked_on(self) -> bool:
        """The worker makes it ready, or it has a slot; not where it waits for one."""
        return self.started or not self.accepted.done()

    def forget_deadlines(self) -> None:
        """Let it take as long as it does: it is over."""
        for timer in (self.deadline, self.patience):
            if timer is not None:
                timer.cancel()

    def accept(self, prompt_tokens: int, prompt_ids: tuple[int, ...] = ()) -> None:  # noqa: ARG002
        """Note that the worker took the request (the engine's side)."""
        self.prompt_tokens = prompt_tokens
        if not self.accepted.done():
            self.accepted.set_result(None)

    def fail(self, failure: Failure) -> None:
        """End with a failure (the engine's side)."""
        self._failure = failure
        if not self.accepted.done():
            self.accepted.set_exception(failure)
            self.accepted.exception()  # known from here on, whether or not somebody waits for it
        self._wake.set()

    def answered(self) -> Answered:
        """The account of the whole request, once every choice has finished."""
        first = self.finishes[0]
        return Answered(
            began=self._began,
            queue=first.queue_ms / 1e3,
            prefill=first.prompt_ms / 1e3,
            decode=max(each.decode_ms for each in self.finishes) / 1e3,
            prompt_tokens=first.prompt_tokens,
            cached_tokens=min(each.cached_tokens for each in self.finishes),
            completion_tokens=sum(each.completion_tokens for each in self.finishes),
            reasons=tuple(sorted({each.reason.value for each in self.finishes})),
        )

    async def aclose(self) -> None:
        """Cancel what is still to come. Does nothing after the end."""
        if not self.done:
            self._given_up = True
            self._cancel(self.id)
