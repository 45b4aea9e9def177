"""Models of the hub that are downloaded while the server runs, and their files that go again."""

from __future__ import annotations

import asyncio
import logging
import time
from contextvars import Context
from threading import Event as Flag
from typing import TYPE_CHECKING

from colonnade.hub import Hub, HubModel, ModelError, delete_model, parse_hub_model
from colonnade.serving.entry import State
from colonnade.serving.news import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.hub import FileProgress
    from colonnade.serving.entry import Entry
    from colonnade.serving.news import News

_PREFIX = "hf:"
_TOLD_SECONDS = 0.5
"""Between two events about the progress of a download."""

_log = logging.getLogger(__name__)


def hub_model(entry: Entry) -> HubModel | None:
    """What an entry is called on the hub; None for one that comes from elsewhere."""
    return parse_hub_model(entry.reference) if entry.reference.startswith(_PREFIX) else None


class Downloads:
    """Downloads one model for all who want it."""

    def __init__(self, news: News, say: Callable[[str], None]) -> None:
        """``say`` takes lines for the operator."""
        self._news = news
        self._say = say
        self._tasks: dict[Entry, asyncio.Task[None]] = {}

    def begin(self, entry: Entry) -> asyncio.Task[None]:
        """Download an entry's files, unless that is under way already."""
        task = self._tasks.get(entry)
        if task is None:
            # In no request's context: it is for all who want it, and outlives each of them.
            task = asyncio.create_task(self._download(entry), context=Context())
            task.add_done_callback(lambda task: self._ended(entry, task))
            self._tasks[entry] = task
        return task

    async def fetch(self, entry: Entry) -> None:
        """Have an entry's files here before it is loaded; what comes from elsewhere is left alone.

        Raises:
            ModelError: the hub does not give them.
        """
        if hub_model(entry) is None or entry.path:
            return
        task = self.begin(entry)
        await asyncio.wait({task})  # others may want it, too: it goes on without whoever leaves
        if task.cancelled():
            msg = f"the download of {entry.id} was given up"
            raise ModelError(msg)
        task.result()

    def give_up(self, entry: Entry) -> bool:
        """Stop a download; what has come is kept for the next try. Whether there was one."""
        task = self._tasks.get(entry)
        return task is not None and task.cancel()

    async def delete(self, entry: Entry) -> int:
        """Remove the files of an entry; the bytes that were freed.

        Raises:
            ModelError: it is none of the hub's, not downloaded, or cannot be removed.
        """
        model = hub_model(entry)
        if model is None:
            msg = f"{entry.id} was not downloaded by the server: only what was can be deleted"
            raise ModelError(msg)
        return await asyncio.to_thread(delete_model, model)

    async def close(self) -> None:
        """Stop all downloads."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, entry: Entry, task: asyncio.Task[None]) -> None:
        self._tasks.pop(entry, None)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("%s could not be downloaded: %s", entry.id, task.exception())

    async def _download(self, entry: Entry) -> None:
        model = hub_model(entry)
        assert model is not None  # noqa: S101 - only such entries are downloaded
        stop, told = Flag(), _Told(entry, self._news)
        if entry.state in {State.AVAILABLE, State.FAILED}:
            entry.state = State.DOWNLOADING
        self._news.tell(Event(entry.id, "model_status", {"status": State.DOWNLOADING.value}))
        work = asyncio.to_thread(Hub().fetch, model, self._say, told.take, stop, projector=True)
        fetching = asyncio.ensure_future(work)
        try:
            await asyncio.shield(fetching)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.gather(fetching, return_exceptions=True)
            self._end(entry, "download_failed", {"error": "it was given up"})
            raise
        except ModelError as error:
            entry.trouble = str(error)
            self._end(entry, "download_failed", {"error": entry.trouble})
            raise
        self._end(entry, "download_finished", {})

    def _end(self, entry: Entry, event: str, data: dict[str, str]) -> None:
        if entry.state is State.DOWNLOADING:  # it may be loading by now
            entry.state = State.AVAILABLE
        self._news.tell(Event(entry.id, event, dict(data)))


class _Told:
    """Tells of a download's progress, now and then. ``take`` is called by its thread."""

    def __init__(self, entry: Entry, news: News) -> None:
        self._entry = entry
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._files: dict[str, dict[str, int]] = {}
        self._last = 0.0

    def take(self, progress: FileProgress) -> None:
        """Note how far a file is."""
        self._files[progress.file] = {"done": progress.done, "total": progress.total}
        now = time.monotonic()
        if now - self._last >= _TOLD_SECONDS:
            self._last = now
            data = {name: dict(each) for name, each in self._files.items()}
            event = Event(self._entry.id, "download_progress", data)
            self._loop.call_soon_threadsafe(self._news.tell, event)
