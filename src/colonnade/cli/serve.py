"""``colonnade serve``: take the port, load the model, say where it is, answer until stopped."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.cli.accounts import kept_accounts
from colonnade.cli.announcement import announce
from colonnade.cli.connections import Connections
from colonnade.cli.console import loading, say, say_in_log, unread_is_lost
from colonnade.cli.descriptors import raise_limit, room_for_connections
from colonnade.cli.doors import app_of, open_doors
from colonnade.cli.http_server import HttpServer
from colonnade.cli.monitored_loop import new_loop
from colonnade.cli.reach import check_reach
from colonnade.cli.signals import StopSignals
from colonnade.cli.sockets import listen
from colonnade.hub import DEMO
from colonnade.legacy.opening import open_house
from colonnade.serving import LoadPlan, ModelRegistry, resolved_model, scan
from colonnade.watch import configure_logs, log_loop_failure
from colonnade.web.access import Access

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from colonnade.cli.doors import Door
    from colonnade.hub import ResolvedModel
    from colonnade.legacy.house import House
    from colonnade.settings import Settings

_NO_MODEL = "none"
"""What ``MODEL`` is for a server that starts without one."""


def serve(settings: Settings, *, older_form: bool = False) -> int:
    """Serve until a signal comes; return the exit code.

    ``older_form``: the command line is an older service's, where `--host` always sufficed to be
    open to others.

    Raises:
        CommandError: a port cannot be had, or others could reach the server without a key.
        SettingsError: the keys make no sense.
        ModelError: the model cannot be had or loaded.
        Failure: the session database cannot be opened.
    """
    # Process 1 of a container ignores what it has no handler for, and the loop's are not there yet.
    signal.signal(signal.SIGTERM, _terminated)
    server = settings.server
    configure_logs(server.log_level, server.log_format, access=server.access_log)
    if server.log_format == "json":
        say_in_log()
    raise_limit()
    access = Access.of(settings)
    doors = open_doors(settings)
    check_reach(doors, settings.server, access, older_form=older_form)
    _tell_missing(settings)
    name = _chosen_name(settings)
    resolved = None if name == _NO_MODEL else resolved_model(settings, say)
    slow_seconds = server.slow_callback_ms / 1e3
    loops = asyncio.Runner(loop_factory=lambda: new_loop(slow_seconds))
    with _traced(server.trace_endpoint), loops as runner:
        return runner.run(_serve(settings, resolved, doors, access))


def _tell_missing(settings: Settings) -> None:
    """Say which directories of models are not there, or not yet."""
    for each in settings.registry.models_dir:
        if not Path(each).expanduser().is_dir():
            say(f"{each} is not a directory: no model is found there until it is.")


def _chosen_name(settings: Settings) -> str:
    """What MODEL stands for where it is left out."""
    if settings.model.model is not None:
        return settings.model.model
    registry = settings.registry
    others = settings.models or registry.allow_models or scan(registry.models_dir)
    return _NO_MODEL if others else DEMO


def _traced(endpoint: str) -> AbstractContextManager[None]:
    """Traces, where they have somewhere to go; their libraries are imported then.

    Raises:
        Failure: the extra is not installed.
    """
    if not endpoint:
        return nullcontext()
    from colonnade.ops.tracing import tracing

    return tracing(endpoint)


async def _serve(
    settings: Settings, resolved: ResolvedModel | None, doors: list[Door], access: Access
) -> int:
    asyncio.get_running_loop().set_exception_handler(log_loop_failure)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    with StopSignals(asyncio.get_running_loop(), task.cancel) as signals:
        try:
            async with AsyncExitStack() as stack:
                registry = ModelRegistry(settings, accounts=access.ledger, say=say)
                stack.push_async_callback(registry.close)
                house = await stack.enter_async_context(open_house(settings, registry))
                if resolved is not None:
                    with loading(resolved.path.name) as progress:
                        await registry.choose(LoadPlan(resolved, settings), progress)
                await stack.enter_async_context(registry.kept_up())
                await stack.enter_async_context(access.kept_up())
                await stack.enter_async_context(kept_accounts(settings, access))
                for door in doors:
                    listen(door.sockets)
                await _answer(house, doors, access, signals)
        except asyncio.CancelledError:
            say("Stopped.")
            return signals.exit_code
    say("Stopped.")
    return 0


async def _answer(house: House, doors: list[Door], access: Access, signals: StopSignals) -> None:
    """Run the HTTP servers until a signal comes and the answers under way are done."""
    stopping = asyncio.Event()
    signals.on_stop = stopping.set
    starting = len(doors)

    def started() -> None:
        nonlocal starting
        starting -= 1
        if not starting:
            _settle_memory()
            with unread_is_lost(sys.stdout):
                announce(house, doors, access)

    book = Connections.of(house.settings.connections, room_for_connections())
    servers = [
        HttpServer(app_of(door, house, access), house.settings, book, started) for door in doors
    ]
    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(book.watch())
        stopper = tasks.create_task(_stop(stopping, servers, house))
        async with asyncio.TaskGroup() as serving:
            for server, door in zip(servers, doors, strict=True):
                serving.create_task(server.serve(door.sockets))
        stopper.cancel()
        watcher.cancel()


async def _stop(stopping: asyncio.Event, servers: list[HttpServer], house: House) -> None:
    """Let answers under way come to their end; those that take too long get an error for one."""
    await stopping.wait()
    say("Stopping: answers under way are finished. Ctrl-C again stops at once.")
    house.finish()
    for server in servers:
        server.stop()
    await asyncio.sleep(house.settings.server.shutdown_seconds)
    say("Time is up for the answers under way.")
    await house.registry.close()


def _settle_memory() -> None:
    """Have the garbage collector pass over what is there from now on: modules, routes, schemas. To
    walk through all of it takes a tenth of a second, in which nobody is served."""
    gc.collect()
    gc.freeze()


def _terminated(number: int, _: object) -> None:
    raise SystemExit(128 + number)
