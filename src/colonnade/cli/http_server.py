"""uvicorn as this server runs it: our signals, nothing done while idle, small WebSockets."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from colonnade.cli.http_protocol import HttpProtocol
from colonnade.cli.websocket_protocol import WebSocketProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from litestar import Litestar

    from colonnade.cli.connections import Connections
    from colonnade.settings import Settings

_LAST_WORD_SECONDS = 5

_TICKS_A_SECOND = 10
_TICKS_A_DAY = 864_000
"""uvicorn counts tenths of seconds, and refreshes the Date header at each tenth of them."""


class HttpServer(uvicorn.Server):
    """uvicorn's server, with our signals in place of its own, and a word when it is there."""

    def __init__(
        self, app: Litestar, settings: Settings, book: Connections, on_start: Callable[[], None]
    ) -> None:
        super().__init__(_config(app, settings, book))
        self._on_start = on_start
        self._stopping = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._on_start()

    async def main_loop(self) -> None:
        """Look after the server once a second; uvicorn itself does so ten times, for nothing."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks = (ticks + _TICKS_A_SECOND) % _TICKS_A_DAY
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Take no more connections, and end when the answers under way are done."""
        self.should_exit = True
        self._stopping.set()


def _config(app: Litestar, settings: Settings, book: Connections) -> uvicorn.Config:
    server = settings.server
    return uvicorn.Config(
        app,
        http=_of_book(HttpProtocol, book),
        ws=_of_book(WebSocketProtocol, book),
        ws_max_size=settings.legacy.socket_message_size,
        # Hundreds of kilobytes a connection, and messages of one token gain nothing by it.
        ws_per_message_deflate=False,
        lifespan="on",
        # Who a client is, these proxies say; uvicorn by itself believes whoever is on this machine.
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=list(server.trusted_proxies),
        log_config=None,
        access_log=False,  # it would write down queries; our own layer logs requests
        server_header=False,
        timeout_keep_alive=server.idle_seconds,
        # Only for clients that do not even take the error that the end of our patience sends.
        timeout_graceful_shutdown=server.shutdown_seconds + _LAST_WORD_SECONDS,
    )


def _of_book(protocol: Callable[..., Any], book: Connections) -> Any:  # noqa: ANN401 - uvicorn wants a class, and calls it
    return partial(protocol, book=book)
