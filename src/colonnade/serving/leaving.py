"""A model on its way out: how long it may take, and whether it may stay after all."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(eq=False)
class Leaving:
    """What is known of a model that leaves. Times are of the event loop's clock."""

    keep: bool
    """What it knows of earlier prompts stays."""
    until: float | None = None
    """When its answers under way are ended; None for never."""
    firm: bool = False
    """It goes even if nobody needs its room any more."""
    ending: bool = False
    """Its worker is being ended: it cannot stay."""
    task: asyncio.Task[None] | None = None
    _patience: asyncio.Timeout | None = None

    def insist(self, until: float | None, *, keep: bool, firm: bool) -> None:
        """Somebody else has it leave, too: the stricter wish counts."""
        self.keep = self.keep and keep
        self.firm = self.firm or firm
        if until is not None and (self.until is None or until < self.until):
            self.until = until
            if self._patience is not None and not self._patience.expired():
                self._patience.reschedule(until)

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """In here, its answers come to their end, until the time is up.

        Raises:
            TimeoutError: it is.
        """
        async with asyncio.timeout_at(self.until) as self._patience:
            try:
                yield
            finally:
                self._patience = None
