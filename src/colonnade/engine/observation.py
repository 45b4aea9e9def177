"""What workers say of themselves, added up over their lives, and asking the present one for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from colonnade.messages import PARTS, STEP_SECONDS, STEP_TOKENS, Look
from colonnade.watch import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import SlotUse, Statistics

_PATIENCE: Final = 1.0
"""Seconds that a worker has to answer; within a long step it does not, and what it said before
holds."""


class Observation:
    """The sums, and how the present worker stood when it was last asked."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        """Spent on each part of the steps."""
        self.steps = Histogram(STEP_SECONDS)
        self.step_tokens = Histogram(STEP_TOKENS)
        self.cache_hits = 0
        self.cache_states = 0
        self.cache_bytes = 0
        self.slots: tuple[SlotUse, ...] = ()
        self._waiting: list[asyncio.Future[None]] = []

    def add(self, more: Statistics) -> None:
        """Take in what a worker says."""
        for name, seconds in zip(PARTS, more.seconds, strict=True):
            self.seconds[name] += seconds
        self.steps.add(more.step_seconds, sum(more.seconds))
        self.step_tokens.add(more.step_tokens, more.tokens)
        self.cache_hits += more.cache_hits
        self.cache_states, self.cache_bytes = more.cache_states, more.cache_bytes
        self.slots = more.slots
        self._wake()

    def worker_ended(self) -> None:
        """Its slots and states are gone."""
        self.cache_states = self.cache_bytes = 0
        self.slots = ()
        self._wake()

    async def renew(self, send: Callable[[Look], None]) -> None:
        """Ask the worker, and wait for its answer for a moment. Who comes while somebody waits,
        waits for the same answer."""
        if not self._waiting:
            send(Look())
        told = asyncio.get_running_loop().create_future()
        self._waiting.append(told)
        await asyncio.wait((told,), timeout=_PATIENCE)
        if told in self._waiting:
            self._waiting.remove(told)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
