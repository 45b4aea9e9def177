"""What each key has used: counted here at once, kept in a database from time to time."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from colonnade.generation import Used
from colonnade.messages import Failure, FailureKind
from colonnade.web.access.quotas import Period, Unit
from colonnade.web.disconnect import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from colonnade.web.access.keys import KeyRing
    from colonnade.web.access.quotas import Quota

_KEY = "key:"
_FLUSH_SECONDS = 5.0
"""How often what is new is written down; so much of it is lost when the process is killed."""
_LAST_SECONDS = 5.0

_log = logging.getLogger(__name__)


Days = dict[tuple[str, dt.date], Used]
"""By the name of a key, and a day by UTC."""


class UsageStore(Protocol):
    """Where it is kept. What goes wrong there is an exception with a ``detail`` for the log."""

    async def add(self, used: Mapping[tuple[str, dt.date], Used]) -> None:
        """Add to what is kept, all of it or nothing."""

    async def since(self, day: dt.date) -> Days:
        """What was used on a day and after it, by this server and others with the same database."""


class Ledger:
    """The account of each key. What runs counts when it ends; a request, when it begins."""

    def __init__(self, keys: KeyRing, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._now = now
        self.totals: defaultdict[str, Used] = defaultdict(Used)
        """What each key has used since the server was started."""
        self._kept: Days = {}
        """Of this month, what the database has."""
        self._leaving: Days = {}
        """What is on its way there."""
        self._fresh: defaultdict[tuple[str, dt.date], Used] = defaultdict(Used)
        """What is not yet."""
        self._writing = asyncio.Lock()

    def admit(self, client: str) -> None:
        """Let a client have another answer.

        Raises:
            Failure: its key has a quota that is used up.
        """
        name = _name(client)
        exceeded = [each for each in self._keys.quotas(name) if self._left(name, each) <= 0]
        if not exceeded:
            return
        last = max(exceeded, key=lambda quota: quota.period.end(self._today()))
        msg = f"You exceeded your current quota: {last.most} {last.unit} a {last.period}, by UTC."
        wait = last.period.end(self._today()).timestamp() - self._now()
        raise Failure(FailureKind.QUOTA_EXCEEDED, msg, retry_after=wait)

    def note(self, client: str, used: Used) -> None:
        """Add to what a client has used, where it came with a key."""
        if name := _name(client):
            self.totals[name] += used
            self._fresh[name, self._today()] += used

    def this_month(self) -> Days:
        """What was used of each key on each day of this month."""
        first = Period.MONTH.first_day(self._today())
        days = _together(self._kept, self._leaving, self._fresh)
        return {place: used for place, used in days.items() if place[1] >= first}

    @asynccontextmanager
    async def kept_in(self, store: UsageStore) -> AsyncIterator[None]:
        """Know what the database knows, and keep it up, in here; all is written in the end.

        Raises:
            Exception: the database cannot be read.
        """
        self._kept = await self._read(store)
        writing = asyncio.ensure_future(self._write_on(store))
        try:
            yield
        finally:
            await cancel(writing)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._write(store)

    async def _write_on(self, store: UsageStore) -> None:
        fine = True
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            # As a task of its own: a transaction is not to be cut off in the middle.
            written = await asyncio.shield(asyncio.ensure_future(self._write(store, loud=fine)))
            if written and not fine:
                _log.info("what keys use is written down again")
            fine = written

    async def _write(self, store: UsageStore, *, loud: bool = True) -> bool:
        """Write what is new; what cannot be written waits for the next time. False: it does."""
        async with self._writing:
            try:
                await self._add(store)
                self._kept = await self._read(store)
            except Exception as error:  # noqa: BLE001 - whatever it is, answers go on
                if loud:
                    _log.warning("what keys use is not written down: %s", _told(error))
                return False
            return True

    async def _add(self, store: UsageStore) -> None:
        self._leaving = dict(self._fresh)
        self._fresh.clear()
        try:
            if self._leaving:
                await store.add(self._leaving)
        except BaseException:
            self._fresh = _together(self._leaving, self._fresh)
            raise
        else:
            self._kept = dict(_together(self._kept, self._leaving))
        finally:
            self._leaving = {}

    async def _read(self, store: UsageStore) -> Days:
        return await store.since(Period.MONTH.first_day(self._today()))

    def _left(self, name: str, quota: Quota) -> int:
        today = self._today()
        first = quota.period.first_day(today)
        left = quota.most
        for number in range((today - first).days + 1):
            place = (name, first + dt.timedelta(days=number))
            for part in (self._kept, self._leaving, self._fresh):
                if (used := part.get(place)) is not None:
                    left -= _of(used, quota.unit)
        return left

    def _today(self) -> dt.date:
        return dt.datetime.fromtimestamp(self._now(), dt.UTC).date()


def _name(client: str) -> str:
    """The name of the key that a client came with; empty for none."""
    return client.removeprefix(_KEY) if client.startswith(_KEY) else ""


def _told(error: Exception) -> str:
    return str(getattr(error, "detail", error)) or type(error).__name__


def _of(used: Used, unit: Unit) -> int:
    if unit is Unit.REQUESTS:
        return used.requests
    return used.prompt_tokens + used.completion_tokens


def _together(*parts: Days) -> defaultdict[tuple[str, dt.date], Used]:
    found: defaultdict[tuple[str, dt.date], Used] = defaultdict(Used)
    for part in parts:
        for place, used in part.items():
            found[place] += used
    return found
