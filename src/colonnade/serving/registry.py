"""The models of a server over its life: known, loaded when they are wanted, unloaded."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from colonnade.engine import Surveyor
from colonnade.generation import Generator, Models
from colonnade.hub import ModelError
from colonnade.machine.memory import usable_memory
from colonnade.messages import Failure, FailureKind
from colonnade.serving.catalogue import Catalogue
from colonnade.serving.downloads import Downloads, hub_model
from colonnade.serving.entry import Entry, Origin, State
from colonnade.serving.loader import Loader
from colonnade.serving.loading import LoadPlan
from colonnade.serving.news import RELOAD, Event, News
from colonnade.serving.sources import allowed_entry, chosen_entry, table_entries
from colonnade.serving.space import Space
from colonnade.serving.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from colonnade.generation import Accounts, ServedModel
    from colonnade.hub import ResolvedModel
    from colonnade.settings import Settings

_HUB = "hf:"

_log = logging.getLogger(__name__)


class ModelRegistry:
    """Knows many models, and has those loaded that requests name, within the memory there is.

    One of them is the *chosen* one: that of the command line, or the one that took its place. It
    answers requests that name none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        accounts: Accounts | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``accounts``: who may use how much, and has. ``say`` takes lines for the operator.

        Raises:
            ModelError: a table names a model in a form that there is not, or two tables are named
                alike.
        """
        self._settings = settings
        self._say = say
        registry = settings.registry
        self.news = News()
        self.models = Models(any_name=settings.model.any_model_name, source=self)
        self.generator = Generator(self.models, accounts=accounts)
        self.catalogue = Catalogue(registry.allow_models, self._allowed)
        self._surveyor = Surveyor()
        memory = usable_memory(settings.limits.memory << 20) or 0
        cache = settings.model.cache_size << 20
        self.space = Space(self.models, self.news, self._surveyor, memory, cache)
        self._downloads = Downloads(self.news, say)
        wait = registry.load_wait_seconds
        self._loader = Loader(self.models, self.space, self._downloads, self.news, wait)
        self._watcher = Watcher(settings, self.catalogue, self.space, self._loader, self._surveyor)
        self._choosing = asyncio.Lock()
        self._forgotten = False
        self.catalogue.put(Origin.TABLE, table_entries(settings, say))

    @property
    def chosen(self) -> Entry | None:
        """The model for requests that name none, None where none was chosen."""
        return next(iter(self.catalogue.layer(Origin.CHOSEN).values()), None)

    @property
    def current(self) -> ServedModel | None:
        """The loaded model for requests that name none, None where none is loaded."""
        name = self.default()
        return next((each for each in self.models if each.id == name), None)

    # What ``generation.Models`` asks.

    @property
    def loads(self) -> bool:
        """Whether it knows any that a request may have loaded, and nobody has unloaded the chosen
        one, after which the older services are not ready until another one is chosen."""
        on_demand = self._settings.registry.load_on_demand
        return on_demand and len(self.catalogue) > 0 and not self._forgotten

    def named(self, name: str) -> str | None:
        """The id of the model that goes by a name; None where there is none."""
        entry = self.catalogue.find(name)
        return None if entry is None else entry.id

    def default(self) -> str | None:
        """The chosen model, else the first table's, else of those that generate the one that was
        used last, else the only one there is."""
        if self.chosen is not None:
            return self.chosen.id
        table = next(iter(self.catalogue.layer(Origin.TABLE)), None)
        if table is not None:
            return table
        generating = [model for model in self.models if model.engine.info.decoder]
        last = max(generating, key=lambda model: model.use.last, default=None)
        if last is not None:
            return last.id
        only = next(iter(self.catalogue), None)
        return only.id if only is not None and len(self.catalogue) == 1 else None

    def unknown(self, name: str) -> Failure:
        """What to say of a name that no model has."""
        return self.catalogue.unknown(name)

    async def load(self, model: str) -> ServedModel:
        """Load the model of an id for a request, if it is not loaded yet.

        Raises:
            Failure: it cannot be loaded, or the operator does not want it to be.
        """
        entry = self.find(model)
        if not self._settings.registry.load_on_demand and entry.state is not State.LOADED:
            msg = f"The model {model!r} is not loaded, and an administrator has to load it."
            raise Failure(FailureKind.MODEL_UNAVAILABLE, msg)
        return await self._loader.obtain(entry)

    # What operators ask.

    async def choose(
        self, plan: LoadPlan, on_progress: Callable[[float], None] = lambda _: None
    ) -> ServedModel:
        """Load a model and put it in the place of the chosen one, which serves on until then.

        One change comes after the other. Where it fails, nothing has changed.

        Raises:
            ModelError: it cannot be loaded.
            Failure: there is no room for it beside what is in use.
        """
        async with self._choosing:
            old = self.chosen
            entry = chosen_entry(plan)
            hidden = self.catalogue.find(entry.id)
            served = await self._loader.load(entry, on_progress)
            self.catalogue.put(Origin.CHOSEN, [entry])
            self._forgotten = False
            if old is not None:
                _log.info("%s takes the place of %s", entry.id, old.id)
                self._drop(old)
            if hidden is not None and hidden is not old and hidden.id == entry.id:
                self._drop(hidden)  # no name leads to it any more
            self.news.tell(RELOAD)
            return served

    async def forget(self) -> ServedModel | None:
        """Serve the chosen model no more, and give its memory back; returns it, if it was loaded.

        Requests under way fail.
        """
        async with self._choosing:
            entry = self.chosen
            if entry is None:
                return None
            self.catalogue.put(Origin.CHOSEN, [])
            self._forgotten = True
            served = entry.served
            await self.unload(entry, seconds=0.0, keep=False)
            await self.space.hurry()
            self.news.tell(Event(entry.id, "model_remove"))
            return served

    async def load_named(self, name: str) -> Entry:
        """Load the model of a name because an operator wants it.

        Raises:
            Failure: there is none, no room for it, or it cannot be loaded.
        """
        entry = self.find(name)
        try:
            await self._loader.load(entry)
        except ModelError as error:
            raise Failure(FailureKind.MODEL_FAILED, str(error), param="model") from error
        return entry

    async def unload(
        self, entry: Entry, seconds: float | None = None, *, keep: bool = True
    ) -> None:
        """Have a model go when those that use it are done, or after so many seconds; None stands
        for the time that a stop gives them. ``keep``: what it knows of earlier prompts stays."""
        self._downloads.give_up(entry)
        if self._loader.give_up(entry) and entry.served is None:
            return
        if entry.served is None:
            return
        if seconds is None:
            seconds = self._settings.server.shutdown_seconds
        await asyncio.wait({self.space.leave(entry, seconds, keep=keep)})

    def download(self, name: str) -> Entry:
        """Begin to download a model of the hub, whatever requests may name.

        Raises:
            Failure: the name is none of the hub's.
        """
        entry = self.catalogue.find(name)
        if entry is None:
            text = name if name.startswith(_HUB) else _HUB + name
            entry = self._allowed(text)
        if entry is None or hub_model(entry) is None:
            msg = f"{name[:200]!r} is not of the form OWNER/REPO or OWNER/REPO:FILE-OR-QUANT."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="model")
        if self.catalogue.find(entry.id) is None:
            self.catalogue.add(entry)
        if entry.served is None:
            self._downloads.begin(entry)
        return entry

    async def delete(self, name: str) -> Entry:
        """Unload a model that was downloaded, and remove its files.

        Raises:
            Failure: there is none, or it was not downloaded by the server.
        """
        entry = self.find(name)
        if entry.origin is Origin.CHOSEN or hub_model(entry) is None:
            msg = f"{entry.id!r} was not downloaded by the server: only what was can be deleted."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="model")
        await self.unload(entry, keep=False)
        try:
            await self._downloads.delete(entry)
        except ModelError as error:
            raise Failure(FailureKind.INVALID_REQUEST, str(error), param="model") from error
        if entry.origin is Origin.ALLOWED:
            self.catalogue.remove(entry)
        self._loader.give_up(entry)  # a request may have asked for it meanwhile
        self._drop(entry)
        entry.path, entry.facts = "", None
        self.news.tell(Event(entry.id, "model_remove"))
        return entry

    def find(self, name: str) -> Entry:
        """The model that goes by a name, loaded or not.

        Raises:
            Failure: there is none.
        """
        entry = self.catalogue.find(name)
        if entry is None:
            raise self.catalogue.unknown(name)
        return entry

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """In here, directories are watched, what nobody uses is unloaded, and what is to be there
        from the start is loaded."""
        await self._watcher.look()
        tasks = [asyncio.create_task(self._watcher.watch()), asyncio.create_task(self._preload())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End all workers. Requests under way fail."""
        await self._loader.close()
        await self._downloads.close()
        await self.space.close()
        await self._surveyor.close()

    def _drop(self, entry: Entry) -> None:
        """Have a model go that is known no more, when its requests are done."""
        if entry.served is not None:
            self.space.leave(entry, self._settings.server.shutdown_seconds)

    def _allowed(self, text: str) -> Entry | None:
        return allowed_entry(text, self._settings, self._say)

    async def _preload(self) -> None:
        for entry in list(self.catalogue):
            if entry.preload:
                try:
                    await self._loader.load(entry)
                except ModelError:
                    pass  # the loader has said so
                except Failure as failure:
                    _log.error("%s could not be preloaded: %s", entry.id, failure)
                except Exception:  # noqa: BLE001 - the log has it whole
                    _log.exception("%s could not be preloaded", entry.id)


@asynccontextmanager
async def serve_model(
    settings: Settings, resolved: ResolvedModel, on_progress: Callable[[float], None]
) -> AsyncIterator[ModelRegistry]:
    """A registry with the model that the settings name; all is unloaded in the end.

    Raises:
        ModelError: it cannot be loaded.
    """
    registry = ModelRegistry(settings)
    try:
        await registry.choose(LoadPlan(resolved, settings), on_progress)
        yield registry
    finally:
        await registry.close()
