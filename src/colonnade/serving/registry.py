"""The models of a server over its life: one is loaded, takes another's place, is unloaded."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from colonnade.generation import Generator, Models
from colonnade.messages import Failure, FailureKind
from colonnade.serving.loading import LoadPlan, load_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from colonnade.generation import Accounts, ServedModel
    from colonnade.hub import ResolvedModel
    from colonnade.settings import Settings

_log = logging.getLogger(__name__)


class ModelRegistry:
    """Holds the one model that is served now.

    A new model is loaded beside the old one, which serves on until the new one is ready. Then it
    gets no more requests, ends those it has, and goes; for that time both take their memory.
    """

    def __init__(
        self,
        drain_seconds: float = 30.0,
        *,
        any_model_name: bool = False,
        accounts: Accounts | None = None,
    ) -> None:
        """``any_model_name``: the model answers whatever name a request gives. ``accounts``: who
        may use how much, and has."""
        self.models = Models(any_name=any_model_name)
        self.generator = Generator(self.models, accounts=accounts)
        self._drain_seconds = drain_seconds
        self._changing = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> ServedModel | None:
        """The model that is served, None where none is."""
        return next(iter(self.models), None)

    async def load(
        self, plan: LoadPlan, on_progress: Callable[[float], None] = lambda _: None
    ) -> ServedModel:
        """Load a model and put it in the place of the one that is served.

        One change comes after the other. Where it fails, nothing has changed.

        Raises:
            ModelError: it cannot be loaded.
        """
        async with self._changing:
            await asyncio.gather(*self._retiring)  # or their number would have no bound
            new = await load_model(plan, on_progress)
            old = self.current
            self.models.replace(old, new)
            if old is not None:
                _log.info("%s takes the place of %s", new.id, old.id)
                self._retire(old)
            return new

    async def unload(self) -> ServedModel | None:
        """Serve no model any more, and give its memory back; returns the one that was served.

        Requests under way fail.
        """
        async with self._changing:
            await self._end_retiring()
            old = self.current
            if old is not None:
                self.models.remove(old)
                await old.close(_gone(old))
            return old

    async def close(self) -> None:
        """End all workers. Requests under way fail."""
        models = [model.close() for model in self.models]
        await asyncio.gather(*models, self._end_retiring(), return_exceptions=True)

    async def _end_retiring(self) -> None:
        """Let models whose place was taken wait no longer for the end of their requests."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)

    def _retire(self, model: ServedModel) -> None:
        task = asyncio.create_task(self._end(model))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _end(self, model: ServedModel) -> None:
        """Close a model when its requests are done; those that take too long get an error."""
        try:
            async with asyncio.timeout(self._drain_seconds):
                await model.engine.drained()
        except TimeoutError:
            _log.warning("%s: time is up for its answers under way", model.id)
        finally:
            await asyncio.shield(model.close(_gone(model)))


def _gone(model: ServedModel) -> Failure:
    msg = f"The model {model.id!r} was unloaded."
    return Failure(FailureKind.MODEL_UNAVAILABLE, msg)


@asynccontextmanager
async def serve_model(
    settings: Settings, resolved: ResolvedModel, on_progress: Callable[[float], None]
) -> AsyncIterator[ModelRegistry]:
    """A registry with the model that the settings name; all is unloaded in the end.

    Raises:
        ModelError: it cannot be loaded.
    """
    registry = ModelRegistry(
        settings.server.shutdown_seconds, any_model_name=settings.model.any_model_name
    )
    try:
        await registry.load(LoadPlan(resolved, settings), on_progress)
        yield registry
    finally:
        await registry.close()
