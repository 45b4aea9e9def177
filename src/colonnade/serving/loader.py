"""Loads the models that are wanted, one after the other, and makes room for them."""

from __future__ import annotations

import asyncio
import logging
import time
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.hub import ModelError
from colonnade.messages import Failure, FailureKind
from colonnade.serving.entry import Origin, State
from colonnade.serving.files import FileState
from colonnade.serving.loading import load_model
from colonnade.serving.news import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.generation import Models, ServedModel
    from colonnade.serving.downloads import Downloads
    from colonnade.serving.entry import Entry
    from colonnade.serving.loading import LoadPlan
    from colonnade.serving.news import News
    from colonnade.serving.space import Space

_FAILED_SECONDS = 10.0
"""How long a model that could not be loaded is not tried again."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Demand:
    """A model that is to be loaded, for all who wait for it."""

    entry: Entry
    loaded: asyncio.Future[ServedModel]
    task: asyncio.Task[None] | None = None
    kept: bool = False
    """It is loaded even if nobody waits any more."""
    waiting: int = 0
    """Requests that wait for it; without any it is given up."""
    listeners: list[Callable[[float], None]] = field(default_factory=list)
    """They are told of the progress."""


class Loader:
    """Has models loaded, within the memory that they may take together.

    Demands are met in the order in which they came, one at a time; what nobody waits for any more
    is given up.
    """

    def __init__(
        self, models: Models, space: Space, downloads: Downloads, news: News, wait_seconds: float
    ) -> None:
        self._models = models
        self._space = space
        self._downloads = downloads
        self._news = news
        self._wait_seconds = wait_seconds
        self._turn = asyncio.Lock()
        self._demands: dict[Entry, _Demand] = {}
        self._abandoned: set[asyncio.Task[None]] = set()
        """Tasks of demands that were given up, until they have ended."""
        self._closed = False

    async def obtain(self, entry: Entry) -> ServedModel:
        """The model, loaded if need be.

        Raises:
            Failure: it cannot be loaded, or not in the time that a request waits.
        """
        if entry.served is not None and entry.state is State.LOADED:
            return entry.served
        if entry.trouble and time.monotonic() - entry.failed_at < _FAILED_SECONDS:
            raise _failed(entry.trouble)
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._wait(self._demand(entry))
        except TimeoutError:
            raise self._space.failure(entry, self._wait_seconds) from None
        except ModelError as error:
            raise _failed(str(error)) from error

    async def load(
        self, entry: Entry, on_progress: Callable[[float], None] = lambda _: None
    ) -> ServedModel:
        """Load a model because the operator wants it, however long it takes.

        Raises:
            ModelError: it cannot be loaded.
            Failure: there is no room for it.
        """
        if entry.served is not None and entry.state is State.LOADED:
            return entry.served
        demand = self._demand(entry)
        demand.kept = True
        demand.listeners.append(on_progress)
        return await self._wait(demand)

    def give_up(self, entry: Entry) -> bool:
        """Load it no further; whether it was about to be loaded."""
        demand = self._demands.get(entry)
        if demand is None:
            return False
        self._abandon(demand)
        return True

    async def close(self) -> None:
        """Give up all that is under way, and begin nothing more."""
        self._closed = True
        tasks = [each.task for each in self._demands.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._abandoned, return_exceptions=True)

    async def _wait(self, demand: _Demand) -> ServedModel:
        demand.waiting += 1
        demand.entry.waiting += 1
        try:
            return await asyncio.shield(demand.loaded)
        finally:
            demand.waiting -= 1
            demand.entry.waiting -= 1
            if not demand.waiting and not demand.kept:
                self._abandon(demand)

    def _abandon(self, demand: _Demand) -> None:
        """Load it no further. Whoever wants the model from now on makes a demand of its own, which
        has its turn when this one has ended."""
        if self._demands.get(demand.entry) is demand:
            del self._demands[demand.entry]
        if demand.task is not None:
            demand.task.cancel()
            self._abandoned.add(demand.task)
            demand.task.add_done_callback(self._abandoned.discard)

    def _demand(self, entry: Entry) -> _Demand:
        """What has the model loaded; there is one at a time.

        Raises:
            Failure: the server is stopping.
        """
        if self._closed:
            raise Failure(FailureKind.MODEL_UNAVAILABLE, "The server is stopping.")
        demand = self._demands.get(entry)
        if demand is None:
            demand = _Demand(entry, asyncio.get_running_loop().create_future())
            demand.loaded.add_done_callback(_retrieved)
            self._demands[entry] = demand
            # In no request's context: it is for all who wait, and outlives each of them.
            demand.task = asyncio.create_task(self._meet(demand), context=Context())
        return demand

    async def _meet(self, demand: _Demand) -> None:
        """Load a model and tell all who wait."""
        entry = demand.entry
        try:
            model = await self._load(demand)
            demand.loaded.set_result(model)
        except asyncio.CancelledError:
            if entry.served is None:  # else it is loaded, or on its way out still
                self._become(entry, State.AVAILABLE)
            gone = Failure(FailureKind.MODEL_UNAVAILABLE, f"Loading {entry.id!r} was given up.")
            demand.loaded.set_exception(gone)
        except ModelError as error:
            entry.trouble, entry.failed_at = str(error), time.monotonic()
            self._become(entry, State.FAILED)
            _log.warning("%s could not be loaded: %s", entry.id, error)
            demand.loaded.set_exception(error)
        except Exception as error:  # noqa: BLE001 - told to whoever waits, and the log
            self._become(entry, State.AVAILABLE)
            demand.loaded.set_exception(error)
        finally:
            if self._demands.get(entry) is demand:
                del self._demands[entry]

    async def _load(self, demand: _Demand) -> ServedModel:
        entry = demand.entry
        plan = await self._planned(entry)
        async with self._turn:
            await self._space.gone(entry)  # it may be on its way out still, or stay after all
            if entry.served is not None:
                return entry.served
            load = await self._space.make(entry, plan)
            self._become(entry, State.LOADING)
            try:
                model = await load_model(
                    plan,
                    lambda part: self._progress(demand, part),
                    load,
                    self._space.kept,
                    self._space.routes,
                )
            except BaseException:
                self._space.give_back(entry)
                raise
            entry.trouble = ""
            entry.path = str(plan.resolved.path)
            if entry.origin is not Origin.DIRECTORY:  # whose files are looked at all the time
                entry.file = await asyncio.to_thread(FileState.of, entry.path)
            self._space.loaded(entry, model)
            self._models.add(model)
            self._become(entry, State.LOADED)
            _log.info("%s is loaded, in %.1f s", entry.id, model.load_seconds)
            return model

    async def _planned(self, entry: Entry) -> LoadPlan:
        """Find the model's file, downloading it if need be; others are loaded meanwhile."""
        await self._downloads.fetch(entry)
        return await asyncio.to_thread(entry.plan)

    def _progress(self, demand: _Demand, part: float) -> None:
        demand.entry.progress = part
        for listener in demand.listeners:
            listener(part)
        data = {"status": State.LOADING.value, "progress": {"value": round(part, 3)}}
        self._news.tell(Event(demand.entry.id, "model_status", data))

    def _become(self, entry: Entry, state: State) -> None:
        entry.state, entry.progress = state, 0.0
        data: dict[str, object] = {"status": state.value}
        if state is State.FAILED:
            data["error"] = entry.trouble
        self._news.tell(Event(entry.id, "model_status", data))


def _failed(trouble: str) -> Failure:
    return Failure(FailureKind.MODEL_FAILED, f"The model cannot be loaded: {trouble}")


def _retrieved(future: asyncio.Future[ServedModel]) -> None:
    """Whoever waited may have gone: an error that nobody was told of is no fault of the program."""
    if not future.cancelled():
        future.exception()
