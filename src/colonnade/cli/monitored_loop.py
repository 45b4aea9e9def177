"""An event loop that knows how long each of its callbacks took, and where the slow ones were.

uvloop times callbacks only in its debug mode, not those of transports, and only by the wall clock.
Here every callback that Python code gives to the loop, and every method of a protocol, runs between
two looks at the clock and at the system's account of this thread: how long it ran, and how long
it waited for a processor. It costs about two microseconds a callback.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, Unpack

import uvloop

from colonnade.watch import safe
from colonnade.watch.loop import LOOP_COUNTS, Held

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from types import FrameType

    from _typeshed import HasFileno

_PROTOCOL_METHODS: Final = (
    "connection_made",
    "connection_lost",
    "data_received",
    "eof_received",
    "pause_writing",
    "resume_writing",
)
_FRAMES: Final = 16
_LOOKS: Final = 5
"""How often the watcher looks within the time that a callback may take."""

_log = logging.getLogger("colonnade.loop")

_Protocol = TypeVar("_Protocol", bound=asyncio.BaseProtocol)
_Ts = TypeVarTuple("_Ts")


def new_loop(slow_seconds: float) -> asyncio.AbstractEventLoop:
    """An event loop; with a limit, one that reports callbacks that take longer."""
    return MonitoredLoop(slow_seconds) if slow_seconds else uvloop.new_event_loop()


def watched(protocol: _Protocol) -> _Protocol:
    """A protocol that takes over a connection of this loop; its methods are timed, too, where the
    loop is monitored."""
    loop = asyncio.get_running_loop()
    return loop.watched(protocol) if isinstance(loop, MonitoredLoop) else protocol


class MonitoredLoop(uvloop.Loop):
    """uvloop's loop, with callbacks of more than ``slow_seconds`` counted and logged.

    To be made by the thread that runs it.
    """

    def __init__(self, slow_seconds: float) -> None:
        super().__init__()
        LOOP_COUNTS.limit = slow_seconds
        self._account = _Account()
        self._watcher = _Watcher(slow_seconds)
        self._watcher.start()

    def close(self) -> None:
        """Close the loop, and end the watcher's thread."""
        self._watcher.stop()
        super().close()

    def call_soon(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """See ``asyncio``."""
        return super().call_soon(self._timed, callback, *args, context=context)

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """See ``asyncio``."""
        return super().call_soon_threadsafe(self._timed, callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See ``asyncio``; ``call_at`` comes here, too."""
        return super().call_later(delay, self._timed, callback, *args, context=context)

    def add_reader(
        self, fd: int | HasFileno, callback: Callable[[Unpack[_Ts]], Any], *args: *_Ts
    ) -> None:
        """See ``asyncio``."""
        super().add_reader(fd, self._timed, callback, *args)

    def add_writer(
        self, fd: int | HasFileno, callback: Callable[[Unpack[_Ts]], Any], *args: *_Ts
    ) -> None:
        """See ``asyncio``."""
        super().add_writer(fd, self._timed, callback, *args)

    async def create_server(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], *args: object, **options: object
    ) -> Any:  # noqa: ANN401
        """See ``asyncio``."""
        factory: Any = self._factory(protocol_factory)
        return await super().create_server(factory, *args, **options)  # type: ignore[call-overload]

    async def create_connection(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], *args: object, **options: object
    ) -> Any:  # noqa: ANN401
        """See ``asyncio``."""
        factory: Any = self._factory(protocol_factory)
        return await super().create_connection(factory, *args, **options)  # type: ignore[call-overload]

    def watched(self, protocol: _Protocol) -> _Protocol:
        """Time a protocol's methods."""
        for name in _PROTOCOL_METHODS:
            method = getattr(protocol, name, None)
            if method is not None:
                setattr(protocol, name, _timed_method(self._timed, method))
        return protocol

    def _factory(self, factory: Callable[[], _Protocol]) -> Callable[[], _Protocol]:
        return lambda: self._timed(lambda: self.watched(factory()))

    def _timed(self, callback: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
        watcher, account = self._watcher, self._account
        if watcher.began:  # a protocol's method that a callback came to
            return callback(*args)
        LOOP_COUNTS.callbacks += 1
        before = account.read()
        watcher.callback = callback
        watcher.began = began = time.perf_counter()
        try:
            return callback(*args)
        finally:
            watcher.began = 0.0
            wall = time.perf_counter() - began
            if wall > LOOP_COUNTS.longest or wall > LOOP_COUNTS.limit:
                self._note(callback, began, account.since(before, wall))

    def _note(self, callback: Callable[..., Any], began: float, held: Held) -> None:
        cause = LOOP_COUNTS.note(held)
        if cause is None:
            return
        seen, stack = self._watcher.seen
        _log.warning(
            "A callback held the event loop for %.0f ms (%s: %.0f ms on a processor, %.0f ms more "
            "waiting for one): %s; %s",
            held.counted * 1e3,
            cause,
            held.computing * 1e3,
            held.waiting * 1e3,
            _name(callback),
            f"at {stack}" if seen == began else "where, nobody saw",
        )


class _Account:
    """The system's account of the thread that made it (schedstat of Linux's /proc): nanoseconds on
    a processor, nanoseconds of waiting for one. Elsewhere, the clock of the thread alone."""

    def __init__(self) -> None:
        try:
            path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1

    def read(self) -> bytes:
        """What it says now, not parsed yet."""
        if self._file < 0:
            return b"%d 0" % time.thread_time_ns()
        return os.pread(self._file, 80, 0)

    def since(self, before: bytes, wall: float) -> Held:
        """What went by since then."""
        then, now = before.split(), self.read().split()
        ran, waited = ((int(now[i]) - int(then[i])) * 1e-9 for i in (0, 1))
        return Held(wall, min(ran, wall), min(waited, wall))

    def __del__(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)


class _Watcher:
    """Looks from a thread of its own at what the loop's thread does in callbacks that take long.

    A callback within a library that keeps the interpreter's lock is seen when it gives that back.
    """

    def __init__(self, slow_seconds: float) -> None:
        self.began = 0.0
        """When the callback that runs began (``time.perf_counter``); 0 for none."""
        self.callback: Callable[..., Any] | None = None
        self.seen = (0.0, "")
        """The last one that was looked at, by its beginning, and its stack."""
        self._slow = slow_seconds
        self._loop_thread = threading.get_ident()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop monitor", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        endless = 20 * self._slow
        told = 0.0
        while not self._stopping.wait(self._slow / _LOOKS):
            began = self.began
            if not began:
                continue
            age = time.perf_counter() - began
            if age > self._slow / 2:
                self._look(began)
            if age > endless and told != began:
                told = began
                name = _name(self.callback)
                _log.warning("A callback has held the event loop for %.1f s: %s", age, name)

    def _look(self, began: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - that is its name
        stack = _stack(frame)
        if self.began == began:
            self.seen = (began, stack)


def _stack(frame: FrameType | None) -> str:
    """The innermost places first, without the loop's own."""
    places: list[str] = []
    while frame is not None and frame.f_code.co_filename != __file__ and len(places) < _FRAMES:
        path = "/".join(frame.f_code.co_filename.split("/")[-3:])
        places.append(f"{path}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(places)


def _name(callback: Callable[..., Any] | None) -> str:
    """What a callback is: of a task's step, the task's coroutine. No values: they may be what a
    client sent."""
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        coroutine = owner.get_coro()
        return f"task {safe(getattr(coroutine, '__qualname__', type(coroutine).__name__), 200)}"
    return safe(getattr(callback, "__qualname__", type(callback).__name__), 200)


def _timed_method(timed: Callable[..., Any], method: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:  # noqa: ANN401
        return timed(method, *args)

    return run
