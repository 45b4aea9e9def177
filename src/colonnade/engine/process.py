"""A worker process as seen from the event loop: start it, talk to it, learn of its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from colonnade.engine.kept import StatesFile
from colonnade.messages import FrameReader, FromWorker, encode_frame, passed_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colonnade.messages import LoadModel, ToWorker

_CHUNK = 1 << 18
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "GGML_NO_BACKTRACE": "1",
}
"""numpy's threads have nothing to do in a worker. And when llama.cpp ends the process, its last
line says why; a debugger's backtrace would bury that."""

_TUNABLES, _HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
"""Has glibc ask for huge pages, for the weights that are read and for what is computed with."""

WAITS = {
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "2000",
    "KMP_BLOCKTIME": "1",
}
"""How llama.cpp's threads wait for each other, hundreds of times a step: they spin for about as
long as it takes to be woken, then sleep. OpenMP's own default is to spin for milliseconds; where
anything else wants a core, that keeps it from the very thread that is waited for. From here on the
worker decides (``worker/spinning.py``), unless one of these variables is the operator's."""

_LAST_WORDS = 2.0
"""Seconds before its end in which a worker says why it dies."""

_LISTEN = 5.0
"""Seconds after its end in which what it said is waited for."""

_LONGEST_LINE = 1000
"""Characters of a line of stderr that are worth keeping."""

_BUILT_AT = re.compile(r"\S*/llama\.cpp/")
"""Where llama.cpp was built, in what it says when it ends the process."""

_PANIC = re.compile(r"thread '[^']*' (\(\d+\) )?panicked at ")
_PANIC_LINES = 50
"""Lines after one, at most, that may belong to its message."""

_log = logging.getLogger("colonnade.worker")


class End(NamedTuple):
    """How a worker came to its end, in words."""

    how: str
    words: str = ""
    """What it said of it itself; there may be paths in it."""

    def __str__(self) -> str:
        return f"{self.how}: {self.words}" if self.words else self.how


class WorkerProcess:
    """One worker process and the socket to it."""

    def __init__(
        self, process: asyncio.subprocess.Process, connection: _Connection, keep: StatesFile
    ) -> None:
        """``keep``: where it may leave states for a later worker."""
        self._process = process
        self.keep = keep
        self._quoting = _Quoting()
        self._connection = connection
        self._last_words: tuple[float, str] | None = None
        """The last line on stderr, and when it came."""
        self.cause = ""
        """What it is ended for, where that is known."""
        self.loaded = False
        """Until then, what goes wrong is told by messages, and stderr is for the curious."""
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, load: LoadModel, kept: StatesFile | None = None) -> WorkerProcess:
        """Start a worker that loads a model. It reports by messages. ``kept``: states of an
        earlier one."""
        ours, theirs = socket.socketpair()
        keep = StatesFile.make()
        try:
            return await cls._spawn(load, ours, theirs, keep, kept)
        except BaseException:
            ours.close()
            keep.close()
            raise
        finally:
            theirs.close()

    @classmethod
    async def _spawn(
        cls,
        load: LoadModel,
        ours: socket.socket,
        theirs: socket.socket,
        keep: StatesFile,
        kept: StatesFile | None,
    ) -> WorkerProcess:
        chooses = WAITS.keys().isdisjoint(os.environ)
        load = msgspec.structs.replace(load, choose_wait=chooses)
        files = (keep.descriptor, -1 if kept is None else kept.descriptor)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # not from the current directory, whatever lies there
            "-m",
            "colonnade.worker",
            str(theirs.fileno()),
            msgspec.json.encode(load).decode(),
            *map(str, files),
            pass_fds=(theirs.fileno(), *(each for each in files if each >= 0)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C is for the server process alone
            env=_environment(load, os.environ),
        )
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(_Connection, sock=ours)
        except BaseException:  # nobody wants the worker any more
            process.kill()
            await process.wait()
            raise
        return cls(process, connection, keep)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: ToWorker) -> None:
        """Send a message. After the worker's end it goes nowhere."""
        self._connection.send(encode_frame(message))

    @property
    def heard(self) -> int:
        """How often something has come from it."""
        return self._connection.heard

    async def follow(self, take: Callable[[FromWorker], None]) -> None:
        """Hand each message to ``take`` as it comes, until the worker ends.

        Raises:
            Exception: a message made no sense, or ``take`` failed.
        """
        await self._connection.follow(take)

    async def wait(self) -> End:
        """Wait for the end and free what belongs to the process; returns how it ended."""
        try:
            code = await self._process.wait()
            # not for ever: a child of the worker's may keep its stderr open
            await asyncio.wait((self._listener,), timeout=_LISTEN)
            self._listener.cancel()
            await self._connection.close()
        finally:
            self.keep.close()
        if self.cause:
            return End(self.cause)
        how = _signal_name(-code) if code < 0 else f"exit code {code}"
        return End(how, self._words_at_the_end())

    def _words_at_the_end(self) -> str:
        """What it said just before its end: a warning of hours ago is not why it died."""
        if self._last_words is None:
            return ""
        said, words = self._last_words
        return words if time.monotonic() - said < _LAST_WORDS else ""

    def kill(self) -> None:
        """End the process at once. It holds nothing that would be lost."""
        # Not by its own method, which looks first whether it has ended: where it just has, asyncio
        # would not learn how.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def _listen(self) -> None:
        """Pass the worker's stderr on to the log, and remember its end."""
        stream = self._process.stderr
        if stream is None:
            return
        rest = ""
        while data := await stream.read(_CHUNK):
            *lines, rest = (rest + data.decode("utf-8", "replace")).split("\n")
            rest = rest[:_LONGEST_LINE]
            for line in lines:
                self._note(line)
        self._note(rest)

    def _note(self, line: str) -> None:
        text = _BUILT_AT.sub("", line.rstrip()[:_LONGEST_LINE])
        if text and not self._quoting.hides(text):
            self._last_words = (time.monotonic(), text)
            _log.log(logging.WARNING if self.loaded else logging.DEBUG, "%s", text)


