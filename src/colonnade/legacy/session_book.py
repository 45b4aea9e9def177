"""The session store, opened when it is first needed.

A server whose clients never chat in sessions does not need a place to write to.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.sessions import Bounds, SessionError, SessionStore

if TYPE_CHECKING:
    from colonnade.settings import Settings

_SWEEP_SECONDS = 3600.0

_log = logging.getLogger(__name__)


class SessionBook:
    """Opens the store once, and sweeps it from time to time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.legacy.session_database or _usual_place()
        self._expire_seconds = settings.legacy.session_seconds
        self._bounds = _bounds(settings)
        self._store: SessionStore | None = None
        self._opening = asyncio.Lock()
        self._swept = 0.0

    async def open(self) -> SessionStore:
        """The store.

        Raises:
            SessionError: it cannot be opened; the next request tries again.
        """
        async with self._opening:
            if self._store is None:
                self._store = await SessionStore.open(
                    database_url(self._settings),
                    expire_seconds=self._expire_seconds,
                    bounds=self._bounds,
                )
            if time.monotonic() - self._swept > _SWEEP_SECONDS:
                await self._sweep(self._store)
            return self._store

    @property
    def waiting(self) -> int:
        """Requests that wait for others to the same session."""
        return 0 if self._store is None else self._store.waiting

    async def _sweep(self, store: SessionStore) -> None:
        """Delete what has expired. A database that is full refuses that, and may be of use yet."""
        self._swept = time.monotonic()
        try:
            await store.sweep()
        except SessionError as error:
            _log.warning("Expired sessions could not be deleted: %s", error.detail)

    async def close(self) -> None:
        """Close the store, if it was opened."""
        if self._store is not None:
            await self._store.close()


def database_url(settings: Settings) -> str:
    """Where what outlives the server is kept. The usual place is made, for nobody else to read."""
    if given := settings.legacy.session_database:
        return given
    url = _usual_place()
    if url != "sqlite://":
        _make_private(url)
    return url


def _bounds(settings: Settings) -> Bounds:
    legacy = settings.legacy
    return Bounds(
        exchanges=legacy.session_exchanges,
        sessions=legacy.session_count,
        size=legacy.session_storage << 20,
        waiting_of_one=legacy.session_queue,
        waiting=settings.queue.queue_size,
    )


def _usual_place() -> str:
    """A file in the user's data directory."""
    try:
        home = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    except RuntimeError:  # a user without a home: sessions last as long as the server
        return "sqlite://"
    return f"sqlite:///{Path(home).absolute() / 'colonnade' / 'sessions.db'}"


def _make_private(url: str) -> None:
    """Make the directory so that nobody else reads what is said; where it is there, it stays."""
    with suppress(OSError):  # what cannot be written to is told when the store is opened
        directory = Path(url.removeprefix("sqlite:///")).parent
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
