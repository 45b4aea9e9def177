"""``colonnade serve``: take the port, load the model, say where it is, answer until stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import sys
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.cli.console import loading, out, say
from colonnade.cli.report import aligned, model_facts
from colonnade.cli.signals import StopSignals
from colonnade.cli.sockets import bind, listen, url
from colonnade.hub import resolve_model
from colonnade.serving import serve_model

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from litestar import Litestar

    from colonnade.hub import ResolvedModel
    from colonnade.serving import Serving
    from colonnade.settings import ServerSettings, Settings

_LAST_WORD_SECONDS = 5


_TICKS_A_SECOND = 10
_TICKS_A_DAY = 864_000
"""uvicorn counts tenths of seconds, and refreshes the Date header at each tenth of them."""


class _Server(uvicorn.Server):
    """uvicorn's server, with our signals in place of its own, and a word when it is there."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
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


def serve(settings: Settings) -> int:
    """Serve until a signal comes; return the exit code.

    Raises:
        CommandError: the port cannot be had.
        ModelError: the model cannot be had or loaded.
    """
    _log(settings.server)
    sockets = bind(settings.server.host, settings.server.port)
    resolved = resolve_model(settings.model.model, say)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings, resolved, sockets))


async def _serve(settings: Settings, resolved: ResolvedModel, sockets: list[socket.socket]) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    with StopSignals(asyncio.get_running_loop(), task.cancel) as signals:
        try:
            async with AsyncExitStack() as stack:
                with loading(resolved.path.name) as progress:
                    context = serve_model(settings, resolved, progress)
                    serving = await stack.enter_async_context(context)
                listen(sockets)
                await _answer(settings, serving, sockets, signals)
        except asyncio.CancelledError:
            say("Stopped.")
            return signals.exit_code
    say("Stopped.")
    return 0


async def _answer(
    settings: Settings, serving: Serving, sockets: list[socket.socket], signals: StopSignals
) -> None:
    """Run the HTTP server until a signal comes and the answers under way are done."""
    server = _Server(
        _uvicorn_config(_app(settings, serving), settings.server),
        on_start=lambda: _announce(serving, url(settings.server.host, sockets)),
    )

    stopping = asyncio.Event()
    signals.on_stop = stopping.set
    async with asyncio.TaskGroup() as tasks:
        stopper = tasks.create_task(_stop(stopping, server, serving, settings.server))
        await server.serve(sockets)
        stopper.cancel()


async def _stop(
    stopping: asyncio.Event, server: _Server, serving: Serving, settings: ServerSettings
) -> None:
    """Let answers under way come to their end; those that take too long get an error for one."""
    await stopping.wait()
    say("Stopping: answers under way are finished. Ctrl-C again stops at once.")
    server.stop()
    await asyncio.sleep(settings.shutdown_seconds)
    say("Time is up for the answers under way.")
    await serving.model.engine.close()


def _app(settings: Settings, serving: Serving) -> Litestar:
    options = ApiOptions(
        max_choices=settings.limits.max_choices,
        max_body_size=settings.server.max_body_size,
        keep_alive_seconds=settings.server.keep_alive_seconds,
        cors_origins=settings.server.cors_origins,
        sampling=serving.sampling,
    )
    return create_app(serving.generator, serving.models, options)


def _uvicorn_config(app: Litestar, settings: ServerSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=settings.access_log,
        server_header=False,
        timeout_keep_alive=settings.idle_seconds,
        # Only for clients that do not even take the error that the end of our patience sends.
        timeout_graceful_shutdown=settings.shutdown_seconds + _LAST_WORD_SECONDS,
    )


def _log(settings: ServerSettings) -> None:
    """Log to stderr. Of uvicorn's words, those that repeat ours are left out."""
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    if settings.log_level == "info":
        for name in ("uvicorn.error", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)


def _announce(serving: Serving, address: str) -> None:
    """Say what is served and where, with a line to try it."""
    request = {"model": serving.model.id, "messages": [{"role": "user", "content": "Hello!"}]}
    body = shlex.quote(json.dumps(request))
    for line in aligned([*model_facts(serving), ("Listening on", address)]):
        out(line)
    out()
    out("Try it:")
    out(f"  curl {address}/v1/chat/completions -H 'Content-Type: application/json' -d {body}")
    out()
    out("Ctrl-C stops the server.")
