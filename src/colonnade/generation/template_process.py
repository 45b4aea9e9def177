"""A process that renders, as seen from the event loop."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING, cast

import msgspec

from colonnade.generation.children import end, started
from colonnade.messages import FrameReader
from colonnade.prompt.child import HEAD
from colonnade.prompt.renderer import SECONDS, Outcome

if TYPE_CHECKING:
    import subprocess

_MODULE = "colonnade.prompt.renderer"
_HARD_SECONDS = 60.0
"""Of the clock, after which a process that does not answer is ended, at most."""
_SLOWEST = 20.0
"""By how much longer than a processor the clock may take, where others want the processor, too."""
_PAUSE = 10.0
"""Seconds of the clock that any process may stand still."""
_decoder: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)


class EndedError(Exception):
    """A process has come to its end under an order. ``code`` is negative for a signal."""

    def __init__(self, code: int) -> None:
        name = signal.Signals(-code).name if code < 0 else f"code {code}"
        super().__init__(f"its process ended with {name}")
        self.code = code


class TemplateProcess(asyncio.Protocol):
    """One process and the socket to it. It does one order at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._frames = FrameReader(_decoder)
        self._outcome: asyncio.Future[Outcome] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._late = False
        self._over = asyncio.Event()
        self.ended = False
        """It takes no more orders."""

    @classmethod
    async def start(cls) -> TemplateProcess:
        """Start a process."""
        ours, theirs = socket.socketpair()
        with theirs:
            self = cls(started(_MODULE, theirs.fileno()))
        try:
            loop = asyncio.get_running_loop()
            await loop.create_unix_connection(lambda: self, sock=ours)
        except BaseException:
            end(self._process)
            raise
        return self

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ask(self, order: bytes, seconds: float) -> asyncio.Future[Outcome]:
        """Have an order done, a pickled ``Choice`` or ``Wish``, in so many seconds of a processor.

        The outcome raises ``EndedError`` where the process ends first.
        """
        loop = asyncio.get_running_loop()
        self._outcome = loop.create_future()
        if self.ended or self._transport is None:
            self._outcome.set_exception(EndedError(-signal.SIGKILL))
            return self._outcome
        most = min(_PAUSE + _SLOWEST * seconds, _HARD_SECONDS)
        self._timer = loop.call_later(most, self._give_up)
        head = HEAD.pack(SECONDS.size + len(order)) + SECONDS.pack(seconds)
        self._transport.writelines((head, order))
        return self._outcome

    def kill(self) -> None:
        """End the process. What it does fails, as soon as its memory is given back."""
        self.ended = True
        self._process.kill()

    async def close(self) -> None:
        """End the process, and wait for its end."""
        self.kill()
        if self._transport is not None:
            await self._over.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is the event loop's now."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """The process says something."""
        try:
            for outcome in self._frames.feed(data):
                self._stop_timer()
                if self._outcome is not None and not self._outcome.done():
                    self._outcome.set_result(outcome)
        except msgspec.DecodeError:  # not what our own program says
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        """The process has come to its end: sockets are closed after memory is given back."""
        self.ended = True
        self._stop_timer()
        code = end(self._process)
        self._over.set()
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_exception(EndedError(-signal.SIGXCPU if self._late else code))

    def _give_up(self) -> None:
        self._late = True
        self.kill()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
