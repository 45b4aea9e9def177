"""A worker process as seen from the event loop: start it, talk to it, learn of its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from colonnade.messages import FrameReader, FromWorker, encode_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.messages import LoadModel, ToWorker

_CHUNK = 1 << 18
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "GGML_NO_BACKTRACE": "1",
}
"""numpy's threads have nothing to do in a worker. And when llama.cpp ends the process, its last
line says why; a debugger's backtrace would bury that."""

_HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""Has glibc ask for huge pages, for the weights that are read and for what is computed with."""

_WAITS = {
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "2000",
    "KMP_BLOCKTIME": "1",
}
"""How llama.cpp's threads wait for each other, hundreds of times a step: they spin for about as
long as it takes to be woken, then sleep. OpenMP's own default is to spin for milliseconds; where
anything else wants a core, that keeps it from the very thread that is waited for. From here on the
worker decides (``worker/spinning.py``), unless one of these variables is the operator's."""

_LONGEST_LINE = 1000
"""Characters of a line of stderr that are worth keeping."""

_log = logging.getLogger("colonnade.worker")


class WorkerProcess:
    """One worker process and the socket to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._last_words: deque[str] = deque(maxlen=20)
        self.loaded = False
        """Until then, what goes wrong is told by messages, and stderr is for the curious."""
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, load: LoadModel) -> WorkerProcess:
        """Start a worker that loads a model. It reports by messages."""
        ours, theirs = socket.socketpair()
        try:
            return await cls._spawn(load, ours, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()

    @classmethod
    async def _spawn(
        cls, load: LoadModel, ours: socket.socket, theirs: socket.socket
    ) -> WorkerProcess:
        chooses = _WAITS.keys().isdisjoint(os.environ)
        load = msgspec.structs.replace(load, choose_wait=chooses)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # not from the current directory, whatever lies there
            "-m",
            "colonnade.worker",
            str(theirs.fileno()),
            msgspec.json.encode(load).decode(),
            pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C is for the server process alone
            env=_environment(load) | os.environ,
        )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_CHUNK)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: ToWorker) -> None:
        """Send a message. After the worker's end it goes nowhere."""
        if not self._writer.is_closing():
            self._writer.write(encode_frame(message))

    async def receive(self) -> AsyncIterator[list[FromWorker]]:
        """Yield messages as they come, all that one read brought at once, until the worker ends."""
        frames: FrameReader[FromWorker] = FrameReader(msgspec.msgpack.Decoder(FromWorker))
        with contextlib.suppress(ConnectionError):
            while data := await self._reader.read(_CHUNK):
                messages = list(frames.feed(data))
                if messages:
                    yield messages

    async def wait(self) -> str:
        """Wait for the end and free what belongs to the process; returns how it ended, in words."""
        code = await self._process.wait()
        await self._listener
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        how = _signal_name(-code) if code < 0 else f"exit code {code}"
        return f"{how}: {self._last_words[-1]}" if self._last_words else how

    def kill(self) -> None:
        """End the process at once. It holds nothing that would be lost."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

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
        text = line.rstrip()[:_LONGEST_LINE]
        if text:
            self._last_words.append(text)
            _log.log(logging.WARNING if self.loaded else logging.DEBUG, "%s", text)


def _environment(load: LoadModel) -> dict[str, str]:
    """What a worker runs with, where the operator does not say otherwise."""
    waits = _WAITS if load.choose_wait else {}
    huge_pages = {} if load.huge_pages == "off" else _HUGE_PAGES
    return _ENVIRONMENT | waits | huge_pages


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
