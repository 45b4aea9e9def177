"""Sees what becomes of model files, and which models nobody uses any more."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from colonnade.engine import LoadError
from colonnade.serving.entry import Entry, Origin, State
from colonnade.serving.files import FileState, scan
from colonnade.serving.sources import directory_entry

if TYPE_CHECKING:
    from colonnade.engine import Surveyor
    from colonnade.serving.catalogue import Catalogue
    from colonnade.serving.files import Found
    from colonnade.serving.loader import Loader
    from colonnade.serving.space import Space
    from colonnade.settings import Settings

_LOOK_SECONDS = 2.0
"""Between two looks. To look at a thousand files takes some ms, works on every kind of disk, and
needs nobody's help."""

_SHARE = 20
"""To look takes no more than one part in so many of the time."""

_log = logging.getLogger(__name__)


class Watcher:
    """Keeps the catalogue's directories true, and unloads what has changed or is used no more."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        space: Space,
        loader: Loader,
        surveyor: Surveyor,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._space = space
        self._loader = loader
        self._surveyor = surveyor
        self._no_models: dict[str, FileState] = {}
        """Files in directories that are parts of models, by their paths."""

    async def watch(self) -> None:
        """Look again and again."""
        took = 0.0
        while True:
            try:
                await self._describe()
                await asyncio.sleep(max(_LOOK_SECONDS, took * _SHARE))
                began = time.monotonic()
                await self.look()
                took = time.monotonic() - began
                self._expire()
            except Exception:  # noqa: BLE001 - what is wrong with one file does not end it
                _log.exception("a look at the models failed; the next one comes")
                await asyncio.sleep(_LOOK_SECONDS)

    def _expire(self) -> None:
        """Unload what nobody has used for as long as it may be unused."""
        for entry in list(self._catalogue):
            if entry.expired:
                _log.info("%s is unloaded: unused for %g s", entry.id, entry.ttl)
                self._space.leave(entry)

    async def look(self) -> None:
        """Read the directories, and see whether files of loaded models were changed."""
        directories = self._settings.registry.models_dir
        if directories:
            self._take(await asyncio.to_thread(scan, directories))
        loaded = [each for each in self._catalogue if each.served is not None and each.path]
        loaded = [each for each in loaded if each.origin is not Origin.DIRECTORY]
        states = await asyncio.to_thread(lambda: [FileState.of(each.path) for each in loaded])
        for entry, state in zip(loaded, states, strict=True):
            self._compare(entry, state)

    def _compare(self, entry: Entry, state: FileState | None) -> None:
        """Let a model be loaded anew whose file is another one now. One that is gone goes on being
        served: it is open still."""
        if entry.served is None:  # it went while its file was looked at
            return
        if state is not None and entry.file is not None and state != entry.file:
            _log.warning("%s: its file has changed; it is loaded anew", entry.id)
            entry.file = entry.facts = None
            self._space.leave(entry)

    def _take(self, found: list[Found]) -> None:
        """Know the models that are in the directories now."""
        old = self._catalogue.layer(Origin.DIRECTORY)
        new: dict[str, Entry] = {}
        for each in found:
            if self._no_models.get(each.path) == each.state:
                continue
            known = old.get(each.id)
            same = known is not None and (known.file, known.path) == (each.state, each.path)
            entry = known if known is not None and same else None
            new[each.id] = entry or directory_entry(each, self._settings)
            new[each.id].aliases = each.aliases
        gone = [entry for name, entry in old.items() if new.get(name) is not entry]
        if not gone and len(new) == len(old):
            return
        self._catalogue.put(Origin.DIRECTORY, new.values())
        for entry in gone:
            _log.info("%s has %s", entry.id, "changed" if entry.id in new else "gone")
            self._loader.give_up(entry)
            if entry.served is not None:
                self._space.leave(entry, self._settings.server.shutdown_seconds)
        self._space.tell_of_all()

    async def _describe(self) -> None:
        """Find out what the files are that nobody has looked at yet."""
        for entry in list(self._catalogue):
            if entry.path and entry.facts is None and entry.state is State.AVAILABLE:
                try:
                    entry.facts = await self._surveyor.describe(entry.path)
                except LoadError as error:
                    if entry.state is State.AVAILABLE:  # still: a request may be loading it
                        entry.trouble, entry.state = str(error), State.FAILED  # and tries again
                    continue
                if not entry.facts.model and entry.origin is Origin.DIRECTORY and entry.file:
                    self._no_models[entry.path] = entry.file
                    self._catalogue.remove(entry)
