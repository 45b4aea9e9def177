"""What the four services work with, handed to their routes as one thing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonnade.generation import Generator, Models
    from colonnade.legacy.jobs import JobQueue
    from colonnade.legacy.session_book import SessionBook
    from colonnade.serving import ModelRegistry
    from colonnade.settings import Settings


class House:
    """The models, the settings, and what the services keep between requests.

    No dataclass: Litestar would look into the types of one's fields when it is handed to a route.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        settings: Settings,
        sessions: SessionBook,
        jobs: JobQueue,
    ) -> None:
        self.registry = registry
        self.settings = settings
        self.sessions = sessions
        self.jobs = jobs
        self.finishing = asyncio.Event()
        """Set when the server stops: what is under way is finished, and nothing more begins."""

    @property
    def models(self) -> Models:
        """The models that are served."""
        return self.registry.models

    @property
    def generator(self) -> Generator:
        """What answers."""
        return self.registry.generator

    def finish(self) -> None:
        """Begin nothing more."""
        self.finishing.set()
        self.jobs.finish()
        self.registry.news.close()

    @property
    def ready(self) -> bool:
        """Whether a request would be served now."""
        return any(model.engine.ready for model in self.models)
