"""The session store, opened when it is first needed.

A server whose clients never chat in sessions does not need a place to write to.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.sessions import SessionError, SessionStore

if TYPE_CHECKING:
    from colonnade.settings.tree import LegacySettings

_SWEEP_SECONDS = 3600.0


class SessionBook:
    """Opens the store once, and sweeps it from time to time."""

    def __init__(self, settings: LegacySettings) -> None:
        self._url = settings.session_database or _usual_place()
        self._usual = not settings.session_database and self._url != "sqlite://"
        self._expire_seconds = settings.session_seconds
        self._store: SessionStore | None = None
        self._opening = asyncio.Lock()
        self._swept = 0.0

    async def open(self) -> SessionStore:
        """The store.

        Raises:
            Failure: it cannot be opened; the next request tries again.
        """
        async with self._opening:
            try:
                if self._store is None:
                    if self._usual:
                        _make_private(self._url)
                    self._store = await SessionStore.open(
                        self._url, expire_seconds=self._expire_seconds
                    )
                if time.monotonic() - self._swept > _SWEEP_SECONDS:
                    self._swept = time.monotonic()
                    await self._store.sweep()
            except SessionError as error:
                raise Failure(FailureKind.INTERNAL, str(error)) from error
            return self._store

    async def close(self) -> None:
        """Close the store, if it was opened."""
        if self._store is not None:
            await self._store.close()


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
