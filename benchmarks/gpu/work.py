"""What the sections have to work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec
import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from benchmarks.jobs import Setup

T = TypeVar("T")

FAILURES = (OSError, RuntimeError, ValueError, LookupError, ArithmeticError, msgspec.MsgspecError)
"""Refused, hung up, too late (an ``OSError``), or answered with what makes no figure."""

BARE = "bare llama.cpp"
WAITS = {"GOMP_SPINCOUNT": "1000"}
"""How the bare loop's threads wait: they spin for a moment. Where a card computes there is little
to wait for, and finding out which way is best would load the model for each."""


@dataclass(frozen=True)
class Work:
    """Files and sizes; ``setup`` has as many slots as most streams."""

    setup: Setup
    llama_server: str | None
    looping: Path | None

    def with_slots(self, slots: int) -> Setup:
        """The setup with no more slots than that."""
        return msgspec.structs.replace(self.setup, slots=min(slots, self.setup.slots))


def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Run on a fresh event loop; what takes longer is a ``TimeoutError``."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            return await work

    return uvloop.run(limited())


def told(error: BaseException) -> str:
    """What a section says of an error."""
    return f"{type(error).__name__}: {str(error)[-300:]}"
