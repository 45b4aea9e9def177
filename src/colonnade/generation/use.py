"""Who uses a model now, and when it was used last: what may go is told by it."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Use:
    """The use of one loaded model. Times are of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.holders = 0
        """Those that are about to ask something of it."""
        self.last = time.monotonic()
        """When it was last asked for, or had last answered."""
        self._free = asyncio.Event()
        self._free.set()

    def touch(self) -> None:
        """Note that it is used."""
        self.last = time.monotonic()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep it from being unloaded."""
        self.holders += 1
        self._free.clear()
        try:
            yield
        finally:
            self.holders -= 1
            self.touch()
            if not self.holders:
                self._free.set()

    async def free(self) -> None:
        """Wait until nobody holds it."""
        await self._free.wait()
