"""A real worker on a tiny model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from colonnade.engine import Bounds, Engine
from colonnade.messages import LoadModel
from tests.conftest import RandomModel  # noqa: TC001 - in a fixture's signature

if TYPE_CHECKING:
    from pathlib import Path

StartEngine = Callable[..., Awaitable[Engine]]


@pytest.fixture
async def start_engine(random_model: RandomModel) -> AsyncIterator[StartEngine]:
    """Start engines, closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def start(
            kind: str | Path = "llama", *, bounds: Bounds | None = None, **settings: object
        ) -> Engine:
            wishes = {"slots": 2, "threads": 1, "ctx_size": 512, **settings}
            path = random_model(kind) if isinstance(kind, str) else kind
            load = LoadModel(str(path), **wishes)  # type: ignore[arg-type]
            engine = await Engine.start(load, bounds=bounds or Bounds())
            stack.push_async_callback(engine.close)
            return engine

        yield start