class _Quoting:
    """What Rust's libraries say when they fail may quote the text that they worked on: of that,
    only the place is for the log."""

    def __init__(self) -> None:
        self._hidden = 0
        """Lines that may still belong to it."""

    def hides(self, line: str) -> bool:
        """Whether a line belongs to such a message."""
        if _PANIC.match(line):
            self._hidden = _PANIC_LINES
            return False
        if line.startswith("note: run with"):
            self._hidden = 0
            return True
        self._hidden = max(0, self._hidden - 1)
        return self._hidden > 0


class _Connection(asyncio.Protocol):
    """The socket to a worker. What comes is handed out in the callback that reads it: for a task
    that reads a stream, every token would take another turn of the event loop."""

    def __init__(self) -> None:
        self._frames: FrameReader[FromWorker] = FrameReader(msgspec.msgpack.Decoder(FromWorker))
        self._early = bytearray()
        """What came before somebody followed."""
        self._take: Callable[[FromWorker], None] | None = None
        self._transport: asyncio.Transport | None = None
        self._failure: Exception | None = None
        self._lost = asyncio.Event()
        self.heard = 0
        """How often something came."""

    def send(self, frame: bytearray) -> None:
        """Send a frame, unless the other side is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    async def follow(self, take: Callable[[FromWorker], None]) -> None:
        """See ``WorkerProcess``."""
        self._take = take
        try:
            self.data_received(bytes(self._early))
            self._early.clear()
            await self._lost.wait()
        finally:  # nobody wants to hear more of it
            self._take = lambda _: None
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Close the socket, and wait until it is."""
        if self._transport is not None:
            self._transport.abort()
            await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self.heard += 1
        if self._take is None:
            self._early += data
            return
        try:
            for message in self._frames.feed(data):
                self._take(message)
        except Exception as error:  # noqa: BLE001 - raised where the worker is followed
            self._failure = error
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - see asyncio.Protocol
        """See ``asyncio.Protocol``. However it came about, the worker's end is told by ``wait``."""
        self._lost.set()


_INVARIANT = {"GGML_CPU_TILED_MM": "0"}
"""Keeps llama.cpp from multiplying K-quants in another way from eight rows on."""


def _environment(load: LoadModel, own: Mapping[str, str]) -> dict[str, str]:
    """What a worker runs with: what is good for it, where the operator does not say otherwise."""
    invariant = _INVARIANT if load.batch_invariant else {}
    made = (WAITS if load.choose_wait else {}) | invariant
    return child_environment(own, made, huge_pages=load.huge_pages != "off")


def child_environment(
    own: Mapping[str, str], more: Mapping[str, str] | None = None, *, huge_pages: bool = True
) -> dict[str, str]:
    """What a process that has llama.cpp in it runs with, ``more`` where the operator does not say
    otherwise. With ``huge_pages`` glibc asks for them."""
    made = _ENVIRONMENT | dict(more or {}) | passed_on(own)
    tunables = made.get(_TUNABLES, "")
    if huge_pages and "hugetlb" not in tunables:
        # first, for glibc may cut its variable behind the first one once it has read it
        made[_TUNABLES] = ":".join(filter(None, (_HUGE_PAGES, tunables)))
    return made


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
