"""Puts together what the services work with, and takes it apart in the end."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from colonnade.legacy.house import House
from colonnade.legacy.jobs import JobQueue
from colonnade.legacy.session_book import SessionBook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.serving import ModelRegistry
    from colonnade.settings import Settings


@asynccontextmanager
async def open_house(settings: Settings, registry: ModelRegistry) -> AsyncIterator[House]:
    """Open what the services need.

    Raises:
        Failure: the session database that the settings name cannot be opened.
    """
    async with AsyncExitStack() as stack:
        size = settings.queue.queue_size
        length = settings.server.max_body_size
        jobs = JobQueue(registry.models, registry.generator, size, length)
        stack.push_async_callback(jobs.close)
        sessions = SessionBook(settings)
        stack.push_async_callback(sessions.close)
        if settings.legacy.session_database:
            await sessions.open()  # a wrong one is told at the start, not by the first request
        yield House(registry, settings, sessions, jobs)
