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
_WAIT_ASLEEP = {"OMP_WAIT_POLICY": "passive"}
"""llama.cpp's threads wait for each other hundreds of times a step. By default OpenMP lets them
spin for milliseconds, which gains nothing and, where anything else wants a core, keeps it from the
very thread that is waited for: a busy neighbour then costs a hundredfold instead of its share."""

_END_PATIENCE = 5.0
"""Seconds that a worker gets to end by itself."""

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
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, load: LoadModel) -> WorkerProcess:
        """Start a worker that loads a model. It reports by messages."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "colonnade.worker",
                str(theirs.fileno()),
                msgspec.json.encode(load).decode(),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # a terminal's Ctrl-C is for the server process alone
                env=_WAIT_ASLEEP | os.environ,
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
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        words = next((line for line in reversed(self._last_words) if line), "")
        return f"{how}: {words}" if words else how

    async def stop(self) -> None:
        """Close the socket, which ends the worker after its step; kill it if it does not."""
        self._writer.close()
        try:
            async with asyncio.timeout(_END_PATIENCE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        await self.wait()

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _listen(self) -> None:
        """Pass the worker's stderr on to the log, and remember its end."""
        stream = self._process.stderr
        if stream is None:
            return
        async for line in stream:
            text = line.decode("utf-8", "replace").rstrip()
            self._last_words.append(text)
            _log.warning("%s", text)
