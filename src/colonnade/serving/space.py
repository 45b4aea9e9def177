"""The memory that models share: who has it, and who has to give it back."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import msgspec

from colonnade.engine import LoadError
from colonnade.engine.kept import KeptStates
from colonnade.generation.routing import Routes
from colonnade.hub import ModelError
from colonnade.messages import Failure, FailureKind
from colonnade.serving.budget import Holding, bytes_text, room_for
from colonnade.serving.entry import State
from colonnade.serving.leaving import Leaving
from colonnade.serving.news import RELOAD, Event

if TYPE_CHECKING:
    from colonnade.engine import Surveyor
    from colonnade.generation import Models, ServedModel
    from colonnade.messages import Fit, LoadModel
    from colonnade.serving.budget import Room
    from colonnade.serving.entry import Entry
    from colonnade.serving.loading import LoadPlan
    from colonnade.serving.news import News

_RENDERER = 25 << 20
"""What takes part in a model beside its worker: the process that renders its chat template."""

_CACHE_PART = 8
"""States of earlier prompts of several models take one part in so many of the memory at most."""

_log = logging.getLogger(__name__)


class Space:
    """Knows what loaded models take, and has some go where another one is to come.

    Nobody is asked for the size of the first one: as long as it is alone, its worker sees by itself
    whether it fits.
    """

    def __init__(
        self, models: Models, news: News, surveyor: Surveyor, total: int, cache: int
    ) -> None:
        """``total``: bytes that all may take together; 0 where the system does not tell. ``cache``:
        bytes for states of earlier prompts, of all models."""
        self._models = models
        self._news = news
        self._surveyor = surveyor
        self._all = total
        self._cache = cache
        self.kept = KeptStates(cache // 2)
        """States of models that are not loaded now."""
        self.routes = Routes()
        """Which of several workers of a model has read what."""
        self._holding: dict[Entry, LoadPlan] = {}
        """What takes memory: loading, loaded, or on its way out."""
        self._leaving: dict[Entry, Leaving] = {}
        self._changed = asyncio.Event()

    @property
    def total(self) -> int:
        """Bytes that models may take beside states of earlier prompts."""
        return max(0, self._all - self._states)

    @property
    def _states(self) -> int:
        """Bytes for states of earlier prompts, of all models together. One model alone has what the
        settings say."""
        alone = len(self._holding) <= 1 and not self.kept.size
        return self._cache if alone or not self._all else min(self._cache, self._all // _CACHE_PART)

    async def make(self, entry: Entry, plan: LoadPlan) -> LoadModel:
        """Have others go until a model fits; returns how it is to be loaded.

        Raises:
            ModelError: the file is none that can be loaded.
            Failure: it does not fit, whoever goes.
        """
        load = plan.request
        if self._holding and self._all:
            load, entry.takes = await self._fitted(plan)
            await self._room(entry)
        self._holding[entry] = plan
        return load

    def loaded(self, entry: Entry, model: ServedModel) -> None:
        """Note that it is there."""
        entry.served, entry.loaded_at = model, time.monotonic()
        self._share()

    def give_back(self, entry: Entry) -> None:
        """Note that it takes nothing any more."""
        self._holding.pop(entry, None)
        entry.served, entry.takes = None, 0
        self._share()
        self._changed.set()

    def leave(
        self,
        entry: Entry,
        seconds: float | None = None,
        *,
        keep: bool = True,
        firm: bool = True,
    ) -> asyncio.Task[None]:
        """Have a model go when those that use it are done, or after so many seconds, with an error
        for them; new requests do not reach it. ``keep``: what it knows of earlier prompts stays.
        ``firm``: it goes even if nobody needs its room any more. Of one that is on its way out
        already the stricter wishes count."""
        loop = asyncio.get_running_loop()
        until = None if seconds is None else loop.time() + seconds
        leaving = self._leaving.get(entry)
        if leaving is not None and leaving.task is not None:
            leaving.insist(until, keep=keep, firm=firm)
            return leaving.task
        if entry.served is not None:
            self._models.remove(entry.served)
        self._become(entry, State.UNLOADING)
        leaving = self._leaving[entry] = Leaving(keep, until, firm)
        leaving.task = loop.create_task(self._end(entry, leaving))
        return leaving.task

    async def hurry(self) -> None:
        """Have those end now that leave and were given some seconds to finish."""
        bounded = [each for each in self._leaving.values() if each.until is not None]
        for each in bounded:
            each.insist(asyncio.get_running_loop().time(), keep=each.keep, firm=each.firm)
        tasks = {each.task for each in bounded if each.task is not None}
        if tasks:
            await asyncio.wait(tasks)

    def tell_of_all(self) -> None:
        """Say that the list of models is another one now."""
        self._news.tell(RELOAD)

    async def gone(self, entry: Entry) -> None:
        """Wait until a model that is on its way out is gone."""
        leaving = self._leaving.get(entry)
        if leaving is not None and leaving.task is not None:
            await asyncio.wait({leaving.task})  # it may be cancelled, and the model stay

    async def close(self) -> None:
        """End all workers. Requests under way fail."""
        tasks = [each.task for each in self._leaving.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        served = [each.served for each in self._holding if each.served is not None]
        await asyncio.gather(*[each.close() for each in served], return_exceptions=True)
        self.kept.close()

    def failure(self, entry: Entry, seconds: float) -> Failure:
        """That there was no room for a model in the time that a request waits, and who has it."""
        what = f"The model {entry.id!r} could not be loaded within {seconds:g} seconds"
        if not entry.takes or entry in self._holding:
            msg = f"{what}; it is {entry.state.value}."
        else:
            msg = f"{what}: it takes {bytes_text(entry.takes)} of {self._held()}"
        return Failure(FailureKind.MODEL_UNAVAILABLE, msg, retry_after=min(seconds, 30.0))

    async def _fitted(self, plan: LoadPlan) -> tuple[LoadModel, int]:
        """How a model is loaded so that it fits, and the bytes that all its workers take."""
        load = msgspec.structs.replace(plan.request, task="auto")  # as the file is made for
        fit = await self._fit(load)
        workers = load.workers * (fit.footprint.total + _RENDERER)
        takes = workers - (load.workers - 1) * fit.footprint.mapped
        if plan.settings.model.embeddings == "on":  # a worker of its own embeds
            embedding = await self._fit(msgspec.structs.replace(load, task="embed", workers=1))
            takes += embedding.footprint.own
        return fit.load, takes

    async def _fit(self, load: LoadModel) -> Fit:
        try:
            return await self._surveyor.fit(load, self.total)
        except LoadError as error:
            raise ModelError(str(error)) from error

    def _share(self) -> None:
        """Divide what may be kept of earlier prompts between the models that are loaded and those
        that were."""
        served = [each.served for each in self._holding if each.served is not None]
        states = self._states
        self.kept.limit = states // 2
        for model in served:
            share = (states - min(self.kept.size, states // 2)) // len(served)
            workers = model.engine.members
            for engine in workers:
                engine.share_cache(share // len(workers))

    async def _room(self, entry: Entry) -> None:
        """Wait until there is room, with others on their way out."""
        for each in list(self._holding):
            if not each.takes and each.served is not None:
                each.takes = await self._taken(self._holding[each], each.served)
        asked: list[Entry] = []
        try:
            while not (room := self._room_for(entry)).fits:
                self._changed.clear()
                asked += self._ask(room)
                await self._changed.wait()
        except BaseException:
            self._take_back(asked)
            raise

    async def _taken(self, plan: LoadPlan, model: ServedModel) -> int:
        """The bytes that a model takes which came when it was alone."""
        try:
            return (await self._fitted(plan))[1]
        except ModelError:  # its file has gone since: what its worker found counts
            return model.engine.info.memory + _RENDERER

    def _room_for(self, entry: Entry) -> Room:
        room = room_for(entry.takes, self._holdings(), self.total)
        if room.never:
            msg = f"There is no room for {entry.id!r}, which takes {bytes_text(entry.takes)} of "
            raise Failure(FailureKind.MODEL_UNAVAILABLE, msg + self._held())
        return room

    def _holdings(self) -> list[Holding]:
        return [
            Holding(
                id(each),
                each.takes,
                each.last_used,
                busy=each.busy,
                pinned=each.pin,
                leaving=each in self._leaving or each.state is State.LOADING,
            )
            for each in self._holding
        ]

    def _ask(self, room: Room) -> list[Entry]:
        """Have models go; returns those that have to finish something before."""
        by_key = {id(each): each for each in self._holding}
        for key in (*room.go, *room.finish):
            _log.info("%s makes room", by_key[key].id)
            self.leave(by_key[key], firm=False)
        return [by_key[key] for key in room.finish]

    def _take_back(self, asked: list[Entry]) -> None:
        """Let those go on that have not gone yet: nobody needs their room any more."""
        for entry in asked:
            leaving = self._leaving.get(entry)
            if leaving is None or leaving.firm or leaving.ending or leaving.task is None:
                continue
            if entry.served is not None and entry.served.busy:
                leaving.task.cancel()

    async def _end(self, entry: Entry, leaving: Leaving) -> None:
        """Close a model when it is used no more; cancelled before, it goes on being served."""
        model = entry.served
        try:
            if model is not None:
                await self._finished(model, leaving)
        except asyncio.CancelledError:
            self._leaving.pop(entry, None)
            self._stay(entry)
            raise
        leaving.ending = True
        try:
            if model is not None:
                end = model.retire if leaving.keep else model.close
                await asyncio.shield(end(_gone(model)))
        finally:
            self._leaving.pop(entry, None)
            self.give_back(entry)
            self._become(entry, State.AVAILABLE)

    async def _finished(self, model: ServedModel, leaving: Leaving) -> None:
        """Wait until nobody uses a model, as long as it may take."""
        try:
            async with leaving.patience():
                while model.busy:
                    await model.use.free()
                    for engine in model.engines:
                        await engine.drained()
        except TimeoutError:
            _log.warning("%s: time is up for its answers under way", model.id)

    def _stay(self, entry: Entry) -> None:
        if entry.served is not None:
            self._models.add(entry.served)
            self._become(entry, State.LOADED)

    def _become(self, entry: Entry, state: State) -> None:
        entry.state = state
        self._news.tell(Event(entry.id, "model_status", {"status": state.value}))

    def _held(self) -> str:
        """How much there is, and who has it for how long."""
        now = time.monotonic()
        parts = []
        for each in self._holding:
            part = f"{each.id!r} has {bytes_text(each.takes)}"
            if each.pin:
                part += " and is pinned"
            elif each.served is not None and each.served.busy:
                count = sum(engine.active for engine in each.served.engines)
                part += f" and {count} answers under way, for {now - each.loaded_at:.0f} s"
            parts.append(part)
        return f"{bytes_text(self.total)}: {', '.join(parts)}."


def _gone(model: ServedModel) -> Failure:
    msg = f"The model {model.id!r} was unloaded."
    return Failure(FailureKind.MODEL_UNAVAILABLE, msg)
