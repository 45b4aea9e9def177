"""One request's outputs, from the engine to whoever asked."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from colonnade.watch import Answered, about

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from colonnade.messages import Failure, Finish, Output, Submit, TokenLogprob


class Stream:
    """Outputs of all choices of a request, in the order they were made.

    A mailbox: the engine puts outputs in, one reader takes them out. Nothing is lost while the
    reader is slow; what piles up is taken out at once.
    """

    def __init__(
        self,
        request_id: int,
        choices: int,
        cancel: Callable[[int], None],
        *,
        joining: bool = False,
    ) -> None:
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
        self.prompt_ids: tuple[int, ...] = ()
        self.prompt_logprobs: tuple[TokenLogprob, ...] = ()
        self.started = False
        """It left the engine's queue."""
        self.submit: Submit | None = None
        """What the worker was told."""
        self.digest: bytes | None = None
        """Of what is asked, once the request is suspected of what a worker has died of."""
        self.deadline: asyncio.TimerHandle | None = None
        """What ends it when it takes too long."""
        self.patience: asyncio.TimerHandle | None = None
        """What ends it when it waits too long."""
        self._cancel = cancel
        self._unfinished = choices
        self.generated = 0
        """Tokens of all choices so far."""
        self.finishes: list[Finish] = []
        """The ends of the choices that have ended."""
        self._ready: list[Output] = []
        self._failure: Failure | None = None
        self._wake = asyncio.Event()
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the worker took the request."""

    @property
    def done(self) -> bool:
        """Nothing more comes from the engine."""
        return self._unfinished == 0 or self._failure is not None

    @property
    def worked_on(self) -> bool:
        """The worker makes it ready, or it has a slot; not where it waits for one."""
        return self.started or not self.accepted.done()

    def forget_deadlines(self) -> None:
        """Let it take as long as it does: it is over."""
        for timer in (self.deadline, self.patience):
            if timer is not None:
                timer.cancel()

    def accept(self, prompt_tokens: int, prompt_ids: tuple[int, ...] = ()) -> None:
        """Note that the worker took the request (the engine's side)."""
        self.prompt_tokens = prompt_tokens
        self.prompt_ids = prompt_ids
        if not self.accepted.done():
            self.accepted.set_result(None)

    def put(self, output: Output) -> None:
        """Add an output (the engine's side)."""
        self._ready.append(output)
        self.generated += output.tokens
        if output.finish is not None:
            self._unfinished -= 1
            self.finishes.append(output.finish)
        self._wake.set()

    def fail(self, failure: Failure) -> None:
        """End with a failure (the engine's side)."""
        self._failure = failure
        if not self.accepted.done():
            self.accepted.set_exception(failure)
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

    async def batches(self) -> AsyncIterator[list[Output]]:
        """Yield whatever is there, as often as something is, until every choice has finished.

        Raises:
            Failure: the generation failed under way.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            ready, self._ready = self._ready, []
            if ready:
                yield ready
            if self._failure is not None:
                raise self._failure
            if self._unfinished == 0 and not self._ready:
                return

    async def __aiter__(self) -> AsyncIterator[Output]:
        """Yield the outputs one by one; otherwise as ``batches``."""
        async for batch in self.batches():
            for output in batch:
                yield output

    async def aclose(self) -> None:
        """Cancel what is still to come. Does nothing after the end."""
        if not self.done:
            self._unfinished = 0
            self._cancel(self.id)
