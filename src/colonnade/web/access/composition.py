"""What guards the doors, put together from the settings."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.settings import SettingsError, digest
from colonnade.web.access.key_file import KeyFile, checked
from colonnade.web.access.keys import Key, KeyRing
from colonnade.web.access.layers import Identification, KeysMiddleware, LimitMiddleware
from colonnade.web.access.ledger import Ledger
from colonnade.web.access.limits import RequestLimit
from colonnade.web.disconnect import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from litestar.types import ASGIApp, Middleware

    from colonnade.settings import ServerSettings, Settings

_LOOK_SECONDS = 2.0
"""How often it is seen whether the file of keys is another one."""

_NAMED = 8
"""Hexadecimal digits of a key's hash that stand for a name."""

_log = logging.getLogger(__name__)


class Access:
    """Who may come in through any door of a server, and how often. One for all of its ports."""

    def __init__(
        self,
        keys: KeyRing,
        limit: RequestLimit,
        server: ServerSettings | None = None,
        file: KeyFile | None = None,
    ) -> None:
        self.keys = keys
        self.limit = limit
        self.ledger = Ledger(keys)
        self._server = server
        self._file = file

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """What the settings say.

        Raises:
            SettingsError: the keys, or the proxies that are trusted, make no sense.
        """
        server = settings.server
        _check_proxies(server.trusted_proxies)
        file = KeyFile(Path(server.api_key_file)) if server.api_key_file else None
        keys = KeyRing(_keys(server, file))
        return cls(keys, RequestLimit(server.rate_limit), server, file)

    @classmethod
    def for_anyone(cls) -> Access:
        """No keys and no limits: whoever reaches the server may use and steer it."""
        return cls(KeyRing(), RequestLimit(0))

    def identified(self, app: ASGIApp) -> ASGIApp:
        """An application that knows who asks; around everything that a request's path selects."""
        proxied = self._server is not None and bool(self._server.trusted_proxies)
        return Identification(app, self.keys, self.limit, proxied=proxied)

    def middleware(self) -> list[Middleware]:
        """The layers inside an application, where a refusal gets its door's own shape."""
        layers: list[Middleware] = []
        if self.limit:
            layers.append(LimitMiddleware())
        if self.keys:
            layers.append(KeysMiddleware())
        return layers

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """Read the file of keys again, in here, whenever it is another one, and on SIGHUP."""
        if self._file is None:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        watching = asyncio.ensure_future(self._watch(self._file))
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            await cancel(watching)

    def reload(self) -> None:
        """Read the file of keys again. Where it makes no sense, the keys stay as they are."""
        if self._server is None or self._file is None:
            return
        try:
            self.keys.replace(_keys(self._server, self._file))
        except SettingsError as error:
            _log.error("the keys stay as they are: %s", error)
        else:
            _log.info("keys of %s", ", ".join(dict.fromkeys(key.name for key in self.keys)))

    async def _watch(self, file: KeyFile) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if await asyncio.to_thread(file.changed):
                self.reload()


def _check_proxies(proxies: Iterable[str]) -> None:
    for each in proxies:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            msg = f"--trusted-proxies: {each!r} is no address and no network such as 10.0.0.0/8"
            raise SettingsError(msg) from error


def _keys(server: ServerSettings, file: KeyFile | None) -> tuple[Key, ...]:
    """All keys. Those without names may steer the server where nobody has a key for that."""
    named = [] if file is None else file.read()
    for warning in [] if file is None else file.warnings:
        _log.warning("%s", warning)
    steered = bool(server.admin_key) or any(key.admin for key in named)
    plain = _unnamed("key", server.api_key, admin=not steered)
    admins = _unnamed("admin", server.admin_key, admin=True)
    try:
        return checked([*plain, *admins, *named])
    except ValueError as error:
        msg = f"{'keys' if file is None else file.path}: {error}"
        raise SettingsError(msg) from error


def _unnamed(word: str, hashes: Iterable[str], *, admin: bool) -> list[Key]:
    """Keys without names of their own. What they get is theirs whatever keys come and go beside
    them: sessions and accounts are kept under it."""
    return [Key(f"{word}-{digest(each).hex()[:_NAMED]}", digest(each), admin) for each in hashes]
